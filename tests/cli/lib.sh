# Helpers of the shell tests, sourced with the arguments KITSINK RENDER_ROAD SOURCE_DIR. Changes to an empty folder that
# is removed at exit.
set -uo pipefail
kitsink=$1
render_road=$2
nets=$3/models/standin
work=$(mktemp -d "${TMPDIR:-/tmp}/kitsink-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export XDG_CACHE_HOME=$work/cache
failures=0

fail() {
  echo "FAILED: $1"
  failures=$((failures + 1))
}

# expect NAME EXIT_CODE TEXT COMMAND...: the exit code, TEXT on either output, one line on stderr that matches $sentence
# when the code is 1.
sentence='^kitsink '
expect() {
  local name=$1 code=$2 text=$3
  shift 3
  "$@" >stdout 2>stderr
  local got=$?
  [[ $got -eq $code ]] || fail "$name: exit $got, expected $code: $(head -c 400 stderr)"
  grep -qF -- "$text" stdout stderr || fail "$name: no \"$text\" in: $(head -c 900 stdout) $(head -c 400 stderr)"
  if [[ $code -eq 1 ]]; then
    [[ $(grep -c "$sentence" stderr) -eq 1 ]] || fail "$name: expected one sentence, got: $(head -c 400 stderr)"
  fi
  if compgen -G '*.part.*' >/dev/null || compgen -G '*/*.part.*' >/dev/null; then fail "$name: left a temporary file"; fi
}
