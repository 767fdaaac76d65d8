// SPDX-License-Identifier: Apache-2.0
// Burn-in and feedback on the board: what normal running and people teach it, and what nothing may.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/support/deciding.hpp"

namespace fettle::test {
namespace {

using protocol::BurnInState;
using protocol::EventKind;
using protocol::ModelState;
using protocol::ReplyStatus;

constexpr double kHour_s = 3600.0;
constexpr double kADay = 1.0 / 24.0;
constexpr double kAWeek = 1.0 / 168.0;

class LearningBoard : public testing::Test, public VirtualRig {
 protected:
  void start(double asked_per_hour = kADay) {
    power_on();
    connect(protocol::kStreamEvents);
    const Answer* answer = deploy(deciding_model(asked_per_hour));
    ASSERT_NE(answer, nullptr);
    ASSERT_EQ(answer->status, ReplyStatus::ok) << answer->text;
    run(3);
    ASSERT_EQ(now().model, ModelState::proven);
  }
  void restart() {
    power_on();
    connect(protocol::kStreamEvents);
    run(2);
  }
  Answer ask(std::string_view line) {
    const std::uint16_t sequence = command(line);
    settle();
    const Answer* answer = answer_to(sequence);
    return answer == nullptr ? Answer{sequence, ReplyStatus::bad_frame, "no answer"} : *answer;
  }
  [[nodiscard]] protocol::StatusMessage now() const { return board->board().status(); }
  [[nodiscard]] const Refinement& refinement() const {
    return *board->board().learning().refinement();
  }
  [[nodiscard]] const EvidenceSummary& accepted() const {
    return refinement().burn_in().accepted();
  }
  /// Shakes so hard for a time, and then as it was learned until the board is at rest again.
  void disturb(double level, double seconds) {
    shaker.level = level;
    run(seconds);
    shaker.level = 1;
    run(30);
  }
  [[nodiscard]] std::uint32_t alarms() const { return now().alarms; }
  [[nodiscard]] bool logged(std::string_view what) const {
    return std::ranges::any_of(
        log, [&](const std::string& line) { return line.find(what) != std::string::npos; });
  }
};

TEST_F(LearningBoard, Explore) {
  start();
  for (double level : {1.0, 1.01, 1.02, 1.03, 1.05, 1.07, 1.1, 1.2}) {
    shaker.level = level;
    std::printf("level %.2f:", level);
    for (int i = 0; i < 12; ++i) {
      run(0.64);
      std::printf(" %.2f", static_cast<double>(now().share));
    }
    shaker.level = 1;
    run(60);
    std::printf(" alarms %u\n", alarms());
  }
  std::printf("%s\n", ask("status").text.c_str());
}

TEST_F(LearningBoard, HoursOfNormalRunningBringTheRateDownAndARestartKeepsIt) {
  start();
  const protocol::StatusMessage before = now();
  EXPECT_EQ(before.burn_in, BurnInState::learning);
  EXPECT_NEAR(before.asked_per_hour, kADay, 1e-6);
  EXPECT_GT(before.stated_per_hour, 20 * before.asked_per_hour);
  EXPECT_GT(before.minutes_missing, 30.0F);
  const DecisionSettings of_the_file = refinement().settings();
  run(4.5 * kHour_s);
  const protocol::StatusMessage after = now();
  EXPECT_EQ(after.burn_in, BurnInState::supported);
  EXPECT_EQ(after.stated_per_hour, after.asked_per_hour);
  EXPECT_EQ(after.minutes_missing, 0.0F);
  EXPECT_NEAR(after.normal_hours, 3.0F, 0.1F);
  EXPECT_NE(refinement().settings(), of_the_file);
  const std::string said = ask("status").text;
  std::printf("%s\n", said.c_str());
  EXPECT_NE(said.find("asked 1 a day, to be expected 1 a day"), std::string::npos) << said;

  const DecisionSettings refined = refinement().settings();
  const EvidenceSummary seen = accepted();
  restart();
  EXPECT_EQ(refinement().settings(), refined);
  EXPECT_EQ(accepted(), seen);
  EXPECT_EQ(now().burn_in, BurnInState::supported);
}

}  // namespace
}  // namespace fettle::test
