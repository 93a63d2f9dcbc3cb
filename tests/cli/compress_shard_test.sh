#!/usr/bin/env bash
# `compress --shard`: two processes make the archive of one, and outlive a kill. tests/cluster does it with launchers.
# usage: compress_shard_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$3/tests/cluster/jobs.sh"

launch() {
  "$@" --shard 1/2 &
  local other=$!
  "$@" --shard 0/2
  local first=$?
  wait $other && return $first
}
"$render_road" --seed 5 --frames 4 --size 320x240 -o clip.mkv >/dev/null 2>&1 || fail "render_road"

edited=("${strict[@]}" --f0 motion --edit-rounds 1 --edit-passes 1)
same strict "${edited[@]}"
killed strict renderer.scene 1 "${edited[@]}"
killed strict edits-1-map-1 0 "${edited[@]}"
same atoms "${strict[@]}" --f0 atoms --edit-rounds 0
same hnerv "${hnerv[@]}"
killed hnerv polish-1-pair-0 1 "${hnerv[@]}"

expect "a process too many" 1 "expected I/N" "$kitsink" compress clip.mkv -o a.zip --shard 2/2
expect "video" 1 "--shard: one process makes an archive of codec video" \
  "$kitsink" compress clip.mkv -o a.zip --codec video --shard 0/2

[[ $failures -eq 0 ]] || exit 1
