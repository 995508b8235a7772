-- The monitor of a completed task was read: from the first time on, it expires. Once it has, it is gone
-- as a change like any other, so that the version of the task tells.
-- ARGV: 3 id, 4 milliseconds from now, or "close" to see whether its time has come
local key = task_key(ARGV[3])
if redis.call('EXISTS', key) == 0 then return answer('missing') end
local expires = redis.call('HGET', key, 'monitor_expires')
if ARGV[4] == 'close' then
  if expires and tonumber(expires) <= now then
    redis.call('HDEL', key, 'monitor_expires')
    redis.call('HSET', key, 'monitor_gone', 1)
    redis.call('HINCRBY', key, 'version', 1)
    touch(key)
  end
elseif not expires and redis.call('HEXISTS', key, 'monitor_gone') == 0 then
  redis.call('HSET', key, 'monitor_expires', now + ARGV[4])
  touch(key)
end
return answer('ok')
