#!/bin/sh
# Installs rgbir from this folder into a new one, without a network. docs/how-to/air-gapped.md
set -eu

usage="usage: ./install.sh [--with EXTRA]... [--python PYTHON] FOLDER"
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

refuse() {
    echo "error: $1; nothing was installed" >&2
    exit 2
}

python='' extras='' target=''
while [ $# -gt 0 ]; do
    case $1 in
    --with)
        [ $# -gt 1 ] || refuse "--with wants the name of an extra; $usage"
        extras="$extras $2"
        shift
        ;;
    --python)
        [ $# -gt 1 ] || refuse "--python wants a program; $usage"
        python=$2
        shift
        ;;
    --help)
        echo "$usage"
        exit 0
        ;;
    -*) refuse "no option $1; $usage" ;;
    *)
        [ -z "$target" ] || refuse "one folder, not $target and $1; $usage"
        target=$1
        ;;
    esac
    shift
done
[ -n "$target" ] || refuse "it wants the folder to install into; $usage"

# Every file is what was packed, before anything of it is used.
cd -- "$here"
[ -f SHA256SUMS ] || refuse "no SHA256SUMS in $here; copy the bundle again"
if ! checked=$(LC_ALL=C sha256sum --check --quiet --strict SHA256SUMS 2>&1); then
    wrong=$(echo "$checked" | sed -n 's/^\(.*\): FAILED.*/\1/p' | sed 's/^/  /')
    refuse "these files are missing, or aren't what was packed:
${wrong:-  SHA256SUMS}
copy the bundle again, and compare the archive's sum with the one that came with it"
fi
added=$(find . -type f ! -path ./SHA256SUMS | LC_ALL=C sort | while read -r file; do
    cut -c67- SHA256SUMS | grep -qxF -- "$file" || echo "  $file"
done)
[ -z "$added" ] || refuse "these files were not packed:
$added
take them away, or copy the bundle again"

# What it was packed for: VERSION, PYTHON, MACHINE, GLIBC, ROOM_KIB.
. ./bundle.env
for extra in $extras; do
    [ -f "requirements/$extra.txt" ] || refuse "no extra $extra in this bundle; it has: $(basename -s .txt requirements/* | paste -sd ' ')"
done
if [ -z "$python" ]; then
    python=$(command -v "python$PYTHON" || command -v python3) || refuse "no python$PYTHON here; install it, with its venv"
fi
is=$("$python" -c 'import platform, sys
print(platform.python_implementation(), "%d.%d" % sys.version_info[:2], platform.machine(), *platform.libc_ver())' 2>&1) ||
    refuse "$python doesn't run as Python: $is"
# shellcheck disable=SC2086
set -- $is
[ "$1 $2" = "CPython $PYTHON" ] ||
    refuse "these packages are for CPython $PYTHON, and $python is $1 $2; install python$PYTHON, or name it with --python"
[ "$3" = "$MACHINE" ] || refuse "these packages are for Linux on $MACHINE, and this machine is $3; pack a bundle on one like it"
[ "${4:-}" = glibc ] && [ "$(printf '%s\n' "$GLIBC" "$5" | sort -V | head -n 1)" = "$GLIBC" ] ||
    refuse "these packages want glibc $GLIBC or newer, and this system has ${4:-another C library} ${5:-}; take a newer system"
"$python" -c 'import ensurepip, venv' 2> /dev/null ||
    refuse "$python can't make virtual environments; install that part of it (python$PYTHON-venv on Debian and Ubuntu)"

# The folder: new or empty, and room in it.
case $target in /*) ;; *) target=$OLDPWD/$target ;; esac
if [ -e "$target" ] && { [ ! -d "$target" ] || [ -n "$(ls -A -- "$target")" ]; }; then
    refuse "$target is there already, and isn't an empty folder; name another one"
fi
mkdir -p -- "$target" 2> /dev/null || refuse "$target can't be made by $(id -un); name a folder that you may write to"
free=$(df -Pk -- "$target" | awk 'NR == 2 {print $4}')
if [ "$free" -lt "$ROOM_KIB" ]; then
    rmdir -- "$target"
    refuse "$target has room for $((free / 1024)) MiB, and it takes $((ROOM_KIB / 1024)) MiB; name a folder on a larger disk"
fi

# Nothing of this account's settings decides what is installed, or from where.
for name in $(env | sed -n 's/^\(PIP_[A-Z_]*\|PYTHON[A-Z_][A-Z_]*\|RGBIR_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONNOUSERSITE=1
ended() {
    status=$?
    if [ $status -ne 0 ]; then
        rm -rf -- "$target"
        echo "error: it stopped there, and $target was taken away again" >&2
    fi
}
trap ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "every file is what was packed; installing rgbir $VERSION into $target"
"$python" -m venv -- "$target"
for name in server $extras; do
    "$target/bin/python" -m pip install --quiet --no-index --find-links wheels --no-deps --require-hashes \
        --requirement "requirements/$name.txt"
done
"$target/bin/python" -m pip check
sh ./selftest.sh "$target"
trap - EXIT
echo "rgbir $VERSION is installed and answers: $target/bin/rgbir
the documents are in $here/site/index.html"
