#!/usr/bin/env bash
# Builds the control plane that specs, demo and benchmark run against (etcd, kube-apiserver,
# kube-controller-manager, kubectl) from Go modules, once per version, and prints the folder that
# holds it. With KUBEBUILDER_ASSETS set it builds nothing and prints that folder instead.
#
#   hack/kube/build.sh            all four programs
#   hack/kube/build.sh kubectl    only the named ones; of the rest of Kubernetes there are
#                                 kube-scheduler, kubelet and kube-proxy
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
  echo "$KUBEBUILDER_ASSETS"
  exit 0
fi

module_version() { (cd "$here" && go list -mod=readonly -m -f '{{.Version}}' "$1"); }
kubernetes=$(module_version k8s.io/kubernetes)
etcd=$(module_version go.etcd.io/etcd/server/v3)

cache=${CERTWRIGHT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/certwright}
out=$cache/kube/$kubernetes-etcd-$etcd-$(go env GOOS)-$(go env GOARCH)
mkdir -p "$out"

# Two builds at once (a developer's and an editor's, say) must not write the same file.
exec 9>"$out/.lock"
flock 9

# Clients refuse a server without a version, so the programs carry the one they were built from.
minor=${kubernetes#v1.}
minor=${minor%%.*}
stamp=k8s.io/component-base/version
client=k8s.io/client-go/pkg/version
ldflags="-s -w
 -X $stamp.gitVersion=$kubernetes -X $stamp.gitMajor=1 -X $stamp.gitMinor=$minor -X $stamp.gitTreeState=clean
 -X $stamp.gitCommit=0000000000000000000000000000000000000000 -X $stamp.buildDate=1970-01-01T00:00:00Z
 -X $client.gitVersion=$kubernetes -X $client.gitMajor=1 -X $client.gitMinor=$minor"
ldflags=${ldflags//$'\n'/}

package_of() {
  case $1 in
  etcd) echo ./cmd/etcd ;;
  kube-apiserver | kube-controller-manager | kubectl | kube-scheduler | kubelet | kube-proxy) echo "k8s.io/kubernetes/cmd/$1" ;;
  *)
    echo "hack/kube/build.sh: no program called $1; there are etcd, kube-apiserver, kube-controller-manager, kubectl, kube-scheduler, kubelet and kube-proxy" >&2
    return 1
    ;;
  esac
}

programs=("$@")
[ ${#programs[@]} -gt 0 ] || programs=(etcd kube-apiserver kube-controller-manager kubectl)
for program in "${programs[@]}"; do
  package=$(package_of "$program")
  [ -x "$out/$program" ] && continue
  started=$SECONDS
  echo "building $program $([ "$program" = etcd ] && echo "$etcd" || echo "$kubernetes") (the first time takes minutes)" >&2
  (cd "$here" && CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags "$ldflags" -o "$out/.$program.new" "$package")
  mv "$out/.$program.new" "$out/$program"
  echo "built $program in $((SECONDS - started)) s" >&2
done
echo "$out"
