// SPDX-License-Identifier: Apache-2.0
// Burn-in at work: what normal running on site makes of a decision, and what it never may.
#include "core/learn/refinement.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

#include "detector_generated.h"
#include "tests/support/evidence_streams.hpp"
#include "tests/support/hand_made.hpp"
#include "tests/support/trained.hpp"

namespace fettle {
namespace {

using test::EvidenceStream;

constexpr double kAsked = 1.0 / 168.0;
constexpr float kModelHours = 2.0F;
constexpr std::uint32_t kQuarantine = 5625;  // an hour of windows of 0.64 s
constexpr std::uint32_t kDay = 135'000;      // windows of 0.64 s

/// A model that rests on two hours: it vouches for an alarm every ten, a week was asked.
class File {
 public:
  explicit File(double asked_per_hour, float between_sessions = 0.25F)
      : bytes_(make(asked_per_hour, between_sessions)),
        workspace_(Int8Network::workspace_bytes(bytes_.view())) {
    const Fault fault = load_detector(bytes_.view(), workspace_, model);
    EXPECT_TRUE(fault.ok()) << describe(fault.status);
  }
  DetectorModel model;

 private:
  static test::AlignedBytes make(double asked_per_hour, float between_sessions) {
    test::Trained trained;
    trained.spec = {FeatureSet::tutorial, 3, false};
    trained.window = {128, 200.0F};
    TrainingSettings settings;
    settings.epochs = 1;
    test::train(trained, test::simulated_features(trained.spec, trained.window, 40, 1), settings);
    DetectorDescription description = test::describe_trained(trained, {});
    DecisionRecord& decision = description.decision.emplace();
    decision.settings.location = -1.0F;
    decision.settings.scale = 0.5F;
    decision.settings.reference = 1.4F;
    decision.settings.limit = 11.0F;
    decision.settings.cap = 7.0F;
    decision.asked_per_hour = static_cast<float>(asked_per_hour);
    decision.stated_per_hour = 0.1F;
    decision.supported_per_hour = 0.1F;
    decision.normal_hours = kModelHours;
    decision.minutes_missing = 1000.0F;
    decision.between_sessions = between_sessions;
    return test::AlignedBytes(test::detector_bytes(trained.quantised, description));
  }
  test::AlignedBytes bytes_;
  std::vector<std::byte> workspace_;
};

WindowResult said(float evidence, Verdict verdict = Verdict::normal) {
  WindowResult result;
  result.evidence = evidence;
  result.verdict = verdict;
  return result;
}

class RefinementTest : public testing::Test {
 protected:
  /// Windows of a healthy machine, mean and deviation in units of the model's file.
  void live(std::uint32_t windows, float mean = 0.0F, float deviation = 1.0F) {
    for (std::uint32_t i = 0; i < windows; ++i) {
      refinement_.push(said(mean + deviation * stream_.evidence()));
    }
  }
  [[nodiscard]] std::uint32_t accepted() const { return refinement_.burn_in().accepted().windows; }
  [[nodiscard]] const DecisionSettings& settings() const {
    return pipeline_.decision()->settings();
  }
  Status refine() { return refinement_.refine(pipeline_, memory_); }

