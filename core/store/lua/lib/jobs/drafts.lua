--- @include "lib/schema"
--- @include "lib/jobs/cancel"
-- The beginnings and ends of drafts (core/jobs/waiting/drafts.py).

-- Cancel a draft, unless a newer version has to do so.
local function end_draft(id)
  if not newer_schema(JOB_PREFIX .. id) then
    cancel_job(JOB_PREFIX .. id, id)
    redis.call('ZREM', DRAFTS, id)
  end
end

-- Note that a new job is a draft, if it is one. Of more drafts of its owner and caller than are
-- allowed, those that were read least recently end. Callers without a key or a cookie share an
-- owner.
local function add_draft(key, id)
  local record = redis.call('HMGET', key, 'draft', 'owner', 'caller')
  if not record[1] then
    return
  end
  local others = {}
  for status in pairs(UNFINISHED_STATUSES) do
    local index = owned_drafts_key(status, record[2] or ANONYMOUS)
    for _, other in ipairs(redis.call('ZRANGE', index, 0, -1)) do
      local read_at = redis.call('ZSCORE', DRAFTS, other)
      if read_at and redis.call('HGET', JOB_PREFIX .. other, 'caller') == record[3] then
        table.insert(others, {other, tonumber(read_at)})
      end
    end
  end
  table.sort(others, function(one, other) return one[2] < other[2] end)
  for i = 1, #others - MAX_DRAFTS + 1 do
    end_draft(others[i][1])
  end
  redis.call('ZADD', DRAFTS, now(), id)
end
