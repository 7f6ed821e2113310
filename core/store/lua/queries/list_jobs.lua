--- @include "lib/indexes"
--- @include "lib/queue/position"
-- List an owner's newest jobs.
-- ARGV  1 owner, 2 the job id to begin after; empty to begin with the newest, 3 maximum of jobs,
--       4 only jobs with this error code; empty for all, 5 ... statuses
-- Returns the records, newest first, each with its position in the queue, if it is queued.
local after = ARGV[2] == '' and '+' or '(' .. ARGV[2]
local maximum = tonumber(ARGV[3])
local ids = {}
for i = 5, #ARGV do
  local key = ARGV[4] == '' and owned_key(ARGV[i], ARGV[1]) or failed_key(ARGV[4], ARGV[1])
  for _, id in ipairs(redis.call('ZRANGE', key, after, '-', 'BYLEX', 'REV',
                                 'LIMIT', 0, maximum)) do
    table.insert(ids, id)
  end
end
table.sort(ids, function(one, other) return one > other end)
local jobs = {}
for i = 1, math.min(maximum, #ids) do
  table.insert(jobs, read_job(ids[i]))
end
return jobs
