// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <complex>

#include "simulator/signal/filter.hpp"

namespace fettle::simulator {
namespace {

/// Gain at a frequency, from the coefficients.
double gain(const BiquadCoefficients& c, double hz, double rate_hz) {
  const std::complex<double> z = std::polar(1.0, -2.0 * M_PI * hz / rate_hz);
  return std::abs((c.b0 + c.b1 * z + c.b2 * z * z) / (1.0 + c.a1 * z + c.a2 * z * z));
}

TEST(SecondOrder, HasTheGainsOfItsKind) {
  for (const double rate_hz : {1000.0, 1200.0, 8000.0}) {
    for (const double hz : {7.0, 94.0, 330.0}) {
      const SecondOrder butterworth(hz, std::sqrt(0.5), rate_hz);
      EXPECT_NEAR(gain(butterworth.low_pass(), 1e-6, rate_hz), 1.0, 1e-6);
      EXPECT_NEAR(gain(butterworth.low_pass(), hz, rate_hz), std::sqrt(0.5), 1e-9);
      EXPECT_NEAR(gain(butterworth.high_pass(), 1e-6, rate_hz), 0.0, 1e-6);
      EXPECT_NEAR(gain(butterworth.high_pass(), 0.5 * rate_hz, rate_hz), 1.0, 1e-9);

      const SecondOrder ringing(hz, 0.05, rate_hz);
      EXPECT_NEAR(gain(ringing.band_pass(), hz, rate_hz), 1.0 / (2 * 0.05), 1e-9);
      EXPECT_LT(gain(ringing.band_pass(), 0.8 * hz, rate_hz), 4.0);
      EXPECT_LT(gain(ringing.band_pass(), std::min(1.25 * hz, 0.499 * rate_hz), rate_hz), 4.0);
    }
  }
}

TEST(BiquadBank, FollowsItsDifferenceEquationInEachLane) {
  const BiquadCoefficients first{0.3, -0.2, 0.1, -1.2, 0.5};
  const BiquadCoefficients second{1.0, 0.5, -0.25, 0.4, -0.3};
  BiquadBank<3> bank;  // the third lane as it comes: nothing changes
  bank.set(0, first);
  bank.set(1, second);
  std::array<double, 3> x1{}, x2{}, y1{}, y2{};
  const BiquadCoefficients lanes[] = {first, second, {}};
  for (int n = 0; n < 50; ++n) {
    const std::array<double, 3> x{n % 7 - 3.0, n % 5 * 0.5, n * 1.0};
    std::array<double, 3> found = x;
    bank.step(found);
    for (std::size_t i = 0; i < 3; ++i) {
      const BiquadCoefficients& c = lanes[i];
      const double y = c.b0 * x[i] + c.b1 * x1[i] + c.b2 * x2[i] - c.a1 * y1[i] - c.a2 * y2[i];
      EXPECT_NEAR(found[i], y, 1e-12 * std::max(1.0, std::abs(y)));
      x2[i] = x1[i];
      x1[i] = x[i];
      y2[i] = y1[i];
      y1[i] = y;
    }
  }
}

}  // namespace
}  // namespace fettle::simulator
