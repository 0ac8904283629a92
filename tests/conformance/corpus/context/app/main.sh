#!/bin/sh
. "$(dirname "$0")/lib.sh"
hello "${1:-world}"
