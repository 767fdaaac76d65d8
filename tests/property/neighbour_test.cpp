// SPDX-License-Identifier: Apache-2.0
// What a neighbour is said to do to features, against features of samples that hold its lines.
#include "core/learn/neighbour.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/features/vibration.hpp"
#include "core/learn/mahalanobis.hpp"
#include "core/learn/random.hpp"

namespace fettle {
namespace {

constexpr FeatureSpec kSix{FeatureSet::vibration, 6, false};
constexpr FeatureSpec kThree{FeatureSet::vibration, 3, false};
constexpr WindowShape kWindow{128, 200.0F};
constexpr double kMachine_hz = 23.0;
constexpr int kWindows = 40;

double gaussian(Random& random) {
  double sum = -6.0;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(random.uniform());
  return sum;
}

double turns_at(double hz, int sample) {
  return 2.0 * std::numbers::pi * hz * sample / static_cast<double>(kWindow.rate_hz);
}

/// Means over kWindows windows of a machine with lines at once and twice its speed, and noise in three axes; beside a
/// neighbour or not.
struct Described {
  std::vector<float> features;
  std::array<float, kMostAxisLevels> axis_levels{};
};

Described describe(const FeatureSpec& spec, const Neighbour& neighbour) {
  Random random(7);
  Described result;
  result.features.resize(spec.dimensions());
  const double first = std::sqrt(2.0 * static_cast<double>(neighbour.mean_square) / 1.16);
  const std::array<double, 6> once = {0.03, 0.02, 0.005, 1.0, 2.0, 0.5};
  const std::array<double, 6> twice = {0.004, 0.008, 0.002, 0.3, 0.2, 0.2};
  for (int window = 0; window < kWindows; ++window) {
    VibrationExtractor extractor(spec, kWindow);
    const std::array<SpeedRange, 1> learned = {{{21.0F, 25.0F}}};
    extractor.expect(learned);
    std::array<double, 4> phase{};
    for (double& value : phase) {
      value = 2.0 * std::numbers::pi * static_cast<double>(random.uniform());
    }
    for (int i = 0; i < static_cast<int>(kWindow.samples); ++i) {
      Sample sample;
      for (std::size_t axis = 0; axis < 6; ++axis) {
        const double turned = 0.25 * std::numbers::pi * static_cast<double>(axis);
        double value = once[axis] * std::sin(turns_at(kMachine_hz, i) + phase[0] + turned) +
                       twice[axis] * std::sin(turns_at(2 * kMachine_hz, i) + phase[1] - turned) +
                       (axis < 3 ? 0.004 : 0.1) * gaussian(random);
        if (axis == neighbour.axis) {
          const auto hz = static_cast<double>(neighbour.hz);
          value += first * std::sin(turns_at(hz, i) + phase[2]) +
                   0.4 * first * std::sin(turns_at(2 * hz, i) + phase[3]);
        }
        sample.axis[axis] = static_cast<float>(value);
      }
      extractor.add(sample);
    }
    std::array<float, kMaxFeatures> features{};
    WindowSummary summary;
    extractor.finish(std::span(features).first(spec.dimensions()), summary);
    EXPECT_NEAR(summary.speed.hz, kMachine_hz, 1.0);
    for (std::size_t f = 0; f < spec.dimensions(); ++f) {
      result.features[f] += features[f] / kWindows;
    }
    for (std::size_t a = 0; a < kMostAxisLevels; ++a) {
      result.axis_levels[a] += summary.axis_level[a] / kWindows;
    }
  }
  return result;
}

/// How far the two may differ, each in the unit of its feature. A window cuts waves off, and whose phases meet is chance.
float allowed(const VibrationFeature& feature) {
  switch (feature.kind) {
    case VibrationKind::impulsiveness: return 0.15F;
    case VibrationKind::direction: return 0.06F;
    case VibrationKind::centroid: return 0.02F;
    default: return 0.12F;
  }
}

constexpr std::array kNeighbours = {Neighbour{14.0F, 1e-4F, 0}, Neighbour{30.0F, 4e-4F, 1},
                                    Neighbour{30.0F, 4e-3F, 2}, Neighbour{35.5F, 1e-4F, 2},
                                    Neighbour{46.5F, 1e-4F, 0}, Neighbour{58.0F, 1e-3F, 1}};

TEST(Neighbour, AddsWhatItsLinesAdd) {
  for (const FeatureSpec& spec : {kSix, kThree}) {
    const Described alone = describe(spec, {});
    for (const Neighbour& neighbour : kNeighbours) {
      const Described both = describe(spec, neighbour);
      std::vector<float> said = alone.features;
      add_neighbour(neighbour, {kWindow, static_cast<float>(kMachine_hz), alone.axis_levels}, said);
      for (std::size_t f = 0; f < spec.dimensions(); ++f) {
        EXPECT_NEAR(said[f], both.features[f], allowed(kVibrationFeatures[f]))
            << feature_source(spec, f) << " " << feature_kind(spec, f) << " at " << neighbour.hz
            << " Hz; alone " << alone.features[f];
      }
    }
  }
}

TEST(Neighbour, TakesAwayWhatItsLinesHadAdded) {
  const Described alone = describe(kSix, {});
  for (const Neighbour& neighbour : kNeighbours) {
    const Described both = describe(kSix, neighbour);
    std::vector<float> said = both.features;
    take_neighbour_away(neighbour, {kWindow, static_cast<float>(kMachine_hz), both.axis_levels},
                        said);
    for (std::size_t f = 0; f < kSix.dimensions(); ++f) {
      const VibrationFeature& feature = kVibrationFeatures[f];
      // What is left of a small part is not known; and a wave that stops says nothing about impulses.
      if (both.features[f] - alone.features[f] > 0.9F) {
        EXPECT_LT(said[f], both.features[f]);
      } else if (both.features[0] - alone.features[0] > 0.7F) {
        continue;
      } else if (feature.kind != VibrationKind::impulsiveness) {
        const float by_nothing = std::abs(both.features[f] - alone.features[f]);
        EXPECT_NEAR(said[f], alone.features[f],
                    std::min(2.5F * allowed(feature), std::max(0.6F * by_nothing, 0.05F)))
            << feature_source(kSix, f) << " " << feature_kind(kSix, f) << " at " << neighbour.hz;
      }
    }
  }
}

struct Learned {
  Described machine = describe(kSix, {});
  Baseline baseline;
  std::vector<float> moves;

