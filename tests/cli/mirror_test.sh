#!/usr/bin/env bash
# `kitsink evaluate` and `kitsink score` against upstream's evaluate.sh and evaluate.py: whole report.txt files, names
# that are listed twice, frames that upstream accepts, checks before inflate.sh runs, several .raw together.
# usage: mirror_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
sentence='^kitsink evaluate: \|^kitsink score: '
upstream=${KITSINK_TEST_DATA:-$3/../shared/data}/upstream
absent() { [[ ! -e $1 ]] || fail "$2: $1 is there"; }
score_of() { sed -n 's/^    "score": \([^,]*\),/\1/p' stdout | head -n 1; }
field() { python3 -c "import json, sys; print(eval(sys.argv[1], {'json': json, 'j': json.load(open('stdout'))}))" "$1"; }

# The contest's checkout, with the stand-ins as its nets.
mkdir -p challenge/videos challenge/submissions
cp -r "$nets" challenge/models
cd challenge || exit 1
root=$PWD
frame_bytes=$((320 * 240 * 3))
clip() { "$render_road" --seed "$2" --frames "$3" --size 320x240 -o "$1" >/dev/null 2>&1 || fail "render_road $1"; }
clip videos/a.mkv 3 8
printf 'a.mkv\n' >public_test_video_names.txt
printf 'a.mkv\na.mkv\n' >n_twice.txt
head -c $((frame_bytes * 10)) /dev/zero >black.raw
# submission NAME FRAMES [MORE_BYTES]: its inflate.sh writes that many black frames for every name.
submission() {
  mkdir -p "submissions/$1"
  python3 -c "import zipfile; zipfile.ZipFile('submissions/$1/archive.zip', 'w').writestr('p', 'payload')"
  cat >"submissions/$1/inflate.sh" <<SCRIPT
set -e
touch "$root/ran"
while read -r name; do mkdir -p "\$(dirname "\$2/\$name")"; head -c $(($2 * frame_bytes + ${3:-0})) "$root/black.raw" >"\$2/\${name%.*}.raw"; done <"\$3"
SCRIPT
}
evaluate=("$kitsink" evaluate --threads 2)
# same_as FILE REPORT: equal but for the figures of the results, where upstream's folder was called /challenge; then
# come kitsink's remarks.
masked() { sed -E "s#$root#/challenge#; /^===.*results/,\$ { /^kitsink: /Q; s/[0-9][0-9,.]*( |\$|\$)/#\1/; s/ = [0-9.]+/ = #/ }" "$1"; }
same_as() { cmp -s <(masked "$1") <(masked "$2") || fail "$2 against $1: $(diff <(masked "$1") <(masked "$2"))"; }
cat >expected <<'REPORT'
=== Evaluation config ===
  batch_size: 16
  device: cpu
  num_threads: 2
  prefetch_queue_depth: 4
  report: submissions/ok/report.txt
  seed: 1234
  submission_dir: submissions/ok
  uncompressed_dir: /challenge/videos
  video_names_file: /challenge/public_test_video_names.txt
=== Evaluation results over 4 samples ===
  Average PoseNet Distortion: 0.01498670
  Average SegNet Distortion: 0.12692514
  Submission file size: 160 bytes
  Original uncompressed size: 135,709 bytes
  Compression Rate: 0.00117899
  Final score: 100*segnet_dist + √(10*posenet_dist) + 25*rate = 13.11
REPORT

# The report of evaluate.sh without options, and its own remarks behind upstream's lines.
submission ok 8
expect "as evaluate.sh" 0 "score over 4 pairs, stand-in nets" "${evaluate[@]}" --submission-dir ./submissions/ok/
same_as expected submissions/ok/report.txt
grep -q "note: the nets are those in ./models" stdout || fail "./models goes unsaid: $(cat stdout)"
sed -n '/^  Final/,$p' submissions/ok/report.txt | sed -n 2p | grep -q "^kitsink: stand-in nets, NOT the contest's" ||
  fail "report.txt does not name the nets: $(cat submissions/ok/report.txt)"
