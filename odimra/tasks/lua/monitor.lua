-- The monitor of a completed task was read: from the first time on, it expires.
-- ARGV: 3 id, 4 milliseconds from now
local key = task_key(ARGV[3])
if redis.call('EXISTS', key) == 1 and redis.call('HSETNX', key, 'monitor_expires', now + ARGV[4]) == 1 then
  touch(key)
end
return answer('ok')
