# Jobs of two processes that must give the bytes of one. Sourced after tests/cli/lib.sh, with functions
#   launch COMMAND...   runs two processes of the command and `--shard I/2` or auto; fails when one fails
quick=(--nets "$nets" --device cpu --threads 1)
training=(--preset fast --train-steps 4 --train-batch 2 "${quick[@]}")
strict=(--codec strict --level 1 --carrier-steps 1 --carrier-rounds 1 --hops 0 "${training[@]}")
hnerv=(--codec hnerv --decoder tiny --weight-rounds 2 --polish-rounds 1 --polish-candidates 8 "${training[@]}")

# same NAME OPTION...: compress gives the same archive by two processes as by one, and the manifest names the same stages.
same() {
  local name=$1
  shift
  "$kitsink" compress clip.mkv -o "$name.one.zip" "$@" -q >/dev/null 2>stderr || fail "$name: $(cat stderr)"
  launch "$kitsink" compress clip.mkv -o "$name.two.zip" "$@" >stdout 2>stderr || fail "$name, two: $(cat stderr)"
  cmp "$name.one.zip" "$name.two.zip" || fail "$name: two processes gave another archive"
  [[ -s $name.two.zip.json && ! -e $name.two.zip.resume ]] || fail "$name: two processes left their resume folder"
  [[ $(grep -c ' bytes, ' stdout) -eq 1 ]] || fail "$name: not one summary: $(cat stdout)"
}

# killed NAME ENTRY PROCESS OPTION...: once ENTRY is there, the process is killed; the job ends with one sentence, and the
# same command goes on to the archive of same().
killed() {
  local name=$1 entry=$2 process=$3
  shift 3
  launch "$kitsink" compress clip.mkv -o killed.zip "$@" -q >stdout 2>stderr &
  local job=$!
  while [[ ! -e killed.zip.resume/$entry ]] && kill -0 $job 2>/dev/null; do sleep 0.02; done
  kill -9 "$(cat "killed.zip.resume/$process-of-2.lock")" || fail "$name: no process to kill"
  wait $job && fail "$name: ended well without process $process"
  # A launcher may end the other process before that has seen its fellow go, or even before it says so.
  [[ $(grep -c '^kitsink compress: ' stderr) -le 1 ]] || fail "$name: not one sentence: $(cat stderr)"
  local ours="(process $process of 2 of this job has ended|interrupted); the same command goes on from here"
  grep -Eq "$ours|mpirun noticed that process rank $process " stderr || fail "$name: $(cat stderr)"
  launch "$kitsink" compress clip.mkv -o killed.zip "$@" -q >stdout 2>stderr || fail "$name, resumed: $(cat stderr)"
  cmp "$name.one.zip" killed.zip || fail "$name: a killed job gave another archive"
  rm -f killed.zip killed.zip.json
}

compress_jobs() {
  "$render_road" --seed 5 --frames 4 --size 320x240 -o clip.mkv >/dev/null 2>&1 || fail "render_road"
  local edited=("${strict[@]}" --f0 motion --edit-rounds 1 --edit-passes 1)
  same strict "${edited[@]}"
  killed strict renderer.scene 1 "${edited[@]}"
  killed strict edits-1-map-1 0 "${edited[@]}"
  same atoms "${strict[@]}" --f0 atoms --edit-rounds 0
  same hnerv "${hnerv[@]}"
  killed hnerv polish-1-pair-0 1 "${hnerv[@]}"
}

# Frames, too.
inflate_job() {
  "$kitsink" inflate strict.one.zip one --name frames -q || fail "inflate"
  launch "$kitsink" inflate strict.one.zip two --name frames -q >stdout 2>stderr || fail "inflate, two: $(cat stderr)"
  cmp one/frames.raw two/frames.raw || fail "two processes inflated other frames"
}

# Takes ten minutes.
selector_job() {
  same search --codec search --level 1 --preset fast --fit-steps 3 --selectors fast "${quick[@]}" --pairs 0:1
}

# Ends the test.
conclude() {
  if [[ $failures -gt 0 ]]; then
    echo "$failures checks failed"
    exit 1
  fi
  echo "all checks passed"
  exit 0
}
