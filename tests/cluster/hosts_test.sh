#!/usr/bin/env bash
# compress and inflate by two processes on two hosts: network namespaces with a host name and an address each, joined by
# a cable, which see the same folder. Runs as root.
# usage: hosts_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
source "$3/tests/cluster/jobs.sh"

a=kitsink-$$-a b=kitsink-$$-b
stop() {
  ip netns delete $a 2>/dev/null
  ip netns delete $b 2>/dev/null
  rm -rf "/etc/netns/$a" "/etc/netns/$b" "$work"
}
trap stop EXIT
# host NAME ADDRESS CABLE_END: a network namespace that knows both names, as /etc/hosts
host() {
  mkdir -p "/etc/netns/$1"
  printf '127.0.0.1 localhost\n10.99.0.1 %s\n10.99.0.2 %s\n' $a $b >"/etc/netns/$1/hosts"
  ip link set "$3" netns "$1" && ip -n "$1" address add "$2/24" dev "$3" && ip -n "$1" link set "$3" up &&
    ip -n "$1" link set lo up || fail "network namespace $1"
}
ip netns add $a && ip netns add $b && ip link add kit$$a type veth peer name kit$$b || fail "network namespaces"
[[ $failures -gt 0 ]] && conclude
host $a 10.99.0.1 kit$$a
host $b 10.99.0.2 kit$$b

on() { ip netns exec "$1" unshare --uts sh -c 'hostname "$0" && exec "$@"' "$@"; }
launch() {
  on $b "$@" --shard 1/2 &
  local other=$!
  on $a "$@" --shard 0/2
  local first=$?
  wait $other && return $first
}
[[ $(on $b hostname) == "$b" ]] && on $b getent hosts $a >/dev/null || fail "the hosts have no names"
compress_jobs
inflate_job
conclude
