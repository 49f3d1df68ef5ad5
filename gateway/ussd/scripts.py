"""What Redis does at one stroke for a hop: gives a phone's turn out, and takes it back.

A script sees Redis's own clock, so that no process's clock decides when a turn ends.
"""

# Answers {Redis's time}, {time, holder} where another hop has the turn, or {time, 0, is_doubtful, session, past}. Redis may have
# hung and take this long after its hop has given up, so that it begins no turn that would be over. `begun` outlives the turn:
# where it is still there, an earlier hop began and never said what became of it. `gone` is a holder whose process has died. A
# turn that would last far longer than any does was given by the clock of a process of the release before, and is nobody's.
OPEN = """
local turn, session, begun, past = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local nonce, ends, most, keep, gone = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left = math.min(ends - now, most)
if left <= 0 then return {now} end
local holder = redis.call('GET', turn)
if holder and holder ~= nonce and holder ~= gone and redis.call('PTTL', turn) <= 2 * most then return {now, holder} end
redis.call('SET', turn, nonce, 'PX', left)
local earlier = redis.call('GET', begun)
if not earlier then redis.call('SET', begun, nonce, 'EX', keep) end
return {now, 0, (earlier and earlier ~= nonce) and 1 or 0, redis.call('GET', session), redis.call('GET', past)}
"""

# A hop that has lost its turn to another one keeps nothing: the other's session is the newer one. First of all the turn is given
# back: a Redis that is full takes what follows a deletion. Where what may be continued stays as it is, the doubt about
# it stays, too.
CLOSE = """
local turn, session, begun, past, resume = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local nonce, kept, lives, keep, how, ids, day = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local holder = redis.call('GET', turn)
if holder then
  if holder ~= nonce then return 0 end
elseif redis.call('GET', begun) ~= nonce then
  return 0
end
redis.call('DEL', turn)
if how ~= 'as before' or redis.call('GET', begun) == nonce then
  redis.call('DEL', begun)
else
  redis.call('SET', begun, nonce, 'KEEPTTL')
end
redis.call('SET', session, kept, 'EX', lives)
if how == 'this' then redis.call('SET', resume, kept, 'EX', keep) end
if how == 'nothing' then redis.call('DEL', resume) end
if ids ~= '' then redis.call('SET', past, ids, 'EX', day) end
return 1
"""

# A hop that leaves the session as it is. What an earlier hop began without an end stays open.
GIVE_BACK = """
local turn, begun = KEYS[1], KEYS[2]
local nonce = ARGV[1]
if redis.call('GET', begun) == nonce then redis.call('DEL', begun) end
if redis.call('GET', turn) == nonce then redis.call('DEL', turn) end
return 1
"""

# A turn whose hop could not be closed, of which nobody can tell now how it ended.
LEAVE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""
