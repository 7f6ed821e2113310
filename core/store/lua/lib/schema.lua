-- Detection of records with a newer schema version, which this version of Easel does not change
-- (core/jobs/schema_version.py).

-- The schema version of a record if it is newer; nil otherwise, and if there is no record.
local function newer_schema(key)
  local schema = redis.call('HGET', key, SCHEMA_FIELD)
  if schema and (tonumber(schema) or math.huge) > SCHEMA_VERSION then
    return schema
  end
  return nil
end

-- The error with which a script refuses to change a newer record; nil if it may change it.
local function refuse_newer(key)
  local schema = newer_schema(key)
  return schema and redis.error_reply('NEWER ' .. schema .. ' ' .. SCHEMA_VERSION)
end
