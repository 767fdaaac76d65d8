// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "simulator/signal/arithmetic.hpp"
#include "simulator/signal/random.hpp"

namespace fettle::simulator {
namespace {

TEST(SineCosine, IsWithin1e12OfLongDouble) {
  for (int i = -400'000; i <= 400'000; ++i) {
    // A step that meets quarters and eighths of a turn, and one that does not.
    for (const double turns : {i * 1e-5, i * 1.00000123e-5}) {
      const auto [sine, cosine] = sine_cosine_turns(turns);
      const long double angle = 2 * std::acos(-1.0L) * static_cast<long double>(turns);
      ASSERT_NEAR(sine, static_cast<double>(std::sin(angle)), 1e-14) << turns;
      ASSERT_NEAR(cosine, static_cast<double>(std::cos(angle)), 1e-14) << turns;
    }
  }
}

TEST(SineCosine, KnowsTheQuarters) {
  for (const int quarter : {-8, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 7, 400}) {
    const auto [sine, cosine] = sine_cosine_turns(quarter * 0.25);
    const int q = quarter & 3;
    EXPECT_EQ(sine, q == 1 ? 1.0 : q == 3 ? -1.0 : 0.0) << quarter;
    EXPECT_EQ(cosine, q == 0 ? 1.0 : q == 2 ? -1.0 : 0.0) << quarter;
  }
}

TEST(Exponential, AgreesWithTheLibrary) {
  for (double x = -20; x <= 20; x += 0.00137) {
    ASSERT_NEAR(exponential(x) / std::exp(x), 1.0, 4e-15) << x;
  }
  EXPECT_EQ(exponential(0), 1.0);
}

TEST(NaturalLogarithm, AgreesWithTheLibrary) {
  for (double x = 1e-6; x < 1e6; x *= 1.00037) {
    ASSERT_NEAR(natural_logarithm(x), std::log(x), 4e-15) << x;
  }
  EXPECT_EQ(natural_logarithm(1.0), 0.0);
}

TEST(SquareRoot, AgreesWithTheLibrary) {
  for (double x = 1e-12; x < 1e12; x *= 1.0037) {
    ASSERT_NEAR(square_root(x) / std::sqrt(x), 1.0, 4e-16) << x;
  }
  EXPECT_EQ(square_root(0.0), 0.0);
}

TEST(Random, NeighbouringSeedsAndStreamsHaveNothingInCommon) {
  Random a(1), b(2), c(1, 1), same(1);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t bits = a.bits();
    EXPECT_EQ(bits, same.bits());
    EXPECT_NE(bits, b.bits());
    EXPECT_NE(bits, c.bits());
  }
}

TEST(Random, UniformFillsItsRangeEvenly) {
  Random random(3);
  std::vector<int> tenths(10);
  for (int i = 0; i < 1'000'000; ++i) {
    const double x = random.uniform(-2, 3);
    ASSERT_GE(x, -2);
    ASSERT_LT(x, 3);
    ++tenths[static_cast<std::size_t>((x + 2) * 2)];
  }
  for (const int count : tenths) EXPECT_NEAR(count, 100'000, 1500);  // 5 standard deviations
}

TEST(Random, GaussianFollowsTheNormalDistribution) {
  // Kolmogorov-Smirnov, with the tail beyond the ziggurat's edge (3.44) counted apart.
  Random random(4);
  const std::size_t n = 2'000'000;
  std::vector<double> draws(n);
  for (double& x : draws) x = random.gaussian();
  std::sort(draws.begin(), draws.end());
  double distance = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double expected = 0.5 * std::erfc(-draws[i] / std::sqrt(2.0));
    distance = std::max(distance, std::abs((static_cast<double>(i) + 0.5) / n - expected));
  }
  EXPECT_LT(distance * std::sqrt(static_cast<double>(n)), 1.95);  // one in a thousand

  const auto beyond = [&](double x) {
    return static_cast<double>(
        std::count_if(draws.begin(), draws.end(), [x](double d) { return std::abs(d) > x; }));
  };
  for (const double x : {2.0, 3.0, 3.5, 4.0}) {
    const double expected = n * std::erfc(x / std::sqrt(2.0));
    EXPECT_NEAR(beyond(x), expected, 4 * std::sqrt(expected)) << x;
  }
}

}  // namespace
}  // namespace fettle::simulator
