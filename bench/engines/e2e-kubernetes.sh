#!/bin/bash
# The recipe for Kubernetes on a real one, on this machine: e2e-kubernetes.sh LOADGEN, a static one. Run as root. Its control
# plane and CoreDNS are built once and kept below LAB (some eight CPU minutes, by default in the user's cache). It wants etcd,
# containerd, runc, containernetworking-plugins, kubectl and jq.
set -euo pipefail
LOADGEN=$(realpath "$1") HERE=$(cd "$(dirname "$0")" && pwd)
export LAB=${LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/grpcbench-engines}; mkdir -p "$LAB"
K=$LAB/k8s/k NS=lgk8s
[ -x "$LAB/hyperkube" ] || bash "$HERE/k8s-build.sh"
if [ ! -x "$LAB/coredns" ]; then
  W=$(mktemp -d); cp "$HERE/coredns.go.txt" "$W/main.go"
  (cd "$W" && printf 'module dns\ngo 1.25\n' >go.mod && go get github.com/coredns/coredns@v1.12.4 && go mod tidy && CGO_ENABLED=0 go build -o "$LAB/coredns" .); rm -rf "$W"
fi
if [ ! -x "$LAB/pause" ]; then
  W=$(mktemp -d); printf 'package main\nimport ("os";"os/signal";"syscall")\nfunc main() { c := make(chan os.Signal, 1); signal.Notify(c, syscall.SIGTERM, syscall.SIGINT); <-c }\n' >"$W/main.go"
  (cd "$W" && CGO_ENABLED=0 go build -o "$LAB/pause" main.go); rm -rf "$W"
fi
DNS=; cleanup() { [ -n "$DNS" ] && kill "$DNS" 2>/dev/null; bash "$HERE/k8s-up.sh" down >/dev/null 2>&1 || true; }; trap cleanup EXIT
bash "$HERE/k8s-up.sh" up
printf '.:53 {\n bind 10.88.0.1\n errors\n kubernetes cluster.local {\n  kubeconfig %s x\n }\n}\n' "$LAB/k8s/kubeconfig" >"$LAB/Corefile"
nsenter --net=/run/netns/$NS "$LAB/coredns" -conf "$LAB/Corefile" >"$LAB/coredns.log" 2>&1 & DNS=$!
bash "$HERE/k8s-up.sh" image grpcbench:latest "$LOADGEN" >/dev/null
$K apply -f - <<'Y'
apiVersion: v1
kind: Pod
metadata: {name: target}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 1
  containers:
  - {name: target, image: "grpcbench:latest", imagePullPolicy: IfNotPresent, args: [target, -listen, "10.88.0.1:50051", -http, "", -interceptors=none],
     readinessProbe: {tcpSocket: {host: 10.88.0.1, port: 50051}, periodSeconds: 1}}
Y
$K wait --for=condition=Ready pod/target --timeout=60s
job() { "$LOADGEN" shards kubernetes -n 4 -cpu 100m -- -rpc Search -transport wire -rate 1000 -addr 10.88.0.1:50051 "$@" -format json; }
first() { $K logs -l batch.kubernetes.io/job-completion-index=0 --tail=-1 "$@"; }
echo "four shards of one run"
job -d 5s | $K apply -f - >/dev/null
$K wait --for=condition=Complete job/loadgen --timeout=120s
first | sed -n '/^{/,/^}/p' | jq -ce '[.verdict.status, .counts.ok, [.shards[].counts.ok]]' | tee "$LAB/one.txt"
grep -q '"valid",5000' "$LAB/one.txt"
job -d 5s | $K delete -f - --wait >/dev/null
echo "one of them deleted in mid-run"
job -d 15s -drain 2s | $K apply -f - >/dev/null
sleep 8; first -f >"$LAB/two.log" 2>&1 & LOGS=$!
$K delete "$($K get pods -o name | grep loadgen-2)" --wait=false
$K wait --for=condition=Failed job/loadgen --timeout=60s; wait $LOGS || true
sed -n '/^{/,/^}/p' "$LAB/two.log" | jq -ce '[.verdict, .counts.never_sent]' | tee "$LAB/two.txt"
grep -q '"invalid".*shard 2 was interrupted' "$LAB/two.txt"
