#!/usr/bin/env bash
# `compress --codec hnerv`: polishing a scene, kill and resume, scores, and refusals.
# usage: hnerv_compress_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

quick=(--nets "$nets" --device cpu --threads 1)
unpolished=(--codec hnerv --polish-candidates 4 "${quick[@]}" --polish-rounds)
few=("${unpolished[@]}" 2 --weight-rounds 2)
"$render_road" --seed 5 --frames 4 --size 320x240 -o clip.mkv >/dev/null 2>&1 || fail "render_road"
"$kitsink" unpack "$3/tests/golden/hnerv.zip" -o long.safetensors >/dev/null || fail "unpack"
"$3/tools/cut_pairs.py" long.safetensors 0:2 scene.safetensors || fail "cut_pairs"

"$kitsink" compress clip.mkv -o whole.zip --from scene.safetensors "${few[@]}" >stdout 2>stderr ||
  fail "compress: $(cat stderr)"
for stage in nothing weights polish; do
  grep -Eq "^ +$stage +[0-9]+ " stdout || fail "no $stage in the table of stages: $(cat stdout)"
done

# Killed at the start, after a block and a set of moves of the weights, and after a pair of each round of polish.
for moment in '' /weights-1-block-0 /weights-1-0.score /polish-1-pair-0 /polish-2-pair-1; do
  "$kitsink" compress clip.mkv -o killed.zip --from scene.safetensors "${few[@]}" -q >/dev/null 2>stderr &
  pid=$!
  while [[ ! -e killed.zip.resume$moment ]] && kill -0 $pid 2>/dev/null; do sleep 0.01; done
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
done
"$kitsink" compress clip.mkv -o killed.zip --from scene.safetensors "${few[@]}" -q --force >/dev/null 2>stderr ||
  fail "resumed: $(cat stderr)"
cmp whole.zip killed.zip || fail "a killed compress gave another archive"
[[ -s killed.zip.json && ! -e killed.zip.resume ]] || fail "compress left its resume folder"

# The inflated frames score what compress said, and every round what it predicted.
"$kitsink" verify whole.zip >/dev/null || fail "verify"
"$kitsink" inflate whole.zip out -q || fail "inflate"
"$kitsink" score out --original clip.mkv --json "${quick[@]}" >score.json 2>stderr || fail "score: $(cat stderr)"
python3 - whole.zip.json score.json <<'PY' || fail "compress and score disagree"
import json, sys
made, score = (json.load(open(path)) for path in sys.argv[1:])
start, weights, polish = made["stages"]
assert [stage["stage"] for stage in made["stages"]] == ["nothing", "weights", "polish"], made["stages"]
text = json.dumps(score)
for name in ("archive_bytes", "seg", "pose"):
    assert repr(polish[name]) in text, (name, polish[name], text[:600])
assert polish["score"] < weights["score"] < start["score"], (start, weights, polish)
last = start["score"]
for entry in weights["rounds"]:
    assert 0 < entry["made"] <= entry["proposed"] and entry["gain"] > 0, entry
    last -= entry["gain"]
assert abs(last - weights["score"]) < 1e-9, (last, weights)
last = weights["score"]
for entry in polish["rounds"]:
    assert sum(entry["tried"].values()) == 8, entry
    assert abs(entry["predicted_score"] - entry["score"]) < 1e-6, entry
    assert entry["kept"] == (entry["score"] < last), (last, entry)
    last = min(last, entry["score"])
assert abs(last - polish["score"]) < 1e-12, (last, polish)
PY

# An archive instead of tensors; a scene that is not polished is only coded.
"$kitsink" compress clip.mkv -o again.zip --from whole.zip "${unpolished[@]}" 0 --weight-rounds 0 -q ||
  fail "--from an archive"
cmp whole.zip again.zip || fail "an archive that was brought gave another one"

# Refusals.
expect "no scene" 1 "--train-steps is 0" "$kitsink" compress clip.mkv -o x.zip --train-steps 0 "${few[@]}"
expect "scene of another length" 1 "long.safetensors: has 6 pairs, the video has 2" \
  "$kitsink" compress clip.mkv -o x.zip --from long.safetensors "${few[@]}"
expect "no tensors" 1 "clip.mkv" "$kitsink" compress clip.mkv -o x.zip --from clip.mkv "${few[@]}"
expect "a missing file" 1 "nosuch" "$kitsink" compress clip.mkv -o x.zip --from nosuch "${few[@]}"
expect "another codec's archive" 1 "is no archive of codec hnerv" \
  "$kitsink" compress clip.mkv -o x.zip --from "$3/tests/golden/strict.zip" "${few[@]}"
expect "a foreign archive" 1 "v1.zip: has 6 pairs" \
  "$kitsink" compress clip.mkv -o x.zip --from "$3/tests/golden/hnerv_v1.zip" "${few[@]}"
head -c 300 whole.zip >cut.zip
expect "a cut archive" 1 "cut.zip" "$kitsink" compress clip.mkv -o x.zip --from cut.zip "${few[@]}"
expect "another decoder" 1 "--decoder: scene.safetensors brings the decoder" \
  "$kitsink" compress clip.mkv -o x.zip --from scene.safetensors --decoder full "${few[@]}"
expect "a recipe of nothing" 1 "--recipe: nothing is trained" \
  "$kitsink" compress clip.mkv -o x.zip --from scene.safetensors --recipe published "${few[@]}"
expect "a stage of no rounds" 1 "--stages polish: --polish-rounds is 0" \
  "$kitsink" compress clip.mkv -o x.zip --from scene.safetensors --stages polish "${unpolished[@]}" 0
expect "another codec's stage" 1 "codec hnerv has no stage edits" \
  "$kitsink" compress clip.mkv -o x.zip --from scene.safetensors --stages edits "${few[@]}"
expect "another codec's option" 1 "--polish-rounds is an option of codec hnerv" \
  "$kitsink" compress clip.mkv -o x.zip --codec strict --polish-rounds 1 "${quick[@]}"
expect "the level of class maps" 1 "--level is an option of codecs search, strict, the codec is hnerv" \
  "$kitsink" compress clip.mkv -o x.zip --codec hnerv --level 1 "${quick[@]}"
expect "an option of the codecs with stages" 1 "--from is an option of codecs hnerv, strict, the codec is video" \
  "$kitsink" compress clip.mkv -o x.zip --codec video --from scene.safetensors "${quick[@]}"
[[ ! -e x.zip && ! -e x.zip.resume ]] || fail "a refused job left an archive"

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
