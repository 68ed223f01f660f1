for digest in sha1 sha224 sha256 sha384 sha512 sha3-256; do
  openssl dgst -$digest -sign "$KEY" -out s message
  says "Verified OK" plain dgst -$digest -verify pub.pem -signature s message
done
if rsa; then
  pss=(-sigopt rsa_padding_mode:pss)
  for digest in sha256 sha512; do
    for salt in digest max auto 0 1 20 32 63; do
      openssl dgst -$digest -sign "$KEY" "${pss[@]}" -sigopt rsa_pss_saltlen:$salt -out s message
      says "Verified OK" plain dgst -$digest -verify pub.pem "${pss[@]}" -signature s message
      case $salt in max|auto) ;; *)
        says "Verified OK" plain dgst -$digest -verify pub.pem "${pss[@]}" -sigopt rsa_pss_saltlen:$salt -signature s message;;
      esac
    done
  done
  for mgf in sha1 sha512; do
    openssl dgst -sha256 -sign "$KEY" "${pss[@]}" -sigopt rsa_mgf1_md:$mgf -out s message
    says "Verified OK" plain dgst -sha256 -verify pub.pem "${pss[@]}" -sigopt rsa_mgf1_md:$mgf -signature s message
  done
fi
