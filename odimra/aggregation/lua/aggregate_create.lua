-- Create an aggregate with its elements, in their order.
-- KEYS: aggregate, its elements, index. ARGV: JSON {id, fields, elements, at, limit, news}
local given = cjson.decode(ARGV[1])
if redis.call('ZCARD', KEYS[3]) >= given.limit then return {'limit'} end
redis.call('HSET', KEYS[1], 'version', 1, 'next', #given.elements, unpack(given.fields))
for at, one in ipairs(given.elements) do redis.call('ZADD', KEYS[2], at, one) end
redis.call('ZADD', KEYS[3], given.at, given.id)
news(given.news)
return {'ok'}
