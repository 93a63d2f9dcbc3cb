#!/usr/bin/env bash
# The pages about a run, an archive and a ledger in a real browser: keyboard, pointer, touch, links, both widths.
# usage: pages_test.sh KITSINK RENDER_ROAD SOURCE_DIR [FOLDER_FOR_SCREENSHOTS]
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
  echo "skipped: no Chromium here; apt-get install chromium"
  exit 77
}
quick=(--nets "$nets" --device cpu --threads 2)
"$render_road" --seed 4 --frames 6 --size 320x240 -o clip.mkv >/dev/null 2>&1 || fail "render_road"
"$kitsink" compress clip.mkv -o clip.zip --fit-steps 2 --level 1 --generator tiny -q "${quick[@]}" || fail "compress"
"$kitsink" inflate clip.zip out --steps 2 -q "${quick[@]}" || fail "inflate"
"$kitsink" score out --ledger runs.jsonl --note "two <steps>" -q "${quick[@]}" >/dev/null || fail "score"
"$kitsink" score out --ledger runs.jsonl -q "${quick[@]}" >/dev/null || fail "score"
"$kitsink" report out -o run.html --ledger runs.jsonl --show-pairs 0,1,2 -q "${quick[@]}" || fail "report of a run"
"$kitsink" report clip.zip -o archive.html -q || fail "report of an archive"
"$kitsink" ledger runs.jsonl -o ledger.html -q >/dev/null || fail "ledger"
PYTHONDONTWRITEBYTECODE=1 python3 "$3/tests/cli/pages_test.py" "$browser" . "${@:4:1}" || fail "in Chromium"
[[ $failures -eq 0 ]] || exit 1
