--- @include "lib/time"
-- Counters and histograms (core/store/statistics.py).

-- Add a duration to a histogram.
local function observe(name, seconds)
  local bucket = 'inf'
  for _, bound in ipairs(HISTOGRAM_BOUNDS) do
    if seconds <= tonumber(bound) then
      bucket = bound
      break
    end
  end
  redis.call('HINCRBY', COUNTS, name .. ':le:' .. bucket, 1)
  redis.call('HINCRBYFLOAT', COUNTS, name .. ':sum', string.format('%.6f', seconds))
end

-- Count a change of status. `previous` is false for a new job. The turns of a draft do not count.
local function count_status(key, previous, status)
  if not previous then
    redis.call('HINCRBY', COUNTS, ACCEPTED, 1)
  elseif UNFINISHED_STATUSES[status] and redis.call('HEXISTS', key, 'draft') == 1 then
    return
  elseif status == STATUS_RUNNING then
    if redis.call('HEXISTS', key, 'started_at') == 0 then
      observe(QUEUE_HISTOGRAM, now() - redis.call('HGET', key, 'queued_at'))
    end
  elseif status == STATUS_QUEUED then
    redis.call('HINCRBY', COUNTS, REQUEUED, 1)
  else
    redis.call('HINCRBY', COUNTS, FINISHED_PREFIX .. status, 1)
    if status == STATUS_SUCCEEDED then
      observe(RUN_HISTOGRAM, now() - redis.call('HGET', key, 'started_at'))
    end
  end
end
