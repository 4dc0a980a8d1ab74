#!/usr/bin/env bash
# linux/test-folder.sh FOLDER: test the one-folder build where it lies. REPORTS: folder for the self-test's reports.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
folder=$1
reports=${REPORTS:-$(mktemp -d)}
home=$(mktemp -d)
trap 'stop_xvfb; rm -rf "$home"' EXIT
version=$(python3 "$here/../contents.py" version)

run() { env -i HOME="$home" PATH=/usr/bin:/bin LANG=C.UTF-8 "$@"; }
files() { (cd "$folder" && find . -printf '%p %s %y\n' | sort); }
says() { [ "$(run "$@")" = "$SAID" ]; }
without_dangling() { ! find "$folder" -xtype l | grep .; }
complete() {
    # Not missed: numba's other way of using threads, and what lies beside its library under another folder.
    ! find "$folder" -name '*.so*' -type f -exec ldd {} + 2> /dev/null | grep 'not found' \
        | grep -vE 'libtbb|libquadmath'
}

files > "$home/before"
SAID="HD-MEA Studio $version" check "the window says its version" says "$folder/hdmea-studio" --version
SAID="$version" check "the command line says its version" says "$folder/hdmea" --version
check "the command line makes a demo" run "$folder/hdmea" demo "$home/demo"
check "it runs a flow on it" run "$folder/hdmea" run "$home"/demo/*.cmcr --flow quick --output "$home/demo.h5"
check "it exports a Parquet table" run "$folder/hdmea" export "$home/demo.h5" "$home/demo.parquet"
check "self-test, offscreen" run "$folder/hdmea-studio" --self-test --report "$reports/folder-first.json"
check "compiled functions run" report_says "$reports/folder-first.json" 'r["kernels"] and all(r["kernels"].values())'
check "self-test once more" run "$folder/hdmea-studio" --self-test --report "$reports/folder.json"
check "the second start takes compiled functions from the cache" \
    report_says "$reports/folder.json" 'r["from_cache"] and all(r["from_cache"].values())'
(cd / && run "$folder/hdmea-studio" --self-test --report "$reports/folder-elsewhere.json" > /dev/null 2>&1)
check "so does one from another folder" report_says "$reports/folder-elsewhere.json" 'r["from_cache"] and all(r["from_cache"].values())'
start_xvfb
check "self-test on X11 (Xvfb)" run DISPLAY="$display" "$folder/hdmea-studio" --self-test --report "$reports/folder-x11.json"
check "it drew with xcb" report_says "$reports/folder-x11.json" 'r["platform"] == "xcb"'
files > "$home/after"
check "running writes nothing into the folder" cmp "$home/before" "$home/after"
check "no dangling link" without_dangling
check "no library is missing" complete
check "nothing under the GPL without exception" python3 "$here/gpl.py" "$folder"
check "it knows its own version and those of its libraries" \
    report_says "$reports/folder.json" 'r["libraries"] and all(r["libraries"].values())'
exit $failed
