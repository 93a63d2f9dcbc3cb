# bash completion of kitsink. Made by scripts/shell/generate from kitsink --help; do not edit.
_kitsink() {
  local word verb='' words='' i
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case "$verb $word" in
      " compress") verb="compress" ;;
      " inflate") verb="inflate" ;;
      " score") verb="score" ;;
      " evaluate") verb="evaluate" ;;
      " info") verb="info" ;;
      " verify") verb="verify" ;;
      " unpack") verb="unpack" ;;
      " pack") verb="pack" ;;
      " repack") verb="repack" ;;
      " doctor") verb="doctor" ;;
      " ledger") verb="ledger" ;;
      " report") verb="report" ;;
      " submission") verb="submission" ;;
      " audit") verb="audit" ;;
      " mask") verb="mask" ;;
      "mask encode") verb="mask encode" ;;
      "mask decode") verb="mask decode" ;;
      "mask info") verb="mask info" ;;
    esac
  done
  case "$verb:$previous" in
    "compress:--output"|"compress:-o")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "compress:--codec")
      mapfile -t COMPREPLY < <(compgen -W "hnerv search strict video" -- "$current")
      return ;;
    "compress:--preset")
      mapfile -t COMPREPLY < <(compgen -W "fast default best" -- "$current")
      return ;;
    "compress:--seed")
      COMPREPLY=()
      return ;;
    "compress:--shard")
      COMPREPLY=()
      return ;;
    "compress:--gt")
      COMPREPLY=()
      return ;;
    "compress:--ledger")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "compress:--note")
      COMPREPLY=()
      return ;;
    "compress:--nets")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return ;;
    "compress:--threads"|"compress:-j")
      COMPREPLY=()
      return ;;
    "compress:--device")
      COMPREPLY=()
      return ;;
    "compress:--pairs")
      COMPREPLY=()
      return ;;
    "compress:--level")
      mapfile -t COMPREPLY < <(compgen -W "1 2 3 ctw" -- "$current")
      return ;;
    "compress:--decoder")
      mapfile -t COMPREPLY < <(compgen -W "auto tiny small full" -- "$current")
      return ;;
    "compress:--recipe")
      mapfile -t COMPREPLY < <(compgen -W "improved published" -- "$current")
      return ;;
    "compress:--weight-rounds")
      COMPREPLY=()
      return ;;
    "compress:--polish-rounds")
      COMPREPLY=()
      return ;;
    "compress:--polish-candidates")
      COMPREPLY=()
      return ;;
    "compress:--fit-steps")
      COMPREPLY=()
      return ;;
    "compress:--generator")
      mapfile -t COMPREPLY < <(compgen -W "auto tiny small full" -- "$current")
      return ;;
    "compress:--selectors")
      mapfile -t COMPREPLY < <(compgen -W "none fast full" -- "$current")
      return ;;
    "compress:--renderer")
      mapfile -t COMPREPLY < <(compgen -W "auto tiny small full" -- "$current")
      return ;;
    "compress:--optimiser")
      mapfile -t COMPREPLY < <(compgen -W "adamw muon" -- "$current")
      return ;;
    "compress:--f1")
      mapfile -t COMPREPLY < <(compgen -W "auto preimage enlarged" -- "$current")
      return ;;
    "compress:--f0")
      mapfile -t COMPREPLY < <(compgen -W "auto motion atoms" -- "$current")
      return ;;
    "compress:--carrier-steps")
      COMPREPLY=()
      return ;;
    "compress:--carrier-rounds")
      COMPREPLY=()
      return ;;
    "compress:--edit-rounds")
      COMPREPLY=()
      return ;;
    "compress:--edit-passes")
      COMPREPLY=()
      return ;;
    "compress:--hops")
      COMPREPLY=()
      return ;;
    "compress:--coding")
      mapfile -t COMPREPLY < <(compgen -W "auto av1 hevc" -- "$current")
      return ;;
    "compress:--crf")
      COMPREPLY=()
      return ;;
    "compress:--size")
      COMPREPLY=()
      return ;;
    "compress:--encoder-options")
      COMPREPLY=()
      return ;;
    "compress:--effort")
      COMPREPLY=()
      return ;;
    "compress:--tries")
      COMPREPLY=()
      return ;;
    "compress:--sample-pairs")
      COMPREPLY=()
      return ;;
    "compress:--filter-width")
      COMPREPLY=()
      return ;;
    "compress:--filter-widths")
      COMPREPLY=()
      return ;;
    "compress:--filter-steps")
      COMPREPLY=()
      return ;;
    "compress:--train-steps")
      COMPREPLY=()
      return ;;
    "compress:--train-batch")
      COMPREPLY=()
      return ;;
    "compress:--from")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "compress:--stages")
      mapfile -t COMPREPLY < <(compgen -W "train weights polish renderer carrier edits hops" -- "$current")
      return ;;
    "compress:--time-limit")
      COMPREPLY=()
      return ;;
    "inflate:--output"|"inflate:-o")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return ;;
    "inflate:--name")
      COMPREPLY=()
      return ;;
    "inflate:--shard")
      COMPREPLY=()
      return ;;
    "inflate:--time-limit")
      COMPREPLY=()
      return ;;
    "inflate:--nets")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return ;;
    "inflate:--threads"|"inflate:-j")
      COMPREPLY=()
      return ;;
    "inflate:--device")
      COMPREPLY=()
      return ;;
    "inflate:--pairs")
      COMPREPLY=()
      return ;;
    "inflate:--steps")
      COMPREPLY=()
      return ;;
    "inflate:--prepass-steps")
      COMPREPLY=()
      return ;;
    "inflate:--repair-steps")
      COMPREPLY=()
      return ;;
    "inflate:--batch")
      COMPREPLY=()
      return ;;
    "inflate:--grid")
      mapfile -t COMPREPLY < <(compgen -W "auto model camera" -- "$current")
      return ;;
    "score:--original")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "score:--archive")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "score:--gt")
      COMPREPLY=()
      return ;;
    "score:--video-names-file"|"score:--video_names_file")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "score:--uncompressed-dir"|"score:--uncompressed_dir")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return ;;
    "score:--batch-size"|"score:--batch_size")
      COMPREPLY=()
      return ;;
    "score:--report")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "score:--ledger")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "score:--note")
      COMPREPLY=()
      return ;;
    "score:--nets")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return ;;
    "score:--threads"|"score:-j")
      COMPREPLY=()
      return ;;
    "score:--device")
      COMPREPLY=()
      return ;;
    "score:--pairs")
      COMPREPLY=()
      return ;;
    "evaluate:--submission-dir"|"evaluate:--submission_dir")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return ;;
    "evaluate:--uncompressed-dir"|"evaluate:--uncompressed_dir")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return ;;
    "evaluate:--video-names-file"|"evaluate:--video_names_file")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "evaluate:--report")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "evaluate:--device")
      COMPREPLY=()
      return ;;
    "evaluate:--batch-size"|"evaluate:--batch_size")
      COMPREPLY=()
      return ;;
    "evaluate:--num-threads"|"evaluate:--num_threads")
      COMPREPLY=()
      return ;;
    "evaluate:--prefetch-queue-depth"|"evaluate:--prefetch_queue_depth")
      COMPREPLY=()
      return ;;
    "evaluate:--seed")
      COMPREPLY=()
      return ;;
    "evaluate:--time-limit")
      COMPREPLY=()
      return ;;
    "evaluate:--ledger")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "evaluate:--note")
      COMPREPLY=()
      return ;;
    "evaluate:--gt")
      COMPREPLY=()
      return ;;
    "evaluate:--nets")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return ;;
    "evaluate:--threads"|"evaluate:-j")
      COMPREPLY=()
      return ;;
    "info:--original")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "info:--original-bytes")
      COMPREPLY=()
      return ;;
    "info:--threads"|"info:-j")
      COMPREPLY=()
      return ;;
    "verify:--against")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "verify:--threads"|"verify:-j")
      COMPREPLY=()
      return ;;
    "unpack:--output"|"unpack:-o")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "unpack:--threads"|"unpack:-j")
      COMPREPLY=()
      return ;;
    "pack:--output"|"pack:-o")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "pack:--level")
      mapfile -t COMPREPLY < <(compgen -W "1 2 3 ctw" -- "$current")
      return ;;
    "pack:--threads"|"pack:-j")
      COMPREPLY=()
      return ;;
    "repack:--output"|"repack:-o")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "repack:--level")
      mapfile -t COMPREPLY < <(compgen -W "1 2 3 ctw" -- "$current")
      return ;;
    "repack:--threads"|"repack:-j")
      COMPREPLY=()
      return ;;
    "doctor:--output"|"doctor:-o")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return ;;
    "doctor:--nets")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return ;;
    "doctor:--threads"|"doctor:-j")
      COMPREPLY=()
      return ;;
    "doctor:--device")
      COMPREPLY=()
      return ;;
    "ledger:--output"|"ledger:-o")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "report:--original")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "report:--archive")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "report:--gt")
      COMPREPLY=()
      return ;;
    "report:--output"|"report:-o")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "report:--show")
      COMPREPLY=()
      return ;;
    "report:--show-pairs")
      COMPREPLY=()
      return ;;
    "report:--picture-width")
      COMPREPLY=()
      return ;;
    "report:--ledger")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "report:--nets")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return ;;
    "report:--threads"|"report:-j")
      COMPREPLY=()
      return ;;
    "report:--device")
      COMPREPLY=()
      return ;;
    "report:--pairs")
      COMPREPLY=()
      return ;;
    "submission:--archive")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "submission:--with-source")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current")
      return ;;
    "mask encode:--size")
      COMPREPLY=()
      return ;;
    "mask encode:--output"|"mask encode:-o")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "mask encode:--level")
      mapfile -t COMPREPLY < <(compgen -W "1 2 3 ctw" -- "$current")
      return ;;
    "mask encode:--classes")
      COMPREPLY=()
      return ;;
    "mask encode:--threads"|"mask encode:-j")
      COMPREPLY=()
      return ;;
    "mask decode:--output"|"mask decode:-o")
      compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return ;;
    "mask decode:--threads"|"mask decode:-j")
      COMPREPLY=()
      return ;;
  esac
  case "$verb" in
    "") words="compress inflate score evaluate info verify unpack pack repack doctor ledger report submission audit mask --help --help-all --version" ;;
    "compress") words="--help --help-all --output --codec --preset --seed --shard --gt --ledger --note --force --nets --threads --device --pairs --quiet --verbose --json --level --decoder --recipe --weight-rounds --polish-rounds --polish-candidates --fit-steps --generator --selectors --renderer --optimiser --f1 --f0 --carrier-steps --carrier-rounds --edit-rounds --edit-passes --hops --coding --crf --size --encoder-options --effort --tries --sample-pairs --filter-width --filter-widths --filter-steps --train-steps --train-batch --from --stages --time-limit" ;;
    "inflate") words="--help --help-all --output --name --shard --time-limit --force --nets --threads --device --pairs --quiet --verbose --json --steps --prepass-steps --repair-steps --batch --grid" ;;
    "score") words="--help --help-all --original --archive --gt --no-cache --video-names-file --video_names_file --uncompressed-dir --uncompressed_dir --batch-size --batch_size --report --ledger --note --force --nets --threads --device --pairs --quiet --verbose --json" ;;
    "evaluate") words="--help --help-all --submission-dir --submission_dir --uncompressed-dir --uncompressed_dir --video-names-file --video_names_file --report --device --batch-size --batch_size --num-threads --num_threads --prefetch-queue-depth --prefetch_queue_depth --seed --time-limit --ledger --note --gt --no-cache --nets --threads --quiet --verbose --json" ;;
    "info") words="--help --help-all --classes --original --original-bytes --threads --quiet --verbose --json" ;;
    "verify") words="--help --help-all --against --threads --quiet --verbose --json" ;;
    "unpack") words="--help --help-all --output --force --threads --quiet --verbose --json" ;;
    "pack") words="--help --help-all --output --level --force --threads --quiet --verbose --json" ;;
    "repack") words="--help --help-all --output --level --force --threads --quiet --verbose --json" ;;
    "doctor") words="--help --help-all --output --nets --threads --device --quiet --verbose --json" ;;
    "ledger") words="--help --help-all --output --best --force --quiet --verbose --json" ;;
    "report") words="--help --help-all --original --archive --gt --no-cache --output --show --show-pairs --picture-width --ledger --force --nets --threads --device --pairs --quiet --verbose --json" ;;
    "submission") words="--help --help-all --archive --with-binary --with-source --force --quiet --verbose --json" ;;
    "audit") words="--help --help-all --quiet --verbose --json" ;;
    "mask") words="encode decode info --help --help-all" ;;
    "mask encode") words="--help --help-all --size --output --level --classes --force --threads --quiet --verbose --json" ;;
    "mask decode") words="--help --help-all --output --force --threads --quiet --verbose --json" ;;
    "mask info") words="--help --help-all --quiet --verbose --json" ;;
  esac
  if [[ $current == -* || $verb == @(""|"mask") ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  else
    compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}
complete -F _kitsink kitsink
