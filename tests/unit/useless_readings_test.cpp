// SPDX-License-Identifier: Apache-2.0
// A sensor that goes on talking and says nothing, a machine that nobody judges: the board tells, because its
// pin stays low.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "board/alarm.hpp"
#include "tests/support/decided.hpp"
#include "tests/support/virtual_rig.hpp"

namespace fettle::test {
namespace {

/// A detector with vibration features for the shaker.
std::vector<std::uint8_t> vibration_model() {
  static const std::string label = "normal";
  Shaker shaker;
  Random random(3);
  std::vector<TimedSample> samples(300 * 128);
  std::int64_t t_us = 0;
  for (TimedSample& sample : samples) {
    const simulator::Motion motion = shaker.next(0.005);
    for (std::size_t axis = 0; axis < 6; ++axis) {
      const float noise = axis < 3 ? 0.005F : 0.1F;
      sample.sample.axis[axis] =
          static_cast<float>(motion.axis[axis]) + noise * (2.0F * random.uniform() - 1.0F);
    }
    sample.t_us = t_us;
    t_us += 5000;
  }
  const FeatureSpec spec{FeatureSet::vibration, 6, false};
  const host::WindowTable table = learned_table_of(samples, spec);
  host::LearningSettings settings;
  settings.detector = DetectorKind::mahalanobis;
  settings.alarms_per_hour = 1.0;
  return host::train_detector(table, host::split_by_time(table), settings, false, label, "test")
      .file;
}

class SilentPin : public testing::Test {
 protected:
  VirtualRig rig;

  void SetUp() override {
    rig.power_on();
    rig.connect(protocol::kStreamEvents | protocol::kStreamLog);
    const VirtualRig::Answer* answer = rig.deploy(vibration_model());
    ASSERT_NE(answer, nullptr);
    ASSERT_EQ(answer->status, protocol::ReplyStatus::ok) << answer->text;
    rig.run(10);
  }
  [[nodiscard]] std::ptrdiff_t told(std::string_view what) const {
    return std::ranges::count_if(
        rig.log, [&](const std::string& line) { return line.find(what) != std::string::npos; });
  }
};

TEST_F(SilentPin, AMachineThatCannotBeJudgedIsSpokenOfAfterAnHour) {
  constexpr double kHour_s = 3600;
  rig.run(0.5 * kHour_s);
  rig.shaker.hz = 22;  // was never learned; too weak to alarm
  rig.run(0.9 * kHour_s);
  EXPECT_EQ(told("condition"), 0);
  rig.run(0.2 * kHour_s);
  EXPECT_EQ(told("condition: for an hour it could not be judged: it runs at a speed"), 1);
  rig.run(3 * kHour_s);
  EXPECT_EQ(told("condition"), 1);
  rig.shaker.hz = 29;
  rig.run(0.2 * kHour_s);
  EXPECT_EQ(told("condition: it can be judged again"), 1);
  EXPECT_EQ(told("condition"), 2);
  EXPECT_FALSE(rig.board->pin().high);
}

TEST_F(SilentPin, ASensorThatWasMovedIsSpokenOf) {
  rig.run(300);
  EXPECT_EQ(told("condition"), 0);
  rig.shaker.tilt_turns = 30.0 / 360;
  rig.run(300);
  EXPECT_EQ(told("condition: the sensor was moved"), 1);
  EXPECT_EQ(told("condition"), 1);
  EXPECT_FALSE(rig.board->pin().high);
}

TEST_F(SilentPin, UselessReadingsAreSpokenOfAfterAMinuteAndWhenTheyAreOver) {
  rig.board->chip().inject({.kind = simulator::ChipFault::Kind::stuck_axis,
                            .from_us = rig.board->now_us(),
                            .until_us = rig.board->now_us() + 200'000'000,
                            .axis = 4});
  rig.run(30);
  EXPECT_EQ(told("sensor lost"), 0);
  rig.run(150);
  EXPECT_EQ(
      told("sensor lost: for a minute its readings are of no use: an axis of the sensor is stuck"),
      1);
  EXPECT_EQ(told("sensor lost"), 1);
  EXPECT_EQ(told("sensor back"), 0);
  rig.run(60);
  EXPECT_EQ(told("sensor back: its readings can be judged again"), 1);
}

TEST(Alarm, StandsWhileNothingCanBeJudged) {
  board::Alarm alarm;
  EXPECT_EQ(alarm.update(Verdict::anomaly, 0), board::AlarmChange::began);
  EXPECT_EQ(alarm.update(Verdict::cannot_judge, 1), board::AlarmChange::none);
  EXPECT_TRUE(alarm.pin(1)) << "a machine that was switched off is not mended";
  EXPECT_EQ(alarm.update(Verdict::normal, 2), board::AlarmChange::ended);
  EXPECT_EQ(alarm.update(Verdict::alarm, 3), board::AlarmChange::began);
  alarm.maintain_until(10);
  EXPECT_EQ(alarm.update(Verdict::cannot_judge, 4), board::AlarmChange::ended);
}

}  // namespace
}  // namespace fettle::test
