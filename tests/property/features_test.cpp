// SPDX-License-Identifier: Apache-2.0
// Streaming features against two passes in long double, on windows that were made to be hard.
// NumPy's own numbers: tests/golden/features_*, tested in unit/goldens_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/features/extractor.hpp"
#include "core/learn/random.hpp"
#include "core/pipeline.hpp"

namespace fettle {
namespace {

using Window = std::vector<Sample>;

std::vector<long double> two_passes(const FeatureSpec& spec, const Window& window) {
  std::vector<long double> features;
  const auto n = static_cast<long double>(window.size());
  for (std::size_t axis = 0; axis < spec.axes; ++axis) {
    long double sum = 0;
    float low = window[0].axis[axis];
    float high = low;
    for (const Sample& sample : window) {
      sum += static_cast<long double>(sample.axis[axis]);
      low = std::min(low, sample.axis[axis]);
      high = std::max(high, sample.axis[axis]);
    }
    const long double mean = sum / n;
    long double squares = 0;
    for (const Sample& sample : window) {
      const long double distance = static_cast<long double>(sample.axis[axis]) - mean;
      squares += distance * distance;
    }
    if (spec.with_mean) features.push_back(mean);
    features.push_back(std::sqrt(squares / n));
    features.push_back(static_cast<long double>(high) - static_cast<long double>(low));
  }
  return features;
}

std::vector<float> streamed(const FeatureSpec& spec, const Window& window) {
  FeatureExtractor extractor(spec);
  for (const Sample& sample : window) extractor.add(sample);
  std::vector<float> features(spec.dimensions());
  extractor.finish(features);
  return features;
}

void expect_close(const FeatureSpec& spec, const Window& window, std::span<const float> found) {
  const auto expected = two_passes(spec, window);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto lsb = static_cast<long double>(axis_lsb(feature_axis(spec, i)));
    const long double bound = 1e-5L * std::max(std::abs(expected[i]), lsb);
    ASSERT_LE(std::abs(static_cast<long double>(found[i]) - expected[i]), bound)
        << feature_kind(spec, i) << " of axis " << feature_axis(spec, i) << ", " << window.size()
        << " samples: " << found[i] << " instead of " << static_cast<double>(expected[i]);
  }
}

void expect_close(const FeatureSpec& spec, const Window& window) {
  expect_close(spec, window, streamed(spec, window));
}

constexpr FeatureSpec kAllSpecs[] = {
    {FeatureSet::tutorial, 6, true},
    {FeatureSet::tutorial, 6, false},
    {FeatureSet::tutorial, 3, true},
    {FeatureSet::tutorial, 3, false},
};

/// Full scale of an axis: 2 g, 250 deg/s.
float full_scale(std::size_t axis) { return axis < 3 ? 2.0F : 250.0F; }

/// A shape of signal: position in the window, its length, a generator -> part of full scale.
struct Shape {
  const char* name;
  std::function<double(std::size_t, std::size_t, Random&)> value;
};

double gaussian(Random& random) {
  double sum = -6.0;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(random.uniform());
  return sum;
}

double uniform(Random& random) { return 2.0 * static_cast<double>(random.uniform()) - 1.0; }

const Shape kShapes[] = {
    {"noise", [](std::size_t, std::size_t, Random& r) { return uniform(r); }},
    {"huge offset, tiny noise",
     [](std::size_t, std::size_t, Random& r) { return 0.999 + 1e-5 * gaussian(r); }},
    {"huge negative offset, one step",
     [](std::size_t i, std::size_t, Random&) { return -0.98 + (i % 7 == 3 ? 1.0 / 32768 : 0.0); }},
    {"full scale, zero mean",
     [](std::size_t i, std::size_t, Random&) { return i % 2 == 0 ? 1.0 : -1.0; }},
    {"half up, half down",
     [](std::size_t i, std::size_t n, Random&) { return 2 * i < n ? 1.0 : -1.0; }},
    {"constant", [](std::size_t, std::size_t, Random&) { return 0.7312; }},
    {"zero", [](std::size_t, std::size_t, Random&) { return 0.0; }},
    {"first sample is an outlier",
     [](std::size_t i, std::size_t, Random& r) {
       return i == 0 ? 1.0 : -0.5371 + 1e-4 * gaussian(r);
     }},
    {"first sample is an outlier, the rest stands still",
     [](std::size_t i, std::size_t, Random&) { return i == 0 ? 0.99873 : -0.68571; }},
    {"last sample is an outlier",
     [](std::size_t i, std::size_t n, Random&) { return i + 1 == n ? 0.99873 : -0.68571; }},
    {"ramp", [](std::size_t i, std::size_t n,
                Random&) { return -1.0 + 2.0 * static_cast<double>(i) / static_cast<double>(n); }},
    {"spikes",
     [](std::size_t, std::size_t, Random& r) { return r.below(50) == 0 ? uniform(r) : 0.31; }},
};

Window make(const Shape& shape, std::size_t n, float largest, Random& random) {
  Window window(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
      window[i].axis[axis] = static_cast<float>(shape.value(i, n, random)) * full_scale(axis) *
                             largest * (1.0F + 0.01F * static_cast<float>(axis));
    }
  }
  return window;
}

