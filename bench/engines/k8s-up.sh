#!/bin/bash
# One-machine Kubernetes without kubeadm: etcd, apiserver, controller-manager, scheduler, containerd, kubelet, all in one
# network namespace (no port of the machine's is taken). Debian 12: etcd-server containerd runc containernetworking-plugins.
# k8s-up.sh up|down|image NAME FILE...; afterwards $D/k ARGS is kubectl, $D/in CMD runs CMD in the namespace. Run as root.
set -euo pipefail
LAB=${LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/grpcbench-engines}; mkdir -p "$LAB"
D=${K8S_DIR:-$LAB/k8s} BIN=${HYPERKUBE:-$LAB/hyperkube} PAUSE=${PAUSE:-$LAB/pause}
CNI=${CNI_BIN:-/usr/lib/cni} NS=lgk8s IP=10.88.0.1
KEEP="vm.overcommit_memory kernel.panic kernel.panic_on_oops"        # kubelet sets these; down puts them back
start() { local n=$1; shift; nsenter --net=/run/netns/$NS nohup "$@" >"$D/log/$n.log" 2>&1 </dev/null & echo $! >"$D/pid/$n"; }
stop() { for n in "$@"; do p=$(cat "$D/pid/$n" 2>/dev/null) || continue; kill "$p" 2>/dev/null || continue
         for _ in $(seq 100); do kill -0 "$p" 2>/dev/null || break; sleep 0.1; done; kill -9 "$p" 2>/dev/null || true; done; }
wait_for() { local n=$1; shift; for _ in $(seq 300); do "$@" >/dev/null 2>&1 && { echo "$(date +%T.%1N) $n"; return; }; sleep 0.2; done
             echo "no $n in 60 s" >&2; return 1; }
