#!/bin/sh
# Prints the Python that the virtual environment is made with: 3.11 or newer.
set -eu

for candidate in python3.11 python3.12 python3.13 python3; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "$candidate"
        exit
    fi
done
echo "setup: Python 3.11 or newer is missing; on Debian: apt-get install -y python3 python3-venv" >&2
exit 1
