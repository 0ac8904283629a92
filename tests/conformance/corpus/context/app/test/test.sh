#!/bin/sh
set -e
./app/main.sh x | grep -q 'hello x'
