-- Guards the creation of a task that adds a source or moves one to another address: no two sources
-- have the same, also not while one is being added.
-- g: {base, id of the source, task, most: how many there may be, for a new one}
-- Refuses with "exists" and the id of the source that has the address, with "claimed" and the task that
-- is about to give it, with "full", or with "missing".
local function guard(g)
  local owner = redis.call('HGET', root .. 'aggregation:bases', g.base)
  if owner and owner ~= g.id then return {'exists', owner} end
  local claim = root .. 'aggregation:claim:' .. g.base
  local claimed = redis.call('GET', claim)
  if claimed and claimed ~= g.task then return {'claimed', claimed} end
  if g.most then
    if redis.call('ZCARD', root .. 'index:sources') >= g.most then return {'full'} end
  elseif redis.call('EXISTS', root .. 'source:' .. g.id) == 0 then
    return {'missing'}
  end
  return nil, function() redis.call('SET', claim, g.task) end
end
