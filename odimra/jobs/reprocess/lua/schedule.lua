-- Guards the creation of the task that rates periods again: of all the scopes or of none.
-- g: {start, end, reason, by, keep, scopes: {{scope, task}, ...}}
-- Refuses with "unknown" and scopes; "start", "end" or "overlap" with a scope and times. Else notes
-- the windows in the same step.
local function open_key(scope) return root .. 'rating:open:' .. scope end
local function window_key(number) return root .. 'rating:window:' .. number end

-- Whether the task of a window may still do something.
local function alive(number)
  local w = redis.call('HMGET', window_key(number), 'task', 'current', 'end')
  if not w[1] or w[2] == w[3] then return false end
  local state = redis.call('HGET', task_key(w[1]), 'task_state')
  return state and not FINAL[state]
end

local function forget(number)
  local scope = redis.call('HGET', window_key(number), 'scope')
  redis.call('ZREM', root .. 'rating:windows', number)
  local task = redis.call('HGET', window_key(number), 'task')
  if task then redis.call('HDEL', root .. 'rating:window_of_task', task) end
  if scope then
    redis.call('ZREM', root .. 'rating:windows_of:' .. scope, number)
    redis.call('ZREM', open_key(scope), number)
  end
  redis.call('DEL', window_key(number))
end

local function guard(g)
  local unknown = {}
  for _, one in ipairs(g.scopes) do
    if redis.call('HGET', root .. 'rating:scope:' .. one[1], 'active') ~= '1' then
      unknown[#unknown + 1] = one[1]
    end
  end
  if #unknown > 0 then return {'unknown', unpack(unknown)} end
  for _, one in ipairs(g.scopes) do
    local scope = one[1]
    local last = tonumber(redis.call('HGET', root .. 'rating:scope:' .. scope, 'last'))
    if g.start > last then return {'start', scope, tostring(last)} end
    if g['end'] > last then return {'end', scope, tostring(last)} end
    for _, number in ipairs(redis.call('ZRANGE', open_key(scope), 0, -1)) do
      if not alive(number) then
        redis.call('ZREM', open_key(scope), number)
      else
        local w = redis.call('HMGET', window_key(number), 'start', 'end')
        -- Closed at both ends: windows that touch have a period in common.
        if g.start <= tonumber(w[2]) and g['end'] >= tonumber(w[1]) then
          return {'overlap', scope, w[1], w[2]}
        end
      end
    end
  end
  return nil, function()
    for _, one in ipairs(g.scopes) do
      local number = redis.call('INCR', root .. 'rating:window_number')
      redis.call('HSET', window_key(number), 'scope', one[1], 'reason', g.reason, 'start', g.start,
        'end', g['end'], 'by', g.by, 'created', math.floor(now / 1000), 'task', one[2])
      redis.call('ZADD', root .. 'rating:windows', number, number)
      redis.call('ZADD', root .. 'rating:windows_of:' .. one[1], number, number)
      redis.call('ZADD', open_key(one[1]), g.start, number)
      redis.call('HSET', root .. 'rating:window_of_task', one[2], number)
    end
    -- Old ones make room, if they are over; bounded, so that no request takes long.
    for _ = 1, 10 do
      if redis.call('ZCARD', root .. 'rating:windows') <= g.keep then break end
      local oldest = redis.call('ZRANGE', root .. 'rating:windows', 0, 0)[1]
      if alive(oldest) then break end
      forget(oldest)
    end
  end
end
