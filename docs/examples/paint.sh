#!/bin/sh
# Paint a photograph in the style of a painting, with curl alone.
#
#     EASEL_URL=http://127.0.0.1:8000 sh paint.sh photo.jpg painting.jpg painted.png size=256
#
# EASEL_KEY is sent as the API key, if it is set.
set -eu
easel=${EASEL_URL:-http://127.0.0.1:8000}
content=$1 style=$2 painted=$3
shift 3

# A key of our own: if the answer is lost on its way, the same request makes no second job.
request=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

ask() {
  curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused \
    ${EASEL_KEY:+--header "Authorization: Bearer $EASEL_KEY"} "$@"
}

parameters=
for each in "$@"; do parameters="$parameters --form-string $each"; done

# shellcheck disable=SC2086 - one word for each parameter
job=$(ask --header "Idempotency-Key: $request" $parameters \
  --form "content=@$content" --form "style=@$style" "$easel/jobs")
id=$(printf %s "$job" | sed 's/.*"id":"\([^"]*\)".*/\1/')

until printf %s "$job" | grep -q '"done":true'; do
  sleep 1
  job=$(ask "$easel/jobs/$id")
done
# Of a job that has failed, --fail-with-body prints why.
ask --output "$painted" "$easel/jobs/$id/result" || { cat "$painted" >&2; exit 1; }
echo "$painted"