grep -q "SegNet sha256 $(sha256sum <models/segnet.safetensors | cut -c -64)" submissions/ok/report.txt || fail "nets in report.txt"
cp stdout whole

# The batch size changes PoseNet's last digits and the order of the sums, as upstream's, but no class.
figures() { python3 -c "import json; j = json.load(open('stdout')); print(*[p['$1'] for p in j['pairs']])"; }
for batch in 1 4; do
  expect "batch of $batch" 0 "\"batch_size\": $batch" "${evaluate[@]}" --submission-dir submissions/ok --report "batch_$batch.txt" \
    --batch-size $batch --json
  grep -q "^  batch_size: $batch\$" "batch_$batch.txt" || fail "batch of $batch: $(cat "batch_$batch.txt")"
  figures seg >"seg_$batch"
done
cmp -s seg_1 seg_4 || fail "the batch size changes classes: $(cat seg_1 seg_4)"

# A name that is listed twice: twice the pairs, once the bytes.
bytes=$(grep "Original uncompressed" submissions/ok/report.txt)
cp submissions/ok/report.txt ok.txt
expect "named twice" 0 "n_twice.txt names a.mkv more than once" "${evaluate[@]}" --submission-dir submissions/ok --video-names-file n_twice.txt
grep -q "results over 8 samples" submissions/ok/report.txt || fail "named twice: $(cat submissions/ok/report.txt)"
grep -qF "$bytes" submissions/ok/report.txt || fail "named twice: not $bytes: $(cat submissions/ok/report.txt)"
cp submissions/ok/report.txt twice.txt
grep -q "would count them" stdout && fail "named twice: strays $(cat stdout)"

# Frames that upstream accepts: an odd one, bytes behind the last, and the same odd one in the original.
submission longodd 9 77
expect "odd frame and bytes" 0 "a.raw: has an odd number of frames" "${evaluate[@]}" --submission-dir submissions/longodd
grep -q "a.raw: has 77 bytes behind its last whole frame, left out" stdout || fail "bytes go unsaid: $(cat stdout)"
cmp -s <(grep Average submissions/longodd/report.txt) <(grep Average ok.txt) || fail "the odd frame counts"
mkdir -p odd_videos
clip odd_videos/a.mkv 3 9
submission odd9 9
expect "odd original" 0 "score over 4 pairs" "${evaluate[@]}" --submission-dir submissions/odd9 --uncompressed-dir odd_videos
grep -q "odd number of frames, frame 8 has no partner" stderr || fail "odd original: $(cat stderr)"
# Pairs behind a batch that ends with the original, which upstream never reads; else it stops.
submission long 10
expect "long, whole batches" 0 "has 1 pairs more than the original's 4, left out" "${evaluate[@]}" --submission-dir submissions/long --batch-size 2
expect "long" 1 "has 5 pairs, the original has 4" "${evaluate[@]}" --submission-dir submissions/long
submission short 7 9
expect "short" 1 "has 3 pairs, the original has 4 (the file has 7 frames of 320 x 240 and 9 bytes more)" "${evaluate[@]}" --submission-dir submissions/short

# Several clips: evaluate, then score on the same frames without inflate.sh, give the same figures.
mkdir videos/deep
clip videos/deep/b.mkv 5 4
printf 'a.mkv\ndeep/b.mkv\n' >two.txt
submission baseline_fast 4
sed -i 's/^while.*/mkdir -p "$2\/deep"; head -c '$((8 * frame_bytes))' black.raw >"$2\/a.raw"; head -c '$((4 * frame_bytes))' black.raw >"$2\/deep\/b.raw"/' submissions/baseline_fast/inflate.sh
expect "two clips" 0 '"num_pairs": 6' "${evaluate[@]}" --submission-dir ./submissions/baseline_fast --uncompressed-dir ./videos/ \
  --video-names-file two.txt --report report.txt --batch-size 2 --json
