#!lua flags=allow-oom
--- @include "lib/bytes"
-- Count the files of jobs as removed.
-- ARGV  entries of the hash of all jobs (lib/bytes): `job id:caller`
for _, entry in ipairs(ARGV) do
  local id, caller = entry:match('^([^:]*):(.*)$')
  set_bytes(id, caller, 0)
end
