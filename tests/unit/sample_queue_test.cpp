// SPDX-License-Identifier: Apache-2.0
// Sampling in a thread of its own: what the board's thread gets, late or in time, is what the driver
// read, and what does not fit is counted.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "board/handover.hpp"
#include "tests/support/virtual_rig.hpp"

namespace fettle::test {
namespace {

constexpr std::uint8_t kSamplesAndScores = protocol::kStreamSamples | protocol::kStreamScores;

TEST(Handover, GivesEveryValueInOrderAndRefusesWhatDoesNotFit) {
  board::Handover<int, 4> queue;
  EXPECT_EQ(queue.front(), nullptr);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(queue.push(i));
  EXPECT_FALSE(queue.push(4));
  for (int i = 0; i < 4; ++i) {
    ASSERT_NE(queue.front(), nullptr);
    EXPECT_EQ(*queue.front(), i);
    queue.pop();
  }
  EXPECT_EQ(queue.front(), nullptr);
}

// Both halves must always be of one write; the reader must come to the last one.
struct Pair {
  std::uint32_t number = 0;
  std::array<std::uint32_t, 20> copies{};
};

TEST(Handover, TwoThreadsLoseNothingAndNeverSeeHalfAValue) {
  constexpr std::uint32_t kValues = 20'000;
  board::Handover<Pair, 8> queue;
  board::Newest<Pair> newest;
  std::thread writer([&] {
    for (std::uint32_t i = 1; i <= kValues; ++i) {
      Pair pair{i, {}};
      pair.copies.fill(i);
      newest.write(pair);
      while (!queue.push(pair)) std::this_thread::yield();
    }
  });
  const auto whole = [](const Pair& pair) {
    for (const std::uint32_t copy : pair.copies) {
      if (copy != pair.number) return false;
    }
    return true;
  };
  std::uint32_t next = 1;
  std::uint32_t seen = 0;
  std::uint32_t torn = 0;
  std::uint32_t wrong = 0;
  while (next <= kValues) {
    const Pair& latest = newest.read();
    torn += whole(latest) ? 0U : 1U;
    wrong += latest.number < seen ? 1U : 0U;
    seen = latest.number;
    const Pair* pair = queue.front();
    if (pair == nullptr) {
      std::this_thread::yield();
      continue;
    }
    torn += whole(*pair) ? 0U : 1U;
    wrong += pair->number == next ? 0U : 1U;
    ++next;
    queue.pop();
  }
  writer.join();
  EXPECT_EQ(torn, 0U);
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(newest.read().number, kValues);
}

class SampleQueueTest : public testing::Test, public VirtualRig {
 protected:
  void start_judging() {
    power_on();
    connect(kSamplesAndScores);
    const Answer* answer = deploy(shaker_model());
    ASSERT_NE(answer, nullptr);
    ASSERT_EQ(answer->status, protocol::ReplyStatus::ok) << answer->text;
    run(3);
  }
  protocol::StatusMessage fresh_status() {
    status.reset();
    send(protocol::MessageType::status);
    run(0.3);
    if (!status) {
      ADD_FAILURE() << "no answer";
      return {};
    }
    return *status;
  }
  void set(std::string_view line) {
    const std::uint16_t sequence = command(line);
    run(0.3);
    const Answer* answer = answer_to(sequence);
    ASSERT_NE(answer, nullptr) << line;
    EXPECT_EQ(answer->status, protocol::ReplyStatus::ok) << answer->text;
  }
};

/// The queue alone, between a chip and somebody who takes blocks and does the books.
class Books : public testing::Test {
 protected:
  /// Both threads take turns.
  void run(double seconds) { work(seconds, true); }
  /// The board's thread is held up.
  void hold_up(double seconds) { work(seconds, false); }

  std::uint64_t delivered = 0;
  std::uint64_t lost = 0;
  std::uint32_t gaps = 0;
  std::uint32_t changes_of_range = 0;
  std::uint64_t wrong_index = 0;
  SampleBlock last;
  std::optional<board::SampleQueue> queue;

  void begin(const mpu6050::Config& config) {
    chip_.advance_to(now_us_);
    queue.emplace(bus_, interrupt_);
    queue->reconfigure(config);
    run(3);
    ASSERT_GT(delivered, 100U);
    ASSERT_EQ(lost, 0U);
  }
  void take_one() {
    queue->step(now_us_);
    const SampleBlock* block = queue->take();
    if (block == nullptr) return;
    if (delivered != 0) {
      wrong_index += block->index == last.index + last.count + block->lost_before ? 0U : 1U;
      changes_of_range += block->ranges == last.ranges ? 0U : 1U;
    }
    gaps += block->lost_before != 0 ? 1U : 0U;
    lost += block->lost_before;
    delivered += block->count;
    last = *block;
  }

