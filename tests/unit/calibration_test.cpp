// SPDX-License-Identifier: Apache-2.0
#include "core/learn/calibration.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/learn/random.hpp"
#include "tests/support/evidence_streams.hpp"

namespace fettle {
namespace {

using test::EvidenceStream;

std::vector<float> memory_for(std::size_t n) { return std::vector<float>(calibration_floats(n)); }

Calibration calibrated(const std::vector<float>& scores, const CalibrationWish& wish,
                       const std::vector<std::uint32_t>& sessions = {}) {
  Calibration calibration;
  std::vector<float> memory = memory_for(scores.size());
  EXPECT_EQ(calibrate(scores, sessions, wish, memory, calibration), Status::ok);
  return calibration;
}

/// An exact standard normal, in bins of 3/32 of a deviation.
EvidenceModel standard_normal_model() {
  EvidenceModel model;
  model.spread = 4.0 / 3.0;
  for (std::size_t i = 0; i <= EvidenceSummary::kBins; ++i) {
    const double x = (-4.0 + 0.125 * static_cast<double>(i)) / model.spread;
    model.above[i] = i == 0 ? 1.0 : 0.5 * std::erfc(x / std::sqrt(2.0));
  }
  return model;
}

EvidenceModel fitted(EvidenceStream stream, std::size_t n) {
  EvidenceSummary summary;
  Summariser summariser(summary);
  for (std::size_t i = 0; i < n; ++i) summariser.push(stream.evidence());
  summariser.end_session();
  EvidenceModel model;
  fit(summary, model);
  return model;
}

RunLength run_length(const EvidenceModel& model, float reference, float limit, std::size_t cells) {
  std::vector<float> memory(kRunLengthFloats);
  DecisionSettings settings;
  settings.reference = reference;
  settings.limit = limit;
  settings.cap = 50.0F;
  return cusum_run_length(model, settings, 0.0, cells, memory);
}

TEST(RunLength, AgreesWithTheTables) {
  const EvidenceModel normal = standard_normal_model();
  // Montgomery, Introduction to Statistical Quality Control, on one-sided cusum: 336 and 930 for
  // k = 0.5 and h = 4 and 5 (two-sided 168 and 465).
  EXPECT_NEAR(run_length(normal, 0.5F, 4.0F, 160).from_rest, 336.0, 3.4);
  EXPECT_NEAR(run_length(normal, 0.5F, 5.0F, 160).from_rest, 930.0, 9.3);
  // Siegmund, Sequential Analysis, 1985: an approximation, good to some per cent at small k.
  for (const double k : {0.25, 0.5}) {
    for (const double h : {3.0, 4.0, 5.0, 8.0}) {
      const double b = h + 1.166;
      const double siegmund = (std::exp(2.0 * k * b) - 2.0 * k * b - 1.0) / (2.0 * k * k);
      const double chain =
          run_length(normal, static_cast<float>(k), static_cast<float>(h), 160).from_rest;
      EXPECT_NEAR(chain / siegmund, 1.0, 0.04) << k << ' ' << h;
    }
  }
}

TEST(RunLength, ACoarseLatticeIsGoodEnough) {
  const EvidenceModel normal = standard_normal_model();
  for (const float limit : {3.0F, 5.0F, 8.0F}) {
    const double fine = run_length(normal, 1.0F, limit, 200).from_rest;
    const auto cells = static_cast<std::size_t>(std::max(20.0F, 4.0F * limit));
    EXPECT_NEAR(run_length(normal, 1.0F, limit, cells).from_rest / fine, 1.0, 0.07) << limit;
  }
}

TEST(RunLength, OfCorrelatedEvidenceAgreesWithSimulation) {
  for (const double correlation : {0.3, 0.6}) {
    EvidenceModel model = standard_normal_model();
    model.correlation = correlation;
    const double chain = run_length(model, 1.0F, 4.0F, 40).from_rest;
    EvidenceStream stream(EvidenceStream::Kind::correlated, correlation, 0.0, 17);
    double statistic = 0.0;
    int alarms = 0;
    constexpr int kWindows = 1'000'000;
    for (int i = 0; i < kWindows; ++i) {
      statistic = std::max(0.0, statistic + static_cast<double>(stream.evidence()) - 1.0);
      if (statistic <= 4.0) continue;
      ++alarms;
      statistic = 0.0;
    }
    EXPECT_NEAR(chain * alarms / kWindows, 1.0, 0.12) << correlation;
  }
}

TEST(RunLength, ImpossibleAlarmsTakeForEverAndCertainOnesOneWindow) {
  EvidenceSummary summary;
  Summariser summariser(summary);
  for (int i = 0; i < 100; ++i) summariser.push(0.5F);
  EvidenceModel model;
  fit(summary, model);
  model.centre = 0.0;  // the summary's own units: all evidence between 0.5 and 0.82
  model.spread = 1.0;
  EXPECT_GT(run_length(model, 1.0F, 4.0F, 40).from_rest, 1e12);
  std::vector<float> memory(kRunLengthFloats);
  DecisionSettings settings;
  settings.limit = 1.0F;
  EXPECT_NEAR(cusum_run_length(model, settings, 100.0, 20, memory).from_rest, 1.0, 1e-6);
}

TEST(EvidenceModel, MomentsAndCorrelation) {
  const EvidenceModel model = fitted({EvidenceStream::Kind::correlated, 0.5, 0.0, 3}, 50'000);
  EXPECT_NEAR(model.mean, 0.0, 0.02);
  EXPECT_NEAR(model.deviation, 1.0, 0.02);
  EXPECT_NEAR(model.kurtosis, 3.0, 0.15);
  EXPECT_NEAR(model.correlation, 0.5, 0.02);
  EXPECT_NEAR(model.independent_windows, 50'000.0 / 3.0, 1000.0);
  EXPECT_EQ(model.upper_tail(-100.0), 1.0);
  EXPECT_NEAR(model.upper_tail(0.0), 0.5, 0.01);
  EXPECT_NEAR(model.upper_tail(1.0), 0.1587, 0.005);
}

TEST(EvidenceModel, TheTailGoesOnBeyondTheData) {
  // An exponential tail: two thousand windows hold e^-7.6 at most, the model is asked for e^-7.
  double ratio = 0.0;
  double shape = 0.0;
  constexpr int kRuns = 50;
  for (std::uint64_t seed = 0; seed < kRuns; ++seed) {
    const EvidenceModel model = fitted({EvidenceStream::Kind::exponential, 0.0, 0.0, seed}, 2000);
    const double x = (6.0 - model.centre) / model.spread;  // the stream is an exponential less 1
    ratio += model.upper_tail(x) / std::exp(-7.0) / kRuns;
    shape += model.tail_shape / kRuns;
  }
  EXPECT_NEAR(ratio, 1.0, 0.3);
  EXPECT_NEAR(shape, 0.0, 0.06);
}

TEST(EvidenceModel, TheTailIsHeldWithinSense) {
  EvidenceSummary one_far_outlier;
  Summariser summariser(one_far_outlier);
  for (int i = 0; i < 100; ++i) summariser.push(0.01F * static_cast<float>(i % 10));
  summariser.push(1e9F);
  EvidenceModel model;
  fit(one_far_outlier, model);
  EXPECT_LE(model.tail_shape, kHeaviestTail);
  EXPECT_GE(model.tail_shape, kThinnestTail);
  double before = 1.0;
  for (double x = -20.0; x < 200.0; x += 0.05) {
    const double above = model.upper_tail(x);
    ASSERT_LE(above, before + 1e-12) << x;
    ASSERT_GE(above, 0.0);
    before = above;
  }
}

TEST(Calibrate, StandardisesTheLogScore) {
  EvidenceStream stream(EvidenceStream::Kind::correlated, 0.0, 0.0, 5);
  std::vector<float> scores = stream.scores(5000, -2.0, 0.3);
  const Calibration calibration = calibrated(scores, {});
  EXPECT_NEAR(calibration.settings.location, -2.0, 0.02);
  EXPECT_NEAR(calibration.settings.scale, 0.3, 0.01);
  EXPECT_TRUE(is_valid(calibration.settings));
  // Another unit of the score changes nothing but the location.
  for (float& score : scores) score *= 16.0F;
  const Calibration other = calibrated(scores, {});
  EXPECT_NEAR(other.settings.location - calibration.settings.location, std::log(16.0), 1e-4);
  EXPECT_NEAR(other.settings.limit / calibration.settings.limit, 1.0, 0.03);
}

TEST(Calibrate, RarerWishesHaveLargerLimitsAndMoreDataSmallerOnes) {
  EvidenceStream stream(EvidenceStream::Kind::correlated, 0.3, 0.0, 6);
  const std::vector<float> many = stream.scores(8000);
  const std::vector<float> few(many.begin(), many.begin() + 300);
  float before = 0.0F;
  for (const double rate : {1.0, 0.1, 1.0 / 168.0}) {
    CalibrationWish wish;
    wish.alarms_per_hour = rate;
    wish.between_sessions = 0.0F;
    const Calibration calibration = calibrated(many, wish);
    EXPECT_GT(calibration.settings.limit, before);
    // Classes of correlated neighbours make the rate uneven by a tenth from one limit to the next.
    EXPECT_NEAR(calibration.rate_per_hour / rate, 1.0, 0.15);
    // Where an alarm comes within minutes anyhow the smallest number of windows decides, not the data.
    if (rate < 1.0) {
      EXPECT_LT(calibration.settings.limit, calibrated(few, wish).settings.limit);
    }
    before = calibration.settings.limit;
  }
}

TEST(Calibrate, FewerThanFiveWindowsNeverAlarmFromRest) {
  EvidenceStream stream(EvidenceStream::Kind::correlated, 0.0, 0.0, 8);
  const std::vector<float> scores = stream.scores(2000);
  for (const double rate : {1000.0, 10.0, 0.1}) {
    CalibrationWish wish;
    wish.alarms_per_hour = rate;
    wish.between_sessions = 0.0F;
    SequentialDecision decision(calibrated(scores, wish).settings);
    // A knock that touches two windows, or a longer one that touches three.
    for (int i = 0; i < 3; ++i) EXPECT_NE(decision.push(1e9F), Level::alarm) << rate << ' ' << i;
    // What stays alarms soon.
    for (int i = 0; i < 12; ++i) decision.push(1e9F);
    EXPECT_EQ(decision.level(), Level::alarm) << rate;
  }
}

TEST(Calibrate, TheReferenceExceedsWhatSessionsDifferBy) {
  EvidenceStream stream(EvidenceStream::Kind::correlated, 0.0, 0.6, 11);
  std::vector<float> scores;
  std::vector<std::uint32_t> sessions;
  for (int i = 0; i < 40; ++i) {
    stream.begin_session();
    const std::vector<float> some = stream.scores(200);
    scores.insert(scores.end(), some.begin(), some.end());
    sessions.push_back(200);
  }
  const Calibration calibration = calibrated(scores, {}, sessions);
  // In units of all the scores' deviation, sqrt(1 + 0.36).
  EXPECT_NEAR(calibration.between_sessions, 0.6 / std::sqrt(1.36), 0.12);
  EXPECT_FLOAT_EQ(calibration.settings.reference,
                  4.0F * calibration.between_sessions * std::sqrt(41.0F / 40.0F));
  EXPECT_GT(calibration.settings.cap, calibration.settings.reference);
  // Equal sessions: the floor and the least reference.
  EvidenceStream calm(EvidenceStream::Kind::correlated, 0.0, 0.0, 12);
  const Calibration equal = calibrated(calm.scores(8000), {}, sessions);
  EXPECT_FLOAT_EQ(equal.between_sessions, 0.25F);
  EXPECT_FLOAT_EQ(equal.settings.reference, std::sqrt(41.0F / 40.0F));
  // A recording of a few windows beside a long one is none whose level is known.
  EvidenceStream moment(EvidenceStream::Kind::correlated, 0.3, 0.0, 13);
  std::vector<float> with_moment = moment.scores(2000);
  with_moment.push_back(std::exp(4.0F));
  with_moment.push_back(std::exp(4.0F));
  const Calibration one = calibrated(with_moment, {}, std::vector<std::uint32_t>{2000, 2});
  EXPECT_FLOAT_EQ(one.between_sessions, 0.25F);
  EXPECT_FLOAT_EQ(one.settings.reference, std::sqrt(2.0F));
  // One session says nothing of how others differ; the least reference is the caller's.
  CalibrationWish wish;
  EXPECT_FLOAT_EQ(calibrated(calm.scores(1000), wish).settings.reference, std::sqrt(2.0F));
  wish.between_sessions = 0.0F;
  EXPECT_FLOAT_EQ(calibrated(calm.scores(1000), wish).settings.reference, 1.0F);
}

TEST(Calibrate, OneOddSessionLeavesADecisionThatCanAlarm) {
  EvidenceStream stream(EvidenceStream::Kind::correlated, 0.0, 0.0, 3);
  std::vector<float> scores;
  std::vector<std::uint32_t> sessions;
  for (int session = 0; session < 12; ++session) {
    for (float score : stream.scores(100)) {
      scores.push_back(session == 11 ? score * std::exp(8.0F) : score);
    }
    sessions.push_back(100);
  }
  const Calibration calibration = calibrated(scores, {}, sessions);
  EXPECT_TRUE(is_valid(calibration.settings));
  EXPECT_GE(calibration.settings.cap, calibration.settings.reference + 1.0F);
}

TEST(Calibrate, SaysWhatTheDataSupportAndWhatIsMissing) {
  EvidenceStream stream(EvidenceStream::Kind::correlated, 0.0, 0.0, 13);
  const std::vector<float> scores = stream.scores(1000);
  CalibrationWish wish;
  const Calibration weekly = calibrated(scores, wish);
  const double independent = weekly.model.independent_windows;
  EXPECT_NEAR(independent, 1000.0, 120.0);
  EXPECT_NEAR(weekly.support.supported_per_hour,
              3600.0 / (kRunLengthPerIndependentWindow * independent * 0.64), 1e-6);
  const double wanted = 168.0 * 3600.0 / 0.64 / kRunLengthPerIndependentWindow;
  EXPECT_NEAR(weekly.support.minutes_missing, (wanted / independent - 1.0) * 1000.0 * 0.64 / 60.0,
              1e-6);
  wish.alarms_per_hour = weekly.support.supported_per_hour * 1.001;
  EXPECT_EQ(calibrated(scores, wish).support.minutes_missing, 0.0);
  wish.alarms_per_hour = weekly.support.supported_per_hour * 0.99;
  EXPECT_GT(calibrated(scores, wish).support.minutes_missing, 0.0);
}

TEST(Calibrate, SupportIsKnownWithoutALimit) {
  EvidenceStream stream(EvidenceStream::Kind::correlated, 0.4, 0.0, 13);
  EvidenceSummary summary;
  Summariser summariser(summary);
  for (int i = 0; i < 900; ++i) summariser.push(stream.evidence());
  summariser.end_session();
  std::vector<float> memory = memory_for(0);
  Calibration calibration;
  ASSERT_EQ(calibrate(summary, 0.0F, 1.0F, {}, memory, calibration), Status::ok);
  const Support support = support_of(summary, {});
  EXPECT_EQ(support.supported_per_hour, calibration.support.supported_per_hour);
  EXPECT_EQ(support.minutes_missing, calibration.support.minutes_missing);
  EXPECT_DOUBLE_EQ(support.normal_hours, 900.0 * 0.64 / 3600.0);
}

TEST(Calibrate, SlowWearMovesTheCentreOnlySoFar) {
  for (const float wear : {-0.5F, 0.5F, 3.0F, -3.0F}) {
    EvidenceStream stream(EvidenceStream::Kind::correlated, 0.0, 0.0, 21);
    EvidenceSummary summary;
    Summariser summariser(summary);
    for (int i = 0; i < 5000; ++i) summariser.push(stream.evidence() + wear);
    summariser.end_session();
    std::vector<float> memory = memory_for(0);
    Calibration calibration;
    ASSERT_EQ(calibrate(summary, -2.0F, 0.5F, {}, memory, calibration), Status::ok);
    EXPECT_NEAR(calibration.settings.location, -2.0F + 0.5F * std::clamp(wear, -1.0F, 1.0F), 0.03);
  }
}

TEST(Calibrate, CorrelatedDataSupportLess) {
  EvidenceStream free(EvidenceStream::Kind::correlated, 0.0, 0.0, 14);
  EvidenceStream bound(EvidenceStream::Kind::correlated, 0.8, 0.0, 14);
  EXPECT_GT(calibrated(bound.scores(4000), {}).support.supported_per_hour,
            5.0 * calibrated(free.scores(4000), {}).support.supported_per_hour);
}

TEST(Calibrate, WhatIsRefused) {
  EvidenceStream stream(EvidenceStream::Kind::correlated, 0.0, 0.0, 15);
  std::vector<float> scores = stream.scores(100);
  std::vector<float> memory = memory_for(100);
  Calibration calibration;
  const auto status = [&](const CalibrationWish& wish = {},
                          const std::vector<std::uint32_t>& sessions = {}) {
    return calibrate(scores, sessions, wish, memory, calibration);
  };
  EXPECT_EQ(status(), Status::ok);
  CalibrationWish never;
  never.alarms_per_hour = 0.0;
  EXPECT_EQ(status(never), Status::bad_configuration);
  CalibrationWish timeless;
  timeless.window_seconds = std::nan("");
  EXPECT_EQ(status(timeless), Status::bad_configuration);
  CalibrationWish negative;
  negative.between_sessions = -1.0F;
  EXPECT_EQ(status(negative), Status::bad_configuration);
  CalibrationWish invalid;
  invalid.decision.lambda = 0.0F;
  EXPECT_EQ(status(invalid), Status::bad_configuration);
  EXPECT_EQ(status({}, {60, 41}), Status::bad_configuration);
  EXPECT_EQ(status({}, {60, 40}), Status::ok);
  EXPECT_EQ(status({}, {0, 60, 0, 40, 0}), Status::ok);
  memory.resize(memory.size() - 1);
  EXPECT_EQ(status(), Status::workspace_too_small);
  memory = memory_for(100);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    scores[50] = bad;
    EXPECT_EQ(status(), Status::not_finite);
  }
  scores.resize(kFewestCalibrationWindows - 1);
  EXPECT_EQ(status(), Status::too_few_windows);
}

TEST(Calibrate, ScoresThatNeverVaryStillDecide) {
  for (const float value : {0.0F, 0.25F}) {
    const std::vector<float> scores(200, value);
    const Calibration calibration = calibrated(scores, {});
    ASSERT_TRUE(is_valid(calibration.settings));
    SequentialDecision decision(calibration.settings);
    for (int i = 0; i < 1000; ++i) {
      ASSERT_EQ(decision.push(evidence_of(value, calibration.settings)), Level::normal);
    }
    for (int i = 0; i < 100; ++i) decision.push(evidence_of(0.5F, calibration.settings));
    EXPECT_EQ(decision.level(), Level::alarm);
  }
}

TEST(Calibrate, EveryKindGetsALimit) {
  EvidenceStream stream(EvidenceStream::Kind::correlated, 0.0, 0.0, 16);
  const std::vector<float> scores = stream.scores(2000);
  for (std::uint8_t kind = 0; kind < kDecisionKinds; ++kind) {
    float before = 0.0F;
    for (const double rate : {60.0, 0.006}) {
      CalibrationWish wish;
      wish.alarms_per_hour = rate;
      wish.between_sessions = 0.0F;
      wish.decision.kind = static_cast<DecisionKind>(kind);
      const Calibration calibration = calibrated(scores, wish);
      EXPECT_TRUE(is_valid(calibration.settings));
      EXPECT_GT(calibration.settings.limit, before) << int{kind} << ' ' << rate;
      before = calibration.settings.limit;
    }
  }
}

TEST(Calibrate, TheSameBitsEverywhere) {
  // Integer arithmetic makes the scores, so that only the calibration is looked at.
  Random random(2026);
  std::vector<float> scores(1000);
  for (float& score : scores) score = 0.5F + random.uniform() * random.uniform();
  const auto bits = [](float x) { return std::bit_cast<std::uint32_t>(x); };
  const Calibration calibration = calibrated(scores, {});
  EXPECT_EQ(bits(calibration.settings.location), 3200088700U);
  EXPECT_EQ(bits(calibration.settings.scale), 1049864188U);
  EXPECT_EQ(bits(calibration.settings.limit), 1100339776U);
  CalibrationWish wish;
  wish.decision.kind = DecisionKind::glr;
  EXPECT_EQ(bits(calibrated(scores, wish).settings.limit), 1080381343U);
}

TEST(Calibrator, InPiecesOfAnySizeFindsTheSameBits) {
  EvidenceStream stream(EvidenceStream::Kind::correlated, 0.4, 0.0, 3);
  EvidenceSummary summary;
  Summariser summariser(summary);
  for (int i = 0; i < 3000; ++i) summariser.push(stream.evidence());
  summariser.end_session();
  std::vector<float> memory(run_length_floats(30));
  Calibration whole;
  ASSERT_EQ(calibrate(summary, -1.0F, 0.5F, {}, memory, whole), Status::ok);
  for (const std::int64_t work : {std::int64_t{1}, std::int64_t{7000}, std::int64_t{1} << 40}) {
    Calibrator calibrator;
    std::ranges::fill(memory, -7.0F);  // nothing depends on what was there
    ASSERT_EQ(calibrator.begin(summary, -1.0F, 0.5F, {}, memory), Status::ok);
    int pieces = 1;
    while (!calibrator.step(work)) ++pieces;
    EXPECT_EQ(calibrator.result().settings, whole.settings) << work;
    EXPECT_EQ(calibrator.result().rate_per_hour, whole.rate_per_hour) << work;
    EXPECT_TRUE(work > 7000 || pieces > 100) << pieces;
    EXPECT_TRUE(calibrator.step(work));  // it stays finished
  }
}

TEST(Calibrator, IsContentWithACoarseLatticeAndSaysWhereEvenThatHasNoRoom) {
  EvidenceSummary summary;
  Summariser summariser(summary);
  for (int i = 0; i < 200; ++i) summariser.push(static_cast<float>(i % 7 - 3) * 0.5F);
  std::vector<float> memory(run_length_floats(kFewestCells));
  Calibrator calibrator;
  EXPECT_EQ(calibrator.begin(summary, 0.0F, 1.0F, {}, memory), Status::ok);
  memory.resize(memory.size() - 1);
  EXPECT_EQ(calibrator.begin(summary, 0.0F, 1.0F, {}, memory), Status::workspace_too_small);
  EXPECT_TRUE(calibrator.step());
  CalibrationWish other;
  other.decision.kind = DecisionKind::ewma;
  memory.resize(2048);
  EXPECT_EQ(calibrator.begin(summary, 0.0F, 1.0F, other, memory), Status::workspace_too_small);
}

}  // namespace
}  // namespace fettle
