#!/bin/sh
# Reads what a prune of REPOSITORY decides by: every tag's digest, every manifest, and those that indexes list.
# Usage: regctl.sh REPOSITORY FOLDER. Eight processes at a time. `REGCTL`: the program.
set -eu
repository=$1 folder=$2
rm -rf "$folder" && mkdir -p "$folder/held" "$folder/digests"
host="reg=${repository%%/*},tls=disabled"
"$REGCTL" --host "$host" tag ls "$repository" > "$folder/list"
HOST=$host REPOSITORY=$repository FOLDER=$folder xargs -P 8 -n 50 sh -c '
  for tag; do
    "$REGCTL" --host "$HOST" manifest head "$REPOSITORY:$tag" > "$FOLDER/held/$tag"
  done' sh < "$folder/list"
(cd "$folder/held" && cat -- *) | sort -u > "$folder/tops"
HOST=$host REPOSITORY=$repository FOLDER=$folder xargs -P 8 -n 50 sh -c '
  for digest; do
    "$REGCTL" --host "$HOST" manifest get --format raw-body "$REPOSITORY@$digest" > "$FOLDER/digests/$digest"
  done' sh < "$folder/tops"
grep -l '"manifests":' -r "$folder/digests" |
  xargs grep -oh '"digest":"sha256:[0-9a-f]*"' | sort -u | cut -d '"' -f 4 > "$folder/children"
HOST=$host REPOSITORY=$repository FOLDER=$folder xargs -P 8 -n 50 sh -c '
  for digest; do
    "$REGCTL" --host "$HOST" manifest get --format raw-body "$REPOSITORY@$digest" > "$FOLDER/digests/$digest"
  done' sh < "$folder/children"
