/** What Redis does in one step. An entry is a hash of its generation and its encoded text. */

/**
 * Write ARGV: generation, entry, milliseconds to live (0: for ever). Without memory
 * the first write fails, so nothing is taken away before it.
 */
const write = `
local there = redis.call('TYPE', KEYS[1]).ok
if there ~= 'none' and there ~= 'hash' then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'entry', ARGV[2])
if tonumber(ARGV[3]) > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) else redis.call('PERSIST', KEYS[1]) end
return 'written'
`

export const put = write

/**
 * ARGV beside: whether an entry is expected, and its generation. A script that is
 * sent again after a connection broke finds its own generation, and has won.
 */
export const compareAndSet = `
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'none' and kind ~= 'hash' then return 'corrupt' end
local current = redis.call('HGET', KEYS[1], 'generation')
if kind == 'hash' and not current then return 'corrupt' end
if current == ARGV[1] then return 'written' end
if ARGV[4] == 'present' then
  if current ~= ARGV[5] then return 'other' end
elseif current then
  return 'other'
end
${write}`

export const get = `
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'none' then return {} end
if kind ~= 'hash' then return {'', ''} end
local entry = redis.call('HMGET', KEYS[1], 'generation', 'entry')
return {entry[1] or '', entry[2] or ''}
`

export const remove = `return redis.call('DEL', KEYS[1])`

/** ARGV: who asks, milliseconds to live. A script that is sent again finds who asked. */
export const addOnce = `
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 'first' end
if redis.call('TYPE', KEYS[1]).ok == 'string' and redis.call('GET', KEYS[1]) == ARGV[1] then return 'first' end
return 'used'
`
