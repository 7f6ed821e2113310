--- @include "lib/indexes"
-- List an owner's newest jobs.
-- ARGV  1 owner, 2 the job id to begin after; empty to begin with the newest, 3 maximum of jobs,
--       4 ... statuses
-- Returns the records, newest first, each with its position in the queue, if it is queued.
local after = ARGV[2] == '' and '+' or '(' .. ARGV[2]
local maximum = tonumber(ARGV[3])
local ids = {}
for i = 4, #ARGV do
  local key = owned_key(ARGV[i], ARGV[1])
  for _, id in ipairs(redis.call('ZRANGE', key, after, '-', 'BYLEX', 'REV',
                                 'LIMIT', 0, maximum)) do
    table.insert(ids, id)
  end
end
table.sort(ids, function(one, other) return one > other end)
local jobs = {}
for i = 1, math.min(maximum, #ids) do
  local record = redis.call('HGETALL', JOB_PREFIX .. ids[i])
  table.insert(jobs, {record, redis.call('ZRANK', JOBS_QUEUED, ids[i])})
end
return jobs
