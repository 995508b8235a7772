-- What every atomic step on scheduled jobs shares: where a job stands in the queue follows from its
-- fields alone. The score is the time (ms) from which somebody has to look at it.
local function place(key, queue, id, now)
  local j = redis.call('HMGET', key, 'firing', 'lease', 'running', 'check', 'manual', 'error', 'paused',
    'next')
  local at
  if j[1] then at = j[2]                                -- a firing that nobody has acknowledged
  elseif j[3] then at = j[4]                            -- a run that the next one must wait for
  elseif j[5] then at = now                             -- asked for
  elseif not j[6] and not j[7] then at = j[8] end
  if at then redis.call('ZADD', queue, at, id) else redis.call('ZREM', queue, id) end
end
