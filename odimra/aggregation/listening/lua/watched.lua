-- Note what was seen of a BMC's resources, and tell of what has changed; its holder only.
-- KEYS: stream, holders, what is known of the resources. ARGV: entries that the stream keeps, source,
-- token, JSON {set, unset, events: [fields, ...]}. Returns 1 if so, else 0.
if redis.call('HGET', KEYS[2], ARGV[2]) ~= ARGV[3] then return 0 end
local given = cjson.decode(ARGV[4])
for path, seen in pairs(given.set) do redis.call('HSET', KEYS[3], path, seen) end
for _, path in ipairs(given.unset) do redis.call('HDEL', KEYS[3], path) end
for _, fields in ipairs(given.events) do say(KEYS[1], ARGV[1], fields) end
return 1
