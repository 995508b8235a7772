-- Claim records: each one only as it was read. A claim whose answer was lost is sent again.
-- ARGV: 2 token, 3 until when it holds, 4 what the keys of the records begin with, then for each its
-- id, its revision and its new text. Returns the new revision of each, "" for one that has changed.
local revisions = {}
for at = 5, #ARGV, 3 do
  local key, expected = ARGV[4] .. ARGV[at], ARGV[at + 1]
  local now = redis.call('HMGET', key, 'rev', 'claim')
  if (now[1] or '0') == expected then
    local rev = string.format('%.0f', expected + 1)
    redis.call('HSET', key, 'doc', ARGV[at + 2], 'rev', rev, 'claim', ARGV[2], 'lease', ARGV[3])
    revisions[#revisions + 1] = rev
  else
    revisions[#revisions + 1] = now[2] == ARGV[2] and now[1] or ''
  end
end
return revisions
