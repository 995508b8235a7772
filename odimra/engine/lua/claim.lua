-- A worker takes the fire of a scheduled job whose time has come, or passes it over. It has computed
-- what comes next from what it saw, and has the fire only if nothing of that has changed.
-- KEYS: job, queue. ARGV: 1 id, 2 now, 3 number of the last firing, 4 revision, 5 `fire`, `skip` or
-- `manual`, 6 the fire's time, 7 that of the next or "", 8 until when it is this worker's, 9 its
-- name, 10 what becomes the previous fire time
local key = KEYS[1]
local j = redis.call('HMGET', key, 'number', 'rev', 'next', 'paused', 'error', 'manual')
-- That no firing is under way, and no run that this one must wait for, follows from the number: the
-- worker saw none, and there is none without another number.
if j[1] ~= ARGV[3] or j[2] ~= ARGV[4] then return {'lost'} end
if ARGV[5] == 'manual' then
  if not j[6] then return {'lost'} end
  if redis.call('HINCRBY', key, 'manual', -1) <= 0 then redis.call('HDEL', key, 'manual') end
else
  if j[3] ~= ARGV[6] or j[4] or j[5] then return {'lost'} end
  if ARGV[7] == '' then
    redis.call('HDEL', key, 'next')
    -- The last one was missed and is not made good: that is how it has ended.
    if ARGV[5] == 'skip' then redis.call('HSET', key, 'outcome', 'Exception', 'ended', ARGV[2]) end
  else redis.call('HSET', key, 'next', ARGV[7])
  end
end
if ARGV[5] ~= 'skip' then
  local number = redis.call('HINCRBY', key, 'number', 1)
  redis.call('HSET', key, 'firing', number, 'by', ARGV[5], 'scheduled', ARGV[6], 'fired', ARGV[2],
    'lease', ARGV[8], 'node', ARGV[9])
end
if ARGV[5] == 'fire' then
  redis.call('HINCRBY', key, 'triggered', 1)
  redis.call('HSET', key, 'previous', ARGV[10])
end
place(key, KEYS[2], ARGV[1], ARGV[2])
return {'ok', redis.call('HGETALL', key)}
