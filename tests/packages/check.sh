#!/usr/bin/env bash
# Builds the packages and shows that they work: the Debian package is built, installed, run, purged,
# and leaves nothing; the static program and the archive for cargo-binstall run in an empty folder.
#
# Run it as root, on a Debian or Ubuntu machine that does not use sessionctl; tests do not need it. It
# takes two release builds. cargo-deb is built into $XDG_CACHE_HOME/sessionctl if it is missing, and
# lintian is taken from Debian.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C

package=sessionctl
unit=sessionctl-sweep.service
target=$(rustc -vV | sed -n 's/^host: //p')
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
built=${CARGO_TARGET_DIR:-target}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sessionctl
scratch=$(mktemp -d)
server=

step() { printf '\n== %s\n' "$*"; }
fail() { printf 'check.sh: %s\n' "$*" >&2; exit 1; }

leave() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$scratch"
}
trap leave EXIT

# Everything of ours on this machine, outside of what is being built.
ours() {
    find /etc /usr /var/lib /lib/systemd /run/systemd -xdev -iname '*sessionctl*' 2>/dev/null | sort -u
}

[ "$(id -u)" = 0 ] || fail 'this installs a package: run it as root, in a sandbox'
if dpkg-query -W -f '${Status}' $package 2>/dev/null | grep -qv not-installed || [ -e /etc/$package ]; then
    fail "$package is in use here, and would be purged"
fi
ours >"$scratch/before"

step 'Tools'
if ! cargo deb --version 2>/dev/null; then
    export PATH=$cache/cargo-deb/bin:$PATH
    cargo deb --version 2>/dev/null ||
        cargo install --locked --version 3.8.0 --root "$cache/cargo-deb" cargo-deb
fi
command -v lintian >/dev/null || apt-get install -y --no-install-recommends lintian >/dev/null

step 'A server, which the demo fetches if there is none'
cargo run --quiet --locked --release -- demo --exit >/dev/null
mongod=${SESSIONCTL_MONGOD:-$(command -v mongod || echo "$cache/mongod-6.0.5")}
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir "$scratch/data"
"$mongod" --dbpath "$scratch/data" --port "$port" --bind_ip 127.0.0.1 --nounixsocket \
    --wiredTigerCacheSizeGB 0.25 >"$scratch/log" &
server=$!
uri=mongodb://127.0.0.1:$port
echo "$uri" >"$scratch/uri"
for _ in $(seq 100); do
    "$built/release/sessionctl" collections --uri "$uri" -q >/dev/null 2>&1 && break
    sleep 0.1
done

# The program at hand finds an expired session, which is put there by the one just built, and sweeps it.
works() {
    local there=(-d check -c sessions --layout connect-mongo-json)
    local here=(--uri "$uri" "${there[@]}")
    printf '%s\n' '{"_id":"FGmZYjFWecoXcQLlwEKlEmIkz58bToMD","expires":{"$date":"2020-01-01T00:00:00Z"},"session":"{\"cookie\":{}}"}' \
        >"$scratch/one.ndjson"
    "$built/release/sessionctl" restore "$scratch/one.ndjson" --yes -q --uri-file "$scratch/uri" "${there[@]}"
    [ "$("$@" list -o csv --columns state "${here[@]}" | tail -n 1)" = expired ] || fail 'it lists no expired session'
    "$@" sweep --once "${here[@]}"
    [ -z "$("$@" list -o ndjson "${here[@]}")" ] || fail 'it did not sweep'
}

step 'The Debian package'
deb=$(cargo deb --quiet -- --locked --quiet | tail -n 1)
dpkg-deb --info "$deb" | sed -n 's/^ \(Package\|Version\|Architecture\|Depends\|Installed-Size\)/&/p'
# There is no address to write to, and the changes are a help topic.
lintian --allow-root --fail-on error,warning --suppress-tags bogus-mail-host,no-changelog "$deb"

step 'Installing it'
dpkg -i "$deb"
[ "$(command -v sessionctl)" = /usr/bin/sessionctl ] || fail 'another sessionctl hides the installed one'
sessionctl --version | grep -qx "sessionctl $version"
works sessionctl
for page in man/*; do
    zcat "/usr/share/man/man${page##*.}/$(basename "$page").gz" | cmp - "$page"
done
cmp completions/sessionctl.bash /usr/share/bash-completion/completions/sessionctl
systemd-analyze verify --man=no /usr/lib/systemd/system/$unit
systemd-analyze security --offline=true --threshold=15 --no-pager /usr/lib/systemd/system/$unit | tail -n 1

enabled() { systemctl is-enabled $unit 2>/dev/null || true; }
running() {
    local program
    for program in /proc/[0-9]*/exe; do
        [[ $(readlink "$program" 2>/dev/null) != /usr/bin/sessionctl* ]] || return 0
    done
    return 1
}
step 'The unit is neither enabled nor running'
[ "$(enabled)" = disabled ] || fail "after installing the unit is $(enabled)"
! running || fail 'installing started it'

step 'An upgrade keeps what was set up'
echo 'interval = "90s"' >>/etc/sessionctl/sweep.toml
dpkg -i "$deb" >/dev/null
[ "$(enabled)" = disabled ] || fail "after an upgrade the unit is $(enabled)"
grep -q 90s /etc/sessionctl/sweep.toml || fail 'an upgrade took the configuration'
systemctl enable $unit 2>/dev/null
dpkg -i "$deb" >/dev/null
[ "$(enabled)" = enabled ] || fail "after a second upgrade the unit is $(enabled)"
! running || fail 'an upgrade started it'

step 'Removing and purging it'
dpkg -r $package >/dev/null
[ -e /etc/sessionctl/sweep.toml ] || fail 'removing took the configuration'
[ ! -e /usr/bin/sessionctl ] || fail 'the program is still there'
dpkg -P $package
ours >"$scratch/after"
diff "$scratch/before" "$scratch/after" || fail 'purging left these'

step "The static program for $target"
# With a target named, the flag is not for the macros that build it.
RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --quiet --target "$target" \
    --target-dir "$built/static"
program=$built/static/$target/release/sessionctl
ldd "$program" 2>&1 | grep -E 'statically linked|not a dynamic executable'

step 'The archive for cargo-binstall'
name=$package-$version-$target
mkdir -p "$scratch/$name" "$built/dist"
cp -r "$program" LICENSE README.md man completions "$scratch/$name"
tar -C "$scratch" -czf "$built/dist/$name.tar.gz" "$name"
ls -l "$built/dist/$name.tar.gz"

step 'It runs where there is nothing else, as in the image of the Dockerfile'
mkdir -p "$scratch/image"/{dev,etc}
tar -C "$scratch/image" --strip-components=1 -xzf "$built/dist/$name.tar.gz" "$name/sessionctl"
mknod -m 666 "$scratch/image/dev/null" c 1 3
mknod -m 666 "$scratch/image/dev/random" c 1 8
mknod -m 666 "$scratch/image/dev/urandom" c 1 9
works chroot --userspec=65532:65532 "$scratch/image" /sessionctl
# The C library in it looks names up as well.
echo '127.0.0.1 db1.example' >"$scratch/image/etc/hosts"
uri=mongodb://db1.example:$port
works chroot --userspec=65532:65532 "$scratch/image" /sessionctl

printf '\nAll is well.\n'
