#!/usr/bin/env bash
# compress and inflate by two processes of PyTorch's torchrun.
# usage: torchrun_test.sh KITSINK RENDER_ROAD SOURCE_DIR [TORCHRUN]
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
source "$3/tests/cluster/jobs.sh"
torchrun=${4:-torchrun}
launch() { "$torchrun" --nproc-per-node 2 --no-python "$@" --shard auto; }
compress_jobs
inflate_job
conclude
