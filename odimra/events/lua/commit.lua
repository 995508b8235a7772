-- Record that all up to an entry is done with; only the holder may. KEYS: delivery, lease
-- ARGV: token, ms, cursor
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('HDEL', KEYS[1], 'attempts', 'retry_at')

local function place(id)
  local ms, number = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(number)
end

-- Never back: a subscription that was resumed meanwhile may leave out what was being delivered.
local ms, number = place(ARGV[3])
local ms_now, number_now = place(redis.call('HGET', KEYS[1], 'cursor'))
if ms > ms_now or (ms == ms_now and number > number_now) then
  redis.call('HSET', KEYS[1], 'cursor', ARGV[3])
end
return 1
