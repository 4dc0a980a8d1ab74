#!/bin/sh
# Install HD-MEA Studio for this user, without administrator rights: the start-up script of the .run file.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
prefix=$HOME/.local
data=${XDG_DATA_HOME:-$HOME/.local/share}
program=$prefix/opt/hdmea-studio

mkdir -p "$prefix/opt" "$prefix/bin" "$data/applications" "$data/mime/packages" \
    "$data/icons/hicolor/256x256/apps"
rm -rf "$program.new"
mv "$here/hdmea-studio" "$program.new"
cp "$here/uninstall.sh" "$program.new/uninstall"
chmod 755 "$program.new/uninstall"
# The earlier version stays until the new one is whole.
rm -rf "$program"
mv "$program.new" "$program"

for name in hdmea-studio hdmea; do ln -sf "$program/$name" "$prefix/bin/$name"; done
ln -sf hdmea-studio "$prefix/bin/hdmea-gui"
for entry in hdmea-studio zz-hdmea-studio-results; do
    sed -e "s|^Exec=hdmea-studio|Exec=\"$program/hdmea-studio\"|" \
        -e "s|^TryExec=.*|TryExec=$program/hdmea-studio|" "$here/$entry.desktop" > "$data/applications/$entry.desktop"
done
cp "$here/hdmea-studio.xml" "$data/mime/packages/hdmea-studio.xml"
cp "$here/hdmea-studio.png" "$data/icons/hicolor/256x256/apps/hdmea-studio.png"
if command -v update-desktop-database > /dev/null; then update-desktop-database -q "$data/applications"; fi
if command -v update-mime-database > /dev/null; then update-mime-database "$data/mime"; fi

echo "HD-MEA Studio is installed in $program."
echo "Start it from the menu of the desktop, or with  $prefix/bin/hdmea-studio"
echo "Remove it with  $program/uninstall"
