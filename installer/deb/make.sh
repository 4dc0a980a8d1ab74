#!/usr/bin/env bash
# deb/make.sh FOLDER OUT.deb: a Debian package of the one-folder build.
# ZARGS: arguments of dpkg-deb for compression.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1 out=$2
desktop=$here/../../resources/desktop
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

mkdir -p "$root"/{DEBIAN,opt,usr/bin} "$root"/usr/share/{applications,doc/hdmea-studio,mime/packages} \
    "$root"/usr/share/icons/hicolor/{256x256,scalable}/apps
cp -a "$folder" "$root/opt/hdmea-studio"
for name in hdmea-studio hdmea; do ln -s "/opt/hdmea-studio/$name" "$root/usr/bin/$name"; done
ln -s hdmea-studio "$root/usr/bin/hdmea-gui"
cp "$desktop"/*.desktop "$root/usr/share/applications/"
cp "$desktop/hdmea-studio.xml" "$root/usr/share/mime/packages/"
cp "$desktop/hdmea-studio.png" "$root/usr/share/icons/hicolor/256x256/apps/"
cp "$desktop/../icons/hdmea-studio.svg" "$root/usr/share/icons/hicolor/scalable/apps/"
{
    cat "$here/../../LICENSE"
    printf '\nThe licences of what is packed with the program: /opt/hdmea-studio/_internal/licences\n'
} > "$root/usr/share/doc/hdmea-studio/copyright"

size=$(du -sk --exclude DEBIAN "$root" | cut -f1)
sed -e "s/@VERSION@/$(python3 "$here/../contents.py" version)/" -e "s/@SIZE@/$size/" \
    -e "s/@ARCHITECTURE@/$(dpkg --print-architecture)/" \
    -e "s/@GLIBC@/$(python3 "$here/../linux/glibc.py" "$folder")/" "$here/control.in" > "$root/DEBIAN/control"
cp "$here/postinst" "$here/postrm" "$root/DEBIAN/"
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/postrm"
find "$root" -type d -exec chmod 755 {} +
find "$root" -type f ! -perm -100 -exec chmod 644 {} +
(cd "$root" && find opt usr -type f -exec md5sum {} + > DEBIAN/md5sums)
# shellcheck disable=SC2086 # several arguments
dpkg-deb --root-owner-group ${ZARGS:--Zxz -z6} -b "$root" "$out" > /dev/null