TEST(Features, AreWithinABoundForEveryShapeAndLength) {
  Random random(1);
  for (const std::size_t n : {2U, 3U, 5U, 17U, 100U, 128U, 129U, 333U, 511U, 1000U, 4096U}) {
    for (const Shape& shape : kShapes) {
      for (const FeatureSpec& spec : kAllSpecs) {
        // 1: this sensor at its most sensitive; 8: the same chip at 16 g and 2000 deg/s.
        for (const float largest : {1.0F, 8.0F}) {
          SCOPED_TRACE(testing::Message() << shape.name << " x " << largest);
          for (int repeat = 0; repeat < 3; ++repeat) {
            expect_close(spec, make(shape, n, largest, random));
            if (HasFatalFailure()) return;
          }
        }
      }
    }
  }
}

TEST(Features, AreWithinABoundForASpikeAnywhere) {
  Random random(2);
  for (const double height : {2.0, -1.7, 0.01}) {
    for (std::size_t at = 0; at < 128; ++at) {
      SCOPED_TRACE(testing::Message() << "spike of " << height << " at " << at);
      const Shape shape = {"", [&](std::size_t i, std::size_t, Random& r) {
                             return (i == at ? height : 0.4913) + 1e-5 * uniform(r);
                           }};
      expect_close({FeatureSet::tutorial, 6, true}, make(shape, 128, 1.0F, random));
      if (HasFatalFailure()) return;
    }
  }
}

// The last bits of the sums are what goes wrong, so they are drawn at random as well.
TEST(Features, AreWithinABoundForManyRandomOutliersAndOffsets) {
  constexpr std::uint64_t kSeed = 77;
  for (std::uint64_t run = 0; run < 2000; ++run) {
    Random random(kSeed + run);
    SCOPED_TRACE(testing::Message() << "seed " << kSeed + run);
    const double first = uniform(random);
    const double level = uniform(random);
    const double noise = std::pow(10.0, -7.0 * static_cast<double>(random.uniform()));
    const std::size_t outliers = random.below(3);
    const std::size_t n = 2 + random.below(run % 10 == 0 ? 4095 : 999);
    const Shape shape = {"", [&](std::size_t i, std::size_t, Random& r) {
                           return i < outliers ? first : level + noise * gaussian(r);
                         }};
    expect_close({FeatureSet::tutorial, 6, true}, make(shape, n, 1.0F, random));
    if (HasFatalFailure()) return;
  }
}

