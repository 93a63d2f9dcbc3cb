#!/usr/bin/env bash
# `compress --codec hnerv`: trains a decoder, survives kills with the same bytes, scores as it says, and refuses.
# usage: hnerv_train_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

quick=(--nets "$nets" --device cpu --threads 1)
alone=(--codec hnerv --weight-rounds 0 --polish-rounds 0 "${quick[@]}")
train=("${alone[@]}" --decoder tiny)
few=("${train[@]}" --train-steps 8)
"$render_road" --seed 5 --frames 4 -o clip.mkv >/dev/null 2>&1 || fail "render_road"
"$render_road" --seed 5 --frames 4 --size 320x240 -o small.mkv >/dev/null 2>&1 || fail "render_road"

"$kitsink" compress clip.mkv -o whole.zip "${few[@]}" >stdout 2>stderr || fail "compress: $(cat stderr)"
grep -Eq '^ +train +[0-9]+ ' stdout || fail "no train in the table of stages: $(cat stdout)"

# Killed at the start, while the phases train, and while the last one is measured.
for moment in start train-1.checkpoint 1 train-3.checkpoint 2 train-4.checkpoint; do
  "$kitsink" compress clip.mkv -o killed.zip "${few[@]}" -q >/dev/null 2>stderr &
  pid=$!
  case $moment in
    start) while [[ ! -e killed.zip.resume ]] && kill -0 $pid 2>/dev/null; do sleep 0.01; done ;;
    train*) while [[ ! -e killed.zip.resume/$moment ]] && kill -0 $pid 2>/dev/null; do sleep 0.01; done ;;
    *) sleep "$moment" ;;
  esac
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
done
"$kitsink" compress clip.mkv -o killed.zip "${few[@]}" -q --force >/dev/null 2>stderr || fail "resumed: $(cat stderr)"
cmp whole.zip killed.zip || fail "a killed compress gave another archive"
[[ -s killed.zip.json && ! -e killed.zip.resume ]] || fail "compress left its resume folder"

# More steps give a better score, in frames that the nets read as they are.
"$kitsink" compress clip.mkv -o longer.zip "${train[@]}" --train-steps 24 -q 2>stderr || fail "longer: $(cat stderr)"
python3 - whole.zip.json longer.zip.json <<'PY' || fail "training did not lower the score"
import json, sys
few, more = (json.load(open(path))["stages"][-1] for path in sys.argv[1:])
assert few["stage"] == more["stage"] == "train" and more["score"] < few["score"], (few, more)
PY
"$kitsink" info longer.zip --json >info.json || fail "info"
grep -q '"preimage": true' info.json || fail "the frames are not pre-images: $(cat info.json)"

# The inflated frames score what compress said.
"$kitsink" verify longer.zip >/dev/null || fail "verify"
"$kitsink" inflate longer.zip out -q || fail "inflate"
"$kitsink" score out --original clip.mkv --json "${quick[@]}" >score.json 2>stderr || fail "score: $(cat stderr)"
python3 - longer.zip.json score.json <<'PY' || fail "compress and score disagree"
import json, sys
made, score = (json.load(open(path)) for path in sys.argv[1:])
text = json.dumps(score)
for name in ("seg", "pose"):
    assert repr(made["stages"][-1][name]) in text, (name, made["stages"][-1], text[:600])
PY

# The published recipe, and frames too small for pre-images.
"$kitsink" compress small.mkv -o published.zip "${train[@]}" --train-steps 9 --recipe published -q 2>stderr ||
  fail "--recipe published: $(cat stderr)"
"$kitsink" compress small.mkv -o small.zip "${few[@]}" -q 2>stderr || fail "a small clip: $(cat stderr)"
for archive in published.zip small.zip; do
  "$kitsink" info "$archive" --json | grep -q '"preimage": false' || fail "$archive stores pre-images"
done

# A scene that the user brings is trained on, from its quantised phases, and stays as it was where that makes it worse.
for steps in 1 24; do
  "$kitsink" compress clip.mkv -o further.zip --force --from longer.zip --stages train "${alone[@]}" --train-steps $steps \
    >stdout 2>stderr || fail "--from --stages train: $(cat stderr)"
  python3 - longer.zip.json further.zip.json <<'PY' || fail "training further made the scene worse"
import json, sys
first, further = (json.load(open(path))["stages"][-1] for path in sys.argv[1:])
assert further["stage"] == "train" and further["score"] <= first["score"], (first, further)
PY
  if grep -q "the scene stays as it was" stderr; then
    cmp longer.zip further.zip || fail "a scene that training made worse was changed"
  fi
done

# Refusals.
expect "no decoder at all" 1 "--train-steps is 0" "$kitsink" compress clip.mkv -o x.zip "${train[@]}" --train-steps 0
expect "unknown recipe" 2 "--recipe" "$kitsink" compress clip.mkv -o x.zip "${few[@]}" --recipe secret
[[ ! -e x.zip && ! -e x.zip.resume ]] || fail "a refused job left an archive"

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
