-- Delete a task; one that still works is cancelled and goes when it has ended.
-- ARGV: 3 id, 4 expected versions as JSON list or ""
local key = task_key(ARGV[3])
local version = tonumber(redis.call('HGET', key, 'version'))
if not version then return answer('missing') end
if ARGV[4] ~= '' then
  local met = false
  for _, expected in ipairs(cjson.decode(ARGV[4])) do met = met or expected == version end
  if not met then return answer('version') end
end
if FINAL[redis.call('HGET', key, 'task_state')] then
  remove(ARGV[3])
  return answer('removed')
end
redis.call('HSET', key, 'remove', 1)
local outcome = cancel(ARGV[3])
return answer(outcome == 'ended' and 'removed' or outcome)
