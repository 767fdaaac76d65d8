// SPDX-License-Identifier: Apache-2.0
// What an alarm is explained by: patterns from changes that are made up, shares and figures from a machine.
#include "core/decision/explanation.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "tests/support/decided.hpp"

namespace fettle {
namespace {

FaultFamily first(const Signature& signature, bool turning = true) {
  const Families families = families_of(signature, turning);
  float before = 1.0F + 1e-6F;
  for (const FamilyScore& family : families) {
    EXPECT_LE(family.score, before) << "the likeliest first";
    EXPECT_GE(family.score, 0.0F);
    before = family.score;
  }
  return families[0].family;
}

TEST(FaultFamilies, AreToldByWhatHasChanged) {
  for (const float size : {3.0F, 8.0F, 100.0F}) {
    EXPECT_EQ(first({.first_moving = size, .first_turning = size}), FaultFamily::imbalance);
    EXPECT_EQ(first({.first_moving = 0.3F * size, .first_turning = 0.3F * size, .second = size}),
              FaultFamily::misalignment);
    EXPECT_EQ(first({.half_orders = size, .second = 0.4F * size, .third = 0.3F * size}),
              FaultFamily::looseness);
    // A foot that lifts rocks the machine: 1x of the gyroscope alone is no imbalance.
    EXPECT_EQ(first({.half_orders = 0.5F * size, .first_turning = size}), FaultFamily::looseness);
    EXPECT_EQ(first({.rest = size, .impulsiveness = size}), FaultFamily::bearing);
    EXPECT_EQ(first({.first_moving = size, .rest = size, .impulsiveness = size, .one_line = size}),
              FaultFamily::bearing);
    EXPECT_EQ(first({.first_moving = -size, .rest = size, .impulsiveness = size, .one_line = size}),
              FaultFamily::bearing);
    EXPECT_EQ(first({.third = size}), FaultFamily::other);
    EXPECT_EQ(first({.first_moving = -size, .first_turning = -size}), FaultFamily::other);
  }
}

TEST(FaultFamilies, OfThreeAxesAreToldWithoutTheGyroscope) {
  EXPECT_EQ(first({.first_moving = 5.0F}, false), FaultFamily::imbalance);
  EXPECT_EQ(first({.half_orders = 5.0F, .second = 2.0F}, false), FaultFamily::looseness);
}

TEST(FaultFamilies, OfHardlyAnyChangeAreNone) {
  EXPECT_EQ(first({}), FaultFamily::other);
  EXPECT_EQ(first({.first_moving = 0.3F, .first_turning = 0.3F}), FaultFamily::other);
}

TEST(Changes, AreAMeanOfTheLastWindows) {
  Changes changes;
  const auto add = [&](float z, float axis) {
    const std::vector<float> zs(20, z);
    const std::vector<float> axes(18, axis);
    changes.add(zs, axes, 3);
  };
  add(1.0F, 2.0F);
  add(3.0F, 4.0F);
  EXPECT_EQ(changes.windows(), 2U);
  EXPECT_EQ(changes.point(), 3);
  EXPECT_NEAR(changes.z()[19], 2.0F, 1e-6F);
  EXPECT_NEAR(changes.axis()[17], 3.0F, 1e-6F);
  add(std::numeric_limits<float>::quiet_NaN(), 9.0F);
  EXPECT_EQ(changes.windows(), 2U) << "what is no number says nothing";
  for (int i = 0; i < 1000; ++i) add(7.0F, 7.0F);
  EXPECT_NEAR(changes.z()[0], 7.0F, 1e-3F) << "what was long ago is forgotten";
  changes.restart();
  EXPECT_EQ(changes.windows(), 0U);
  EXPECT_EQ(changes.z()[0], 0.0F);
  EXPECT_EQ(changes.axis()[0], 0.0F);
  EXPECT_LE(sizeof(Changes), 192U);  // of a board's memory
}

const FeatureSpec kVibration{FeatureSet::vibration, 6, false};

using Samples = std::vector<TimedSample>;

/// A quarter turn about the sensor's z: x becomes y, y becomes -x, of both sensors.
Samples quarter_turn(Samples samples) {
  for (TimedSample& sample : samples) {
    for (const std::size_t s : {0U, 3U}) {
      const float x = sample.sample.axis[s];
      sample.sample.axis[s] = -sample.sample.axis[s + 1];
      sample.sample.axis[s + 1] = x;
    }
  }
  return samples;
}

/// Evidence that a faulty machine leaves behind.
Changes watched(const DetectorModel& model, Samples samples) {
  Pipeline pipeline(model);
  Changes at_alarm;
  std::int64_t t_us = 0;
  for (TimedSample& sample : samples) {
    sample.t_us = t_us += 5000;
    const auto result = pipeline.push(sample);
    if (result && result->alarm) at_alarm = pipeline.changes();
  }
  EXPECT_GT(at_alarm.windows(), 0U) << "no alarm";
  return at_alarm;
}

void expect_shares(const Explanation& why) {
  EXPECT_NEAR(std::accumulate(why.share.begin(), why.share.end(), 0.0F), 1.0F, 1e-5F);
  EXPECT_NEAR(std::accumulate(why.axis_share.begin(), why.axis_share.end(), 0.0F), 1.0F, 1e-5F);
  for (const float share : why.share) EXPECT_GE(share, 0.0F);
  for (const float share : why.axis_share) EXPECT_GE(share, 0.0F);
}

std::size_t index_of(const DetectorModel& model, const std::string& source,
                     const std::string& kind) {
  for (std::size_t i = 0; i < model.features.dimensions(); ++i) {
    if (feature_source(model.features, i) == source && feature_kind(model.features, i) == kind) {
      return i;
    }
  }
  ADD_FAILURE() << source << kind;
  return 0;
}

TEST(Explanation, OfAnImbalanceSaysThatOnceTheSpeedGrewAndByHowMuch) {
  const test::Decided decided = test::train_decided(kVibration, 1.0 / 24.0);
  const DetectorModel& model = decided.model();
  const Changes changes = watched(model, test::machine_running(100, 2, 0.5));
  const Explanation why = explain(model, changes);
  expect_shares(why);
  EXPECT_EQ(why.families[0].family, FaultFamily::imbalance);
  const std::size_t line = index_of(model, "accel", "1x");
  const Figure figure = figure_of(model, changes, line);
  // The mean of log RMS over the windows themselves, against that of another healthy day.
  const auto level = [&](double imbalance) {
    const auto table = test::table_of(test::machine_running(100, 2, imbalance), kVibration,
                                      host::ranges_of(model.baseline));
    double sum = 0.0;
    for (std::size_t i = 0; i < table.size(); ++i) {
      sum += static_cast<double>(table.row(i)[line]);
    }
    return std::exp(sum / static_cast<double>(table.size()));
  };
  EXPECT_NEAR(static_cast<double>(figure.before) / level(0.0), 1.0, 0.15);
  EXPECT_NEAR(static_cast<double>(figure.now) / level(0.5), 1.0, 0.15);
  EXPECT_GT(figure.times(), 2.0F);
  // Three axes together are the feature.
  float square = 0.0F;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const Figure own = figure_of(model, changes, axis, AxisMeasure::first);
    square += own.now * own.now;
  }
  EXPECT_NEAR(std::sqrt(square) / figure.now, 1.0, 0.05);
  const std::string phrase(phrase_of(model, changes, why).view());
  EXPECT_TRUE(phrase.starts_with("1x running speed")) << phrase;
  EXPECT_NE(phrase.find(" grew "), std::string::npos) << phrase;
  EXPECT_NE(phrase.find("perhaps imbalance"), std::string::npos) << phrase;
  EXPECT_LE(phrase.size(), 90U);
}

// Learned and watched through a sensor that lies a quarter turn another way.
TEST(Explanation, TurningTheSensorPermutesAxesAndLeavesBandsAlone) {
  const auto learn = [](bool turned) {
    const Samples normal = test::machine_running(940, 0);
    const Samples samples = turned ? quarter_turn(normal) : normal;
    const host::WindowTable table = test::learned_table_of(samples, kVibration);
    host::LearningSettings settings;
    settings.detector = DetectorKind::mahalanobis;
    settings.alarms_per_hour = 1.0 / 24.0;
    static const std::string label = "normal";
    auto trained =
        host::train_detector(table, host::split_by_time(table), settings, false, label, "test");
    return host::ModelFile::from_bytes(std::move(trained.file), "the test's", true);
  };
  const auto straight = learn(false);
  const auto turned = learn(true);
  const Samples faulty = test::machine_running(100, 2, 0.5);
  const Changes here = watched(straight->detector(), faulty);
  const Changes there = watched(turned->detector(), quarter_turn(faulty));
  const Explanation a = explain(straight->detector(), here);
  const Explanation b = explain(turned->detector(), there);
  expect_shares(a);
  expect_shares(b);
  for (std::size_t i = 0; i < kVibration.dimensions(); ++i) {
    EXPECT_NEAR(a.share[i], b.share[i], 0.02F) << i;
  }
  constexpr std::array<std::size_t, 6> kBecomes = {1, 0, 2, 4, 3, 5};
  for (std::size_t axis = 0; axis < 6; ++axis) {
    EXPECT_NEAR(a.axis_share[axis], b.axis_share[kBecomes[axis]], 0.02F) << axis;
    for (const AxisMeasure m : {AxisMeasure::level, AxisMeasure::first, AxisMeasure::second}) {
      const Figure x = figure_of(straight->detector(), here, axis, m);
      const Figure y = figure_of(turned->detector(), there, kBecomes[axis], m);
      EXPECT_NEAR(x.before / y.before, 1.0F, 1e-3F);
      EXPECT_NEAR(x.now / y.now, 1.0F, 1e-3F);
    }
  }
  // The two axes across differ, or this test would show nothing.
  EXPECT_GT(
      std::abs(a.axis_share[0] - a.axis_share[1]) + std::abs(a.axis_share[3] - a.axis_share[4]),
      0.1F);
  EXPECT_EQ(a.families[0].family, b.families[0].family);
}

TEST(Explanation, OfTutorialFeaturesIsByAxisAndNamesNoFault) {
  const test::Decided decided = test::train_decided({FeatureSet::tutorial, 6, false}, 1.0 / 24.0);
  const DetectorModel& model = decided.model();
  const Changes changes = watched(model, test::machine_running(100, 2, 0.5));
  const Explanation why = explain(model, changes);
  expect_shares(why);
  EXPECT_EQ(why.families[0].family, FaultFamily::other);
  EXPECT_FALSE(knows_axes(model));
  for (std::size_t axis = 0; axis < 6; ++axis) {
    EXPECT_NEAR(why.axis_share[axis], why.share[2 * axis] + why.share[2 * axis + 1], 1e-6F);
  }
  const std::string phrase(phrase_of(model, changes, why).view());
  EXPECT_EQ(phrase.find("perhaps"), std::string::npos) << phrase;
  EXPECT_NE(phrase.find(" grew "), std::string::npos) << phrase;
}

TEST(Explanation, OfAnAutoencoderSharesOutAllOfIt) {
  const Samples samples = test::machine_running(940, 0);
  host::WindowTable table = test::table_of(samples, kVibration);
  (void)host::clean(table);
  host::LearningSettings settings;
  settings.training.epochs = 20;
  settings.alarms_per_hour = 1.0 / 24.0;
  const std::string label = "normal";
  auto trained =
      host::train_detector(table, host::split_by_time(table), settings, false, label, "test");
  const auto file = host::ModelFile::from_bytes(std::move(trained.file), "the test's", true);
  const Changes changes = watched(file->detector(), test::machine_running(100, 2, 1.0));
  const Explanation why = explain(file->detector(), changes);
  expect_shares(why);
  EXPECT_EQ(why.families[0].family, FaultFamily::imbalance);
}

TEST(Explanation, WithoutAClearSpeedNamesNoLineAndNoFault) {
  const test::Decided decided = test::train_decided(kVibration, 1.0 / 24.0);
  const DetectorModel& model = decided.model();
  ASSERT_TRUE(model.baseline.knows_speed());
  const Changes clear = watched(model, test::machine_running(100, 2, 0.5));
  Changes unclear;
  for (int i = 0; i < 10; ++i) {
    unclear.add(std::span(clear.z()).first(20), clear.axis(), clear.point(), i < 4);
  }
  const Explanation why = explain(model, unclear);
  expect_shares(why);
  EXPECT_EQ(why.families[0].family, FaultFamily::other);
  EXPECT_EQ(why.families[1].score, 0.0F);
  const std::string phrase(phrase_of(model, unclear, why).view());
  EXPECT_EQ(phrase.find("1x"), std::string::npos) << phrase;
  EXPECT_TRUE(phrase.ends_with("its speed cannot be made out")) << phrase;
  EXPECT_LE(phrase.size(), 90U);
}

TEST(Phrase, SaysGrewFellOrHardlyChanged) {
  EXPECT_EQ((Figure{.before = 0.0F, .now = 1.0F}.times()), std::numeric_limits<float>::infinity());
  EXPECT_EQ((Figure{.before = 0.0F, .now = 0.0F}.times()), 0.0F);
  const test::Decided decided = test::train_decided({FeatureSet::tutorial, 6, false}, 1.0 / 24.0);
  const DetectorModel& model = decided.model();
  const auto phrase = [&](float times) {
    std::vector<float> zs(12, 0.0F);
    zs[0] = (times - 1.0F) * model.normaliser.mean[0] / model.normaliser.scale[0];
    Changes changes;
    changes.add(zs, {}, 0);
    Explanation why = explain(model, changes);
    why.lead = 0;
    why.axis = Explanation::kNoAxis;
    return std::string(phrase_of(model, changes, why).view());
  };
  for (const float times : {0.96F, 0.997F, 1.0F, 1.003F, 1.04F}) {
    EXPECT_NE(phrase(times).find(" hardly changed"), std::string::npos) << phrase(times);
  }
  EXPECT_NE(phrase(1.1F).find(" grew 1.1 times"), std::string::npos) << phrase(1.1F);
  EXPECT_NE(phrase(0.9F).find(" fell to 90 %"), std::string::npos) << phrase(0.9F);
}

// Whatever numbers a model and a machine come to, the sentence fits an event and has no control characters.
TEST(Phrase, FitsAnEventWhateverHasChanged) {
  const test::Decided decided = test::train_decided(kVibration, 1.0 / 24.0);
  const DetectorModel& model = decided.model();
  for (std::size_t feature = 0; feature < 20; ++feature) {
    for (const float z : {-1e30F, -1000.0F, -3.0F, 0.0F, 3.0F, 40.0F, 1000.0F, 1e30F}) {
      std::vector<float> zs(20, 0.0F);
      zs[feature] = z;
      Changes changes;
      changes.add(zs, std::vector<float>(18, 0.1F * z), 0);
      Explanation why = explain(model, changes);
      why.lead = static_cast<std::uint8_t>(feature);
      for (const FaultFamily a : {FaultFamily::misalignment, FaultFamily::other}) {
        why.families[0] = {a, 1.0F};
        why.families[1] = {FaultFamily::looseness, 1.0F};
        for (const std::uint8_t axis : {std::uint8_t{2}, Explanation::kNoAxis}) {
          why.axis = axis;
          const std::string phrase(phrase_of(model, changes, why).view());
          EXPECT_LE(phrase.size(), 90U) << phrase;
          EXPECT_TRUE(phrase.ends_with("looseness") || phrase.ends_with("mount") ||
                      phrase.ends_with("fault"))
              << phrase;
        }
      }
    }
  }
}

TEST(Explanation, IsOfEvidenceSinceItWasLastAtRest) {
  const test::Decided decided = test::train_decided(kVibration, 1.0 / 24.0);
  Pipeline pipeline(decided.model());
  std::int64_t t_us = 0;
  std::uint32_t longest_alone = 0;
  std::uint32_t before = 0;
  for (const TimedSample& sample : test::machine_running(200, 1)) {
    const auto result = pipeline.push({t_us += 5000, sample.sample});
    if (!result) continue;
    if (!(result->share > 0.0F)) {
      EXPECT_LE(pipeline.changes().windows(), 1U) << "alone";
    } else {
      EXPECT_EQ(pipeline.changes().windows(), before + 1);
    }
    before = result->share > 0.0F ? pipeline.changes().windows() : 0;
    longest_alone = std::max(longest_alone, pipeline.changes().windows());
  }
  EXPECT_LT(longest_alone, 100U) << "a healthy machine's evidence never rested";
  pipeline.restart();
  EXPECT_EQ(pipeline.changes().windows(), 0U);
  EXPECT_EQ(std::string(pipeline.phrase().view()), "nothing has changed");
}

}  // namespace
}  // namespace fettle
