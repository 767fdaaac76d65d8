// SPDX-License-Identifier: Apache-2.0
// A detector that decides over windows and knows where it was trained, from training to an alarm.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "detector_generated.h"
#include "simulator/machine/parameters.hpp"
#include "tests/support/decided.hpp"
#include "tests/support/files.hpp"

namespace fettle {
namespace {

using test::machine_off;
using test::machine_running;

const FeatureSpec kVibration{FeatureSet::vibration, 6, false};

const test::Decided& decided() {
  static const test::Decided detector = test::train_decided(kVibration, 1.0 / 24.0);
  return detector;
}

/// What a stream of samples turns into; time goes on where it was.
class Watch {
 public:
  explicit Watch(const DetectorModel& model = decided().model()) : pipeline(model) {}

  std::vector<WindowResult> push(std::span<const TimedSample> samples) {
    std::vector<WindowResult> results;
    for (TimedSample sample : samples) {
      sample.t_us = t_us_;
      t_us_ += 5000;
      if (const auto result = pipeline.push(sample)) results.push_back(*result);
    }
    return results;
  }
  Pipeline pipeline;

 private:
  std::int64_t t_us_ = 0;
};

std::size_t count(std::span<const WindowResult> results, Verdict verdict) {
  return static_cast<std::size_t>(std::ranges::count(results, verdict, &WindowResult::verdict));
}

/// The first window of this verdict; past the end if there is none.
std::size_t first(std::span<const WindowResult> results, Verdict verdict) {
  const auto found = std::ranges::find(results, verdict, &WindowResult::verdict);
  return static_cast<std::size_t>(found - results.begin());
}

std::vector<TimedSample> turned(std::vector<TimedSample> samples, double degrees) {
  const simulator::Rotation rotation = simulator::rotation(degrees / 360.0, 0.0, 0.0);
  for (TimedSample& sample : samples) {
    const auto before = sample.sample.axis;
    for (std::size_t a = 0; a < 6; ++a) {
      double sum = 0.0;
      for (std::size_t b = 0; b < 3; ++b) {
        sum += rotation[a % 3][b] * static_cast<double>(before[a / 3 * 3 + b]);
      }
      sample.sample.axis[a] = static_cast<float>(sum);
    }
  }
  return samples;
}

TEST(TrainedDetector, LoadsWithWhatTrainingDescribed) {
  const DetectorModel& model = decided().model();
  const DetectorDescription& description = decided().trained.description;
  ASSERT_TRUE(model.decision.has_value());
  EXPECT_EQ(*model.decision, description.decision->settings);
  EXPECT_EQ(model.record->format(), 2);
  EXPECT_EQ(model.detector, DetectorKind::mahalanobis);
  ASSERT_EQ(model.baseline.points, 1);
  EXPECT_TRUE(model.baseline.knows_speed());
  const simulator::Machine machine({}, 7);
  EXPECT_NEAR(model.baseline.point[0].centre_hz, machine.apparent_shaft_hz(), 0.5);
  EXPECT_GT(model.baseline.off_g, 0.0F);
  // What ten minutes cannot vouch for is not stated.
  EXPECT_GE(description.decision->stated_per_hour, description.decision->supported_per_hour);
  EXPECT_NEAR(description.decision->asked_per_hour, 1.0 / 24.0, 1e-6);
  EXPECT_GT(description.decision->normal_hours, 0.1F);
}

TEST(TrainedDetector, IsTheSameBitsTwice) {
  EXPECT_EQ(test::train_decided(kVibration, 1.0 / 24.0).trained.file, decided().trained.file);
}

bool same_bits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

void expect_same(const WindowResult& a, const WindowResult& b) {
  EXPECT_EQ(a.start_us, b.start_us);
  EXPECT_TRUE(same_bits(a.score, b.score)) << a.score << ' ' << b.score;
  EXPECT_TRUE(same_bits(a.evidence, b.evidence)) << a.evidence << ' ' << b.evidence;
  EXPECT_TRUE(same_bits(a.share, b.share)) << a.share << ' ' << b.share;
  EXPECT_EQ(a.threshold, b.threshold);
  EXPECT_EQ(a.verdict, b.verdict);
  EXPECT_EQ(a.reason, b.reason);
  EXPECT_EQ(a.alarm, b.alarm);
  EXPECT_EQ(a.point, b.point);
  EXPECT_TRUE(same_bits(a.speed_hz, b.speed_hz));
}

TEST(DecidedPipeline, RecordingsAreJudgedAsTheyWouldHaveBeenLive) {
  // Good, off, faulty, good, a stuck axis, a clock that is wrong, and samples lost again and again.
  std::vector<TimedSample> stream;
  const auto append = [&](const std::vector<TimedSample>& part) {
    stream.insert(stream.end(), part.begin(), part.end());
  };
  append(machine_running(30, 1));
  append(machine_off(10));
  append(machine_running(60, 2, 1.0));
  append(machine_running(80, 3));
  std::vector<TimedSample> stuck = machine_running(10, 4);
  for (TimedSample& sample : stuck) sample.sample.axis[1] = 0.1F;
  append(stuck);
  const std::size_t wrong_rate = stream.size();
  append(machine_running(10, 5));
  const std::size_t losing = stream.size();
  append(machine_running(100, 6));
  std::int64_t t_us = 0;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    stream[i].t_us = t_us;
    t_us += i >= wrong_rate && i < losing ? 6000 : 5000;
    if (i > losing && i % 165 == 0) t_us += 20'000;
    if (i == losing + 5000) t_us -= 700'000;
    if (i == losing + 7000) t_us += 3'000'000;
  }

