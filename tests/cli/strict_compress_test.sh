#!/usr/bin/env bash
# `compress --codec strict`: kill and resume, scores, edits of maps, stages that the user brings, and refusals.
# usage: strict_compress_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

quick=(--nets "$nets" --device cpu --threads 1)
tiny=(--codec strict --train-steps 4 --carrier-steps 1 --carrier-rounds 1 --level 1 --preset fast "${quick[@]}")
unedited=("${tiny[@]}" --edit-rounds 0 --hops 0)
few=("${tiny[@]}" --edit-rounds 1 --edit-passes 1 --hops 0)
"$render_road" --seed 5 --frames 4 --size 320x240 -o clip.mkv >/dev/null 2>&1 || fail "render_road"

"$kitsink" compress clip.mkv -o whole.zip "${few[@]}" >stdout 2>stderr || fail "compress: $(cat stderr)"
for stage in renderer carrier edits; do
  grep -Eq "^ +$stage +[0-9]+ " stdout || fail "no $stage in the table of stages: $(cat stdout)"
done

# Killed at the start, while training, while solving, and after the edits of one map and the poses of one pair.
for moment in start 1.5 4 edits-1-map-0 edits-1-pose-0; do
  "$kitsink" compress clip.mkv -o killed.zip "${few[@]}" -q >/dev/null 2>stderr &
  pid=$!
  case $moment in
    start) while [[ ! -e killed.zip.resume ]] && kill -0 $pid 2>/dev/null; do sleep 0.01; done ;;
    edits*) while [[ ! -e killed.zip.resume/$moment ]] && kill -0 $pid 2>/dev/null; do sleep 0.01; done ;;
    *) sleep "$moment" ;;
  esac
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
done
"$kitsink" compress clip.mkv -o killed.zip "${few[@]}" -q --force >/dev/null 2>stderr || fail "resumed: $(cat stderr)"
cmp whole.zip killed.zip || fail "a killed compress gave another archive"
[[ -s killed.zip.json && ! -e killed.zip.resume ]] || fail "compress left its resume folder"

# The inflated frames score what compress said.
"$kitsink" verify whole.zip >/dev/null || fail "verify"
"$kitsink" inflate whole.zip out -q || fail "inflate"
"$kitsink" score out --original clip.mkv --json "${quick[@]}" >score.json 2>stderr || fail "score: $(cat stderr)"
python3 - whole.zip.json score.json <<'PY' || fail "compress and score disagree"
import json, sys
made, score = (json.load(open(path)) for path in sys.argv[1:])
stages = made["stages"]
assert [s["stage"] for s in stages] == ["renderer", "carrier", "edits"], stages
text = json.dumps(score)
for name in ("seg", "pose"):
    assert repr(stages[-1][name]) in text, (name, stages[-1][name], text[:600])
assert stages[1]["pose"] < stages[0]["pose"], stages

# The edits lowered the score by what they say, and cost about what they were priced at.
carrier, edits = stages[1:]
(edited,) = edits["rounds"]
assert edited["kept"] and edited["pixels"] > 0, edited
assert abs(carrier["score"] - edits["score"] - edited["gain"]) < 1e-9 and edited["gain"] > 0, stages
for stage, errors in ((carrier, "errors_before"), (edits, "errors_after")):
    assert abs(stage["seg"] * 2 * 512 * 384 - edited[errors]) <= 4, (stage, edited)
assert abs(edited["price_bytes"] - edited["paid_bytes"]) <= 24, edited
PY

# A renderer that the user brings is kept; only the carrier is solved. All parts brought: nothing runs.
"$kitsink" unpack whole.zip -o scene.safetensors >/dev/null || fail "unpack"
python3 - scene.safetensors renderer.safetensors <<'PY' || fail "cut tensors"
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header, out, body = json.loads(data[8:8 + size]), {}, b""
for name, entry in header.items():
    if name == "__metadata__":
        out[name] = entry
    elif name.startswith("renderer."):
        first, end = (8 + size + offset for offset in entry["data_offsets"])
        out[name] = dict(entry, data_offsets=[len(body), len(body) + end - first])
        body += data[first:end]
text = json.dumps(out).encode()
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + body)
PY
"$kitsink" compress clip.mkv -o brought.zip --from renderer.safetensors "${unedited[@]}" >stdout 2>stderr ||
  fail "--from: $(cat stderr)"
grep -Eq '^ +renderer +[0-9]+ +0\.' stdout && fail "--from trained again: $(cat stdout)"
python3 - whole.zip.json brought.zip.json <<'PY' || fail "a renderer that was brought gave another carrier"
import json, sys
whole, brought = (json.load(open(path))["stages"] for path in sys.argv[1:])
assert [s["stage"] for s in brought] == ["carrier"], brought
for name in ("archive_bytes", "seg", "pose"):
    assert whole[1][name] == brought[0][name], (name, whole, brought)