 private:
  void work(double seconds, bool board) {
    const std::int64_t until_us = now_us_ + static_cast<std::int64_t>(seconds * 1e6);
    while (now_us_ < until_us) {
      now_us_ = std::clamp(queue->run_again_us(), now_us_ + 1, until_us);
      chip_.advance_to(now_us_);
      queue->run(now_us_);
      if (!board) continue;
      while (queue->next_wake_us() == 0) take_one();
      take_one();  // and once when there is nothing
    }
  }

  Shaker shaker_;
  std::int64_t now_us_ = 300'000;
  simulator::Operations operations_;
  simulator::Mpu6050Chip chip_{{}, shaker_};
  simulator::ChipBus bus_{chip_, now_us_, operations_};
  simulator::ChipInterrupt interrupt_{chip_, now_us_};
};

TEST_F(SampleQueueTest, ABoardThatSamplesApartJudgesTheSame) {
  start_judging();
  run(20);
  const std::vector<protocol::ScoreMessage> alone = scores;

  VirtualRig apart;
  apart.config.samples_apart = true;
  apart.power_on();
  apart.connect(kSamplesAndScores);
  ASSERT_NE(apart.deploy(shaker_model()), nullptr);
  apart.run(23);
  ASSERT_GT(apart.scores.size(), 20U);
  std::size_t compared = 0;
  for (const protocol::ScoreMessage& score : apart.scores) {
    for (const protocol::ScoreMessage& other : alone) {
      if (other.index != score.index) continue;
      EXPECT_EQ(score.score, other.score) << "window at sample " << score.index;
      ++compared;
    }
  }
  EXPECT_GT(compared, 20U);
}

TEST_F(SampleQueueTest, ABoardThatIsHeldUpForASecondLosesNothing) {
  for (const char* rate : {"set rate_hz 200", "set rate_hz 1000"}) {
    config.samples_apart = true;
    power_on();
    connect(0);
    run(2);
    set(rate);
    run(3);
    const std::uint64_t lost = fresh_status().lost;
    for (int i = 0; i < 5; ++i) {
      board->hold_up(900'000);
      run(2);
    }
    EXPECT_EQ(fresh_status().lost, lost) << rate;
    EXPECT_EQ(board->samples()->dropped(), 0U);
  }
}

TEST_F(SampleQueueTest, WithoutItTheFifoOverflows) {
  power_on();
  connect(0);
  run(3);
  EXPECT_EQ(fresh_status().lost, 0U);
  board->hold_up(900'000);
  run(2);
  EXPECT_GT(fresh_status().lost, 50U);
}

TEST_F(Books, WhatDoesNotFitIsAGapThatIsCountedExactly) {
  begin({.rate_hz = 1000});
  for (int i = 1; i <= 3; ++i) {
    hold_up(3);
    run(2);
    EXPECT_GT(queue->dropped(), 1000U * static_cast<unsigned>(i));
    EXPECT_EQ(lost, queue->dropped());
    EXPECT_EQ(gaps, static_cast<std::uint32_t>(i));
  }
  const mpu6050::Counters counters = queue->view().counters;
  EXPECT_EQ(counters.lost, lost);
  EXPECT_EQ(counters.gaps, gaps);
  EXPECT_EQ(counters.delivered, delivered);
  EXPECT_EQ(wrong_index, 0U);
}

TEST_F(Books, NoBlockOfTheOldRangesComesAfterOthersWereSet) {
  begin({});
  hold_up(0.8);  // blocks of the old ranges wait in the queue
  queue->reconfigure({.ranges = {.accelerometer = AccelerometerRange::g8}});
  const std::uint64_t before = delivered;
  take_one();
  EXPECT_EQ(delivered, before) << "all that waited is of no use any more";
  run(2);
  EXPECT_EQ(last.ranges.accelerometer, AccelerometerRange::g8);
  EXPECT_EQ(changes_of_range, 1U);
  EXPECT_EQ(wrong_index, 0U);
  EXPECT_EQ(queue->view().counters.delivered, delivered);
}

TEST_F(SampleQueueTest, ASelfTestIsAskedForAndAnswered) {
  config.samples_apart = true;
  power_on();
  run(3);
  board->type("selftest");
  run(0.1);
  board->type("selftest result");
  run(0.1);
  EXPECT_NE(text.find("still running"), std::string::npos) << text;
  run(4);
  text.clear();
  board->type("selftest result");
  run(0.2);
  EXPECT_NE(text.find("pass interrupt pin"), std::string::npos) << text;
}

TEST_F(SampleQueueTest, TheCauseOfSilenceComesThrough) {
  config.samples_apart = true;
  power_on();
  run(2);
  take_sensor_away(3);
  run(2.5);
  EXPECT_EQ(board->board().sensor().cause(), mpu6050::Cause::absent);
  EXPECT_NE(text.find("no sensor answers on the bus"), std::string::npos) << text;
  run(3);
  EXPECT_EQ(board->board().sensor().cause(), mpu6050::Cause::none);
}

}  // namespace
}  // namespace fettle::test
