#!/bin/sh
# Reads what a prune of REPOSITORY decides by: every tag's digest, every manifest, and those that indexes list.
# Usage: crane.sh REPOSITORY FOLDER. Eight processes at a time. `CRANE`: the program.
set -eu
repository=$1 folder=$2
rm -rf "$folder" && mkdir -p "$folder/held" "$folder/digests"
"$CRANE" ls --insecure "$repository" > "$folder/list"
REPOSITORY=$repository FOLDER=$folder xargs -P 8 -n 50 sh -c '
  for tag; do
    "$CRANE" digest --insecure "$REPOSITORY:$tag" > "$FOLDER/held/$tag"
  done' sh < "$folder/list"
(cd "$folder/held" && cat -- *) | sort -u > "$folder/tops"
REPOSITORY=$repository FOLDER=$folder xargs -P 8 -n 50 sh -c '
  for digest; do
    "$CRANE" manifest --insecure "$REPOSITORY@$digest" > "$FOLDER/digests/$digest"
  done' sh < "$folder/tops"
grep -l '"manifests":' -r "$folder/digests" |
  xargs grep -oh '"digest":"sha256:[0-9a-f]*"' | sort -u | cut -d '"' -f 4 > "$folder/children"
REPOSITORY=$repository FOLDER=$folder xargs -P 8 -n 50 sh -c '
  for digest; do
    "$CRANE" manifest --insecure "$REPOSITORY@$digest" > "$FOLDER/digests/$digest"
  done' sh < "$folder/children"
