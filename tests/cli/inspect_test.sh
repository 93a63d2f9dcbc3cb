#!/usr/bin/env bash
# `kitsink info` and `kitsink verify`: kitsink's and other archives, frames that belong to them and frames that do not,
# and zips with tricks. Only making the archive and the frames needs the engine.
# usage: inspect_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$render_road" --seed 3 --frames 4 --size 320x240 -o clip.mkv >/dev/null 2>&1 || fail "render_road"
quick=(--nets "$nets" --device cpu --threads 2 -q)
"$kitsink" compress clip.mkv -o clip.zip --fit-steps 1 --level 1 --generator tiny "${quick[@]}" || fail "compress"
"$kitsink" inflate clip.zip out --steps 0 "${quick[@]}" >/dev/null || fail "inflate"
sha=$(sha256sum clip.zip | cut -d ' ' -f 1)
raw_sha=$(sha256sum out/clip.raw | cut -d ' ' -f 1)

# A Git LFS pointer is no video.
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 37545489\n' > pointer.mkv
expect "compress, a pointer" 1 "is a Git LFS pointer, not the video itself" "$kitsink" compress pointer.mkv -o pointer.zip
expect "score, a pointer" 1 "is a Git LFS pointer, not the video itself" "$kitsink" score out --original pointer.mkv "${quick[@]}"

# A video that was cut: compress and score take the pairs before the cut when they are named.
"$render_road" --seed 4 --frames 12 --size 320x240 -o long.mkv >/dev/null 2>&1 || fail "render_road"
head -c "$(($(stat -c %s long.mkv) * 3 / 4))" long.mkv > cut.mkv
short=(--fit-steps 1 --level 1 "${quick[@]}")
expect "compress, a cut video" 1 "of compress and score takes the whole pairs before it" \
  "$kitsink" compress cut.mkv -o cut.zip "${short[@]}"
[[ ! -e cut.zip ]] || fail "compress left an archive of a cut video"
named=$(sed -n 's/.*; --pairs \(0:[0-9]*\) of .*/\1/p' stderr)
"$kitsink" compress cut.mkv -o cut.zip --pairs "$named" "${short[@]}" || fail "compress, the pairs before the cut"
"$kitsink" inflate cut.zip cut --steps 0 "${quick[@]}" >/dev/null || fail "inflate, the pairs before the cut"
expect "score, a cut video: the manifest names the pairs" 0 "score over 2 pairs" "$kitsink" score cut "${quick[@]}"
expect "score, the pairs before the cut" 0 "score" "$kitsink" score cut --pairs "$named" "${quick[@]}"

# From here on the command runs without the engine.
mkdir alone
cp "$kitsink" alone/kitsink
export LD_LIBRARY_PATH=$(dirname "$kitsink"):${LD_LIBRARY_PATH:-}
kitsink=$PWD/alone/kitsink

# info: kitsink's own archives.
expect "info" 0 "kitsink archive, format 1, codec search, 2 pairs of 320 x 240 frames" "$kitsink" info clip.zip
grep -q "sha256 $sha" stdout || fail "info: no SHA-256: $(cat stdout)"
grep -q "25 \* bytes / $(stat -c %s clip.mkv) (the archive's manifest)" stdout || fail "info: original: $(cat stdout)"
grep -q "class 0" stdout && fail "info decoded the maps without being asked"
expect "info, parts" 0 "pointwise scales" "$kitsink" info clip.zip -v
expect "info, classes" 0 "class maps of a pair: " "$kitsink" info clip.zip --classes
grep -q "  class 4 " stdout || fail "info --classes: $(cat stdout)"
expect "info, another original" 0 "/ 1000 (--original-bytes)" "$kitsink" info clip.zip --original-bytes 1000
expect "info, another original" 0 "/ $(stat -c %s out/clip.raw) (--original)" "$kitsink" info clip.zip --original out/clip.raw
expect "info, a pointer for a video" 1 "is a Git LFS pointer, not the video itself" "$kitsink" info clip.zip --original pointer.mkv
expect "info, two originals" 2 "excludes" "$kitsink" info clip.zip --original clip.mkv --original-bytes 1
expect "info, json" 0 '"codec": "search"' "$kitsink" info clip.zip --classes --json
python3 - "$(stat -c %s clip.zip)" <<'PY' || fail "info --json does not add up: $(head -c 600 stdout)"
import json, sys
info = json.load(open('stdout'))
total = int(sys.argv[1])
assert info['bytes'] == total == sum(s['bytes'] for s in info['sections'].values())
assert abs(info['rate_term'] - 25 * total / info['original_bytes']) < 1e-12
for name, stream in info['sections'].items():
    assert abs(stream['score'] - 25 * stream['bytes'] / info['original_bytes']) < 1e-12
    if stream['parts']:
        assert abs(sum(p['bytes'] for p in stream['parts']) - stream['bytes']) < 1e-6, name
assert sum(p['count'] for p in info['sections']['m']['parts'] if p['name'].startswith('class')) == 2 * 512 * 384
assert len(info['map_bytes']) == 2
PY
cp clip.zip moved.zip
expect "info, contest's original" 0 "/ 37545489 (the contest's video)" "$kitsink" info moved.zip
mkdir extracted
(cd extracted && python3 -m zipfile -e ../clip.zip .)
expect "info, folder" 0 "sha256 $sha" "$kitsink" info extracted

