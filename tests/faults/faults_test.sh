#!/usr/bin/env bash
# Runs small jobs under injected faults: each system call fails once, the disk fills up, reads and writes are short, the
# process is killed. An output must then be whole or absent (or, with --force, the old one), a failure must print one
# sentence, and the same job must succeed afterwards.
# usage: faults_test.sh FAULTS_LIBRARY RECODE SOURCE_DIR [KITSINK RENDER_ROAD]
# KITSINK_FAULTS=full also tests the command's verbs and kills more often: minutes instead of seconds.
set -uo pipefail
library=$1 recode=$2 source=$3 kitsink=${4:-} render_road=${5:-}
full=$([[ "${KITSINK_FAULTS:-}" == full ]] && echo 1 || echo 0)
work=$(mktemp -d "${TMPDIR:-/tmp}/kitsink-faults.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export XDG_CACHE_HOME=$work/cache OMP_WAIT_POLICY=PASSIVE
seed=${KITSINK_TEST_SEED:-$$}
RANDOM=$seed
echo "KITSINK_TEST_SEED=$seed repeats these random kills"
failures=0 runs=0
declare -A count_of=()

fail() {
  echo "FAILED: $1: $(head -c 300 stderr)"
  failures=$((failures + 1))
}

# A job is `command`, which makes `outputs`. reference/ holds the right outputs, old/ those that exist before the job.
# fresh: removes everything that earlier runs of the job have left.
fresh() {
  rm -rf "${outputs[@]}" ./*.resume */*.resume ./*.part.* */*.part.*
  local output
  for output in "${outputs[@]}"; do
    if [[ -e old/$output ]]; then cp "old/$output" "$output"; fi
  done
}

# is_whole OUTPUT: true when it equals the reference. JSON holds run times, so it must only be complete.
is_whole() {
  if [[ $1 == *.json ]]; then python3 -m json.tool "$1" >/dev/null 2>&1; else cmp -s "$1" "reference/$1"; fi
}

# judge NAME CODE: checks exit code, message and outputs of a run.
judge() {
  local name=$1 code=$2 output
  runs=$((runs + 1))
  count_of[$code]=$((${count_of[$code]:-0} + 1))
  case $code in
    0 | 137) ;;
    1) [[ $(wc -l <stderr) -eq 1 ]] || fail "$name: expected one sentence" ;;
    *) fail "$name: exit $code" ;;
  esac
  for output in "${outputs[@]}"; do
    if [[ $code -ne 0 ]]; then
      if [[ ! -e $output ]]; then continue; fi
      if [[ -e old/$output ]] && cmp -s "$output" "old/$output"; then continue; fi
    fi
    is_whole "$output" || fail "$name: exit $code, $output is neither whole nor absent"
  done
  # A temporary file may stay only if unlink failed.
  if [[ $code -le 1 && $name != *unlink:* ]] && compgen -G '*.part.*' >/dev/null; then fail "$name: left $(echo ./*.part.*)"; fi
}

# with NAME FAULT: runs the job under a fault, after removing all earlier outputs.
with() {
  fresh
  # In the background, because the shell reports the kill of a foreground process.
  LD_PRELOAD=$library KITSINK_FAULT=$2 "${command[@]}" >stdout 2>stderr &
  wait $! 2>/dev/null
  judge "$1 $2" $?
}

# again NAME: runs the job without a fault on what the last fault left behind; it must succeed.
again() {
  rm -f ./*.part.* */*.part.*
  for output in "${outputs[@]}"; do
    if [[ -e $output && ! -e old/$output ]]; then return; fi
  done
  "${command[@]}" >stdout 2>stderr || fail "$1: the job no longer succeeds"
  for output in "${outputs[@]}"; do is_whole "$output" || fail "$1: $output differs afterwards"; done
}

# report: prints how the runs since the last report ended.
report() {
  echo "   ${count_of[0]:-0} ran through, ${count_of[1]:-0} failed with a sentence, ${count_of[137]:-0} were killed"
  count_of=()
}

count() { awk -v name="$1" '$1 == name { print $2 }' counts; }

