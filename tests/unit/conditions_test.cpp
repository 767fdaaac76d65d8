// SPDX-License-Identifier: Apache-2.0
// Whether a window can be judged: each reason, alone and in the order in which they count.
#include "core/decision/conditions.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

namespace fettle {
namespace {

const FeatureSpec kSpec{FeatureSet::vibration, 6, false};
constexpr std::array<float, 20> kSlowMean = {-2.0F, -0.5F, 0.5F, 0.3F};
constexpr std::array<float, 20> kFastMean = {-1.0F, -0.5F, 0.5F, 0.4F};

Baseline baseline() {
  Baseline b;
  b.points = 2;
  b.point[0] = {18.0F, 22.0F, 20.0F, kSlowMean, {}};
  b.point[1] = {36.0F, 44.0F, 40.0F, kFastMean, {}};
  b.off_g = 0.05F;
  b.confidence = 0.4F;
  b.steady_ratio = 1.04F;
  b.margin = 4.0F;
  b.gravity = {0.0F, 0.0F, 1.0F};
  b.moved_cosine = std::cos(3.0F * 3.14159265F / 180.0F);
  return b;
}

WindowSummary running(float hz = 20.0F) {
  WindowSummary window;
  window.speed = {hz, 0.9F};
  window.accelerometer_rms_g = 0.2F;
  window.gravity_g = {0.0F, 0.0F, 1.0F};
  window.gravity_size_g = 1.0F;
  return window;
}

class ConditionsTest : public testing::Test {
 protected:
  Condition look(const WindowSummary& window, bool gap = false, float rate = 1.0F) {
    features_ = window.speed.hz < 30.0F ? kSlowMean : kFastMean;
    features_[0] += level_;
    return conditions_.look(window, features_, gap, rate);
  }
  /// So many windows that what was before is forgotten.
  void settle(float hz = 20.0F) {
    for (std::uint32_t i = 0; i < 1 + kSettlingWindows; ++i) look(running(hz));
  }
  Baseline baseline_ = baseline();
  Conditions conditions_{baseline_, kSpec, {128, 200.0F}};
  std::array<float, 20> features_{};
  float level_ = 0.0F;  // above the baseline's
};

TEST_F(ConditionsTest, SteadyRunningAtALearnedSpeedIsJudgedByItsPoint) {
  Condition condition = look(running());
  EXPECT_EQ(condition.reason, Reason::none);
  EXPECT_TRUE(condition.counts);
  EXPECT_EQ(condition.point, 0);
  EXPECT_EQ(condition.margin, 0.0F);
  for (const float left : features_) EXPECT_NEAR(left, 0.0F, 1e-6F);
  settle(40.0F);
  condition = look(running(40.0F));
  EXPECT_EQ(condition.reason, Reason::none);
  EXPECT_EQ(condition.point, 1);
  for (const float left : features_) EXPECT_NEAR(left, 0.0F, 1e-6F);
}

TEST_F(ConditionsTest, WhatAnotherSpeedMakesOfLevelsIsTakenAway) {
  Condition condition = look(running(21.0F));
  EXPECT_EQ(condition.reason, Reason::none);
  const float off = std::log(21.0F / 20.0F);
  for (std::size_t i = 0; i < features_.size(); ++i) {
    EXPECT_NEAR(features_[i], -kVibrationFeatures[i].slope * off, 1e-5F) << i;
  }
  // Three times 40 Hz is beyond the spectrum, and says nothing; twice is within.
  settle(40.0F);
  features_ = kFastMean;
  features_[10] += 0.3F;
  features_[11] += 0.3F;
  (void)conditions_.look(running(40.0F), features_, false, 1.0F);
  EXPECT_NEAR(features_[10], 0.3F, 1e-6F);
  EXPECT_EQ(features_[11], 0.0F);
}

TEST_F(ConditionsTest, AnotherSpeedCountsWithAMarginOnceItIsSteady) {
  settle();
  for (std::uint32_t i = 0; i < 1 + kSettlingWindows; ++i) {
    const Condition condition = look(running(26.0F));
    EXPECT_EQ(condition.reason, Reason::changing) << i;
    EXPECT_FALSE(condition.counts);
  }
  const Condition condition = look(running(26.0F));
  EXPECT_EQ(condition.reason, Reason::speed);
  EXPECT_TRUE(condition.counts);
  EXPECT_EQ(condition.margin, 4.0F);
}

WindowSummary faint(float hz) {
  WindowSummary window = running(hz);
  window.speed.confidence = 0.1F;
  return window;
}

TEST_F(ConditionsTest, ASpeedThatCannotBeMadeOutIsNotJudged) {
  level_ = 0.2F;
  settle();
  EXPECT_EQ(look(faint(13.0F)).reason, Reason::unclear);
  EXPECT_FALSE(look(faint(0.0F)).counts);
  // It was nowhere else meanwhile.
  EXPECT_EQ(look(running()).reason, Reason::none);
}

TEST_F(ConditionsTest, AFaintLineWhereItWasIsTheSameLine) {
  settle();
  for (int i = 0; i < 5; ++i) {
    const Condition condition = look(faint(20.5F));
    EXPECT_EQ(condition.reason, Reason::none) << i;
    EXPECT_EQ(condition.speed_hz, 20.5F);
  }
  // By itself it does not go on for ever, nor does it wander off.
  EXPECT_NE(look(faint(23.0F)).reason, Reason::none);
  for (int i = 0; i < 8; ++i) look(faint(20.5F));
  EXPECT_NE(look(faint(20.5F)).reason, Reason::none);
}

TEST_F(ConditionsTest, ASpeedThatIsUnclearForLongIsAChangeIfItIsLouder) {
  level_ = 0.2F;
  settle();
  for (int i = 0; i < 32; ++i) EXPECT_FALSE(look(faint(13.0F)).counts) << i;
  const Condition condition = look(faint(13.0F));
  EXPECT_TRUE(condition.counts);
  EXPECT_EQ(condition.reason, Reason::unclear);
  EXPECT_EQ(condition.margin, 4.0F);
  level_ = 0.0F;  // near its own noise the sensor of a machine at rest feels not much less
  settle();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(look(faint(13.0F)).reason, Reason::weak) << i;
    EXPECT_FALSE(look(faint(13.0F)).counts) << i;
  }
}

TEST_F(ConditionsTest, ALineIsKnownToABinAtMost) {
  settle();
  for (const float hz : {19.3F, 20.8F, 19.3F, 20.8F}) {
    EXPECT_EQ(look(running(hz)).reason, Reason::none) << hz;
  }
  for (int i = 0; i < 12; ++i) look(running(40.0F));
  EXPECT_EQ(look(running(41.5F)).reason, Reason::none);
  EXPECT_EQ(look(running(43.5F)).reason, Reason::changing);
}

TEST_F(ConditionsTest, ASlowCoastIsAChangeToo) {
  for (int i = 0; i < 10; ++i) look(running(40.0F));
  // A hundredth a window: steady from each to the next.
  float hz = 40.0F;
  int judged = 0;
  for (int i = 0; i < 30; ++i) {
    hz *= 0.985F;
    if (look(running(hz)).counts) ++judged;
  }
  EXPECT_LE(judged, 6);
  for (int i = 0; i < 12; ++i) look(running(hz));
  EXPECT_TRUE(look(running(hz)).counts);
}

TEST_F(ConditionsTest, ANeighboursLineDoesNotTurnAMachineAtRest) {
  settle();
  const auto reason = [&](float level, float turning, float line) {
    features_ = kSlowMean;
    features_[0] += level;
    features_[13] += turning;
    features_[17] += line;
    return conditions_.look(running(), features_, false, 1.0F).reason;
  };
  EXPECT_EQ(reason(-0.2F, -0.9F, -1.9F), Reason::weak);
  settle();
  EXPECT_EQ(reason(-0.2F, -0.2F, -1.9F), Reason::none);  // one of the three alone is a fault's
  EXPECT_EQ(reason(-0.2F, -0.9F, -1.0F), Reason::none);
  EXPECT_EQ(reason(0.3F, -0.9F, -1.9F), Reason::none);
}

// The neighbour fills a band of the accelerometer in which a machine that runs has nothing.
TEST_F(ConditionsTest, WhatTurnsMuchLessThanLearnedIsAtRestHoweverLoudANeighbourIs) {
  const auto reason = [&](float level, float turning, float half_orders = 0.0F) {
    settle();
    features_ = kSlowMean;
    features_[0] += level;
    features_[12] += 1.0F;
    features_[13] += turning;
    features_[16] += half_orders;
    return conditions_.look(running(), features_, false, 1.0F).reason;
  };
  EXPECT_EQ(reason(-0.4F, -1.1F), Reason::weak);
  EXPECT_EQ(reason(-0.4F, -0.9F), Reason::none);
  // What gets louder, or turns it more at some line, is a fault of whoever turned it less before.
  EXPECT_EQ(reason(0.2F, -1.1F), Reason::none);
  EXPECT_EQ(reason(-0.4F, -1.1F, 1.0F), Reason::none);
}

TEST_F(ConditionsTest, WhatShakesMuchLessThanLearnedIsNotTheMachineRunning) {
  settle();
  level_ = -0.6F;
  EXPECT_EQ(look(running()).reason, Reason::none);
  level_ = -0.7F;
  EXPECT_EQ(look(running()).reason, Reason::weak);
  // Less in all, but much more beside the lines of the shaft: a change.
  level_ = 0.0F;
  settle();
  features_ = kSlowMean;
  features_[0] -= 0.7F;
  features_[12] += 1.0F;
  EXPECT_EQ(conditions_.look(running(), features_, false, 1.0F).reason, Reason::none);
  level_ = 3.0F;  // and what shakes more is
  settle();
  EXPECT_EQ(look(running()).reason, Reason::none);
}

TEST_F(ConditionsTest, AfterAStopLessOfTheLineThanAFaultTakesIsAtRest) {
  const auto at = [&](float level, float turning, float line, bool normal = false) {
    features_ = kSlowMean;
    features_[0] += level;
    features_[13] += turning;
    features_[17] += line;
    const Reason reason = conditions_.look(running(), features_, false, 1.0F).reason;
    conditions_.scored(normal);
    return reason;
  };
  const auto leave = [&] {
    for (const float hz : {26.0F, 28.0F, 31.0F, 34.0F}) {
      EXPECT_EQ(look(running(hz)).reason, Reason::changing);
      conditions_.scored(true);  // what cannot be compared says nothing, whatever its score
    }
  };
  const auto come_back = [&] {
    for (int i = 0; i < 16; ++i) at(0.0F, 0.0F, 0.0F);
  };
  const auto beside_a_neighbour = [&] { return at(-0.1F, -0.1F, -1.1F); };
  // Nobody has seen it normal.
  settle();
  leave();
  come_back();
  EXPECT_EQ(beside_a_neighbour(), Reason::none);
  // A fault that begins while it runs.
  EXPECT_EQ(at(0.0F, 0.0F, 0.0F, true), Reason::none);
  EXPECT_EQ(beside_a_neighbour(), Reason::none);
  // Nor is an odd speed a stop.
  look(running(26.0F));
  conditions_.scored(false);
  for (int i = 0; i < 16; ++i) beside_a_neighbour();
  EXPECT_EQ(beside_a_neighbour(), Reason::none);
  leave();
  for (int i = 0; i < 500; ++i) EXPECT_EQ(beside_a_neighbour(), Reason::weak) << i;
  // A fault of a machine that starts again is louder, or keeps its line.
  for (int i = 0; i < 8; ++i) EXPECT_EQ(at(0.2F, -0.1F, -1.1F), Reason::changing);
  EXPECT_EQ(at(0.2F, -0.1F, -1.1F), Reason::none);
  EXPECT_EQ(at(-0.1F, 0.2F, -1.1F), Reason::none);
  EXPECT_EQ(at(-0.1F, -0.1F, -0.7F), Reason::none);
  // And normal it is itself again.
  EXPECT_EQ(at(0.0F, 0.0F, 0.0F, true), Reason::none);
  EXPECT_EQ(beside_a_neighbour(), Reason::none);
  conditions_.restart();
  settle();
  leave();
  come_back();
  EXPECT_EQ(beside_a_neighbour(), Reason::none);
  // Nor need it be by way of a change: at another speed it is not where it was either.
  EXPECT_EQ(at(0.0F, 0.0F, 0.0F, true), Reason::none);
  int elsewhere = 0;
  for (int i = 0; i < 32; ++i) {
    elsewhere += look(running(34.0F)).reason == Reason::speed ? 1 : 0;
    conditions_.scored(false);
  }
  EXPECT_GE(elsewhere, 16);
  for (int i = 0; i < 16; ++i) beside_a_neighbour();
  EXPECT_EQ(beside_a_neighbour(), Reason::weak);
}

TEST_F(ConditionsTest, AfterAStopAnyLineThatNoLongerTurnsTheSensorIsAtRest) {
  const auto at = [&](float half_orders, float level = 0.0F) {
    features_ = kSlowMean;
    features_[0] += level;
    features_[16] += half_orders;
    const Reason reason = conditions_.look(running(), features_, false, 1.0F).reason;
    conditions_.scored(false);
    return reason;
  };
  settle();
  EXPECT_EQ(at(-1.3F), Reason::none) << "it did not leave its speed";
  conditions_.scored(true);
  for (const float hz : {26.0F, 28.0F, 31.0F, 34.0F}) look(running(hz));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(at(-1.3F), Reason::weak) << i;
  for (int i = 0; i < 8; ++i) EXPECT_EQ(at(-1.3F, 0.2F), Reason::changing);
  EXPECT_EQ(at(-1.3F, 0.2F), Reason::none) << "something is louder";
  EXPECT_EQ(at(-1.1F), Reason::none);
}

TEST_F(ConditionsTest, AMachineThatWasOffIsWaitedFor) {
  settle();
  WindowSummary off = running();
  off.accelerometer_rms_g = 0.01F;
  EXPECT_EQ(look(off).reason, Reason::off);
  EXPECT_FALSE(look(off).counts);
  for (std::uint32_t i = 0; i < kSettlingWindows; ++i) {
    EXPECT_EQ(look(running()).reason, Reason::changing) << i;
  }
  EXPECT_EQ(look(running()).reason, Reason::none);
}

TEST_F(ConditionsTest, OneWeakWindowStartsNoWaitTwoDoAndAStopDoesAfterEither) {
  settle();
  const auto weak = [&] {
    level_ = -0.7F;
    EXPECT_EQ(look(running()).reason, Reason::weak);
    level_ = 0.0F;
  };
  weak();
  EXPECT_EQ(look(running()).reason, Reason::none);
  weak();
  weak();
  EXPECT_EQ(look(running()).reason, Reason::changing);
  settle();
  weak();
  WindowSummary off = running();
  off.accelerometer_rms_g = 0.01F;
  EXPECT_EQ(look(off).reason, Reason::off);
  EXPECT_EQ(look(running()).reason, Reason::changing);
}

// A machine that coasts beside a neighbour: its speed is the neighbour's, and what is felt scatters about the limits.
TEST_F(ConditionsTest, BetweenWeakWindowsNothingIsJudged) {
  settle();
  for (int times = 0; times < 5; ++times) {
    level_ = -0.7F;
    for (int i = 0; i < 2; ++i) EXPECT_EQ(look(running()).reason, Reason::weak);
    level_ = -0.6F;
    for (int i = 0; i < 8; ++i) EXPECT_EQ(look(running()).reason, Reason::changing) << i;
  }
  EXPECT_EQ(look(running()).reason, Reason::none);
}

// What begins weak does not coast.
TEST_F(ConditionsTest, AtTheBeginningWeakWindowsAreWaitedForAsOthers) {
  level_ = -0.7F;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(look(running()).reason, Reason::weak);
  level_ = 0.0F;
  for (std::uint32_t i = 0; i < kSettlingWindows; ++i) {
    EXPECT_EQ(look(running()).reason, Reason::changing);
  }
  EXPECT_EQ(look(running()).reason, Reason::none);
}

TEST_F(ConditionsTest, ABrokenSensorNeverReadsAsHealthy) {
  settle();
  WindowSummary window = running();
  window.stuck_axes = 4;
  EXPECT_EQ(look(window).reason, Reason::stuck);
  EXPECT_FALSE(look(window).counts);
  window = running();
  window.finite = false;
  EXPECT_EQ(look(window).reason, Reason::not_a_number);
  EXPECT_FALSE(look(window).counts);
  for (const float rate : {0.5F, 0.89F, 1.11F, 2.0F, std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_EQ(look(running(), false, rate).reason, Reason::wrong_rate) << rate;
  }
  settle();
  // An oscillator that is off by what the data sheet allows.
  EXPECT_EQ(look(running(), false, 0.95F).reason, Reason::none);
  EXPECT_EQ(look(running(), false, 1.05F).reason, Reason::none);
}

TEST_F(ConditionsTest, ClippingIsNamedAndStillCounts) {
  settle();
  WindowSummary window = running();
  window.clipped = 3;  // a knock
  EXPECT_EQ(look(window).reason, Reason::none);
  window.clipped = 100;
  EXPECT_EQ(look(window).reason, Reason::clipped);
  EXPECT_TRUE(look(window).counts);
}

TEST_F(ConditionsTest, ClippingDoesNotCountWhileAStartIsWaitedFor) {
  settle();
  WindowSummary off = running();
  off.accelerometer_rms_g = 0.01F;
  EXPECT_EQ(look(off).reason, Reason::off);
  WindowSummary window = running();
  window.clipped = 100;
  for (std::uint32_t i = 0; i < kSettlingWindows; ++i) {
    const Condition condition = look(window);
    EXPECT_EQ(condition.reason, Reason::clipped);
    EXPECT_FALSE(condition.counts) << i;
  }
  EXPECT_TRUE(look(window).counts);
}

TEST_F(ConditionsTest, ADeadAxisSaysNothingOfWhereTheSensorSits) {
  settle();
  WindowSummary window = running();
  window.gravity_g = {0.0F, 0.7F, 0.7F};
  window.stuck_axes = 2;
  for (int i = 0; i < 200; ++i) EXPECT_EQ(look(window).reason, Reason::stuck);
  EXPECT_FALSE(conditions_.mounting().moved());
  window.stuck_axes = 0;
  window.clipped = 100;
  for (int i = 0; i < 200; ++i) look(window);
  EXPECT_FALSE(conditions_.mounting().moved());
  window.clipped = 0;
  for (int i = 0; i < 200; ++i) look(window);
  EXPECT_TRUE(conditions_.mounting().moved());
}

TEST_F(ConditionsTest, OneGapIsNoMatterManyAre) {
  settle();
  EXPECT_EQ(look(running(), true).reason, Reason::none);
  for (int i = 0; i < 8; ++i) look(running(), true);
  EXPECT_EQ(look(running()).reason, Reason::losing_samples);
  for (int i = 0; i < 40; ++i) look(running());
  EXPECT_EQ(look(running()).reason, Reason::none);
}

TEST_F(ConditionsTest, GravityThatTurnsIsSeenWhetherTheMachineRunsOrNot) {
  const auto turned = [](float degrees) {
    WindowSummary window = running();
    const float angle = degrees * 3.14159265F / 180.0F;
    window.gravity_g = {std::sin(angle), 0.0F, std::cos(angle)};
    return window;
  };
  for (int i = 0; i < 100; ++i) look(turned(2.0F));
  EXPECT_FALSE(conditions_.mounting().moved());
  for (int i = 0; i < 2; ++i) look(turned(20.0F));  // somebody leans on it
  EXPECT_FALSE(conditions_.mounting().moved());
  EXPECT_FALSE(conditions_.mounting().moved());
  for (int i = 0; i < 60; ++i) {
    WindowSummary window = turned(10.0F);
    window.accelerometer_rms_g = 0.01F;
    look(window);
  }
  EXPECT_TRUE(conditions_.mounting().moved());
}

/// A turn about the vertical: gravity stays where it is, and a line is felt by other axes.
class MountingTest : public testing::Test {
 protected:
  MountingTest() {
    for (std::size_t axis = 0; axis < 6; ++axis) {
      axes_[axis_level_index(axis, AxisMeasure::first)] = -3.0F + static_cast<float>(axis);
    }
    baseline_.point[0].axis_mean = axes_;
  }
  /// @param accelerometer, gyroscope  added to the line of one axis of each
  void look(int windows, float accelerometer, float gyroscope, float all = 0.0F) {
    WindowSummary window = running();
    for (std::size_t i = 0; i < axes_.size(); ++i) window.axis_level[i] = axes_[i] + all;
    window.axis_level[axis_level_index(1, AxisMeasure::first)] += accelerometer;
    window.axis_level[axis_level_index(5, AxisMeasure::first)] += gyroscope;
    for (int i = 0; i < windows; ++i) {
      mounting_.follow_gravity(window);
      mounting_.follow_axes(window, baseline_.point[0]);
    }
  }
  Baseline baseline_ = baseline();
  Mounting mounting_{baseline_, kSpec};
  std::array<float, kMostAxisLevels> axes_{};
};

TEST_F(MountingTest, ALineOnOtherAxesOfBothSensorsIsASensorThatWasTurned) {
  look(100, 0.0F, 0.0F);
  EXPECT_FALSE(mounting_.moved());
  look(10, 1.0F, -0.6F);  // a minute at least
  EXPECT_FALSE(mounting_.moved());
  look(150, 1.0F, -0.6F);
  EXPECT_TRUE(mounting_.moved());
  look(400, 0.0F, 0.0F);  // put back
  EXPECT_FALSE(mounting_.moved());
}

TEST_F(MountingTest, OneSensorAloneOrAllAxesAlikeAreTheMachine) {
  look(1000, 1.5F, 0.1F);
  EXPECT_FALSE(mounting_.moved());
  look(1000, 0.1F, 1.5F);
  EXPECT_FALSE(mounting_.moved());
  look(1000, 0.0F, 0.0F, 2.0F);
  EXPECT_FALSE(mounting_.moved());
}

TEST_F(MountingTest, WithoutWhatAxesWereLikeOnlyGravityCounts) {
  baseline_.point[0].axis_mean = {};
  look(1000, 2.0F, 2.0F);
  EXPECT_FALSE(mounting_.moved());
  Mounting three(baseline_, {FeatureSet::vibration, 3, false});
  baseline_.point[0].axis_mean = axes_;
  WindowSummary window = running();
  window.axis_level[1] = 9.0F;
  for (int i = 0; i < 100; ++i) three.follow_axes(window, baseline_.point[0]);
  EXPECT_FALSE(three.moved());
}

TEST_F(ConditionsTest, WithoutABaselineOnlyTheSensorIsLookedAt) {
  const Baseline none;
  Conditions conditions(none, kSpec, {128, 200.0F});
  WindowSummary window = running(30.0F);
  window.accelerometer_rms_g = 0.0F;
  EXPECT_EQ(conditions.look(window, features_, false, 1.0F).reason, Reason::none);
  EXPECT_FALSE(conditions.mounting().moved());
  window.stuck_axes = 1;
  EXPECT_EQ(conditions.look(window, features_, false, 1.0F).reason, Reason::stuck);
}

}  // namespace
}  // namespace fettle
