// SPDX-License-Identifier: Apache-2.0
// Burn-in and feedback on the board: what normal running and people teach it, and what nothing may.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
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
constexpr double kWindow_s = 0.64;

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
  /// Shakes harder for so many windows, and then as it was learned until the decision is at rest.
  void disturb(int windows, double level = 1.05) {
    for (const std::uint64_t before = now().windows; now().windows == before;) run(0.02);
    shaker.level = level;
    run(windows * kWindow_s);
    shaker.level = 1;
    run(60 * kWindow_s);
  }
  /// Windows until an alarm of a lasting fault.
  std::uint64_t delay(double level) {
    for (const std::uint64_t before = now().windows; now().windows == before;) run(0.02);
    const std::uint64_t begin = now().windows;
    const std::uint32_t before = alarms();
    shaker.level = level;
    while (alarms() == before && now().windows < begin + 500) run(0.02);
    const std::uint64_t windows = now().windows - begin;
    shaker.level = 1;
    run(60 * kWindow_s);
    return windows;
  }
  [[nodiscard]] std::uint32_t alarms() const { return now().alarms; }
  [[nodiscard]] bool logged(std::string_view what) const {
    return std::ranges::any_of(
        log, [&](const std::string& line) { return line.find(what) != std::string::npos; });
  }
};

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
  EXPECT_NE(said.find("asked 1 a day, to be expected 1 a day"), std::string::npos) << said;

  const DecisionSettings refined = refinement().settings();
  const EvidenceSummary seen = accepted();
  restart();
  EXPECT_EQ(refinement().settings(), refined);
  EXPECT_EQ(accepted(), seen);
  EXPECT_EQ(now().burn_in, BurnInState::supported);
}

TEST_F(LearningBoard, AFaultDuringBurnInTeachesNothing) {
  start();
  run(2.2 * kHour_s);
  const EvidenceSummary before = accepted();
  ASSERT_GT(before.windows, 0U);
  const DecisionSettings settings = refinement().settings();
  shaker.level = 1.05;
  run(3 * kHour_s);
  EXPECT_EQ(accepted(), before);
  EXPECT_EQ(refinement().burn_in().held(), 0U);
  EXPECT_EQ(refinement().settings(), settings);
  EXPECT_EQ(alarms(), 1U);
}

TEST_F(LearningBoard, MaintenanceTeachesNothing) {
  start();
  run(0.5 * kHour_s);
  ASSERT_GT(refinement().burn_in().held(), 1000U);
  ASSERT_EQ(ask("maintenance 10min").status, ReplyStatus::ok);
  const std::uint32_t held = refinement().burn_in().held();
  shaker.level = 1.004;  // no alarm, and not as it was learned
  run(599);
  EXPECT_LE(refinement().burn_in().held(), held);
  shaker.level = 1;
  run(10);
  // What came before may be the reason for it.
  EXPECT_LT(refinement().burn_in().held(), 30U);
}

TEST_F(LearningBoard, AFalseAlarmThatComesAgainRaisesNoneAndAFaultStillDoes) {
  start();
  const std::uint64_t before = delay(1.5);
  disturb(6);
  ASSERT_EQ(alarms(), 2U);
  const std::uint32_t id = now().alarm_id;
  EXPECT_NE(ask("events").text.find(std::to_string(id) + "  "), std::string::npos);
  EXPECT_EQ(now().burn_in, BurnInState::learning);
  const Answer answer = ask("ack false " + std::to_string(id));  // it is over long since
  EXPECT_EQ(answer.status, ReplyStatus::ok) << answer.text;
  EXPECT_NE(answer.text.find("times the calibrated one"), std::string::npos) << answer.text;
  EXPECT_GT(now().raise, 1.2F);
  EXPECT_LE(now().raise, Refinement::kMostRaise);
  for (int i = 0; i < 5; ++i) disturb(6);
  EXPECT_EQ(alarms(), 2U) << "the same disturbance alarms again";
  const std::uint64_t after = delay(1.5);
  EXPECT_EQ(alarms(), 3U);
  EXPECT_GE(after, before);
  EXPECT_LE(after, 2 * before) << "a fault is hidden";
  std::printf("a lasting fault alarms after %d windows instead of %d\n", static_cast<int>(after),
              static_cast<int>(before));
  // And after a restart.
  const float raise = now().raise;
  restart();
  EXPECT_EQ(now().raise, raise);
  disturb(6);
  EXPECT_EQ(alarms(), 0U);
  EXPECT_NE(ask("status").text.find("by false alarms"), std::string::npos);
}