both=$(score_of)
rm ran
expect "score on a submission" 0 '"num_pairs": 6' "$kitsink" score submissions/baseline_fast --video-names-file two.txt \
  --batch-size 2 --device cpu --threads 2 --report scored.txt --json
[[ -n $both && $both == "$(score_of)" ]] || fail "evaluate gives $both, score $(score_of)"
cmp -s <(sed -n '/results/,$p' report.txt) scored.txt || fail "report.txt of score: $(diff report.txt scored.txt)"
absent ran "score on a submission"
python3 - a.mkv 4 deep/b.mkv 2 <<'PY' || fail "the entries of the clips"
import hashlib, json, math, sys
report = json.load(open("stdout"))
clips, pairs, first = report["clips"], report["pairs"], 0
assert [str(fact) for clip in clips for fact in (clip["name"], clip["num_pairs"])] == sys.argv[1:], clips
for clip in clips:
    own = pairs[first:first + clip["num_pairs"]]
    first += len(own)
    for figure in ("seg", "pose"):
        assert math.isclose(clip[figure], sum(pair[figure] for pair in own) / len(own)), clip
    video = open("videos/" + clip["name"], "rb").read()
    assert clip["sha256"] == hashlib.sha256(video).hexdigest() and clip["original_bytes"] == len(video), clip
assert sum(clip["original_bytes"] for clip in clips) == report["archive_alone"]["original_bytes"]
for figure in ("seg", "pose"):
    mean = sum(clip[figure] * clip["num_pairs"] for clip in clips) / len(pairs)
    assert math.isclose(report["archive_alone"][figure], mean), mean
assert report["original"] == {"name": "two.txt, 2 clips",
                              "sha256": hashlib.sha256("".join(clip["sha256"] + "\n" for clip in clips).encode()).hexdigest()}
PY
expect "a row for each clip" 0 "score over 6 pairs" "$kitsink" score submissions/baseline_fast --video-names-file two.txt \
  --batch-size 2 --device cpu --threads 2 --ledger list.jsonl
[[ $(sed -n 's/^ *\([24]\)  .*  \([a-z/]*.mkv\)$/\1 \2/p' stdout) == $'4 a.mkv\n2 deep/b.mkv' ]] || fail "no row for each clip: $(cat stdout)"
grep -q '"clips"' list.jsonl && fail "the ledger keeps the clips"
expect "one clip of a submission" 0 "score over 4 pairs" "$kitsink" score submissions/ok --original videos/a.mkv --device cpu --threads 2
cp submissions/ok/inflated/a.raw submissions/ok/inflated/b.raw
expect "two .raw and no names" 1 "or all of them with --video-names-file" "$kitsink" score submissions/ok --device cpu
rm submissions/ok/inflated/b.raw
expect "names and pairs" 1 "neither --original nor --pairs" "$kitsink" score submissions/ok --video-names-file two.txt --pairs 0:1
rm submissions/baseline_fast/inflated/deep/b.raw
expect "one .raw is missing" 1 "deep/b.raw" "$kitsink" score submissions/baseline_fast --video-names-file two.txt --device cpu
rm submissions/baseline_fast/inflated/a.raw
expect "all .raw are missing" 1 "No such file or directory; the same is wrong with 1 more of the 2 names in two.txt" \
  "$kitsink" score submissions/baseline_fast --video-names-file two.txt --device cpu
printf 'a.mkv\nx.mkv\ny.mkv\n' >gone.txt
expect "two originals are missing" 1 "videos/x.mkv: cannot open: No such file or directory; the same is wrong with 1 more of the 3 names in gone.txt" \
  "${evaluate[@]}" --submission-dir submissions/ok --video-names-file gone.txt

