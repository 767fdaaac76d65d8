// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

namespace fettle {

// TensorFlow Lite Micro's integer arithmetic, exactly: real multipliers become a 32-bit fixed-point
// fraction and a power of two, and a product is rounded twice, as gemmlowp does. Other LiteRT
// engines round in other ways (DESIGN.md); goldens come from TensorFlow Lite Micro itself.

/// A real multiplier: fraction * 2^(shift - 31), fraction 0 or in [2^30, 2^31).
struct Multiplier {
  std::int32_t fraction = 0;
  std::int8_t shift = 0;  ///< -31 to 30; positive shifts left

  friend bool operator==(const Multiplier&, const Multiplier&) = default;
};

inline constexpr int kLargestShift = 30;

/// Fixed-point form of a real multiplier in [0, 2^30), fraction rounded to nearest, halves up.
/// Below about 2^-32 it becomes zero. Returns false for a negative, infinite, NaN or too large value.
[[nodiscard]] constexpr bool to_multiplier(double real, Multiplier& result) {
  const auto bits = std::bit_cast<std::uint64_t>(real);
  const int exponent = static_cast<int>((bits >> 52) & 0x7ffU);
  result = {};
  if (exponent == 0) return (bits >> 63) == 0 || real == 0.0;  // zero, or too small to matter
  if ((bits >> 63) != 0 || exponent == 0x7ff) return false;
  const std::uint64_t mantissa = (bits & 0xfffffffffffffU) | (std::uint64_t{1} << 52);
  std::uint64_t fraction = (mantissa + (std::uint64_t{1} << 21)) >> 22;
  int shift = exponent - 1022;
  if (fraction == (std::uint64_t{1} << 31)) {
    fraction >>= 1;
    ++shift;
  }
  if (shift < -31) return true;
  if (shift > kLargestShift) return false;
  result = {static_cast<std::int32_t>(fraction), static_cast<std::int8_t>(shift)};
  return true;
}

/// value * multiplier, rounded by gemmlowp's two steps: a doubling high multiply rounded to nearest
/// with halves up, then a division by a power of two rounded to nearest with halves away from zero.
/// The left shift wraps like TensorFlow Lite Micro's when a model overflows it.
[[nodiscard]] constexpr std::int32_t multiply(std::int32_t value, Multiplier by) {
  const int left = by.shift > 0 ? by.shift : 0;
  const int right = by.shift > 0 ? 0 : -by.shift;
  const auto shifted = static_cast<std::int32_t>(static_cast<std::uint32_t>(value) << left);
  const std::int64_t product = static_cast<std::int64_t>(shifted) * by.fraction;
  const auto high = static_cast<std::int32_t>((product + (std::int64_t{1} << 30)) >> 31);
  const std::int64_t mask = (std::int64_t{1} << right) - 1;
  const std::int64_t rest = high & mask;
  const std::int64_t half = (mask >> 1) + (high < 0 ? 1 : 0);
  return (high >> right) + (rest > half ? 1 : 0);
}

}  // namespace fettle
