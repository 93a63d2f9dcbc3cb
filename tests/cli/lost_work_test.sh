#!/usr/bin/env bash
# No job is lost and no input destroyed: names that are not UTF-8, outputs that are inputs, two jobs on one output, and
# results that cannot be printed.
# usage: lost_work_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

quick=(--nets "$nets" --device cpu --threads 1)
fit=(--fit-steps 1 --level 1 --generator tiny)
"$render_road" --seed 5 --frames 4 --size 320x240 -o clip.mkv >/dev/null 2>&1 || fail "render_road"

# Names on disk are bytes. Latin-1 is not UTF-8.
latin=$'caf\xe9'
mkdir "$latin"
cp clip.mkv "$latin/$latin.mkv"
expect "compress, not UTF-8" 0 "bytes" "$kitsink" compress "$latin/$latin.mkv" -o "$latin/a.zip" "${fit[@]}" "${quick[@]}"
expect "inflate, not UTF-8" 0 "2 pairs" "$kitsink" inflate "$latin/a.zip" "$latin/out" --name "$latin" --steps 0 "${quick[@]}"
[[ -s $latin/out/$latin.raw && -s $latin/out/$latin.json ]] || fail "not UTF-8: no frames"
expect "score, not UTF-8" 0 "score over 2 pairs" "$kitsink" score "$latin/out" "${quick[@]}"
expect "verify, not UTF-8" 0 "whole" "$kitsink" verify "$latin/a.zip" --against "$latin/out"
expect "unpack, not UTF-8" 0 "" "$kitsink" unpack "$latin/a.zip" -o "$latin/$latin.safetensors"
expect "repack, not UTF-8" 0 "" "$kitsink" repack "$latin/a.zip" -o "$latin/$latin.zip"
python3 -c 'import json, sys; json.load(open(sys.argv[1], encoding="utf-8"))' "$latin/out/$latin.json" ||
  fail "a manifest is not UTF-8"

# An output that is an input is refused, also by another name.
cp "$latin/a.zip" a.zip
"$kitsink" unpack a.zip -o a.safetensors >/dev/null || fail "unpack"
head -c 64 /dev/zero >ids.u8
"$kitsink" mask encode ids.u8 --size 8x8 -o ids.m >/dev/null || fail "mask encode"
mkdir -p links && ln -s ../clip.mkv links/clip.zip && ln clip.mkv hard.zip && ln -s ../a.zip links/a.zip
sha256sum clip.mkv a.zip a.safetensors ids.u8 ids.m >sums
refused="is an input of this job"
expect "compress onto its video" 1 "$refused" "$kitsink" compress clip.mkv -o clip.mkv -f "${fit[@]}" "${quick[@]}"
expect "compress onto a link" 1 "$refused" "$kitsink" compress clip.mkv -o links/clip.zip -f "${fit[@]}" "${quick[@]}"
expect "compress onto a hard link" 1 "$refused" "$kitsink" compress clip.mkv -o hard.zip -f "${fit[@]}" "${quick[@]}"
expect "unpack onto its archive" 1 "$refused" "$kitsink" unpack a.zip -o links/a.zip -f
expect "pack onto its tensors" 1 "$refused" "$kitsink" pack a.safetensors -o a.safetensors -f
expect "repack onto its archive" 1 "$refused" "$kitsink" repack a.zip -o links/a.zip -f
expect "mask encode onto its ids" 1 "$refused" "$kitsink" mask encode ids.u8 --size 8x8 -o ids.u8 -f
cp a.zip same.raw
expect "inflate onto its archive" 1 "$refused" "$kitsink" inflate same.raw . --name same -f --steps 0 "${quick[@]}"
expect "score's report onto the original" 1 "$refused" "$kitsink" score "$latin/out" --report "$latin/$latin.mkv" -f "${quick[@]}"
expect "score's report onto the archive" 1 "$refused" "$kitsink" score "$latin/out" --report "$latin/a.zip" -f "${quick[@]}"
expect "report onto the frames" 1 "$refused" "$kitsink" report "$latin/out" -o "$latin/out/$latin.raw" -f "${quick[@]}"
sha256sum --check --quiet sums || fail "an input was changed"
cmp -s a.zip same.raw || fail "inflate changed its archive"
cmp -s clip.mkv "$latin/$latin.mkv" || fail "score changed the original"

# The second of two jobs on one output says so and leaves the first one's work alone, even with --force.
"$kitsink" inflate a.zip two --steps 400 "${quick[@]}" >/dev/null 2>&1 &
first=$!
while [[ ! -s two/a.raw.resume/0-of-1.lock ]] && kill -0 $first 2>/dev/null; do sleep 0.05; done
expect "a second job" 1 "a job is running there (process $first)" "$kitsink" inflate a.zip two --steps 400 "${quick[@]}"
expect "a second job by force" 1 "process $first" "$kitsink" inflate a.zip two --steps 0 -f "${quick[@]}"
kill -0 $first 2>/dev/null || fail "the first job ended early"
kill -9 $first
wait $first 2>/dev/null
[[ -s two/a.raw.resume/plan.json ]] || fail "the first job's work is gone"
expect "after a kill" 0 "2 pairs" "$kitsink" inflate a.zip two --steps 0 -f "${quick[@]}"

# Results that nobody receives.
full="standard output: cannot write"
for verb in "info a.zip" "verify a.zip" "info a.zip --json" "score $latin/out --nets $nets --device cpu" "--help" "--version"; do
  # shellcheck disable=SC2086 # words
  "$kitsink" $verb >/dev/full 2>stderr
  code=$?
  [[ $code -eq 1 ]] || fail "$verb into a full disk: exit $code"
  grep -qF "$full" stderr || fail "$verb into a full disk: $(cat stderr)"
done
"$kitsink" info a.zip >&- 2>stderr
[[ $? -eq 1 ]] || fail "standard output closed: exit is not 1"
grep -q "standard output: cannot write" stderr || fail "standard output closed: $(cat stderr)"
"$kitsink" unpack a.zip -o closed.safetensors -q >&- 2>stderr || fail "a quiet verb needs no standard output"
cmp -s a.safetensors closed.safetensors || fail "results went into an output"

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
