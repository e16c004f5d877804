#!/bin/bash
# Make requirements.lock from requirements.txt: every package at an exact version.
#
# uv resolves for all of Python 3.11 to 3.13, amd64 and arm64 at once, which pip cannot. It comes from the package
# index into an environment of its own, is used once, and goes. `--no-config` and the dropped variables keep this
# machine's own settings (mirrors, extra places to look) out of the result.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

uv_version=0.13.9
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

/usr/bin/python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check "uv==$uv_version"
for name in $(compgen -e | grep '^UV_' || true); do unset "$name"; done
"$scratch/venv/bin/uv" pip compile --quiet --no-config --universal --python-version 3.11 \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
    requirements.txt --output-file "$scratch/lock"
{
    echo "# Everything that requirements.txt pulls in, at exact versions. Made by \`make lock\`: edit requirements.txt, not this."
    cat "$scratch/lock"
} >requirements.lock
echo "requirements.lock: $(grep -c == requirements.lock) packages"