  Learned() {
    baseline.points = 1;
    baseline.point[0] = {21.0F, 25.0F, static_cast<float>(kMachine_hz), machine.features,
                         machine.axis_levels};
    moves.resize(neighbour_floats(kSix, baseline));
    neighbour_moves(kSix, kWindow, baseline, moves);
  }
};

TEST(Neighbour, MovesAreOfTheAccelerometerAndOfBothSigns) {
  const Learned learned;
  const std::size_t d = kSix.dimensions();
  std::vector<float> most(d), least(d);
  for (std::size_t i = 0; i < learned.moves.size(); ++i) {
    ASSERT_TRUE(std::isfinite(learned.moves[i]));
    most[i % d] = std::max(most[i % d], learned.moves[i]);
    least[i % d] = std::min(least[i % d], learned.moves[i]);
  }
  for (std::size_t f = 0; f < d; ++f) {
    const VibrationFeature& feature = kVibrationFeatures[f];
    if (feature.gyroscope) {
      EXPECT_EQ(most[f], 0.0F);
      EXPECT_EQ(least[f], 0.0F);
    } else if (feature.slope > 0.0F) {
      EXPECT_GT(most[f], 0.0F) << feature.name;
      EXPECT_LT(least[f], 0.0F) << feature.name;
      EXPECT_GE(least[f], -1.05F) << feature.name;
    }
  }
}

TEST(Neighbour, IsNotToldFromAFaultWithoutGyroscopeOrSpeed) {
  Learned learned;
  EXPECT_EQ(neighbour_floats(kThree, learned.baseline), 0U);
  EXPECT_EQ(neighbour_floats({FeatureSet::tutorial, 6, true}, learned.baseline), 0U);
  learned.baseline.point[0].high_hz = 0.0F;
  EXPECT_EQ(neighbour_floats(kSix, learned.baseline), 0U);
  neighbour_moves(kThree, kWindow, learned.baseline, {});
}

/// Velocity of the machine: 0.3 of it is the neighbour's, whatever its speed.
TEST(Neighbour, IsAsStrongAsAPartOfTheMachinesOwnVelocity) {
  Learned learned;
  const std::size_t d = kSix.dimensions();
  std::vector<float> twice(learned.moves.size());
  for (float& value : learned.machine.features) value += std::log(2.0F);
  for (float& value : learned.machine.axis_levels) value += std::log(2.0F);
  for (std::size_t f = 0; f < d; ++f) {
    if (kVibrationFeatures[f].slope == 0.0F) learned.machine.features[f] -= std::log(2.0F);
  }
  neighbour_moves(kSix, kWindow, learned.baseline, twice);
  for (std::size_t i = 0; i < twice.size(); ++i) {
    EXPECT_NEAR(twice[i], learned.moves[i], 1e-3F);
  }
  // The first neighbour along the first axis, by hand.
  const double hz = 12.0 * std::pow(60.0 / 12.0, 0.5 / static_cast<double>(kNeighbourSpeeds));
  const double v2 = 0.5 * (0.03 * 0.03 + 0.02 * 0.02 + 0.005 * 0.005) / (kMachine_hz * kMachine_hz);
  const double power = 0.09 * v2 * hz * hz * 1.16 / 1.04;
  const double noise =
      3 * 0.004 * 0.004 + 3 * 100.0 * std::pow(static_cast<double>(kAccelerometerNoise_g_rtHz), 2);
  const double level = 0.5 * (0.03 * 0.03 + 0.02 * 0.02 + 0.005 * 0.005 + 0.004 * 0.004 +
                              0.008 * 0.008 + 0.002 * 0.002) +
                       noise;
  EXPECT_NEAR(learned.moves[0], 0.5 * std::log1p(power / level), 0.0007);
}

/// A machine whose flow shakes it more than its shaft does has louder neighbours than its lines tell.
TEST(Neighbour, IsAPartOfWhatIsInNoLineToo) {
  Learned learned;
  std::size_t band4 = 0;
  while (kVibrationFeatures[band4].high != 1.0F) ++band4;
  const double hz = 12.0 * std::pow(60.0 / 12.0, 0.5 / static_cast<double>(kNeighbourSpeeds));
  // What the first neighbour adds to the level, g^2.
  const auto added = [&] {
    std::vector<float> moves(learned.moves.size());
    neighbour_moves(kSix, kWindow, learned.baseline, moves);
    const double level = std::exp(2.0 * static_cast<double>(learned.machine.features[0]));
    return level * std::expm1(2.0 * static_cast<double>(moves[0]));
  };
  const double before = added();
  float& mean = learned.machine.features[band4];
  const double power = std::exp(2.0 * static_cast<double>(mean));
  mean += 2.0F;
  const double more = power * std::expm1(4.0) / (50.0 * 100.0);  // at the middle of its band
  EXPECT_NEAR(added() - before, 0.09 * more * hz * hz * 1.16 / 1.04, 0.02 * before);
  EXPECT_GT(added(), 1.1 * before);
}

/// What was not measured at a fast set point is no vibration: twice and three times its speed lie beyond the spectrum.
TEST(Neighbour, KnowsNothingOfLinesBeyondTheSpectrum) {
  Learned learned;
  const std::size_t d = kSix.dimensions();
  learned.baseline.point[0].centre_hz = 60.0F;
  std::vector<float> before(learned.moves.size());
  neighbour_moves(kSix, kWindow, learned.baseline, before);
  for (std::size_t f = 0; f < d; ++f) {
    const VibrationFeature& feature = kVibrationFeatures[f];
    if (feature.kind == VibrationKind::order && feature.low > 1.0F) {
      learned.machine.features[f] = 0.0F;  // as learn_baseline() leaves it
    }
  }
  std::vector<float> after(learned.moves.size());
  neighbour_moves(kSix, kWindow, learned.baseline, after);
  EXPECT_EQ(before, after);
}

/// The strongest operating point says how strong a neighbour is, and it is felt most where the machine is weakest.
TEST(Neighbour, IsOneOfTheMachineAtAllItsSpeeds) {
  Learned learned;
  const std::size_t d = kSix.dimensions();
  std::vector<float> weaker = learned.machine.features;
  std::array<float, kMostAxisLevels> weaker_axes = learned.machine.axis_levels;
  for (std::size_t f = 0; f < d; ++f) {
    if (kVibrationFeatures[f].slope > 0.0F) weaker[f] -= 1.5F;
  }
  for (float& level : weaker_axes) level -= 1.5F;
  learned.baseline.points = 2;
  learned.baseline.point[1] = {10.0F, 20.0F, 15.0F, weaker, weaker_axes};
  std::vector<float> both(neighbour_floats(kSix, learned.baseline));
  ASSERT_EQ(both.size(), 2 * learned.moves.size());
  neighbour_moves(kSix, kWindow, learned.baseline, both);
  for (std::size_t i = 0; i < learned.moves.size(); ++i) {
    EXPECT_EQ(both[i], learned.moves[i]);
  }
  float at_strong = 0.0F;
  float at_weak = 0.0F;
  for (std::size_t i = 0; i < learned.moves.size(); i += d) {
    at_strong = std::max(at_strong, both[i]);
    at_weak = std::max(at_weak, both[learned.moves.size() + i]);
  }
  EXPECT_GT(at_weak, 3.0F * at_strong);
  for (const float value : both) EXPECT_TRUE(std::isfinite(value));
}

/// At 100 Hz both lines of a neighbour at 55 Hz are beyond the spectrum: they show at 45 and 10 Hz.
TEST(Neighbour, IsFoundWhereSamplingFoldsItTo) {
  const Learned learned;
  std::vector<float> moved = learned.machine.features;
  const Neighbour neighbour{55.0F, 1e-3F, 0};
  add_neighbour(neighbour, {{128, 100.0F}, 15.0F, learned.machine.axis_levels}, moved);
  const double second = static_cast<double>(kNeighbourSecond * neighbour.mean_square);
  const std::array<double, 4> expected = {0.0, second, 0.0,
                                          static_cast<double>(neighbour.mean_square) - second};
  for (std::size_t band = 0; band < 4; ++band) {
    const std::size_t f = 4 + band;
    const double added = std::exp(2.0 * static_cast<double>(moved[f])) -
                         std::exp(2.0 * static_cast<double>(learned.machine.features[f]));
    EXPECT_NEAR(added, expected[band], 0.01 * static_cast<double>(neighbour.mean_square)) << band;
  }
}

/// The reason for all of it: a distance that a neighbour hardly moves and a fault does.
TEST(Neighbour, IsAllButTakenOutOfTheDistance) {
  const Learned learned;
  const std::size_t d = kSix.dimensions();
  Random random(3);
  std::vector<float> rows;
  for (std::size_t i = 0; i < 400 * d; ++i)
    rows.push_back(0.05F * static_cast<float>(gaussian(random)));
  const auto distance_of = [&](std::span<const float> moves, const std::vector<float>& x) {
    std::vector<float> memory(FloatNetwork::parameter_floats(NetworkShape::autoencoder(d, {})));
    FloatNetwork layer(NetworkShape::autoencoder(d, {}), memory);
    std::vector<float> scale(d);
    std::vector<double> room(mahalanobis_doubles(d));
    EXPECT_EQ(fit_mahalanobis(kSix, rows, moves, 8.0, {}, room, scale, layer), Status::ok);
    std::vector<float> z(d);
    for (std::size_t i = 0; i < d; ++i) z[i] = x[i] / scale[i];
    alignas(16) std::array<float, kMaxUnits> output{};
    layer.run(z, std::span(output).first(d));
    double sum = 0.0;
    for (std::size_t i = 0; i < d; ++i) {
      sum += static_cast<double>(output[i]) * static_cast<double>(output[i]);
    }
    return sum;
  };
  const Neighbour neighbour{37.0F, 3e-4F, 1};
  const Described both = describe(kSix, neighbour);
  std::vector<float> nearby(d), loose(d);
  for (std::size_t f = 0; f < d; ++f) {
    nearby[f] = both.features[f] - learned.machine.features[f];
    const VibrationFeature& feature = kVibrationFeatures[f];
    if (feature.kind == VibrationKind::order && !feature.gyroscope) loose[f] = 0.5F;
  }
  EXPECT_GT(distance_of({}, nearby), 20.0);
  EXPECT_LT(distance_of(learned.moves, nearby), 0.25 * distance_of({}, nearby));
  EXPECT_GT(distance_of(learned.moves, loose), 0.4 * distance_of({}, loose));
}

}  // namespace
}  // namespace fettle
