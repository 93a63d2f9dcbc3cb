#!/usr/bin/env bash
# The verbs around the codec: doctor, ledger, report, submission and audit, on one small clip.
# usage: report_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
sentence='^kitsink [a-z]*: '
quick=(--nets "$nets" --device cpu --threads 2)
json() { python3 -c "import json, sys; print(eval(sys.argv[2], {'j': json.load(open(sys.argv[1]))}))" "$@"; }

mkdir "a folder"
"$render_road" --seed 3 --frames 6 --size 320x240 -o "a folder/clip.mkv" >/dev/null 2>&1 || fail "render_road"
clip="a folder/clip.mkv"
"$kitsink" compress "$clip" -o clip.zip --fit-steps 2 --level 1 --generator tiny -q "${quick[@]}" || fail "compress"
"$kitsink" inflate clip.zip out --steps 2 -q "${quick[@]}" || fail "inflate"

# doctor: every line says ok, warn or fail, and what to do, even without the engine.
expect "doctor" 0 "warn  segnet" "$kitsink" doctor "$clip" "${quick[@]}"
grep -q "^ok    engine   LibTorch" stdout || fail "doctor: no engine: $(cat stdout)"
grep -q "6 frames of 320 x 240" stdout || fail "doctor: no frames: $(cat stdout)"
grep -q $'\033' stdout && fail "doctor colours a pipe"
expect "doctor json" 0 '"failed": 0' "$kitsink" doctor "$clip" --json "${quick[@]}"
[[ $(json stdout "{c['check']: c['health'] for c in j['checks']}['ffmpeg']") == ok ]] || fail "doctor --json: $(cat stdout)"
mkdir pointer cut_nets
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n' | tee pointer/segnet.safetensors >pointer/posenet.safetensors
expect "doctor and a pointer" 1 "is an LFS pointer" "$kitsink" doctor --nets pointer
head -c 900000 "$nets/segnet.safetensors" >cut_nets/segnet.safetensors
cp "$nets/posenet.safetensors" cut_nets/
expect "doctor and a cut net" 1 "fetch them again" "$kitsink" doctor --nets cut_nets
expect "doctor without nets" 1 "segnet.safetensors" "$kitsink" doctor --nets nowhere
echo "no video" >text.mkv
expect "doctor and no video" 1 "fail  clip" "$kitsink" doctor text.mkv "${quick[@]}"
expect "doctor and no device" 1 "fail  device" "$kitsink" doctor --device cuda:9 --nets "$nets"

