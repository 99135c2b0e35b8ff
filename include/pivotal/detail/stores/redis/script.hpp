// SPDX-License-Identifier: MIT
#pragma once

namespace pivotal { inline namespace v1 { namespace detail {

/// The members of RedisStore, over one key and atomic. KEYS[1] is the id's key, ARGV the member's name, the owner, the
/// lease and the retention, in milliseconds.
///
/// A claim is `<retention> <owner>`, and expires a retention after its lease: so the lease is over when no more than the
/// retention is left, and a new claim is one SET NX PX, without a script and without the time. What is completed is
/// ` <owner>`. An id that is no longer remembered is a key that has expired.
inline constexpr const char* redis_script = R"(
local key, member, owner, lease, retention = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local value = redis.call('GET', key)
-- As nearly all events end.
if member == 'complete' and retention ~= '0' and value == retention .. ' ' .. owner and
    not redis.pcall('SET', key, ' ' .. owner, 'PX', retention).err then
    return 'yes'
end
local left = redis.call('PTTL', key)
local space = value and string.find(value, ' ', 1, true)
if value and not space then return redis.error_reply('ERR the key is none of pivotal-webhook') end
-- Redis still has a key in the millisecond of its expiry.
local known = value and left > 0
local done = known and space == 1
local mine = known and string.sub(value, space + 1) == owner

local function start_lease()
    local life = lease + retention
    if life > 0 then
        -- Written by hand: Lua would write some numbers as 2e+12.
        redis.call('SET', key, retention .. ' ' .. owner, 'PX', string.format('%.0f', life))
    else
        redis.call('DEL', key)
    end
end

if member == 'claim' then
    if done then return 'duplicate' end
    if known and not mine and left > tonumber(string.sub(value, 1, space - 1)) then return 'in_progress' end
    start_lease()
    return 'granted'
end
if member == 'forget' then
    if not known then return 'no' end
    redis.call('DEL', key)
    return 'yes'
end
if not mine then return 'no' end
if member == 'complete' then
    -- A Redis that is full refuses claims, but not to record what has been done: what it has no memory for is refused
    -- as a script's first write alone, and PEXPIRE needs none.
    if not done then
        local set = retention ~= '0' and redis.pcall('SET', key, ' ' .. owner, 'PX', retention)
        if not set or set.err then
            redis.call('PEXPIRE', key, retention)
            if set then redis.call('SET', key, ' ' .. owner, 'PX', retention) end
        end
    end
    return 'yes'
end
if done then return 'no' end
if member == 'renew' then start_lease() else redis.call('DEL', key) end
return 'yes'
)";

}}}  // namespace pivotal::v1::detail