TEST(Features, OfAConstantAreExact) {
  for (const float x : {0.1F, -1.99993896F, 3e-7F, 249.99F}) {
    for (const std::size_t n : {2U, 77U, 1000U}) {
      Window window(n);
      for (Sample& sample : window) sample.axis.fill(x);
      const auto features = streamed({FeatureSet::tutorial, 6, true}, window);
      for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
        EXPECT_EQ(features[axis * 3], x);
        EXPECT_EQ(features[axis * 3 + 1], 0.0F);
        EXPECT_EQ(features[axis * 3 + 2], 0.0F);
      }
    }
  }
}

TEST(Features, DoNotDependOnWhatWasBeforeARestart) {
  Random random(3);
  const FeatureSpec spec{FeatureSet::tutorial, 6, true};
  FeatureExtractor used(spec);
  for (int run = 0; run < 20; ++run) {
    const Window window = make(kShapes[static_cast<std::size_t>(run) % std::size(kShapes)],
                               2 + random.below(300), 1.0F, random);
    used.restart();
    for (const Sample& sample : window) used.add(sample);
    EXPECT_EQ(used.samples(), window.size());
    std::vector<float> features(spec.dimensions());
    used.finish(features);
    EXPECT_EQ(features, streamed(spec, window));
    const Window other = make(kShapes[0], random.below(200), 8.0F, random);
    for (const Sample& sample : other) used.add(sample);
  }
}

TEST(Features, OfThreeAxesAreTheFirstNineOfSix) {
  Random random(4);
  const Window window = make(kShapes[0], 128, 1.0F, random);
  const auto six = streamed({FeatureSet::tutorial, 6, true}, window);
  const auto three = streamed({FeatureSet::tutorial, 3, true}, window);
  EXPECT_EQ(three, std::vector<float>(six.begin(), six.begin() + 9));
  const auto bare = streamed({FeatureSet::tutorial, 6, false}, window);
  for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
    EXPECT_EQ(bare[axis * 2], six[axis * 3 + 1]);
    EXPECT_EQ(bare[axis * 2 + 1], six[axis * 3 + 2]);
  }
}

TEST(FeatureNames, SayWhatEachNumberIs) {
  const FeatureSpec with{FeatureSet::tutorial, 6, true};
  const FeatureSpec without{FeatureSet::tutorial, 3, false};
  EXPECT_EQ(with.dimensions(), 18U);
  EXPECT_EQ(without.dimensions(), 6U);
  const auto name = [](const FeatureSpec& spec, std::size_t i) {
    return std::string(kAxisNames[feature_axis(spec, i)]) + "_" + feature_kind(spec, i);
  };
  EXPECT_EQ(name(with, 0), "ax_mean");
  EXPECT_EQ(name(with, 1), "ax_std");
  EXPECT_EQ(name(with, 2), "ax_p2p");
  EXPECT_EQ(name(with, 15), "gz_mean");
  EXPECT_EQ(name(with, 17), "gz_p2p");
  EXPECT_EQ(name(without, 0), "ax_std");
  EXPECT_EQ(name(without, 5), "az_p2p");
  std::size_t means = 0;
  for (std::size_t i = 0; i < 18; ++i) means += feature_is_mean(with, i) ? 1U : 0U;
  EXPECT_EQ(means, 6U);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_FALSE(feature_is_mean(without, i));
}

// ---- counts ------------------------------------------------------------------------------------------

std::vector<Ranges> all_ranges() {
  std::vector<Ranges> all;
  for (const int a : {0, 1, 2, 3}) {
    for (const int g : {0, 1, 2, 3}) {
      all.push_back({static_cast<AccelerometerRange>(a), static_cast<GyroscopeRange>(g)});
    }
  }
  return all;
}

std::array<float, 18> finished(const FeatureExtractor& extractor) {
  std::array<float, 18> features{};
  extractor.finish(features);
  return features;
}

// The claim that the sums of a chip and of a PC rest on: of every count of 250 and 500 deg/s the reading,
// divided by a step, rounds to the count.
TEST(FeatureCounts, EveryCountIsFoundAgainInItsReading) {
  for (std::int32_t whole = -65'536; whole <= 65'536; ++whole) {
    const float reading = static_cast<float>(whole) / 131.0F;
    ASSERT_EQ(std::nearbyint(reading * 131.0F), static_cast<float>(whole));
    if (whole % 2 == 0) {
      ASSERT_EQ(reading, static_cast<float>(whole / 2) / counts_per_dps(GyroscopeRange::dps500));
    }
  }
}

