// SPDX-License-Identifier: Apache-2.0
// What the vibration set promises: blind to mounting and spikes, not to machines.
// NumPy's own numbers: tests/golden/vibration_*, tested in unit/goldens_test.cpp.
#include "core/features/vibration.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>
#include <string>
#include <vector>

#include "core/learn/random.hpp"
#include "core/pipeline.hpp"

namespace fettle {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;
constexpr FeatureSpec kSix{FeatureSet::vibration, 6, false};
constexpr FeatureSpec kThree{FeatureSet::vibration, 3, false};

double uniform(Random& random) { return 2.0 * static_cast<double>(random.uniform()) - 1.0; }

double gaussian(Random& random) {
  double sum = -6.0;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(random.uniform());
  return sum;
}

using Motion = std::vector<std::array<double, 6>>;

/// A machine at `hz` on a table: noise, three lines in directions of their own, gravity.
Motion machine(double hz, std::size_t n, Random& random, double size = 1.0) {
  Motion motion(n);
  std::array<std::array<double, 6>, 3> direction{}, phase{};
  for (auto& line : direction) {
    for (double& value : line) value = uniform(random);
  }
  for (auto& line : phase) {
    for (double& value : line) value = uniform(random);
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t axis = 0; axis < 6; ++axis) {
      const double unit = axis < 3 ? 0.1 : 3.0;
      double value = (axis < 3 ? 0.004 : 0.05) * gaussian(random);
      for (std::size_t line = 0; line < 3; ++line) {
        const double order = static_cast<double>(line + 1);
        const double turns = order * hz * static_cast<double>(i) / 200.0 + phase[line][axis];
        value += size * unit / (order * order) * direction[line][axis] * std::sin(kTurn * turns);
      }
      motion[i][axis] = value + (axis == 2 ? 1.0 : 0.0);
    }
  }
  return motion;
}

using Rotation = std::array<std::array<double, 3>, 3>;

/// From a random unit quaternion.
Rotation random_rotation(Random& random) {
  double q[4];
  double length = 0;
  for (double& part : q) {
    part = gaussian(random);
    length += part * part;
  }
  for (double& part : q) part /= std::sqrt(length);
  const auto [w, x, y, z] = std::to_array(q);
  return {{{1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)},
           {2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)},
           {2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)}}};
}

Motion turned(const Motion& motion, const Rotation& rotation) {
  Motion result(motion.size());
  for (std::size_t i = 0; i < motion.size(); ++i) {
    for (std::size_t sensor = 0; sensor < 6; sensor += 3) {
      for (std::size_t row = 0; row < 3; ++row) {
        for (std::size_t column = 0; column < 3; ++column) {
          result[i][sensor + row] += rotation[row][column] * motion[i][sensor + column];
        }
      }
    }
  }
  return result;
}

struct Described {
  std::vector<float> features;
  WindowSummary summary;
};

Described describe(const FeatureSpec& spec, const Motion& motion) {
  WindowShape window;
  window.samples = static_cast<std::uint32_t>(motion.size());
  VibrationExtractor extractor(spec, window);
  for (const auto& row : motion) {
    Sample sample;
    for (std::size_t axis = 0; axis < 6; ++axis) {
      sample.axis[axis] = static_cast<float>(row[axis]);
    }
    extractor.add(sample);
  }
  Described result;
  result.features.resize(spec.dimensions());
  extractor.finish(result.features, result.summary);
  return result;
}

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  float largest = 0.0F;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

TEST(Vibration, DoesNotSeeHowTheSensorIsMounted) {
  Random random(31);
  for (const std::size_t n : {64U, 128U, 256U}) {
    for (int run = 0; run < 100; ++run) {
      const double hz = 16.0 + 60.0 * static_cast<double>(random.uniform());
      const Motion motion = machine(hz, n, random);
      const Described here = describe(kSix, motion);
      const Described there = describe(kSix, turned(motion, random_rotation(random)));
      ASSERT_EQ(here.summary.repaired + there.summary.repaired, 0U);
      ASSERT_LT(largest_difference(here.features, there.features), 5e-4F) << hz << " Hz, " << n;
      ASSERT_NEAR(here.summary.speed.hz, there.summary.speed.hz, 1e-3F);
      ASSERT_NEAR(there.summary.gravity_size_g, here.summary.gravity_size_g, 1e-5F);
    }
  }
}

TEST(Vibration, DoesNotSeeGravityAndDriftButTellsThem) {
  Random random(32);
  const Motion motion = machine(27.3, 128, random);
  Motion drifting = motion;
  for (std::size_t i = 0; i < drifting.size(); ++i) {
    const double t = static_cast<double>(i) / 128.0;
    drifting[i][0] += 0.7 + 0.1 * t;
    drifting[i][2] -= 1.0;
    drifting[i][3] += -40.0 + 5.0 * t;
  }
  const Described here = describe(kSix, motion);
  const Described there = describe(kSix, drifting);
  EXPECT_LT(largest_difference(here.features, there.features), 1e-3F);
  EXPECT_NEAR(here.summary.gravity_g[2], 1.0F, 0.01F);
  EXPECT_NEAR(there.summary.gravity_g[2], 0.0F, 0.01F);
  EXPECT_NEAR(there.summary.gravity_g[0], 0.75F, 0.01F);
}

