-- A worker that must stop hands a task back with its checkpoint. ARGV: 3 id, 4 epoch
local id, key = ARGV[3], task_key(ARGV[3])
local outcome = apply(id, {state = 'Interrupted', epoch = tonumber(ARGV[4])})
if outcome == 'ok' then
  release(id, key)
  resubmit(id)
end
return answer(outcome)
