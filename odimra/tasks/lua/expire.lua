-- Remove completed tasks that ended at or before a time. ARGV: 3 time in ms, 4 how many at most
local old = redis.call('ZRANGEBYSCORE', index_key('completed'), '-inf', ARGV[3], 'LIMIT', 0, ARGV[4])
local removed = 0
for _, id in ipairs(old) do
  -- A task may have thousands of sub-tasks: one step removes no more than the server can at once.
  if #touched > 5000 then break end
  remove(id)
  removed = removed + 1
end
return answer('ok', removed)
