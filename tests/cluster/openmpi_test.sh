#!/usr/bin/env bash
# compress and inflate by two processes of Open MPI's mpirun.
# usage: openmpi_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
source "$3/tests/cluster/jobs.sh"
launch() { mpirun --allow-run-as-root --oversubscribe -n 2 "$@" --shard auto; }
compress_jobs
inflate_job
selector_job
conclude