  static const DetectorModel& model() {
    static const File file(kAsked);
    return file.model;
  }
  Pipeline pipeline_{model()};
  Refinement refinement_{model()};
  Refinement::Memory memory_;
  EvidenceStream stream_{EvidenceStream::Kind::correlated, 0.0, 0.0, 11};
};

TEST_F(RefinementTest, BeginsWithWhatTheModelsFileSays) {
  EXPECT_NEAR(refinement_.asked_per_hour(), kAsked, 1e-9);
  EXPECT_NEAR(refinement_.stated_per_hour(), 0.1, 1e-6);
  EXPECT_NEAR(refinement_.support().normal_hours, static_cast<double>(kModelHours), 1e-6);
  EXPECT_NEAR(refinement_.support().minutes_missing, 1000.0, 1e-3);
  EXPECT_FALSE(refinement_.due());
}

TEST_F(RefinementTest, LessThanTheModelRestsOnChangesNothing) {
  live(2 * kQuarantine + 1);
  ASSERT_EQ(accepted(), kQuarantine);  // an hour
  EXPECT_TRUE(refinement_.due());
  EXPECT_EQ(refine(), Status::ok);
  EXPECT_EQ(settings(), *model().decision);
  EXPECT_NEAR(refinement_.stated_per_hour(), 0.1, 1e-6);
  EXPECT_NEAR(refinement_.support().normal_hours, static_cast<double>(kModelHours), 1e-6);
  EXPECT_FALSE(refinement_.due());  // it was looked at
}

// What burn-in finds may be a tiny limit; a machine that breaks must not take a minute for that.
TEST_F(RefinementTest, ABrokenMachineAlarmsAfterFiveToSixWindowsHoweverMuchWasLearned) {
  for (const double asked : {kAsked, 1.0 / 24.0, 1.0}) {
    const File file(asked);
    Refinement refinement(file.model);
    Pipeline pipeline(file.model);
    Refinement::Memory memory;
    EvidenceStream stream(EvidenceStream::Kind::correlated, 0.0, 0.0, 12);
    for (std::uint32_t i = 0; i < 30 * kQuarantine; ++i) refinement.push(said(stream.evidence()));
    ASSERT_EQ(refinement.refine(pipeline, memory), Status::ok);
    SequentialDecision decision(pipeline.decision()->settings());
    int windows = 0;
    while (decision.level() != Level::alarm && windows < 100) {
      decision.push(20.0F);
      ++windows;
    }
    EXPECT_GE(windows, 5) << asked;
    EXPECT_LE(windows, 6) << asked << ", limit " << decision.settings().limit;
  }
}

TEST_F(RefinementTest, MoreThanTheModelRestsOnMakesTheDecisionBetter) {
  live(4 * kQuarantine + 1);
  ASSERT_EQ(accepted(), 3 * kQuarantine);  // three hours
  EXPECT_EQ(refine(), Status::ok);
  EXPECT_NE(settings(), *model().decision);
  EXPECT_NEAR(refinement_.support().normal_hours, 3.0, 1e-9);
  EXPECT_LT(refinement_.stated_per_hour(), 0.1);
  EXPECT_GT(refinement_.stated_per_hour(), kAsked);  // not yet
  EXPECT_GT(refinement_.support().minutes_missing, 0.0);
  // The limit is that of the rate which is stated, not of the rarer one that was asked.
  const auto limit_for = [&](double alarms_per_hour) {
    CalibrationWish wish;
    wish.alarms_per_hour = alarms_per_hour;
    Calibration found;
    const DecisionSettings& file = *model().decision;
    wish.decision.cap = DecisionSettings{}.cap;
    EXPECT_EQ(calibrate(refinement_.burn_in().accepted(), file.location, file.scale, wish,
                        memory_.lattice, found),
              Status::ok);
    return found.settings.limit;
  };
  EXPECT_NEAR(settings().limit, limit_for(refinement_.stated_per_hour()), 0.05F);
  EXPECT_LT(settings().limit, limit_for(kAsked) - 0.2F);
}

TEST_F(RefinementTest, AnAlarmAlwaysTakesMoreThanAWindowOrTwo) {
  const File often(60.0);
  Pipeline pipeline(often.model);
  Refinement refinement(often.model);
  for (std::uint32_t i = 0; i < kDay; ++i) refinement.push(said(stream_.evidence()));
  EXPECT_EQ(refinement.refine(pipeline, memory_), Status::ok);
  EXPECT_NE(pipeline.decision()->settings(), *often.model.decision);
  EXPECT_EQ(pipeline.decision()->settings().limit, 4.0F);
}

TEST_F(RefinementTest, ADayOfNormalRunningSupportsWhatWasAsked) {
  live(kDay);
  EXPECT_EQ(refine(), Status::ok);
  EXPECT_EQ(refinement_.stated_per_hour(), refinement_.asked_per_hour());
  EXPECT_EQ(refinement_.support().minutes_missing, 0.0);
  EXPECT_TRUE(is_valid(settings()));
  EXPECT_EQ(settings().kind, model().decision->kind);
  EXPECT_GE(settings().limit, 4.0F);
  // The file's own units are those of a machine that is as it was learned.
  EXPECT_NEAR(settings().location, model().decision->location, 0.02F);
  EXPECT_NEAR(settings().scale, model().decision->scale, 0.02F);
  // And it holds: in four weeks not more alarms than some.
  SequentialDecision decision(settings());
  int alarms = 0;
  bool active = false;
  for (std::uint32_t i = 0; i < 28 * kDay; ++i) {
    const float log_score =
        model().decision->location + model().decision->scale * stream_.evidence();
    const bool alarm =
        decision.push((log_score - settings().location) / settings().scale) == Level::alarm;
    if (alarm && !active) ++alarms;
    active = alarm;
  }
  EXPECT_LE(alarms, 12);
}

TEST_F(RefinementTest, AQuietTimeDoesNotMakeWhatIsUsualSuspicious) {
  const DecisionSettings& file = *model().decision;
  const auto lowered = [&] { return (file.location - settings().location) / file.scale; };
  live(5 * kQuarantine, -1.0F, 0.4F);
  EXPECT_EQ(refine(), Status::ok);
  EXPECT_NEAR(lowered(), 3.0F / 27.0F, 0.03F);  // three hours beside a day
  live(kDay, -1.0F, 0.4F);
  EXPECT_EQ(refine(), Status::ok);
  EXPECT_NE(settings(), file);
  EXPECT_NEAR(lowered(), 0.5F, 0.03F);  // and no further
  EXPECT_EQ(settings().scale, model().decision->scale);
  EXPECT_GE(settings().limit, 4.0F);
}

TEST_F(RefinementTest, AMachineThatVariesMoreIsGivenMoreRoom) {
  live(kDay, 0.5F, 1.5F);
  EXPECT_EQ(refine(), Status::ok);
  const DecisionSettings& file = *model().decision;
  EXPECT_NEAR(settings().location, file.location + 0.5F * file.scale, 0.03F);
  EXPECT_NEAR(settings().scale, 1.5F * file.scale, 0.05F);
}

TEST_F(RefinementTest, AnAlarmTeachesNothing) {
  live(4 * kQuarantine + 1);
  const EvidenceSummary before = refinement_.burn_in().accepted();
  for (std::uint32_t i = 0; i < kDay; ++i) refinement_.push(said(5.0F, Verdict::alarm));
  EXPECT_EQ(refinement_.burn_in().accepted(), before);
  EXPECT_EQ(refinement_.burn_in().held(), 0U);
  EXPECT_EQ(refinement_.burn_in().discarded(), kQuarantine + 1 + kDay);
  // Nor does what led to it.
  live(2 * kQuarantine - 1, 3.0F);
  refinement_.push(said(5.0F, Verdict::alarm));
  EXPECT_EQ(refinement_.burn_in().accepted(), before);
}

TEST_F(RefinementTest, WarningsAreCountedAsSuch) {
  live(2 * kQuarantine);
  for (std::uint32_t i = 0; i <= kQuarantine / BurnIn::kWarningsAre1In; ++i) {
    refinement_.push(said(2.0F, Verdict::warning));
  }
  EXPECT_EQ(refinement_.burn_in().held(), 0U);
}

TEST_F(RefinementTest, AMovedSensorHidesNoWarning) {
  live(2 * kQuarantine);
  for (std::uint32_t i = 0; i <= kQuarantine / BurnIn::kWarningsAre1In; ++i) {
    WindowResult result = said(2.0F, Verdict::sensor_moved);
    result.share = 0.7F;
    refinement_.push(result);
  }
  EXPECT_EQ(refinement_.burn_in().held(), 0U);
}

TEST_F(RefinementTest, WhatWasNotJudgedIsNoNeighbourAndDiscardsNothing) {
  live(100);
  for (int i = 0; i < 50; ++i)
    refinement_.push(said(WindowResult::kNoEvidence, Verdict::cannot_judge));
  // An alarm that stands while the machine is off says nothing new.
  refinement_.push(said(WindowResult::kNoEvidence, Verdict::alarm));
  EXPECT_EQ(refinement_.burn_in().held(), 100U);
  EXPECT_EQ(refinement_.burn_in().discarded(), 0U);
  live(2 * kQuarantine);
  EXPECT_EQ(refinement_.burn_in().accepted().windows, kQuarantine);
  EXPECT_EQ(refinement_.burn_in().accepted().pairs,
            kQuarantine - 2);  // the first, and the one after
}

TEST_F(RefinementTest, IsDueWhenAQuarterMoreHasCome) {
  std::uint32_t refined_at = 0;
  int times = 0;
  for (std::uint32_t i = 0; i < kDay; ++i) {
    live(1);
    const bool expected = accepted() >= kQuarantine && 4 * accepted() >= 5 * (refined_at / 4 * 4);
    ASSERT_EQ(refinement_.due(), expected) << accepted() << " after " << refined_at;
    if (!refinement_.due()) continue;
    refined_at = accepted();
    ++times;
    ASSERT_EQ(refine(), Status::ok);
    ASSERT_FALSE(refinement_.due());
  }
  // 1, 2, 3, 4, 5, 7, 9, 12, 15, 19 quarantines.
  EXPECT_EQ(times, 10);
}

TEST_F(RefinementTest, WhatWasStoredIsTakenUpAgain) {
  live(kDay);
  ASSERT_EQ(refine(), Status::ok);
  std::array<std::uint8_t, BurnIn::kBytes> bytes{};
  refinement_.burn_in().write(bytes);
  Pipeline pipeline(model());
  Refinement again(model());
  ASSERT_TRUE(again.burn_in().read(bytes));
  EXPECT_TRUE(again.due());
  EXPECT_EQ(again.refine(pipeline, memory_), Status::ok);
  EXPECT_EQ(pipeline.decision()->settings(), settings());
  EXPECT_EQ(again.stated_per_hour(), refinement_.stated_per_hour());
}

TEST_F(RefinementTest, NeitherRaisesAnAlarmNorEndsOne) {
  live(kDay);
  WindowSummary summary;
  std::array<float, 6> wild;
  const auto judge = [&] {
    wild.fill(1e3F);
    return pipeline_.judge(wild, summary);
  };
  while (judge().verdict != Verdict::alarm) {
  }
  const float share = pipeline_.decision()->share();
  ASSERT_EQ(refine(), Status::ok);
  EXPECT_EQ(pipeline_.decision()->level(), Level::alarm);
  EXPECT_NEAR(pipeline_.decision()->share(), share, 1e-5F);
}

TEST_F(RefinementTest, OverlappingWindowsAreNotMoreTime) {
  WindowShape halves = model().window;
  halves.hop = halves.samples / 2;
  Refinement overlapping(model(), halves);
  for (std::uint32_t i = 0; i < kDay; ++i) overlapping.push(said(stream_.evidence()));
  EXPECT_NEAR(overlapping.progress().normal_hours, 12.0 - 2.0, 1e-9);  // two are in quarantine
}

TEST_F(RefinementTest, APieceIsBounded) {
  live(kDay);
  ASSERT_EQ(refinement_.begin(memory_), Status::ok);
  ASSERT_TRUE(refinement_.working());
  EXPECT_FALSE(refinement_.due());
  int pieces = 1;
  while (!refinement_.step()) {
    ++pieces;
    live(1);  // normal running goes on meanwhile
  }
  EXPECT_FALSE(refinement_.working());
  EXPECT_GT(pieces, 20);
  EXPECT_LT(pieces, 20'000);  // at 20 ms from step to step some minutes
  std::printf("%d pieces of %d multiplications at most\n", pieces,
              static_cast<int>(Calibrator::kWork));
  const DecisionSettings in_pieces = refinement_.settings();
  Pipeline pipeline(model());
  Refinement again(model());
  EvidenceStream stream{EvidenceStream::Kind::correlated, 0.0, 0.0, 11};
  for (std::uint32_t i = 0; i < kDay; ++i) again.push(said(stream.evidence()));
  ASSERT_EQ(again.refine(pipeline, memory_), Status::ok);
  EXPECT_EQ(again.settings(), in_pieces);
}

/// A journey of evidence through the decision that is in force, as a board has it.
class Machine {
 public:
  explicit Machine(const DetectorModel& model)
      : file_(*model.decision), decision_(file_), refinement(model) {}

  WindowResult window(float evidence) {
    const float log_score = file_.location + file_.scale * evidence;
    const DecisionSettings& now = decision_.settings();
    const Level level = decision_.push((log_score - now.location) / now.scale);
    WindowResult result;
    result.evidence = evidence;
    result.share = decision_.share();
    result.verdict = level == Level::alarm     ? Verdict::alarm
                     : level == Level::warning ? Verdict::warning
                                               : Verdict::normal;
    refinement.push(result);
    return result;
  }
  /// @return windows until the alarm; `most` if there is none
  std::uint32_t until_alarm(float evidence, std::uint32_t most) {
    for (std::uint32_t i = 1; i <= most; ++i) {
      if (window(evidence).verdict == Verdict::alarm) return i;
    }
    return most;
  }
  void rest(std::uint32_t windows) {
    for (std::uint32_t i = 0; i < windows; ++i) window(-0.5F);
  }
  void say_false() {
    refinement.was_false();
    decision_.adopt(refinement.settings());
  }
  [[nodiscard]] const DecisionSettings& settings() const { return decision_.settings(); }

 private:
  DecisionSettings file_;
  SequentialDecision decision_;

 public:
  Refinement refinement;
};

TEST_F(RefinementTest, AFalseAlarmThatComesAgainRaisesNone) {
  Machine machine(model());
  machine.rest(100);
  // A disturbance of 12 windows, of which the last few raise the alarm.
  const auto disturbance = [&] {
    bool alarm = false;
    for (int i = 0; i < 12; ++i) alarm = machine.window(2.5F).verdict == Verdict::alarm || alarm;
    machine.rest(200);
    return alarm;
  };
  ASSERT_TRUE(disturbance());
  machine.say_false();
  EXPECT_GT(machine.refinement.raise(), 1.0F);
  EXPECT_LE(machine.refinement.raise(), Refinement::kMostRaise);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(disturbance());
}

TEST_F(RefinementTest, NoAnswerHidesAFault) {
  Machine machine(model());
  Machine untouched(model());
  untouched.rest(100);
  machine.rest(100);
  // Whoever calls a lasting fault false again and again.
  for (int i = 0; i < 20; ++i) {
    ASSERT_LT(machine.until_alarm(2.5F, 10'000), 10'000U);
    for (int k = 0; k < 300; ++k) machine.window(2.5F);
    machine.rest(500);
    machine.say_false();
  }
  EXPECT_EQ(machine.refinement.raise(), Refinement::kMostRaise);
  EXPECT_EQ(machine.settings().reference, untouched.settings().reference);
  EXPECT_EQ(machine.settings().location, untouched.settings().location);
  EXPECT_EQ(machine.settings().cap, untouched.settings().cap);
  machine.rest(2000);
  for (const float severity : {2.0F, 2.5F, 4.0F, 8.0F}) {
    machine.rest(2000);
    untouched.rest(2000);
    const std::uint32_t before = untouched.until_alarm(severity, 1000);
    const std::uint32_t after = machine.until_alarm(severity, 1000);
    EXPECT_GE(after, before) << severity;
    EXPECT_LE(after, 2 * before + 1) << severity;
  }
}

TEST_F(RefinementTest, TheRaiseHoldsAfterTheNextRefinement) {
  Machine machine(model());
  for (std::uint32_t i = 0; i < 4 * kQuarantine; ++i) machine.window(stream_.evidence());
  for (int i = 0; i < 9; ++i) machine.window(3.0F);
  machine.rest(200);
  machine.say_false();
  const float raised = machine.refinement.raise();
  ASSERT_GT(raised, 1.0F);
  for (std::uint32_t i = 0; i < 4 * kQuarantine; ++i) machine.window(stream_.evidence());
  Pipeline pipeline(model());
  ASSERT_EQ(machine.refinement.refine(pipeline, memory_), Status::ok);
  EXPECT_GE(machine.refinement.raise(), 1.0F);
  EXPECT_LE(machine.refinement.raise(), Refinement::kMostRaise);
  // The same nine windows stay quiet under the new settings.
  SequentialDecision decision(machine.refinement.settings());
  const DecisionSettings& file = *model().decision;
  bool alarm = false;
  for (int i = 0; i < 9; ++i) {
    const float log_score = file.location + file.scale * 3.0F;
    const DecisionSettings& now = decision.settings();
    alarm = alarm || decision.push((log_score - now.location) / now.scale) == Level::alarm;
  }
  EXPECT_FALSE(alarm);
}

TEST_F(RefinementTest, WhatLedToAFalseAlarmIsNormalRunning) {
  live(2 * kQuarantine);
  refinement_.push(said(5.0F, Verdict::alarm));
  EXPECT_EQ(accepted(), 0U);
  EXPECT_EQ(refinement_.burn_in().aside(), 2 * kQuarantine);
  refinement_.was_false();
  EXPECT_EQ(accepted(), 2 * kQuarantine);
  EXPECT_EQ(refinement_.burn_in().accepted().sessions, 1U);
  EXPECT_EQ(refinement_.burn_in().discarded(), 1U);  // the alarm's own
  refinement_.was_false();                           // once
  EXPECT_EQ(accepted(), 2 * kQuarantine);
}

// An alarm of windows that teach nothing, at a speed that was not learned: "false" is not about the one before.
TEST_F(RefinementTest, AnAnswerTeachesWhatLedToThatAlarmAndToNoOther) {
  live(2 * kQuarantine);
  refinement_.push(said(5.0F, Verdict::alarm));
  live(100);
  WindowResult elsewhere = said(std::numeric_limits<float>::quiet_NaN(), Verdict::alarm);
  elsewhere.alarm = true;
  refinement_.push(elsewhere);
  EXPECT_EQ(refinement_.burn_in().aside(), 0U);
  refinement_.was_false();
  EXPECT_EQ(accepted(), 0U);
}

// An hour is an hour, whatever windows are.
TEST_F(RefinementTest, TheQuarantineIsTime) {
  EXPECT_EQ(refinement_.burn_in().quarantine(), kQuarantine);
  const auto quarantine = [](std::uint32_t samples, float rate_hz, std::uint32_t hop) {
    return Refinement(model(), WindowShape{samples, rate_hz, hop}).burn_in().quarantine();
  };
  EXPECT_EQ(quarantine(256, 1000.0F, 0), 14063U);
  EXPECT_EQ(quarantine(256, 200.0F, 0), 2813U);
  EXPECT_EQ(quarantine(128, 200.0F, 32), 22500U);
  EXPECT_EQ(quarantine(64, 1000.0F, 0), 32767U);  // as many as it can hold
}

// Recordings of other days have said how they differ; a quiet day on site does not take that back.
TEST_F(RefinementTest, KeepsWhatRecordingsSaidOfSessions) {
  const File several(kAsked, 0.6F);
  Refinement refinement(several.model);
  Pipeline pipeline(several.model);
  for (std::uint32_t i = 0; i < 12 * kQuarantine; ++i) refinement.push(said(stream_.evidence()));
  ASSERT_EQ(refinement.refine(pipeline, memory_), Status::ok);
  const float reference = pipeline.decision()->settings().reference;
  EXPECT_GE(reference, 4.0F * 0.6F);
  EXPECT_LT(reference, 4.0F * 0.6F * 1.1F);  // eleven hours are eleven sessions
}

TEST_F(RefinementTest, AMomentIsNoSession) {
  live(100, 2.0F);
  refinement_.push(said(5.0F, Verdict::alarm));
  refinement_.was_false();
  EXPECT_EQ(accepted(), 100U);
  EXPECT_EQ(refinement_.burn_in().accepted().sessions, 0U);
}

TEST_F(RefinementTest, AFaultTeachesNothingUntilItIsServiced) {
  live(4 * kQuarantine + 1);
  const EvidenceSummary before = refinement_.burn_in().accepted();
  refinement_.push(said(5.0F, Verdict::alarm));
  live(100);
  refinement_.was_true();
  EXPECT_TRUE(refinement_.waits());
  EXPECT_EQ(refinement_.burn_in().held(), 0U);
  EXPECT_EQ(refinement_.burn_in().aside(), 0U);
  // Nearly an hour of normal running, and an alarm: it is not over. Nor with many warnings.
  for (int times = 0; times < 3; ++times) {
    live(kQuarantine - 1);
    refinement_.push(said(5.0F, Verdict::alarm));
  }
  for (std::uint32_t i = 0; i < kDay; ++i) {
    refinement_.push(said(1.0F, i % 8 == 0 ? Verdict::warning : Verdict::normal));
  }
  EXPECT_TRUE(refinement_.waits());
  EXPECT_EQ(refinement_.burn_in().accepted(), before);
  EXPECT_EQ(refinement_.burn_in().held(), 0U);
  refinement_.serviced();
  EXPECT_FALSE(refinement_.waits());
  live(2 * kQuarantine + 1);
  EXPECT_EQ(accepted(), before.windows + kQuarantine);
  // Or it has gone by itself; now and then a healthy machine warns.
  refinement_.was_true();
  live(kQuarantine / 2);
  refinement_.push(said(1.0F, Verdict::warning));
  live(kQuarantine / 2);
  EXPECT_TRUE(refinement_.waits());
  live(20);
  EXPECT_FALSE(refinement_.waits());
}

TEST_F(RefinementTest, AllOfItIsStored) {
  live(kDay);
  ASSERT_EQ(refine(), Status::ok);
  WindowResult alarm = said(5.0F, Verdict::alarm);
  alarm.share = 1.3F;
  refinement_.push(alarm);
  refinement_.was_true();
  refinement_.push(said(0.0F, Verdict::normal));
  refinement_.push(alarm);
  refinement_.was_false();
  ASSERT_GT(refinement_.raise(), 1.0F);
  std::array<std::uint8_t, Refinement::kBytes> bytes{};
  refinement_.write(bytes);
  Refinement again(model());
  ASSERT_TRUE(again.read(bytes));
  EXPECT_EQ(again.settings(), refinement_.settings());
  EXPECT_EQ(again.burn_in().accepted(), refinement_.burn_in().accepted());
  EXPECT_NEAR(again.stated_per_hour(), refinement_.stated_per_hour(), 1e-9);
  EXPECT_NEAR(again.support().normal_hours, refinement_.support().normal_hours, 1e-5);
  EXPECT_TRUE(again.waits());
  EXPECT_FALSE(again.due());
  std::array<std::uint8_t, Refinement::kBytes> twice{};
  again.write(twice);
  EXPECT_EQ(twice, bytes);
}

TEST_F(RefinementTest, NumbersThatThisModelCannotHaveMadeAreRefused) {
  live(kDay);
  ASSERT_EQ(refine(), Status::ok);
  std::array<std::uint8_t, Refinement::kBytes> good{};
  refinement_.write(good);
  Refinement again(model());
  // Location, scale, cap, reference, limit, the support and the sum of a false alarm.
  for (const std::size_t at : {440U, 444U, 448U, 452U, 456U, 460U, 464U, 468U, 476U}) {
    for (const float wrong : {std::numeric_limits<float>::quiet_NaN(), -1e30F,
                              std::numeric_limits<float>::infinity()}) {
      std::array<std::uint8_t, Refinement::kBytes> bytes = good;
      const auto bits = std::bit_cast<std::uint32_t>(wrong);
      for (std::size_t i = 0; i < 4; ++i) {
        bytes[at + i] = static_cast<std::uint8_t>(bits >> (8 * i));
      }
      EXPECT_FALSE(again.read(bytes)) << at << " " << static_cast<double>(wrong);
    }
  }
  for (const std::size_t at : {0U, 4U, 435U, 436U, 475U}) {
    std::array<std::uint8_t, Refinement::kBytes> bytes = good;
    bytes[at] = static_cast<std::uint8_t>(bytes[at] + 7);
    EXPECT_FALSE(again.read(bytes)) << at;
  }
  EXPECT_EQ(again.burn_in().accepted().windows, 0U);
  EXPECT_EQ(again.settings(), *model().decision);
  EXPECT_TRUE(again.read(good));
}

}  // namespace
}  // namespace fettle