  const test::TemporaryFolder folder;
  host::DataSetUpdate update(folder.path() / "data", 200.0, 6);
  auto& writer = update.begin("any", "a", "a", "test");
  for (const TimedSample& sample : stream) writer.write(sample);
  update.end();
  update.commit();
  const host::DataSet data = host::DataSet::open(folder.path() / "data");
  const DetectorModel& model = decided().model();
  const host::WindowTable table = host::read_windows(
      data, model.features, model.window, [](const std::string&) { return true; },
      host::ranges_of(model.baseline));
  std::vector<std::uint32_t> rows(table.size());
  std::iota(rows.begin(), rows.end(), 0U);
  const std::vector<WindowResult> judged = host::judge_windows(model, table, rows);

  Pipeline pipeline(model);
  std::size_t next = 0;
  std::array<bool, kReasons> seen{};
  for (const TimedSample& sample : stream) {
    const auto live = pipeline.push(sample);
    if (!live) continue;
    ASSERT_LT(next, judged.size());
    SCOPED_TRACE(next);
    expect_same(*live, judged[next++]);
    if (testing::Test::HasFailure()) return;
    seen[static_cast<std::size_t>(live->reason)] = true;
  }
  EXPECT_EQ(next, judged.size());
  // The stream is a test of it all.
  for (const Reason reason : {Reason::none, Reason::off, Reason::changing, Reason::stuck,
                              Reason::wrong_rate, Reason::losing_samples}) {
    EXPECT_TRUE(seen[static_cast<std::size_t>(reason)]) << name_of(reason);
  }
  EXPECT_EQ(pipeline.alert().alarms(), 1U);
}

TEST(DecidedPipeline, AHealthyMachineOnOtherDaysIsNormal) {
  Watch watch;
  for (std::uint64_t day = 1; day <= 3; ++day) {
    const auto results = watch.push(machine_running(100, day));
    EXPECT_EQ(count(results, Verdict::alarm), 0U);
    EXPECT_GT(count(results, Verdict::normal), 90U) << day;
  }
}

TEST(DecidedPipeline, AnImbalanceRaisesAnAlarmThatEndsWhenItIsMended) {
  Watch watch;
  (void)watch.push(machine_running(50, 1));
  ASSERT_EQ(watch.pipeline.alert().alarms(), 0U);
  const auto faulty = watch.push(machine_running(100, 2, 1.0));
  const std::size_t raised = first(faulty, Verdict::alarm);
  ASSERT_LT(raised, 60U);
  EXPECT_TRUE(faulty[raised].alarm);
  EXPECT_EQ(count(faulty, Verdict::alarm), 100 - raised);  // and it stays
  // A warning comes before.
  EXPECT_LT(first(faulty, Verdict::warning), raised);
  const auto mended = watch.push(machine_running(150, 3));
  const std::size_t ended = first(mended, Verdict::warning) < first(mended, Verdict::normal)
                                ? first(mended, Verdict::warning)
                                : first(mended, Verdict::normal);
  EXPECT_GT(ended, 0U);  // not by one good window
  EXPECT_LT(ended, 120U);
  EXPECT_EQ(mended.back().verdict, Verdict::normal);
  EXPECT_EQ(watch.pipeline.alert().alarms(), 1U);
  EXPECT_FALSE(watch.pipeline.alert().active());
  for (const WindowResult& result : faulty) {
    EXPECT_GE(result.share, 0.0F);
    EXPECT_LE(result.share, 2.0F);
    EXPECT_TRUE(result.verdict != Verdict::alarm || result.share > 0.5F);
  }
}

TEST(DecidedPipeline, AMachineThatIsOffCannotBeJudged) {
  Watch watch;
  (void)watch.push(machine_running(20, 1));
  const auto off = watch.push(machine_off(30));
  for (const WindowResult& result : off) {
    EXPECT_EQ(result.verdict, Verdict::cannot_judge);
    EXPECT_EQ(result.reason, Reason::off);
    EXPECT_TRUE(std::isnan(result.evidence));
  }
  const auto on = watch.push(machine_running(20, 2));
  for (std::size_t i = 0; i < on.size(); ++i) {
    EXPECT_EQ(on[i].reason, i < kSettlingWindows ? Reason::changing : Reason::none) << i;
  }
  EXPECT_EQ(on.back().verdict, Verdict::normal);
  EXPECT_EQ(watch.pipeline.alert().alarms(), 0U);
}

TEST(DecidedPipeline, SwitchingOffMendsNothing) {
  Watch watch;
  (void)watch.push(machine_running(20, 1));
  const auto faulty = watch.push(machine_running(100, 2, 1.0));
  ASSERT_EQ(faulty.back().verdict, Verdict::alarm);
  const float share = faulty.back().share;
  for (const WindowResult& result : watch.push(machine_off(200))) {
    EXPECT_EQ(result.verdict, Verdict::alarm);
    EXPECT_EQ(result.reason, Reason::off);
    EXPECT_EQ(result.share, share);
    EXPECT_FALSE(result.alarm);  // it was raised before
    EXPECT_TRUE(std::isnan(result.evidence));
  }
  EXPECT_TRUE(watch.pipeline.alert().active());
  const auto again = watch.push(machine_running(20, 4, 1.0));
  EXPECT_EQ(count(again, Verdict::alarm), 20U);
  EXPECT_EQ(watch.pipeline.alert().alarms(), 1U);
}

TEST(DecidedPipeline, ATurnedSensorIsNamedAndIsNoAlarm) {
  Watch watch;
  (void)watch.push(machine_running(50, 1));
  EXPECT_FALSE(watch.pipeline.conditions().mounting().moved());
  const auto results = watch.push(turned(machine_running(200, 2), 15.0));
  EXPECT_EQ(count(results, Verdict::alarm), 0U);
  const std::size_t said = first(results, Verdict::sensor_moved);
  EXPECT_LT(said, 30U);
  for (std::size_t i = said; i < results.size(); ++i) {
    EXPECT_NE(results[i].verdict, Verdict::normal) << i;
  }
  EXPECT_GT(count(results, Verdict::sensor_moved), 160U);
  // Vibration is still judged, so that a fault under a moved sensor is found.
  EXPECT_FALSE(std::isnan(results.back().evidence));
  const auto faulty = watch.push(turned(machine_running(100, 3, 1.0), 15.0));
  EXPECT_EQ(faulty.back().verdict, Verdict::alarm);
}

TEST(DecidedPipeline, AStuckAxisIsNeverNormal) {
  for (std::size_t axis = 0; axis < 6; ++axis) {
    Watch watch;
    (void)watch.push(machine_running(10, 1));
    auto samples = machine_running(20, 2);
    const float value = samples[0].sample.axis[axis];
    for (TimedSample& sample : samples) sample.sample.axis[axis] = value;
    for (const WindowResult& result : watch.push(samples)) {
      EXPECT_EQ(result.verdict, Verdict::cannot_judge);
      EXPECT_EQ(result.reason, Reason::stuck);
      EXPECT_TRUE(std::isnan(result.evidence));
    }
  }
}

TEST(DecidedPipeline, WhatIsNotANumberIsNeverNormalAndDoesNotLinger) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Watch watch;
    (void)watch.push(machine_running(10, 1));
    auto samples = machine_running(20, 2);
    samples[5 * 128 + 77].sample.axis[4] = bad;
    const auto results = watch.push(samples);
    EXPECT_EQ(results[5].verdict, Verdict::cannot_judge);
    EXPECT_EQ(results[5].reason, Reason::not_a_number);
    EXPECT_TRUE(std::isnan(results[5].score));
    EXPECT_TRUE(std::isnan(results[5].evidence));
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (i == 5) continue;
      EXPECT_TRUE(std::isfinite(results[i].score)) << i;
      EXPECT_TRUE(std::isfinite(results[i].share)) << i;
    }
    EXPECT_EQ(results.back().verdict, Verdict::normal);
  }
}

