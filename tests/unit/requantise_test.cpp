// SPDX-License-Identifier: Apache-2.0
// Fixed-point multiplication against 128-bit integers. TensorFlow's own numbers: tests/golden/
// requantise.txt and quantize_multiplier.txt, tested in goldens_test.cpp.
#include "core/model/requantise.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/learn/random.hpp"

namespace fettle {
namespace {

__extension__ using Wide = __int128;

Wide floor_divide(Wide a, Wide b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

/// gemmlowp in words: nearest with halves up, then nearest with halves away from zero.
std::int32_t twin(std::int32_t value, std::int32_t fraction, int shift) {
  const Wide shifted = static_cast<Wide>(value) * (Wide{1} << (shift > 0 ? shift : 0));
  const Wide high = floor_divide(shifted * fraction * 2 + (Wide{1} << 31), Wide{1} << 32);
  const Wide divisor = Wide{1} << (shift < 0 ? -shift : 0);
  const Wide magnitude = high < 0 ? -high : high;
  const Wide rounded = (2 * magnitude + divisor) / (2 * divisor);
  return static_cast<std::int32_t>(high < 0 ? -rounded : rounded);
}

bool fits(std::int32_t value, int shift) {
  const Wide shifted = static_cast<Wide>(value) * (Wide{1} << (shift > 0 ? shift : 0));
  return shifted >= std::numeric_limits<std::int32_t>::min() &&
         shifted <= std::numeric_limits<std::int32_t>::max();
}

TEST(Multiply, AgreesWithWideIntegersForEveryShift) {
  Random random(1);
  constexpr auto kLow = std::numeric_limits<std::int32_t>::min();
  constexpr auto kHigh = std::numeric_limits<std::int32_t>::max();
  constexpr std::int32_t kFractions[] = {0, 1 << 30, (1 << 30) + 1, 0x55555555, kHigh - 1, kHigh};
  for (int shift = -31; shift <= kLargestShift; ++shift) {
    const auto check = [&](std::int32_t value, std::int32_t fraction) {
      if (!fits(value, shift)) return;
      ASSERT_EQ(multiply(value, {fraction, static_cast<std::int8_t>(shift)}),
                twin(value, fraction, shift))
          << value << " * " << fraction << " * 2^" << shift << " - 31";
    };
    for (const std::int32_t fraction : kFractions) {
      for (const std::int32_t value : {kLow, kLow + 1, -1, 0, 1, kHigh - 1, kHigh}) {
        check(value, fraction);
      }
      // All small values: here rounding decides every result.
      for (std::int32_t value = -3000; value <= 3000; ++value) check(value, fraction);
      // Multiples of half the divisor: ties of the second rounding.
      if (shift < 0) {
        for (std::int64_t k = -5; k <= 5; ++k) {
          const std::int64_t tie = k * (std::int64_t{1} << (-shift - 1)) * 2;
          for (std::int64_t near = -2; near <= 2; ++near) {
            if (tie + near >= kLow && tie + near <= kHigh) {
              check(static_cast<std::int32_t>(tie + near), fraction);
            }
          }
        }
      }
    }
    for (int i = 0; i < 5000; ++i) {
      const auto value =
          static_cast<std::int32_t>(static_cast<std::uint32_t>(random.next())) >> random.below(31);
      check(value, static_cast<std::int32_t>((1U << 30) + random.below(1U << 30)));
    }
    if (HasFatalFailure()) return;
  }
}

TEST(Multiplier, IsTheNearestFraction) {
  Random random(2);
  for (int i = 0; i < 200000; ++i) {
    const double mantissa = 0.5 + 0.5 * (static_cast<double>(random.next() >> 11) * 0x1p-53);
    const int exponent = static_cast<int>(random.below(62)) - 31;
    const double real = std::ldexp(mantissa, exponent);
    Multiplier found;
    const bool ok = to_multiplier(real, found);
    const double scaled = std::floor(mantissa * 0x1p31 + 0.5);  // halves up, exact in 53 bits
    const bool carries = scaled == 0x1p31;
    const int shift = exponent + (carries ? 1 : 0);
    ASSERT_EQ(ok, shift <= kLargestShift) << real;
    if (!ok) continue;
    ASSERT_EQ(found.fraction, static_cast<std::int32_t>(carries ? 0x1p30 : scaled)) << real;
    ASSERT_EQ(found.shift, shift) << real;
  }
}

TEST(Multiplier, RefusesWhatItCannotHold) {
  Multiplier result;
  for (const double real : {-1.0, -1e-300, std::numeric_limits<double>::infinity(),
                            -std::numeric_limits<double>::infinity(),
                            std::numeric_limits<double>::quiet_NaN(), 0x1p30, 1e300}) {
    EXPECT_FALSE(to_multiplier(real, result)) << real;
  }
  // Far below a code: zero, as TensorFlow Lite has it.
  for (const double real : {0.0, -0.0, 5e-324, 1e-300, 0x1p-34}) {
    EXPECT_TRUE(to_multiplier(real, result)) << real;
    EXPECT_EQ(result, Multiplier{}) << real;
    EXPECT_EQ(multiply(std::numeric_limits<std::int32_t>::max(), result), 0);
  }
  EXPECT_TRUE(to_multiplier(std::nextafter(0x1p30, 0.0) / 2, result));
  EXPECT_TRUE(to_multiplier(1.0, result));
  EXPECT_EQ(multiply(12345, result), 12345);
  static_assert([] {
    Multiplier half;
    return to_multiplier(0.5, half) && multiply(7, half) == 4 && multiply(-7, half) == -3;
  }());
}

}  // namespace
}  // namespace fettle
