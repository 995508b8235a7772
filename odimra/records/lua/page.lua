-- Read the records behind an id, in the order of their ids: at most so many, and no more once they
-- have so many bytes together. One step instead of a command for each record, which would cost the
-- client several times as much as it costs the server.
-- KEYS: index
-- ARGV: 1 what the keys of records begin with, 2 id or "" for the first, 3 records, 4 bytes
local from = ARGV[2] == '' and '-' or '(' .. ARGV[2]
local budget, out = tonumber(ARGV[4]), {}
for _, id in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], from, '+', 'LIMIT', 0, ARGV[3])) do
  -- In the slot of the index: all keys share one hash tag.
  local found = redis.call('HMGET', ARGV[1] .. id, 'rev', 'doc')
  out[#out + 1] = id
  out[#out + 1] = found[1]
  out[#out + 1] = found[2]
  budget = budget - #found[2]
  if budget <= 0 then break end
end
return out