ctr() { command ctr -a "$D/ctd.sock" -n k8s.io "$@"; }
image() { # image NAME FILE...: a scratch image of static files at /, the first being the entrypoint
  local t; t=$(mktemp -d); mkdir "$t/fs"; cp "${@:2}" "$t/fs/"; chmod 755 "$t/fs"/*
  tar -C "$t/fs" --owner=0 --group=0 --mtime=@0 --sort=name -cf "$t/layer.tar" .
  echo "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Entrypoint\":[\"/$(basename "$2")\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$(sha256sum <"$t/layer.tar" | cut -d' ' -f1)\"]}}" >"$t/config.json"
  echo "[{\"Config\":\"config.json\",\"RepoTags\":[\"$1\"],\"Layers\":[\"layer.tar\"]}]" >"$t/manifest.json"
  tar -C "$t" -c manifest.json config.json layer.tar | ctr images import - ; rm -rf "$t"; }
up() {
  mkdir -p "$D"/{pid,log,etcd,certs,cni,kubelet}; chmod 700 "$D"; sysctl $KEEP | tr -d ' ' >"$D/sysctl"
  ip netns add $NS; local in="nsenter --net=/run/netns/$NS"
  $in ip link set lo up; $in ip link add cni0 type bridge; $in ip addr add $IP/24 dev cni0; $in ip link set cni0 up
  TOKEN=$(openssl rand -hex 16); (umask 077; echo "$TOKEN,admin,1,system:masters" >"$D/tokens"; openssl genrsa -out "$D/sa.key" 2048 2>/dev/null)
  (umask 077; cat >"$D/kubeconfig" <<C
{"apiVersion":"v1","kind":"Config","current-context":"x","contexts":[{"name":"x","context":{"cluster":"x","user":"x"}}],
 "clusters":[{"name":"x","cluster":{"server":"https://127.0.0.1:6443","insecure-skip-tls-verify":true}}],
 "users":[{"name":"x","user":{"token":"$TOKEN"}}]}
C
)
  printf '#!/bin/sh\nexec nsenter --net=/run/netns/%s kubectl --kubeconfig=%s "$@"\n' $NS "$D/kubeconfig" >"$D/k"
  printf '#!/bin/sh\nexec nsenter --net=/run/netns/%s "$@"\n' $NS >"$D/in"; chmod +x "$D/k" "$D/in"
  cat >"$D/cni/10.conflist" <<C
{"cniVersion":"0.4.0","name":"lg","plugins":[{"type":"bridge","bridge":"cni0","isGateway":true,
 "ipam":{"type":"host-local","dataDir":"$D/ipam","ranges":[[{"subnet":"10.88.0.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}}]}
C
  cat >"$D/containerd.toml" <<C
version = 2
root = "$D/ctd/root"
state = "$D/ctd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "$D/ctd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$D/ctd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "local/pause:1"
  restrict_oom_score_adj = true   # where root lacks CAP_SYS_RESOURCE
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "$CNI"
  conf_dir = "$D/cni"
C
  cat >"$D/kubelet.yaml" <<C
{"apiVersion":"kubelet.config.k8s.io/v1beta1","kind":"KubeletConfiguration","containerRuntimeEndpoint":"unix://$D/ctd.sock",
 "address":"$IP","healthzPort":0,"cgroupDriver":"cgroupfs","failCgroupV1":false,"failSwapOn":false,"localStorageCapacityIsolation":false,
 "authentication":{"anonymous":{"enabled":true},"webhook":{"enabled":false}},"authorization":{"mode":"AlwaysAllow"},
 "clusterDNS":["10.88.0.1"],"clusterDomain":"cluster.local","evictionHard":{"memory.available":"1Mi"},"imageGCHighThresholdPercent":100,"registerNode":true,"podLogsDir":"$D/podlogs"}
C
  start etcd etcd --data-dir "$D/etcd" --logger zap
  start apiserver "$BIN" apiserver --etcd-servers=http://127.0.0.1:2379 --bind-address=127.0.0.1 --advertise-address=$IP \
    --endpoint-reconciler-type=none --cert-dir="$D/certs" --token-auth-file="$D/tokens" --authorization-mode=AlwaysAllow \
    --service-cluster-ip-range=10.89.0.0/24 --disable-admission-plugins=ServiceAccount --service-account-issuer=https://lg \
    --service-account-key-file="$D/sa.key" --service-account-signing-key-file="$D/sa.key" --kubelet-preferred-address-types=InternalIP --feature-gates=SizeBasedListCostEstimate=false
  start containerd containerd -c "$D/containerd.toml"
  wait_for containerd ctr version; image local/pause:1 "$PAUSE"
  wait_for apiserver "$D/k" get --raw /readyz
  start manager "$BIN" controller-manager --kubeconfig="$D/kubeconfig" --leader-elect=false --secure-port=0
  start scheduler "$BIN" scheduler --kubeconfig="$D/kubeconfig" --leader-elect=false --secure-port=0
  start kubelet "$BIN" kubelet --kubeconfig="$D/kubeconfig" --config="$D/kubelet.yaml" --root-dir="$D/kubelet" --cert-dir="$D/certs" --node-ip=$IP --hostname-override=n0
  wait_for node sh -c "$D/k get nodes | grep -qw Ready"
}
down() {
  [ -x "$D/k" ] && timeout 60 "$D/k" delete job,deployment,pod --all --all-namespaces --force --grace-period=1 >/dev/null 2>&1 || true; sleep 2
  stop kubelet scheduler manager apiserver etcd
  for c in $(ctr tasks ls -q 2>/dev/null); do ctr tasks kill -s KILL "$c" || true; done; sleep 1
  for c in $(ctr containers ls -q 2>/dev/null); do ctr tasks rm -f "$c" >/dev/null 2>&1 || true; ctr containers rm "$c" || true; done
  stop containerd; ip netns del $NS 2>/dev/null || true
  awk -v d="$D/" 'index($2,d)==1{print $2}' /proc/mounts | sort -r | xargs -r umount -l
  [ -f "$D/sysctl" ] && sysctl -qp "$D/sysctl"; find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null || true
  rm -f /var/lib/kubelet/device-plugins/kubelet.sock; rmdir /var/lib/kubelet/device-plugins /var/lib/kubelet 2>/dev/null || true; rm -rf "$D"
}
"$@"