PY
# The other form of f0, and the better of both.
"$kitsink" compress clip.mkv -o atoms.zip --f0 atoms --from renderer.safetensors "${unedited[@]}" -q 2>stderr ||
  fail "--f0 atoms: $(cat stderr)"
"$kitsink" info atoms.zip | grep -q "5 atoms of 16 x 12" || fail "--f0 atoms made no atoms: $("$kitsink" info atoms.zip)"
"$kitsink" info brought.zip | grep -q "motions of 6 terms" || fail "no motions: $("$kitsink" info brought.zip)"
"$kitsink" compress clip.mkv -o best.zip --f0 auto --from renderer.safetensors "${unedited[@]}" -q 2>stderr ||
  fail "--f0 auto: $(cat stderr)"
python3 - brought.zip.json atoms.zip.json best.zip.json <<'PY' || fail "--f0 auto did not take the better form"
import json, sys
motion, atoms, best = (json.load(open(path))["stages"][-1]["score"] for path in sys.argv[1:])
assert best == min(motion, atoms), (motion, atoms, best)
PY
"$kitsink" compress clip.mkv -o same.zip --from scene.safetensors "${few[@]}" -q || fail "--from a whole scene"
cmp whole.zip same.zip || fail "a scene that was brought gave another archive"

# Against its own frames, as those of another decoder, the scene has no error.
cp out/whole.raw dump.raw
cat >dump.json <<JSON
{"decoder": "Other 1.0", "sha256": "$(sha256sum <dump.raw | cut -d' ' -f1)",
 "video_sha256": "$(sha256sum <clip.mkv | cut -d' ' -f1)"}
JSON
"$kitsink" compress clip.mkv -o other.zip --from scene.safetensors --gt raw:dump.raw "${unedited[@]}" >stdout 2>stderr ||
  fail "--gt: $(cat stderr)"
grep -Eq '^ +nothing +[0-9]+ +0\.00000000 +0\.0000e\+00 ' stdout || fail "--gt raw:dump.raw is not read: $(cat stdout)"
grep -q '"decoder": "Other 1.0"' other.zip.json || fail "the manifest does not name the other decoder"

# A hop is taken as a whole or not at all.
"$kitsink" compress clip.mkv -o hop.zip --from scene.safetensors --stages hops --edit-rounds 0 --hops 1 "${tiny[@]}" \
  -q 2>stderr || fail "--stages hops: $(cat stderr)"
python3 - whole.zip.json hop.zip.json <<'PY' || fail "a hop raised the score"
import json, sys
whole, hop = (json.load(open(path))["stages"] for path in sys.argv[1:])
assert [s["stage"] for s in hop] == ["hops"] and hop[0]["score"] <= whole[-1]["score"], (whole, hop)
PY

# Refusals.
expect "other codec's option" 1 "--fit-steps is an option of codec search" \
  "$kitsink" compress clip.mkv -o x.zip --fit-steps 3 "${few[@]}"
expect "preimage of a small frame" 1 "a pre-image needs maps of 512 x 384" \
  "$kitsink" compress clip.mkv -o x.zip --f1 preimage "${few[@]}"
expect "scene of another length" 1 "tensors do not fit" \
  "$kitsink" compress clip.mkv -o y.zip --pairs 0:1 --from renderer.safetensors "${few[@]}"
expect "a stage of no rounds" 1 "--stages edits: --edit-rounds is 0" \
  "$kitsink" compress clip.mkv -o x.zip --from scene.safetensors --stages edits "${unedited[@]}"
[[ ! -e y.zip.resume ]] || fail "a scene of another length left a resume folder"
expect "maps of another length" 1 "scene.safetensors: maps: got 2, the video has 1 pairs" \
  "$kitsink" compress clip.mkv -o y.zip --pairs 0:1 --from scene.safetensors "${few[@]}"
expect "another renderer" 1 "--renderer: the file brings another renderer" \
  "$kitsink" compress clip.mkv -o y.zip --from scene.safetensors --renderer small "${few[@]}"
expect "stages of nothing" 1 "--stages: needs --from" "$kitsink" compress clip.mkv -o y.zip --stages edits "${few[@]}"
expect "the scene as output" 1 "is an input of this job" \
  "$kitsink" compress clip.mkv -o scene.safetensors -f --from scene.safetensors "${few[@]}"
expect "no tensors" 1 "clip.mkv" "$kitsink" compress clip.mkv -o x.zip --from clip.mkv "${few[@]}"
[[ ! -e x.zip && ! -e x.zip.resume && ! -e y.zip ]] || fail "a refused job left an archive"

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
