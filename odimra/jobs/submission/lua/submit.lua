-- Guards the creation of the task that does a submitted job: the job is noted with it, or the one that
-- was submitted by the same key before is what there is.
-- g: {task, key or "", fingerprint, fields: names and values, most}
-- Refuses with "exists" and the number of the job and "same" or "other", or with "full".
local function guard(g)
  if g.key ~= '' then
    local before = redis.call('GET', root .. 'job_key:' .. g.key)
    if before then
      local print = redis.call('HGET', root .. 'job:' .. before, 'fingerprint')
      return {'exists', before, print == g.fingerprint and 'same' or 'other'}
    end
  end
  if redis.call('ZCARD', root .. 'jobs:all') >= g.most
      and not redis.call('ZRANGE', root .. 'jobs:ended', 0, 0)[1] then
    return {'full'}
  end
  return nil, function()
    -- More than one makes room only after the bound was lowered; bounded, so that no step takes long.
    for _ = 1, 10 do
      if redis.call('ZCARD', root .. 'jobs:all') < g.most then break end
      local oldest = redis.call('ZRANGE', root .. 'jobs:ended', 0, 0)[1]
      if not oldest then break end
      forget_job(oldest)
    end
    local number = redis.call('INCR', root .. 'job_number')
    local key = root .. 'job:' .. number
    local at = string.format('%.0f', now)
    redis.call('HSET', key, 'status', 'SUBMITTED', 'created', at, 'updated', at, 'task', g.task,
      'key', g.key, 'fingerprint', g.fingerprint, unpack(g.fields))
    redis.call('HSET', task_key(g.task), 'job', number)
    redis.call('ZADD', root .. 'jobs:all', number, number)
    for _, field in ipairs(LISTED) do
      local value = redis.call('HGET', key, field)
      if value and value ~= '' then
        redis.call('ZADD', root .. 'jobs:by:' .. field .. ':' .. value, number, number)
      end
    end
    for _, field in ipairs(SORTED) do
      redis.call('ZADD', root .. 'jobs:sort:' .. field, 0,
        sorting(field, redis.call('HGET', key, field), number))
    end
    if g.key ~= '' then redis.call('SET', root .. 'job_key:' .. g.key, number) end
  end
end
