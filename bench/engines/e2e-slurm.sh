#!/bin/bash
# The recipe for Slurm on a real one, on this machine: e2e-slurm.sh LOADGEN. It wants slurm-wlm, munge and jq; run as root.
set -euo pipefail
LOADGEN=$(realpath "$1") HERE=$(cd "$(dirname "$0")" && pwd)
LAB=$(mktemp -d); export LAB SLURM_CONF=$LAB/slurm/slurm.conf
cleanup() { kill "$TARGET" 2>/dev/null || true; bash "$HERE/slurm-up.sh" down || true; rm -rf "$LAB"; }
TARGET=; trap cleanup EXIT
bash "$HERE/slurm-up.sh" up 4
"$LOADGEN" target -listen 127.0.0.1:25051 -http 127.0.0.1:0 -interceptors=none >"$LAB/target.log" 2>&1 & TARGET=$!
for _ in $(seq 50); do (: >/dev/tcp/127.0.0.1/25051) 2>/dev/null && break; sleep 0.1; done
# All four nodes are this machine, so shard 0 is met here. That a busy machine makes the run INVALID (4) is no failure.
"$LOADGEN" shards slurm -n 4 -- -rpc Search -transport wire -rate 1000 -d 5s -addr 127.0.0.1:25051 |
  MEET=127.0.0.1:27411 OUT=$LAB/out LOADGEN=$LOADGEN sh >"$LAB/srun.log" 2>&1 || [ $? = 4 ] || { cat "$LAB/srun.log"; exit 1; }
jq -c '[.verdict.status, .counts.ok, [.shards[].counts.ok]]' "$LAB/out/result.json"
[ "$(jq .counts.ok "$LAB/out/result.json")" = 5000 ] && [ "$(jq '.shards | length' "$LAB/out/result.json")" = 4 ]
