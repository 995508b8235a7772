-- Create a versioned hash, with its place in an index and its counters, in one step.
-- KEYS: document, [index]
-- ARGV: 1 ttl in ms or "", 2 member, 3 score, 4 limit or "", 5 JSON {set, touch, news?}
if redis.call('EXISTS', KEYS[1]) == 1 then return {'exists'} end
if KEYS[2] and ARGV[4] ~= '' and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) then
  return {'limit'}
end
local change = cjson.decode(ARGV[5])
for field, value in pairs(change.set) do redis.call('HSET', KEYS[1], field, value) end
redis.call('HSET', KEYS[1], 'version', 1)
if ARGV[1] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
if KEYS[2] then redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2]) end
for _, t in ipairs(change.touch) do redis.call('HINCRBY', t[1], t[2], t[3]) end
if change.news then news(change.news) end
return {'ok', redis.call('HGETALL', KEYS[1])}
