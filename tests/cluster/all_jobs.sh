# What every launcher's test runs. Sourced after jobs.sh.
"$render_road" --seed 5 --frames 32 --size 320x240 -o clip.mkv >/dev/null 2>&1 || fail "render_road"
edited=("${strict[@]}" --f0 motion --edit-rounds 1 --edit-passes 1)
same strict "${edited[@]}" # 16 pairs are two blocks of edits
killed strict renderer.scene 1 "${edited[@]}"
killed strict edits-1-map-1 0 "${edited[@]}"
same atoms "${strict[@]}" --f0 atoms --edit-rounds 0 --pairs 0:4
same hnerv "${hnerv[@]}" --pairs 0:4
search=(--codec search --level 1 --preset fast --fit-steps 3 "${quick[@]}" --pairs 0:1)
same search "${search[@]}" --selectors fast

# Frames, too.
"$kitsink" inflate search.one.zip one --name frames --steps 2 "${quick[@]}" -q || fail "inflate"
launch "$kitsink" inflate search.one.zip two --name frames --steps 2 "${quick[@]}" -q >stdout 2>stderr ||
  fail "inflate, two: $(cat stderr)"
cmp one/frames.raw two/frames.raw || fail "two processes inflated other frames"

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
