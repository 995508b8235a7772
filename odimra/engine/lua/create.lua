-- Create a scheduled job with its places in indexes and queue.
-- KEYS: job, queue, index. ARGV: 1 id, 2 now, 3 how many there may be, 4 whose it is, 5 JSON of a
-- request that may come again (see asked.lua) or nothing, then fields and values
local asked = ARGV[5] ~= '' and cjson.decode(ARGV[5])
if asked then
  local outcome, began = asked_before(asked)
  if outcome then return {outcome, began} end
end
if redis.call('EXISTS', KEYS[1]) == 1 then return {'exists'} end
if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[3]) then return {'limit'} end
redis.call('HSET', KEYS[1], 'rev', 1, 'number', 0, 'triggered', 0, unpack(ARGV, 6))
redis.call('ZADD', KEYS[3], 0, ARGV[1])
redis.call('ZADD', MADE, ARGV[2], ARGV[1])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], 'owner', ARGV[4])
  redis.call('ZADD', MADE .. ':' .. ARGV[4], ARGV[2], ARGV[1])
end
place(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
if asked then note_asked(asked, tonumber(ARGV[2]), ARGV[1]) end
tell_news(KEYS[1], ARGV[1], 'ResourceCreated')
return {'ok', redis.call('HGETALL', KEYS[1])}
