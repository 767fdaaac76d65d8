// SPDX-License-Identifier: Apache-2.0
// Spikes go, vibration stays.
#include "core/features/spikes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/learn/random.hpp"
#include "core/sensor/sample.hpp"

namespace fettle {
namespace {

constexpr float kStep = kAccelerometerLsb_g;
constexpr double kTurn = 2 * std::numbers::pi;

double gaussian(Random& random) {
  double sum = -6.0;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(random.uniform());
  return sum;
}

/// Rounded to steps of the sensor, on top of gravity.
float reading(double vibration) {
  return static_cast<float>(std::round((0.71 + vibration) / static_cast<double>(kStep))) * kStep;
}

std::uint32_t repaired(const std::vector<float>& x) {
  std::vector<float> copy = x;
  const std::uint32_t count = repair_spikes(copy, kStep);
  if (count == 0) {
    EXPECT_EQ(copy, x);
  }
  return count;
}

TEST(Spikes, NoSineIsTouched) {
  for (const std::size_t n : {64U, 128U, 256U}) {
    std::vector<float> x(n);
    for (double hz = 0.5; hz <= 100.0; hz += 0.125) {
      for (int phase = 0; phase < 8; ++phase) {
        for (const double amplitude : {0.0002, 0.05, 1.9}) {
          for (std::size_t i = 0; i < n; ++i) {
            const double turns = hz * static_cast<double>(i) / 200.0 + phase / 16.0;
            x[i] = reading(amplitude * std::sin(kTurn * turns));
          }
          ASSERT_EQ(repaired(x), 0U) << hz << " Hz, phase " << phase << ", " << amplitude << " g";
        }
      }
    }
  }
}

TEST(Spikes, SinesWithHarmonicsNoiseAndBeatsAreNotTouched) {
  Random random(11);
  std::vector<float> x(128);
  for (int run = 0; run < 5000; ++run) {
    const double hz = 5.0 + 45.0 * static_cast<double>(random.uniform());
    const double second = static_cast<double>(random.uniform());
    const double beat = 0.5 + 3.0 * static_cast<double>(random.uniform());
    const double noise = 0.1 * static_cast<double>(random.uniform());
    const double phase = static_cast<double>(random.uniform());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double t = static_cast<double>(i) / 200.0;
      const double line =
          std::sin(kTurn * (hz * t + phase)) + second * std::sin(kTurn * 2 * hz * t);
      x[i] = reading(0.2 * line * std::sin(kTurn * beat * t) + 0.2 * noise * gaussian(random));
    }
    ASSERT_EQ(repaired(x), 0U) << "run " << run;
  }
}

TEST(Spikes, NoiseAndStepsAreNotTouched) {
  Random random(12);
  std::vector<float> x(128);
  for (int run = 0; run < 5000; ++run) {
    for (float& value : x) value = reading(0.004 * gaussian(random));
    ASSERT_EQ(repaired(x), 0U);
  }
  for (std::size_t at = 1; at < x.size(); ++at) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = i < at ? 0.25F : -0.5F;
    // A step one sample from the end cannot be told from a spike there.
    const bool at_an_end = at == 1 || at + 1 == x.size();
    ASSERT_EQ(repaired(x), at_an_end ? 1U : 0U) << at;
  }
}

// A bearing's impulse: the structure rings, here 45 to 90 Hz, and dies down over some samples.
TEST(Spikes, ImpulsesThatRingSurvive) {
  Random random(13);
  std::vector<float> x(128);
  int touched = 0;
  for (int run = 0; run < 5000; ++run) {
    const double ring_hz = 45.0 + 45.0 * static_cast<double>(random.uniform());
    const double decay_s = 0.01 + 0.02 * static_cast<double>(random.uniform());
    const double every_s = 0.08 + 0.2 * static_cast<double>(random.uniform());
    const double height = 0.2 + 1.2 * static_cast<double>(random.uniform());
    const double begin_s = 0.1 * static_cast<double>(random.uniform());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double t = static_cast<double>(i) / 200.0 - begin_s;
      double value = 0.004 * gaussian(random);
      if (t >= 0) {
        const double since = std::fmod(t, every_s);
        value += height * std::exp(-since / decay_s) * std::sin(kTurn * ring_hz * (since + 0.001));
      }
      x[i] = reading(value);
    }
    std::vector<float> after = x;
    repair_spikes(after, kStep);
    // The window's end may cut an impulse off behind its first sample: then it is a spike.
    const auto end = x.end() - 2;
    touched += std::equal(x.begin(), end, after.begin()) ? 0 : 1;
  }
  // Of some 20,000 impulses, those that decay at once and stand little above the noise.
  EXPECT_LE(touched, 150);
}

TEST(Spikes, TornAndFullScaleReadingsGoAnywhereInTheWindow) {
  Random random(14);
  for (const double spike : {64.0 / 16384, -64.0 / 16384, 1.9, -1.9}) {
    for (std::size_t at = 0; at < 128; ++at) {
      std::vector<float> x(128);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double t = static_cast<double>(i) / 200.0;
        // A quiet ceiling fan, and a machine for the big ones.
        const double size = std::abs(spike) < 0.1 ? 0.0002 : 0.02;
        x[i] = reading(size * (std::sin(kTurn * 23.7 * t) + 0.1 * gaussian(random)));
      }
      const std::vector<float> clean = x;
      x[at] = static_cast<float>(static_cast<double>(x[at]) + spike);
      ASSERT_EQ(repair_spikes(x, kStep), 1U) << spike << " at " << at;
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (i != at) {
          ASSERT_EQ(x[i], clean[i]);
        }
      }
      ASSERT_NEAR(x[at], clean[at], std::abs(spike) / 12) << spike << " at " << at;
    }
  }
}

TEST(Spikes, SeveralGoAndNoneIsFoundInAConstant) {
  std::vector<float> x(64, 0.25F);
  EXPECT_EQ(repair_spikes(x, kStep), 0U);
  for (const std::size_t i : {0U, 7U, 20U, 24U, 63U}) x[i] += i % 2 == 0 ? 0.5F : -2.0F;
  EXPECT_EQ(repair_spikes(x, kStep), 5U);
  EXPECT_EQ(x, std::vector<float>(64, 0.25F));
  x[5] += 12.0F * kStep;
  EXPECT_EQ(repair_spikes(x, kStep), 0U);
  x[5] += 1.0F * kStep;
  EXPECT_EQ(repair_spikes(x, kStep), 1U);
}

}  // namespace
}  // namespace fettle