TEST_F(LearningBoard, AnAlarmThatIsCalledFalseEnds) {
  start();
  shaker.level = 1.05;
  run(6);
  ASSERT_TRUE(board->pin().high);
  EXPECT_EQ(ask("ack false").status, ReplyStatus::ok);
  EXPECT_FALSE(board->pin().high);
  run(1.3);
  EXPECT_EQ(now().flags & protocol::kStatusAlarm, 0);
  // What lasts is an alarm again.
  run(10);
  EXPECT_EQ(alarms(), 2U);
  EXPECT_TRUE(board->pin().high);
}

TEST_F(LearningBoard, AfterAFaultItWaitsUntilTheMachineWasServiced) {
  start();
  run(0.5 * kHour_s);
  shaker.level = 1.5;
  run(10);
  shaker.level = 1;
  run(20);
  const Answer answer = ask("ack true");
  EXPECT_EQ(answer.status, ReplyStatus::ok) << answer.text;
  EXPECT_EQ(now().burn_in, BurnInState::waiting);
  EXPECT_EQ(now().raise, 1.0F);
  EXPECT_EQ(refinement().burn_in().held(), 0U);
  EXPECT_EQ(refinement().burn_in().aside(), 0U);
  run(0.8 * kHour_s);
  EXPECT_EQ(refinement().burn_in().held(), 0U);
  restart();
  EXPECT_EQ(now().burn_in, BurnInState::waiting);
  EXPECT_NE(ask("status").text.find("a fault was confirmed"), std::string::npos);
  ask("maintenance 1min");
  run(61);
  EXPECT_EQ(now().burn_in, BurnInState::learning);
  restart();
  EXPECT_EQ(now().burn_in, BurnInState::learning);
  run(60);
  EXPECT_GT(refinement().burn_in().held(), 50U);
}

TEST_F(LearningBoard, OnlyTheNewestAlarmCanBeJudgedAndErrorsSayWhichThereAre) {
  start();
  EXPECT_EQ(ask("ack false").status, ReplyStatus::not_now);
  EXPECT_NE(ask("ack false 3").text.find("no alarm"), std::string::npos);
  disturb(6);
  const std::uint32_t first = now().alarm_id;
  disturb(6);
  const std::uint32_t second = now().alarm_id;
  ASSERT_GT(second, first);
  for (const std::uint32_t id : {first, second + 7}) {
    const Answer answer = ask("ack true " + std::to_string(id));
    EXPECT_EQ(answer.status, ReplyStatus::bad_value);
    EXPECT_NE(answer.text.find(std::to_string(first)), std::string::npos) << answer.text;
    EXPECT_NE(answer.text.find("newest can: " + std::to_string(second)), std::string::npos)
        << answer.text;
    EXPECT_NE(answer.text.find(std::to_string(first) + ", " + std::to_string(second)),
              std::string::npos)
        << "each once, with something between: " << answer.text;
  }
  for (const char* wrong : {"ack maybe", "ack false x", "ack false -1", "ack true 1 2"}) {
    EXPECT_EQ(ask(wrong).status, ReplyStatus::bad_value) << wrong;
  }
  EXPECT_EQ(now().raise, 1.0F);
  EXPECT_EQ(ask("ack true").status, ReplyStatus::ok);
  EXPECT_EQ(ask("ack true").status, ReplyStatus::ok);  // as it was said
  EXPECT_NE(ask("ack true").text.find("judged before: true"), std::string::npos);
  EXPECT_EQ(now().raise, 1.0F);
}

