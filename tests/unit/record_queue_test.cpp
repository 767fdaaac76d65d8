// SPDX-License-Identifier: Apache-2.0
// The card in a thread of its own: a slow one holds nothing up, what finds no room is a gap that is
// counted exactly, and what was for one card never comes to another.
#include "board/record_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "protocol/card_record.hpp"
#include "tests/support/virtual_rig.hpp"

namespace fettle::test {
namespace {

using board::StoreStatus;
using protocol::CardRecordType;

/// The log, record by record.
struct Log {
  std::vector<CardRecordType> types;
  std::vector<protocol::SamplesMessage> samples;
  protocol::CardEnd end;
  std::uint32_t damaged = 0;
  std::uint32_t out_of_sequence = 0;
};

Log read(const simulator::Medium& card) {
  Log log;
  std::vector<std::uint8_t> bytes(protocol::kCardRecordBytes);
  std::uint32_t next = 0;
  for (std::uint64_t at = 0; card.read(at, bytes); at += bytes.size()) {
    const auto record = protocol::read_card_record(protocol::ConstCardBytes(bytes));
    if (record.damage != protocol::CardDamage::none) {
      ++log.damaged;
      continue;
    }
    log.out_of_sequence += record.header.sequence == next ? 0U : 1U;
    next = record.header.sequence + 1;
    log.types.push_back(record.header.type);
    if (record.header.type == CardRecordType::end) {
      EXPECT_TRUE(protocol::decode(record.payload, log.end));
    }
    if (record.header.type != CardRecordType::samples) continue;
    protocol::CardSamplesReader reader(record.payload);
    protocol::SamplesMessage message;
    while (reader.next(message)) log.samples.push_back(message);
    EXPECT_TRUE(reader.ok());
  }
  return log;
}

/// Lets the other thread go first now and then; the two really are threads.
class SlowCard final : public board::Card {
 public:
  std::vector<std::uint8_t> bytes;
  bool absent = false;
  StoreStatus open(std::uint64_t& size) override {
    size = bytes.size();
    return absent ? StoreStatus::absent : StoreStatus::ok;
  }
  StoreStatus read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return StoreStatus::ok;
  }
  StoreStatus append(std::span<const std::uint8_t> more) override {
    if (absent) return StoreStatus::absent;
    if (++appended_ % 3 == 0) std::this_thread::yield();
    bytes.insert(bytes.end(), more.begin(), more.end());
    return StoreStatus::ok;
  }

