--- @include "lib/indexes"
--- @include "lib/queue/position"
-- List an owner's newest jobs, or drafts.
-- ARGV  1 owner, 2 the job id to begin after; empty to begin with the newest, 3 maximum of jobs,
--       4 only jobs with this error code, 5 only jobs of this batch; each empty for all,
--       6 drafts: 1 or 0, 7 ... statuses
-- Returns the records, newest first, each with its position in the queue, if it is queued.
local after = ARGV[2] == '' and '+' or '(' .. ARGV[2]
local maximum = tonumber(ARGV[3])
local ids = {}
local function add_from(key)
  for _, id in ipairs(redis.call('ZRANGE', key, after, '-', 'BYLEX', 'REV', 'LIMIT', 0, maximum)) do
    table.insert(ids, id)
  end
end

-- A batch has at most a few hundred jobs, so each of them is looked at.
local function add_from_batch(key, statuses)
  for _, id in ipairs(redis.call('ZRANGE', key, after, '-', 'BYLEX', 'REV')) do
    local record = redis.call('HMGET', JOB_PREFIX .. id, 'status', 'owner', 'error')
    local code = record[3] and cjson.decode(record[3]).code or ''
    if statuses[record[1]] and (record[2] or ANONYMOUS) == ARGV[1]
        and (ARGV[4] == '' or code == ARGV[4]) then
      table.insert(ids, id)
    end
  end
end

local statuses = {}
local index = ARGV[6] == '1' and owned_drafts_key or owned_key
for i = 7, #ARGV do
  statuses[ARGV[i]] = true
  if ARGV[5] == '' then
    add_from(ARGV[4] == '' and index(ARGV[i], ARGV[1]) or failed_key(ARGV[4], ARGV[1]))
  end
end
if ARGV[5] ~= '' then
  add_from_batch(BATCH_JOBS_PREFIX .. ARGV[5], statuses)
end
table.sort(ids, function(one, other) return one > other end)
local jobs = {}
for i = 1, math.min(maximum, #ids) do
  table.insert(jobs, read_job(ids[i]))
end
return jobs
