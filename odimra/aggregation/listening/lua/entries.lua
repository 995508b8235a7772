-- What the steps share that tell of BMCs: an entry of the stream of events. The time is the server's, as
-- it is in the id.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function say(stream, keep, fields)
  return redis.call('XADD', stream, 'MAXLEN', '~', keep, '*', 'at', string.format('%.0f', now),
    unpack(fields))
end
