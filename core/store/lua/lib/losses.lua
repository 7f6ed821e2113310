-- The history of a job's losses (core/jobs/losses.py): a list of lines of a CSV file.

-- Add progress, unless the last entry is too close to it. The end of a run is always added.
local function keep_losses(id, text)
  local progress = cjson.decode(text)
  local key = LOSSES_PREFIX .. id
  local last = redis.call('LINDEX', key, -1)
  if last then
    local step, fraction, scale = last:match('^(%d+),([%d.]+),(%d+),')
    if tonumber(step) == progress.step and tonumber(scale) == progress.scale then
      return
    end
    if tonumber(scale) == progress.scale and progress.fraction < 1
        and progress.fraction - tonumber(fraction) < 1 / LOSS_POINTS then
      return
    end
  end
  local loss = progress.loss
  redis.call('RPUSH', key, string.format(
    '%d,%.4f,%d,%d,%d,%.6g,%.6g,%.6g,%.6g', progress.step, progress.fraction, progress.scale,
    progress.width, progress.height, loss.total, loss.content, loss.style, loss.tv))
  redis.call('LTRIM', key, -2 * LOSS_POINTS, -1)  -- attempts that start over repeat some
end
