#!/bin/sh
# Checks an attestation of a pool offline, with nothing but openssl, sed and grep.
#   audit-attestation.sh ATTESTATION.cms ROOT.pem ROOT-SHA256
# ROOT-SHA256 is the fingerprint that the ceremony printed, as it was handed over by another way.
set -eu
[ $# -eq 3 ] || { echo "usage: $0 ATTESTATION.cms ROOT.pem ROOT-SHA256" >&2; exit 2; }
attestation=$1 root=$2 told=$(printf %s "$3" | tr -d ': ' | tr A-F a-f)
arc=2.25.190143442148644934619660429304037353412
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "REFUSED: $*" >&2; exit 1; }
sha256() { openssl dgst -sha256 -r "$1" | cut -c 1-64; }
decode() { printf %s "$1" | openssl base64 -d -A; }
# section NAME: the list NAME of the attestation. values MEMBER: those of that member, one a line.
section() { sed -n "/^  \"$1\": \[/,/^  \]/p" "$work/attestation.json"; }
values() { sed -n "s/^      \"$1\": \"\(.*\)\",\{0,1\}\$/\1/p"; }
line() { sed -n "$1p"; }

# 1. The root is the one that we were told of.
openssl x509 -in "$root" -outform DER -out "$work/root.der"
[ "$(sha256 "$work/root.der")" = "$told" ] || fail "$root is not the root with the fingerprint $3"

# 2. The attestation is one, signed under that root by the origin's envelope signer.
openssl cms -verify -inform DER -in "$attestation" -CAfile "$root" -signer "$work/signer.pem" \
  -out "$work/attestation.json" 2>"$work/said" || { cat "$work/said" >&2; fail "bad signature"; }
openssl x509 -in "$work/signer.pem" -noout -ext extendedKeyUsage | grep -qF "$arc.2.1" ||
  fail "the signer is no envelope signer"
openssl cms -cmsout -print -inform DER -in "$attestation" | grep -qF "eContentType: undefined ($arc.1.5)" ||
  fail "this is no attestation"
grep -qxF '  "context": "poolkey attestation v1",' "$work/attestation.json" || fail "no attestation"

# 3. Public keys, named by their own digest or by their member.
i=0
section keys | values spki | while read -r spki; do
  i=$((i + 1))
  decode "$spki" > "$work/key.der"
  digest=$(sha256 "$work/key.der")
  [ "$digest" = "$(section keys | values spki_sha256 | line $i)" ] || fail "a key has another digest"
  openssl pkey -pubin -inform DER -in "$work/key.der" -out "$work/key.$digest.pem"
done
i=0
section members | values identity_spki | while read -r spki; do
  i=$((i + 1))
  member=$(section members | values member | line $i)
  decode "$spki" > "$work/identity.der"
  openssl pkey -pubin -inform DER -in "$work/identity.der" -out "$work/identity.$member.pem"
  [ "$(section members | values keys_in | line $i)" != software ] || : > "$work/software.$member"
done

# 4. Every receipt, by the statement that was signed: not by what stands beside it.
keys=$(section keys | values key | grep -c .)
members=$(section members | values member | grep -c .)
receipts=$(section receipts | values statement | grep -c .)
[ "$receipts" -eq $((keys * members)) ] || fail "$receipts receipts of $members members for $keys keys"
i=0
while [ $i -lt "$receipts" ]; do
  i=$((i + 1))
  part() { section receipts | values "$1" | line $i; }
  decode "$(part statement)" > "$work/statement"
  decode "$(part identity_signature)" > "$work/identity.sig"
  decode "$(part replica_signature)" > "$work/replica.sig"
  said() { sed -n "s/.*[{,]\"$1\":\"\([^\"]*\)\".*/\1/p" "$work/statement"; }
  member=$(said member) spki=$(said spki_sha256) key=$(said key)
  [ "$(said context)" = "poolkey receipt v1" ] || fail "statement $i is no receipt"
  [ "$(said challenge)" = "$(part challenge)" ] || fail "$member answered another challenge"
  [ "$(said state)" = present ] || fail "$member does not hold $key"
  [ -f "$work/identity.$member.pem" ] || fail "'$member' is not of this pool"
  [ -f "$work/key.$spki.pem" ] || fail "$member holds another key for $key"
  openssl pkey -pubin -in "$work/identity.$member.pem" -outform DER -out "$work/identity.der"
  [ "$(said identity_spki_sha256)" = "$(sha256 "$work/identity.der")" ] ||
    fail "$member signed with another identity"
  if [ ! -f "$work/software.$member" ]; then
    grep -qF '"CKA_SENSITIVE":true' "$work/statement" || fail "the replica of $member is readable"
    grep -qF '"CKA_EXTRACTABLE":false' "$work/statement" || fail "the replica of $member can be taken"
  fi
  openssl dgst -sha256 -verify "$work/identity.$member.pem" -signature "$work/identity.sig" \
    "$work/statement" >/dev/null || fail "$member did not sign its receipt for $key"
  openssl dgst -sha256 -verify "$work/key.$spki.pem" -signature "$work/replica.sig" \
    "$work/statement" >/dev/null || fail "the replica of $member did not sign the receipt for $key"
  echo "$member holds $key (SPKI SHA-256 $spki)" >> "$work/proven"
done
[ "$(sort -u "$work/proven" | grep -c .)" -eq "$receipts" ] || fail "a receipt stands twice"
cat "$work/proven"
i=0
section members | values member | while read -r member; do
  i=$((i + 1))
  loose=$(section members | values protections_not_enforced | line $i)
  [ -z "$loose" ] || echo "Note: the token of $member does not enforce $loose"
  [ ! -f "$work/software.$member" ] ||
    echo "Note: the keys of $member are in software, at a delivery station"
done
echo "Verified: $receipts receipts, each signed by the replica and by its member."
