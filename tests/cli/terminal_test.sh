#!/usr/bin/env bash
# Output on a terminal and in a pipe, and interruption.
# usage: terminal_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
command -v script >/dev/null || { echo "SKIPPED: needs script(1)"; exit 77; }
quick=(--nets "$nets" --device cpu --threads 1)
"$render_road" --seed 5 --frames 6 --size 320x240 -o clip.mkv >/dev/null 2>&1 || fail "render_road"
"$kitsink" compress clip.mkv -o clip.zip --fit-steps 2 --level 1 --generator tiny -v "${quick[@]}" >stdout 2>stderr || fail "compress"

# -v: bytes per section and seconds per stage, in a pipe without colours and progress.
grep -q '^  m  *[0-9]* bytes .* class maps$' stdout || fail "-v: no bytes of a section: $(cat stdout)"
grep -q 'observe [0-9.]* s, fit [0-9.]* s' stdout || fail "-v: no seconds of a stage: $(cat stdout)"
few=(--prepass-steps 1 --repair-steps 1 "${quick[@]}")
"$kitsink" inflate clip.zip piped --steps 1 -v "${few[@]}" >stdout 2>>stderr || fail "inflate"
grep -q 'decode [0-9.]* s, search [0-9.]* s' stdout || fail "inflate -v: no seconds: $(cat stdout)"
grep -qP '[\r\e]' stdout stderr && fail "a pipe got terminal codes: $(cat stderr)"
"$kitsink" inflate clip.zip quiet --steps 0 -q "${quick[@]}" >stdout 2>stderr || fail "inflate -q"
[[ ! -s stdout && ! -s stderr ]] || fail "-q spoke: $(cat stdout stderr)"

# On a terminal: one line with rate, ETA, terms and pair, which is rewritten and never wraps.
on_terminal() { script -qec "stty cols $1; $2" /dev/null </dev/null; }
search="$kitsink inflate clip.zip term --force --steps 1 ${few[*]}"
on_terminal 200 "$search" >typed || fail "inflate on a terminal: $(cat typed)"
grep -qP '\r\e\[Ksearch [1-3]/3 pairs, [0-9.]+/s, ETA 0:00:[0-9]+, terms so far: seg [0-9.]+ pose [0-9.]+' typed ||
  fail "no progress on a terminal: $(cat -v typed)"
grep -qP 'search: done in 0:00:' typed || fail "no end of progress: $(cat -v typed)"
on_terminal 30 "$search" >typed || fail "inflate on a narrow terminal"
python3 - typed <<'PY' || fail "progress wraps at 30 columns: $(cat -v typed)"
import re, sys
lines = [part for part in re.split(r"\r\x1b\[K", open(sys.argv[1], newline="").read())[1:] if "\n" not in part]
assert lines and all(len(line) < 30 for line in lines), [line for line in lines if len(line) >= 30]
PY

# Colour: only on a terminal, and not with NO_COLOR. An empty NO_COLOR has no effect.
doctor="$kitsink doctor clip.mkv ${quick[*]}"
# typed_has PATTERN COMMAND: the command's output on a terminal contains PATTERN.
typed_has() {
  on_terminal 200 "$2" >typed
  grep -qP "$1" typed
}
coloured='\e\[[0-9;]*m'
typed_has "$coloured" "$doctor" || fail "doctor has no colour on a terminal: $(cat -v typed)"
typed_has "$coloured" "NO_COLOR= $doctor" || fail "an empty NO_COLOR took the colour"
typed_has "$coloured" "NO_COLOR=1 $doctor" && fail "NO_COLOR is not honoured by doctor"
# An archive without its manifest gives a warning.
cp clip.zip bare.zip
bare="$kitsink submission made --archive bare.zip --force"
typed_has "\r\e\[Kkitsink: ($coloured)+warning" "$bare" || fail "a warning has no colour on a terminal: $(cat -v typed)"
typed_has "$coloured" "NO_COLOR=1 $bare" && fail "NO_COLOR is not honoured by warnings: $(cat -v typed)"

# Ctrl-C: the job ends cleanly, says how to resume and keeps its work. Resuming gives the same bytes.
plan=(--steps 6 -q "${few[@]}")
"$kitsink" inflate clip.zip whole "${plan[@]}" || fail "inflate"
"$kitsink" inflate clip.zip stopped "${plan[@]}" >stdout 2>stderr &
pid=$!
for ((i = 0; i < 3000; i++)); do
  compgen -G 'stopped/clip.raw.resume/pair-*.json' >/dev/null && break
  sleep 0.1
done
kill -INT $pid
wait $pid
code=$?
[[ $code -eq 130 ]] || fail "Ctrl-C: exit $code: $(cat stderr)"
[[ $(grep -c '^kitsink inflate: interrupted; the same command goes on from here$' stderr) -eq 1 ]] || fail "Ctrl-C: $(cat stderr)"
[[ ! -e stopped/clip.raw ]] || fail "Ctrl-C left an output that looks whole"
"$kitsink" inflate clip.zip stopped "${plan[@]}" || fail "going on after Ctrl-C"
cmp whole/clip.raw stopped/clip.raw || fail "going on after Ctrl-C gave other frames"
# A verb that keeps no work says so.
head -c $((512 * 384 * 60)) /dev/zero >maps.u8
"$kitsink" mask encode maps.u8 --size 512x384 -o maps.m --level 3 -q >stdout 2>stderr &
pid=$!
sleep 0.5
kill -INT $pid
wait $pid
code=$?
if [[ $code -ne 0 ]]; then
  [[ $code -eq 130 ]] || fail "Ctrl-C on mask encode: exit $code"
  grep -q 'interrupted; give the same command again' stderr || fail "Ctrl-C on mask encode: $(cat stderr)"
  [[ ! -e maps.m ]] || fail "Ctrl-C left a stream"
fi
if compgen -G '*.part.*' >/dev/null; then fail "a temporary file was left"; fi

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
