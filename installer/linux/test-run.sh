#!/usr/bin/env bash
# linux/test-run.sh PROGRAM.run: install for a throw-away user's home, test, remove.
# REPORTS: folder for the self-test's reports.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
program=$1
reports=${REPORTS:-$(mktemp -d)}
version=$(python3 "$here/../contents.py" version)
home="$(mktemp -d)/a home ü"
mkdir "$home"
trap 'stop_xvfb; rm -rf "${home%/*}"' EXIT

user() { env -i HOME="$home" PATH="$home/.local/bin:/usr/bin:/bin" LANG=C.UTF-8 XDG_DATA_DIRS=/usr/share "$@"; }
says() { [ "$(user "$@")" = "$SAID" ]; }
# Answers are kept, then searched: a search that ends early would end the one who answers with an error.
has_type() { grep -q "content-type: $2\$" <<< "$(user gio info -a standard::content-type "$1")"; }
opened_by_default() { grep -q "^Default application.*: hdmea-studio.desktop" <<< "$(user gio mime "$1")"; }
nothing_left() { ! find "$home" -mindepth 1 | grep .; }

check "it installs without administrator rights" user sh "$program"
SAID="HD-MEA Studio $version" check "hdmea-studio says its version" says hdmea-studio --version
SAID="$version" check "hdmea says its version" says hdmea --version
check "the entry of the desktop is valid" desktop-file-validate "$home/.local/share/applications/hdmea-studio.desktop"
check "self-test, offscreen" user hdmea-studio --self-test --report "$reports/run.json"
start_xvfb
check "self-test on X11 (Xvfb)" user DISPLAY="$display" hdmea-studio --self-test --report "$reports/run-x11.json"
printf '\x89HDF\r\n\x1a\n....' > "$home/x.cmcr"
check ".cmcr is known" has_type "$home/x.cmcr" application/x-hdmea-cmcr
check ".cmcr is opened by the program" opened_by_default application/x-hdmea-cmcr
rm "$home/x.cmcr"
check "it installs again over itself" user sh "$program"
check "it uninstalls" user "$home/.local/opt/hdmea-studio/uninstall"
check "removal leaves nothing" nothing_left
exit $failed
