-- What the steps share that change a resource, whichever room's: writing what differs, and telling of it.

-- Write the fields of `set` that differ and take those of `unset` away; whether there was anything to
-- do. A field that is not stored is as `absent` says, where that says anything.
local function put(key, set, unset, absent)
  local changed = false
  for field, value in pairs(set) do
    local old = redis.call('HGET', key, field) or (absent or {})[field]
    if old ~= value then
      redis.call('HSET', key, field, value)
      changed = true
    end
  end
  for _, field in ipairs(unset or {}) do
    if redis.call('HDEL', key, field) == 1 then changed = true end
  end
  return changed
end

-- Append an event about a resource to a stream that keeps about `keep` entries; returns its id.
-- n: {stream, keep, message, resource_type, resource?, owner?}. The time is the server's, as it is in
-- the id: not every room that calls this has a clock.
local function news(n)
  local time = redis.call('TIME')
  return redis.call('XADD', n.stream, 'MAXLEN', '~', n.keep, '*', 'registry', 'ResourceEvent',
    'message', n.message, 'severity', 'OK', 'resource_type', n.resource_type, 'resource',
    n.resource or '', 'owner', n.owner or '', 'at',
    string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
end
