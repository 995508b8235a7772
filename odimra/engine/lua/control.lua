-- Pause, resume or trigger scheduled jobs; returns how many of them there are.
-- KEYS: queue, jobs. ARGV: 1 now, 2 what to do, then the ids of the jobs
local found = 0
for i = 3, #ARGV do
  local key = KEYS[i - 1]
  if redis.call('EXISTS', key) == 1 then
    found = found + 1
    if ARGV[2] == 'pause' then redis.call('HSET', key, 'paused', 1)
    elseif ARGV[2] == 'resume' then redis.call('HDEL', key, 'paused', 'error')
    else redis.call('HINCRBY', key, 'manual', 1) end
    place(key, KEYS[1], ARGV[i], ARGV[1])
  end
end
return found
