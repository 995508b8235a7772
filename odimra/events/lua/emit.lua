-- What the steps on subscriptions share: an event about a subscription, in the same step as its
-- change. Before it comes the store's news.lua. ARGV[1] is JSON {id, at, keep, ...}.
local given = cjson.decode(ARGV[1])

local function emit(stream, message)
  return news({stream = stream, keep = given.keep, message = message,
    resource_type = 'EventDestination', resource = given.id})
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