# Everything that can be checked is checked before inflate.sh runs and before old frames go.
rm -rf videos/deep ran
old=submissions/ok/inflated/a.raw
checked() { # NAME TEXT OPTIONS...
  expect "$1" 1 "$2" "${evaluate[@]}" --submission-dir submissions/ok "${@:3}"
  absent ran "$1"
  [[ -s $old ]] || fail "$1: the old frames are gone"
}
checked "no nets" "segnet.safetensors" --nets nowhere
checked "no device" "cuda:9" --device cuda:9
checked "no names file" "nowhere.txt" --video-names-file nowhere.txt
printf '\xef\xbb\xbfa.mkv\n' >mark.txt
checked "byte-order mark" "begins with a byte-order mark (UTF-8)" --video-names-file mark.txt
printf '\xff\xfea\0' >mark16.txt
checked "UTF-16" "byte-order mark (UTF-16)" --video-names-file mark16.txt
checked "no original" "nowhere/a.mkv" --uncompressed-dir nowhere
mkdir pointers text
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n' >pointers/a.mkv
checked "pointer" "pointers/a.mkv: is a Git LFS pointer" --uncompressed-dir pointers
printf 'no video\n' >text/a.mkv
checked "no video" "a.mkv" --uncompressed-dir text
checked "no dump" "dump.json: is missing" --gt raw:dump.raw
checked "report in no folder" "nowhere" --report nowhere/report.txt
cp submissions/ok/archive.zip good.zip
head -c 60 good.zip >submissions/ok/archive.zip
checked "damaged zip" "archive.zip"
python3 -c "import zipfile; zipfile.ZipFile('submissions/ok/archive.zip', 'w').writestr('../p', 'payload')"
checked "zip that climbs out" "leads out of the folder"
cp good.zip submissions/ok/archive.zip
expect "good again" 0 "score over 4 pairs" "${evaluate[@]}" --submission-dir submissions/ok
[[ -e ran ]] || fail "inflate.sh did not run"

# Archives and frames of a part of the clip: the manifests know which one.
"$kitsink" compress videos/a.mkv -o part.zip --pairs 1:4 --fit-steps 1 --level 1 --generator tiny -q --device cpu -j 2 || fail "compress --pairs"
"$kitsink" inflate part.zip out --steps 0 -q --device cpu -j 2 || fail "inflate"
score=("$kitsink" score --device cpu --threads 2)
expect "a part" 0 "partial: 3 of 4 pairs" "${score[@]}" out
expect "a part, json" 0 '"first_pair": 1' "${score[@]}" out --json
cp stdout part.json
pairs=$(field "[p['pose'] for p in j['pairs']]")
expect "a part of the part" 0 '"num_pairs": 1' "${score[@]}" out --pairs 2:3 --json
# Another batch size gives PoseNet's linear layers other last bits.
field "abs(j['pairs'][0]['pose'] - json.load(open('part.json'))['pairs'][1]['pose']) < 1e-4 * j['pairs'][0]['pose']" | grep -q True ||
  fail "--pairs 2:3 is another pair"
expect "pairs that it does not hold" 1 "holds the pairs 1:4 of the original, asked for were 0:3" "${score[@]}" out --pairs 0:3
"$kitsink" inflate part.zip some --pairs 1:3 --steps 0 -q --device cpu -j 2 || fail "inflate --pairs"
expect "a part of the archive" 0 '"first_pair": 2' "${score[@]}" some --json
[[ $(field "[p['pose'] for p in j['pairs']]") == "[${pairs#*, }" ]] || fail "inflate --pairs: $(field "j['pairs']"), not the last of $pairs"
expect "report on a part" 0 "page.html" "$kitsink" report out -o page.html --device cpu --threads 2
# Without manifest, --pairs says what the .raw holds, and no net is charged that nobody ran.
mkdir bare
cp out/part.raw bare/
expect "charged" 0 '"nets_at_inflate": true' "${score[@]}" out --json
expect "not charged" 0 '"nets_at_inflate": false' "${score[@]}" bare --original videos/a.mkv --archive part.zip --pairs 1:4 --json
[[ $(field "[p['pose'] for p in j['pairs']]") == "$pairs" ]] || fail "bare: other figures than $pairs"
[[ $(field "'archive_plus_nets' in j") == False ]] || fail "bare: the nets are counted"
field "j['notes']" | grep -q "no manifest beside the frames says that kitsink inflated them" || fail "bare: $(field "j['notes']")"

