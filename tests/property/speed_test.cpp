// SPDX-License-Identifier: Apache-2.0
// Running speed from spectra of machines whose speed is known.
#include "core/features/speed.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "core/features/fourier.hpp"
#include "core/learn/random.hpp"

namespace fettle {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;
constexpr double kRate_hz = 200.0;

double gaussian(Random& random) {
  double sum = -6.0;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(random.uniform());
  return sum;
}

struct Line {
  double hz, amplitude;
};

RunningSpeed speed_of(const std::vector<Line>& lines, double noise, std::size_t n, Random& random,
                      std::span<const SpeedRange> learned = {}) {
  std::vector<double> phases;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    phases.push_back(static_cast<double>(random.uniform()));
  }
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) {
    double value = noise * gaussian(random);
    for (std::size_t l = 0; l < lines.size(); ++l) {
      const double turns = lines[l].hz * static_cast<double>(i) / kRate_hz + phases[l];
      value += lines[l].amplitude * std::sin(kTurn * turns);
    }
    x[i] = static_cast<float>(value) * hann(i, n);
  }
  real_fourier(x);
  std::vector<float> power(n / 2 + 1);
  for (std::size_t k = 1; k < n / 2; ++k) {
    power[k] = x[2 * k] * x[2 * k] + x[2 * k + 1] * x[2 * k + 1];
  }
  return estimate_speed(power, static_cast<float>(kRate_hz / static_cast<double>(n)), learned);
}

// 20 dB: the noise has a hundredth of the sine's power.
TEST(Speed, OfASineIsWithinATenthOfAHertz) {
  Random random(21);
  for (double hz = 13.5; hz <= 95.0; hz += 0.05) {
    const RunningSpeed speed = speed_of({{hz, std::sqrt(2.0)}}, 0.1, 128, random);
    ASSERT_NEAR(speed.hz, hz, 0.1);
    // Nothing more can be said when second and third line are beyond the spectrum.
    ASSERT_GT(speed.confidence, 0.9F) << hz;
  }
}

TEST(Speed, IsFinerInALongerWindowAndGoodEnoughInAShortOne) {
  Random random(22);
  for (double hz = 16.0; hz <= 90.0; hz += 0.11) {
    ASSERT_NEAR(speed_of({{hz, std::sqrt(2.0)}}, 0.1, 256, random).hz, hz, 0.05);
    ASSERT_NEAR(speed_of({{hz, std::sqrt(2.0)}}, 0.1, 64, random).hz, hz, 0.3);
  }
}

TEST(Speed, IsTheFundamentalEvenIfAnotherLineIsLarger) {
  Random random(23);
  for (double hz = 15.0; hz <= 31.0; hz += 0.07) {
    const SpeedRange range{static_cast<float>(0.9 * hz), static_cast<float>(1.1 * hz)};
    const auto expect = [&](const char* machine, const std::vector<Line>& lines, bool learned) {
      const std::span<const SpeedRange> ranges(&range, learned ? 1 : 0);
      const RunningSpeed speed = speed_of(lines, 0.03, 128, random, ranges);
      ASSERT_NEAR(speed.hz, hz, 0.2) << machine << (learned ? ", learned" : "");
      ASSERT_GT(speed.confidence, 0.45F) << machine;
    };
    expect("unbalanced", {{hz, 1.0}, {2 * hz, 0.1}}, false);
    expect("unbalanced", {{hz, 1.0}, {2 * hz, 0.1}}, true);
    expect("misaligned", {{hz, 0.7}, {2 * hz, 1.0}, {3 * hz, 0.3}}, true);
    // Half-orders fill the spectrum, and what lies between them is no background: only who knows where to look
    // finds the fundamental.
    expect("loose", {{hz / 2, 0.3}, {hz, 1.0}, {1.5 * hz, 0.25}, {2 * hz, 0.6}, {3 * hz, 0.4}},
           true);
    if (HasFatalFailure()) return;
  }
}

TEST(Speed, IsTheMachinesAndNotTheNeighbours) {
  Random random(25);
  for (double hz = 20.0; hz <= 80.0; hz += 0.3) {
    const SpeedRange range{static_cast<float>(0.9 * hz), static_cast<float>(1.1 * hz)};
    for (const double neighbour : {0.6 * hz, 1.4 * hz}) {
      if (neighbour < 14.0 || neighbour > 90.0) continue;
      const std::vector<Line> lines = {{hz, 1.0}, {neighbour, 2.0}};
      ASSERT_NEAR(speed_of(lines, 0.05, 128, random, {&range, 1}).hz, hz, 0.25) << neighbour;
    }
  }
}

// The largest peak of noise always stands out from what is around it; but it is somewhere else each time.
TEST(Speed, OfNoiseIsNotSteady) {
  Random random(24);
  int in_a_row = 0;
  int steady = 0;
  double before = 1.0;
  for (int run = 0; run < 5000; ++run) {
    const double hz = static_cast<double>(speed_of({}, 1.0, 128, random).hz);
    in_a_row = std::abs(std::log(std::max(hz, 1.0) / before)) < 0.03 ? in_a_row + 1 : 0;
    before = std::max(hz, 1.0);
    if (in_a_row >= 4) ++steady;
  }
  EXPECT_EQ(steady, 0);
}

TEST(Speed, OfNothingIsZero) {
  const std::vector<float> silence(65, 0.0F);
  EXPECT_EQ(estimate_speed(silence, 1.5625F).hz, 0.0F);
  EXPECT_EQ(estimate_speed(silence, 1.5625F).confidence, 0.0F);
  // A band beyond the spectrum, and one that is empty.
  std::vector<float> line(65, 0.0F);
  line[20] = 1.0F;
  EXPECT_EQ(estimate_speed(line, 1.5625F).hz, 31.25F);
  EXPECT_EQ(estimate_speed(line, 1.5625F, {}, {500.0F, 900.0F}).hz, 0.0F);
  EXPECT_EQ(estimate_speed(line, 1.5625F, {}, {40.0F, 20.0F}).hz, 0.0F);
}

}  // namespace
}  // namespace fettle
