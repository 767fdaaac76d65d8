// SPDX-License-Identifier: Apache-2.0
#include "simulator/fleet/velocity_meter.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace fettle::simulator {
namespace {

/// What the meter says about a sine of 0.1 g in a direction, beside gravity.
double measured(double hz, double rate_hz, const std::array<double, 3>& along = {0, 1, 0}) {
  VelocityMeter meter(rate_hz);
  const auto count = static_cast<int>(11.5 * rate_hz);  // ten seconds after it has settled
  for (int i = 0; i < count; ++i) {
    const double a_g = 0.1 * std::sin(2 * M_PI * hz * i / rate_hz + 0.3);
    meter.add({along[0] * a_g, along[1] * a_g, along[2] * a_g + 1.0});
  }
  return meter.rms_mm_s();
}

/// By hand: amplitude / (2 pi f), root mean square of a sine.
double true_mm_s(double hz) { return 0.1 * 9806.65 / (2 * M_PI * hz) / std::sqrt(2.0); }

/// |H|^2 of a Butterworth filter is 1 / (1 + (f / corner)^(2 n)).
double butterworth(double hz) {
  return 1 / std::sqrt((1 + std::pow(10 / hz, 8)) * (1 + std::pow(hz / 90, 8)));
}

TEST(VelocityMeter, MeasuresSinesOfKnownAmplitude) {
  for (const double hz : {20.0, 24.3, 30.0, 50.0, 55.0}) {
    EXPECT_NEAR(measured(hz, 1000) / true_mm_s(hz), 1, 0.012) << hz;
  }
}

TEST(VelocityMeter, IsAButterworthFilter) {
  for (const double hz : {5.0, 8.0, 10.0, 12.0, 15.0, 70.0, 80.0, 90.0}) {
    EXPECT_NEAR(measured(hz, 1000) / true_mm_s(hz) / butterworth(hz), 1, 0.025) << hz;
  }
  EXPECT_NEAR(measured(10, 1000) / true_mm_s(10), std::sqrt(0.5), 0.005);
  EXPECT_NEAR(measured(90, 1000) / true_mm_s(90), std::sqrt(0.5), 0.005);
  EXPECT_LT(measured(2, 1000) / true_mm_s(2), 0.003);
  EXPECT_LT(measured(250, 1000) / true_mm_s(250), 0.02);
}

TEST(VelocityMeter, HoldsAtTwoHundredSamplesASecond) {
  for (const double hz : {20.0, 30.0, 40.0, 50.0, 60.0}) {
    EXPECT_NEAR(measured(hz, 200) / true_mm_s(hz), 1, 0.035) << hz;
  }
}

TEST(VelocityMeter, IsTheSameHoweverTheSensorIsTurned) {
  const double straight = measured(30, 1000);
  EXPECT_NEAR(measured(30, 1000, {0.6, 0, 0.8}), straight, 1e-6);
  EXPECT_NEAR(measured(30, 1000, {-2.0 / 3, 2.0 / 3, 1.0 / 3}), straight, 1e-6);
  EXPECT_NEAR(measured(30, 1000, {0, 0, 0}), 0, 1e-5);  // gravity alone
}

TEST(VelocityMeter, BeginsAnewWhenItIsTold) {
  VelocityMeter meter(1000);
  EXPECT_EQ(meter.rms_mm_s(), 0);
  for (int i = 0; i < 5000; ++i) meter.add({std::sin(0.2 * i), 0, 0});
  EXPECT_GT(meter.rms_mm_s(), 10);
  for (int i = 0; i < 1000; ++i) meter.add({0, 0, 0});
  meter.restart();
  EXPECT_EQ(meter.rms_mm_s(), 0);
  for (int i = 0; i < 1000; ++i) meter.add({0, 0, 0});
  EXPECT_LT(meter.rms_mm_s(), 1e-3);
}

}  // namespace
}  // namespace fettle::simulator
