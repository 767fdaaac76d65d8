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

namespace detail {

/// gemmlowp's first step: value * fraction / 2^31, to nearest with halves up. The result is within
/// 2^31 - 2 on either side, as fraction is below 2^31.
[[nodiscard, gnu::always_inline]] constexpr std::int32_t doubling_high_multiply(
    std::int32_t value, std::int32_t fraction) {
  const std::int64_t product = static_cast<std::int64_t>(value) * fraction;
  // The bit that is half a step, added afterwards: no constant of 64 bits in two registers.
  const auto half = static_cast<std::int32_t>((product >> 30) & 1);
  return static_cast<std::int32_t>(product >> 31) + half;
}

}  // namespace detail

/// value * multiplier, rounded by gemmlowp's two steps: a doubling high multiply rounded to nearest
/// with halves up, then a division by a power of two rounded to nearest with halves away from zero.
/// The left shift wraps like TensorFlow Lite Micro's when a model overflows it.
[[nodiscard, gnu::always_inline]] constexpr std::int32_t multiply(std::int32_t value,
                                                                  Multiplier by) {
  if (by.shift >= 0) [[unlikely]] {
    const auto shifted = static_cast<std::int32_t>(static_cast<std::uint32_t>(value) << by.shift);
    return detail::doubling_high_multiply(shifted, by.fraction);
  }
  // Halves go away from zero if those of negative numbers, one less, go up. All but the last bit is
  // shifted out first, so that the addition cannot overflow.
  const std::int32_t high = detail::doubling_high_multiply(value, by.fraction);
  const std::int32_t lowered = high + (high >> 31);
  return ((lowered >> (-by.shift - 1)) + 1) >> 1;
}

}  // namespace fettle