TEST(DecidedPipeline, TutorialFeaturesThatAreNoNumbersAreNeverNormal) {
  const test::Decided tutorial = test::train_decided({FeatureSet::tutorial, 6, false}, 1.0 / 24.0);
  ASSERT_TRUE(tutorial.model().decision.has_value());
  EXPECT_EQ(tutorial.model().baseline.points, 0);
  Watch watch(tutorial.model());
  (void)watch.push(machine_running(10, 1));
  auto samples = machine_running(20, 2);
  for (std::size_t i = 5 * 128; i < 6 * 128; ++i) {
    samples[i].sample.axis[4] = std::numeric_limits<float>::quiet_NaN();
  }
  const auto results = watch.push(samples);
  EXPECT_EQ(results[5].verdict, Verdict::cannot_judge) << name_of(results[5].verdict);
  EXPECT_EQ(results[5].reason, Reason::not_a_number);
  EXPECT_TRUE(std::isnan(results[5].evidence)) << "burn-in learns from " << results[5].evidence;
}

TEST(DecidedPipeline, BurnInHearsOfWhatWasJudgedAndOfNothingElse) {
  Watch watch;
  std::vector<WindowResult> results;
  const auto append = [&](const std::vector<TimedSample>& samples) {
    const auto more = watch.push(samples);
    results.insert(results.end(), more.begin(), more.end());
  };
  append(machine_running(40, 1));
  // Refined settings leave the evidence in the units of the model's file.
  const DecisionSettings& of_file = *decided().model().decision;
  DecisionSettings refined = of_file;
  refined.location += 1.0F;
  refined.scale *= 2.0F;
  watch.pipeline.adopt(refined);
  append(machine_running(40, 2));
  append(machine_off(10));
  append(machine_running(60, 3, 1.0));
  std::size_t judged = 0;
  for (const WindowResult& result : results) {
    EXPECT_EQ(std::isnan(result.evidence), result.reason != Reason::none);
    if (result.reason != Reason::none) continue;
    ++judged;
    EXPECT_EQ(result.evidence, evidence_of(result.score, of_file));
  }
  EXPECT_GT(judged, 120U);
  EXPECT_LT(judged, results.size());
}

