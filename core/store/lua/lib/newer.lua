-- Records of a schema that this version of Easel does not know are left alone (core/jobs/schema.py).
-- Put before the scripts that change a record. SCHEMA is the newest that is known.

-- The schema of a record, where it is newer; nothing otherwise, and for no record.
local function newer_schema(key)
  local schema = redis.call('HGET', key, 'schema')
  if schema and (tonumber(schema) or math.huge) > SCHEMA then
    return schema
  end
  return nil
end

-- The error that a script gives instead of changing such a record.
local function refusal(key)
  local schema = newer_schema(key)
  return schema and redis.error_reply('NEWER ' .. schema .. ' ' .. SCHEMA)
end
