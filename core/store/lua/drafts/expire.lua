#!lua flags=allow-oom
--- @include "lib/jobs/drafts"
-- Cancel the drafts that nobody has read for a while. Every process may call this.
-- Returns their ids.
local idle = redis.call('ZRANGE', DRAFTS, '-inf', now() - DRAFT_IDLE_SECONDS, 'BYSCORE')
for _, id in ipairs(idle) do
  end_draft(id)
end
return idle