TEST(FeatureCounts, GiveTheBitsOfPhysicalUnits) {
  std::mt19937 random(3);
  const FeatureSpec spec;
  for (const Ranges& ranges : all_ranges()) {
    for (const std::uint32_t n : {2U, 3U, 100U, 128U, 4096U}) {
      for (const int spread : {0, 1, 50, 32'767}) {
        FeatureExtractor counts(spec);
        FeatureExtractor physical_units(spec);
        std::uniform_int_distribution<int> any(-spread, spread);
        for (std::uint32_t i = 0; i < n; ++i) {
          RawSample raw;
          for (std::int16_t& x : raw) x = static_cast<std::int16_t>(any(random));
          if (i == 1 && spread == 32'767) raw.fill(INT16_MIN);
          counts.add(raw, ranges);
          physical_units.add(physical(raw, ranges));
        }
        ASSERT_EQ(finished(counts), finished(physical_units)) << n << " samples, " << spread;
      }
    }
  }
}

// Counts are the truth of which readings are rounded: at 250 deg/s a float is off by 1/1000 of a step.
TEST(FeatureCounts, AreWithinTheBoundOfWhatTheCountsThemselvesSay) {
  std::mt19937 random(5);
  const FeatureSpec spec;
  for (const int spread : {1, 2, 100, 3000}) {
    for (const int offset : {0, 100, -3000, 15'000, 29'000}) {
      for (const std::uint32_t n : {2U, 5U, 128U, 1000U}) {
        FeatureExtractor extractor(spec);
        std::uniform_int_distribution<int> any(offset - spread, offset + spread);
        std::vector<RawSample> window(n);
        for (RawSample& raw : window) {
          for (std::int16_t& x : raw) x = static_cast<std::int16_t>(any(random));
          extractor.add(raw, {});
        }
        const std::array<float, 18> found = finished(extractor);
        for (std::size_t axis = 0; axis < 6; ++axis) {
          const long double step = axis < 3 ? 1.0L / 16384.0L : 1.0L / 131.0L;
          long double mean = 0;
          long double squares = 0;
          for (const RawSample& raw : window) mean += step * raw[axis] / n;
          for (const RawSample& raw : window) {
            squares += (step * raw[axis] - mean) * (step * raw[axis] - mean);
          }
          const long double deviation = std::sqrt(squares / n);
          for (const auto& [expected, feature] :
               {std::pair(mean, found[3 * axis]), std::pair(deviation, found[3 * axis + 1])}) {
            const long double bound = 1e-5L * std::max(std::abs(expected), step);
            ASSERT_LE(std::abs(static_cast<long double>(feature) - expected), bound)
                << "axis " << axis << ", " << n << " samples " << spread << " about " << offset;
          }
        }
      }
    }
  }
}

TEST(FeatureCounts, OfSeveralRangesInOneWindowAreAsExact) {
  std::mt19937 random(4);
  std::uniform_int_distribution<int> any(-3000, 3000);
  const FeatureSpec spec;
  for (int trial = 0; trial < 200; ++trial) {
    FeatureExtractor mixed(spec);
    Window window;
    for (int i = 0; i < 20; ++i) {
      RawSample raw;
      for (std::int16_t& x : raw) x = static_cast<std::int16_t>(any(random));
      const Ranges ranges = all_ranges()[random() % (trial % 2 == 0 ? 16 : 2)];
      window.push_back(physical(raw, ranges));
      if (random() % 8 == 0) {
        window.back().axis[random() % 6] += 1e-4F;
        mixed.add(window.back());
      } else {
        mixed.add(raw, ranges);
      }
    }
    expect_close(spec, window, finished(mixed));
  }
}

}  // namespace
}  // namespace fettle
