-- Change one task. ARGV: 3 id, 4 JSON change
local outcome = apply(ARGV[3], cjson.decode(ARGV[4]))
local t = redis.call('HMGET', task_key(ARGV[3]), 'task_state', 'desired')
return answer(outcome, {t[1], t[2]})