TEST(DecidedPipeline, ASpeedThatWasNotLearnedEndsNoAlarmAndCanBeginOne) {
  Watch watch;
  (void)watch.push(machine_running(20, 1));
  ASSERT_EQ(watch.push(machine_running(60, 2, 1.0)).back().verdict, Verdict::alarm);
  const std::vector<WindowResult> elsewhere = watch.push(machine_running(60, 5, 0.0, 0.8));
  EXPECT_GT(std::ranges::count(elsewhere, Reason::speed, &WindowResult::reason), 40);
  EXPECT_EQ(count(elsewhere, Verdict::alarm), elsewhere.size())
      << "nobody knows what is normal there";
  // Where it was learned it can be said again.
  const std::vector<WindowResult> back = watch.push(machine_running(60, 3));
  EXPECT_EQ(back.back().verdict, Verdict::normal);
  // Far beyond all that was learned is beyond it at any speed.
  EXPECT_EQ(watch.push(machine_running(60, 5, 3.0, 0.8)).back().verdict, Verdict::alarm);
}

TEST(DecidedPipeline, AThresholdByHandJudgesEachWindowAndGoesAwayAgain) {
  Watch watch;
  (void)watch.push(machine_running(10, 1));
  watch.pipeline.set_threshold(1e-9F);
  EXPECT_FALSE(watch.pipeline.decision().has_value());
  for (const WindowResult& result : watch.push(machine_running(10, 2))) {
    EXPECT_EQ(result.verdict, Verdict::anomaly);
    EXPECT_EQ(result.threshold, 1e-9F);
    EXPECT_TRUE(std::isnan(result.evidence));
    EXPECT_EQ(result.share, 0.0F);
  }
  EXPECT_EQ(watch.pipeline.alert().alarms(), 1U);
  for (const WindowResult& result : watch.push(machine_off(10))) {
    EXPECT_EQ(result.verdict, Verdict::cannot_judge);  // whatever the threshold
  }
  watch.pipeline.set_threshold(1e30F);
  (void)watch.push(machine_running(kSettlingWindows, 2));
  for (const WindowResult& result : watch.push(machine_running(10, 2, 1.0))) {
    EXPECT_EQ(result.verdict, Verdict::normal);
  }
  watch.pipeline.set_threshold(std::nullopt);
  ASSERT_TRUE(watch.pipeline.decision().has_value());
  EXPECT_EQ(watch.pipeline.decision()->settings(), *decided().model().decision);
  for (const WindowResult& result : watch.push(machine_running(10, 3))) {
    EXPECT_EQ(result.verdict, Verdict::normal);
    EXPECT_EQ(result.threshold, decided().model().threshold);
    EXPECT_FALSE(std::isnan(result.evidence));
  }
  EXPECT_EQ(watch.push(machine_running(100, 2, 1.0)).back().verdict, Verdict::alarm);
}

}  // namespace
}  // namespace fettle
