#!/usr/bin/env bash
# Builds one pinned tool from its Go module, once per version, and prints its path.
#
#   hack/tools/build.sh golangci-lint
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tool=${1:?usage: hack/tools/build.sh TOOL; the tools are the ones hack/tools/go.mod names}

cache=${CERTWRIGHT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/certwright}
version=$(sha256sum "$here/go.sum" | cut -c1-16)
out=$cache/tools/$version-$(go env GOOS)-$(go env GOARCH)
# Asking go what is pinned takes longer than most tools run.
if [ -x "$out/$tool" ]; then
  echo "$out/$tool"
  exit
fi

package=$(cd "$here" && go list -mod=readonly tool | grep -E "/$tool(/v[0-9]+)?$" || true)
if [ -z "$package" ]; then
  echo "hack/tools/build.sh: hack/tools/go.mod pins no tool called $tool" >&2
  exit 1
fi

mkdir -p "$out"
exec 9>"$out/.lock-$tool"
flock 9

if [ ! -x "$out/$tool" ]; then
  echo "building $tool (once)" >&2
  (cd "$here" && CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags '-s -w' -o "$out/.$tool.new" "$package")
  mv "$out/.$tool.new" "$out/$tool"
fi
echo "$out/$tool"
