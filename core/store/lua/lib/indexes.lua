-- The indexes of jobs by owner and by caller.

-- The key of an owner's jobs with that status. It is a sorted set with all scores 0, so job ids,
-- which begin with the time of their creation, sort by age.
local function owned_key(status, owner)
  return OWNED_PREFIX .. status .. ':' .. owner
end

-- The key of the set of a caller's jobs that are queued or running.
local function unfinished_key(caller)
  return UNFINISHED_PREFIX .. caller
end
