#!/bin/sh
# Builds the virtual environment named by $1, pinned by constraints.txt.
set -eu
venv=$1

fail() {
    echo "setup: $*" >&2
    exit 1
}

python=
for candidate in python3.11 python3.12 python3.13 python3; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || fail "Python 3.11 or newer is missing; on Debian: apt-get install -y python3 python3-venv"

rm -rf "$venv"
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 ||
        fail "python3-venv is missing; run as root: apt-get install -y python3-venv"
    version=$("$python" -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')
    export DEBIAN_FRONTEND=noninteractive
    apt-get -y -q update >&2
    apt-get -y -q install --no-install-recommends "python$version-venv" >&2
fi
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --editable '.[all,server,dev]' </dev/null
"$venv/bin/python" -m compileall -q src
touch "$venv/.complete"
