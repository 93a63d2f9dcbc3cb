#!/usr/bin/env bash
# compress and inflate by two tasks of Slurm's srun, one on each of two nodes that are daemons on this host. Runs as root.
# usage: slurm_test.sh KITSINK RENDER_ROAD SOURCE_DIR
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
source "$3/tests/cluster/jobs.sh"

host=$(hostname -s)
mkdir -p slurm/state slurm/spool.a slurm/spool.b
cat >slurm/slurm.conf <<CONF
ClusterName=kitsink
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
AuthType=auth/none
CryptoType=crypto/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/linear
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmctldPidFile=$work/slurm/slurmctld.pid
SlurmdPidFile=$work/slurm/%n.pid
SlurmdSpoolDir=$work/slurm/spool.%n
StateSaveLocation=$work/slurm/state
SlurmctldLogFile=$work/slurm/slurmctld.log
SlurmdLogFile=$work/slurm/%n.log
NodeName=a NodeHostname=$host NodeAddr=127.0.0.1 Port=16818 CPUs=1 State=UNKNOWN
NodeName=b NodeHostname=$host NodeAddr=127.0.0.1 Port=16819 CPUs=1 State=UNKNOWN
PartitionName=all Nodes=a,b Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
CONF
export SLURM_CONF=$work/slurm/slurm.conf
slurmctld || fail "slurmctld"
slurmd -N a && slurmd -N b || fail "slurmd"
stop() {
  local pid
  for daemon in slurmctld a b; do
    pid=$(cat "$work/slurm/$daemon.pid" 2>/dev/null) || continue
    kill "$pid" 2>/dev/null
    for ((i = 0; i < 100; ++i)); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
  done
  rm -rf "$work"
}
trap stop EXIT
for ((i = 0; i < 100; ++i)); do
  [[ $(sinfo -h -t idle -o %D 2>/dev/null) == 2 ]] && break
  sleep 0.2
done
[[ $(sinfo -h -t idle -o %D) == 2 ]] || fail "no two idle nodes: $(sinfo; tail -5 slurm/*.log)"
launch() { srun -N 2 -n 2 --kill-on-bad-exit=0 "$@" --shard auto; }
[[ $failures -gt 0 ]] && conclude
compress_jobs
inflate_job
conclude
