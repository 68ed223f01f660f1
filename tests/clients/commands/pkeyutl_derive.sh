plain genpkey -algorithm EC -pkeyopt ec_paramgen_curve:"$KIND" -out peer.key
plain pkey -in peer.key -pubout -out peer.pub
openssl pkeyutl -derive -inkey "$KEY" -peerkey peer.pub -out ours
plain pkeyutl -derive -inkey peer.key -peerkey pub.pem -out theirs
cmp ours theirs
