// SPDX-License-Identifier: Apache-2.0
#include "core/math.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/learn/random.hpp"

namespace fettle {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::uint32_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }

void expect_exact_root(std::uint32_t pattern) {
  const auto x = std::bit_cast<float>(pattern);
  ASSERT_EQ(bits(square_root_by_integers(x)), bits(std::sqrt(x))) << std::hexfloat << x;
  ASSERT_EQ(bits(square_root(x)), bits(std::sqrt(x))) << std::hexfloat << x;
}

TEST(SquareRoot, IsCorrectlyRoundedInEveryBinadeAndForSubnormals) {
  Random random(20261123);
  for (std::uint32_t exponent = 0; exponent < 255; ++exponent) {
    const std::uint32_t base = exponent << 23;
    // The ends of a binade are where rounding carries into the exponent.
    for (std::uint32_t m = 0; m < 300; ++m) {
      expect_exact_root(base + m);
      expect_exact_root(base + 0x7fffffU - m);
    }
    for (int i = 0; i < 3000; ++i) expect_exact_root(base + random.below(0x800000U));
    if (HasFatalFailure()) return;
  }
}

TEST(SquareRoot, IsExactForEverySquareAndItsNeighbours) {
  for (std::uint32_t root = 1; root < 4096; ++root) {
    const auto square = static_cast<float>(root * root);  // below 2^24: exact
    ASSERT_EQ(square_root_by_integers(square), static_cast<float>(root));
    expect_exact_root(bits(square) - 1);
    expect_exact_root(bits(square) + 1);
  }
}

