#!/usr/bin/env bash
# Builds, from Go modules and once per version, what `make e2e` runs beside Kubernetes itself: the container runtime of
# the node, and what other people wrote and Certwright is tried with. Prints the folder that holds it.
#
#   hack/e2e/build.sh             all programs
#   hack/e2e/build.sh coredns     only the named ones
#
# Each program is built with the dependencies of its own go.mod, checked against the checksum database of Go modules.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

containerd=v2.4.2
runc=v1.5.2
cni=v1.9.1
coredns=v1.15.0
gateway=v1.6.1 # the one that Traefik has
traefik=$(awk '/traefik\/traefik\/v3 v/ {print $NF}' "$here/traefik/go.mod")
pebble=$(cd "$here/../.." && go list -mod=readonly -m -f '{{.Version}}' github.com/letsencrypt/pebble/v2)

cache=${CERTWRIGHT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/certwright}
platform=$(go env GOOS)-$(go env GOARCH)
out=$cache/e2e/containerd-$containerd-runc-$runc-cni-$cni-coredns-$coredns-gateway-$gateway-traefik-$traefik-pebble-$pebble-$platform
mkdir -p "$out"

# One build at a time: each of them fills all processors and a gigabyte of memory.
exec 9>"$cache/e2e/.lock"
flock 9

# install PACKAGE@VERSION: a program of a module, into $staging.
install() {
  GOFLAGS='' GOBIN=$staging go install -trimpath -ldflags "-s -w ${ldflags:-}" "${@}"
}

# traefik_program makes lego resolvable first: its list of all DNS providers imports modules that do not resolve, and
# needs none of them here. A copy of lego, in the build folder, gets a list that is empty. (Files of the module cache
# cannot be overlaid.)
traefik_program() {
  local work=$staging/module requirements lego
  cp -r "$here/traefik" "$work"
  requirements=$(module_field GoMod "github.com/traefik/traefik/v3@$traefik")
  lego=$(awk '$1 == "github.com/go-acme/lego/v5" {print $2}' "$requirements")
  cp -r "$(module_field Dir "github.com/go-acme/lego/v5@$lego")" "$work/lego"
  chmod -R u+w "$work/lego"
  cp "$here/traefik/noproviders.go.txt" "$work/lego/providers/dns/zz_gen_dns_providers.go"
  (cd "$work" && go build -mod=readonly -trimpath -ldflags '-s -w' -o "$staging/traefik" github.com/traefik/traefik/v3/cmd/traefik)
  chmod -R u+w "$work"
}

# module_field FIELD MODULE@VERSION: what `go mod download` says of a module, such as the folder (Dir) it is in.
module_field() {
  (cd "$staging" && GOFLAGS=-mod=mod go mod download -json "$2" | sed -n "s/^\t\"$1\": \"\(.*\)\",\{0,1\}\$/\1/p")
}

build() {
  export CGO_ENABLED=0
  case $1 in
  containerd)
    ldflags="-X github.com/containerd/containerd/v2/version.Version=${containerd#v}" \
      install github.com/containerd/containerd/v2/cmd/{containerd,containerd-shim-runc-v2,ctr}@$containerd
    ;;
  runc) CGO_ENABLED=1 install -tags seccomp github.com/opencontainers/runc@$runc ;;
  cni) install github.com/containernetworking/plugins/plugins/{main/ptp,main/loopback,ipam/host-local}@$cni ;;
  coredns) install github.com/coredns/coredns@$coredns ;;
  pebble) install "github.com/letsencrypt/pebble/v2/cmd/pebble@$pebble" ;;
  traefik) traefik_program ;;
  gateway-api) # no program: the CRDs of its standard channel
    cp -r "$(module_field Dir "sigs.k8s.io/gateway-api@$gateway")/config/crd/standard" "$staging/gateway-api"
    chmod -R u+w "$staging/gateway-api"
    rm -rf "$out/gateway-api"
    mv "$staging/gateway-api" "$out/gateway-api"
    ;;
  *)
    echo "hack/e2e/build.sh: no program called $1; there are containerd, runc, cni, pebble, coredns, traefik and gateway-api" >&2
    return 1
    ;;
  esac
}

programs=("$@")
[ ${#programs[@]} -gt 0 ] || programs=(containerd runc cni pebble gateway-api coredns traefik)
number=0
for program in "${programs[@]}"; do
  number=$((number + 1))
  [ -e "$out/.done-$program" ] && continue
  started=$SECONDS
  echo "[$number/${#programs[@]}] building $program (once)" >&2
  staging=$out/.new-$program
  rm -rf "$staging"
  mkdir "$staging"
  build "$program"
  find "$staging" -maxdepth 1 -type f -perm -u+x -exec mv {} "$out/" \;
  rm -rf "$staging"
  touch "$out/.done-$program"
  echo "[$number/${#programs[@]}] built $program in $((SECONDS - started)) s" >&2
done
echo "$out"
