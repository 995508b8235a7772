-- Remove completed tasks that ended at or before a time. ARGV: 3 time in ms, 4 how many at most
local old = redis.call('ZRANGEBYSCORE', index_key('completed'), '-inf', ARGV[3], 'LIMIT', 0, ARGV[4])
for _, id in ipairs(old) do remove(id) end
return answer('ok', #old)