TEST(SquareRoot, KeepsZeroInfinityAndNan) {
  EXPECT_EQ(square_root_by_integers(0.0F), 0.0F);
  EXPECT_EQ(square_root_by_integers(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(square_root_by_integers(kNan)));
  static_assert(square_root(6.25F) == 2.5F);
}

/// Distance of `found` from `exact` in steps of the floats around it.
double ulps(float found, double exact) {
  const double size = std::max(std::abs(exact), 0x1p-126);
  int exponent = 0;
  std::frexp(size, &exponent);
  return std::abs(static_cast<double>(found) - exact) / std::ldexp(1.0, exponent - 24);
}

TEST(Logarithm, IsWithinOneUlpForEveryFloatAroundOneAndSamplesOfEveryBinade) {
  double worst = 0;
  // All floats from 1/4 to 4: where the result is small, which is where it can go wrong.
  for (std::uint32_t b = bits(0.25F); b <= bits(4.0F); ++b) {
    const auto x = std::bit_cast<float>(b);
    worst = std::max(worst, ulps(natural_log(x), std::log(static_cast<double>(x))));
  }
  EXPECT_LT(worst, 1.0);
  Random random(20261124);
  for (std::uint32_t exponent = 0; exponent < 255; ++exponent) {
    for (int i = 0; i < 4000; ++i) {
      const std::uint32_t mantissa =
          i < 8 ? static_cast<std::uint32_t>(i) : random.below(0x800000U);
      const auto x = std::bit_cast<float>((exponent << 23) + mantissa);
      if (x == 0.0F) continue;
      worst = std::max(worst, ulps(natural_log(x), std::log(static_cast<double>(x))));
    }
  }
  EXPECT_LT(worst, 1.0);
}

TEST(Logarithm, OfOneZeroNegativesAndTheRest) {
  static_assert(natural_log(1.0F) == 0.0F);
  EXPECT_EQ(natural_log(0.0F), -kInfinity);
  EXPECT_EQ(natural_log(-0.0F), -kInfinity);
  EXPECT_EQ(natural_log(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(natural_log(-1.0F)));
  EXPECT_TRUE(std::isnan(natural_log(kNan)));
  EXPECT_TRUE(std::isnan(natural_log(-kInfinity)));
}

TEST(Turns, AreWithinOneUlpAndExactAtQuarters) {
  double worst = 0;
  const auto pi = std::acos(-1.0L);
  for (std::int64_t k = -3'000'000; k <= 3'000'000; ++k) {
    const double turns = static_cast<double>(k) / 1'048'576.0;
    // Reduced in whole numbers, so that the reference is exact where it crosses zero.
    const auto part = static_cast<long double>(k % 1'048'576) / 1'048'576.0L;
    if (k % 524'288 != 0) {
      worst =
          std::max(worst, ulps(sine_of_turns(turns), static_cast<double>(std::sin(2 * pi * part))));
    }
    if (k % 524'288 != 262'144 && k % 524'288 != -262'144) {
      worst = std::max(worst,
                       ulps(cosine_of_turns(turns), static_cast<double>(std::cos(2 * pi * part))));
    }
  }
  EXPECT_LT(worst, 1.0);
  for (int quarter = -9; quarter <= 9; ++quarter) {
    const std::array<float, 4> sine = {0.0F, 1.0F, 0.0F, -1.0F};
    const auto at = static_cast<std::size_t>((quarter + 12) % 4);
    EXPECT_EQ(sine_of_turns(0.25 * quarter), sine[at]);
    EXPECT_EQ(cosine_of_turns(0.25 * quarter), sine[(at + 1) % 4]);
  }
}

TEST(Finite, IsFalseForNanAndTheInfinitiesAlone) {
  EXPECT_FALSE(is_finite(kInfinity));
  EXPECT_FALSE(is_finite(-kInfinity));
  EXPECT_FALSE(is_finite(kNan));
  EXPECT_FALSE(is_finite(-kNan));
  for (const float x : {0.0F, -0.0F, 1e-45F, std::numeric_limits<float>::max(),
                        std::numeric_limits<float>::lowest()}) {
    EXPECT_TRUE(is_finite(x)) << x;
  }
}

TEST(RoundAndClamp, RoundsHalvesAwayFromZero) {
  for (int i = -300; i <= 300; ++i) {
    for (const float part : {-0.5F, -0.25F, 0.0F, 0.25F, 0.5F}) {
      const float x = static_cast<float>(i) + part;
      EXPECT_EQ(round_and_clamp(x, -1000, 1000), static_cast<int>(std::lround(x))) << x;
    }
  }
  // The largest float below one half must not become one.
  EXPECT_EQ(round_and_clamp(std::nextafter(0.5F, 0.0F), -9, 9), 0);
  EXPECT_EQ(round_and_clamp(std::nextafter(-0.5F, 0.0F), -9, 9), 0);
  // Where every float is whole, nothing is added.
  EXPECT_EQ(round_and_clamp(8388609.0F, -1 << 30, 1 << 30), 8388609);
  EXPECT_EQ(round_and_clamp(-16777214.0F, -1 << 30, 1 << 30), -16777214);
}

TEST(RoundAndClamp, SaturatesAndNeverWraps) {
  for (const float x : {127.5F, 128.0F, 255.0F, 256.0F, 3e9F, 1e30F, kInfinity}) {
    EXPECT_EQ(round_and_clamp(x, -128, 127), 127) << x;
    EXPECT_EQ(round_and_clamp(-x - 1.0F, -128, 127), -128) << x;
  }
  EXPECT_EQ(round_and_clamp(126.5F, -128, 127), 127);
  EXPECT_EQ(round_and_clamp(126.49F, -128, 127), 126);
  EXPECT_EQ(round_and_clamp(-127.5F, -128, 127), -128);
  EXPECT_EQ(round_and_clamp(-127.49F, -128, 127), -127);
  EXPECT_EQ(round_and_clamp(kNan, -128, 127), -128);
  constexpr auto kLow = std::numeric_limits<std::int32_t>::min();
  constexpr auto kHigh = std::numeric_limits<std::int32_t>::max();
  EXPECT_EQ(round_and_clamp(3e9F, kLow, kHigh), kHigh);
  EXPECT_EQ(round_and_clamp(-3e9F, kLow, kHigh), kLow);
  EXPECT_EQ(round_and_clamp(2147483520.0F, kLow, kHigh), 2147483520);
}

}  // namespace
}  // namespace fettle
