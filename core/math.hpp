// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

namespace fettle {

// The core calls no libm: these few functions are exact, so every processor gives the same bits.

/// Square root, correctly rounded (IEEE 754), for x >= 0. Where the target has an instruction the
/// compiler uses it; the integer version below gives the same bits and serves everywhere else.
[[nodiscard]] constexpr float square_root_by_integers(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  if (bits == 0 || bits >= 0x7f800000U) return x;
  // x = m * 2^e with a 24-bit m; shift m so that e is even and the root has 25 significant bits,
  // one more than a float keeps: that bit and the remainder decide the rounding.
  std::uint64_t mantissa = bits & 0x7fffffU;
  int exponent = static_cast<int>(bits >> 23);
  if (exponent == 0) {
    const int shift = std::countl_zero(static_cast<std::uint32_t>(mantissa)) - 8;
    mantissa <<= shift;
    exponent = 1 - shift;
  } else {
    mantissa |= 0x800000U;
  }
  exponent -= 127 + 23;
  int shift = 26;
  if (((exponent - shift) & 1) != 0) shift = 25;
  std::uint64_t rest = mantissa << shift;
  exponent -= shift;
  std::uint64_t root = 0;
  for (std::uint64_t bit = std::uint64_t{1} << 50; bit != 0; bit >>= 2) {
    if (rest >= root + bit) {
      rest -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
  }
  // An exact tie cannot happen: a root with 25 significant bits has a square with more than 24.
  const std::uint64_t rounded = (root + 1) >> 1;
  const int result_exponent = exponent / 2 + 1;
  const auto biased = static_cast<std::uint32_t>(result_exponent + 23 + 127);
  return std::bit_cast<float>((biased << 23) + static_cast<std::uint32_t>(rounded - 0x800000U));
}

[[nodiscard]] constexpr float square_root(float x) {
#if defined(__SSE2__) || defined(__aarch64__)
  if (!std::is_constant_evaluated()) return __builtin_sqrtf(x);
#endif
  return square_root_by_integers(x);
}

[[nodiscard]] constexpr float absolute(float x) { return x < 0.0F ? -x : x; }

/// False for NaN and the infinities.
[[nodiscard]] constexpr bool is_finite(float x) {
  return (std::bit_cast<std::uint32_t>(x) & 0x7f800000U) != 0x7f800000U;
}

/// Rounds to the nearest integer, halves away from zero, and clamps to [low, high]: a conversion
/// that saturates where a C cast would be undefined (on x86-64 it wraps). NaN gives `low`.
[[nodiscard]] constexpr std::int32_t round_and_clamp(float x, std::int32_t low, std::int32_t high) {
  if (!(x > static_cast<float>(low))) return low;
  if (x >= static_cast<float>(high)) return high;
  const auto whole = static_cast<std::int32_t>(x);
  const float rest = x - static_cast<float>(whole);
  if (rest >= 0.5F) return whole + 1;
  if (rest <= -0.5F) return whole - 1;
  return whole;
}

}  // namespace fettle
