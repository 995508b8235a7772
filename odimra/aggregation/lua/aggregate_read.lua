-- Read an aggregate with its elements, both of the same moment.
-- KEYS: aggregate, its elements
return {redis.call('HGETALL', KEYS[1]), redis.call('ZRANGE', KEYS[2], 0, -1)}