// The same motion with and without torn readings: nothing that a model would take for a change.
TEST(Vibration, HardlySeesSpikes) {
  Random random(33);
  for (int run = 0; run < 200; ++run) {
    const double hz = 15.0 + 15.0 * static_cast<double>(random.uniform());
    const Motion motion = machine(hz, 128, random, 0.1);
    Motion torn = motion;
    torn[random.below(128)][random.below(3)] += run % 2 == 0 ? 1.5 : -0.8;
    torn[random.below(128)][3 + random.below(3)] += run % 2 == 0 ? 200.0 : -90.0;
    const Described clean = describe(kSix, motion);
    const Described found = describe(kSix, torn);
    ASSERT_EQ(clean.summary.repaired, 0U) << run;
    ASSERT_EQ(found.summary.repaired, 2U) << run;
    // A tenth in a logarithm: what a normal machine does from window to window.
    ASSERT_LT(largest_difference(clean.features, found.features), 0.1F) << run;
  }
}

TEST(Vibration, MeasuresLinesInTheirUnits) {
  Motion motion(128);
  for (std::size_t i = 0; i < motion.size(); ++i) {
    const double t = static_cast<double>(i) / 200.0;
    motion[i] = {0, 0, 1, 0, 0, 0};
    motion[i][0] += 0.2 * std::sin(kTurn * 30.0 * t);
    motion[i][1] += 0.02 * std::sin(kTurn * 60.0 * t);
    motion[i][5] += 10.0 * std::cos(kTurn * 30.0 * t);
  }
  const Described found = describe(kSix, motion);
  EXPECT_NEAR(found.summary.speed.hz, 30.0F, 0.03F);
  EXPECT_GT(found.summary.speed.confidence, 0.98F);
  EXPECT_NEAR(found.summary.accelerometer_rms_g, 0.2 / std::sqrt(2.0) * std::sqrt(1.01), 0.001);
  EXPECT_NEAR(found.summary.gyroscope_rms_dps, 10.0 / std::sqrt(2.0), 0.05);
  const double g_1x = std::log(0.2 / std::sqrt(2.0));
  const auto value = [&](const char* source, const char* kind) {
    for (std::size_t i = 0; i < kSix.dimensions(); ++i) {
      if (std::string(feature_source(kSix, i)) == source &&
          std::string(feature_kind(kSix, i)) == kind) {
        return static_cast<double>(found.features[i]);
      }
    }
    ADD_FAILURE() << "no " << source << " " << kind;
    return 0.0;
  };
  EXPECT_NEAR(value("accel", "level"), g_1x + 0.005, 0.02);
  EXPECT_NEAR(value("accel", "1x"), g_1x, 0.02);
  EXPECT_NEAR(value("accel", "2x"), g_1x + std::log(0.1), 0.1);
  EXPECT_NEAR(value("accel", "band3"), g_1x, 0.02);
  EXPECT_NEAR(value("accel", "centroid"), 0.3, 0.02);
  EXPECT_NEAR(value("accel", "direction"), 1.0, 0.03);
  // What is not there stands at a thousandth of the power, not at minus infinity.
  EXPECT_NEAR(value("accel", "3x"), g_1x + 0.5 * std::log(1e-3), 0.3);
  EXPECT_NEAR(value("accel", "half-orders"), g_1x + 0.5 * std::log(1e-3), 0.3);
  EXPECT_NEAR(value("gyro", "1x"), std::log(10.0 / std::sqrt(2.0)), 0.02);
  EXPECT_NEAR(value("gyro", "direction"), 1.0, 0.03);
}

TEST(Vibration, OfImpulsesIsImpulsive) {
  Random random(34);
  Motion smooth = machine(24.0, 128, random, 0.0);
  Motion impulsive = smooth;
  for (std::size_t i = 0; i < smooth.size(); ++i) {
    const double since = static_cast<double>((i + 7) % 25) / 200.0;  // none begins at an end
    impulsive[i][1] += 0.5 * std::exp(-since / 0.012) * std::cos(kTurn * 62.0 * since);
  }
  const Described found = describe(kSix, impulsive);
  EXPECT_EQ(found.summary.repaired, 0U);
  EXPECT_GT(found.features[1], describe(kSix, smooth).features[1] + 0.3F);
}

TEST(Vibration, OfSilenceIsQuietAndSaysSo) {
  Motion still(128, {0.0, 0.0, 1.0, 0.5, 0.0, 0.0});
  const Described found = describe(kSix, still);
  for (const float value : found.features) {
    EXPECT_TRUE(std::isfinite(value));
    EXPECT_GT(value, -8.0F);
  }
  EXPECT_NEAR(found.features[2], 1.0F / 3, 1e-6F);
  EXPECT_EQ(found.summary.stuck_axes, 0x3fU);
  EXPECT_EQ(found.summary.speed.hz, 0.0F);
  EXPECT_EQ(found.summary.accelerometer_rms_g, 0.0F);
  // One code more or less must not matter.
  still[40][0] += 1.0 / 16384;
  EXPECT_LT(largest_difference(found.features, describe(kSix, still).features), 0.01F);
}

