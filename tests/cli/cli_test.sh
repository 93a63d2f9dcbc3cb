#!/usr/bin/env bash
# The command as a user meets it: the main job on a small clip, repeatability, and a sentence for every wrong input.
# usage: cli_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

absent() {
  for path in "$@"; do
    [[ ! -e $path ]] || fail "$path was left behind"
  done
}

"$render_road" --seed 3 --frames 4 --size 1164x874 -o clip.mkv >/dev/null 2>&1 || fail "render_road"
"$render_road" --seed 3 --frames 5 --size 320x240 -o odd.mkv >/dev/null 2>&1 || fail "render_road, odd"
quick=(--nets "$nets" --device cpu --threads 2)
fit=(--fit-steps 2 --level 1 --generator tiny)

# The main job.
expect "compress" 0 "clip.zip:" "$kitsink" compress clip.mkv -o clip.zip "${fit[@]}" "${quick[@]}"
expect "compress again" 0 "again.zip:" "$kitsink" compress clip.mkv -o again.zip "${fit[@]}" "${quick[@]}"
cmp -s clip.zip again.zip || fail "compress twice gave other bytes"
expect "render" 0 "rendered seg" "$kitsink" inflate clip.zip render --steps 0 "${quick[@]}"
expect "search" 0 "searched seg" "$kitsink" inflate clip.zip search --steps 3 "${quick[@]}"
expect "search again" 0 "searched seg" "$kitsink" inflate clip.zip search2 --steps 3 "${quick[@]}"
cmp -s search/clip.raw search2/clip.raw || fail "inflate twice gave other frames"
[[ $(stat -c %s search/clip.raw) -eq $((4 * 1164 * 874 * 3)) ]] || fail "raw has the wrong size"
expect "score" 0 "NOT the contest's" "$kitsink" score search --original clip.mkv "${quick[@]}"
expect "score names the pairs" 0 "score over 2 pairs" "$kitsink" score search --original clip.mkv "${quick[@]}"
expect "score json" 0 '"archive_plus_nets"' "$kitsink" score search --original clip.mkv --json "${quick[@]}"
expect "partial score" 0 "partial: 1 of 2 pairs" "$kitsink" score search --original clip.mkv --pairs 1:2 "${quick[@]}"
mkdir extracted
(cd extracted && python3 -m zipfile -e ../clip.zip .)
# The original and the archive are found through the manifests, from anywhere.
mkdir elsewhere
expect "score with nothing more" 0 "score over 2 pairs" env -C elsewhere "$kitsink" score ../search --device cpu --nets "$nets"
cp clip.zip.json extracted.zip.json # beside the folder, as beside the zip
expect "inflate a folder that was extracted" 0 "rendered" "$kitsink" inflate extracted from_folder --steps 0 "${quick[@]}"
rm extracted.zip.json
expect "score from a folder" 0 "score over 2 pairs" "$kitsink" score from_folder "${quick[@]}"
grep -q "bytes  *$(stat -c %s clip.zip | sed -E ':a;s/^([0-9]+)([0-9]{3})/\1,\2/;ta') " stdout || fail "score from a folder: $(cat stdout)"
mv clip.mkv moved.mkv
expect "original moved" 1 "the original is not there any more; if it moved, name it with --original" "$kitsink" score search "${quick[@]}"
mkfifo clip.mkv
expect "original is a pipe" 1 "clip.mkv" timeout 60 "$kitsink" score search "${quick[@]}"
rm clip.mkv
cp odd.mkv clip.mkv
expect "original changed" 1 "is not the original that the archive was made from" "$kitsink" score search "${quick[@]}"
mv moved.mkv clip.mkv
mv clip.zip gone.zip
expect "archive gone" 1 "name it with --archive" "$kitsink" score search "${quick[@]}"
mv gone.zip clip.zip
expect "inflate a folder" 0 "rendered" "$kitsink" inflate extracted render_folder --name clip --steps 0 "${quick[@]}"
cmp -s render/clip.raw render_folder/clip.raw || fail "the folder gave other frames than the zip"
expect "one pair" 0 "1 pairs" "$kitsink" inflate clip.zip part --pairs 1:2 --steps 0 "${quick[@]}"
cmp -s part/clip.raw <(tail -c $((2 * 1164 * 874 * 3)) render/clip.raw) || fail "--pairs gave other frames"
expect "score of a part, from its manifest" 0 "partial: 1 of 2" "$kitsink" score part --original clip.mkv "${quick[@]}"
mkdir bare
cp part/clip.raw bare/
expect "score of a part as if whole" 1 "has 1 pairs, the original has 2; --pairs A:B scores a part" \
  "$kitsink" score bare --original clip.mkv --archive clip.zip "${quick[@]}"
expect "score of a part" 0 "partial: 1 of 2" "$kitsink" score part --original clip.mkv --pairs 1:2 "${quick[@]}"
expect "unknown codec" 2 "expected hnerv|search|strict|video, got nosuch" "$kitsink" compress odd.mkv -o odd.zip --codec nosuch
expect "odd frame count" 0 "2 pairs" "$kitsink" compress odd.mkv -o odd.zip "${fit[@]}" "${quick[@]}"
grep -q "odd number of frames" stderr || fail "no warning about the odd frame"

