-- What steps on submitted jobs share: which fields they are listed by, and how one is forgotten.
local LISTED = {'status', 'queue', 'contract', 'template_id', 'template_name', 'template_revision',
  'ext', 'by', 'dfiid', 'lcid', 'actor', 'action', 'type', 'trigger'}
local SORTED = {'status', 'queue', 'contract', 'template_id', 'template_name', 'template_revision',
  'by', 'created', 'updated'}
local NUMBERS = {template_id = true, template_revision = true, created = true, updated = true}

-- How a value stands in an index: numbers in their order, what there is none of before all else.
local function sorting(field, value, number)
  if NUMBERS[field] and value and value ~= '' then value = string.format('%016.0f', value) end
  return (value or '') .. '\0' .. string.format('%016.0f', number)
end

local function forget_job(number)
  local key = root .. 'job:' .. number
  local names = {'key', unpack(LISTED)}
  local kept = redis.call('HMGET', key, unpack(names))
  if kept[1] and kept[1] ~= '' then redis.call('DEL', root .. 'job_key:' .. kept[1]) end
  for at, field in ipairs(LISTED) do
    local value = kept[at + 1]
    if value and value ~= '' then
      redis.call('ZREM', root .. 'jobs:by:' .. field .. ':' .. value, number)
    end
  end
  for _, field in ipairs(SORTED) do
    local value = redis.call('HGET', key, field)
    redis.call('ZREM', root .. 'jobs:sort:' .. field, sorting(field, value, number))
  end
  redis.call('ZREM', root .. 'jobs:all', number)
  redis.call('ZREM', root .. 'jobs:ended', number)
  redis.call('DEL', key)
end
