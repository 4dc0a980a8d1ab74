#!/usr/bin/env bash
# Make and test the Linux packages: a folder, a .deb, a .run, and their checksums.
#
#     installer/build-linux.sh [OUT]         OUT: dist/ beside this folder unless given
#
# Debian 12 or Ubuntu 23.10 and newer. As root it installs what it needs, makes the folder in a minimal system of its
# own (debootstrap), and tests the .deb in another one; else it says what is missing and makes the folder here. The
# oldest system that packages run on is the one they are made on.
#   FAST=1      less compression, for trying
#   WORK=DIR    keep intermediate files, and minimal systems for the next time, in DIR
#   HOST=1      make the folder with the libraries of this system, whatever is installed here
#   PYTHON=...  another Python than the system's; with HOST=1
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(dirname "$here")
out=$(realpath -m "${1:-$repository/dist}")
if [ "$(id -u)" != 0 ] || [ -n "${PYTHON:-}" ]; then HOST=${HOST:-1}; fi
HOST=${HOST:-0}
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

# What Qt and PyInstaller look for on the system: what is missing is silently left out of the folder.
taken_in=(libdbus-1-3 libegl1 libfontconfig1 libgl1 libglib2.0-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0
    libxkbcommon-x11-0 libwayland-client0 libwayland-cursor0 libwayland-egl1)

install_tools() {
    local packages=(binutils ca-certificates desktop-file-utils libglib2.0-bin makeself "python3" "python3-venv" shared-mime-info
        xvfb xz-utils "${taken_in[@]}")
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

# A minimal system with Python and the libraries above, nothing else. What else is installed on this one, above all more
# libraries of X, cannot get into the folder, and the licences are those of what is there.
make_root() {
    local release components=main kept
    release=$(. /etc/os-release && echo "$VERSION_CODENAME")
    if grep -q '^ID=ubuntu' /etc/os-release; then components=main,universe; fi
    kept=$ROOTS/build-$release.tar
    if [ ! -f "$kept" ]; then
        rm -rf "$ROOTS/build"
        debootstrap --variant=minbase --components="$components" "$release" "$ROOTS/build" ${MIRROR:+"$MIRROR"} \
            > "$WORK/debootstrap.log" 2>&1 || {
            tail -n 5 "$WORK/debootstrap.log"
            exit 1
        }
        cp /etc/resolv.conf "$ROOTS/build/etc/" 2> /dev/null || true
        root=$ROOTS/build in_root sh -c 'apt-get -q update && apt-get -q -y install --no-install-recommends "$@" &&
            apt-get -q -y install --no-install-recommends \
                "libpython$(python3 -c "import sys; print(\"%d.%d\" % sys.version_info[:2])")" && apt-get clean' \
            apt binutils python3 python3-venv "${taken_in[@]}" > "$WORK/apt-root.log" 2>&1 || {
            tail "$WORK/apt-root.log"
            exit 1
        }
        tar -C "$ROOTS/build" -cf "$kept.part" . && mv "$kept.part" "$kept" && rm -rf "$ROOTS/build"
    fi
    rm -rf "$root"
    mkdir "$root" && tar -C "$root" -xf "$kept" && mkdir -p "$root/source" "$root/build" &&
        tar -C "$repository" --exclude=__pycache__ -cf - hdmea hdmea_gui installer resources pyproject.toml LICENSE |
        tar -C "$root/source" --no-same-owner -xf -
}

# Its mounts are seen by the command alone, and end with it.
in_root() { # in_root COMMAND...
    unshare --mount bash -c 'mount --bind /dev "$1/dev" && mount -t proc proc "$1/proc" && exec chroot "$@"' - "$root" \
        env -i HOME=/tmp LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# The wheels are fetched here, where proxies and certificates are set up; the minimal system asks no network for them.
make_environment() {
    local install=(install -qq --disable-pip-version-check --require-hashes --only-binary :all:)
    if [ "$HOST" = 1 ]; then
        "$PYTHON" -m venv --clear "$WORK/environment" &&
            "$WORK/environment/bin/pip" "${install[@]}" -r "$here/requirements-build.lock"
    else
        "$PYTHON" -m venv --clear "$WORK/download" &&
            "$WORK/download/bin/pip" download "${install[@]:1}" -d "$root/wheels" -r "$here/requirements-build.lock" &&
            in_root python3 -m venv /build/environment &&
            in_root /build/environment/bin/pip "${install[@]}" --no-index --find-links /wheels \
                -r /source/installer/requirements-build.lock
    fi
}

make_folder() {
    local make=(--noconfirm --log-level WARN --distpath)
    rm -rf "$WORK/folder"
    if [ "$HOST" = 1 ]; then
        "$WORK/environment/bin/pyinstaller" "${make[@]}" "$WORK/folder" --workpath "$WORK/pyinstaller" \
            "$here/hdmea-studio.spec"
    else
        in_root /build/environment/bin/pyinstaller "${make[@]}" /build/folder --workpath /build/pyinstaller \
            /source/installer/hdmea-studio.spec && mv "$root/build/folder" "$WORK/folder"
    fi > "$WORK/pyinstaller.log" 2>&1 || {
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
root=$WORK/root
if [ "$HOST" = 0 ]; then timed "minimal system to build in" make_root; fi
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
