#!/usr/bin/env bash
# Writes FILE as a comment on the request, in place of the comment that an earlier run wrote: comment.sh FILE
#
# An empty FILE is the one that shipmark's action wrote last in this job.
# Reads GITHUB_API_URL, GITHUB_REPOSITORY, REQUEST (the request's number), TOKEN and NAME (of the comment, where a request
# has several). What GitHub refuses is a notice or a warning and no error: the same text is in the job's summary.
set -euo pipefail

file=$1
if [ -z "$file" ]; then
  for one in "$RUNNER_TEMP"/shipmark-comment.*/shipmark-comment.md; do
    if [ "$one" -nt "$file" ]; then file=$one; fi
  done
fi
# GitHub refuses a comment with more than 65,536 characters. The difference is for the end that a cut text gets.
limit=65000

leave() {
  echo "::$1::no comment: $2"
  exit 0
}

if [ ! -s "$file" ]; then
  echo "::notice::there is no preview to comment with"
  exit 0
fi
if [ "$(head -n 1 -- "$file")" != '<!-- shipmark -->' ]; then
  echo "::error::this is no comment file of shipmark: its first line is not \`<!-- shipmark -->\`"
  exit 2
fi
case "${NAME:-}" in
  *[!A-Za-z0-9._/-]*)
    echo "::error::the input \`name\` of the comment may hold letters, digits and \`._/-\` only"
    exit 2
    ;;
esac
mark="<!-- shipmark${NAME:+ $NAME} -->"
for tool in curl jq; do
  command -v "$tool" >/dev/null || leave notice "this runner has no \`$tool\`"
done
# Only a comment of the job's own user is replaced: everybody may write the mark.
if [ -n "${FORGEJO_ACTIONS:-}" ]; then
  user='forgejo-actions'
elif [ -n "${GITEA_ACTIONS:-}" ]; then
  user='gitea-actions'
else
  user='github-actions[bot]'
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
    000 | '') leave warning "\`$GITHUB_API_URL\` does not answer" ;;
    401 | 403 | 404)
      leave notice "the job lacks \`permissions: {pull-requests: write}\`, or the request is a fork's"
      ;;
    *) leave warning "GitHub answered with status $1" ;;
  esac
}

# $1: a filter of jq, in which `$mark` and `$user` are variables of jq.
read_answer() { jq --raw-output --arg mark "$mark" --arg user "$user" "$1" "$scratch/answer"; }

# Pages until one is short or, on a server that has no pages, comes again.
: >"$scratch/own"
before=''
for ((page = 1; page <= 100; page++)); do
  require "$(ask "$issues/$REQUEST/comments?per_page=100&page=$page")"
  listed=$(read_answer 'type == "array" and all(.[]; type == "object")' 2>/dev/null) || listed=''
  [ "$listed" = true ] ||
    leave warning "\`$GITHUB_API_URL\` answered with something else than a list of comments"
  first=$(read_answer '.[0].id // empty')
  if [ -z "$first" ] || [ "$first" = "$before" ]; then break; fi
  before=$first
  # The mark is the first line, which an editor in a browser ends with CR LF. A comment may lack user and text.
  # shellcheck disable=SC2016
  read_answer '.[] | select(.user.login == $user and ((.body // "") | split("\n")[0] | rtrimstr("\r")) == $mark) | .id' \
    >>"$scratch/own"
  if [ "$(read_answer length)" -lt 100 ]; then break; fi
done

# Whole lines, and no open block of code before the last one.
jq --null-input --rawfile text "$file" --arg mark "$mark" --argjson limit "$limit" '
  ($mark + ($text | ltrimstr("<!-- shipmark -->"))) as $body
  | if ($body | length) <= $limit then {body: $body} else
      ($body[:$limit] | split("\n")[:-1]) as $lines
      | ([$lines[] | select(startswith("```"))] | length % 2) as $open
      | {body: ($lines + (if $open == 1 then ["```"] else [] end)
          + ["", "The rest does not fit into a comment: it is in the summaries of the jobs.", ""] | join("\n"))}
    end' >"$scratch/body"

own=$(head -n 1 "$scratch/own")
if [ -n "$own" ]; then
  require "$(ask --request PATCH --data-binary "@$scratch/body" "$issues/comments/$own")"
else
  require "$(ask --request POST --data-binary "@$scratch/body" "$issues/$REQUEST/comments")"
fi
# Two jobs at once each find no comment, and each write one: the next run keeps the first.
sed 1d "$scratch/own" | while IFS= read -r twin; do
  ask --request DELETE "$issues/comments/$twin" >/dev/null
done
