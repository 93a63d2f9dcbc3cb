#!/usr/bin/env bash
# Turns the contest's archive into raw frames with kitsink, called as the contest's evaluate.sh calls it:
#   inflate.sh ARCHIVE_FOLDER OUTPUT_FOLDER VIDEO_NAMES_FILE
# kitsink is $KITSINK, else the one in kitsink/bin beside this script, else on PATH, else built from kitsink/source, else
# the one that runs `kitsink evaluate`.
# KITSINK_TIME_LIMIT (seconds, default 1500) covers all of this script; the contest's 30 minutes include set-up and
# scoring.
set -euo pipefail
fail() { echo "inflate.sh: $1" >&2; exit 1; }
[[ $# -eq 3 ]] || fail "got $# arguments, expected ARCHIVE_FOLDER OUTPUT_FOLDER VIDEO_NAMES_FILE"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
archive=$(realpath -e -- "$1") || fail "$1: no such archive folder"
names=$(realpath -e -- "$3") || fail "$3: no such file of video names"
mkdir -p -- "$2"
output=$(realpath -e -- "$2")
limit=${KITSINK_TIME_LIMIT:-1500}

# One archive holds one clip, which may be named twice.
mapfile -t lines < <(tr -d '\r' <"$names" | sed 's/^[[:space:]]*//; s/[[:space:]]*$//; /^$/d' | sort -u)
[[ ${#lines[@]} -eq 1 ]] || fail "$names names ${#lines[@]} videos, the archive holds one"
stem=${lines[0]%.*}
case "/$stem/" in */../*) fail "$names: \"${lines[0]}\" leads out of the output folder" ;; esac
# A .raw of an earlier run must not be taken for this run's.
rm -rf -- "$output/$stem.raw" "$output/$stem.json" "$output/$stem.raw.resume"

kitsink=${KITSINK:-}
if [[ -z $kitsink && -x $here/kitsink/bin/kitsink ]]; then
  kitsink=$here/kitsink/bin/kitsink
  export LD_LIBRARY_PATH=$here/kitsink/bin${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
[[ -n $kitsink ]] || kitsink=$(command -v kitsink || true)
if [[ -z $kitsink && -f $here/kitsink/source/CMakeLists.txt ]]; then
  # -DKITSINK_ENGINE=OFF for a codec that inflates without LibTorch. For the others, use the LibTorch of the installed
  # Python, as in the contest's environment, else the system's.
  options=$(cat "$here/kitsink/build_options" 2>/dev/null || true)
  torch=
  [[ $options == *ENGINE=OFF* ]] || torch=$(python3 -c 'import torch; print(torch.utils.cmake_prefix_path)' 2>/dev/null || true)
  # shellcheck disable=SC2086 # options are words
  cmake -S "$here/kitsink/source" -B "$here/kitsink/build" -DCMAKE_BUILD_TYPE=Release -DKITSINK_TESTS=OFF \
    $options ${torch:+-DCMAKE_PREFIX_PATH="$torch"} >&2
  cmake --build "$here/kitsink/build" --target kitsink --parallel "$(nproc)" >&2
  kitsink=$here/kitsink/build/kitsink
  echo "inflate.sh: built kitsink in $SECONDS s" >&2
fi
if [[ -z $kitsink && -x ${KITSINK_EVALUATOR:-} ]]; then
  kitsink=$KITSINK_EVALUATOR
  echo "inflate.sh: uses the kitsink that evaluates; elsewhere set KITSINK, or make the submission --with-binary or --with-source" >&2
fi
[[ -n $kitsink ]] || fail "found no kitsink: set KITSINK, or make the submission --with-binary or --with-source"

# A codec that runs the evaluator nets at inflate needs the nets that the archive was made for. Candidates:
# $KITSINK_NETS, those of the contest's checkout (the working folder, or a folder above this script or the names file),
# and those beside this script.
folders=("${KITSINK_NETS:-}" "${KITSINK_CHALLENGE_DIR:+$KITSINK_CHALLENGE_DIR/models}" models "$here/nets")
for above in "$here" "$(dirname -- "$names")"; do
  until [[ $above == / ]]; do folders+=("$above/models"); above=$(dirname -- "$above"); done
done
nets=()
needs_nets=1
if [[ $("$kitsink" info "$archive" --json) == *'"nets_at_inflate": false'* ]]; then needs_nets=0; fi
others=
for folder in "${folders[@]}"; do
  [[ -n $folder && -f $folder/segnet.safetensors && -f $folder/posenet.safetensors ]] || continue
  if [[ -f $here/nets.sha256 ]] && ! (cd "$folder" && sha256sum --check --status "$here/nets.sha256"); then
    [[ " $others " == *" $folder "* ]] || others+=" $folder"
    continue
  fi
  nets=(--nets "$folder")
  break
done
[[ $needs_nets -eq 0 || ${#nets[@]} -gt 0 ]] || fail "found no fitting segnet.safetensors and posenet.safetensors: set KITSINK_NETS to their folder${others:+; other nets are in$others}"

left=$((limit - SECONDS))
[[ $left -gt 0 ]] || fail "no time left of $limit s"
mkdir -p -- "$(dirname -- "$output/$stem")"
"$kitsink" inflate "$archive" "$(dirname -- "$output/$stem")" --name "$(basename -- "$stem")" "${nets[@]}" \
  --time-limit "${left}s"
echo "inflate.sh: done in $SECONDS s" >&2