# doctor on machines with and without an NVIDIA driver and its devices: a mount namespace shows other files.
with_driver=(unshare --mount bash -c 'mount -t tmpfs none /sys/module && mkdir /sys/module/nvidia &&
  echo 535.54.03 >/sys/module/nvidia/version && exec "$@"' bash)
without_driver=(unshare --mount bash -c 'mount -t tmpfs none /sys/module && exec "$@"' bash)
doctor=("$kitsink" doctor --nets "$nets")
if ! "${with_driver[@]}" true 2>/dev/null; then
  echo "doctor's words about drivers are not checked: no mount namespaces here"
elif "${doctor[@]}" | grep -q "built without CUDA"; then
  expect "no CUDA, no driver" 0 "ok    cuda     this LibTorch is built without CUDA; no NVIDIA driver" \
    "${without_driver[@]}" "${doctor[@]}"
  expect "no CUDA, but a driver" 0 "warn  cuda     this LibTorch is built without CUDA; NVIDIA driver 535.54.03" \
    "${with_driver[@]}" "${doctor[@]}"
elif "${doctor[@]}" | grep -q "^warn  cuda"; then # no device here
  expect "CUDA, no driver" 0 "; no NVIDIA driver" \
    "${without_driver[@]}" "${doctor[@]}"
  expect "devices hidden" 0 "NVIDIA driver 535.54.03, but no device: CUDA_VISIBLE_DEVICES is \"\"" \
    "${with_driver[@]}" env CUDA_VISIBLE_DEVICES= "${doctor[@]}"
  expect "no device files" 0 "but no device: /dev/nvidiactl cannot be opened" \
    "${with_driver[@]}" env -u CUDA_VISIBLE_DEVICES "${doctor[@]}"
  expect "a driver that does not work" 0 "but no device: LibTorch: " \
    "${with_driver[@]}" bash -c 'mount -t tmpfs none /dev && mknod /dev/urandom c 1 9 &&
      : >/dev/nvidiactl && exec "$@"' bash "${doctor[@]}"
fi
mkdir alone
cp "$kitsink" alone/kitsink
export LD_LIBRARY_PATH=$(dirname "$kitsink"):${LD_LIBRARY_PATH:-}
expect "doctor without the engine" 1 "fail  engine" alone/kitsink doctor --nets "$nets"
grep -q "^warn  segnet" stdout || fail "doctor without the engine stops early: $(cat stdout)"

# ledger: the first run, a rejected run, and a run on another device, which is not compared. The JSON agrees with
# score's.
score=("$kitsink" score out --original "$clip" "${quick[@]}")
expect "score to a ledger" 0 "score over 3 pairs" "${score[@]}" --ledger runs.jsonl --note "two steps"
grep -q "line 1: the first of its settings" stderr || fail "ledger: $(cat stderr)"
expect "the same again" 0 '"archive_alone"' "${score[@]}" --ledger runs.jsonl --json
grep -q "line 2: rejected, +0.00000000 against the best so far, line 1" stderr || fail "ledger: $(cat stderr)"
cp stdout score.json
expect "a partial score" 0 "partial" "${score[@]}" --ledger runs.jsonl --pairs 1:2
grep -q "first of its settings; not compared with 2" stderr || fail "ledger: $(cat stderr)"
"$kitsink" inflate clip.zip more --steps 6 -q "${quick[@]}" || fail "inflate"
expect "more steps" 0 "score over" "$kitsink" score more --original "$clip" "${quick[@]}" --ledger runs.jsonl
expect "ledger" 0 "2 settings: a score compares only" "$kitsink" ledger runs.jsonl
grep -q "inflate.steps 2 -> 6" stdout || fail "ledger does not name the change: $(cat stdout)"
grep -q "two steps" stdout || fail "ledger lacks the note: $(cat stdout)"
expect "ledger json" 0 '"verdict": "rejected"' "$kitsink" ledger runs.jsonl --json
[[ $(json stdout "j['settings'][0]['runs'][0]['score']") == "$(json score.json "j['archive_alone']['score']")" ]] ||
  fail "the ledger's score is not the score's"
expect "ledger page" 0 "2 settings" "$kitsink" ledger runs.jsonl -o ledger.html
[[ $(grep -o '<circle class="dot promoted"' ledger.html | wc -l) -eq $((2 * $(json <("$kitsink" ledger runs.jsonl --json) \
  "sum(r['verdict'] != 'rejected' for g in j['settings'] if g['num_runs'] > 1 for r in g['runs'])"))) ]] ||
  fail "promoted marks of the ledger's page"
grep -qE 'https?:|<script ' ledger.html && fail "the ledger's page is not alone"
expect "the best of each settings" 0 "since first" "$kitsink" ledger runs.jsonl --best
[[ $(wc -l <stdout) -eq 3 ]] || fail "not one row for each of two settings: $(cat stdout)"
expect "the best as JSON" 0 '"num_runs": 3' "$kitsink" ledger runs.jsonl --best --json
[[ $(json stdout "[len(g['runs']) for g in j['settings']]") == "[1, 1]" ]] || fail "more than the best: $(cat stdout)"
expect "ledger page again" 1 "--force" "$kitsink" ledger runs.jsonl -o ledger.html
expect "ledger page over its ledger" 1 "runs.jsonl" "$kitsink" ledger runs.jsonl -o runs.jsonl -f
head -c -20 runs.jsonl >cut.jsonl
expect "cut ledger" 1 "cut.jsonl:4: " "$kitsink" ledger cut.jsonl
expect "cut ledger before a score" 1 "cut.jsonl:4: " "${score[@]}" --ledger cut.jsonl
sed -E '2s/"score":[0-9.]+/"score":0.5/' runs.jsonl >forged.jsonl
expect "forged ledger" 1 "forged.jsonl:2: " "$kitsink" ledger forged.jsonl
expect "no ledger" 1 "none.jsonl" "$kitsink" ledger none.jsonl

# page: one file that fetches nothing, with the score's figures.
expect "report" 0 "page.html:" "$kitsink" report out --original "$clip" -o page.html --ledger runs.jsonl --show 2 "${quick[@]}"
expect "report exists" 1 "--force" "$kitsink" report out --original "$clip" -o page.html "${quick[@]}"
expect "report json" 0 '"archive_alone"' "$kitsink" report out --original "$clip" -o page.html -f --json --show 2 \
  --ledger runs.jsonl "${quick[@]}"
cp stdout report.json
python3 - page.html score.json report.json out/clip.json <<'PY' || fail "the page"
import base64, html.parser, json, re, sys
page, score, report = open(sys.argv[1]).read(), json.load(open(sys.argv[2])), json.load(open(sys.argv[3]))
class Walk(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.urls, self.text = [], [], {}
    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.urls += [v for k, v in attributes if k in ("src", "href", "srcset", "action", "data", "poster")]
        if tag not in ("meta", "img"):
            self.open.append((tag, values.get("id")))
    def handle_endtag(self, tag):
        assert self.open and self.open.pop()[0] == tag, tag
    def handle_data(self, data):
        if self.open and self.open[-1][1]:
            self.text[self.open[-1][1]] = self.text.get(self.open[-1][1], "") + data
walk = Walk()
walk.feed(page)
assert not walk.open
assert "http:" not in page and "https:" not in page and page.count("<script>") == 1
# 3 pairs: 2 worst and 1 best, 6 pictures each.
assert len(walk.urls) == 18, len(walk.urls)
for url in walk.urls:
    kind, data = re.fullmatch(r"data:image/(png|jpeg);base64,([A-Za-z0-9+/=]+)", url).groups()
    start = {"png": b"\x89PNG", "jpeg": b"\xff\xd8\xff"}[kind]
    assert base64.b64decode(data, validate=True).startswith(start)
assert json.loads(walk.text["json"]) == report
assert report["archive_alone"] == score["archive_alone"] and report["pairs"] == score["pairs"]
assert walk.text["score"] == "%.8f" % score["archive_alone"]["score"]
for term in ("seg_term", "pose_term", "rate_term"):
    assert "%.8f" % score["archive_alone"][term] in page, term
steps = len(json.load(open(sys.argv[4]))["against_targets"]["curve"])
assert steps > 1 and page.count("<rect") == 3 * 2 + 3 * 4 + 2 * steps and page.count("<circle") == 6
assert walk.text.get("legend", "").startswith("Class maps:"), walk.text.get("legend")
assert "1 of 4 runs have other settings" in page
PY
expect "report of a part" 0 "over 1 pairs" "$kitsink" report out --original "$clip" -o part.html --pairs 2:3 "${quick[@]}"
grep -q "partial: 1 of 3" part.html || fail "the page of a part does not say so"
expect "chosen pairs" 0 "over 3 pairs" "$kitsink" report out --original "$clip" -o chosen.html --show 0 --show-pairs 2,0,2 \
  --picture-width 100 "${quick[@]}"
grep -q '<option>pair 2, chosen</option><option>pair 0, chosen</option></select>' chosen.html || fail "not the chosen pairs"
[[ $(wc -c <chosen.html) -lt $(wc -c <page.html) ]] || fail "smaller pictures do not make the page smaller"
expect "a pair that is not scored" 1 "pair 1 is to be shown" "$kitsink" report out --original "$clip" -o x.html --pairs 2:3 \
  --show-pairs 1 "${quick[@]}"
expect "a pair that is none" 0 "pair 7 is not shown" "$kitsink" report out --original "$clip" -o part.html -f --show-pairs 7 \
  "${quick[@]}"
grep -q '<p class="warn">pair 7 is not shown' part.html || fail "the page does not say what it leaves out"
expect "report without engine" 1 "libkitsink_engine.so" alone/kitsink report out --original "$clip" -o x.html --nets "$nets"
[[ ! -e x.html ]] || fail "x.html was left behind"

# submission: made, audited, and run by evaluate as by the contest.
expect "submission" 0 "runs SegNet and PoseNet" "$kitsink" submission "sub missions/mine" --archive clip.zip --with-binary
expect "submission again" 1 "--force" "$kitsink" submission "sub missions/mine" --archive clip.zip
cmp -s clip.zip "sub missions/mine/archive.zip" || fail "the submission's archive is another"
expect "no archive" 1 "none.zip" "$kitsink" submission other --archive none.zip
expect "a stranger's archive" 1 "text.mkv" "$kitsink" submission other --archive text.mkv
[[ ! -e other ]] || fail "a failed submission left its folder"
expect "audit" 1 "bytes outside the archive would count" "$kitsink" audit "sub missions/mine"
grep -q "no report.txt" stdout || fail "audit: $(cat stdout)"
evaluate=("$kitsink" evaluate --submission-dir "./sub missions/mine" --uncompressed-dir "a folder" --video-names-file names.txt
  --nets "$nets" --threads 2)
printf 'clip.mkv' >names.txt # no newline at its end
mkdir "sub missions/mine/inflated"
echo stale >"sub missions/mine/inflated/clip.raw"
export KITSINK_NETS=$nets KITSINK_TIME_LIMIT=25
expect "evaluate a submission" 0 "score over 3 pairs" "${evaluate[@]}" --time-limit 5m --ledger runs.jsonl
[[ $(stat -c %s "sub missions/mine/inflated/clip.raw") -eq $((6 * 320 * 240 * 3)) ]] || fail "frames of the submission"
expect "audit with a score" 1 "would count" "$kitsink" audit "sub missions/mine" --json
cp stdout audit.json
python3 - audit.json "sub missions/mine/report.txt" <<'PY' || fail "audit.json: $(cat audit.json)"
import json, re, sys
audit, text = json.load(open(sys.argv[1])), open(sys.argv[2]).read()
number = lambda label: float(re.search(label + r": ([\d.,]+)", text).group(1).replace(",", ""))
seg, pose = number("SegNet Distortion"), number("PoseNet Distortion")
original, archive = number("Original uncompressed size"), number("Submission file size")
for name, extra in (("archive_alone", 0), ("with_nets", 38502892 + 55835560)):
    assert abs(audit["score"][name] - (100 * seg + (10 * pose) ** 0.5 + 25 * (archive + extra) / original)) < 1e-9, name
PY
wrapper=("bash" "sub missions/mine/inflate.sh")
mkdir member && (cd member && python3 -m zipfile -e ../clip.zip .)

sentence='^inflate.sh: '
expect "wrapper, two arguments" 1 "expected ARCHIVE_FOLDER" "${wrapper[@]}" member out2
expect "wrapper, no archive" 1 "no such archive folder" "${wrapper[@]}" nowhere out2 names.txt
printf 'a.mkv\n\nb.mkv\n' >two.txt
expect "wrapper, two videos" 1 "names 2 videos" "${wrapper[@]}" member out2 two.txt
printf '../../clip.mkv\n' >outside.txt
expect "wrapper, name outside" 1 "leads out of" "${wrapper[@]}" member out2 outside.txt
KITSINK_NETS=cut_nets expect "wrapper, other nets" 1 "found no fitting" "${wrapper[@]}" member out2 names.txt
[[ $(ls -A out2) == "" ]] || fail "a failed wrapper left $(ls out2)"
sentence='^kitsink [a-z]*: '
expect "evaluate, bad time" 2 "30m" "${evaluate[@]}" --time-limit soon

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
