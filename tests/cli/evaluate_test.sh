#!/usr/bin/env bash
# `kitsink evaluate` on small shell submissions: the exact report, upstream's traps, the time limit, other decoders'
# frames, the cache. Also the command without its engine.
# usage: evaluate_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
sentence='^kitsink evaluate: \|^kitsink score: '
absent() { [[ ! -e $1 ]] || fail "$2: $1 is there"; }
score_of() { sed -n 's/^    "score": \([^,]*\),/\1/p' stdout | head -n 1; }

mkdir -p videos submissions/mine
"$render_road" --seed 3 --frames 8 --size 320x240 -o videos/clip.mkv >/dev/null 2>&1 || fail "render_road"
frames=$((320 * 240 * 3 * 8))
head -c $frames /dev/zero >black.raw
printf 'clip.mkv\n' >names.txt
archive() { python3 -c "
import sys, zipfile
with zipfile.ZipFile('submissions/mine/archive.zip', 'w') as z:
    for name in sys.argv[1:]: z.writestr(name, 'payload')" "$@"; }
# inflate BODY: the submission's script.
inflate() { printf 'set -e\nmkdir -p "$2"\n%s\n' "$1" >submissions/mine/inflate.sh; }
evaluate=("$kitsink" evaluate --submission-dir ./submissions/mine/ --uncompressed-dir videos//. --video-names-file names.txt
  --nets "$nets" --threads 2)

# The report, and the arguments of inflate.sh.
archive p deep/q
inflate 'printf "%s\n" "$@" >arguments; cat "$1/p" "$1/deep/q" >payload; cp black.raw "$2/clip.raw"'
expect "good submission" 0 "score over 4 pairs" "${evaluate[@]}"
cat >expected <<'REPORT'
=== Evaluation config ===
  batch_size: #
  device: cpu
  num_threads: #
  prefetch_queue_depth: #
  report: submissions/mine/report.txt
  seed: #
  submission_dir: submissions/mine
  uncompressed_dir: videos
  video_names_file: names.txt
=== Evaluation results over # samples ===
  Average PoseNet Distortion: #.#
  Average SegNet Distortion: #.#
  Submission file size: # bytes
  Original uncompressed size: #,# bytes
  Compression Rate: #.#
  Final score: #*segnet_dist + √(#*posenet_dist) + #*rate = #.#
kitsink: stand-in nets, NOT the contest's: compare only with scores of the same nets
REPORT
sed -E '/sha256/d; s/[0-9]+/#/g' submissions/mine/report.txt | cmp -s - expected || fail "report.txt: $(cat submissions/mine/report.txt)"
grep -q "batch_size: 16" submissions/mine/report.txt || fail "default batch size"
grep -q "Original uncompressed size: $(stat -c %s videos/clip.mkv | sed -E ':a;s/^([0-9]+)([0-9]{3})/\1,\2/;ta') bytes" \
  submissions/mine/report.txt || fail "original size"
printf '%s\n' submissions/mine/archive submissions/mine/inflated "$work/names.txt" | cmp -s - arguments || fail "arguments: $(cat arguments)"
[[ $(cat payload) == payloadpayload ]] || fail "the archive was not unzipped"

# Cached observations do not change the score; a damaged cache only costs time.
expect "cached" 0 '"observations_from_cache": true' "${evaluate[@]}" --json
cached=$(score_of)
expect "not cached" 0 '"observations_from_cache": false' "${evaluate[@]}" --no-cache --json
[[ -n $cached && $cached == "$(score_of)" ]] || fail "the cached score is $cached, the computed one $(score_of)"
file=$(echo cache/kitsink/*.obs)
printf 'x' | dd of="$file" bs=1 seek=5000 conv=notrunc status=none
expect "damaged cache" 0 '"observations_from_cache": false' "${evaluate[@]}" --json
grep -q "cache ignored: .*checksum" stderr || fail "damaged cache: no note: $(cat stderr)"
[[ $cached == "$(score_of)" ]] || fail "the score after a damaged cache is $(score_of)"
expect "repaired cache" 0 '"observations_from_cache": true' "${evaluate[@]}" --json
head -c 1000 "$file" >cut && cp cut "$file"
expect "cut cache" 0 '"observations_from_cache": false' "${evaluate[@]}" --json
rm -r cache
expect "no cache asked for" 0 "score over" "${evaluate[@]}" --no-cache
absent cache "no cache asked for"

# Upstream's traps.
printf 'notes\n' >videos/notes.txt
expect "stray file" 0 "videos//. holds 6 bytes in files that are not named; upstream would count them" "${evaluate[@]}"
rm videos/notes.txt
printf '\nclip.mkv  \n\n' >names.txt
expect "blank lines" 0 "names.txt has 2 blank lines" "${evaluate[@]}"
printf 'clip.mkv' >names.txt
inflate 'true'
expect "stale raw" 1 "upstream would have scored the stale one" "${evaluate[@]}"
absent submissions/mine/inflated/clip.raw "stale raw"
expect "no raw" 1 "did not write submissions/mine/inflated/clip.raw" "${evaluate[@]}"
rm submissions/mine/report.txt
inflate "head -c $((frames / 2)) black.raw >\$2/clip.raw"
expect "short raw, whole batches" 1 "has 2 pairs, the original has 4; upstream would have scored these 2" "${evaluate[@]}" --batch-size 2
expect "short raw" 1 "has 2 pairs, the original has 4" "${evaluate[@]}"
grep -q -- "--pairs" stderr && fail "evaluate names an option of score: $(cat stderr)"
inflate "head -c $((frames - 1)) black.raw >\$2/clip.raw"
expect "broken raw" 1 "has 3 pairs, the original has 4 (the file has 7 frames of 320 x 240 and 230399 bytes more)" "${evaluate[@]}"
inflate 'cp black.raw "$2/clip.raw"; cat black.raw >>"$2/clip.raw"'
expect "long raw" 1 "has 8 pairs, the original has 4" "${evaluate[@]}"

# Scripts that fail or do not end: the whole group is stopped.
inflate 'exit 7'
expect "failing script" 1 "exit code 7" "${evaluate[@]}"
inflate 'sleep 600 & echo $! >sleeper; trap "" TERM; sleep 600'
begin=$SECONDS
expect "time limit" 1 "still running after its time limit of 1 s" "${evaluate[@]}" --time-limit 1
[[ $((SECONDS - begin)) -lt 30 ]] || fail "the time limit took $((SECONDS - begin)) s"
kill -0 "$(cat sleeper)" 2>/dev/null && fail "a process of the group lives on"
absent submissions/mine/report.txt "failures"
printf '../videos/clip.mkv\n' >names.txt
expect "name outside" 1 "leads out of its folder" "${evaluate[@]}"
printf 'clip.mkv\n' >names.txt
inflate 'cp black.raw "$2/clip.raw"'
archive p ../evil
expect "archive that climbs out" 1 "leads out of the folder" "${evaluate[@]}"
absent submissions/mine/evil "archive that climbs out"
head -c 60 submissions/mine/archive.zip >cut && cp cut submissions/mine/archive.zip
expect "damaged archive" 1 "archive.zip" "${evaluate[@]}"
archive p

# Another decoder's frames replace the decoded ones, but only with their record.
cp black.raw dump.raw
expect "dump without record" 1 "dump.json: is missing" "${evaluate[@]}" --gt raw:dump.raw
record() { printf '{"decoder": "Other 1.0", "sha256": "%s", "video_sha256": "%s"}' "$1" "$2" >dump.json; }
raw_sha=$(sha256sum dump.raw | cut -d ' ' -f 1)
video_sha=$(sha256sum videos/clip.mkv | cut -d ' ' -f 1)
record "$raw_sha" "$video_sha"
expect "dump" 0 "frames of Other 1.0 from dump.raw, sha256 $raw_sha" "${evaluate[@]}" --gt raw:dump.raw
grep -q "Average SegNet Distortion: 0.00000000" submissions/mine/report.txt || fail "black frames differ from black frames"
grep -q "Average PoseNet Distortion: 0.00000000" submissions/mine/report.txt || fail "black frames differ from black frames"
grep -q "note: the archive is not one that kitsink knows: it was assumed" stdout || fail "no note about the nets: $(cat stdout)"
grep -q "archive plus nets" stdout && fail "a foreign archive is scored with the nets"
expect "score with a dump" 0 '"decoder": "Other 1.0"' "$kitsink" score submissions/mine/inflated --original videos/clip.mkv \
  --archive submissions/mine/archive.zip --gt raw:dump.raw --nets "$nets" --json
expect "dump, cached" 0 "is cached" "${evaluate[@]}" --gt raw:dump.raw
record "$video_sha" "$video_sha"
expect "dump of another sum" 1 "its record says" "${evaluate[@]}" --gt raw:dump.raw
record "$raw_sha" "$raw_sha"
expect "dump of another video" 1 "its record names a video" "${evaluate[@]}" --gt raw:dump.raw
expect "unknown ground truth" 2 "expected pyav or raw:FILE" "${evaluate[@]}" --gt dali

# Help and version need no engine; a verb that computes says that it does.
mkdir alone
cp "$kitsink" alone/kitsink
export LD_LIBRARY_PATH=$(dirname "$kitsink"):${LD_LIBRARY_PATH:-}
expect "version without the engine" 0 "LibTorch" alone/kitsink --version
expect "help without the engine" 0 "Examples:" alone/kitsink evaluate --help
expect "score without the engine" 1 "libkitsink_engine.so" alone/kitsink score x.raw --original videos/clip.mkv --nets "$nets"
ldd "$kitsink" | grep "libtorch\|libavcodec" >/dev/null && fail "the command itself loads the engine's libraries"

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