TEST_F(LearningBoard, AnAnswerCanBeTakenBack) {
  start();
  disturb(6);
  ASSERT_EQ(alarms(), 1U);
  ask("ack false");
  const float raise = now().raise;
  ASSERT_GT(raise, 1.0F);
  EXPECT_EQ(ask("ack true").status, ReplyStatus::ok);
  EXPECT_EQ(now().raise, 1.0F);
  EXPECT_EQ(now().burn_in, BurnInState::waiting);
  EXPECT_EQ(board->board().detector().model().decision->limit, refinement().settings().limit);
  EXPECT_EQ(ask("ack false").status, ReplyStatus::ok);
  EXPECT_EQ(now().raise, raise);
  EXPECT_EQ(now().burn_in, BurnInState::learning);
  // Only what the last of them has raised is taken back.
  disturb(12);
  ASSERT_EQ(alarms(), 2U);
  ask("ack true");
  EXPECT_EQ(now().raise, raise);
  // And that an earlier one was true stays so, whatever the newest was.
  disturb(12);
  ASSERT_EQ(alarms(), 3U);
  ask("ack false");
  EXPECT_EQ(now().burn_in, BurnInState::waiting);
  restart();
  EXPECT_EQ(now().burn_in, BurnInState::waiting);
}

// Within seconds, so that the alarm that was called false is not the newest any more.
TEST_F(LearningBoard, AnAnswerCanBeTakenBackThoughTheFaultHasAlarmedAgain) {
  start();
  shaker.level = 1.05;
  run(6);
  const std::uint32_t first = now().alarm_id;
  ASSERT_NE(first, 0U);
  ask("ack false");
  ASSERT_GT(now().raise, 1.0F);
  run(20);
  ASSERT_GT(now().alarm_id, first);
  const std::string first_id = std::to_string(first);
  EXPECT_NE(ask("ack false " + first_id).text.find("'ack true " + first_id), std::string::npos);
  EXPECT_EQ(ask("ack true " + first_id).status, ReplyStatus::ok);
  EXPECT_EQ(now().raise, 1.0F);
  EXPECT_EQ(now().burn_in, BurnInState::waiting);
  EXPECT_EQ(ask("ack true " + first_id).status, ReplyStatus::bad_value) << "once";
  EXPECT_EQ(ask("ack true").status, ReplyStatus::ok);
  restart();
  EXPECT_EQ(now().raise, 1.0F);
}

TEST_F(LearningBoard, WhatLedToAnAlarmIsNotKnownAfterBurnInWasRestored) {
  start();
  shaker.level = 1.05;
  run(6);
  ASSERT_NE(now().alarm_id, 0U);
  std::array<std::uint8_t, Refinement::kBytes> bytes{};
  send(protocol::MessageType::learned_write, board->board().learning().record(bytes));
  settle();
  const Answer answer = ask("ack false");
  EXPECT_EQ(answer.status, ReplyStatus::not_now) << answer.text;
  EXPECT_TRUE(board->pin().high);
}

TEST_F(LearningBoard, WhatWasMendedDoesNotAlarmAgainAfterMaintenance) {
  start();
  shaker.level = 1.5;
  run(30);
  ASSERT_EQ(alarms(), 1U);
  ASSERT_GT(now().share, 1.5F);
  // Shorter than evidence takes to fall.
  ASSERT_EQ(ask("maintenance 2s").status, ReplyStatus::ok);
  shaker.level = 1;
  run(1.9);
  ASSERT_GT(now().share, 0.5F);
  run(20);
  EXPECT_EQ(alarms(), 1U);
  EXPECT_FALSE(board->pin().high);
  // What the fault had gathered is no excuse for later ones.
  EXPECT_EQ(ask("ack false").status, ReplyStatus::ok);
  EXPECT_EQ(now().raise, 1.0F);
  // What was not mended alarms anew.
  shaker.level = 1.5;
  run(10);
  EXPECT_EQ(alarms(), 2U);
}

TEST_F(LearningBoard, MaintenanceThatBeginsWithTheSupplyCutEndsTheWait) {
  start();
  shaker.level = 1.5;
  run(10);
  shaker.level = 1;
  run(20);
  ask("ack true");
  ASSERT_EQ(now().burn_in, BurnInState::waiting);
  ask("maintenance 30min");
  restart();
  EXPECT_EQ(now().burn_in, BurnInState::learning);
}

TEST_F(LearningBoard, WithoutADecisionThereIsNothingToLearn) {
  power_on();
  connect(0);
  static_cast<void>(deploy(shaker_model()));
  run(3);
  EXPECT_EQ(now().burn_in, BurnInState::none);
  shaker.level = 3;
  run(2);
  const Answer answer = ask("ack false");
  EXPECT_EQ(answer.status, ReplyStatus::not_now);
  EXPECT_NE(answer.text.find("judges each window"), std::string::npos) << answer.text;
  EXPECT_TRUE(board->pin().high);
  EXPECT_EQ(ask("ack").status, ReplyStatus::ok);
  EXPECT_EQ(storage.learned->size(), 0U);
}

