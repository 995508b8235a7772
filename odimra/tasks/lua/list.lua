-- Return the rows of a table of tasks: those of an index from a place on that have what is asked for.
-- Reads only, and looks at no more than ARGV[6] tasks, however few of them match.
-- KEYS[1] the index. ARGV: root, now, first place, how many rows, newest first ('1'), tasks looked at,
-- kind, owner, states (',Running,New,'), text in lower case; each of the last four may be empty.
-- Returns how many the index lists, the place behind the last task looked at, and per row its id
-- followed by the fields below.
local root = ARGV[1]
local first, wanted, backwards, most = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1', tonumber(ARGV[6])
local kind, owner, among, within = ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local CHUNK = 200

local function fits(id, t)
  return t[1] and (kind == '' or t[1] == kind) and (owner == '' or t[2] == owner)
    and (among == '' or string.find(among, ',' .. t[3] .. ',', 1, true))
    and (within == '' or string.find(id, within, 1, true)
      or string.find(string.lower(t[4] or ''), within, 1, true))
end

local total, at, rows = redis.call('ZCARD', KEYS[1]), first, {}
local last = math.min(total, first + most)
while at < last and #rows < wanted do
  local size = math.min(CHUNK, last - at)
  if kind == '' and owner == '' and among == '' and within == '' then size = math.min(size, wanted - #rows) end
  local ids = redis.call(backwards and 'ZREVRANGE' or 'ZRANGE', KEYS[1], at, at + size - 1)
  if #ids == 0 then break end
  for _, id in ipairs(ids) do
    at = at + 1
    local t = redis.call('HMGET', root .. 'task:' .. id, 'kind', 'owner', 'task_state', 'name', 'start_time',
      'end_time', 'percent_complete', 'task_status', 'children', 'parent')
    if fits(id, t) then
      table.insert(t, 1, id)
      rows[#rows + 1] = t
      if #rows == wanted then break end
    end
  end
end
return {total, at, rows}
