-- Claim records: each one only as it was read. A claim whose answer was lost is sent again.
-- ARGV: 2 token, 3 until when it holds, then for each record its revision and its new text.
-- KEYS from 5: the records. Returns the new revision of each, or "" for one that has changed.
local revisions = {}
for number = 5, #KEYS do
  local key, at = KEYS[number], 4 + (number - 5) * 2
  local now = redis.call('HMGET', key, 'rev', 'claim')
  if (now[1] or '0') == ARGV[at] then
    local rev = string.format('%.0f', ARGV[at] + 1)
    redis.call('HSET', key, 'doc', ARGV[at + 1], 'rev', rev, 'claim', ARGV[2], 'lease', ARGV[3])
    revisions[#revisions + 1] = rev
  else
    revisions[#revisions + 1] = now[2] == ARGV[2] and now[1] or ''
  end
end
return revisions
