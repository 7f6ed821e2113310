--- @include "lib/queue/position"
-- Read several jobs.
-- ARGV  the job ids
-- Returns for each its record, fields and values alternating, and its position in the queue.
local jobs = {}
for i, id in ipairs(ARGV) do
  jobs[i] = read_job(id)
end
return jobs