 private:
  int appended_ = 0;
};

class RecordQueueTest : public testing::Test, public VirtualRig {
 protected:
  void SetUp() override { config.records_apart = true; }
  void record(std::string_view rate = "set rate_hz 200") {
    power_on();
    connect(protocol::kStreamScores | protocol::kStreamEvents | protocol::kStreamLog);
    ASSERT_NE(deploy(shaker_model()), nullptr);
    ask(rate);
    run(3);
    ask("record normal");
  }
  void ask(std::string_view line) {
    const std::uint16_t sequence = command(line);
    run(0.3);
    const Answer* answer = answer_to(sequence);
    ASSERT_NE(answer, nullptr) << line;
    EXPECT_EQ(answer->status, protocol::ReplyStatus::ok) << answer->text;
  }
};

TEST_F(RecordQueueTest, ACardThatTakesSecondsHoldsUpNothing) {
  record();
  run(2);
  board->hold_up_card(3'500'000);
  const std::size_t before = scores.size();
  run(3.4);
  EXPECT_GT(scores.size(), before + 4) << "windows are judged all the same";
  ask("status");
  run(1);
  ask("stop");
  run(1);
  const Log kept = read(*storage.card);
  EXPECT_EQ(kept.damaged + kept.out_of_sequence, 0U);
  ASSERT_GT(kept.samples.size(), 50U);
  for (std::size_t i = 1; i < kept.samples.size(); ++i) {
    const auto& before_it = kept.samples[i - 1].block;
    ASSERT_EQ(kept.samples[i].block.index, before_it.index + before_it.count);
  }
  EXPECT_EQ(kept.end.lost, 0U);
  EXPECT_EQ(board->board().recorder().card().dropped, 0U);
}

TEST_F(RecordQueueTest, WhatFindsNoRoomIsAGapThatIsCountedExactly) {
  for (const char* rate : {"set rate_hz 200", "set rate_hz 1000"}) {
    SCOPED_TRACE(rate);
    storage.card = simulator::in_memory();
    record(rate);
    run(2);
    for (int i = 0; i < 2; ++i) {
      board->hold_up_card(9'000'000);
      run(12);
    }
    const std::uint32_t dropped = board->board().recorder().card().dropped;
    EXPECT_GT(dropped, 20U);
    text.clear();
    const std::uint16_t sequence = command("status");
    run(0.3);
    EXPECT_NE(answer_to(sequence)->text.find(std::to_string(dropped) + " dropped"),
              std::string::npos);
    ask("stop");
    run(1);
    const Log kept = read(*storage.card);
    EXPECT_EQ(kept.damaged + kept.out_of_sequence, 0U);
    std::uint64_t lost = 0;
    std::uint64_t samples_kept = 0;
    std::uint32_t gaps = 0;
    for (std::size_t i = 0; i < kept.samples.size(); ++i) {
      const SampleBlock& block = kept.samples[i].block;
      samples_kept += block.count;
      if (i == 0) continue;
      const SampleBlock& before = kept.samples[i - 1].block;
      ASSERT_EQ(block.index, before.index + before.count + block.lost_before);
      lost += block.lost_before;
      gaps += block.lost_before > 0 ? 1U : 0U;
    }
    EXPECT_EQ(gaps, 2U);
    EXPECT_GT(lost, 900U);
    EXPECT_EQ(kept.end.samples, samples_kept);
    EXPECT_EQ(kept.end.lost, lost);
    EXPECT_EQ(kept.end.gaps, gaps);
    EXPECT_EQ(kept.types.back(), CardRecordType::end) << "it had a place of its own";
  }
}

TEST_F(RecordQueueTest, WhatIsForOneCardNeverComesToTheNext) {
  record();
  run(2);
  board->hold_up_card(2'000'000);
  run(1.5);  // records wait
  board->card().inserted = false;
  run(3);
  EXPECT_EQ(board->board().recorder().state(), protocol::CardState::absent);
  storage.card->replace({});  // another card
  board->card().inserted = true;
  run(5);
  EXPECT_EQ(board->board().recorder().state(), protocol::CardState::recording);
  const Log kept = read(*storage.card);
  EXPECT_EQ(kept.damaged + kept.out_of_sequence, 0U);
  ASSERT_GT(kept.types.size(), 10U);
  EXPECT_EQ(kept.types[0], CardRecordType::session);
  EXPECT_EQ(kept.types[1], CardRecordType::samples);
}

TEST_F(RecordQueueTest, ABusyCardIsSaidToBeAndTheSelfTestWaitsForIt) {
  config.tests_itself = true;
  config.card = false;
  power_on();
  board->hold_up_card(20'000'000);
  run(10);
  connect(0);
  const std::uint16_t asked = command("selftest result");
  run(0.5);
  EXPECT_NE(answer_to(asked)->text.find("note card: busy, ask again"), std::string::npos)
      << answer_to(asked)->text;
  const auto told = [this] {
    for (const std::string& line : log) {
      if (line == "selftest: note card: absent") return true;
    }
    return false;
  };
  EXPECT_FALSE(told());
  run(12);
  EXPECT_TRUE(told());
}

TEST_F(RecordQueueTest, AFullCardIsLookedAtAgainWhenSomebodyWantsToRecord) {
  config.card_bytes = 20'000;
  record();
  run(10);
  EXPECT_EQ(board->board().recorder().state(), protocol::CardState::full);
  const std::uint16_t early = command("record normal");
  run(0.3);
  EXPECT_EQ(answer_to(early)->text, "the card is full; it is looked at again now, try in a second");
  board->card().capacity = 1'000'000;  // another card, that has room
  run(0.1);
  const std::uint16_t again = command("record normal");
  run(0.3);
  const std::uint16_t last = command("record normal");
  run(0.3);
  EXPECT_NE(answer_to(again)->status, protocol::ReplyStatus::ok);
  EXPECT_EQ(answer_to(last)->status, protocol::ReplyStatus::ok) << answer_to(last)->text;
}

TEST_F(RecordQueueTest, ARecordingThatEndsWhileTheCardIsSlowEndsOnTheCard) {
  record();
  run(2);
  board->hold_up_card(3'000'000);
  run(2);
  const std::uint16_t first = command("stop");
  run(0.3);
  EXPECT_NE(answer_to(first)->text.find("records are on their way to the card"), std::string::npos)
      << answer_to(first)->text;
  run(2);
  EXPECT_EQ(read(*storage.card).types.back(), CardRecordType::end);

  // Not even room for the end, after events beyond number.
  ask("record normal");
  run(1);
  board->hold_up_card(9'000'000);
  run(6);
  for (int i = 0; i < 12; ++i) {
    command(i % 2 == 0 ? "mute 1h" : "mute off");
    run(0.2);
  }
  for (const char* restart : {"set hop 64", "set hop 32", "set hop 0"}) {
    command(restart);  // each ends the recording and begins another
    run(0.2);
  }
  command("stop");
  run(4);
  const Log kept = read(*storage.card);
  EXPECT_EQ(kept.types.back(), CardRecordType::end);
  EXPECT_EQ(kept.damaged + kept.out_of_sequence, 0U);
  EXPECT_FALSE(board->board().recorder().recording());
  EXPECT_LT(board->board().recorder().card().dropped, 60U) << "attempts are not counted";
}

TEST_F(RecordQueueTest, WhatWasLostBeforeARecordingIsNoLossOfIt) {
  record();
  run(2);
  ask("set rate_hz 1000");
  run(3);
  ask("stop");
  run(1);
  EXPECT_EQ(read(*storage.card).end.lost, 0U);
  EXPECT_EQ(read(*storage.card).end.gaps, 0U);
}

constexpr std::array<std::uint8_t, 100> kPayload{};

TEST(RecordQueue, ACheckIsMadeThoughTheCardNeverCatchesUp) {
  SlowCard card;
  board::RecordQueue queue(card);
  queue.open(0, {});
  while (queue.write(CardRecordType::samples, kPayload, 0)) {
  }
  queue.check();
  int runs = 0;
  for (queue.step(0); queue.view().busy && runs < 100; queue.step(0)) {
    queue.run(0);
    static_cast<void>(queue.write(CardRecordType::samples, kPayload, 0));
    ++runs;
  }
  EXPECT_LE(runs, 30);
  EXPECT_EQ(queue.view().checked, StoreStatus::ok);
}

TEST(CardLog, ACardThatFailsAgainAndAgainIsTriedLessAndLessOften) {
  SlowCard card;
  board::CardLog log(card);
  log.open(0, {});
  std::uint32_t in_ten_minutes = 0;
  for (std::int64_t t_us = 0; t_us < 1'200'000'000; t_us += 100'000) {
    log.step(t_us);
    if (log.view().status == StoreStatus::ok) {
      card.absent = log.view().records % 3 == 2;
      log.write(CardRecordType::samples, kPayload, t_us);
      card.absent = false;
    }
    if (t_us == 600'000'000) in_ten_minutes = log.view().failures;
  }
  EXPECT_GT(in_ten_minutes, 8U);
  EXPECT_LT(in_ten_minutes, 20U);
  // It works well for a while: the next failure is a first one.
  const std::uint32_t before = log.view().failures;
  std::int64_t t_us = 1'300'000'000;
  for (int i = 0; i < 200; ++i) {
    log.step(t_us);
    log.write(CardRecordType::samples, kPayload, t_us);
  }
  EXPECT_EQ(log.view().failures, before);
  card.absent = true;
  log.write(CardRecordType::samples, kPayload, t_us);
  card.absent = false;
  log.step(t_us + 1'900'000);
  EXPECT_NE(log.view().status, StoreStatus::ok);
  log.step(t_us + 2'100'000);
  EXPECT_EQ(log.view().status, StoreStatus::ok);
}

TEST(RecordQueue, SamplesLeaveRoomForWhatIsRare) {
  SlowCard card;
  board::RecordQueue queue(card);
  queue.open(0, {});
  std::size_t taken = 0;
  while (queue.write(CardRecordType::samples, kPayload, 0)) ++taken;
  EXPECT_EQ(taken, board::RecordQueue::kRecords - board::RecordQueue::kNoSamples);
  while (queue.write(CardRecordType::event, kPayload, 0)) ++taken;
  EXPECT_EQ(taken, board::RecordQueue::kRecords - board::RecordQueue::kNoEvents);
  EXPECT_EQ(queue.room(), board::RecordQueue::kNoEvents);
  while (queue.write(CardRecordType::end, kPayload, 0)) ++taken;
  EXPECT_EQ(taken, board::RecordQueue::kRecords);
  EXPECT_EQ(queue.view().dropped, 3U);
  EXPECT_EQ(queue.view().waiting, taken);
}

TEST(RecordQueue, WhatWaitedForACardThatFailedIsCountedAndNotForTheNext) {
  SlowCard card;
  board::RecordQueue queue(card);
  queue.open(0, {});
  ASSERT_TRUE(queue.write(CardRecordType::samples, kPayload, 0));
  ASSERT_TRUE(queue.write(CardRecordType::samples, kPayload, 0));
  card.absent = true;
  EXPECT_TRUE(queue.run(0)) << "the first fails, the second waits";
  card.absent = false;
  // Another card is opened before the second is looked at, and the board has not seen it yet.
  queue.look_again(0);
  while (queue.run(0)) {
  }
  ASSERT_TRUE(queue.write(CardRecordType::samples, kPayload, 0)) << "for the card of before";
  while (queue.run(0)) {
  }
  queue.step(0);
  EXPECT_EQ(queue.view().status, StoreStatus::ok);
  EXPECT_EQ(queue.view().openings, 2U);
  EXPECT_EQ(card.bytes.size(), 0U);
  EXPECT_EQ(queue.view().dropped, 2U);
  EXPECT_EQ(queue.view().failures, 1U);
  ASSERT_TRUE(queue.write(CardRecordType::session, kPayload, 0));
  queue.run(0);
  EXPECT_EQ(card.bytes.size(), protocol::kCardRecordBytes);
}

TEST(RecordQueue, TwoThreadsKeepEveryRecordThatWasTakenInOrder) {
  SlowCard card;
  board::RecordQueue queue(card);
  queue.open(0, {});
  ASSERT_EQ(queue.view().status, StoreStatus::ok);
  constexpr std::uint32_t kRecords = 5000;
  std::atomic<bool> ended{false};
  std::thread writer([&] {
    while (!ended) {
      if (!queue.run(0)) std::this_thread::yield();
    }
    while (queue.run(0)) {
    }
  });
  std::uint32_t refused = 0;
  std::vector<std::uint32_t> taken;
  for (std::uint32_t i = 0; i < kRecords; ++i) {
    queue.step(0);
    std::array<std::uint8_t, 100> payload{};
    for (std::size_t k = 0; k < payload.size(); ++k) {
      payload[k] = static_cast<std::uint8_t>(i >> (8 * (k % 4)));
    }
    if (queue.write(CardRecordType::samples, payload, 0)) {
      taken.push_back(i);
    } else {
      ++refused;
      std::this_thread::yield();
    }
  }
  queue.check();
  while (queue.pending()) {
    queue.step(0);
    std::this_thread::yield();
  }
  ended = true;
  writer.join();
  EXPECT_EQ(queue.view().checked, StoreStatus::ok);
  EXPECT_EQ(queue.view().dropped, refused);
  EXPECT_EQ(queue.view().records, taken.size());
  ASSERT_EQ(card.bytes.size(), taken.size() * protocol::kCardRecordBytes);
  for (std::size_t i = 0; i < taken.size(); ++i) {
    const auto record = protocol::read_card_record(protocol::ConstCardBytes(
        card.bytes.data() + i * protocol::kCardRecordBytes, protocol::kCardRecordBytes));
    ASSERT_EQ(record.damage, protocol::CardDamage::none);
    ASSERT_EQ(record.payload.size(), 100U);
    for (std::size_t k = 0; k < 100; ++k) {
      ASSERT_EQ(record.payload[k], static_cast<std::uint8_t>(taken[i] >> (8 * (k % 4))));
    }
  }
}

}  // namespace
}  // namespace fettle::test
