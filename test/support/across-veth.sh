#!/bin/sh
# Runs two programs in network namespaces of their own, 10.9.0.1 and 10.9.0.2, joined by a veth pair whose kernel
# drops one in ten datagrams each way. To be started by: unshare --map-root-user --net
#
#   across-veth.sh "SERVICE COMMAND" "CLIENT COMMAND"
set -e
folder=$(mktemp -d)
mkfifo "$folder/inside" "$folder/joined"
lose='add table ip bad
add chain ip bad in { type filter hook input priority 0; }
add rule ip bad in ip protocol udp numgen random mod 10 < 1 drop'

unshare --net sh -c "
  echo inside > '$folder/inside'
  read -r joined < '$folder/joined'
  ip address add 10.9.0.2/24 dev far
  ip link set far up
  echo '$lose' | nft -f -
  exec $1" &
service=$!
trap 'kill $service; rm -r "$folder"' EXIT
# Only now has the other side a namespace of its own.
read -r inside < "$folder/inside"
ip link add near type veth peer name far netns "$service"
ip address add 10.9.0.1/24 dev near
ip link set near up
echo "$lose" | nft -f -
echo joined > "$folder/joined"
$2
