#!/usr/bin/env bash
# Codec hnerv without the engine: info, verify, unpack, pack, repack and inflate of its archives and of another
# program's, and archives that are refused.
# usage: hnerv_test.sh KITSINK - SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cp "$3/tests/golden/hnerv.zip" own.zip
cp "$3/tests/golden/hnerv_v1.zip" v1.zip
frame=$((1164 * 874 * 3))

# kitsink's own archive.
expect "info" 0 "format 2, codec hnerv, 6 pairs of 1164 x 874 frames" "$kitsink" info own.zip
expect "info, parts" 0 "stem.weight" "$kitsink" info own.zip --classes -v
expect "verify" 0 "own.zip: whole" "$kitsink" verify own.zip
expect "unpack" 0 "own.safetensors: " "$kitsink" unpack own.zip -o own.safetensors
expect "pack" 0 "again.zip: codec hnerv, " "$kitsink" pack own.safetensors -o again.zip
cmp own.zip again.zip || fail "pack: other bytes than the archive"

# Another program's archive: its size and hash are those of its zip, and the sections add up.
expect "foreign info" 0 "archive of another program, codec hnerv, 6 pairs" "$kitsink" info v1.zip
expect "foreign info, json" 0 '"foreign": "v1"' "$kitsink" info v1.zip --json
python3 - "$(stat -c %s v1.zip)" "$(sha256sum v1.zip | cut -d' ' -f1)" <<'PY' || fail "info --json: $(head -c 900 stdout)"
import json, sys
info = json.load(open('stdout'))
assert info['bytes'] == int(sys.argv[1]) == sum(s['bytes'] for s in info['sections'].values())
assert info['sha256'] == sys.argv[2]
assert info['format'] == 0 and not info['nets_at_inflate']
PY
expect "foreign verify" 0 "v1.zip: whole" "$kitsink" verify v1.zip
expect "foreign repack" 0 "against the $(stat -c %s v1.zip) before" "$kitsink" repack v1.zip -o small.zip
expect "repacked info" 0 "format 2, codec hnerv" "$kitsink" info small.zip
[[ $(stat -c %s small.zip) -lt $(stat -c %s v1.zip) ]] || fail "repack: larger"
for name in v1 small; do expect "unpack $name" 0 "" "$kitsink" unpack $name.zip -o $name.safetensors; done
cmp v1.safetensors small.safetensors || fail "repack: other tensors"
expect "repack over its input" 1 "v1.zip" "$kitsink" repack v1.zip -o v1.zip --force

# inflate: the same frames from both, in whole and in parts.
expect "inflate foreign" 0 "2 pairs" "$kitsink" inflate v1.zip one --pairs 0:2
[[ $(stat -c %s one/v1.raw) -eq $((4 * frame)) ]] || fail "inflate: $(stat -c %s one/v1.raw) bytes"
grep -q "$(sha256sum v1.zip | cut -d' ' -f1)" one/v1.json || fail "the manifest does not name the foreign archive"
expect "inflate repacked" 0 "" "$kitsink" inflate small.zip two --pairs 0:2 --threads 2 --name v1
cmp one/v1.raw two/v1.raw || fail "the repacked archive gave other frames"
mkdir folder
(cd folder && python3 -m zipfile -e ../v1.zip .)
expect "inflate a folder" 0 "" "$kitsink" inflate folder three --pairs 1:2 --name v1
cmp three/v1.raw <(tail -c +$((2 * frame + 1)) one/v1.raw) || fail "an extracted folder gave other frames"
expect "page" 0 "page.html: " "$kitsink" report v1.zip -o page.html
grep -q 'aria-label="latent 0"' page.html || fail "the page lacks the latents"

# What is refused: other lengths, another program's damaged streams.
cp -r folder broken
member=$(find broken -type f)
for edit in "cut 100" "flip 20" "flip 60" "empty 0"; do
  read -r kind at <<<"$edit"
  python3 - "$(find folder -type f)" "$member" "$kind" "$at" <<'PY'
import sys
data, (kind, at) = bytearray(open(sys.argv[1], 'rb').read()), sys.argv[3:]
if kind == 'flip':
    data[int(at)] ^= 16
else:
    del data[int(at):]
open(sys.argv[2], 'wb').write(data)
PY
  for verb in verify "unpack -o none.safetensors" "repack -o none.zip" "inflate -o none"; do
    read -r name rest <<<"$verb"
    expect "$name, $kind $at" 1 "broken" "$kitsink" "$name" broken $rest
  done
  [[ ! -e none.safetensors && ! -e none.zip && ! -e none/broken.raw ]] || fail "$kind: left an output"
done

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
