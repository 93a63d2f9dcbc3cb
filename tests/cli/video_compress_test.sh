#!/usr/bin/env bash
# `compress --codec video`: kill and resume, scores, the tensors of an archive, damage, and refusals.
# usage: video_compress_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

quick=(--nets "$nets" --device cpu --threads 1)
few=(--codec video --coding av1 --effort 12 --tries 2 --filter-steps 3 --filter-width 8 --filter-widths 2 "${quick[@]}")
"$render_road" --seed 5 --frames 4 --size 1040x780 -o clip.mkv >/dev/null 2>&1 || fail "render_road"

"$kitsink" compress clip.mkv -o whole.zip "${few[@]}" --ledger runs.jsonl --note tries >stdout 2>stderr || fail "compress: $(cat stderr)"
[[ $(grep -c '^  av1 .*ed$' stdout) -eq 2 ]] || fail "no table of two tries: $(cat stdout)"

# Killed at the start, while streams are tried, and while the filter is trained.
for seconds in start 0.7 1.5 3; do
  "$kitsink" compress clip.mkv -o killed.zip "${few[@]}" -q >/dev/null 2>stderr &
  pid=$!
  if [[ $seconds == start ]]; then
    while [[ ! -e killed.zip.resume ]] && kill -0 $pid 2>/dev/null; do sleep 0.01; done
  else
    sleep $seconds
  fi
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
done
"$kitsink" compress clip.mkv -o killed.zip "${few[@]}" -q --force >/dev/null 2>stderr || fail "resumed: $(cat stderr)"
cmp whole.zip killed.zip || fail "a killed compress gave another archive"
[[ -s killed.zip.json && ! -e killed.zip.resume ]] || fail "compress left its resume folder"

# The inflated frames score what compress said, for the filter where it was promoted, else for the stream.
"$kitsink" verify whole.zip >/dev/null || fail "verify"
"$kitsink" inflate whole.zip out -q || fail "inflate"
"$kitsink" score out --original clip.mkv --json "${quick[@]}" --ledger runs.jsonl >score.json 2>stderr || fail "score: $(cat stderr)"
python3 - whole.zip.json score.json <<'PY' || fail "compress and score disagree"
import json, sys
made, score = (json.load(open(path)) for path in sys.argv[1:])
stages = made["stages"]
names = [s["stage"] for s in stages]
kept = [s for s in stages if s["promoted"]][-1]
assert kept["score"] == min(s["score"] for s in stages), stages
# The chosen stream; a filter, and one of twice the width where the first was kept; a coarser stream where any was.
first = int(next(t["try"] for t in reversed(made["tries"]) if t["promoted"]).split("crf ")[1].split()[0])
crf = int(made["encoder"]["options"].split("crf=")[1].split(":")[0])
expected = [f"whole clip, crf {first}", "with a filter of 8 channels"]
width = 8
if stages[1]["promoted"]:
    expected.append("with a filter of 16 channels")
    width = 16 if stages[2]["promoted"] else 8
    for coarser in range(first + 6, min(first + 12, 63) + 1, 6):
        expected += [f"whole clip, crf {coarser}", f"with a filter of {width} channels"]
        if not any(s["promoted"] for s in stages[len(expected) - 2:len(expected)]):
            break
assert names == expected, (names, expected)
# The manifest has the encoder's options for the archive's stream.
coded = [n for n in names[:stages.index(kept) + 1] if n.startswith("whole")][-1]
assert coded == f"whole clip, crf {crf}", (coded, made["encoder"])
text = json.dumps(score)
for name in ("seg", "pose", "archive_bytes"):
    assert repr(kept[name]) in text, (name, kept[name], text[:600])
assert made["encoder"]["name"] in ("libsvtav1", "libaom-av1"), made["encoder"]
assert "nets_at_inflate" not in text or '"nets_at_inflate": false' in text, text[:600]
PY

# The ledger has the tries, the stages and the score, which compare with each other and agree.
python3 - runs.jsonl whole.zip.json <<'PY' || fail "the ledger of compress"
import json, sys
stages = json.load(open(sys.argv[2]))["stages"]
runs = [json.loads(line) for line in open(sys.argv[1])]
made = [run["score"]["made"]["compress"]["options"] for run in runs]
assert [("try" in m, m.get("stage")) for m in made] == \
    [(True, None)] * 2 + [(False, stage["stage"]) for stage in stages] + [(False, None)], made
