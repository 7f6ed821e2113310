#!lua flags=allow-oom
--- @include "lib/schema"
--- @include "lib/jobs/cancel"
-- Cancel the unfinished jobs of a batch. Those of a newer version are left alone.
-- KEYS  1 jobs of the batch
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if not newer_schema(JOB_PREFIX .. id) then
    cancel_job(JOB_PREFIX .. id, id)
  end
end
