// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <string>

namespace pivotal { inline namespace v1 { namespace detail {

/// The members of RedisStore, each an atomic script over one key.
enum class RedisScript : std::size_t { claim, renew, complete, release, forget };
inline constexpr std::size_t redis_scripts = 5;

/// KEYS[1] is the id's key, ARGV the owner, the lease and the retention, in milliseconds.
///
/// A claim is `<retention> <owner>`, and expires a retention after its lease: so the lease is over when no more than the
/// retention is left, and a new claim is one SET NX PX, without a script and without the time. What is completed is
/// ` <owner>`. An id that is no longer remembered is a key that has expired.
inline std::string redis_script(RedisScript script) {
    // Numbers are written by hand: Lua would write some of them as 2e+12.
    static constexpr const char* prelude = R"(
local key = KEYS[1]
local value = redis.call('GET', key)
local left = redis.call('PTTL', key)
local space = value and string.find(value, ' ', 1, true)
if value and not space then return redis.error_reply('ERR the key is none of pivotal-webhook') end
-- Redis still has a key in the millisecond of its expiry.
local known = value and left > 0
local done = known and space == 1
local mine = known and string.sub(value, space + 1) == ARGV[1]

local function start_lease()
    local life = ARGV[2] + ARGV[3]
    if life > 0 then
        redis.call('SET', key, ARGV[3] .. ' ' .. ARGV[1], 'PX', string.format('%.0f', life))
    else
        redis.call('DEL', key)
    end
end
)";
    static constexpr std::array<const char*, redis_scripts> bodies{
        R"(
if done then return 'duplicate' end
if known and not mine and left > tonumber(string.sub(value, 1, space - 1)) then return 'in_progress' end
start_lease()
return 'granted'
)",
        R"(
if not mine or done then return 'no' end
start_lease()
return 'yes'
)",
        // A Redis that is full refuses claims, but not to record what has been done: what it has no memory for is
        // refused as a script's first write alone, and PEXPIRE needs none.
        R"(
if not mine then return 'no' end
if not done then
    redis.call('PEXPIRE', key, ARGV[3])
    if ARGV[3] ~= '0' then redis.call('SET', key, ' ' .. ARGV[1], 'PX', ARGV[3]) end
end
return 'yes'
)",
        R"(
if not mine or done then return 'no' end
redis.call('DEL', key)
return 'yes'
)",
        R"(
if not known then return 'no' end
redis.call('DEL', key)
return 'yes'
)"};
    return std::string(prelude) + bodies[static_cast<std::size_t>(script)];
}

}}}  // namespace pivotal::v1::detail
