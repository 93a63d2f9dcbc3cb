#!/usr/bin/env bash
# Completions and man page agree with --help, and shells complete with them.
# usage: shell_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
shell=$3/scripts/shell
has() { grep "$@" >/dev/null; } # reads to the end: under pipefail "grep -q" would kill, and so fail, a writer that goes on

"$shell/generate" "$kitsink" --check || fail "the files of scripts/shell are stale"

# Every verb and its long options, taken from the help in another way than the generator's.
verbs=$("$kitsink" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]\+\) .*/\1/p')
[[ $(wc -w <<<"$verbs") -ge 9 ]] || fail "found too few verbs: $verbs"
for verb in $verbs; do
  for option in $("$kitsink" "$verb" --help | grep -oE '^  (-[a-zA-Z],)?--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+'); do
    sed -n "/^    \"$verb\") words=/p" "$shell/kitsink.bash" | has -E -- "[\" ]$option[\" ]" || fail "bash: $verb $option"
    sed -n "/^_kitsink_$verb()/,/^}/p" "$shell/_kitsink" | has -- "'$option\[" || fail "zsh: $verb $option"
    grep "_from $verb" "$shell/kitsink.fish" | has -- "-l ${option#--} " || fail "fish: $verb $option"
    [[ $option == --help* ]] && continue
    sed -n "/^.SS kitsink $verb$/,/^.SS/p" "$shell/kitsink.1" | has -F -- "\\fB${option//-/\\-}\\fR" || fail "man: $verb $option"
  done
done

# The words that bash offers at the end of a line.
complete_line() {
  (
    source "$shell/kitsink.bash"
    compopt() { :; }
    read -r -a COMP_WORDS <<<"$1"
    [[ $1 == *' ' ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _kitsink
    echo "${COMPREPLY[*]}"
  )
}
offers() { # offers LINE WORD...
  local line=$1 words
  words=" $(complete_line "$line") "
  shift
  for word in "$@"; do [[ $words == *" $word "* ]] || fail "bash after \"$line\": no $word in$words"; done
}
touch drive.zip
mkdir folder
offers "kitsink " compress inflate score doctor
offers "kitsink co" compress
offers "kitsink score --led" --ledger
offers "kitsink mask " encode decode info
offers "kitsink mask encode --le" --level
offers "kitsink compress x --preset " fast default best
offers "kitsink inflate dr" drive.zip
offers "kitsink inflate x --nets f" folder
[[ -z $(complete_line "kitsink compress x --seed ") ]] || fail "bash offers something for a number"

# The other shells and man, if they are installed.
command -v zsh >/dev/null && { zsh -n "$shell/_kitsink" || fail "zsh"; }
command -v fish >/dev/null && { fish -n "$shell/kitsink.fish" || fail "fish"; }
if command -v fish >/dev/null; then
  fish -c "source $shell/kitsink.fish; complete -C 'kitsink sc'" | has '^score' || fail "fish does not complete sc"
  fish -c "source $shell/kitsink.fish; complete -C 'kitsink score --led'" | has -- '^--ledger' || fail "fish: --led"
fi
if command -v mandoc >/dev/null; then
  mandoc -T lint "$shell/kitsink.1" | grep -E 'WARNING|ERROR' | grep -v 'missing date' && fail "the man page has faults"
fi

if [[ $failures -gt 0 ]]; then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
