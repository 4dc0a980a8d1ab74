#!/bin/bash
# build.sh WINEPREFIX: compile the stand-ins of README.md into a wine prefix that serves tests.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
system=$1/drive_c/windows/system32
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compile=(x86_64-w64-mingw32-gcc -shared -O2 -Wall)

exported() { # names that a library exports
    x86_64-w64-mingw32-objdump -p "$1" | sed -n '/^\[Ordinal\/Name Pointer\]/,/^$/s/^\t\[ *[0-9]*\] //p'
}

keep_original() { # keep wine's library NAME as COPY, without the mark by which wine finds its own
    local name=$1 copy=$2
    [ -f "$system/$copy.dll" ] && return
    cp "$system/$name.dll" "$work/$copy.dll"
    printf '\0%.0s' {1..16} | dd of="$work/$copy.dll" bs=1 seek=64 conv=notrunc status=none
    cp "$work/$copy.dll" "$system/"
}

definitions() { # NAME COPY: what NAME exports: our functions, and the others of COPY
    local name=$1 copy=$2 ours
    "${compile[@]}" -c -fno-builtin -o "$work/$name.o" "$here/$name.c"
    ours=$(x86_64-w64-mingw32-nm -g --defined-only "$work/$name.o" | sed -n 's/.* T shim_//p' | sort -u)
    echo "LIBRARY $name.dll"
    echo EXPORTS
    sed 's/.*/  "&"=shim_&/' <<<"$ours"
    exported "$system/$copy.dll" | sort -u | comm -23 - <(echo "$ours") | sed "s/.*/  \"&\"=$copy.\"&\"/"
}

export LC_ALL=C
for pair in ucrtbase:ucrtwine mscms:mscmswine; do
    name=${pair%:*} copy=${pair#*:}
    keep_original "$name" "$copy"
    definitions "$name" "$copy" >"$work/$name.def"
    "${compile[@]}" -fno-builtin -o "$work/$name.dll" "$work/$name.o" "$work/$name.def" -static -lm
done
"${compile[@]}" -o "$work/icuuc.dll" "$here/icuuc.c"
"${compile[@]}" -o "$work/bcryptprimitives.dll" "$here/bcryptprimitives.c" -ladvapi32
cp "$work"/{ucrtbase,mscms,icuuc,bcryptprimitives}.dll "$system/"
