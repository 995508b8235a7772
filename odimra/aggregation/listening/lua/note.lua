-- Write what is known of a source's subscription; its holder only.
-- KEYS: holders, subscription. ARGV: source, token, JSON {set, unset}. Returns 1 if so, else 0.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
local given = cjson.decode(ARGV[3])
for name, value in pairs(given.set) do redis.call('HSET', KEYS[2], name, value) end
for _, name in ipairs(given.unset) do redis.call('HDEL', KEYS[2], name) end
return 1