# A submission made by kitsink finds kitsink and nets, or names what is missing, from any working folder.
"$kitsink" compress videos/a.mkv -o whole.zip --fit-steps 1 --level 1 --generator tiny -q --device cpu -j 2 || fail "compress"
"$kitsink" submission submissions/made --archive whole.zip -q || fail "submission"
mkdir -p "$work/elsewhere"
cd "$work/elsewhere" || exit 1
export KITSINK_TIME_LIMIT=20
made=("$kitsink" evaluate --submission-dir "$root/submissions/made" --uncompressed-dir "$root/videos" --threads 2)
expect "made, from elsewhere" 0 "score over 4 pairs" "${made[@]}" --video-names-file "$root/public_test_video_names.txt" --nets "$root/models"
grep -q "uses the kitsink that evaluates" stderr || fail "made: $(cat stderr)"
expect "made, named twice" 0 "score over 8 pairs" "${made[@]}" --video-names-file "$root/n_twice.txt" --nets "$root/models"
wrapper=(bash "$root/submissions/made/inflate.sh" "$root/submissions/made/archive" out "$root/public_test_video_names.txt")
sentence='^inflate.sh: '
expect "made, by evaluate.sh" 0 "inflate.sh: done" env KITSINK="$kitsink" "${wrapper[@]}"
expect "made, no kitsink" 1 "found no kitsink: set KITSINK" env PATH=/usr/bin:/bin "${wrapper[@]}"
mv "$root/models" "$root/moved"
expect "made, no nets" 1 "set KITSINK_NETS to their folder" env KITSINK="$kitsink" "${wrapper[@]}"
mv "$root/moved" "$root/models"
cd "$root" || exit 1
if [[ -e $3/tests/golden/strict.zip ]]; then
  mkdir strict
  (cd strict && python3 -m zipfile -e "$3/tests/golden/strict.zip" .)
  "$kitsink" submission submissions/strict --archive "$3/tests/golden/strict.zip" -q || fail "strict submission"
  cd "$work/elsewhere" || exit 1
  expect "strict, no nets" 0 "inflate.sh: done" env KITSINK="$kitsink" KITSINK_NETS=nowhere bash "$root/submissions/strict/inflate.sh" \
    "$root/strict" strict_out "$root/public_test_video_names.txt"
  cd "$root" || exit 1
fi

# The files that upstream wrote.
sentence='^kitsink evaluate: \|^kitsink score: '
if [[ -d $upstream ]]; then
  mkdir -p submissions/nested
  cp submissions/longodd/{archive.zip,inflate.sh} submissions/nested
  expect "nested" 0 "score over" "${evaluate[@]}" --submission-dir submissions/nested
  printf 'a.mkv\n' >names.txt
  sed -E 's/^(  video_names_file: ).*/\1public_test_video_names.txt/' report.txt >b2.txt
  same_as "$upstream/ok.report.txt" ok.txt
  same_as "$upstream/n_twice.report.txt" twice.txt
  same_as "$upstream/longodd.report.txt" submissions/longodd/report.txt
  same_as "$upstream/h264.report.txt" submissions/nested/report.txt
  same_as "$upstream/b2.report.txt" b2.txt
  sed -E 's#(uncompressed_dir: .*/)odd_videos#\1videos#; s#uncompressed_dir: odd_videos#uncompressed_dir: /challenge/videos#' submissions/odd9/report.txt >odd9.txt
  same_as "$upstream/odd9.report.txt" odd9.txt
else
  echo "skipped: no $upstream, so no files of upstream's own to compare with"
fi

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