TEST(Vibration, OfWhatIsNoNumberIsNone) {
  Random random(35);
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    for (const std::size_t axis : {0U, 5U}) {
      Motion motion = machine(30.0, 64, random);
      motion[20][axis] = bad;
      const Described found = describe(kSix, motion);
      for (const float value : found.features) EXPECT_TRUE(std::isnan(value));
      EXPECT_FALSE(found.summary.finite);
    }
  }
}

TEST(Vibration, CountsReadingsAtTheEndOfTheRange) {
  Random random(36);
  Motion motion = machine(30.0, 128, random);
  EXPECT_EQ(describe(kSix, motion).summary.clipped, 0U);
  for (const std::size_t i : {3U, 4U, 90U}) motion[i][0] = 32767.0 / 16384;
  motion[50][1] = -2.0;
  motion[51][4] = -250.0;
  EXPECT_EQ(describe(kSix, motion).summary.clipped, 5U);
  EXPECT_EQ(describe(kThree, motion).summary.clipped, 4U);
  motion[60][2] = 3.5;  // the range is a larger one
  EXPECT_EQ(describe(kSix, motion).summary.clipped, 1U);
}

TEST(Vibration, OfThreeAxesIsTheFirstPartWhereTheGyroscopeHasNoSay) {
  Random random(37);
  const Motion motion = machine(33.0, 128, random);
  const Described six = describe(kSix, motion);
  const Described three = describe(kThree, motion);
  ASSERT_EQ(three.features.size(), 13U);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(three.features[i], six.features[i]);
  EXPECT_EQ(three.summary.gyroscope_rms_dps, 0.0F);
}

// One ring for all windows: each must be what it is alone, also behind a gap.
TEST(Vibration, OfOverlappingWindowsIsThatOfEachAlone) {
  Random random(38);
  const Motion motion = machine(21.0, 1500, random);
  for (const std::uint32_t samples : {64U, 128U, 256U}) {
    for (const std::uint32_t parts : {1U, 2U, 4U}) {
      const WindowShape window{samples, 200.0F, samples / parts};
      FeaturePipeline pipeline(kSix, window);
      std::int64_t t_us = 0;
      std::size_t begin = 0;
      int windows = 0;
      for (std::size_t i = 0; i < motion.size(); ++i) {
        t_us += i == 700 ? 40'000 : 5'000;
        if (i == 700) begin = i;
        TimedSample sample{t_us, {}};
        for (std::size_t axis = 0; axis < 6; ++axis) {
          sample.sample.axis[axis] = static_cast<float>(motion[i][axis]);
        }
        const bool expected =
            i + 1 >= begin + samples && (i + 1 - begin - samples) % window.hop_samples() == 0;
        ASSERT_EQ(pipeline.push(sample), expected) << i;
        if (!expected) continue;
        ++windows;
        std::vector<float> features(kSix.dimensions());
        WindowSummary summary;
        pipeline.finish(features, summary);
        const auto last = motion.begin() + static_cast<std::ptrdiff_t>(i) + 1;
        const Described alone = describe(kSix, Motion(last - samples, last));
        ASSERT_EQ(features, alone.features) << i;
        ASSERT_EQ(summary.speed.hz, alone.summary.speed.hz);
      }
      EXPECT_GT(windows, 3);
    }
  }
}

TEST(VibrationNames, AreOneForEachFeature) {
  static_assert(kSix.valid() && kThree.valid());
  static_assert(!FeatureSpec{FeatureSet::vibration, 6, true}.valid());
  static_assert(!FeatureSpec{FeatureSet::vibration, 4, false}.valid());
  static_assert(kSix.supports_window(128) && !kSix.supports_window(100));
  static_assert(FeatureSpec{}.supports_window(100) && !FeatureSpec{}.supports_window(4097));
  static_assert(!FeatureSpec{}.supports_window(1));
  for (std::uint32_t samples = 0; samples < 1000; ++samples) {
    EXPECT_EQ(kSix.supports_window(samples), fourier_length(samples)) << samples;
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < kSix.dimensions(); ++i) {
    names.insert(std::string(feature_source(kSix, i)) + "_" + feature_kind(kSix, i));
    EXPECT_FALSE(feature_is_mean(kSix, i));
    EXPECT_EQ(feature_axis(kSix, i), i < 13 ? 0U : 3U);
    EXPECT_EQ(kVibrationFeatures[i].gyroscope, i >= kVibrationFeatures3);
  }
  EXPECT_EQ(names.size(), 20U);
  EXPECT_TRUE(names.contains("gyro_1x"));
  EXPECT_EQ(feature_source(FeatureSpec{}, 4), std::string("ay"));
}

}  // namespace
}  // namespace fettle
