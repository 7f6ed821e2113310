-- Read several jobs.
-- ARGV  the job ids
-- Returns for each its record, fields and values alternating, and its position in the queue.
local jobs = {}
for i, id in ipairs(ARGV) do
  jobs[i] = {redis.call('HGETALL', JOB_PREFIX .. id), redis.call('ZRANK', JOBS_QUEUED, id)}
end
return jobs
