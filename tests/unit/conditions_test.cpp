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
  Conditions conditions_{baseline_, kSpec, 200.0F};
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

TEST_F(ConditionsTest, ASpeedThatCannotBeMadeOutIsNotJudged) {
  settle();
  WindowSummary window = running();
  window.speed.confidence = 0.1F;
  EXPECT_EQ(look(window).reason, Reason::unclear);
  for (std::uint32_t i = 0; i < kSettlingWindows; ++i) {
    EXPECT_EQ(look(running()).reason, Reason::changing) << i;
  }
  EXPECT_EQ(look(running()).reason, Reason::none);
}

TEST_F(ConditionsTest, ASpeedThatIsUnclearForLongIsAChange) {
  settle();
  WindowSummary window = running();
  window.speed.confidence = 0.1F;
  for (int i = 0; i < 32; ++i) EXPECT_FALSE(look(window).counts) << i;
  for (std::uint32_t i = 0; i < kSettlingWindows; ++i) look(window);
  const Condition condition = look(window);
  EXPECT_TRUE(condition.counts);
  EXPECT_EQ(condition.reason, Reason::unclear);
  EXPECT_EQ(condition.margin, 4.0F);
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
  EXPECT_FALSE(conditions_.moved());
  for (int i = 0; i < 2; ++i) look(turned(20.0F));  // somebody leans on it
  EXPECT_FALSE(conditions_.moved());
  EXPECT_FALSE(conditions_.moved());
  for (int i = 0; i < 60; ++i) {
    WindowSummary window = turned(10.0F);
    window.accelerometer_rms_g = 0.01F;
    look(window);
  }
  EXPECT_TRUE(conditions_.moved());
  conditions_.settle_moved();
  look(turned(10.0F));
  EXPECT_FALSE(conditions_.moved());
}

TEST_F(ConditionsTest, WithoutABaselineOnlyTheSensorIsLookedAt) {
  const Baseline none;
  Conditions conditions(none, kSpec, 200.0F);
  WindowSummary window = running(30.0F);
  window.accelerometer_rms_g = 0.0F;
  EXPECT_EQ(conditions.look(window, features_, false, 1.0F).reason, Reason::none);
  EXPECT_FALSE(conditions.moved());
  window.stuck_axes = 1;
  EXPECT_EQ(conditions.look(window, features_, false, 1.0F).reason, Reason::stuck);
}

}  // namespace
}  // namespace fettle