# Wrong inputs: one sentence, exit 1, nothing left behind.
echo "this is no video" >text.mkv
head -c 20000 clip.mkv >cut.mkv
expect "missing video" 1 "none.mkv" "$kitsink" compress none.mkv -o out.zip "${fit[@]}" "${quick[@]}"
expect "not a video" 1 "text.mkv" "$kitsink" compress text.mkv -o out.zip "${fit[@]}" "${quick[@]}"
expect "video cut short" 1 "cut.mkv" "$kitsink" compress cut.mkv -o out.zip "${fit[@]}" "${quick[@]}"
expect "no nets" 1 "segnet.safetensors" "$kitsink" compress clip.mkv -o out.zip "${fit[@]}" --nets nowhere
mkdir wrong_nets pointer
cp "$nets/segnet.safetensors" wrong_nets/posenet.safetensors
cp "$nets/segnet.safetensors" wrong_nets/segnet.safetensors
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n' | tee pointer/segnet.safetensors >pointer/posenet.safetensors
expect "swapped nets" 1 "posenet.safetensors" "$kitsink" compress clip.mkv -o out.zip "${fit[@]}" --nets wrong_nets
expect "LFS pointer" 1 "git lfs pull" "$kitsink" compress clip.mkv -o out.zip "${fit[@]}" --nets pointer
expect "pairs past the end" 1 "pairs" "$kitsink" compress clip.mkv -o out.zip --pairs 1:9 "${fit[@]}" "${quick[@]}"
absent out.zip out.zip.json
expect "existing archive" 1 "--force" "$kitsink" compress clip.mkv -o clip.zip "${fit[@]}" "${quick[@]}"
head -c 3000 clip.zip >cut.zip
expect "truncated archive" 1 "cut.zip" "$kitsink" inflate cut.zip out --steps 0 "${quick[@]}"
expect "missing archive" 1 "none.zip" "$kitsink" inflate none.zip out --steps 0 "${quick[@]}"
expect "not an archive" 1 "text.mkv" "$kitsink" inflate text.mkv out --steps 0 "${quick[@]}"
expect "inflate without nets" 1 "segnet.safetensors" "$kitsink" inflate clip.zip out --nets nowhere
absent out/cut.raw out/clip.raw out/clip.json
# A flipped byte in the header and in each stream, in an extracted archive, which no zip checksum protects.
python3 - clip.zip.json extracted/* <<'PY'
import json, os, sys
sections = json.load(open(sys.argv[1]))["sections"]
member = open(sys.argv[2], "rb").read()
start = 0
for name in ("header", "m", "w", "p"):
    damaged = bytearray(member)
    damaged[start + sections[name] // 2] ^= 0x10
    os.makedirs("flip_" + name)
    open(f"flip_{name}/{os.path.basename(sys.argv[2])}", "wb").write(damaged)
    start += sections[name]
PY
for section in header m w p; do
  [[ -d flip_$section ]] || fail "no damaged copy of section $section"
done
for stream in header m p; do
  expect "flipped byte in $stream" 1 "" "$kitsink" inflate flip_$stream out_$stream --name x --steps 0 "${quick[@]}"
  absent out_$stream/x.raw out_$stream/x.json
done
expect "flipped byte in w" 1 "" "$kitsink" inflate flip_w out_w --name x --steps 0 "${quick[@]}"
absent out_w/x.raw out_w/x.json
expect "stale raw" 1 "stale" "$kitsink" score render --original clip.mkv --archive odd.zip "${quick[@]}"
cp -r search short && truncate -s -$((2 * 1164 * 874 * 3)) short/clip.raw
expect "short raw" 1 "clip.raw" "$kitsink" score short --original clip.mkv "${quick[@]}"
rm short/clip.json
expect "short raw without manifest" 1 "pairs" "$kitsink" score short --original clip.mkv --archive clip.zip "${quick[@]}"

# Usage.
expect "no verb" 2 "subcommand" "$kitsink"
expect "unknown option" 2 "--frobnicate" "$kitsink" compress clip.mkv -o x.zip --frobnicate
expect "bad range" 2 "--pairs" "$kitsink" inflate clip.zip out --pairs 5:2
expect "unknown device" 1 "device" "$kitsink" inflate clip.zip out --device tpu
expect "help" 0 "Examples:" "$kitsink" compress --help
expect "version" 0 "LibTorch" "$kitsink" --version

# The class-map coder alone.
python3 -c "
import sys
sys.stdout.buffer.write(bytes((x // 7 + y // 5 + i) % 5 for i in range(3) for y in range(40) for x in range(60)))" >maps.u8
for level in 1 2 3 ctw; do
  expect "mask encode $level" 0 "3 maps of 60 x 40" "$kitsink" mask encode maps.u8 --size 60x40 -o maps$level.m --level $level
  expect "mask decode $level" 0 "5 classes" "$kitsink" mask decode maps$level.m -o back$level.u8
  cmp -s maps.u8 back$level.u8 || fail "mask level $level does not come back"
done
expect "mask info" 0 '"level": 3' "$kitsink" mask info maps3.m --json
expect "mask info, trees" 0 "level ctw: " "$kitsink" mask info mapsctw.m
expect "mask encode, no level" 2 "expected 1|2|3|ctw, got 4" "$kitsink" mask encode maps.u8 --size 60x40 -o none.m --level 4
expect "mask to pictures" 0 "3 maps" "$kitsink" mask decode maps1.m -o pictures
expect "mask from pictures" 0 "3 maps of 60 x 40" "$kitsink" mask encode pictures -o pictures.m --level 1
cmp -s maps1.m pictures.m || fail "pictures gave another stream"
expect "mask size" 1 "2400" "$kitsink" mask encode text.mkv --size 60x40 -o x.m
head -c 40 maps2.m >cut.m
expect "mask cut" 1 "mask" "$kitsink" mask decode cut.m -o x.u8
absent x.m x.u8

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
