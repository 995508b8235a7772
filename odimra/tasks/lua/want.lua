-- Suspend a task or let it go on. ARGV: 3 id, 4 "suspend" or "run"
local id, key = ARGV[3], task_key(ARGV[3])
local state = redis.call('HGET', key, 'task_state')
if not state then return answer('missing') end
if FINAL[state] or state == 'Cancelling' then return answer('refused') end
if ARGV[4] == 'suspend' then
  redis.call('HSET', key, 'desired', 'suspend')
  leave_line(id, key)
  redis.call('HDEL', key, 'waiting_on')
  redis.call('ZREM', root .. 'queue:due', id)
  -- No signal: it would cut a job short between what it did and its checkpoint, and that would be
  -- done again. The job's next step tells it, and a job that sleeps looks by itself.
else
  redis.call('HDEL', key, 'desired')
  if state == 'Suspended' then apply(id, {state = 'Pending'}) end
  if state ~= 'Running' and state ~= 'Starting' then resubmit(id) end
end
touch(key)
return answer('ok')
