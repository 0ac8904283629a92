#!/bin/sh
# Installs shipmark from this checkout into the virtual environment DIR: sh ci/install.sh DIR
#
# For CI systems without an adapter, until a release is published. Each package must have its hash in ci/runtime.lock.
# PYTHON names another interpreter than python3.
set -eu

venv=${1:?'usage: sh ci/install.sh DIR'}
root=$(cd "$(dirname "$0")/.." && pwd)
# Neither the workspace nor the job's settings get a module into the environment.
unset PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX
"${PYTHON:-python3}" -I -m venv --clear "$venv"
pip="$venv/bin/python -I -m pip --disable-pip-version-check --quiet --no-input install"
$pip --require-hashes --only-binary :all: --requirement "$root/ci/runtime.lock"
# The build backend came with the lock file, so nothing is fetched that has no hash.
$pip --no-deps --no-build-isolation --no-index "$root"
