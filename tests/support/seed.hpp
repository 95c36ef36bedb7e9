// A seeded generator whose seed is printed with every failure and replayed by TAU_SEED.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <random>

namespace tau::test {

/// TAU_SEED, or a fresh one.
inline std::uint64_t choose_seed() {
  if (const char* given = std::getenv("TAU_SEED")) return std::strtoull(given, nullptr, 0);
  return std::random_device{}();
}

}  // namespace tau::test

/// Declares `name`, a std::mt19937_64; the seed shows in the message of whatever fails below.
#define TAU_SEEDED_RANDOM(name)                              \
  const std::uint64_t name##_seed = tau::test::choose_seed(); \
  INFO("replay with TAU_SEED=", name##_seed);                 \
  std::mt19937_64 name(name##_seed)