# info: other archives.
python3 -c "
import zipfile
with zipfile.ZipFile('other.zip', 'w', zipfile.ZIP_DEFLATED) as z:
    z.writestr('deep/weights.bin', bytes(1000))
    z.writestr('caf\u00e9', b'x')"
expect "info, another's" 0 'member "deep/weights.bin": method 8' "$kitsink" info other.zip
grep -q "sha256 $(head -c 1000 /dev/zero | sha256sum | cut -d ' ' -f 1)" stdout || fail "info: SHA-256 of a member"
grep -q 'member "caf\\xc3\\xa9"' stdout || fail "info: a name was not escaped: $(cat stdout)"
expect "info, another's, json" 0 '"why_not_kitsink"' "$kitsink" info other.zip --json
python3 -c "import json; assert json.load(open('stdout'))['members'][1]['name'] == 'caf\u00e9'" || fail "info: name in JSON"
expect "info, another's classes" 1 "2 members" "$kitsink" info other.zip --classes
python3 -c "
import zipfile
with zipfile.ZipFile('one.zip', 'w') as z: z.writestr('x', b'not ours')"
expect "info, another's with one member" 0 "zip of 1 member, not one" "$kitsink" info one.zip
expect "info, none" 1 "none.zip" "$kitsink" info none.zip
expect "info, not a zip" 1 "not a zip archive" "$kitsink" info clip.mkv

# verify: an undamaged archive, alone and with its frames.
expect "verify" 0 "clip.zip: whole" "$kitsink" verify clip.zip
expect "verify, folder" 0 "sha256 $sha" "$kitsink" verify extracted
for against in out out/clip.raw out/clip.json; do
  expect "verify against $against" 0 "sha256 $raw_sha as the manifest says" "$kitsink" verify clip.zip --against $against
done
expect "verify, json" 0 '"whole": true' "$kitsink" verify clip.zip --against out --json
python3 -c "
import json
v = json.load(open('stdout'))
assert v['sha256'] == '$sha' and v['against']['sha256'] == '$raw_sha' and v['against']['manifest']" || fail "verify --json"
mkdir bare
cp out/clip.raw bare
expect "verify without manifest" 0 "only its size was checked" "$kitsink" verify clip.zip --against bare
mkdir lonely
cp out/clip.json lonely
expect "verify, manifest alone" 0 "only its manifest was checked" "$kitsink" verify clip.zip --against lonely/clip.json

# verify: every kind of damage gives one sentence.
truncate -s -1 bare/clip.raw
expect "verify, short frames" 1 "expected $(stat -c %s out/clip.raw): 2 pairs" "$kitsink" verify clip.zip --against bare
printf 'x' | dd of=out/clip.raw bs=1 seek=777 conv=notrunc status=none
expect "verify, changed frames" 1 "changed since it was inflated" "$kitsink" verify clip.zip --against out
for byte in 20 60 200 -53; do
  python3 - $byte <<'PY'
import sys
data = bytearray(open('clip.zip', 'rb').read())
data[int(sys.argv[1])] ^= 4
open('bad.zip', 'wb').write(data)
PY
  expect "verify, byte $byte" 1 "bad.zip" "$kitsink" verify bad.zip
done
expect "verify, damage in json" 1 '"whole": false' "$kitsink" verify bad.zip --json
head -c 300 clip.zip >bad.zip
expect "verify, cut" 1 "cut short" "$kitsink" verify bad.zip
expect "verify, another's" 1 "2 members" "$kitsink" verify other.zip
expect "verify, none" 1 "none.zip" "$kitsink" verify none.zip

# Tricks, in every verb that needs no engine.
trick() {
  python3 - "$1" "$2" <<'PY'
import sys, zipfile, warnings
warnings.simplefilter('ignore')
kind, name = sys.argv[1:]
member = zipfile.ZipInfo(name.encode().decode('unicode_escape'))
member.create_system = 3
member.external_attr = (0o120777 if kind == 'link' else 0o100644) << 16
with zipfile.ZipFile('trick.zip', 'w', zipfile.ZIP_DEFLATED if kind == 'bomb' else zipfile.ZIP_STORED) as z:
    z.writestr(member, bytes(100 << 20) if kind == 'bomb' else b'x', compress_type=zipfile.ZIP_DEFLATED if kind == 'bomb' else None)
    if kind == 'twice': z.writestr(member, b'y')
PY
  for verb in info verify; do expect "$verb, $1 $2" 1 "$3" "$kitsink" $verb trick.zip; done
}
trick plain ../p 'member "../p" leads out of the folder: path traversal'
trick plain /etc/p 'member "/etc/p" leads out of the folder: an absolute name'
trick plain 'p\x1b[31m' 'member "p\x1b[31m" has a control character in its name'
trick plain nul.txt 'member "nul.txt" is named like a device'
trick link p 'member "p" is a symbolic link'
trick twice p 'member "p" is there twice'
trick bomb p 'is a zip bomb'

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