TEST_F(LearningBoard, AThresholdByHandOrNoMemoryMeansNoBurnIn) {
  start();
  ask("threshold 5");
  EXPECT_EQ(now().burn_in, BurnInState::none);
  EXPECT_NE(ask("status").text.find("set by hand"), std::string::npos);
  run(300);
  EXPECT_LT(refinement().burn_in().held(), 20U);
  ask("threshold model");
  EXPECT_EQ(now().burn_in, BurnInState::learning);
  run(300);
  EXPECT_GT(refinement().burn_in().held(), 400U);
  config.learns = false;
  restart();
  EXPECT_EQ(now().burn_in, BurnInState::none);
  EXPECT_NE(ask("status").text.find("no memory for it"), std::string::npos);
}

TEST_F(LearningBoard, ASettingThatIsChangedDuringAnAlarmDoesNotEndIt) {
  start();
  shaker.level = 1.05;
  run(10 * kWindow_s);
  ASSERT_EQ(now().alarms, 1U);
  ASSERT_GT(now().share, 1.0F);
  for (const char* line : {"name pump 4", "set latch on", "set latch off", "threshold model"}) {
    EXPECT_EQ(ask(line).status, ReplyStatus::ok) << line;
    EXPECT_GT(now().share, 0.5F) << line;
  }
  EXPECT_EQ(now().alarms, 1U);
  EXPECT_FALSE(logged("alarm over"));
}

