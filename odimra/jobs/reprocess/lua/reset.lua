-- Remove the newest frames of a scope behind a period, and move the scope back behind what is left.
-- KEYS: scope, frames. ARGV: 1 what the keys of its frames begin with, 2 last period that stays rated,
-- 3 length of a period, 4 how many frames
if redis.call('EXISTS', KEYS[1]) == 0 then return 'missing' end
local last = tonumber(ARGV[2])
local newest = redis.call('ZREVRANGEBYSCORE', KEYS[2], '+inf', '(' .. ARGV[2], 'LIMIT', 0, ARGV[4])
for _, begin in ipairs(newest) do
  redis.call('DEL', ARGV[1] .. begin)
  redis.call('ZREM', KEYS[2], begin)
end
local done = #newest < tonumber(ARGV[4])
local now = tonumber(redis.call('HGET', KEYS[1], 'last'))
local wanted = done and last or tonumber(newest[#newest]) - tonumber(ARGV[3])
-- At its end a reset may also move a scope on: whoever asks for that knows why.
if done or wanted < now then redis.call('HSET', KEYS[1], 'last', string.format('%.0f', wanted)) end
return done and 'done' or 'more'
