// Hasher: names for environments, plugins and modules in the cache.
//
// Sixty-four bits, eight bytes a step: a module's content must be named in well under a millisecond. It is
// no defence against somebody who makes collisions on purpose; whoever can write into the cache has the
// plugin's rights anyway (cache.hpp checks who that is).
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace tau::host {

class Hasher {
 public:
  /// Length goes in as well, so that "a","bc" and "ab","c" differ.
  void add(std::string_view bytes) {
    add(static_cast<std::uint64_t>(bytes.size()));
    while (bytes.size() >= 8) {
      std::uint64_t word;
      std::memcpy(&word, bytes.data(), 8);
      mix(word);
      bytes.remove_prefix(8);
    }
    if (!bytes.empty()) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data(), bytes.size());
      mix(word);
    }
  }

  void add(std::uint64_t value) { mix(value); }

  /// Sixteen lower-case hexadecimal digits.
  std::string hex() const {
    std::uint64_t value = state_;
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdULL;
    value ^= value >> 33;
    std::string text(16, '0');
    for (int i = 15; i >= 0; --i, value >>= 4) text[static_cast<std::size_t>(i)] = "0123456789abcdef"[value & 15];
    return text;
  }

 private:
  void mix(std::uint64_t word) {
    state_ = (state_ ^ word) * 0x9e3779b97f4a7c15ULL;
    state_ ^= state_ >> 29;
  }

  std::uint64_t state_ = 0x243f6a8885a308d3ULL;
};

inline std::string hash_of(std::string_view bytes) {
  Hasher hasher;
  hasher.add(bytes);
  return hasher.hex();
}

}  // namespace tau::host
