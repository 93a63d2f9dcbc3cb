#!/usr/bin/env bash
# Codec strict from tensors to frames, which needs no engine: pack, info, verify, unpack, repack, inflate whole, in parts,
# killed and in time, and archives that are refused.
# usage: strict_test.sh KITSINK - SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A scene as any program may write it. Integers come from a counter, so the scene is the same everywhere.
cat >scene.py <<'PY'
import json, math, struct, sys
PAIRS, HEIGHT, WIDTH, CHANNELS, DIMS, ATOMS = 6, 192, 256, 64, 8, 4
SIZES = {'F32': 4, 'F16': 2, 'I16': 2, 'I8': 1, 'U8': 1}
state = 1

def draw(bound):
    global state
    state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
    return (state >> 33) % bound

def load(path):
    data = open(path, 'rb').read()
    size, = struct.unpack_from('<Q', data)
    header = json.loads(data[8:8 + size])
    metadata = header.pop('__metadata__', {})
    return metadata, {name: [t['dtype'], t['shape'], data[8 + size:][slice(*t['data_offsets'])]]
                      for name, t in header.items()}

def save(path, metadata, tensors):
    header, at = {'__metadata__': metadata}, 0
    for name, (dtype, shape, data) in tensors.items():
        assert len(data) == SIZES[dtype] * math.prod(shape), name
        header[name] = {'dtype': dtype, 'shape': shape, 'data_offsets': [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text + b''.join(t[2] for t in tensors.values()))

def scene():
    tensors = {}
    def half(name, count, first=0):
        tensors[name] = ['F16', [count], struct.pack(f'<{count}e', *((draw(33) - 16) / 64 + first for _ in range(count)))]
    def int4(name, shape, scales):
        count = math.prod(shape)
        tensors[name + '.codes'] = ['I8', shape, struct.pack(f'<{count}b', *(draw(15) - 7 for _ in range(count)))]
        tensors[name + '.scales'] = ['F16', [scales], struct.pack(f'<{scales}e', *((16 + draw(48)) / 1024 for _ in range(scales)))]
    line = [bytes((x // 60 + k) % 5 for x in range(WIDTH)) for k in range(5)]
    maps = b''.join(line[(y // 50 + pair) % 5] for pair in range(PAIRS) for y in range(HEIGHT))
    tensors['maps'] = ['U8', [PAIRS, HEIGHT, WIDTH], maps]
    c = CHANNELS
    int4('renderer.token_embed.weight', [5, c], c)
    int4('renderer.frame_embed.weight', [PAIRS, DIMS], DIMS)
    int4('renderer.coord_mix.weight', [c, c + 4, 1, 1], c)
    half('renderer.coord_mix.bias', c)
    for block in range(2):
        name = f'renderer.blocks.{block}.'
        int4(name + 'dw.weight', [c, 1, 3, 3], c)
        half(name + 'dw.bias', c)
        int4(name + 'pw.weight', [c, c, 1, 1], c)
        half(name + 'pw.bias', c)
        half(name + 'norm.weight', c, 1)
        half(name + 'norm.bias', c)
        int4(name + 'film.weight', [2 * c, DIMS], 2 * c)
        half(name + 'film.bias', 2 * c)
    int4('renderer.head.weight', [3, c, 3, 3], 3)
    half('renderer.head.bias', 3)
    count = ATOMS * 3 * 6 * 8
    tensors['carrier.basis.codes'] = ['I8', [ATOMS, 3, 6, 8], struct.pack(f'<{count}b', *(draw(31) - 15 for _ in range(count)))]
    tensors['carrier.basis.scales'] = ['F32', [ATOMS], struct.pack(f'<{ATOMS}f', *(2.0**-i for i in range(ATOMS)))]
    count = PAIRS * ATOMS
    tensors['carrier.coefficients.codes'] = ['I16', [PAIRS, ATOMS], struct.pack(f'<{count}h', *(draw(4001) - 2000 for _ in range(count)))]
    tensors['carrier.coefficients.scales'] = ['F32', [ATOMS], struct.pack(f'<{ATOMS}f', *([2.0**-11] * ATOMS))]
    tensors['selector'] = ['U8', [PAIRS], bytes(range(PAIRS))]
    return {'codec': 'strict', 'frame_width': '320', 'frame_height': '240'}, tensors

if __name__ == '__main__':
    metadata, tensors = scene() if len(sys.argv) == 2 else load(sys.argv[2])
    if len(sys.argv) > 3:
        exec(sys.argv[3])
    save(sys.argv[1], metadata, tensors)
PY
python3 scene.py scene.safetensors || fail "scene.py"
frame=$((320 * 240 * 3))

# pack, info, verify, unpack, repack.
expect "pack" 0 "clip.zip: codec strict, " "$kitsink" pack scene.safetensors -o clip.zip --level 1
expect "info" 0 "format 2, codec strict, 6 pairs of 320 x 240 frames" "$kitsink" info clip.zip
expect "info, parts" 0 "codes of token_embed" "$kitsink" info clip.zip -v
for part in "codes of head" "fp16 values" "basis" "coefficients" "scales and selector"; do
  grep -qF "    $part" stdout || fail "info -v: no $part in: $(cat stdout)"
done
expect "info, json" 0 '"codec": "strict"' "$kitsink" info clip.zip --classes --json
python3 - "$(stat -c %s clip.zip)" <<'PY' || fail "info --json does not add up: $(head -c 900 stdout)"
import json, sys
info = json.load(open('stdout'))
assert info['bytes'] == int(sys.argv[1]) == sum(s['bytes'] for s in info['sections'].values())
for section in info['sections'].values():
    if section['parts']:
        assert abs(sum(p['bytes'] for p in section['parts']) - section['bytes']) < 0.01
PY
expect "verify" 0 "clip.zip: whole" "$kitsink" verify clip.zip
expect "unpack" 0 "clip.safetensors: " "$kitsink" unpack clip.zip -o clip.safetensors
python3 -c "
from scene import load
assert load('scene.safetensors') == load('clip.safetensors')" || fail "unpack: other tensors than were packed"
expect "pack what was unpacked" 0 "" "$kitsink" pack clip.safetensors -o again.zip --level 1 --threads 2
cmp clip.zip again.zip || fail "pack: other bytes than the archive"
expect "repack" 0 "against the $(stat -c %s clip.zip) before" "$kitsink" repack clip.zip -o small.zip --level 2
expect "repack, trees" 0 "" "$kitsink" repack clip.zip -o trees.zip --level ctw
expect "verify, trees" 0 "trees.zip: whole" "$kitsink" verify trees.zip
expect "unpack what was repacked" 0 "" "$kitsink" unpack small.zip -o small.safetensors
cmp clip.safetensors small.safetensors || fail "repack: other tensors"

# inflate: the same frames from 1 thread and 2, whole and in parts, and from both levels.
expect "inflate" 0 "6 pairs" "$kitsink" inflate clip.zip one --threads 1
[[ $(stat -c %s one/clip.raw) -eq $((12 * frame)) ]] || fail "inflate: $(stat -c %s one/clip.raw) bytes"
[[ $(ls one) == $'clip.json\nclip.raw' ]] || fail "inflate left: $(ls one)"
expect "inflate, 2 threads" 0 "" "$kitsink" inflate small.zip two --threads 2 --name clip
cmp one/clip.raw two/clip.raw || fail "2 threads gave other frames than 1"
expect "inflate, pairs" 0 "" "$kitsink" inflate clip.zip part --pairs 2:4
cmp part/clip.raw <(tail -c +$((4 * frame + 1)) one/clip.raw | head -c $((4 * frame))) || fail "--pairs gave other frames"
expect "inflate, no such pairs" 1 "range 5:7, the archive has 0:6" "$kitsink" inflate clip.zip none --pairs 5:7
expect "inflate, shard 1" 0 "" "$kitsink" inflate clip.zip shards --shard 1/2
[[ ! -e shards/clip.raw ]] || fail "the output had its name before shard 0"
expect "inflate, shard 0" 0 "" "$kitsink" inflate clip.zip shards --shard 0/2
cmp one/clip.raw shards/clip.raw || fail "2 shards gave other frames than 1 process"
expect "inflate, time limit" 0 "" "$kitsink" inflate clip.zip limit --time-limit 1s
cmp one/clip.raw limit/clip.raw || fail "a time limit gave other frames"
grep -q "cut_by_time_limit" limit/clip.json && fail "a time limit is said to have cut what it cannot cut"
expect "inflate, existing output" 1 "clip.raw" "$kitsink" inflate clip.zip one
mkdir folder
(cd folder && python3 -m zipfile -e ../clip.zip .)
expect "inflate, folder" 0 "" "$kitsink" inflate folder extracted --name clip
cmp one/clip.raw extracted/clip.raw || fail "an extracted folder gave other frames"
expect "verify, frames" 0 "" "$kitsink" verify clip.zip --against one
printf 'x' | dd of=two/clip.raw bs=1 seek=99 conv=notrunc 2>/dev/null
expect "verify, damaged frames" 1 "" "$kitsink" verify small.zip --against two

# Killed as soon as the folder of finished work is there, then as soon as one more pair is done, and then finished.
entries() { find killed/clip.raw.resume -type f 2>/dev/null | wc -l; }
kills=0
for try in 0 1 2; do
  before=$(entries)
  "$kitsink" inflate clip.zip killed --threads 1 -q >stdout 2>stderr &
  pid=$!
  while [[ $(entries) -le $before ]] && kill -0 $pid 2>/dev/null; do sleep 0.01; done
  [[ $try -eq 2 ]] || kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
  code=$?
  [[ $code -ne 137 ]] || kills=$((kills + 1))
  [[ $code -eq 0 || $code -eq 137 ]] || fail "inflate, killed: exit $code: $(cat stderr)"
  [[ $code -ne 0 ]] || break
done
[[ $kills -gt 0 && $code -eq 0 ]] || fail "inflate: killed $kills times, exit $code"
echo "inflate: killed $kills times"
cmp one/clip.raw killed/clip.raw || fail "a killed inflate gave other frames"
[[ $(ls killed) == $'clip.json\nclip.raw' ]] || fail "a killed inflate left: $(ls killed)"

# What is refused.
refused() {
  python3 scene.py bad.safetensors scene.safetensors "$2" || fail "edit: $1"
  expect "refused, $1" 1 "$3" "$kitsink" pack bad.safetensors -o bad.zip --level 1
  [[ ! -e bad.zip ]] || fail "refused, $1: left an output"
}
refused "code" "tensors['renderer.head.weight.codes'][2] = b'\xf8' + tensors['renderer.head.weight.codes'][2][1:]" \
  "head.weight: got code -8, expected -7 to 7"
refused "mode" "tensors['selector'][2] = bytes([0, 0, 8, 0, 0, 0])" "mode 8"
refused "two at once" "del tensors['maps'], tensors['renderer.head.bias']" \
  "maps is missing; renderer.head.bias is missing"
cp -r folder broken
member=$(find broken -type f)
for edit in "cut 1000" "flip 3000" "empty 0"; do
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
  for verb in info verify "unpack -o none.safetensors" "repack -o none.zip" "inflate -o none"; do
    read -r name rest <<<"$verb"
    expect "$name, $kind" 1 "broken" "$kitsink" "$name" broken $rest
  done
  [[ ! -e none.safetensors && ! -e none.zip && ! -e none/broken.raw ]] || fail "$kind: left an output"
done
head -c 3000 clip.zip >cut.zip
expect "inflate, cut zip" 1 "cut.zip" "$kitsink" inflate cut.zip none


# The page about an archive needs no engine either.
expect "page" 0 "page.html: " "$kitsink" report clip.zip -o page.html
grep -q '<h2>Class maps</h2>' page.html || fail "the page lacks the class maps"
[[ $(grep -o 'class map of pair' page.html | wc -l) -eq 6 ]] || fail "the page does not show the 6 maps"
grep -q 'aria-label="selector mode of f0"' page.html || fail "the page lacks the selector"
grep -qE 'https?:|<script' page.html && fail "the page is not alone"
expect "page again" 1 "--force" "$kitsink" report clip.zip -o page.html
expect "page over its archive" 1 "clip.zip" "$kitsink" report clip.zip -o clip.zip -f
expect "page as JSON" 0 '"codec": "strict"' "$kitsink" report clip.zip -o page.html -f --json
expect "page with an option of frames" 1 "takes no --show" "$kitsink" report clip.zip -o none.html --show 2
expect "page of a cut zip" 1 "cut.zip" "$kitsink" report cut.zip -o none.html
[[ ! -e none.html ]] || fail "none.html was left behind"
head -c 1000 clip.zip >small.mkv
expect "page and the original" 0 "about an archive" "$kitsink" report clip.zip -o page.html -f --original small.mkv
grep -q '25 &times; bytes / 1&#8239;000 (--original)' page.html || fail "the page divides by another original"

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
