-- A submitted job follows its task: its status, when that was, and the indexes that list it by them.
local STATUS = {
  New = 'SUBMITTED', Pending = 'SUBMITTED', Starting = 'RUNNING', Running = 'RUNNING',
  Service = 'RUNNING', Stopping = 'RUNNING', Interrupted = 'RUNNING', Suspended = 'SUSPENDED',
  Cancelling = 'ABORTED', Cancelled = 'ABORTED', Completed = 'COMPLETED', Exception = 'ERROR',
}

local function follow(number, state, messages)
  local key = root .. 'job:' .. number
  local j = redis.call('HMGET', key, 'status', 'updated')
  if not j[1] then return end
  local padded = string.format('%016.0f', number)
  local function sorted(field, before, after)
    redis.call('ZREM', root .. 'jobs:sort:' .. field, before .. '\0' .. padded)
    redis.call('ZADD', root .. 'jobs:sort:' .. field, 0, after .. '\0' .. padded)
  end
  local status = STATUS[state]
  sorted('updated', string.format('%016.0f', j[2]), string.format('%016.0f', now))
  if status ~= j[1] then
    sorted('status', j[1], status)
    redis.call('ZREM', root .. 'jobs:by:status:' .. j[1], number)
    redis.call('ZADD', root .. 'jobs:by:status:' .. status, number, number)
  end
  redis.call('HSET', key, 'status', status, 'updated', string.format('%.0f', now))
  for _, message in ipairs(messages or {}) do
    if message[1] == 'Critical' then redis.call('HSET', key, 'message', message[2]) end
  end
  if FINAL[state] then redis.call('ZADD', root .. 'jobs:ended', now, number) end
end
