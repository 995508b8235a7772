-- Write a record if it is there, or not there, or still of a revision; with its place in the index.
-- What writes what is there already is no new revision. Other fields of the hash are not touched.
-- KEYS: record, index, highest revision that a deleted record of the type had
-- ARGV: 1 what is expected: "absent", "present", "any" or a revision, 2 id, 3 content,
--       4 records that the type may have
local found = redis.call('HMGET', KEYS[1], 'rev', 'doc')
local rev, expected = found[1], ARGV[1]
if not rev then
  if expected ~= 'absent' and expected ~= 'any' then return {'missing'} end
  if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) then return {'limit'} end
  -- Above all that were: a writer who saw one that was deleted cannot take this one for it.
  rev = string.format('%.0f', (tonumber(redis.call('GET', KEYS[3])) or 0) + 1)
  redis.call('HSET', KEYS[1], 'doc', ARGV[3], 'rev', rev)
  redis.call('ZADD', KEYS[2], 0, ARGV[2])
  return {'created', rev}
end
if expected == 'absent' then return {'exists'} end
if expected ~= 'present' and expected ~= 'any' and expected ~= rev then
  return {'moved', rev, found[2]}
end
if found[2] == ARGV[3] then return {'same', rev} end
redis.call('HSET', KEYS[1], 'doc', ARGV[3])
return {'changed', string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'rev', 1))}
