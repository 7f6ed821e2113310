#!/bin/sh
# Render a photograph in the style of a painting, with curl.
#
#     EASEL_SERVER=http://127.0.0.1:8000 sh paint.sh photo.jpg painting.jpg painted.png size=256
#
# If EASEL_API_KEY is set, it is sent as the API key.
set -eu
easel=${EASEL_SERVER:-http://127.0.0.1:8000}
content=$1 style=$2 painted=$3
shift 3

# The idempotency key: if the response is lost, a retry creates no second job.
idempotency_key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

request() {
  curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused \
    ${EASEL_API_KEY:+--header "Authorization: Bearer $EASEL_API_KEY"} "$@"
}

parameters=
for each in "$@"; do parameters="$parameters --form-string $each"; done

# shellcheck disable=SC2086 - one word for each parameter
job=$(request --header "Idempotency-Key: $idempotency_key" $parameters \
  --form "content=@$content" --form "style=@$style" "$easel/jobs")
id=$(printf %s "$job" | sed 's/.*"id":"\([^"]*\)".*/\1/')

until printf %s "$job" | grep -q '"done":true'; do
  sleep 1
  job=$(request "$easel/jobs/$id")
done
# If the job has failed, --fail-with-body saves the error instead of the picture.
request --output "$painted" "$easel/jobs/$id/result" || { cat "$painted" >&2; exit 1; }
echo "$painted"
