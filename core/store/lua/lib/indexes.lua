-- The indexes of jobs by owner and by caller.

-- The key of an owner's jobs with that status. It is a sorted set with all scores 0, so job ids,
-- which begin with the time of their creation, sort by age.
local function owned_key(status, owner)
  return OWNED_PREFIX .. status .. ':' .. owner
end

-- The same for an owner's drafts.
local function owned_drafts_key(status, owner)
  return OWNED_DRAFTS_PREFIX .. status .. ':' .. owner
end

-- The key of an owner's jobs that failed with an error code; a sorted set as above.
local function failed_key(code, owner)
  return FAILED_PREFIX .. code .. ':' .. owner
end

-- Add a job to the index of its error code.
local function index_error(key, id)
  local record = redis.call('HMGET', key, 'error', 'owner')
  redis.call('ZADD', failed_key(cjson.decode(record[1]).code, record[2] or ANONYMOUS), 0, id)
end

-- The key of the set of a caller's jobs that are queued or running.
local function unfinished_key(caller)
  return UNFINISHED_PREFIX .. caller
end
