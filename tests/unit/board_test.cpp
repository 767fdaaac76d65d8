// SPDX-License-Identifier: Apache-2.0
// The board's logic on simulated ports: what a person and a program see of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "protocol/card_record.hpp"
#include "tests/support/hand_made.hpp"
#include "tests/support/virtual_rig.hpp"

namespace fettle::test {
namespace {

using protocol::CardState;
using protocol::EventKind;
using protocol::ModelState;
using protocol::ReplyStatus;

constexpr std::uint8_t kAll = protocol::kStreamSamples | protocol::kStreamScores |
                              protocol::kStreamEvents | protocol::kStreamLog;

class BoardTest : public testing::Test, public VirtualRig {
 protected:
  /// Powers on, connects, and waits until the model judges.
  void start_judging() {
    power_on();
    connect(kAll);
    const Answer* answer = deploy(shaker_model());
    ASSERT_NE(answer, nullptr);
    ASSERT_EQ(answer->status, ReplyStatus::ok) << answer->text;
    run(3);
    ASSERT_EQ(fresh_status().model, ModelState::proven);
  }
  const protocol::StatusMessage& fresh_status() {
    status.reset();
    send(protocol::MessageType::status);
    run(0.1);
    if (!status) {
      ADD_FAILURE() << "no answer";
      status.emplace();
    }
    return *status;
  }
  Answer ask(std::string_view line) {
    const std::uint16_t sequence = command(line);
    run(0.1);
    const Answer* answer = answer_to(sequence);
    if (answer == nullptr) {
      ADD_FAILURE() << "no answer to " << line;
      return {sequence, ReplyStatus::bad_frame, ""};
    }
    return *answer;
  }
  /// What a person reads after typing a line.
  std::string type(std::string_view line) {
    text.clear();
    board->type(line);
    run(0.1);
    return text;
  }
  [[nodiscard]] bool happened(EventKind kind) const {
    return std::any_of(events.begin(), events.end(),
                       [kind](const Event& event) { return event.kind == kind; });
  }
  /// How many lines of the board's log say that.
  [[nodiscard]] std::ptrdiff_t logged(std::string_view what) const {
    return std::count_if(log.begin(), log.end(), [what](const std::string& line) {
      return line.find(what) != std::string::npos;
    });
  }
  /// All whole records of the card.
  [[nodiscard]] std::vector<std::vector<std::uint8_t>> card_records() const {
    std::vector<std::vector<std::uint8_t>> records;
    std::vector<std::uint8_t> bytes(protocol::kCardRecordBytes);
    for (std::uint64_t at = 0; storage.card->read(at, bytes); at += bytes.size()) {
      records.push_back(bytes);
    }
    return records;
  }
};

/// Of a board that writes to its card itself, and of one whose card has a thread of its own.
class BoardCardTest : public BoardTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override { config.records_apart = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Apart, BoardCardTest, testing::Bool(),
                         [](const auto& each) { return each.param ? "Apart" : "Alone"; });

/// Scores of the core's pipeline on what came over the line.
std::vector<protocol::ScoreMessage> replayed(const std::vector<protocol::SamplesMessage>& samples,
                                             std::uint32_t hop) {
  const AlignedBytes file(shaker_model());
  std::vector<std::byte> workspace(Int8Network::workspace_bytes(file.view()));
  DetectorModel model;
  EXPECT_TRUE(load_detector(file.view(), workspace, model).ok());
  WindowShape window = model.window;
  window.hop = hop;
  Pipeline pipeline(model, window);
  std::vector<protocol::ScoreMessage> scores;
  bool aligned = false;  // as `fettle collect`: a recording begins with a window
  for (const protocol::SamplesMessage& message : samples) {
    for (std::size_t i = 0; i < message.block.count; ++i) {
      aligned = aligned || (message.phase + i) % window.hop_samples() == 0;
      if (!aligned) continue;
      const auto result = pipeline.push(message.block.timed(i));
      if (!result) continue;
      protocol::ScoreMessage score;
      score.index = message.block.index + i + 1 - window.samples;
      score.t_us = result->start_us;
      score.score = result->score;
      scores.push_back(score);
    }
  }
  return scores;
}

void expect_same_bits(const std::vector<protocol::ScoreMessage>& board,
                      const std::vector<protocol::ScoreMessage>& replay) {
  ASSERT_GT(replay.size(), 20U);
  std::size_t compared = 0;
  for (const protocol::ScoreMessage& expected : replay) {
    for (const protocol::ScoreMessage& score : board) {
      if (score.index != expected.index) continue;
      EXPECT_EQ(score.t_us, expected.t_us);
      EXPECT_EQ(score.score, expected.score) << "window at sample " << expected.index;
      ++compared;
    }
  }
  // Windows of the first moments were judged before the recording began, none is left out later.
  EXPECT_GE(compared + 4, replay.size());
}

TEST_F(BoardTest, ScoresAreThoseOfTheRecordingBitForBit) {
  start_judging();
  run(30);
  shaker.level = 1.5;
  run(10);
  expect_same_bits(scores, replayed(samples, 0));
}

TEST_F(BoardTest, ScoresOfOverlappingWindowsLikewise) {
  start_judging();
  EXPECT_EQ(ask("set hop 50").status, ReplyStatus::bad_value);
  EXPECT_EQ(ask("set hop 64").status, ReplyStatus::ok);
  samples.clear();
  scores.clear();
  run(20);
  expect_same_bits(scores, replayed(samples, 64));
  ASSERT_GT(scores.size(), 10U);
  EXPECT_EQ(scores[9].index - scores[8].index, 64U);
}

TEST_F(BoardTest, ScoresSurviveGapsBitForBit) {
  start_judging();
  samples.clear();
  scores.clear();
  // Longer than the FIFO holds, so that samples are lost.
  for (int i = 1; i <= 5; ++i) {
    simulator::ChipFault fault;
    fault.kind = simulator::ChipFault::Kind::nack;
    fault.from_us = board->now_us() + i * 9'300'000;
    fault.until_us = fault.from_us + 700'000;
    board->chip().inject(fault);
  }
  run(60);
  EXPECT_GT(fresh_status().gaps, 3U);
  expect_same_bits(scores, replayed(samples, 0));
}

TEST_F(BoardTest, NoSampleIsLostBetweenWindows) {
  start_judging();
  run(20);
  for (std::size_t i = 1; i < samples.size(); ++i) {
    ASSERT_EQ(samples[i].block.index, samples[i - 1].block.index + samples[i - 1].block.count);
  }
  for (std::size_t i = 1; i < scores.size(); ++i) {
    ASSERT_EQ(scores[i].index, scores[i - 1].index + 128);
  }
}

TEST_F(BoardTest, ThePinFollowsTheVerdict) {
  start_judging();
  run(5);
  EXPECT_FALSE(board->pin().high);
  shaker.level = 3;
  run(2);
  EXPECT_TRUE(board->pin().high);
  EXPECT_TRUE(happened(EventKind::alarm_began));
  // It says what has changed, and the board's reader refuses a text that is too long.
  const auto began = std::ranges::find(events, EventKind::alarm_began, &Event::kind);
  ASSERT_NE(began, events.end());
  EXPECT_NE(began->text.find(" grew "), std::string::npos) << began->text;
  shaker.level = 1;
  run(2);
  EXPECT_FALSE(board->pin().high);
  EXPECT_TRUE(happened(EventKind::alarm_ended));
  EXPECT_EQ(fresh_status().alarms, 1U);
  EXPECT_EQ(board->pin().rises, 1U);
}

TEST_F(BoardTest, AnAnomalyIsLoggedWithScoreAndThreshold) {
  start_judging();
  run(5);
  shaker.level = 1.5;
  run(5);
  const auto line = std::find_if(log.begin(), log.end(), [](const std::string& l) {
    return l.starts_with("ANOMALY: score ");
  });
  ASSERT_NE(line, log.end());
  double score = 0;
  double threshold = 0;
  ASSERT_EQ(std::sscanf(line->c_str(), "ANOMALY: score %lf, threshold %lf:", &score, &threshold), 2)
      << *line;
  EXPECT_GT(score, threshold);
  EXPECT_NEAR(threshold, static_cast<double>(fresh_status().threshold), 1e-4);
}

TEST_F(BoardTest, ALatchedAlarmWaitsForSomebody) {
  start_judging();
  EXPECT_EQ(ask("set latch on").status, ReplyStatus::ok);
  EXPECT_EQ(ask("ack").status, ReplyStatus::not_now);
  shaker.level = 3;
  run(2);
  shaker.level = 1;
  run(5);
  EXPECT_TRUE(board->pin().high);
  EXPECT_EQ(ask("ack").status, ReplyStatus::ok);
  EXPECT_FALSE(board->pin().high);
  shaker.level = 3;
  run(2);
  EXPECT_TRUE(board->pin().high);  // a new one
}

TEST_F(BoardTest, ALatchedAlarmWaitsForSomebodyAlsoAfterARestart) {
  start_judging();
  EXPECT_EQ(ask("set latch on").status, ReplyStatus::ok);
  const auto again = [this] {
    power_on();
    connect(kAll);
    run(3);
  };
  again();
  EXPECT_FALSE(board->pin().high);
  shaker.level = 3;
  run(2);
  shaker.level = 1;
  again();
  EXPECT_TRUE(board->pin().high);
  EXPECT_NE(fresh_status().flags & protocol::kStatusAlarm, 0);
  EXPECT_NE(ask("status").text.find("ALARM of before"), std::string::npos);
  // Another that comes now is another.
  shaker.level = 3;
  run(2);
  shaker.level = 1;
  EXPECT_NE(fresh_status().alarm_id, 0U);
  EXPECT_EQ(fresh_status().alarms, 1U);
  EXPECT_EQ(ask("ack").status, ReplyStatus::ok);
  EXPECT_FALSE(board->pin().high);
  run(2);
  again();
  EXPECT_FALSE(board->pin().high);
  // Without the latch the pin says what the machine is like now, and so it stays.
  EXPECT_EQ(ask("set latch off").status, ReplyStatus::ok);
  shaker.level = 3;
  run(2);
  shaker.level = 1;
  again();
  EXPECT_FALSE(board->pin().high);
  EXPECT_NE(ask("events log").text.find("alarm over: with the restart"), std::string::npos);
  EXPECT_EQ(ask("set latch on").status, ReplyStatus::ok);
  again();
  EXPECT_FALSE(board->pin().high);
}

TEST_F(BoardTest, AnAlarmThatComesAndGoesIsKeptInTheEndAsItStands) {
  start_judging();
  for (int i = 0; i < 15; ++i) {
    shaker.level = 3;
    run(3);
    if (i < 14) {
      shaker.level = 1;
      run(3);
    }
  }
  const std::uint32_t id = fresh_status().alarm_id;
  const auto newest = [this] {
    const std::string page = ask("events log").text;
    return page.substr(0, page.find('\n'));
  };
  EXPECT_EQ(newest().find(", " + std::to_string(id) + "  "), std::string::npos) << newest();
  run(70);
  EXPECT_NE(newest().find(", " + std::to_string(id) + "  "), std::string::npos) << newest();
  EXPECT_NE(newest().find("came and went"), std::string::npos) << newest();
  EXPECT_TRUE(board->pin().high);
}

TEST_F(BoardTest, WhatIsRefusedOrChangesNothingOfWindowsEndsNoAlarm) {
  start_judging();
  shaker.level = 3;
  run(2);
  const std::uint32_t id = fresh_status().alarm_id;
  ASSERT_NE(id, 0U);
  const auto began = [this] {  // when windows do, of all samples
    return (board->board().status().samples - board->board().detector().phase()) % 128;
  };
  const std::uint64_t before = began();
  EXPECT_EQ(ask("set hop 50").status, ReplyStatus::bad_value);
  EXPECT_EQ(ask("set hop 128").status, ReplyStatus::ok);
  EXPECT_EQ(began(), before);
  EXPECT_EQ(ask("set accel_g 4").status, ReplyStatus::ok);
  run(3);
  EXPECT_TRUE(board->pin().high);
  EXPECT_EQ(fresh_status().alarm_id, id);
  EXPECT_FALSE(happened(EventKind::alarm_ended));
  // What does change them says so.
  EXPECT_EQ(ask("set hop 64").status, ReplyStatus::ok);
  EXPECT_TRUE(happened(EventKind::alarm_ended));
  run(2);
  EXPECT_TRUE(board->pin().high);
  EXPECT_GT(fresh_status().alarm_id, id);
}

TEST_F(BoardTest, AnAcknowledgedAlarmIsQuietUntilTheNext) {
  start_judging();
  shaker.level = 3;
  run(2);
  EXPECT_EQ(ask("ack").status, ReplyStatus::ok);
  run(3);
  EXPECT_FALSE(board->pin().high);
  shaker.level = 1;
  run(2);
  shaker.level = 3;
  run(2);
  EXPECT_TRUE(board->pin().high);
}

TEST_F(BoardTest, MuteHoldsThePinLowForATimeAndAlarmsAreNoted) {
  start_judging();
  EXPECT_EQ(ask("mute 20s").status, ReplyStatus::ok);
  shaker.level = 3;
  run(10);
  EXPECT_FALSE(board->pin().high);
  EXPECT_TRUE(happened(EventKind::alarm_began));
  EXPECT_NE(fresh_status().flags & protocol::kScoreMuted, 0);
  run(15);
  EXPECT_TRUE(board->pin().high);
  EXPECT_TRUE(happened(EventKind::unmuted));
  EXPECT_EQ(ask("mute forever").status, ReplyStatus::bad_value);
}

TEST_F(BoardTest, MaintenanceJudgesNothing) {
  start_judging();
  EXPECT_EQ(ask("maintenance 20s").status, ReplyStatus::ok);
  shaker.level = 3;
  run(10);
  EXPECT_FALSE(board->pin().high);
  EXPECT_EQ(fresh_status().alarms, 0U);
  run(15);
  EXPECT_TRUE(board->pin().high);
  EXPECT_TRUE(happened(EventKind::maintenance_ended));
}

TEST_F(BoardTest, AlertTestRaisesThePinForASecond) {
  power_on();
  run(1);
  type("alert test");
  EXPECT_TRUE(board->pin().high);
  run(1.2);
  EXPECT_FALSE(board->pin().high);
}

TEST_F(BoardTest, SettingsSurviveARestart) {
  start_judging();
  EXPECT_EQ(ask("name pump 3").status, ReplyStatus::ok);
  EXPECT_EQ(ask("threshold 7.5").status, ReplyStatus::ok);
  EXPECT_EQ(ask("set latch on").status, ReplyStatus::ok);
  power_on();
  connect(kAll);
  run(5);
  EXPECT_EQ(board->board().settings().name.view(), "pump 3");
  EXPECT_TRUE(board->board().settings().latch);
  EXPECT_EQ(board->board().settings().boots, 2U);
  EXPECT_EQ(fresh_status().threshold, 7.5F);
  EXPECT_EQ(fresh_status().model, ModelState::proven);
  EXPECT_EQ(ask("threshold model").status, ReplyStatus::ok);
  EXPECT_EQ(fresh_status().threshold, 3.0F);
}

TEST_F(BoardTest, DamagedSettingsBecomeDefaultsAndAreSaidSo) {
  power_on();
  type("name pump");
  std::vector<std::uint8_t> bytes(storage.settings->size());
  ASSERT_TRUE(storage.settings->read(0, bytes));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto damaged = bytes;
    damaged[i] ^= 0x04U;
    storage.settings->replace(damaged);
    log.clear();
    power_on();
    EXPECT_EQ(board->board().settings().name.view(), "");
    EXPECT_NE(std::find_if(log.begin(), log.end(),
                           [](const std::string& line) { return line.starts_with("settings"); }),
              log.end());
  }
}

TEST_F(BoardTest, AnImpossibleValueOfASettingIsSaid) {
  power_on();
  std::vector<std::uint8_t> bytes(storage.settings->size());
  ASSERT_TRUE(storage.settings->read(0, bytes));
  std::string saved(bytes.begin(), bytes.end() - 4);
  const std::size_t at = saved.find("rate_hz=200");
  ASSERT_NE(at, std::string::npos);
  saved.replace(at, 11, "rate_hz=7");
  std::vector<std::uint8_t> changed(saved.begin(), saved.end());
  Crc32 crc;
  crc.add(changed);
  for (int shift = 0; shift < 32; shift += 8) {
    changed.push_back(static_cast<std::uint8_t>(crc.value() >> shift));
  }
  storage.settings->replace(changed);
  log.clear();
  power_on();
  EXPECT_EQ(board->board().settings().rate_hz, 200);
  EXPECT_EQ(logged("a value that it cannot have"), 1);
}

/// A medium that is as it was, whatever is written to it.
class Unwritable final : public simulator::Medium {
 public:
  [[nodiscard]] std::uint64_t size() const override { return 0; }
  [[nodiscard]] bool read(std::uint64_t, std::span<std::uint8_t>) const override { return false; }
  bool write(std::uint64_t, std::span<const std::uint8_t>) override { return false; }
  bool replace(std::span<const std::uint8_t>) override { return false; }
};

TEST_F(BoardTest, ASettingThatCannotBeSavedIsNotSaidToBeKept) {
  storage.settings = std::make_unique<Unwritable>();
  power_on();
  connect(kAll);
  for (const char* line : {"name pump7", "threshold 3.5", "set accel_g 8", "set hop 64"}) {
    const Answer answer = ask(line);
    EXPECT_EQ(answer.status, ReplyStatus::storage) << line;
    EXPECT_NE(answer.text.find("cannot be saved"), std::string::npos) << answer.text;
  }
  // It holds all the same.
  EXPECT_EQ(board->board().settings().name.view(), "pump7");
}

TEST_F(BoardTest, HearsAPersonAgainAfterNoise) {
  power_on();
  run(1);
  board->line().to_board.insert(board->line().to_board.end(), {0x00, 0x81, 0x55, 0xFF});
  run(5);
  EXPECT_NE(type("name").find("(no name)"), std::string::npos);
}

TEST_F(BoardTest, ADamagedModelIsSaidToBeDamaged) {
  start_judging();
  const auto with_damage_at = [&](std::uint64_t at) {
    std::vector<std::uint8_t> byte(1);
    ASSERT_TRUE(storage.flash->read(at, byte));
    byte[0] ^= 0x10U;
    ASSERT_TRUE(storage.flash->write(at, byte));
    log.clear();
    power_on();
    connect(kAll);
    run(1);
    EXPECT_EQ(fresh_status().model, ModelState::none);
    EXPECT_EQ(logged("the model in slot 0 is damaged"), 1) << at;
    EXPECT_NE(ask("status").text.find("damaged"), std::string::npos);
    byte[0] ^= 0x10U;
    ASSERT_TRUE(storage.flash->write(at, byte));
  };
  with_damage_at(500);  // of the detector
  with_damage_at(12);   // its size, in the header
  with_damage_at(0);    // what says that there is a model
}

TEST_F(BoardTest, EventsBeforeTheFirstConnectionCarryUptimeAndTheNumberOfTheStart) {
  config.model = shaker_model();
  const AlignedBytes built_in(shaker_model());
  config.model = built_in.view();
  power_on();
  run(5);
  shaker.level = 3;
  run(5);
  shaker.level = 1;
  connect(kAll);
  run(5);
  shaker.level = 3;
  run(5);
  std::vector<protocol::EventMessage> kept;
  const auto records = card_records();
  for (const auto& record : records) {
    const auto read = protocol::read_card_record(
        protocol::ConstCardBytes(record.data(), protocol::kCardRecordBytes));
    ASSERT_EQ(read.damage, protocol::CardDamage::none);
    protocol::EventMessage event;
    if (read.header.type == protocol::CardRecordType::event && decode(read.payload, event)) {
      kept.push_back(event);
    }
  }
  ASSERT_GE(kept.size(), 4U);
  EXPECT_EQ(kept[0].kind, EventKind::boot);
  bool before = false, after = false;
  for (const protocol::EventMessage& event : kept) {
    EXPECT_EQ(event.boot, 1U);
    if (event.kind != EventKind::alarm_began) continue;
    before = before || (event.utc_us == 0 && event.uptime_us > 5'000'000);
    after = after || event.utc_us > kUtc_us;
  }
  EXPECT_TRUE(before);
  EXPECT_TRUE(after);
}

TEST_F(BoardTest, TheCardHoldsTheSamplesOfTheLine) {
  power_on();
  connect(kAll);
  EXPECT_EQ(ask("record normal").status, ReplyStatus::ok);
  run(20);
  EXPECT_EQ(fresh_status().card, CardState::recording);
  EXPECT_EQ(ask("stop").status, ReplyStatus::ok);
  std::vector<protocol::SamplesMessage> kept;
  std::vector<protocol::CardRecordType> types;
  std::uint32_t sequence = 0;
  const auto records = card_records();
  for (const auto& record : records) {
    const auto read = protocol::read_card_record(
        protocol::ConstCardBytes(record.data(), protocol::kCardRecordBytes));
    ASSERT_EQ(read.damage, protocol::CardDamage::none);
    EXPECT_EQ(read.header.sequence, sequence++);
    if (read.header.type != protocol::CardRecordType::samples) {
      types.push_back(read.header.type);
      continue;
    }
    protocol::CardSamplesReader reader(read.payload);
    protocol::SamplesMessage message;
    while (reader.next(message)) kept.push_back(message);
    EXPECT_TRUE(reader.ok());
  }
  EXPECT_EQ(std::count(types.begin(), types.end(), protocol::CardRecordType::session), 1);
  EXPECT_EQ(std::count(types.begin(), types.end(), protocol::CardRecordType::end), 1);
  ASSERT_GT(kept.size(), 200U);
  std::size_t at = 0;
  while (samples[at].block.index != kept[0].block.index) ++at;
  for (const protocol::SamplesMessage& message : kept) {
    const protocol::SamplesMessage& streamed = samples[at++];
    ASSERT_EQ(message.block.index, streamed.block.index);
    ASSERT_EQ(message.block.t_us, streamed.block.t_us);
    ASSERT_EQ(message.phase, streamed.phase);
    ASSERT_EQ(message.block.samples, streamed.block.samples);
  }
}

TEST_P(BoardCardTest, RecordingGoesOnAfterALossOfPower) {
  power_on();
  type("record normal");
  run(5);
  power_on();
  run(5);
  EXPECT_TRUE(board->board().recorder().recording());
  type("stop");
  EXPECT_FALSE(board->board().recorder().recording());
  power_on();
  run(1);
  EXPECT_FALSE(board->board().recorder().recording());
}

TEST_P(BoardCardTest, AFullCardStopsRecordingAndDetectionGoesOn) {
  config.card_bytes = 20'000;
  start_judging();
  EXPECT_EQ(ask("record normal").status, ReplyStatus::ok);
  run(30);
  EXPECT_EQ(fresh_status().card, CardState::full);
  EXPECT_TRUE(happened(EventKind::card_failed));
  EXPECT_EQ(logged("recording has stopped, detection goes on: the card is full"), 1);
  EXPECT_EQ(logged("('fettle collect --sd FILE -o data'), then delete it from the card"), 1);
  EXPECT_EQ(ask("record normal").status, ReplyStatus::storage);
  shaker.level = 3;
  run(2);
  EXPECT_TRUE(board->pin().high);
}

TEST_P(BoardCardTest, ACardThatComesBackIsWrittenAgain) {
  start_judging();
  EXPECT_EQ(ask("record normal").status, ReplyStatus::ok);
  run(5);
  board->card().inserted = false;
  run(5);
  EXPECT_EQ(fresh_status().card, CardState::absent);
  EXPECT_EQ(logged("recording has stopped, detection goes on: the card is absent"), 1);
  EXPECT_EQ(logged("put it in, and it is used again by itself"), 1);
  board->card().inserted = true;
  run(5);
  EXPECT_EQ(fresh_status().card, CardState::recording);
}

TEST_P(BoardCardTest, ACardThatTakesNothingIsSpokenOfOnce) {
  start_judging();
  EXPECT_EQ(ask("record normal").status, ReplyStatus::ok);
  shaker.level = 3;
  run(5);
  EXPECT_TRUE(board->pin().high);
  board->card().refuses = true;
  run(600);
  EXPECT_EQ(fresh_status().card, CardState::failed);
  EXPECT_EQ(logged("recording has stopped, detection goes on: the card is failed"), 1);
  EXPECT_EQ(logged("the card is failed"), 1);
  EXPECT_EQ(logged("recording goes on"), 0);
  const std::string events_of_board = type("events");
  EXPECT_NE(events_of_board.find("alarm, score"), std::string::npos) << events_of_board;
  board->card().refuses = false;
  run(65);
  EXPECT_EQ(fresh_status().card, CardState::recording);
  EXPECT_EQ(logged("recording goes on"), 1);
  board->card().refuses = true;
  run(5);
  EXPECT_EQ(logged("recording has stopped, detection goes on: the card is failed"), 2);
}

TEST_P(BoardCardTest, ACardThatIsPutInAndCannotBeUsedIsSpokenOf) {
  start_judging();
  EXPECT_EQ(ask("record normal").status, ReplyStatus::ok);
  run(5);
  board->card().inserted = false;
  run(5);
  storage.card->replace(std::vector<std::uint8_t>(512 * 100, 'x'));
  board->card().inserted = true;
  run(150);
  EXPECT_EQ(logged("detection goes on: the card is failed"), 1);
  EXPECT_EQ(logged("the log's file is not Fettle's and is left alone: move it away"), 1);
}

TEST_F(BoardTest, SaysWhyItRestartedAndKeepsIt) {
  config.restart = board::Restart::brown_out;
  power_on();
  EXPECT_EQ(logged("start: restarted because the supply broke in: check the power supply"), 1);
  config.restart = board::Restart::watchdog;
  power_on();
  EXPECT_EQ(logged("start: restarted by the watchdog: something hung"), 1);
  config.restart = board::Restart::defect;
  power_on();
  EXPECT_EQ(logged("start: restarted after a defect of the program"), 1);
  config.restart = board::Restart::usual;
  power_on();
  EXPECT_EQ(logged("restarted"), 3);
  // Whoever looks a week later finds it too.
  const std::string kept = type("events log");
  EXPECT_NE(kept.find("started for the 1. time, Fettle simulated, the supply broke in"),
            std::string::npos)
      << kept;
  EXPECT_NE(kept.find("2. time, Fettle simulated, by the watchdog"), std::string::npos) << kept;
  EXPECT_NE(kept.find("3. time, Fettle simulated, after a defect"), std::string::npos) << kept;
}

TEST_F(BoardTest, StartsForTwoReasonsInTurnsDriveOutNoEvent) {
  start_judging();
  shaker.level = 3;
  run(5);
  ASSERT_TRUE(board->pin().high);
  shaker.level = 1;
  for (int i = 0; i < 60; ++i) {
    config.restart = i % 2 == 0 ? board::Restart::brown_out : board::Restart::usual;
    power_on();
    run(0.2);
  }
  run(1);
  const std::string kept = type("events log");
  EXPECT_NE(kept.find("alarm, score"), std::string::npos) << kept;
  EXPECT_NE(kept.find("the supply broke in"), std::string::npos) << kept;
}

TEST_P(BoardCardTest, TheSelfTestWritesToACardThatWasPutInLaterAndReadsItBack) {
  config.card = false;
  power_on();
  take_sensor_away(60);
  run(5);
  board->card().inserted = true;
  run(5);
  type("selftest");
  run(3);
  const std::string said = type("selftest result");
  EXPECT_NE(said.find("pass card: written and read back"), std::string::npos) << said;
}

TEST_F(BoardTest, ASettingBeforeTheFirstSampleHidesNoLossOfLater) {
  for (const bool apart : {false, true}) {
    config.samples_apart = apart;
    power_on();
    connect(kAll);
    take_sensor_away(4);
    run(1);
    EXPECT_EQ(ask("set accel_g 8").status, ReplyStatus::ok);
    run(10);
    events.clear();
    take_sensor_away(2);
    run(5);
    EXPECT_TRUE(happened(EventKind::samples_lost));
    EXPECT_EQ(ask("set accel_g 2").status, ReplyStatus::ok);
  }
}

TEST_F(BoardTest, ThePauseOfTheSelfTestAndOfASettingIsNoLossToTell) {
  for (const bool apart : {false, true}) {
    config.samples_apart = apart;
    power_on();
    connect(kAll);
    run(3);
    events.clear();
    EXPECT_EQ(ask("selftest").status, ReplyStatus::ok);
    run(5);
    EXPECT_EQ(ask("set accel_g 8").status, ReplyStatus::ok);
    run(5);
    EXPECT_GT(fresh_status().lost, 100U) << "they are in the books";
    EXPECT_FALSE(happened(EventKind::samples_lost));
    take_sensor_away(2);
    run(5);
    EXPECT_TRUE(happened(EventKind::samples_lost));
  }
}

TEST_P(BoardCardTest, SomebodyElsesFileOnTheCardIsLeftAlone) {
  std::vector<std::uint8_t> theirs(512 * 100, 'x');
  storage.card->replace(theirs);
  power_on();
  connect(kAll);
  run(10);
  EXPECT_EQ(ask("record normal").status, ReplyStatus::storage);
  EXPECT_EQ(storage.card->size(), theirs.size());
}

TEST_F(BoardTest, AModelThatIsNoneIsRefusedAndTheOldOneRunsOn) {
  start_judging();
  const std::uint32_t before = board->board().status().windows != 0;
  ASSERT_TRUE(before);
  auto damaged = shaker_model();
  damaged[damaged.size() / 2] ^= 1U;
  const Answer* answer = deploy(damaged);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->status, ReplyStatus::bad_model);
  EXPECT_NE(answer->text.find("bytes were changed"), std::string::npos) << answer->text;
  answers.clear();
  answer = deploy(std::vector<std::uint8_t>(1000, 7));
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->status, ReplyStatus::bad_model);
  scores.clear();
  run(3);
  EXPECT_GT(scores.size(), 2U);
  EXPECT_EQ(fresh_status().model, ModelState::proven);
  power_on();
  connect(kAll);
  run(3);
  EXPECT_EQ(fresh_status().model, ModelState::proven);
}

