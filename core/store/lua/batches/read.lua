-- Read a batch and the statuses of its jobs.
-- KEYS  1 record of the batch, 2 its jobs
-- Returns the record, and job ids and statuses, alternating; or nil if there is no such batch.
local record = redis.call('HGETALL', KEYS[1])
if not record[1] then
  return false
end
local statuses = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local status = redis.call('HGET', JOB_PREFIX .. id, 'status')
  if status then
    table.insert(statuses, id)
    table.insert(statuses, status)
  end
end
return {record, statuses}