TEST_F(LearningBoard, WhatIsDamagedOrOfAnotherModelIsNotTrusted) {
  start();
  disturb(6);
  ask("ack false");
  ASSERT_GT(now().raise, 1.0F);
  std::vector<std::uint8_t> saved(storage.learned->size());
  ASSERT_EQ(saved.size(), board::kMostLearned);
  ASSERT_TRUE(storage.learned->read(0, saved));
  for (std::size_t at = 0; at < saved.size(); at += 61) {
    std::vector<std::uint8_t> damaged = saved;
    damaged[at] ^= 0x10U;
    storage.learned->replace(damaged);
    log.clear();
    restart();
    EXPECT_TRUE(logged("damaged")) << at;
    EXPECT_EQ(now().raise, 1.0F) << at;
  }
  storage.learned->replace(std::span(saved).first(saved.size() - 1));
  restart();
  EXPECT_EQ(now().raise, 1.0F);
  // One of another length is replaced like any other; it must not keep the board from saving.
  std::vector<std::uint8_t> longer(40'000, 0x5A);
  storage.learned->replace(longer);
  log.clear();
  restart();
  EXPECT_TRUE(logged("damaged"));
  disturb(6);
  ask("ack false");
  restart();
  EXPECT_GT(now().raise, 1.0F);

  // Another model begins anew; the one before finds its own again.
  storage.learned->replace(saved);
  restart();
  ASSERT_GT(now().raise, 1.0F);
  const auto other = deciding_model(2.0, 5);
  log.clear();
  ASSERT_EQ(deploy(other)->status, ReplyStatus::ok);
  run(3);
  EXPECT_EQ(now().raise, 1.0F);
  EXPECT_EQ(now().alarm_id, 0U);
  EXPECT_TRUE(logged("of another model"));
  ASSERT_EQ(deploy(deciding_model(kADay))->status, ReplyStatus::ok);
  run(3);
  EXPECT_GT(now().raise, 1.0F);
}

// A knock that spans two windows would span eight that overlap, and alarm.
TEST_F(LearningBoard, EvidenceIsGatheredOverWindowsThatFollowEachOther) {
  power_on();
  connect(0);
  ASSERT_EQ(ask("set hop 64").status,
            ReplyStatus::ok);  // without a model nothing speaks against it
  ASSERT_EQ(deploy(deciding_model(kADay))->status, ReplyStatus::ok);
  run(3);
  EXPECT_EQ(board->board().detector().window().hop_samples(), 128U);
  EXPECT_TRUE(logged("gathers evidence"));
  shaker.level = 1.05;
  run(6);
  ASSERT_TRUE(board->pin().high);
  const Answer answer = ask("set hop 32");
  EXPECT_EQ(answer.status, ReplyStatus::bad_value);
  run(1);
  EXPECT_TRUE(board->pin().high) << "what is refused changes nothing";
  EXPECT_EQ(alarms(), 1U);
  EXPECT_NE(answer.text.find("follow each other"), std::string::npos) << answer.text;
  for (const char* line : {"set hop 128", "set hop 0"}) {
    EXPECT_EQ(ask(line).status, ReplyStatus::ok) << line;
    EXPECT_EQ(board->board().detector().window().hop_samples(), 128U);
  }
}

TEST_F(LearningBoard, WhatWasLearnedCanBeCarriedToAnotherBoard) {
  start();
  disturb(6);
  ask("ack false");
  const DecisionSettings settings = refinement().settings();
  std::array<std::uint8_t, Refinement::kBytes> bytes{};
  protocol::Learned learned = board->board().learning().record(bytes);
  ASSERT_EQ(learned.bytes.size(), bytes.size());

  storage.learned->replace({});
  restart();
  ASSERT_NE(refinement().settings(), settings);
  const auto hand_in = [&] {
    const std::uint16_t sequence = send(protocol::MessageType::learned_write, learned);
    settle();
    const Answer* answer = answer_to(sequence);
    return answer == nullptr ? ReplyStatus::wrong_version : answer->status;
  };
  ++learned.model_crc32;
  EXPECT_EQ(hand_in(), ReplyStatus::bad_value);
  --learned.model_crc32;
  ++learned.hop;
  EXPECT_EQ(hand_in(), ReplyStatus::bad_value);
  --learned.hop;
  learned.bytes = learned.bytes.first(100);
  EXPECT_EQ(hand_in(), ReplyStatus::bad_value);
  learned.bytes = bytes;
  EXPECT_EQ(hand_in(), ReplyStatus::ok);
  EXPECT_EQ(refinement().settings(), settings);
  restart();
  EXPECT_EQ(refinement().settings(), settings);
}

TEST_F(LearningBoard, WhateverIsSavedNoDecisionIsOutOfBounds) {
  start();
  disturb(6);
  ask("ack false");
  std::vector<std::uint8_t> saved(storage.learned->size());
  ASSERT_TRUE(storage.learned->read(0, saved));
  const DecisionSettings file = *board->board().detector().model().decision;
  Random random(5);
  int taken = 0;
  for (int i = 0; i < 400; ++i) {
    std::vector<std::uint8_t> record = saved;
    // Bytes behind the evidence, and a checksum that fits.
    for (std::uint32_t k = 0; k <= random.below(3); ++k) {
      record[12 + 432 + random.below(48)] = static_cast<std::uint8_t>(random.next());
    }
    Crc32 crc;
    crc.add(std::span(record).first(record.size() - 4));
    for (std::size_t k = 0; k < 4; ++k) {
      record[record.size() - 4 + k] = static_cast<std::uint8_t>(crc.value() >> (8 * k));
    }
    storage.learned->replace(record);
    power_on();
    run(0.1);
    const DecisionSettings settings = refinement().settings();
    ASSERT_TRUE(is_valid(settings));
    ASSERT_LE(settings.limit, Refinement::kMostRaise * std::max(kLargestLimit, file.limit));
    ASSERT_GE(settings.location, file.location);
    ASSERT_LE(settings.scale, 2.01F * file.scale);
    taken += refinement().settings() != file ? 1 : 0;
  }
  EXPECT_GT(taken, 0);
}

TEST_F(LearningBoard, ItIsSavedOnceAQuarantineAndNotMoreOften) {
  start();
  std::vector<std::uint8_t> before(storage.learned->size());
  int saves = 0;
  for (int minute = 0; minute < 4 * 60 + 30; ++minute) {
    run(60);
    std::vector<std::uint8_t> bytes(storage.learned->size());
    ASSERT_TRUE(storage.learned->read(0, bytes));
    saves += bytes == before ? 0 : 1;
    before = bytes;
  }
  EXPECT_EQ(saves, 3);  // each hour, an hour later
}

}  // namespace
}  // namespace fettle::test
