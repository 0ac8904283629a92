#!/bin/sh
# Reads what a prune of REPOSITORY decides by: every tag with its manifest, and the manifests that indexes list.
# Usage: skopeo.sh REPOSITORY FOLDER. Eight processes at a time.
set -eu
repository=$1 folder=$2
rm -rf "$folder" && mkdir -p "$folder/tags" "$folder/digests"
skopeo list-tags --tls-verify=false "docker://$repository" | sed -n 's/^        "\(.*\)",\{0,1\}$/\1/p' > "$folder/list"
# A tag's manifest in one request: its digest is the SHA-256 of these bytes.
REPOSITORY=$repository FOLDER=$folder xargs -P 8 -n 50 sh -c '
  for tag; do
    skopeo inspect --tls-verify=false --raw "docker://$REPOSITORY:$tag" > "$FOLDER/tags/$tag"
  done' sh < "$folder/list"
(cd "$folder/tags" && sha256sum -- *) > "$folder/held"
# One file of each digest is enough to find what indexes list.
sort -u -k 1,1 "$folder/held" | sed "s|^[0-9a-f]*  |$folder/tags/|" | xargs grep -l '"manifests":' |
  xargs grep -oh '"digest":"sha256:[0-9a-f]*"' | sort -u | cut -d '"' -f 4 > "$folder/children"
REPOSITORY=$repository FOLDER=$folder xargs -P 8 -n 50 sh -c '
  for digest; do
    skopeo inspect --tls-verify=false --raw "docker://$REPOSITORY@$digest" > "$FOLDER/digests/$digest"
  done' sh < "$folder/children"
