#!/usr/bin/env bash
# run/make.sh FOLDER OUT.run: an installer for users without administrator rights, of the one-folder build.
# RUN_COMPRESSION: arguments of makeself; the default needs xz on the computer that installs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1 out=$2
desktop=$here/../../resources/desktop
content=$(mktemp -d)
trap 'rm -rf "$content"' EXIT

cp -a "$folder" "$content/hdmea-studio"
cp "$desktop"/*.desktop "$desktop"/hdmea-studio.{png,xml} "$here/install.sh" "$here/uninstall.sh" "$content/"
chmod 755 "$content/install.sh"
# shellcheck disable=SC2086 # several arguments
makeself --quiet --nox11 --tar-quietly --sha256 ${RUN_COMPRESSION:---xz --complevel 6 --threads 2} "$content" "$out" \
    "HD-MEA Studio $(python3 "$here/../contents.py" version)" ./install.sh