# sweep NAME KIND...: injects faults at every call of these kinds, a full disk, short reads and writes, and kills.
sweep() {
  local name=$1 kind call step
  shift
  echo "== $name"
  fresh
  LD_PRELOAD=$library KITSINK_FAULT_COUNTS=$work/counts "${command[@]}" >stdout 2>stderr || fail "$name"
  for output in "${outputs[@]}"; do
    mkdir -p "reference/$(dirname "$output")"
    cp "$output" "reference/$output"
  done
  echo "   calls: $(tr '\n' ' ' <counts)"
  for kind in "$@"; do
    for ((call = 1; call <= $(count "$kind"); ++call)); do
      for error in 5 28; do  # EIO, ENOSPC
        with "$name" "$kind:$call:$error"
      done
    done
    again "$name after $kind"
  done
  with "$name" short
  step=$(($(stat -c %s "reference/${outputs[0]}") / 5 + 1))
  for ((room = 0; room < 6 * step; room += step)); do with "$name" "full:$room"; done
  again "$name after a full disk"
  step=$(($(count all) / kill_calls + 1))
  for ((call = 1; call <= $(count all); call += step)); do with "$name" "kill:$call"; done
  again "$name after kills"
  report
}

# kill_randomly NAME TIMES: kills the job at random moments of its run.
kill_randomly() {
  local name=$1 times=$2 start length code i
  echo "== $name, killed at $times random moments"
  start=$(date +%s%N)
  fresh
  "${command[@]}" >stdout 2>stderr
  length=$((($(date +%s%N) - start) / 1000))
  for ((i = 0; i < times; ++i)); do
    fresh
    "${command[@]}" >stdout 2>stderr &
    local pid=$! moment=$(((RANDOM * 32768 + RANDOM) % length))
    sleep "$((moment / 1000000)).$(printf %06d $((moment % 1000000)))"
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    code=$?
    judge "$name killed after $moment us" $code
  done
  again "$name after random kills"
  report
}

export kill_calls=1000
outputs=(out.zip)
command=("$recode" "$source/tests/golden/archive.zip" out.zip)
sweep "recode" open read write fsync close link unlink
mkdir old
head -c 333 "$source/tests/golden/archive.zip" >old/out.zip
command+=(force)
sweep "recode over an old file" write fsync close rename
rm -r old
kill_randomly "recode" $((full ? 100 : 25))

if [[ $full -eq 1 && -n $kitsink ]]; then
  kill_calls=12
  nets=(--nets "$source/models/standin" --device cpu --threads 1)
  "$render_road" --seed 5 --frames 4 --size 160x120 -o clip.mkv >/dev/null 2>&1 || fail "render_road"
  head -c $((64 * 48 * 40)) <(yes 0123 | tr '0123\n' '\0\1\2\1\0') >maps.u8

  outputs=(maps.m)
  command=("$kitsink" mask encode maps.u8 --size 64x48 -o maps.m -q)
  sweep "mask encode" write fsync close link
  outputs=(out.u8)
  command=("$kitsink" mask decode reference/maps.m -o out.u8 -q)
  sweep "mask decode" write fsync close link
  fresh
  (ulimit -f 1 && exec "${command[@]}") >stdout 2>stderr
  judge "mask decode with a limit on file sizes" $?

  outputs=(clip.zip clip.zip.json)
  command=("$kitsink" compress clip.mkv -o clip.zip --fit-steps 1 --level 1 --generator tiny -q "${nets[@]}")
  sweep "compress" write fsync close rename link mkdir
  cp reference/clip.zip in.zip
  outputs=(frames/in.raw frames/in.json)
  command=("$kitsink" inflate in.zip frames --steps 0 -q "${nets[@]}")
  sweep "inflate" write fsync close rename link mkdir

  outputs=(maps.m)
  command=("$kitsink" mask encode maps.u8 --size 64x48 -o maps.m -q)
  kill_randomly "mask encode" 100
fi

echo "$runs runs, $failures failures"
[[ $failures -eq 0 ]]
