-- Change one task. ARGV: 3 id, 4 JSON change
local change = cjson.decode(ARGV[4])
local outcome = apply(ARGV[3], change)
if outcome == 'ok' and change.epoch and change.state == 'Suspended'
    and redis.call('HGET', task_key(ARGV[3]), 'desired') ~= 'suspend' then
  -- A worker puts it to rest that is wanted again since: nobody else would have it go on.
  apply(ARGV[3], {state = 'Pending'})
  resubmit(ARGV[3])
end
local t = redis.call('HMGET', task_key(ARGV[3]), 'task_state', 'desired')
return answer(outcome, {t[1], t[2]})
