--- @include "lib/time"
--- @include "lib/queue/position"
-- Read several jobs, for callers: a draft lives as long as somebody reads it, until it is too old.
-- ARGV  the job ids
-- While Redis refuses writes, this still reads.
-- Returns for each its record, fields and values alternating, and its position in the queue.
local jobs = {}
for i, id in ipairs(ARGV) do
  jobs[i] = read_job(id)
  if redis.call('ZSCORE', DRAFTS, id) then
    local age = now() - redis.call('HGET', JOB_PREFIX .. id, 'created_at')
    if age < DRAFT_LIFE_SECONDS then
      redis.pcall('ZADD', DRAFTS, now(), id)
    end
  end
end
return jobs
