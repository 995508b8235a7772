-- What the steps on streams share: the lease of a hub, the part of an API process that serves streams.
-- The server's time counts, not that of the hosts.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function lease(hubs)
  redis.call('ZADD', hubs, now() + given.lease, given.hub)
end
