#!/usr/bin/env bash
# Long jobs that are killed, split into shards or given a time limit.
# usage: resume_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
seed=${KITSINK_TEST_SEED:-$$}
RANDOM=$seed
echo "KITSINK_TEST_SEED=$seed repeats the moments of the kills"

# killed NAME RESUME COMMAND...: kills the command as soon as its resume folder is there, so that a fast machine cannot
# finish first, then at two random moments (within 2 and 4 seconds), and then lets it finish.
killed() {
  local name=$1 resume=$2 kills=0 try pid code
  shift 2
  for try in 0 1 2 3; do
    "$@" >stdout 2>stderr &
    pid=$!
    if [[ $try -eq 0 ]]; then
      while [[ ! -e $resume ]] && kill -0 $pid 2>/dev/null; do sleep 0.01; done
    elif [[ $try -lt 3 ]]; then
      sleep "$((RANDOM % (2 * try))).$((100 + RANDOM % 900))"
    fi
    [[ $try -eq 3 ]] || kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    code=$?
    [[ $code -ne 0 ]] || break
    [[ $code -eq 137 ]] || fail "$name: exit $code: $(cat stderr)"
    kills=$((kills + 1))
  done
  echo "$name: killed $kills times"
  [[ $kills -gt 0 && $code -eq 0 ]] || fail "$name: killed $kills times, exit $code"
}

quick=(--nets "$nets" --device cpu --threads 1)
"$render_road" --seed 5 --frames 6 --size 320x240 -o clip.mkv >/dev/null 2>&1 || fail "render_road"

# compress: without and with kills.
fit=(--fit-steps 3 --level 1 --generator tiny -q "${quick[@]}")
"$kitsink" compress clip.mkv -o clip.zip "${fit[@]}" || fail "compress"
killed "compress" killed.zip.resume "$kitsink" compress clip.mkv -o killed.zip "${fit[@]}"
cmp clip.zip killed.zip || fail "a killed compress gave another archive"
[[ -s killed.zip.json && ! -e killed.zip.resume ]] || fail "compress left its resume folder"

# inflate: whole, killed, in shards, in parts.
search=(--prepass-steps 1 --repair-steps 1 -q "${quick[@]}")
plan=("${search[@]}" --steps 2)
"$kitsink" inflate clip.zip whole "${plan[@]}" >/dev/null || fail "inflate"
[[ -s whole/clip.raw && ! -e whole/clip.raw.resume ]] || fail "inflate left its resume folder"
# Several pairs at once, one thread each, give the frames of one thread.
killed "inflate" killed/clip.raw.resume "$kitsink" inflate clip.zip killed --prepass-steps 1 --repair-steps 1 --steps 2 -q --nets "$nets" \
  --device cpu --threads 3
cmp whole/clip.raw killed/clip.raw || fail "a killed inflate of 3 threads gave other frames"
[[ $(ls killed) == $'clip.json\nclip.raw' ]] || fail "a killed inflate left: $(ls killed)"
# The search's curve: the start and 1 + 2 + 1 steps.
figures() { python3 -c 'import json, sys; t = json.load(open(sys.argv[1]))["against_targets"]; assert len(t["curve"]) == 5; print(t)' "$1"; }
[[ -n $(figures whole/clip.json) && $(figures whole/clip.json) == "$(figures killed/clip.json)" ]] ||
  fail "a killed inflate tells another search"

for shard in 2 0 1; do
  [[ ! -e shards/clip.raw ]] || fail "the output had its name before shard $shard"
  "$kitsink" inflate clip.zip shards --shard $shard/3 "${plan[@]}" >stdout 2>stderr || fail "shard $shard: $(cat stderr)"
done
cmp whole/clip.raw shards/clip.raw || fail "3 shards gave other frames than 1 process"
[[ $(ls shards) == $'clip.json\nclip.raw' ]] || fail "shards left: $(ls shards)"
[[ $(figures whole/clip.json) == "$(figures shards/clip.json)" ]] || fail "3 shards tell another search"
for rank in 0 1; do
  RANK=$rank WORLD_SIZE=2 "$kitsink" inflate clip.zip ranks --shard auto "${plan[@]}" >stdout 2>stderr &
done
wait
cmp whole/clip.raw ranks/clip.raw || fail "2 processes side by side gave other frames"
frame=$((320 * 240 * 3))
"$kitsink" inflate clip.zip part --pairs 1:3 --batch 2 "${plan[@]}" >/dev/null || fail "--pairs"
"$kitsink" inflate clip.zip batch --batch 2 "${plan[@]}" >/dev/null || fail "--batch"
cmp part/clip.raw <(tail -c +$((2 * frame + 1)) batch/clip.raw | head -c $((4 * frame))) || fail "--pairs gave other frames"

# A job with another plan must not resume this one.
"$kitsink" inflate clip.zip other --shard 0/2 "${plan[@]}" >/dev/null || fail "shard 0/2"
"$kitsink" inflate clip.zip other "${search[@]}" --steps 3 >stdout 2>stderr && fail "went on with another plan"
grep -q "unfinished work of another job (options.steps 2, now 3)" stderr || fail "no sentence: $(cat stderr)"
"$kitsink" inflate clip.zip other "${plan[@]}" >/dev/null || fail "shard 0/2 finished by 1 process"
cmp whole/clip.raw other/clip.raw || fail "1 process that finished for shards gave other frames"

# A time limit gives whole frames and a note in the manifest. A run without a limit then finishes the search.
start=$(date +%s)
"$kitsink" inflate clip.zip limit "${quick[@]}" --steps 400 --time-limit 8s >stdout 2>stderr || fail "time limit: $(cat stderr)"
[[ $(($(date +%s) - start)) -le 40 ]] || fail "the time limit was passed by far"
[[ $(stat -c %s limit/clip.raw) -eq $((6 * frame)) ]] || fail "the time limit cut frames"
grep -q '"cut_by_time_limit"' limit/clip.json || fail "the manifest does not tell of the time limit"
grep -q "the pairs left get fewer steps" stderr || fail "no early warning: $(cat stderr)"
grep -q '"cut_by_time_limit"' whole/clip.json && fail "a whole run says that it was cut"

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
