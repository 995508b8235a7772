-- What the steps on subscriptions share: an event about a subscription, in the same step as its
-- change. ARGV[1] is JSON {id, at, max_events, ...}.
local given = cjson.decode(ARGV[1])

local function emit(stream, message)
  return redis.call('XADD', stream, 'MAXLEN', '~', given.max_events, '*', 'registry',
    'ResourceEvent', 'message', message, 'severity', 'OK', 'resource_type', 'EventDestination',
    'resource', given.id, 'at', given.at)
end

-- Whether the caller holds the lease, where it says that it does.
local function holds(lease)
  return not given.token or redis.call('GET', lease) == given.token
end

local function expected(version)
  if not given.expect then return true end
  for _, one in ipairs(given.expect) do if one == version then return true end end
  return false
end
