#!/usr/bin/env bash
# The code for a GPU, on a CUDA device made of ordinary memory (fake_cuda.cc): every codec's compress, inflate and score.
# usage: device_test.sh KITSINK RENDER_ROAD SOURCE_DIR FAKE_CUDA_LIBRARY
# The library is "-" where LibTorch has CUDA itself, or is another version than the library is written for.
if [[ $4 == - ]]; then
  echo "skipped: the fake CUDA device is for a LibTorch 1 without CUDA, and not for sanitizers"
  exit 77
fi
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
export OMP_WAIT_POLICY=PASSIVE OPENBLAS_THREAD_TIMEOUT=4 # the engine is too late to say so: LibTorch is loaded first

on_device=(env LD_PRELOAD="$4" "$kitsink")
quick=(--nets "$nets" --device cuda --threads 1 -q)

# made NAME STAGE VIDEO OPTION...: compresses on the device, through STAGE; the frames score there what compress said.
made() {
  local name=$1 stage=$2 video=$3
  shift 3
  "${on_device[@]}" compress "$video" -o "$name.zip" "${quick[@]}" "$@" >stdout 2>stderr || fail "$name: $(cat stderr)"
  grep -q '"device": "cuda:0"' "$name.zip.json" || fail "$name: the manifest names another device"
  "$kitsink" inflate "$name.zip" "$name" --threads 1 -q || fail "inflate $name"
  "${on_device[@]}" score "$name" --original "$video" --json "${quick[@]}" >"$name.json" 2>stderr ||
    fail "score $name: $(cat stderr)"
  python3 - "$name.zip.json" "$name.json" "$stage" <<'PY' || fail "$name: compress and score disagree"
import json, sys
made, score = (json.load(open(path)) for path in sys.argv[1:3])
assert made["stages"][-1]["stage"] == sys.argv[3], made["stages"]
kept = [s for s in made["stages"] if s.get("promoted", True)][-1]
for name in ("seg", "pose"):
    assert repr(kept[name]) in json.dumps(score), (name, kept[name], score)
PY
}

"$render_road" --seed 5 --frames 2 --size 320x240 -o clip.mkv >/dev/null 2>&1 || fail "render_road"
"$render_road" --seed 5 --frames 2 --size 1040x780 -o large.mkv >/dev/null 2>&1 || fail "render_road"
"${on_device[@]}" doctor --nets "$nets" --device cuda >stdout 2>stderr || fail "doctor: $(cat stdout stderr)"
grep -Eq '^ok +cuda .*, 1 device$' stdout || fail "doctor: $(cat stdout)"

# Search, which inflates by the nets. LibTorch normalises groups on CUDA in another order, so bits differ from the CPU's.
"${on_device[@]}" compress clip.mkv -o search.zip --fit-steps 2 --level 1 --generator tiny "${quick[@]}" 2>stderr ||
  fail "search: $(cat stderr)"
"${on_device[@]}" inflate search.zip cuda --steps 2 "${quick[@]}" 2>stderr || fail "inflate search: $(cat stderr)"
"$kitsink" inflate search.zip cpu --steps 0 --nets "$nets" --device cpu --threads 1 -q || fail "inflate search on the CPU"
"${on_device[@]}" score cuda --original clip.mkv --json "${quick[@]}" >search.json 2>stderr || fail "score: $(cat stderr)"
python3 - cuda/search.json cpu/search.json search.json <<'PY' || fail "search: other frames than the CPU's"
import json, sys
cuda, cpu, score = (json.load(open(path)) for path in sys.argv[1:])
(before, after), there = (cuda["against_targets"][key] for key in ("before", "after")), cpu["against_targets"]["before"]
assert abs(before["seg"] - there["seg"]) < 1e-3 and abs(before["pose"] / there["pose"] - 1) < 0.1, (before, there)
assert after["pose"] < before["pose"] and after["seg"] <= before["seg"], (before, after)
assert cuda["device"] == score["device"] == "cuda:0" and cpu["device"] == "cpu", score
PY

strict=(--codec strict --renderer tiny --preset fast --train-steps 3 --carrier-steps 1 --carrier-rounds 1 --level 1)
made motion edits clip.mkv "${strict[@]}" --optimiser muon --f0 motion --edit-rounds 1 --edit-passes 1
made atoms carrier clip.mkv "${strict[@]}" --f0 atoms --edit-rounds 0
hnerv=(--codec hnerv --decoder tiny --train-steps 8)
made hnerv polish clip.mkv "${hnerv[@]}" --weight-rounds 1 --polish-rounds 1 --polish-candidates 2
published=("${hnerv[@]}" --recipe published --weight-rounds 0 --polish-rounds 0)
made published train clip.mkv "${published[@]}"
"$kitsink" compress clip.mkv -o cpu.zip "${published[@]}" --nets "$nets" --device cpu --threads 1 -q 2>stderr ||
  fail "published on the CPU: $(cat stderr)"
cmp published.zip cpu.zip || fail "training on one pair gave another archive than on the CPU"
made video 'with a filter of 8 channels' large.mkv --codec video --effort 12 --tries 1 --filter-steps 2 --filter-width 8

# A killed training goes on from its checkpoint.
"${on_device[@]}" compress clip.mkv -o killed.zip "${published[@]}" "${quick[@]}" 2>stderr &
pid=$!
while [[ ! -e killed.zip.resume/train-2.checkpoint ]] && kill -0 $pid 2>/dev/null; do sleep 0.01; done
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
[[ ! -e killed.zip ]] || fail "the job ended before it was killed"
"${on_device[@]}" compress clip.mkv -o killed.zip "${published[@]}" "${quick[@]}" 2>stderr || fail "resumed: $(cat stderr)"
cmp published.zip killed.zip || fail "a killed compress gave another archive"

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
