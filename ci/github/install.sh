#!/usr/bin/env bash
# Installs shipmark for this job: makes the virtual environment VENV and fills it from the folder WHEELS, which a cache
# may have restored. A wheel counts only if the lock file has its hash; what is missing is downloaded.
set -euo pipefail

python=$SHIPMARK_PYTHON venv=$SHIPMARK_VENV wheels=$SHIPMARK_WHEELS
root=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
# Neither the workspace nor the job's settings get a module into ours: the workspace may be a pull request's.
cd "$RUNNER_TEMP"
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP PIP_USER PIP_TARGET PIP_PREFIX PIP_PLATFORM PIP_PYTHON_VERSION

unpack() { "$python" -I "$root/release/cli/action/unpack.py" "$root" "$wheels" "$venv"; }

if [ ! -d "$wheels" ] || ! unpack; then
  rm -rf -- "$wheels"
  "$python" -I -m pip --disable-pip-version-check --quiet --no-input download \
    --no-deps --require-hashes --only-binary :all: --requirement "$root/ci/runtime.lock" --dest "$wheels" >&2
  unpack
fi
