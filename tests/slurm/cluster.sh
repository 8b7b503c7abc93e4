#!/usr/bin/env bash
# A real SLURM cluster on this one machine, for tests: several slurmd, no systemd, no cgroups.
#
#   cluster.sh install|start|stop|kill-node NAME|start-node NAME
#
# Needs root and, for install, apt. CPUs and memory of the nodes are claims; memory is enforced by
# polling, so a job over its limit lives for some seconds. Everything lies in $SLURM_TEST_STATE but
# the link /etc/slurm/slurm.conf: jobs are started without SLURM_CONF and look for it there.
# Signals go only to processes whose ids this script wrote down, and to jobs of its own nodes.
set -euo pipefail

STATE=${SLURM_TEST_STATE:-/var/tmp/strokeprep-slurm}
NODES=${SLURM_TEST_NODES:-3}
CPUS=${SLURM_TEST_CPUS:-4}
MEM=${SLURM_TEST_MEM:-20000} # MB
PACKAGES=(slurmctld slurmd slurm-client munge)
DEAD_AFTER=10                # seconds of silence after which a node counts as lost

PIDS=$STATE/pids
LOGS=$STATE/logs
CONF=$STATE/slurm.conf
SYSTEM_CONF=/etc/slurm/slurm.conf
SOCKET=$STATE/munge.socket
export SLURM_CONF=$CONF PATH=$PATH:/usr/sbin

main() {
  case ${1:-} in
  install) install_packages ;;
  start) start ;;
  stop) stop ;;
  kill-node) kill_node "$2" ;;
  start-node) start_node "$2" ;;
  *)
    sed -n 2,10p "$0"
    exit 2
    ;;
  esac
}

# ------------------------------------------------------------------------------ install

install_packages() {
  local missing=() package
  for package in "${PACKAGES[@]}"; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  keep_services_down
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install \
    --no-install-recommends "${missing[@]}" >/dev/null
}

# The packages would start daemons of their own, with the system's configuration.
keep_services_down() {
  [ -e /usr/sbin/policy-rc.d ] && return
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
}

# ------------------------------------------------------------------------------ start, stop

start() {
  if [ -e $SYSTEM_CONF ] && [ "$(readlink $SYSTEM_CONF)" != "$CONF" ]; then
    echo "$SYSTEM_CONF belongs to another cluster; this machine is left alone." >&2
    exit 1
  fi
  mkdir -p "$PIDS" "$LOGS" "$STATE/state" /etc/slurm
  chmod 755 "$STATE"
  (umask 077 && head -c 1024 /dev/urandom >"$STATE/munge.key")
  configuration >"$CONF"
  ln -sfn "$CONF" $SYSTEM_CONF
  launch munged --foreground --force --socket="$SOCKET" --key-file="$STATE/munge.key" \
    --pid-file="$STATE/munged.pid" --seed-file="$STATE/munge.seed" --log-file="$LOGS/munged.log"
  wait_until 15 munge -S "$SOCKET" -n
  launch slurmctld -D
  for node in $(nodes); do start_node "$node"; done
  wait_until 60 all_nodes_up
}

stop() {
  scancel --user="$(id -un)" 2>/dev/null || true
  for file in "$PIDS"/slurmd-* "$PIDS"/slurmctld "$PIDS"/munged; do
    [ -e "$file" ] && end_process "$file"
  done
  [ "$(readlink $SYSTEM_CONF)" = "$CONF" ] && rm -f $SYSTEM_CONF
  rm -rf "$STATE"
}

configuration() {
  local host node port=17000
  host=$(hostname -s)
  cat <<END
ClusterName=strokeprep
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$SOCKET
CredType=cred/munge
StateSaveLocation=$STATE/state
SlurmctldPidFile=$STATE/slurmctld.pid
SlurmctldLogFile=$LOGS/slurmctld.log
SlurmdPidFile=$STATE/slurmd.%n.pid
SlurmdSpoolDir=$STATE/spool.%n
SlurmdLogFile=$LOGS/slurmd.%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout=$DEAD_AFTER
KillWait=3
MinJobAge=300
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=3,bf_interval=3
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobRequeue=1
END
  for node in $(nodes); do
    echo "NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$((++port)) CPUs=$CPUS" \
      "RealMemory=$MEM State=UNKNOWN"
  done
  echo "PartitionName=cpu Nodes=ALL Default=YES MaxTime=24:00:00 State=UP"
}

nodes() { seq -f "n%g" "$NODES"; }

all_nodes_up() { [ "$(sinfo -hN -t idle,mixed,allocated | wc -l)" -ge "$NODES" ]; }

# ------------------------------------------------------------------------------ one node

start_node() {
  mkdir -p "$STATE/spool.$1"
  launch_as "slurmd-$1" slurmd -D -N "$1"
}

# As if the power went: the daemon, the jobs' keepers and the jobs end in the same moment.
kill_node() {
  local job keeper
  local jobs
  jobs=$(squeue -h -w "$1" -t running -o %i)
  kill -KILL "$(cat "$PIDS/slurmd-$1")"
  rm "$PIDS/slurmd-$1"
  for job in $jobs; do
    for keeper in $(pgrep -f "^slurmstepd: \[$job\."); do
      kill -STOP "$keeper" 2>/dev/null || continue # a node that is lost reports no end of a job
      for child in $(pgrep -P "$keeper"); do kill_tree "$child"; done
      kill -KILL "$keeper" 2>/dev/null || true
    done
  done
}

kill_tree() {
  local child
  kill -STOP "$1" 2>/dev/null || return 0 # no new children while the tree is walked
  for child in $(pgrep -P "$1"); do kill_tree "$child"; done
  kill -KILL "$1" 2>/dev/null || true
}

# ------------------------------------------------------------------------------ processes

launch() { launch_as "$1" "$@"; }

launch_as() { # NAME COMMAND...
  local name=$1
  shift
  setsid "$@" >>"$LOGS/$name.out" 2>&1 </dev/null &
  echo $! >"$PIDS/$name"
}

end_process() { # PID FILE
  local pid
  pid=$(cat "$1")
  kill "$pid" 2>/dev/null || true
  wait_until 10 gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
  rm -f "$1"
}

gone() { ! kill -0 "$1" 2>/dev/null; }

wait_until() { # SECONDS COMMAND...
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $end ]; then
      echo "Waited in vain for: $*" >&2
      return 1
    fi
    sleep 0.3
  done
}

main "$@"