assert [run["note"] for run in runs] == ["tries"] * (2 + len(stages)) + [""], runs
archive = runs[-1]["score"]["archive"]["sha256"]
(own,) = [run for run in runs[:-1] if run["score"]["archive"]["sha256"] == archive]
assert own["score"]["archive_alone"] == runs[-1]["score"]["archive_alone"], own
PY
"$kitsink" ledger runs.jsonl --json >ledger.json || fail "ledger"
[[ $(python3 -c 'import json; print(len(json.load(open("ledger.json"))["settings"]))') -eq 1 ]] ||
  fail "compress and score do not compare: $(head -c 900 ledger.json)"
expect "a ledger of codec search" 1 "codec search takes no scores" \
  "$kitsink" compress clip.mkv -o a.zip --ledger runs.jsonl "${quick[@]}"

# One pair inflated alone, and pairs in shards, are the same frames.
"$kitsink" inflate whole.zip parts -q --shard 1/2 && "$kitsink" inflate whole.zip parts -q --shard 0/2 || fail "shards"
cmp out/whole.raw parts/whole.raw || fail "shards gave other frames"
frame=$((1040 * 780 * 3))
[[ $(stat -c %s out/whole.raw) -eq $((4 * frame)) ]] || fail "length of the frames"

# HEVC with a filter always kept: tensors and back.
"$kitsink" compress clip.mkv -o hevc.zip --codec video --coding hevc --crf 30 --size 400x300 --tries 1 --filter-width 0 \
  "${quick[@]}" -q 2>stderr || fail "hevc: $(cat stderr)"
"$kitsink" info hevc.zip | grep -q 'HEVC, . pictures of 400 x 300' || fail "info: $("$kitsink" info hevc.zip)"
for archive in whole hevc; do
  "$kitsink" unpack $archive.zip -o $archive.safetensors >/dev/null || fail "unpack"
  "$kitsink" pack $archive.safetensors -o packed.zip --force >/dev/null || fail "pack"
  cmp $archive.zip packed.zip || fail "pack gave another archive"
done

# Damaged streams whose checksums are right. Where units are missing, pack says so; a damaged unit gives one sentence, and
# no frames that look whole.
python3 - hevc.safetensors damaged.safetensors cut.safetensors <<'PY' || fail "damage"
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
first, end = json.loads(data[8:8 + size])["stream.bytes"]["data_offsets"]
first, end = 8 + size + first, 8 + size + end
def write(path, stream):
    open(path, "wb").write(data[:first] + stream + data[end:])
units = data[first:end].split(bytes([0, 0, 1]))
longest = max(range(len(units)), key=lambda i: len(units[i]))
units[longest] = units[longest][:6] + bytes([0xff]) * (len(units[longest]) - 6)
write(sys.argv[2], bytes([0, 0, 1]).join(units))
write(sys.argv[3], data[first:(first + end) // 2] + bytes(end - (first + end) // 2))
PY
expect 'units that are missing' 1 'stream: pictures that its units show' "$kitsink" pack cut.safetensors -o cut.zip
"$kitsink" pack damaged.safetensors -o damaged.zip >/dev/null || fail "pack damaged"
expect 'damaged stream' 1 'stream: picture' "$kitsink" inflate damaged.zip damaged
[[ ! -e damaged/damaged.raw ]] || fail "damaged frames look whole"
[[ ! -e damaged/damaged.raw.resume ]] || fail "the folder of a job that nobody can finish is in the way of the next one"

expect 'size' 2 'expected WxH' "$kitsink" compress clip.mkv -o no.zip --codec video --size 100 "${quick[@]}"
expect 'odd size' 1 'even sides' "$kitsink" compress clip.mkv -o no.zip --codec video --size 101x100 --tries 1 "${quick[@]}"
expect 'encoder options' 1 'has no option colour' "$kitsink" compress clip.mkv -o no.zip --codec video --encoder-options colour=blue "${quick[@]}"
expect 'filter width' 1 'multiple of 8' "$kitsink" compress clip.mkv -o no.zip --codec video --filter-width 12 "${quick[@]}"
expect 'an own option' 1 "is set by an option of kitsink's own" \
  "$kitsink" compress clip.mkv -o no.zip --codec video --encoder-options crf=3 "${quick[@]}"
[[ ! -e no.zip && ! -e no.zip.resume ]] || fail "an archive or a resume folder of a refused job"
expect 'an unreadable stream' 1 'the stream that they make is of no use' "$kitsink" compress clip.mkv -o no.zip \
  --codec video --coding hevc --tries 1 --encoder-options x265-params=slices=4 "${quick[@]}"
expect 'a ledger that is the manifest' 1 'is an input of this job' \
  "$kitsink" compress clip.mkv -o a.zip --codec video --ledger ./a.zip.json "${quick[@]}"
if [[ $failures -ne 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
