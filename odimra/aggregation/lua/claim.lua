-- Guards the creation of a task that adds, changes or removes a source: no two sources have the same
-- address, also not while one is being added, and one task at a time has to do with it.
-- g: {base, id of the source, task, most: how many there may be, for a new one, expect: versions, for one
-- that is there, or nil for any}
-- Refuses with "exists" and the id of the source that has the address, with "claimed" and the task that
-- is about to give it, with "full", with "missing", or with "version".
local function guard(g)
  local owner = redis.call('HGET', root .. 'aggregation:bases', g.base)
  if owner and owner ~= g.id then return {'exists', owner} end
  local claim = root .. 'aggregation:claim:' .. g.base
  local claimed = redis.call('GET', claim)
  if claimed and claimed ~= g.task then return {'claimed', claimed} end
  if g.most then
    if redis.call('ZCARD', root .. 'index:sources') >= g.most then return {'full'} end
  else
    local version = tonumber(redis.call('HGET', root .. 'source:' .. g.id, 'version'))
    if not version then return {'missing'} end
    if g.expect then
      local met = false
      for _, one in ipairs(g.expect) do met = met or one == version end
      if not met then return {'version'} end
    end
  end
  return nil, function() redis.call('SET', claim, g.task) end
end
