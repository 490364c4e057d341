#!/bin/sh
# usage: tools/old-arms-sdk.sh
# Installs the last ARMS SDK that signs with HMAC-SHA1 into .cache/arms-sdk-7, apart from all else; does nothing when it is
# there. Prints the folder. The lock: `echo alibabacloud-arms20190808==7.0.0 | uv pip compile - --universal
# --python-version 3.11 --generate-hashes --no-header --no-annotate -o tests/web/arms/sdk7.lock`.
set -eu
cd "$(dirname "$0")/.."
lock=tests/web/arms/sdk7.lock
folder=.cache/arms-sdk-7
stamp=$folder/$(cksum < $lock | tr ' ' '-').stamp

if [ ! -e "$stamp" ]; then
    rm -rf "$folder"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --target "$folder" --requirement "$lock" >&2
    touch "$stamp"
fi
echo "$PWD/$folder"
