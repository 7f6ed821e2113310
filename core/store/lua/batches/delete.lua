#!lua flags=allow-oom
--- @include "lib/schema"
--- @include "lib/removal"
-- Remove a batch and its jobs, in any status.
-- KEYS  1 record of the batch, 2 its jobs
-- ARGV  1 batch id
-- Returns the digests in the records of the jobs, or nil if there is no such batch.
local record = redis.call('HGETALL', KEYS[1])
if not record[1] then
  return false
end
local jobs = redis.call('ZRANGE', KEYS[2], 0, -1)
for _, id in ipairs(jobs) do
  local refused = refuse_newer(JOB_PREFIX .. id)
  if refused then
    return refused
  end
end
local fields, digests = {}, {}
for i = 1, #record, 2 do
  fields[record[i]] = record[i + 1]
end
remove_entries(ARGV[1], fields)
redis.call('UNLINK', KEYS[1], KEYS[2], EVENTS_PREFIX .. ARGV[1])  -- first: no webhook is sent
for _, id in ipairs(jobs) do
  for _, digest in ipairs(remove_job(JOB_PREFIX .. id, id)) do
    table.insert(digests, digest)
  end
end
emit_removal(ARGV[1])
return digests