TEST_F(BoardTest, BytesThatArriveWrongAreNoticedAtCommit) {
  start_judging();
  const auto& model = shaker_model();
  send(protocol::MessageType::model_begin,
       protocol::ModelBegin{static_cast<std::uint32_t>(model.size()), 0x12345678});
  for (std::size_t at = 0; at < model.size(); at += 256) {
    const auto size = std::min<std::size_t>(256, model.size() - at);
    send(protocol::MessageType::model_data,
         protocol::ModelBytes{static_cast<std::uint32_t>(at), std::span(model).subspan(at, size)});
  }
  const auto commit = send(protocol::MessageType::model_commit);
  run(2);
  ASSERT_NE(answer_to(commit), nullptr);
  EXPECT_EQ(answer_to(commit)->status, ReplyStatus::bad_model);
  EXPECT_EQ(fresh_status().model, ModelState::proven);
}

TEST_F(BoardTest, AModelThatNeverRunsGivesWayToTheOneBefore) {
  start_judging();
  config.interrupt = true;
  ASSERT_EQ(deploy(shaker_model())->status, ReplyStatus::ok);
  ASSERT_EQ(fresh_status().model, ModelState::trial);
  // The power fails before it has judged three windows, again and again.
  for (int i = 0; i < board::ModelStore::kMostTrials - 1; ++i) {
    power_on();
    run(0.5);
    EXPECT_EQ(board->board().status().model, ModelState::trial) << "start " << i;
  }
  EXPECT_EQ(logged("is given up: 3 starts"), 0);
  for (int i = 0; i < 3; ++i) {
    power_on();
    run(0.5);
    EXPECT_EQ(board->board().status().model, ModelState::proven);
    EXPECT_EQ(logged("is given up: 3 starts"), 1) << "once, not at every start";
    // As an event of this start only in the first; afterwards it is one of an earlier start.
    std::string list = ask("events").text;
    list.insert(list.begin(), '\n');
    const std::size_t line = list.rfind('\n', list.rfind("model changed"));
    ASSERT_NE(line, std::string::npos);
    EXPECT_EQ(list.substr(line + 1).starts_with("start "), i != 0) << list;
  }
}

