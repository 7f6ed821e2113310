-- Keep the newest preview of a running job.
-- KEYS  1 job, 2 preview
-- ARGV  1 job id, 2 attempt, 3 version, 4 the picture, 5 seconds that it is kept
-- Gives the newest version, or nothing when the attempt no longer owns the job.
local held = redis.call('HMGET', KEYS[1], 'status', 'attempt', 'preview_version')
if held[1] ~= 'running' or held[2] ~= ARGV[2] then
  return false
end
if tonumber(held[3] or '0') >= tonumber(ARGV[3]) then
  return held[3]  -- the answer to the first try was lost on its way
end
redis.call('SET', KEYS[2], ARGV[4], 'EX', ARGV[5])
redis.call('HSET', KEYS[1], 'preview_version', ARGV[3])
tell(ARGV[1], 'preview')
return ARGV[3]
