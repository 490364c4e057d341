#!/bin/sh
# usage: tools/venv.sh FOLDER [LOCK]
# Makes a virtual environment and installs a lock file and Tocsin itself into it.
# PYTHON names the interpreter; unset, the first one on PATH that is new enough.
set -eu
cd "$(dirname "$0")/.."
folder=$1
lock=${2:-}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null
}

if [ -n "${PYTHON:-}" ]; then
    new_enough "$PYTHON" || { echo "PYTHON=$PYTHON is not Python 3.11 or newer." >&2; exit 1; }
else
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if new_enough "$candidate"; then PYTHON=$candidate; break; fi
    done
    [ -n "${PYTHON:-}" ] || { echo "Python 3.11 or newer is needed, as python3 on PATH or named by PYTHON=..." >&2; exit 1; }
fi
if [ ! -x "$folder/bin/python" ]; then
    "$PYTHON" -c 'import ensurepip' 2> /dev/null || tools/debian-packages.sh python3-venv
    "$PYTHON" -m venv "$folder"
fi
[ -n "$lock" ] || exit 0
echo "Installing $lock into $folder"
# The lock is complete. Were pip to follow dependencies too, a newer release of what is asked for with an extra would fail it.
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement "$lock"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --editable .