TEST_F(BoardTest, TheModelCanBeReadBack) {
  start_judging();
  const auto& model = shaker_model();
  for (std::size_t at = 0; at < model.size(); at += 256) {
    send(protocol::MessageType::model_read,
         protocol::ModelRead{static_cast<std::uint32_t>(at), 256});
    run(0.05);
  }
  run(0.2);
  EXPECT_EQ(model_bytes, model);
}

TEST_F(BoardTest, AModelOfAnotherRateIsRefused) {
  start_judging();
  EXPECT_EQ(ask("set rate_hz 1000").status, ReplyStatus::ok);
  run(3);
  EXPECT_EQ(fresh_status().model, ModelState::none);
  EXPECT_NE(ask("status").text.find("trained at 200 Hz"), std::string::npos);
  const Answer* answer = deploy(shaker_model());
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->status, ReplyStatus::bad_model);
  EXPECT_NE(answer->text.find("200 Hz"), std::string::npos) << answer->text;
  EXPECT_EQ(ask("set rate_hz 200").status, ReplyStatus::ok);
  run(3);
  EXPECT_EQ(fresh_status().model, ModelState::proven);
}

TEST_F(BoardTest, AThousandSamplesASecondArriveWhole) {
  power_on();
  connect(kAll);
  EXPECT_EQ(ask("set rate_hz 1000").status, ReplyStatus::ok);
  run(2);
  samples.clear();
  run(10);
  std::size_t count = 0;
  for (const auto& message : samples) count += message.block.count;
  EXPECT_GT(count, 9'800U);
  EXPECT_EQ(missing_frames, 0U);
}

TEST_F(BoardTest, AStreamThatDoesNotFitIsRefusedWithWhatWould) {
  config.baud = 115'200;
  power_on();
  connect(0);
  EXPECT_EQ(ask("set rate_hz 1000").status, ReplyStatus::ok);
  const auto request =
      send(protocol::MessageType::stream, protocol::StreamRequest{protocol::kStreamSamples});
  run(0.2);
  ASSERT_NE(answer_to(request), nullptr);
  EXPECT_EQ(answer_to(request)->status, ReplyStatus::does_not_fit);
  EXPECT_NE(answer_to(request)->text.find("200 Hz"), std::string::npos);
  send(protocol::MessageType::bye);
  run(0.1);
  const std::string said = type("stream csv");
  EXPECT_NE(said.find("baud"), std::string::npos) << said;
}

TEST_F(BoardTest, TheCsvStreamHasSixNumbersALineAndNothingElse) {
  power_on();
  run(2);
  text.clear();
  board->type("stream csv");
  run(5);
  ASSERT_GT(text.size(), 1000U);
  std::size_t rows = 0;
  for (std::size_t at = 0; at < text.size(); ++rows) {
    const std::size_t end = text.find('\n', at);
    const std::string row = text.substr(at, end - at);
    at = end + 1;
    ASSERT_EQ(std::count(row.begin(), row.end(), ','), 5) << row;
    ASSERT_EQ(row.find_first_not_of("0123456789.,-"), std::string::npos) << row;
  }
  EXPECT_NEAR(static_cast<double>(rows), 1000, 40);
  EXPECT_NE(type("stop").find("ok"), std::string::npos);
}

TEST_F(BoardTest, AnotherVersionOfTheProtocolLearnsOursAndNothingElse) {
  power_on();
  std::array<std::uint8_t, 12> newer{};
  newer[0] = 9;
  send_bytes(protocol::MessageType::hello, newer);
  run(0.1);
  EXPECT_TRUE(greeted);
  // The line is still text.
  EXPECT_NE(type("status").find("sensor"), std::string::npos);
}

TEST_F(BoardTest, AFloodOfGarbageHarmsNothing) {
  start_judging();
  Random random(5);
  for (int i = 0; i < 200'000; ++i) {
    board->line().to_board.push_back(static_cast<std::uint8_t>(random.below(256)));
  }
  run(3);
  connect(kAll);
  scores.clear();
  run(5);
  EXPECT_GT(scores.size(), 5U);
  EXPECT_EQ(fresh_status().lost, 0U);
}

TEST_F(BoardTest, ASensorThatGoesAwayIsSaidAndDetectionComesBack) {
  start_judging();
  take_sensor_away(5);
  run(4);
  EXPECT_TRUE(happened(EventKind::sensor_lost));
  EXPECT_NE(fresh_status().sensor, protocol::SensorState::streaming);
  run(4);
  EXPECT_TRUE(happened(EventKind::sensor_back));
  scores.clear();
  run(2);
  EXPECT_GT(scores.size(), 1U);
}

TEST_F(BoardTest, FitsIntoTheMemoryItPromises) {
  // Six axes, windows of 128 samples, tutorial features, a record of the card.
  EXPECT_LE(sizeof(board::Board), 24U * 1024U);
  // And with what is lent to find limits in.
  EXPECT_LE(sizeof(board::Board) + sizeof(Refinement::Memory), 32U * 1024U);
}

TEST_F(BoardTest, EveryCommandOfTheHelpIsKnown) {
  power_on();
  run(1);
  for (const char* line : {"help", "status", "settings", "name", "model", "events", "time",
                           "threshold", "stop", "mute 10min", "mute off", "maintenance 30min",
                           "maintenance off", "alert test", "selftest", "stream csv", "stop"}) {
    const std::string said = type(line);
    EXPECT_EQ(said.find("error"), std::string::npos) << line << ": " << said;
  }
  EXPECT_NE(type("dance").find("help"), std::string::npos);
}

TEST_F(BoardTest, ALineThatIsTooLongIsAnswered) {
  power_on();
  run(1);
  EXPECT_NE(type(std::string(300, 'x')).find("error: a line has at most 256"), std::string::npos);
  EXPECT_NE(type("name").find("(no name)"), std::string::npos) << "and the next one is understood";
}

TEST_F(BoardTest, TheSelfTestSaysWhatToCheck) {
  config.interrupt = false;
  power_on();
  run(2);
  type("selftest");
  run(5);
  const std::string said = type("selftest result");
  EXPECT_NE(said.find("FAIL interrupt pin: check the wire INT"), std::string::npos) << said;
  EXPECT_NE(said.find("pass card"), std::string::npos) << said;
}

TEST_F(BoardTest, NeitherASelfTestNorARestartOfTheSensorIsAnAlarm) {
  start_judging();
  run(5);
  EXPECT_EQ(ask("selftest").status, ReplyStatus::ok);
  run(1.5);  // the pin shows itself for a second
  run(20);
  EXPECT_EQ(fresh_status().alarms, 0U);
  simulator::ChipFault fault;
  fault.kind = simulator::ChipFault::Kind::brown_out;
  fault.from_us = board->now_us();
  fault.until_us = fault.from_us + 200'000;
  board->chip().inject(fault);
  run(20);
  EXPECT_EQ(fresh_status().alarms, 0U);
  EXPECT_EQ(fresh_status().configuration_lost + fresh_status().restarts, 2U);
}

TEST_F(BoardTest, AnAlarmEndsWithItsModel) {
  start_judging();
  shaker.level = 3;
  run(3);
  ASSERT_TRUE(board->pin().high);
  EXPECT_EQ(ask("set rate_hz 1000").status, ReplyStatus::ok);
  run(3);
  EXPECT_EQ(fresh_status().model, ModelState::none);
  EXPECT_FALSE(board->pin().high);
  EXPECT_TRUE(happened(EventKind::alarm_ended));
}

TEST_F(BoardTest, AnAcknowledgedAlarmDoesNotMaskTheNextModel) {
  start_judging();
  shaker.level = 3;
  run(3);
  EXPECT_EQ(ask("ack").status, ReplyStatus::ok);
  EXPECT_FALSE(board->pin().high);
  ASSERT_EQ(deploy(shaker_model())->status, ReplyStatus::ok);
  run(3);
  EXPECT_TRUE(board->pin().high);
}

TEST_F(BoardTest, AThresholdSetByHandEndsWithItsModel) {
  start_judging();
  EXPECT_EQ(ask("threshold 99999").status, ReplyStatus::ok);
  answers.clear();
  const Answer* answer = deploy(shaker_model());
  ASSERT_NE(answer, nullptr);
  EXPECT_NE(answer->text.find("threshold"), std::string::npos) << answer->text;
  EXPECT_EQ(fresh_status().threshold, 3.0F);
}

TEST_F(BoardTest, SettingsThatCannotBeReadAreNotWrittenOver) {
  power_on();
  type("name pump");
  run(2);
  std::vector<std::uint8_t> before(storage.settings->size());
  ASSERT_TRUE(storage.settings->read(0, before));
  class Unreadable final : public simulator::Medium {
   public:
    explicit Unreadable(simulator::Medium& medium) : medium_(medium) {}
    [[nodiscard]] std::uint64_t size() const override { return medium_.size(); }
    [[nodiscard]] bool read(std::uint64_t, std::span<std::uint8_t>) const override { return false; }
    bool write(std::uint64_t at, std::span<const std::uint8_t> bytes) override {
      return medium_.write(at, bytes);
    }
    bool replace(std::span<const std::uint8_t> bytes) override { return medium_.replace(bytes); }

   private:
    simulator::Medium& medium_;
  };
  auto whole = std::move(storage.settings);
  storage.settings = std::make_unique<Unreadable>(*whole);
  power_on();
  run(3);
  board.reset();
  storage.settings = std::move(whole);
  power_on();
  EXPECT_EQ(board->board().settings().name.view(), "pump");
}

TEST_F(BoardTest, AClockThatCannotBeRightIsNone) {
  power_on();
  connect(kAll);
  for (const char* line : {"time 9000000000", "time 288230377851711744", "time 5", "time -1",
                           "time 99999999999999999999"}) {
    EXPECT_EQ(ask(line).status, ReplyStatus::bad_value) << line;
  }
  send(protocol::MessageType::hello,
       protocol::HelloRequest{protocol::kVersion, 8'999'999'999'999'999});
  run(0.2);
  EXPECT_EQ(fresh_status().utc_us / 1'000'000'000'000, kUtc_us / 1'000'000'000'000);
}

TEST_F(BoardTest, ASelfTestIsNotOverBeforeItHasBegun) {
  power_on();
  connect(kAll);
  run(2);
  for (int i = 0; i < 2; ++i) {
    events.clear();
    EXPECT_EQ(ask("selftest").status, ReplyStatus::ok);
    EXPECT_EQ(ask("selftest result").status, ReplyStatus::not_now);
    EXPECT_FALSE(happened(EventKind::self_test));
    run(4);
    EXPECT_TRUE(happened(EventKind::self_test));
    const Answer result = ask("selftest result");
    EXPECT_EQ(result.status, ReplyStatus::ok);
    EXPECT_NE(result.text.find("pass az"), std::string::npos) << result.text;
  }
  EXPECT_EQ(ask("selftest").status, ReplyStatus::ok);
  run(0.5);
  EXPECT_EQ(ask("set accel_g 4").status, ReplyStatus::ok);
  run(3);
  EXPECT_NE(ask("selftest result").text.find("interrupted"), std::string::npos);
}

TEST_F(BoardTest, ARecordingIsRenewedWhenWhatItSaysChanges) {
  start_judging();
  EXPECT_EQ(ask("record normal").status, ReplyStatus::ok);
  run(3);
  EXPECT_EQ(ask("set hop 64").status, ReplyStatus::ok);
  run(3);
  EXPECT_EQ(ask("set accel_g 4").status, ReplyStatus::ok);
  run(3);
  ASSERT_EQ(deploy(shaker_model())->status, ReplyStatus::ok);
  run(3);
  int sessions = 0;
  for (const auto& record : card_records()) {
    const auto read = protocol::read_card_record(
        protocol::ConstCardBytes(record.data(), protocol::kCardRecordBytes));
    sessions += read.header.type == protocol::CardRecordType::session ? 1 : 0;
  }
  EXPECT_EQ(sessions, 4);
  EXPECT_EQ(fresh_status().card, CardState::recording);
}

TEST_F(BoardTest, AnotherCardInPlaceOfAFullOneIsFound) {
  config.card_bytes = 10'000;
  power_on();
  connect(kAll);
  EXPECT_EQ(ask("record normal").status, ReplyStatus::ok);
  run(30);
  EXPECT_EQ(fresh_status().card, CardState::full);
  storage.card->replace({});
  EXPECT_EQ(ask("record normal").status, ReplyStatus::ok);
}

TEST_F(BoardTest, AShortFileOfSomebodyElseIsLeftAloneToo) {
  const std::string theirs(880, 'x');
  storage.card->replace({reinterpret_cast<const std::uint8_t*>(theirs.data()), theirs.size()});
  power_on();
  connect(kAll);
  const Answer answer = ask("record normal");
  EXPECT_EQ(answer.status, ReplyStatus::storage);
  EXPECT_NE(answer.text.find("not Fettle's"), std::string::npos) << answer.text;
  run(70);
  EXPECT_EQ(storage.card->size(), theirs.size());
}

TEST_F(BoardTest, ManyGreetingsDoNotPushAlarmsOutOfTheList) {
  start_judging();
  shaker.level = 3;
  run(3);
  for (int i = 0; i < 12; ++i) connect(kAll);
  EXPECT_NE(ask("events").text.find("alarm"), std::string::npos);
}

TEST_F(BoardTest, ClocksThatJumpDoNotEither) {
  start_judging();
  shaker.level = 3;
  run(3);
  log.clear();
  for (int i = 1; i <= 12; ++i) {
    send(protocol::MessageType::hello,
         protocol::HelloRequest{protocol::kVersion, kUtc_us + i * 60'000'000});
    send(protocol::MessageType::stream, protocol::StreamRequest{kAll});
    run(0.2);
  }
  EXPECT_EQ(logged("clock set"), 12);
  const std::string list = ask("events").text;
  EXPECT_NE(list.find("alarm"), std::string::npos) << list;
  EXPECT_EQ(list.find("clock set"), list.rfind("clock set")) << list;
  EXPECT_NE(list.find("clock set"), std::string::npos) << list;
}

TEST_F(BoardTest, AClockThatDriftsIsNoEvent) {
  power_on();
  connect(kAll);
  log.clear();
  for (int i = 1; i <= 3; ++i) {  // four seconds off each time, as after some days
    send(protocol::MessageType::hello,
         protocol::HelloRequest{protocol::kVersion, kUtc_us + i * 4'000'000});
    send(protocol::MessageType::stream, protocol::StreamRequest{kAll});
    run(0.2);
  }
  EXPECT_EQ(logged("clock set"), 0);
  EXPECT_NEAR(static_cast<double>(fresh_status().utc_us - kUtc_us), 12e6, 1e6);
}

TEST_F(BoardTest, TheListKeepsTheLastEightEvents) {
  power_on();
  connect(kAll);
  for (int i = 0; i < 12; ++i) ask(i % 2 == 0 ? "mute 10min" : "maintenance 10min");
  const std::string list = ask("events").text;
  EXPECT_EQ(std::count(list.begin(), list.end(), '\n'), 7) << list;
  EXPECT_EQ(list.find("boot"), std::string::npos) << list;
  EXPECT_EQ(list.rfind("maintenance"),
            list.rfind("\n") + list.substr(list.rfind("\n")).find("main"));
}

TEST_F(BoardTest, EventsSurviveALossOfPowerWithoutACard) {
  config.card = false;
  start_judging();
  shaker.level = 3;
  run(3);
  shaker.level = 1;
  ASSERT_TRUE(board->pin().high);
  power_on();
  connect(kAll);
  const std::string list = ask("events").text;
  EXPECT_NE(list.find("start 1, "), std::string::npos) << list;
  EXPECT_NE(list.find("alarm, score "), std::string::npos) << list;
  const std::string kept = ask("events log").text;
  EXPECT_NE(kept.find("alarm, score "), std::string::npos) << kept;
  EXPECT_NE(kept.find("UTC 18000000"), std::string::npos) << kept;
  EXPECT_NE(ask("events log 2").text.find("boot: started for the 1. time"), std::string::npos);
  EXPECT_EQ(ask("events log 3").text, "there are no more");
  EXPECT_EQ(ask("events log 0").status, ReplyStatus::bad_value);
  EXPECT_EQ(ask("events page").status, ReplyStatus::bad_value);
  EXPECT_EQ(ask("ack false").status, ReplyStatus::not_now) << "an alarm of before is not of now";
}

TEST_F(BoardTest, EventsThatAreAllDamagedAreNotPassedOverInSilence) {
  power_on();
  connect(kAll);
  ask("mute 10min");
  EXPECT_EQ(ask("events log").text.find("damaged"), std::string::npos);
  const std::array<std::uint8_t, 1> zero{};
  for (std::uint64_t at = 0; at < storage.events->size(); at += board::EventLog::kRecordBytes) {
    ASSERT_TRUE(storage.events->write(at, zero));
  }
  log.clear();
  power_on();
  connect(kAll);
  EXPECT_EQ(logged("none of those kept in flash can be read, they are damaged"), 1);
  EXPECT_NE(ask("events log").text.find("damaged places in flash: "), std::string::npos);
  EXPECT_NE(ask("events log").text.find("boot: started"), std::string::npos) << "nor lost anew";
}

TEST_F(BoardTest, WhatComesAgainAndAgainDoesNotFillTheFlash) {
  power_on();
  connect(kAll);
  for (int i = 1; i <= 5; ++i) {  // computers that disagree, and a wire that comes and goes
    send(protocol::MessageType::hello,
         protocol::HelloRequest{protocol::kVersion, kUtc_us + i * 100'000'000});
    take_sensor_away(3);
    run(6);
  }
  EXPECT_GT(logged("clock set"), 4);
  EXPECT_GT(logged("sensor lost"), 3);
  for (int i = 0; i < 5; ++i) power_on();  // nor does one that cannot start
  connect(kAll);
  const std::string kept = ask("events log").text + "\n" + ask("events log 2").text;
  for (const char* kind : {"clock set", "sensor lost", "sensor back"}) {
    const std::size_t at = kept.find(kind);
    EXPECT_NE(at, std::string::npos) << kind << kept;
    const bool once_a_start = std::string_view(kind) == "clock set";  // and here were two
    EXPECT_TRUE(once_a_start || at == kept.rfind(kind)) << kind << kept;
  }
  EXPECT_EQ(kept.find("start 3, "), std::string::npos) << kept;
}

TEST_F(BoardTest, TheStatusSaysThatAnAlarmIsOn) {
  start_judging();
  EXPECT_EQ(fresh_status().flags, 0);
  shaker.level = 3;
  run(3);
  EXPECT_EQ(fresh_status().flags, protocol::kScorePin | protocol::kStatusAlarm);
  EXPECT_NE(ask("status").text.find("ALARM"), std::string::npos);
  EXPECT_EQ(ask("ack").status, ReplyStatus::ok);
  EXPECT_EQ(fresh_status().flags, protocol::kStatusAlarm | protocol::kStatusAcknowledged);
  EXPECT_EQ(ask("mute 10min").status, ReplyStatus::ok);
  EXPECT_EQ(fresh_status().flags,
            protocol::kStatusAlarm | protocol::kStatusAcknowledged | protocol::kScoreMuted);
  shaker.level = 1;
  run(3);
  EXPECT_EQ(fresh_status().flags, protocol::kScoreMuted);
}

TEST_F(BoardTest, ATerminalGetsNothingBackThatItWouldObey) {
  power_on();
  run(1);
  for (const char* typed : {"\x1B[2J", "set name a\x1B]0;x\x07",
                            "set name \xC2\x9B"
                            "2J",
                            "set name \x9B"
                            "2J",
                            "set \x1B[31m 1"}) {
    const std::string said = type(typed);
    EXPECT_NE(said.find("error"), std::string::npos) << said;
    for (const char evil : {'\x1B', '\x07', '\x9B'}) {
      EXPECT_EQ(said.find(evil), std::string::npos) << said;
    }
  }
  EXPECT_EQ(board->board().settings().name.size(), 0U);
  // Letters beyond ASCII end in the same bytes and are none of that.
  EXPECT_EQ(type("name \xC3\x9C"
                 "bung \xE2\x80\x93 1")
                .find("error"),
            std::string::npos);
  EXPECT_NE(type("name").find("\xC3\x9C"
                              "bung \xE2\x80\x93 1"),
            std::string::npos);
}

TEST_F(BoardTest, APersonWhoTypesAfterAProgramIsUnderstoodAtOnce) {
  power_on();
  connect(kAll);
  run(2);
  text.clear();
  board->type("stream csv");
  run(2);
  EXPECT_EQ(text.find("error"), std::string::npos) << text.substr(0, 200);
  EXPECT_GT(text.size(), 1000U);
}

TEST_F(BoardTest, AStreamThatNoLongerFitsStopsAndSaysSo) {
  config.baud = 115'200;
  power_on();
  run(2);
  board->type("stream csv");
  run(1);
  text.clear();
  board->type("set rate_hz 1000");
  run(5);
  EXPECT_NE(text.find("the stream has stopped"), std::string::npos) << text.substr(0, 300);
  EXPECT_EQ(board->board().status().frames_dropped, 0U);
}

TEST_F(BoardTest, ARepeatedCommandIsAnsweredAndNotDoneAgain) {
  start_judging();
  shaker.level = 3;
  run(3);
  std::array<std::uint8_t, protocol::kMostEncodedFrame> frame{};
  const std::string_view line = "ack";
  const std::size_t size = protocol::encode_frame(
      protocol::MessageType::command, 4711,
      {reinterpret_cast<const std::uint8_t*>(line.data()), line.size()}, frame);
  for (int i = 0; i < 2; ++i) {
    auto& to_board = board->line().to_board;
    to_board.insert(to_board.end(), frame.begin(),
                    frame.begin() + static_cast<std::ptrdiff_t>(size));
    answers.clear();
    run(0.3);
    ASSERT_NE(answer_to(4711), nullptr);
    EXPECT_EQ(answer_to(4711)->status, ReplyStatus::ok) << "time " << i;
  }
}

TEST_F(BoardTest, AFloodOfCommandsKeepsTheSensorAndTheFlash) {
  config.chip.noise = 1;
  power_on();
  connect(0);
  EXPECT_EQ(ask("set rate_hz 1000").status, ReplyStatus::ok);
  run(3);
  const std::uint64_t stored = operations.stored_bytes();
  const std::uint64_t lost = fresh_status().lost;
  for (int i = 0; i < 40; ++i) board->type(i % 2 == 0 ? "name a" : "name b");
  run(2);
  EXPECT_LT(operations.stored_bytes() - stored, 21 * board::kMostSettings);
  run(3);
  EXPECT_EQ(fresh_status().lost, lost);
  power_on();
  EXPECT_EQ(board->board().settings().name.view(), "b");
}

TEST_F(BoardTest, AFailedUpdateDoesNotComeUpAtTheNextStart) {
  // Each operation of the flash fails once while a model is deployed.
  for (std::uint64_t n = 1;; ++n) {
    ASSERT_LT(n, 200U);
    board.reset();
    storage = {};
    operations = {};
    start_judging();
    auto other = shaker_model();
    answers.clear();
    const std::uint64_t before = operations.done();
    operations.fail_at = before + n;
    const Answer* answer = deploy(other);
    const bool over = operations.done() < operations.fail_at;
    const bool refused = answer != nullptr && answer->status != ReplyStatus::ok;
    operations.fail_at = 0;
    if (refused) {
      power_on();
      run(0.5);
      EXPECT_EQ(board->board().status().model, ModelState::proven) << "operation " << n;
    }
    if (over) break;
  }
}

/// Another engine: the same arithmetic, and perhaps a mistake in it.
class OtherEngine final : public NetworkEngine {
 public:
  bool can_prepare = true;
  std::int8_t mistake = 0;
  int runs = 0;
  [[nodiscard]] const char* name() const override { return "Other"; }
  bool prepare(std::span<const std::uint8_t> file) override {
    return can_prepare && Int8Network::load(file, workspace_, network_).ok();
  }
  void run(std::span<const std::int8_t> input, std::span<std::int8_t> output) override {
    ++runs;
    network_.run(input, output);
    output[0] = static_cast<std::int8_t>(output[0] + mistake);
  }
  [[nodiscard]] std::size_t memory() const override { return workspace_.size(); }
  [[nodiscard]] std::size_t memory_used() const override { return 1234; }

 private:
  alignas(16) std::array<std::byte, 4096> workspace_;
  Int8Network network_;
};

TEST_F(BoardTest, AnotherEngineRunsIfItGivesTheSameBits) {
  OtherEngine engine;
  config.engine = &engine;
  start_judging();
  EXPECT_EQ(logged("Other runs the model"), 1);
  const int before = engine.runs;
  run(20);
  EXPECT_GT(engine.runs, before + 20);
  expect_same_bits(scores, replayed(samples, 0));
}

TEST_F(BoardTest, AnEngineThatGivesOtherBitsIsRefusedAndDetectionGoesOn) {
  OtherEngine engine;
  engine.mistake = 1;
  config.engine = &engine;
  start_judging();
  EXPECT_EQ(logged("Other is refused"), 1);
  const int before = engine.runs;
  run(20);
  EXPECT_EQ(engine.runs, before);
  expect_same_bits(scores, replayed(samples, 0));
}

TEST_F(BoardTest, AnEngineThatCannotRunAModelIsSaidAndDetectionGoesOn) {
  OtherEngine engine;
  engine.can_prepare = false;
  config.engine = &engine;
  start_judging();
  EXPECT_EQ(logged("Other cannot run this model"), 1);
  run(20);
  expect_same_bits(scores, replayed(samples, 0));
}

class Counter final : public board::CycleCounter {
 public:
  mutable std::uint32_t now = 0xFFFFFF00U;  // it wraps
  [[nodiscard]] std::uint32_t cycles() const override { return now += 1000; }
};

TEST_F(BoardTest, BenchSaysWhatStagesAndEnginesCost) {
  power_on();
  run(1);
  EXPECT_NE(type("bench").find("no model"), std::string::npos) << text;
  start_judging();
  EXPECT_NE(ask("bench").text.find("no counter"), std::string::npos);
  Counter counter;
  OtherEngine engine;
  config.cycles = &counter;
  config.engine = &engine;
  power_on();
  run(3);
  const std::string said = type("bench");
  EXPECT_NE(said.find("a sample, into the window 1000"), std::string::npos) << said;
  for (const char* stage : {"features 1000\n", "score 1000\n", "decision 1000\n"}) {
    EXPECT_NE(said.find(stage), std::string::npos) << said;
  }
  EXPECT_NE(said.find("own engine 1000"), std::string::npos) << said;
  EXPECT_NE(said.find("Other 1000, memory 1234 of 4096 bytes"), std::string::npos) << said;
}

TEST_F(BoardTest, ABoardMayHaveDefaultsOfItsOwnUntilSomethingIsSaved) {
  board::Settings defaults;
  defaults.rate_hz = 1000;
  defaults.ranges.accelerometer = AccelerometerRange::g8;
  config.defaults = &defaults;
  power_on();
  EXPECT_EQ(board->board().settings().rate_hz, 1000);
  EXPECT_EQ(board->board().settings().ranges.accelerometer, AccelerometerRange::g8);
  connect(0);
  EXPECT_EQ(ask("set rate_hz 200").status, ReplyStatus::ok);
  power_on();
  EXPECT_EQ(board->board().settings().rate_hz, 200);
  EXPECT_EQ(board->board().settings().ranges.accelerometer, AccelerometerRange::g8);
}

TEST_F(BoardTest, TheFirstStartTestsWhatIsWiredAndSaysIt) {
  config.tests_itself = true;
  power_on();
  run(5);
  EXPECT_EQ(logged("selftest: pass chip 0x68"), 1);
  EXPECT_EQ(logged("selftest: pass interrupt pin"), 1);
  EXPECT_EQ(logged("selftest: pass card"), 1);
  ASSERT_EQ(pin.size(), 2U) << "the alert pin shows itself";
  EXPECT_NEAR(static_cast<double>(pin[1].first - pin[0].first), 1e6, 1e5);
  log.clear();
  power_on();
  run(5);
  EXPECT_EQ(logged("selftest"), 0) << "the second start does not";
}

TEST_F(BoardTest, AnotherChipThatBehavesIsNamed) {
  config.tests_itself = true;
  config.chip.who_am_i = 0x98;
  power_on();
  run(5);
  EXPECT_EQ(logged("selftest: warn chip 0x98, ICM-20689: a clone"), 1);
  EXPECT_NE(type("status").find("a clone (0x98)"), std::string::npos) << text;
  connect(0);
  EXPECT_GT(fresh_status().samples, 100U);
}

TEST_F(BoardTest, TheSelfTestShowsNoiseAndRate) {
  power_on();
  run(10);
  type("selftest");
  run(5);
  const std::string said = type("selftest result");
  EXPECT_NE(said.find(" % off trim, noise "), std::string::npos) << said;
  EXPECT_NE(said.find(" mg\n"), std::string::npos) << said;
  EXPECT_NE(said.find(" Hz +-0.0"), std::string::npos) << said;
  EXPECT_LT(said.size(), 900U) << "fits into a reply";
}

TEST_F(BoardTest, TheSelfTestMeasuresInterruptAndBus) {
  config.chip.clock_error = 0.01;
  power_on();
  run(10);
  type("selftest");
  run(5);
  const std::string said = type("selftest result");
  const auto at = said.find("pass interrupt pin: ");
  ASSERT_NE(at, std::string::npos) << said;
  EXPECT_NEAR(std::stod(said.substr(at + 20)), board->chip().true_rate_hz(), 0.05) << said;
  EXPECT_NE(said.find("pass I2C at 400 kHz: measured 4"), std::string::npos) << said;
  EXPECT_NE(said.find("pass pull-ups"), std::string::npos) << said;
  EXPECT_EQ(said.find("FAIL"), std::string::npos) << said;
}

TEST_F(BoardTest, AJitteryInterruptFailsTheSelfTestAndSaysByHowMuch) {
  for (const std::uint32_t most_late_us : {100U, 600U}) {
    config.most_late_us = most_late_us;
    power_on();
    run(5);
    type("selftest");
    run(5);
    const mpu6050::Pulses pulses = board->board().sensor().view().self_test.pulses;
    // The difference of two uniform latencies.
    EXPECT_NEAR(static_cast<double>(pulses.jitter_us), most_late_us / std::sqrt(6.0),
                0.25 * most_late_us);
    EXPECT_LE(pulses.most_jitter_us, static_cast<float>(most_late_us) + 5);
    text.clear();
    const std::string said = type("selftest result");
    const bool fails = said.find("FAIL interrupt pin: ") != std::string::npos;
    EXPECT_EQ(fails, most_late_us > 100) << said;
    EXPECT_EQ(fails, said.find("is INT loose") != std::string::npos) << said;
  }
}

TEST_F(BoardTest, LostPulsesFailTheSelfTest) {
  power_on();
  simulator::ChipFault fault;
  fault.kind = simulator::ChipFault::Kind::dropped_interrupt;
  fault.probability = 0.08;
  board->chip().inject(fault);
  run(5);
  events.clear();
  connect(kAll);
  EXPECT_EQ(ask("selftest").status, ReplyStatus::ok);
  run(5);
  const std::string said = ask("selftest result").text;
  EXPECT_NE(said.find("FAIL interrupt pin: "), std::string::npos) << said;
  EXPECT_TRUE(std::ranges::any_of(
      events, [](const Event& event) { return event.text.starts_with("sensor failed"); }));
}

TEST_F(BoardTest, MissingPullUpsAndASlowBusFailTheSelfTest) {
  config.pull_ups = false;
  config.i2c_hz = 200'000;
  // And whatever else may fail, so that the answer is as long as it can be.
  config.chip.who_am_i = 0x98;
  config.chip.self_test_change.fill(-0.2);
  config.most_late_us = 2000;
  for (const bool apart : {false, true}) {
    config.samples_apart = apart;
    power_on();
    run(5);
    text.clear();
    type("selftest");
    run(5);
    const std::string said = type("selftest result");
    EXPECT_NE(said.find("FAIL I2C at 400 kHz: measured 2"), std::string::npos) << said;
    EXPECT_NE(said.find("shorter wires"), std::string::npos) << said;
    EXPECT_NE(said.find("FAIL pull-ups: none on SDA and SCL"), std::string::npos) << said;
    EXPECT_NE(said.find("Did the alert pin"), std::string::npos) << "to its end:\n" << said;
  }
}

TEST_F(BoardTest, ABusThatIsTooSlowForTheRateFailsTheSelfTest) {
  // A clock as was asked for, of which half carries 820 samples a second.
  for (const auto& [rate_hz, passes] : {std::pair(200, true), std::pair(1000, false)}) {
    config.i2c_asked_hz = config.i2c_hz = 200'000;
    power_on();
    run(3);
    type("set rate_hz " + std::to_string(rate_hz));
    run(5);
    text.clear();
    type("selftest");
    run(5);
    const std::string said = type("selftest result");
    EXPECT_EQ(said.find("pass I2C at 200 kHz: measured 20") != std::string::npos, passes) << said;
    EXPECT_EQ(said.find("give the bus a faster clock") == std::string::npos, passes) << said;
  }
}

TEST_P(BoardCardTest, WithoutACardItSaysSoAndJudges) {
  config.tests_itself = true;
  config.card = false;
  start_judging();
  run(3);
  EXPECT_EQ(logged("selftest: note card: absent"), 1);
  const Answer answer = ask("record normal");
  EXPECT_EQ(answer.status, ReplyStatus::storage);
  EXPECT_EQ(answer.text, "the card is absent");
  shaker.level = 3;
  run(3);
  EXPECT_TRUE(board->pin().high);
}

TEST_F(BoardTest, TheFirstStartWithoutTheInterruptWireSaysToCheckIt) {
  config.tests_itself = true;
  config.interrupt = false;
  power_on();
  run(8);
  EXPECT_EQ(logged("selftest: FAIL interrupt pin: check the wire INT"), 1);
  const Answer* answer = deploy(shaker_model());
  ASSERT_NE(answer, nullptr);
  run(10);
  EXPECT_GT(fresh_status().windows, 10U) << "it judges without the wire";
}

TEST_F(BoardTest, WithoutASensorTheFirstStartSaysSo) {
  config.tests_itself = true;
  power_on();
  board->chip().inject({.kind = simulator::ChipFault::Kind::nack, .until_us = 60'000'000});
  run(5);
  EXPECT_EQ(logged("sensor lost: no sensor answers on the bus"), 1);
}

TEST_F(BoardTest, TheSelfTestSaysOfCardAndPinWithoutASensorAndOfTheSensorOnceItAnswers) {
  power_on();
  board->chip().inject({.kind = simulator::ChipFault::Kind::nack, .until_us = 20'000'000});
  run(5);
  type("selftest");
  EXPECT_TRUE(board->pin().high) << "it blinks all the same";
  run(3);
  std::string said = type("selftest result");
  EXPECT_NE(said.find("FAIL sensor: no sensor answers on the bus"), std::string::npos) << said;
  EXPECT_NE(said.find("It is tested once it answers."), std::string::npos) << said;
  EXPECT_NE(said.find("pass card: written and read back"), std::string::npos) << said;
  EXPECT_NE(said.find("alert pin"), std::string::npos) << said;
  run(30);
  said = type("selftest result");
  EXPECT_NE(said.find("pass chip 0x68"), std::string::npos) << said;
}

}  // namespace
}  // namespace fettle::test
