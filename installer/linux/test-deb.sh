#!/usr/bin/env bash
# linux/test-deb.sh PACKAGE.deb: install in a minimal system of its own, test, remove. As root; needs debootstrap.
# REPORTS: folder for the self-test's reports. MIRROR: of the distribution. ROOTS: where minimal systems are kept.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
package=$1
reports=${REPORTS:-$(mktemp -d)}
roots=${ROOTS:-$(mktemp -d)}
version=$(python3 "$here/../contents.py" version)
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
root=$(mktemp -d)
chmod 755 "$root"

clean_up() {
    stop_xvfb
    umount -l "$root/tmp/.X11-unix" "$root/dev" "$root/proc" 2> /dev/null
    rm -rf --one-file-system "$root"
}
trap clean_up EXIT

inside() { chroot "$root" env -i HOME=/tmp/home PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
apt() { inside apt-get -q -y --no-install-recommends "$@"; }
says() { [ "$(inside "$@")" = "$SAID" ]; }
# Answers are kept, then searched: a search that ends early would end the one who answers with an error.
has_type() { grep -q "content-type: $2\$" <<< "$(inside gio info -a standard::content-type "$1")"; }
opened_by_default() { grep -q "^Default application.*: hdmea-studio.desktop" <<< "$(inside gio mime "$1")"; }
offered() { grep -q "^[[:space:]]zz-hdmea-studio-results.desktop" <<< "$(inside gio mime "$1")"; }
left_to_other() {
    grep -q "^Default application.*: other.desktop" <<< "$(inside gio mime application/x-hdf)"
}
no_trace() {
    ! { find "$root" -xdev -iname '*hdmea*' -not -path "$root/tmp/*" -not -path "$root/proc/*" \
        -not -path "$root/dev/*" -not -path "$root/var/lib/dpkg/*" | grep . ||
        grep -rls hdmea "$root/usr/share/applications" "$root/usr/share/mime" "$root/var/lib/dpkg/status"; }
}

if [ ! -f "$roots/$release.tar" ]; then
    debootstrap --variant=minbase "$release" "$roots/$release" ${MIRROR:+"$MIRROR"} > "$roots/debootstrap.log" 2>&1 || {
        tail -n 5 "$roots/debootstrap.log"
        check "a minimal $release" false
        exit 1
    }
    tar -C "$roots/$release" -cf "$roots/$release.tar" . && rm -rf "${roots:?}/$release"
fi
tar -C "$root" -xf "$roots/$release.tar"
mount --bind /dev "$root/dev" && mount -t proc proc "$root/proc"
cp /etc/resolv.conf "$root/etc/" 2> /dev/null
mkdir -p "$root/tmp/home" "$root/tmp/.X11-unix"
cp "$package" "$root/tmp/package.deb"
check "package lists" apt update

before=$(du -sm --one-file-system "$root" | cut -f1)
check "the package installs in a minimal $release" apt install /tmp/package.deb
echo "$(($(du -sm --one-file-system "$root" | cut -f1) - before)) MB with what it depends on" > "$reports/deb-installed.txt"
SAID="HD-MEA Studio $version" check "hdmea-studio is on the path" says hdmea-studio --version
SAID="HD-MEA Studio $version" check "hdmea-gui too" says hdmea-gui --version
SAID="$version" check "hdmea too" says hdmea --version
check "self-test, offscreen" inside hdmea-studio --self-test --report /tmp/offscreen.json
start_xvfb
mount --bind /tmp/.X11-unix "$root/tmp/.X11-unix"
check "self-test on X11 (Xvfb), with only what the package depends on" \
    inside DISPLAY="$display" hdmea-studio --self-test --report /tmp/x11.json
check "it drew with xcb" report_says "$root/tmp/x11.json" 'r["platform"] == "xcb"'
check "its compiled functions come from the user's cache" report_says "$root/tmp/x11.json" 'r["from_cache"] and all(r["from_cache"].values())'
cp "$root"/tmp/*.json "$reports/" 2> /dev/null

check "the tools of a desktop install" apt install desktop-file-utils shared-mime-info libglib2.0-bin
for suffix in cmcr cmtr h5; do printf '\x89HDF\r\n\x1a\n....' > "$root/tmp/x.$suffix"; done
check ".cmcr is known" has_type /tmp/x.cmcr application/x-hdmea-cmcr
check ".cmtr is known" has_type /tmp/x.cmtr application/x-hdmea-cmtr
check ".cmcr is opened by the program" opened_by_default application/x-hdmea-cmcr
check ".cmtr is opened by the program" opened_by_default application/x-hdmea-cmtr
check ".h5 is still an HDF5 file" has_type /tmp/x.h5 application/x-hdf
check "the program is offered for it" offered application/x-hdf
printf '[Desktop Entry]\nType=Application\nName=Other\nExec=true %%f\nMimeType=application/x-hdf;\n' \
    > "$root/usr/share/applications/other.desktop"
inside update-desktop-database -q
inside gio mime application/x-hdf other.desktop > /dev/null
check "the package installs again over itself" apt install --reinstall /tmp/package.deb
check "another program that somebody chose for .h5 stays so" left_to_other
rm -r "$root/tmp/home/.config"
check "one that came first stays so too, chosen or not" left_to_other
rm "$root/usr/share/applications/other.desktop"
check "the package is removed" apt purge hdmea-studio
check "removal leaves nothing" no_trace
exit $failed
