#!/usr/bin/env bash
# Writes FILE as a comment on the request, in place of the comment that an earlier run wrote: comment.sh FILE
#
# Reads GITHUB_API_URL, GITHUB_REPOSITORY, REQUEST (the request's number) and TOKEN. A failure is a notice or a warning
# and no error: the same text is in the job's summary.
set -euo pipefail

file=$1
if [ ! -s "$file" ]; then
  echo "::notice::there is no preview to comment with"
  exit 0
fi
mark='<!-- shipmark -->'
if [ "$(head -n 1 "$file")" != "$mark" ]; then
  echo "::error::this is no comment file of shipmark: its first line is not \`$mark\`"
  exit 2
fi
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
issues="$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues"

# Prints the status; the answer's body is in a file. The token is read from stdin, since every process can see arguments.
ask() {
  printf 'header = "Authorization: Bearer %s"\n' "$TOKEN" | curl --config - --silent --show-error --max-time 60 \
    --header 'Accept: application/vnd.github+json' --header 'X-GitHub-Api-Version: 2022-11-28' \
    --output "$scratch/answer" --write-out '%{http_code}' "$@" || true
}

require() {
  case "$1" in
    2*) ;;
    401 | 403 | 404)
      echo "::notice::no comment: the job lacks \`permissions: {pull-requests: write}\`, or the request is a fork's"
      exit 0
      ;;
    *)
      echo "::warning::no comment: GitHub answered with status $1"
      exit 0
      ;;
  esac
}

# Only a comment of the job's own user is replaced: everybody may write the mark.
own=''
for page in 1 2 3 4 5 6 7 8 9 10; do
  require "$(ask "$issues/$REQUEST/comments?per_page=100&page=$page")"
  own=$(jq --raw-output --arg mark "$mark" \
    '[.[] | select(.user.login == "github-actions[bot]" and (.body | startswith($mark)))][0].id // empty' "$scratch/answer")
  if [ -n "$own" ] || [ "$(jq length "$scratch/answer")" -lt 100 ]; then break; fi
done

jq --null-input --rawfile body "$file" '{body: $body}' >"$scratch/body"
if [ -n "$own" ]; then
  require "$(ask --request PATCH --data-binary "@$scratch/body" "$issues/comments/$own")"
else
  require "$(ask --request POST --data-binary "@$scratch/body" "$issues/$REQUEST/comments")"
fi
