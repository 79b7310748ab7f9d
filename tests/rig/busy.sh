#!/bin/sh
# Runs the tests beside busy loops: `tests/rig/busy.sh [RUNS [LOOPS]]`, by default three times beside
# three. Arguments after these go to `cargo test`. Fails with the first run that fails.
set -eu
runs=${1:-3}
loops=${2:-3}
shift $(($# > 2 ? 2 : $#))
cargo test --locked --no-run "$@"
pids=
trap 'kill $pids' EXIT
trap 'exit 130' INT TERM
for loop in $(seq "$loops"); do
    (while :; do :; done) &
    pids="$pids $!"
done
for run in $(seq "$runs"); do
    began=$(date +%s)
    cargo test --locked "$@"
    echo "run $run of $runs passed in $(($(date +%s) - began)) s, load $(cut -d' ' -f1-3 /proc/loadavg)"
done
