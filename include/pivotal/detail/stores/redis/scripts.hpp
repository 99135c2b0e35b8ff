// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <string>

namespace pivotal {
inline namespace v1 {
namespace detail {

/// The members of RedisStore, each an atomic script over one key.
enum class RedisScript : std::size_t { claim, renew, complete, release, forget };
constexpr std::size_t redis_scripts = 5;

/// KEYS[1] is the id's key, ARGV the owner, the lease and the retention, in milliseconds.
///
/// The key is a hash: `owner` of the claim, and `lease`, when it runs out. Without `lease` it is completed.
/// So a completion takes memory away and needs none: a Redis that is full refuses claims, but never to record
/// what has been done. An id that is no longer remembered is a key that has expired.
inline std::string redis_script(RedisScript script) {
    // Numbers are written by hand: Lua would write some of them as 2e+12.
    static constexpr const char* prelude = R"(
local key = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local record = redis.call('HMGET', key, 'owner', 'lease')
local owner, lease = record[1], record[2]
local mine = owner == ARGV[1]

local function remember_until(expiry)
    -- Redis still has a key in the millisecond of its expiry, which is one too long.
    redis.call('PEXPIREAT', key, string.format('%.0f', expiry - 1))
end
local function start_lease()
    local lease_until = now + ARGV[2]
    redis.call('HSET', key, 'owner', ARGV[1], 'lease', string.format('%.0f', lease_until))
    remember_until(lease_until + ARGV[3])
end
)";
    static constexpr std::array<const char*, redis_scripts> bodies{
        R"(
if owner and not lease then return 'duplicate' end
if owner and not mine and now < tonumber(lease) then return 'in_progress' end
start_lease()
return 'granted'
)",
        R"(
if not mine or not lease then return 'no' end
start_lease()
return 'yes'
)",
        R"(
if not mine then return 'no' end
if lease then
    redis.call('HDEL', key, 'lease')
    remember_until(now + ARGV[3])
end
return 'yes'
)",
        R"(
if not mine or not lease then return 'no' end
redis.call('DEL', key)
return 'yes'
)",
        R"(
if not owner then return 'no' end
redis.call('DEL', key)
return 'yes'
)"};
    return std::string(prelude) + bodies[static_cast<std::size_t>(script)];
}

}  // namespace detail
}  // namespace v1
}  // namespace pivotal
