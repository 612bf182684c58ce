#!/bin/sh
# Builds the virtual environment named by $1, pinned by constraints.txt.
set -eu
venv=$1

fail() {
    echo "setup: $*" >&2
    exit 1
}

python=$(sh tools/python.sh)
rm -rf "$venv"
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 ||
        fail "python3-venv is missing; run as root: apt-get install -y python3-venv"
    version=$("$python" -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')
    # The lock, and the wait for dpkg's, are those of testbed/installing.py.
    DEBIAN_FRONTEND=noninteractive flock /var/lib/apt/lists sh -euc '
        apt-get -y -q update
        apt-get -y -q -o DPkg::Lock::Timeout=600 install --no-install-recommends "$1"
    ' sh "python$version-venv" </dev/null >&2
fi
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --editable '.[all,jq,read,server,sqlalchemy,dev]' </dev/null
"$venv/bin/python" -m compileall -q src
touch "$venv/.complete"
