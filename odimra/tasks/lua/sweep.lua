-- What a dead process left undone: hand-overs that nobody took, lines before free slots; and what
-- had to wait: progress that could not be told when it was made.
-- ARGV: 3 how many at most, 4 next resubmission in ms from now
local due = root .. 'queue:due'
for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, ARGV[3])) do
  local state = redis.call('HGET', task_key(id), 'task_state')
  if not state or FINAL[state] then
    redis.call('ZREM', due, id)
  else
    redis.call('ZADD', due, now + tonumber(ARGV[4]), id)
    wake[#wake + 1] = id .. '.' .. submission(task_key(id))
  end
end
local lines = redis.call('HRANDFIELD', root .. 'queue:waiting', ARGV[3], 'WITHVALUES')
for i = 1, #lines, 2 do
  local free = tonumber(lines[i + 1]) - redis.call('SCARD', root .. 'queue:slots:' .. lines[i])
  if free > 0 then wake_one(lines[i]) end
end
local untold = redis.call('ZRANGEBYSCORE', root .. 'queue:progress', '-inf', now, 'LIMIT', 0, ARGV[3])
for _, id in ipairs(untold) do
  tell_progress(id, task_key(id), redis.call('HGET', task_key(id), 'parent'))
end
sample()
return answer('ok')
