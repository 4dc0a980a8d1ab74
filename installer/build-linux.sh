#!/usr/bin/env bash
# Make and test the Linux packages: a folder, a .deb, a .run, and their checksums.
#
#     installer/build-linux.sh [OUT]         OUT: dist/ beside this folder unless given
#
# Debian 12 or Ubuntu 23.10 and newer. As root it installs what it needs and tests the .deb in a minimal system of its
# own; else it says what is missing. The oldest system that packages run on is the one they are made on.
#   FAST=1      less compression, for trying
#   WORK=DIR    keep intermediate files, and minimal systems for the next time, in DIR
#   PYTHON=...  another Python than the system's
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(dirname "$here")
out=$(realpath -m "${1:-$repository/dist}")
PYTHON=${PYTHON:-/usr/bin/python3}
if [ -z "${WORK:-}" ]; then
    WORK=$(mktemp -d)
    trap 'rm -rf "$WORK"' EXIT
fi
mkdir -p "$WORK" "$out"
export REPORTS=$WORK/reports CHECKS=$WORK/checks ROOTS=$WORK/roots
rm -rf "$REPORTS" "$CHECKS"
mkdir -p "$REPORTS" "$ROOTS"
: > "$CHECKS"
unset PYTHONPATH QT_QPA_PLATFORM DISPLAY WAYLAND_DISPLAY
if [ "${FAST:-0}" = 1 ]; then
    export ZARGS="-Zxz -z0" RUN_COMPRESSION="--gzip --complevel 1"
fi
times=()
failed=0

timed() { # timed WHAT COMMAND...
    local what=$1 start=$SECONDS status=0
    shift
    echo "== $what"
    "$@" || status=$?
    times+=("$(printf '| %-44s | %5d s |' "$what" $((SECONDS - start)))")
    return $status
}

install_tools() {
    local packages=(binutils ca-certificates desktop-file-utils libglib2.0-bin makeself "python3" "python3-venv" shared-mime-info
        xvfb xz-utils libdbus-1-3 libegl1 libfontconfig1 libgl1 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0
        libxkbcommon-x11-0 libwayland-client0 libwayland-cursor0 libwayland-egl1)
    local library missing=() name
    library=$("$PYTHON" -c 'import sys; print("libpython%d.%d" % sys.version_info[:2])' 2> /dev/null || true)
    if [ "$PYTHON" = /usr/bin/python3 ] && [ -n "$library" ]; then packages+=("$library"); fi
    if [ "$(id -u)" = 0 ]; then packages+=(debootstrap); fi
    for name in "${packages[@]}"; do
        dpkg-query -W -f '${Status}' "$name" 2> /dev/null | grep -q 'ok installed' || missing+=("$name")
    done
    if [ ${#missing[@]} = 0 ]; then return; fi
    if [ "$(id -u)" != 0 ]; then
        echo "Needed: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    apt-get -q update > /dev/null || exit 1
    DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${missing[@]}" > "$WORK/apt.log" 2>&1 || {
        tail "$WORK/apt.log"
        exit 1
    }
    # On a machine that had no Python, its library is known only now.
    if [ -z "$library" ]; then install_tools; fi
}

make_environment() {
    "$PYTHON" -m venv --clear "$WORK/environment" &&
        "$WORK/environment/bin/pip" install -qq --disable-pip-version-check --require-hashes --only-binary :all: \
        -r "$here/requirements-build.lock"
}

make_folder() {
    rm -rf "$WORK/folder"
    "$WORK/environment/bin/pyinstaller" --noconfirm --log-level WARN --distpath "$WORK/folder" --workpath "$WORK/pyinstaller" \
        "$here/hdmea-studio.spec" > "$WORK/pyinstaller.log" 2>&1 || {
        tail -n 30 "$WORK/pyinstaller.log"
        exit 1
    }
    unstripped=$(du -sm "$folder" | cut -f1)
    # Libraries in *.libs were changed by the makers of the wheels in a way that strip destroys.
    find "$folder" -name '*.so*' -type f -not -path '*.libs/*' -exec strip --strip-unneeded {} + 2> "$WORK/strip.log" || exit 1
}

tested() { # tested WHAT SCRIPT FILE
    echo "-- $1" >> "$CHECKS"
    timed "tests of the $1" bash "$2" "$3" || failed=1
}

start=$SECONDS
folder=$WORK/folder/hdmea-studio
timed "tools" install_tools
version=$("$PYTHON" "$here/contents.py" version)
name=hdmea-studio_${version}_$(dpkg --print-architecture)
timed "environment from the lock" make_environment
timed "folder (PyInstaller, strip)" make_folder
tested "folder" "$here/linux/test-folder.sh" "$folder"
timed ".deb" bash "$here/deb/make.sh" "$folder" "$out/$name.deb"
timed ".run" bash "$here/run/make.sh" "$folder" "$out/$name.run"
if [ "$(id -u)" = 0 ]; then
    tested ".deb" "$here/linux/test-deb.sh" "$out/$name.deb"
else
    echo "-- .deb: not tested, that needs root" >> "$CHECKS"
fi
tested ".run" "$here/linux/test-run.sh" "$out/$name.run"
(cd "$out" && sha256sum "$name.deb" "$name.run" > SHA256SUMS)

size() { du -m --apparent-size "$1" | cut -f1; }
echo
echo "| what | size |"
echo "|---|---|"
echo "| folder | $unstripped MB, stripped $(du -sm "$folder" | cut -f1) MB |"
echo "| $name.deb | $(size "$out/$name.deb") MB; $(cat "$REPORTS/deb-installed.txt" 2> /dev/null || echo 'not installed') |"
echo "| $name.run | $(size "$out/$name.run") MB |"
echo
echo "| step | time |"
echo "|---|---|"
printf '%s\n' "${times[@]}"
echo "| all | $((SECONDS - start)) s |"
echo
echo "| what weighs what, unpacked and stripped | size | share |"
echo "|---|---|---|"
"$PYTHON" "$here/linux/weigh.py" "$folder"
echo
echo "| start | window shown | of it computed | usable |"
echo "|---|---|---|---|"
"$PYTHON" "$here/linux/starts.py" "$REPORTS"
echo
cat "$CHECKS"
echo "$(grep -c '^ok' "$CHECKS") passed, $(grep -c '^FAILED' "$CHECKS" || true) failed"
exit $failed
