// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace fettle {

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014): one
/// word of state, the same sequence everywhere.
class Random {
 public:
  constexpr explicit Random(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }

  /// Uniform in [0, 1), a multiple of 2^-24.
  constexpr float uniform() { return static_cast<float>(next() >> 40) * (1.0F / 16777216.0F); }

  /// Uniform in [0, bound), bound below 2^32 (Lemire 2019, without the rejection: a bias below
  /// bound / 2^32 does not matter for shuffling).
  constexpr std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
  }

 private:
  std::uint64_t state_;
};

}  // namespace fettle
