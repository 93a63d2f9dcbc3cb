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
compress_jobs
expect "a process too many" 2 "expected I/N" "$kitsink" compress clip.mkv -o a.zip --shard 2/2
expect "video" 1 "--shard: one process makes an archive of codec video" \
  "$kitsink" compress clip.mkv -o a.zip --codec video --shard 0/2

conclude
