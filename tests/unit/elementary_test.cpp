// SPDX-License-Identifier: Apache-2.0
#include "core/elementary.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace fettle {
namespace {

TEST(Elementary, LogarithmAgreesWithTheLibrary) {
  for (double x = 1e-300; x < 1e300; x *= 1.37) {
    EXPECT_NEAR(natural_log_f64(x), std::log(x), 1e-14 * std::max(1.0, std::abs(std::log(x)))) << x;
  }
  for (double x = 0.5; x < 2.0; x += 0.001)
    EXPECT_NEAR(natural_log_f64(x), std::log(x), 1e-15) << x;
  EXPECT_EQ(natural_log_f64(1.0), 0.0);
}

TEST(Elementary, LogarithmAtTheEnds) {
  const double smallest = std::log(std::numeric_limits<double>::min());
  EXPECT_NEAR(natural_log_f64(0.0), smallest, 1e-10);
  EXPECT_NEAR(natural_log_f64(-1.0), smallest, 1e-10);
  EXPECT_NEAR(natural_log_f64(5e-324), smallest, 1e-10);
  EXPECT_NEAR(natural_log_f64(std::numeric_limits<double>::max()), 709.782712893384, 1e-10);
  EXPECT_TRUE(std::isnan(natural_log_f64(std::nan(""))));
  EXPECT_TRUE(std::isinf(natural_log_f64(std::numeric_limits<double>::infinity())));
}

TEST(Elementary, ExponentialAgreesWithTheLibrary) {
  for (double x = -699.0; x < 700.0; x += 0.37) {
    EXPECT_NEAR(exponential(x) / std::exp(x), 1.0, 1e-13) << x;
  }
  EXPECT_EQ(exponential(0.0), 1.0);
  EXPECT_EQ(exponential(-1e9), 0.0);
  EXPECT_EQ(exponential(1e9), exponential(700.0));
  EXPECT_EQ(exponential(std::nan("")), 0.0);
}

TEST(Elementary, NormalTailAgreesWithTheLibrary) {
  for (double z = -8.0; z < 20.0; z += 0.01) {
    const double expected = 0.5 * std::erfc(z / std::sqrt(2.0));
    EXPECT_NEAR(normal_upper_tail(z) / expected, 1.0, 1e-7) << z;
  }
  EXPECT_EQ(normal_upper_tail(0.0), 0.5);
}

TEST(Elementary, NormalQuantileIsTheInverse) {
  for (double z = -7.0; z < 12.0; z += 0.01) {
    const double p = 0.5 * std::erfc(z / std::sqrt(2.0));
    // Near 1 the probability itself has too few digits.
    const double tolerance = z < -5.0 ? 1e-3 : 2e-6;
    EXPECT_NEAR(normal_upper_quantile(p), z, tolerance) << z;
  }
  EXPECT_NEAR(normal_upper_quantile(0.025), 1.959964, 1e-6);
}

}  // namespace
}  // namespace fettle
