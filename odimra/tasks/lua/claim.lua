-- A worker takes a task: it gets the next epoch, which fences the writes of any earlier worker.
-- ARGV: 3 id, 4 submission, 5 state to enter, 6 limit of the kind, 7 limit of a target (0: none),
-- 8 how often a task may be interrupted
local id, key = ARGV[3], task_key(ARGV[3])
local t = redis.call('HMGET', key, 'task_state', 'desired', 'kind', 'target', 'submission', 'slots',
  'start_time', 'queue', 'queue_limit')
local state = t[1]
if not state then return answer('missing') end
if FINAL[state] then return answer('final') end
local alive = state ~= 'New' and state ~= 'Pending'
-- Another hand-over of a task that runs already. The engine redelivers a dead worker's task under
-- the submission it had, so a different one is a leftover.
if alive and (t[5] or '0') ~= ARGV[4] then return answer('duplicate') end
if t[2] == 'cancel' then
  apply(id, {state = 'Cancelled'})
  return answer('cancelled')
end
if t[2] == 'suspend' and not alive then return answer('suspended') end

if not t[6] then
  local scopes = {{'kind:' .. t[3], tonumber(ARGV[6])}}
  if t[4] then scopes[2] = {'target:' .. t[4], tonumber(ARGV[7])} end
  if t[8] then scopes[#scopes + 1] = {'queue:' .. t[8], tonumber(t[9] or '0')} end
  local full
  for _, scope in ipairs(scopes) do
    scope[3] = scope[2] > 0 and redis.call('SCARD', root .. 'queue:slots:' .. scope[1]) >= scope[2]
    if scope[3] then full = full or scope end
  end
  if full then
    redis.call('ZADD', root .. 'queue:wait:' .. full[1], t[7], id)
    redis.call('HSET', root .. 'queue:waiting', full[1], full[2])
    redis.call('HSET', key, 'waiting_on', full[1])
    redis.call('ZREM', root .. 'queue:due', id)
    if state == 'New' then apply(id, {state = 'Pending'}) end
    -- This task was let out of another line and takes no place there: the next one may.
    for _, scope in ipairs(scopes) do
      if not scope[3] and scope[2] > 0 then wake_one(scope[1]) end
    end
    touch(key)
    return answer('waiting')
  end
  local held = {}
  for _, scope in ipairs(scopes) do
    if scope[2] > 0 then
      redis.call('SADD', root .. 'queue:slots:' .. scope[1], id)
      held[#held + 1] = scope[1]
    end
  end
  if #held > 0 then redis.call('HSET', key, 'slots', table.concat(held, '\n')) end
end

redis.call('ZREM', root .. 'queue:due', id)
redis.call('HINCRBY', key, 'epoch', 1)
redis.call('HDEL', key, 'seq')
if alive then
  -- Suspended and Interrupted were left in good order; in any other state a worker died.
  if state ~= 'Suspended' and state ~= 'Interrupted' then
    if redis.call('HINCRBY', key, 'interruptions', 1) > tonumber(ARGV[8]) then
      apply(id, {state = 'Exception', status = 500})
      return answer('exhausted')
    end
    if ALLOWED[state]['Interrupted'] then
      apply(id, {state = 'Interrupted'})
      state = 'Interrupted'
    end
  end
  if state == 'Interrupted' or state == 'Suspended' then apply(id, {state = 'Running'}) end
else
  apply(id, {state = ARGV[5]})
end
return answer('ok', redis.call('HGETALL', key))
