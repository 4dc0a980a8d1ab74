#!/bin/sh
# Remove HD-MEA Studio of this user. Settings and recordings stay; what can be made again goes.
set -eu
prefix=$HOME/.local
data=${XDG_DATA_HOME:-$HOME/.local/share}

rm -rf "$prefix/opt/hdmea-studio" "${XDG_CACHE_HOME:-$HOME/.cache}/hdmea-studio"
for name in hdmea-studio hdmea hdmea-gui; do
    if [ -L "$prefix/bin/$name" ]; then rm "$prefix/bin/$name"; fi
done
rm -f "$data/applications/hdmea-studio.desktop" "$data/applications/zz-hdmea-studio-results.desktop" \
    "$data/mime/packages/hdmea-studio.xml" \
    "$data/icons/hicolor/256x256/apps/hdmea-studio.png"
if command -v update-desktop-database > /dev/null && [ -d "$data/applications" ]; then
    update-desktop-database -q "$data/applications"
fi
if [ -z "$(ls -A "$data/mime/packages" 2> /dev/null)" ]; then
    # Nothing but what update-mime-database made from our file.
    rm -rf "$data/mime"
elif command -v update-mime-database > /dev/null; then
    update-mime-database "$data/mime"
fi
if [ "$(ls -A "$data/applications" 2> /dev/null)" = mimeinfo.cache ] && ! grep -q = "$data/applications/mimeinfo.cache"; then
    rm "$data/applications/mimeinfo.cache"
fi
for folder in "$data/icons/hicolor/256x256/apps" "$data/icons/hicolor/256x256" "$data/icons/hicolor" "$data/icons" \
    "$data/applications" "$data" "$prefix/share" "$prefix/opt" "$prefix/bin" "$prefix" "$HOME/.cache"; do
    if [ -d "$folder" ] && [ -z "$(ls -A "$folder")" ]; then rmdir "$folder"; fi
done
echo "HD-MEA Studio was removed."
