#!/usr/bin/env bash
# The first step of the actions: looks for shipmark, installed by an earlier step of this job, and for a Python that can
# install it. Writes the outputs `installed`, `python`, `venv`, `wheels`, `key` and
# `comment-file`.
set -euo pipefail

root=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
venv="$RUNNER_TEMP/shipmark-venv"
# Neither the workspace nor the job's settings get a module into ours: the workspace may be a pull request's.
cd "$RUNNER_TEMP"
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP

put() { printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"; }

if [ "${RUNNER_OS:-}" = Windows ]; then
  echo "::error::shipmark runs on Linux and macOS: use a runner such as ubuntu-latest"
  exit 2
fi

put venv "$venv"
# Each use of the action writes a file of its own: a job may preview several images.
put comment-file "$(mktemp -d "$RUNNER_TEMP/shipmark-comment.XXXXXX")/shipmark-comment.md"
# The version that runs is the one of this action's ref, so its folder is the stamp.
if [ "$(cat "$venv/shipmark.stamp" 2>/dev/null)" = "$root" ]; then
  put installed true
  exit 0
fi

# `pip` downloads, `venv` makes the environment; Debian packages both apart from Python. The key names the Python, since
# wheels are made for one version, and the hash of the lock file. For a newer Python than 3.14 the lock file may have no
# wheels.
probe='
import hashlib, importlib.util, platform, sys
if not (3, 11) <= sys.version_info[:2] <= (3, 14) or not all(importlib.util.find_spec(name) for name in ("pip", "venv")):
    sys.exit(1)
lock = hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest()[:16]
print(f"{sys.platform}-{platform.machine()}-{sys.implementation.cache_tag}-{lock}")
'
for name in "${SHIPMARK_PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python; do
  [ -n "$name" ] || continue
  python=$(command -v "$name") || continue
  if key=$("$python" -I -c "$probe" "$root/ci/runtime.lock" 2>/dev/null); then
    put python "$python"
    put key "$key"
    put wheels "$RUNNER_TEMP/shipmark-wheels"
    exit 0
  fi
done
# The next step of the action sets one up.
put python ""
