#!/usr/bin/env bash
# `kitsink unpack`, `pack` and `repack`: tensors that plain Python reads and writes come back as the same archive, and
# tensors that do not fit are refused in one sentence.
# usage: pack_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$render_road" --seed 3 --frames 4 --size 320x240 -o clip.mkv >/dev/null 2>&1 || fail "render_road"
quick=(--nets "$nets" --device cpu --threads 2 -q)
"$kitsink" compress clip.mkv -o clip.zip --fit-steps 1 --level 1 --generator tiny "${quick[@]}" || fail "compress"

# From here on the command stands alone, until there are frames to score.
with_engine=$kitsink
mkdir alone
cp "$kitsink" alone/kitsink
export LD_LIBRARY_PATH=$(dirname "$kitsink"):${LD_LIBRARY_PATH:-}
kitsink=$PWD/alone/kitsink

sha() { sha256sum "$1" | cut -d ' ' -f 1; }

# The smallest reader and writer of safetensors files. `tensors` has [dtype, shape, data] of each name.
cat >plain.py <<'PY'
import json, math, struct, sys
SIZES = {'F32': 4, 'I32': 4, 'F16': 2, 'U8': 1}

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
        header[name] = {'dtype': dtype, 'shape': shape, 'data_offsets': [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text + b''.join(t[2] for t in tensors.values()))
PY

# edit FILE STATEMENTS: clip.safetensors, changed by Python statements about `metadata` and `tensors`, as FILE.
edit() {
  python3 - "$1" "$2" <<'PY' || fail "edit $1"
import sys
sys.path.insert(0, '.')
from plain import load, save
metadata, tensors = load('clip.safetensors')
exec(sys.argv[2])
save(sys.argv[1], metadata, tensors)
PY
}

# unpack: what a reader without any package finds in the file.
expect "unpack" 0 "clip.safetensors: " "$kitsink" unpack clip.zip -o clip.safetensors
python3 - <<'PY' || fail "unpack: not the file that it should be"
import json, math, struct, sys
sys.path.insert(0, '.')
from plain import SIZES, load
data = open('clip.safetensors', 'rb').read()
size, = struct.unpack_from('<Q', data)
assert size % 8 == 0
header = json.loads(data[8:8 + size])
assert header.pop('__metadata__') == {'codec': 'search', 'frame_width': '320', 'frame_height': '240'}
end = 0
for name, tensor in header.items():  # in the order of the data, without gaps, aligned
    begin, after = tensor['data_offsets']
    width = SIZES[tensor['dtype']]
    assert begin == end and begin % width == 0, name
    assert after - begin == width * math.prod(tensor['shape']), name
    end = after
assert 8 + size + end == len(data)
maps = header['maps']
assert maps['dtype'] == 'U8' and maps['shape'] == [2, 384, 512], maps
_, tensors = load('clip.safetensors')
assert max(tensors['maps'][2]) < 5
assert header['poses.codes']['dtype'] == 'I32' and header['poses.codes']['shape'] == [2, 6]
codes = [n for n in header if n.startswith('generator.') and n.endswith('.codes')]
assert codes and all(header[n]['dtype'] == 'U8' and max(tensors[n][2]) < 16 and 8 not in tensors[n][2] for n in codes)
assert all(header[n[:-5] + 'scales']['dtype'] == 'F16' for n in codes)
assert header['generator.shared_trunk.embedding.weight']['shape'][0] == 5
PY
expect "unpack, existing output" 1 "clip.safetensors" "$kitsink" unpack clip.zip -o clip.safetensors
expect "unpack, json" 0 "\"bytes\": $(stat -c %s clip.safetensors)" \
  "$kitsink" unpack clip.zip -o clip.safetensors -f --json
python3 -c "import json; json.load(open('stdout'))" || fail "unpack --json"
mkdir extracted
(cd extracted && python3 -m zipfile -e ../clip.zip .)
expect "unpack, folder" 0 "folder.safetensors: " "$kitsink" unpack extracted -o folder.safetensors
cmp clip.safetensors folder.safetensors || fail "unpack: a folder gave another file"
expect "unpack, not an archive" 1 "not a zip archive" "$kitsink" unpack clip.mkv -o none.safetensors
expect "unpack, no folder" 1 "nowhere" "$kitsink" unpack clip.zip -o nowhere/none.safetensors

# pack: the same archive, whatever order and spaces the tensors come in.
expect "pack" 0 "packed.zip: codec search, $(stat -c %s clip.zip) bytes" \
  "$kitsink" pack clip.safetensors -o packed.zip --level 1
cmp clip.zip packed.zip || fail "pack: other bytes than the archive"
edit sorted.safetensors "tensors = dict(sorted(tensors.items()))"
cmp -s clip.safetensors sorted.safetensors && fail "sorted.safetensors is no other file"
expect "pack, tensors in another order" 0 "" "$kitsink" pack sorted.safetensors -o packed.zip --level 1 -f
cmp clip.zip packed.zip || fail "pack: tensors in another order gave other bytes"
expect "pack, existing output" 1 "packed.zip" "$kitsink" pack clip.safetensors -o packed.zip
expect "pack, level" 2 "--level" "$kitsink" pack clip.safetensors -o none.zip --level 4
expect "pack, json" 0 '"codec": "search"' "$kitsink" pack clip.safetensors -o packed.zip --level 1 -f --json
python3 - "$(sha clip.zip)" <<'PY' || fail "pack --json: $(cat stdout)"
import json, os, sys
packed = json.load(open('stdout'))
assert packed['sha256'] == sys.argv[1] and packed['bytes'] == os.path.getsize('clip.zip'), packed
assert 'before_bytes' not in packed
PY

# repack: the same integers in fewer bytes, and the manifest goes along.
expect "repack" 0 "against the $(stat -c %s clip.zip) before" "$kitsink" repack clip.zip -o small.zip --level 3
[[ $(stat -c %s small.zip) -lt $(stat -c %s clip.zip) ]] || fail "repack: level 3 is not smaller than level 1"
expect "repacked, unpack" 0 "" "$kitsink" unpack small.zip -o small.safetensors
cmp clip.safetensors small.safetensors || fail "repack: other tensors"
expect "repack, back" 0 "" "$kitsink" repack small.zip -o back.zip --level 1
cmp clip.zip back.zip || fail "repack: back at level 1 gave other bytes"
expect "repack, trees" 0 "" "$kitsink" repack clip.zip -o trees.zip --level ctw
expect "info, trees" 0 ", level ctw, " "$kitsink" info trees.zip
expect "repack, trees and back" 0 "" "$kitsink" repack trees.zip -o back.zip --level 1 -f
cmp clip.zip back.zip || fail "repack: back from level ctw gave other bytes"
expect "repack, existing output" 1 "small.zip" "$kitsink" repack clip.zip -o small.zip
expect "repack, json" 0 "\"before_bytes\": $(stat -c %s clip.zip)" "$kitsink" repack clip.zip -o small.zip -f --json
python3 - "$(sha small.zip)" "$(sha clip.zip)" <<'PY' || fail "repack: manifest"
import json, os, sys
repacked, manifest, before = (json.load(open(name)) for name in ('stdout', 'small.zip.json', 'clip.zip.json'))
assert manifest['archive']['sha256'] == repacked['sha256'] == sys.argv[1]
assert manifest['archive']['path'] == os.path.abspath('small.zip') and manifest['archive']['bytes'] == repacked['bytes']
assert manifest['repacked_from'] == sys.argv[2]
assert manifest['original'] == before['original'] and manifest['nets'] == before['nets']
assert 'sections' not in manifest
PY
original="25 * bytes / $(stat -c %s clip.mkv) (the archive's manifest)"
expect "repacked, info" 0 "$original" "$kitsink" info small.zip
mv extracted clip
expect "repack, folder" 0 "" "$kitsink" repack clip -o folder.zip --level 1
cmp clip.zip folder.zip || fail "repack: a folder gave other bytes"
expect "repacked folder, info" 0 "$original" "$kitsink" info folder.zip
cp clip.zip bare.zip
expect "repack, no manifest" 0 "" "$kitsink" repack bare.zip -o bare2.zip --level 1
[[ ! -e bare2.zip.json ]] || fail "repack made a manifest of nothing"
echo "{}" >taken.zip.json
expect "repack, existing manifest" 1 "taken.zip.json" "$kitsink" repack clip.zip -o taken.zip --level 1
[[ ! -e taken.zip && $(cat taken.zip.json) == "{}" ]] || fail "repack, existing manifest: something was written"
"$with_engine" inflate small.zip out --steps 0 "${quick[@]}" || fail "repacked, inflate"
expect "repacked, score" 0 "$(sha clip.mkv)" "$with_engine" score out "${quick[@]}" --json

# Selectors that Python adds survive. Two pairs: two codes each, one for both in LCT3B.
edit tails.safetensors "
tensors['selectors.F1S4B'] = ['U8', [2], bytes([15, 1])]
tensors['selectors.PSEL3'] = ['U8', [2], bytes([0, 7])]
tensors['selectors.LCT3B'] = ['U8', [1], bytes([6])]"
expect "pack, selectors" 0 "" "$kitsink" pack tails.safetensors -o tails.zip --level 1
expect "verify, selectors" 0 "tails.zip: whole" "$kitsink" verify tails.zip
expect "info, selectors" 0 "3 selector tails" "$kitsink" info tails.zip
expect "unpack, selectors" 0 "" "$kitsink" unpack tails.zip -o tails2.safetensors
python3 -c "
from plain import load
assert load('tails.safetensors') == load('tails2.safetensors')" || fail "selectors: other tensors than were packed"

# Poses of version 1, halves and bytes with a rule of their own, do too; so does an archive of long ago.
edit v1.safetensors "
import struct
del tensors['poses.steps_per_unit']
tensors['poses.codes'][2] = struct.pack('<12i', 15000, 0, 1, 2, 254, 255, 15360, 3, 1, 2, 255, 254)
tensors['poses.minimum'] = ['F32', [5], struct.pack('<5f', -1, 0, 1e-3, -2.5, 7)]
tensors['poses.scale'] = ['F32', [5], struct.pack('<5f', 1, .5, 1e-6, 3, .1)]"
expect "pack, poses of version 1" 0 "" "$kitsink" pack v1.safetensors -o v1.zip --level 1
expect "info, poses of version 1" 0 "2 poses of 6 values, version 1" "$kitsink" info v1.zip
expect "unpack, poses of version 1" 0 "" "$kitsink" unpack v1.zip -o v1_again.safetensors
python3 -c "
from plain import load
assert load('v1.safetensors') == load('v1_again.safetensors')" || fail "poses of version 1: other tensors"
golden=$3/tests/golden/archive.zip
expect "unpack, golden" 0 "" "$kitsink" unpack "$golden" -o golden.safetensors
expect "pack, golden" 0 "" "$kitsink" pack golden.safetensors -o golden.zip --level 2
cmp "$golden" golden.zip || fail "pack: the golden archive came back with other bytes"

# What does not fit is refused in one sentence, and nothing is left.
# refused NAME STATEMENTS TEXT...: pack names the file and every TEXT, and makes as many complaints.
refused() {
  local name=$1 text complaints
  edit bad.safetensors "$2"
  shift 2
  expect "refused, $name" 1 "bad.safetensors: " "$kitsink" pack bad.safetensors -o bad.zip --level 1
  for text in "$@"; do
    grep -qF -- "$text" stderr || fail "refused, $name: no \"$text\" in: $(cat stderr)"
  done
  complaints=$(grep -o '; ' stderr | wc -l)
  [[ $complaints -eq $(($# - 1)) ]] || fail "refused, $name: expected $# complaints: $(cat stderr)"
  [[ ! -e bad.zip ]] || fail "refused, $name: left an output"
}
# Kept as the edits of the last check, which makes them all at once.
wrong_type="tensors['poses.codes'][0] = 'F32'"
wrong_shape="tensors['maps'][1] = [2, 512, 384, 1]"
missing="del tensors['generator.frame1_head.head.bias']"
unknown="tensors['extra'] = ['U8', [1], b'x']"
name="'generator.shared_trunk.stem_conv.dw.weight.codes'"
fp4="tensors[$name][2] = b'\x08' + tensors[$name][2][1:]"
selector="tensors['selectors.PSEL3'] = ['U8', [2], b'\x00\x08']"
says_type='poses.codes is F32 [2,6], expected I32 [2,any]'
says_shape='maps is U8 [2,512,384,1], expected U8 [any,any,any]'
says_missing='generator.frame1_head.head.bias is missing'
says_unknown='"extra" is unknown'
says_fp4='shared_trunk.stem_conv.dw.weight: got FP4 code 8, expected 0 to 15 but 8'
says_selector='selectors.PSEL3 holds code 8, expected less than 8'
refused "dtype" "$wrong_type" "$says_type"
refused "shape" "$wrong_shape" "$says_shape"
refused "missing" "$missing" "$says_missing"
refused "unknown" "$unknown" "$says_unknown"
refused "FP4 code" "$fp4" "$says_fp4"
refused "selector code" "$selector" "$says_selector"
refused "selectors' number" "tensors['selectors.LCT3B'] = ['U8', [2], b'ab']" \
  'selectors.LCT3B is U8 [2], expected U8 [1]'
refused "class id" "tensors['maps'][2] = b'\x05' + tensors['maps'][2][1:]" \
  'maps holds id 5, expected less than the 5 classes'
refused "pairs" "tensors['poses.codes'] = ['I32', [3, 6], bytes(72)]" 'poses.codes is I32 [3,6], expected I32 [2,any]'
refused "no maps" "tensors['maps'] = ['U8', [0, 384, 512], b'']" 'maps is U8 [0,384,512], expected U8 [any,any,any]'
refused "steps" "tensors['poses.steps_per_unit'][2] = bytes(4)" 'steps'
refused "scale" "
name = 'generator.shared_trunk.stem_conv.dw.weight.scales'
tensors[name][2] = b'\x00\x7c' + tensors[name][2][2:]" \
  'shared_trunk.stem_conv.dw.weight: a scale is not a positive finite half'
refused "no generator" "tensors = {n: t for n, t in tensors.items() if not n.startswith('generator.')}" \
  'generator.shared_trunk.embedding.weight is missing' 'generator.shared_trunk.stem_conv.pw.bias is missing' \
  'generator.shared_trunk.down_conv.pw.bias is missing' 'generator.pose_mlp.0.weight is missing' \
  'generator.frame1_head.pre.pw.bias is missing'
refused "a flat weight" "
tensor = tensors['generator.pose_mlp.0.weight']
tensor[1] = [6 * tensor[1][0]]" \
  'generator.pose_mlp.0.weight does not have 2 dimensions'
refused "all at once" "$(printf '%s\n' "$wrong_type" "$wrong_shape" "$missing" "$unknown" "$fp4" \
  "tensors['selectors.PSEL9'] = ['U8', [2], b'ab']")" \
  'poses.codes is F32 [2,6], expected I32 [any,any]' "$says_shape" "$says_missing" "$says_unknown" "$says_fp4" \
  '"selectors.PSEL9" is unknown'
refused "what the maps decide" "$(printf '%s\n' "$wrong_type" "$selector" "$missing")" \
  "$says_type" "$says_selector" "$says_missing"

# Metadata.
refused "no codec" "del metadata['codec']" 'no "codec", expected one of hnerv, search'
refused "unknown codec" "metadata['codec'] = 'mp\x1b4'" 'codec "mp\x1b4", expected one of hnerv, search'
refused "no metadata" "metadata.clear()" 'no "codec"'
refused "frame width" "metadata['frame_width'] = '320px'" 'frame_width as "320px", expected a number from 1 to 4096'
refused "frame height" "metadata['frame_height'] = '0'" 'frame_height as "0"'
refused "half a frame size" "del metadata['frame_height']" 'frame_height as ""'
refused "metadata of another kind" "metadata['codec'] = 7" '__metadata__'
edit default.safetensors "del metadata['frame_width'], metadata['frame_height']; metadata['format'] = 'pt'"
expect "pack, no frame size" 0 "" "$kitsink" pack default.safetensors -o default.zip --level 1
expect "info, no frame size" 0 "2 pairs of 1164 x 874 frames" "$kitsink" info default.zip

# Files that are no safetensors files.
head -c 1000 clip.safetensors >cut.safetensors
expect "pack, cut" 1 "cut.safetensors: " "$kitsink" pack cut.safetensors -o bad.zip
expect "pack, an archive" 1 "clip.zip: " "$kitsink" pack clip.zip -o bad.zip
expect "pack, none" 1 "none.safetensors" "$kitsink" pack none.safetensors -o bad.zip
[[ ! -e bad.zip ]] || fail "pack: left an output"

# The safetensors package, where it is installed.
if python3 -c "import safetensors.numpy" 2>/dev/null; then
  python3 - <<'PY' || fail "the safetensors package"
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
with safe_open('tails2.safetensors', 'np') as f:
    metadata = f.metadata()
tensors = load_file('tails2.safetensors')
assert tensors['maps'].shape == (2, 384, 512) and tensors['maps'].dtype == 'uint8'
save_file(tensors, 'package.safetensors', metadata)
PY
  expect "pack, the package's file" 0 "" "$kitsink" pack package.safetensors -o package.zip --level 1
  cmp tails.zip package.zip || fail "pack: the package's file gave other bytes"
else
  echo "skipped: the part with the Python package safetensors, which is not installed"
fi

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
