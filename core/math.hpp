// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

namespace fettle {

// The core calls no libm. These few functions are exact or compute in a fixed order, so every processor
// gives the same bits.

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

/// Natural logarithm within 1 ulp (tests/unit/math_test.cpp). 0 gives -infinity, below 0 NaN.
/// x = 2^e m with m in [sqrt(1/2), sqrt(2)); log m = 2 artanh(s) with s = (m - 1)/(m + 1), a series in
/// s^2 <= 0.0295 whose first term left out is below 2^-33 of the sum. m - 1 is exact and is added last, so
/// that nothing is lost near 1 (the scheme of FDLIBM's log, Ng 1993).
[[nodiscard]] constexpr float natural_log(float x) {
  constexpr float kInfinity = std::bit_cast<float>(0x7f800000U);
  if (x == 0.0F) return -kInfinity;
  if (!(x > 0.0F)) return std::bit_cast<float>(0x7fc00000U);
  if (x == kInfinity) return x;
  int exponent = 0;
  if (x < 0x1p-126F) {
    x *= 0x1p24F;
    exponent = -24;
  }
  // Subtracting the bits of sqrt(1/2) carries into the exponent exactly where m has to start again.
  constexpr std::uint32_t kRootOfHalf = 0x3f3504f3U;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x) - kRootOfHalf;
  exponent += static_cast<std::int32_t>(bits) >> 23;
  const float m = std::bit_cast<float>((bits & 0x7fffffU) + kRootOfHalf);
  const float f = m - 1.0F;
  const float s = f / (2.0F + f);
  const float z = s * s;
  const float series =
      z * (2.0F / 3 + z * (2.0F / 5 + z * (2.0F / 7 + z * (2.0F / 9 + z * (2.0F / 11)))));
  const float half_square = 0.5F * f * f;
  // ln 2 in two parts, the first with so few bits that its product with an exponent is exact.
  constexpr float kLn2High = 0x1.62ep-1F;
  constexpr float kLn2Low = 0x1.0bfbe8p-15F;
  const auto e = static_cast<float>(exponent);
  // log m = f - f^2/2 + s (f^2/2 + series)
  return e * kLn2High - ((half_square - (s * (half_square + series) + e * kLn2Low)) - f);
}

namespace detail {

/// sin(2 pi r), |r| <= 1/8: Taylor's series, the first term left out is below 1e-16.
[[nodiscard]] constexpr double sine_of_eighth(double r) {
  const double x = 6.283185307179586 * r;
  const double z = x * x;
  double sum = 0.0;
  for (int n = 15; n >= 3; n -= 2) sum = (sum + 1.0) * -z / static_cast<double>(n * (n - 1));
  return x + x * sum;
}

/// cos(2 pi r), |r| <= 1/8.
[[nodiscard]] constexpr double cosine_of_eighth(double r) {
  const double x = 6.283185307179586 * r;
  const double z = x * x;
  double sum = 0.0;
  for (int n = 16; n >= 2; n -= 2) sum = (sum + 1.0) * -z / static_cast<double>(n * (n - 1));
  return 1.0 + sum;
}

}  // namespace detail

/// sin(2 pi t) for |t| < 1e9 turns, within 1 ulp of the float; exact at multiples of a quarter.
[[nodiscard]] constexpr float sine_of_turns(double turns) {
  const double quarters = turns * 4.0;  // a power of two: exact, and so is what follows
  const auto nearest = static_cast<std::int64_t>(quarters + (quarters < 0.0 ? -0.5 : 0.5));
  const double r = turns - static_cast<double>(nearest) * 0.25;
  double value = 0.0;
  switch (nearest & 3) {
    case 0: value = detail::sine_of_eighth(r); break;
    case 1: value = detail::cosine_of_eighth(r); break;
    case 2: value = -detail::sine_of_eighth(r); break;
    default: value = -detail::cosine_of_eighth(r); break;
  }
  return static_cast<float>(value);
}

/// cos(2 pi t), likewise.
[[nodiscard]] constexpr float cosine_of_turns(double turns) { return sine_of_turns(turns + 0.25); }

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
