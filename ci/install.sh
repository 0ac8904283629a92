#!/bin/sh
# Installs shipmark from this checkout into the virtual environment DIR: sh ci/install.sh DIR [WHEELS [--job]]
#
# Every package must have its hash in ci/runtime.lock. WHEELS is a folder with packages that a cache has kept; what is
# missing there is downloaded into it. With --job the environment is for one job: quicker to make, and it needs this
# checkout. PYTHON names another interpreter than python3. Actions, examples and `init` all install with this script.
set -eu

venv=${1:?'usage: sh ci/install.sh DIR [WHEELS [--job]]'}
python=${PYTHON:-python3}
root=$(cd "$(dirname "$0")/.." && pwd)
# Neither the workspace nor the job's settings get a module into the environment. The job's indexes, proxies and
# certificates count; what it says of its own installations would choose other packages, or none.
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP PIP_USER PIP_TARGET PIP_PREFIX PIP_PLATFORM PIP_PYTHON_VERSION \
  PIP_ABI PIP_IMPLEMENTATION PIP_CONSTRAINT PIP_REQUIREMENT PIP_REQUIRE_VIRTUALENV

scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
wheels=${2:-$scratch/wheels} job=${3:-}

# shellcheck disable=SC2086  # no argument at all if it is empty
unpack() { "$python" -I "$root/release/cli/action/unpack.py" "$root" "$wheels" "$venv" $job; }

# 3: wheels are missing.
status=3
if [ -d "$wheels" ]; then
  status=0
  unpack || status=$?
fi
if [ "$status" != 0 ] && [ "$status" != 3 ]; then
  exit "$status"
fi
if [ "$status" = 3 ]; then
  pip=$python
  # Debian packages pip apart from Python; a new virtual environment has one of its own.
  if ! "$python" -I -c 'import pip' 2>/dev/null; then
    "$python" -I -m venv "$scratch/pip"
    pip=$scratch/pip/bin/python
  fi
  "$pip" -I -m pip --disable-pip-version-check --quiet --no-input download \
    --no-deps --require-hashes --only-binary :all: --requirement "$root/ci/runtime.lock" --dest "$wheels" >&2
  unpack
fi
