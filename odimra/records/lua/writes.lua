-- What the steps of jobs share that write records together: a record as it is to be, with its place in
-- the index. `rev` is the revision that it has to have ("" if it must not exist), `doc` its new text
-- ("" to delete it). As write.lua and delete.lua do it for one record: see there.
local function record_key(root, kind, id) return root .. 'record:' .. kind .. ':' .. id end

local function record_is(root, kind, id, rev)
  return (redis.call('HGET', record_key(root, kind, id), 'rev') or '') == rev
end

local function write_record(root, kind, id, rev, doc)
  local key = record_key(root, kind, id)
  if doc ~= '' and rev ~= '' then
    -- The index has it already; what makes new texts here costs as much as the write.
    redis.call('HSET', key, 'doc', doc, 'rev', string.format('%.0f', rev + 1))
    return
  end
  local index, deleted = root .. 'records:' .. kind, root .. 'records_deleted:' .. kind
  if doc == '' then
    if tonumber(rev) > (tonumber(redis.call('GET', deleted)) or 0) then
      redis.call('SET', deleted, rev)
    end
    redis.call('DEL', key)
    redis.call('ZREM', index, id)
  else
    -- Above all that were: a writer who saw one that was deleted cannot take this one for it.
    rev = string.format('%.0f', (tonumber(redis.call('GET', deleted)) or 0) + 1)
    redis.call('HSET', key, 'doc', doc, 'rev', rev)
    redis.call('ZADD', index, 0, id)
  end
end
