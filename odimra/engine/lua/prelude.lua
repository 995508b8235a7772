-- What every atomic step on scheduled jobs shares: where a job stands in the queue follows from its
-- fields alone. The score is the time (ms) from which somebody has to look at it. The header that
-- Python puts before this file defines EVENTS, MAX_EVENTS, MADE and the functions of the store's
-- news.lua.
local function place(key, queue, id, now)
  local j = redis.call('HMGET', key, 'firing', 'lease', 'running', 'check', 'manual', 'error', 'paused',
    'next', 'keep', 'ended', 'cancelled')
  local at
  if j[1] then at = j[2]                                -- a firing that nobody has acknowledged
  elseif j[3] then at = j[4]                            -- a run that the next one must wait for
  elseif j[5] then at = now                             -- asked for
  elseif not j[6] and not j[7] then at = j[8] end
  if not at and j[9] and not j[8] and (j[10] or j[11]) then
    at = math.max(tonumber(j[10] or '0'), tonumber(j[11] or '0')) + tonumber(j[9])  -- it is forgotten
  end
  if at then redis.call('ZADD', queue, at, id) else redis.call('ZREM', queue, id) end
end

-- Tell of a job, as the JobEvent registry has it; whose it is hears of it, and who may see all.
local function tell(key, id, what, severity, now)
  local owner = redis.call('HGET', key, 'owner')
  if not owner then return end
  redis.call('XADD', EVENTS, 'MAXLEN', '~', MAX_EVENTS, '*', 'registry', 'JobEvent', 'message', what,
    'severity', severity, 'resource_type', 'Job', 'resource', id, 'at', now, 'owner', owner)
end

-- Tell that a job is there, or is another one.
local function tell_news(key, id, what)
  local owner = redis.call('HGET', key, 'owner')
  if owner then
    news({stream = EVENTS, keep = MAX_EVENTS, message = what, resource_type = 'Job', resource = id,
      owner = owner})
  end
end

-- Take a job out of the store with its places.
local function forget(key, queue, index, id, now)
  local owner = redis.call('HGET', key, 'owner')
  tell(key, id, 'JobRemoved', 'Warning', now)
  redis.call('DEL', key)
  redis.call('ZREM', queue, id)
  redis.call('ZREM', index, id)
  redis.call('ZREM', MADE, id)
  if owner then redis.call('ZREM', MADE .. ':' .. owner, id) end
end
