// SPDX-License-Identifier: Apache-2.0
#include "host/line/collector.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/learn/random.hpp"
#include "core/window/window_cutter.hpp"

namespace fettle::host {
namespace {

constexpr std::uint16_t kWindow = 128;

/// A sensor with blocks of 16 whose board cuts windows as ours does.
class Sensor {
 public:
  std::function<RawSample(std::uint64_t)> reading = [this](std::uint64_t) {
    RawSample raw;
    for (auto& count : raw) count = static_cast<std::int16_t>(random_.below(2000)) - 1000;
    return raw;
  };

  protocol::SamplesMessage next(std::uint32_t lost = 0) {
    protocol::SamplesMessage message;
    SampleBlock& block = message.block;
    index_ += lost;
    if (lost > 0) phase_ = 0;
    block.index = index_;
    block.t_us = 1'000'003 + static_cast<std::int64_t>(index_) * 5000;
    block.period_ns = 4'999'900;
    block.lost_before = lost;
    block.count = 16;
    for (auto& sample : block.samples) sample = reading(index_++);
    message.phase = phase_;
    phase_ = static_cast<std::uint16_t>((phase_ + 16) % hop);
    return message;
  }
  void start_at(std::uint16_t phase) { phase_ = phase; }
  std::uint16_t hop = kWindow;

 private:
  Random random_{11};
  std::uint64_t index_ = 0;
  std::uint16_t phase_ = 0;
};

class Collect : public testing::Test {
 protected:
  MissingSamples add(const protocol::SamplesMessage& message) {
    return collector.add(message, [this](const TimedSample& row) { rows.push_back(row); });
  }
  void add_many(int blocks) {
    for (int i = 0; i < blocks; ++i) add(sensor.next());
  }

  Sensor sensor;
  Collector collector{200.0, kWindow};
  std::vector<TimedSample> rows;
};

TEST_F(Collect, BeginsAtAWindowInTheMiddleOfABlock) {
  sensor.start_at(120);
  const auto first = sensor.next();
  add(first);
  ASSERT_EQ(rows.size(), 8U);
  EXPECT_EQ(rows[0], first.block.timed(8));  // bit for bit, time too
  const auto second = sensor.next();
  add(second);
  ASSERT_EQ(rows.size(), 24U);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(rows[8 + i], second.block.timed(i));
  EXPECT_EQ(collector.counts().skipped, 8U);
}

TEST_F(Collect, GoesOnAtTheNextWindowAfterALossOnTheLine) {
  add_many(3);
  static_cast<void>(sensor.next());
  static_cast<void>(sensor.next());
  const MissingSamples missing = add(sensor.next());  // phase 80: not used
  EXPECT_EQ(missing.first, 48U);
  EXPECT_EQ(missing.count, 32U);
  EXPECT_EQ(rows.size(), 48U);
  add_many(2);
  EXPECT_EQ(rows.size(), 48U);
  add_many(8);  // from phase 0 again
  EXPECT_EQ(rows.size(), 48U + 128U);
  const CollectionCounts counts = collector.counts();
  EXPECT_EQ(counts.lost_on_line, 32U);
  EXPECT_EQ(counts.line_gaps, 1U);
  EXPECT_EQ(counts.skipped, 48U);
  EXPECT_EQ(counts.lost_by_sensor, 0U);
}

TEST_F(Collect, KeepsGapsOfTheSensor) {
  add_many(3);
  const MissingSamples missing = add(sensor.next(7));
  EXPECT_EQ(missing.count, 0U);
  EXPECT_EQ(rows.size(), 64U);
  const CollectionCounts counts = collector.counts();
  EXPECT_EQ(counts.lost_by_sensor, 7U);
  EXPECT_EQ(counts.sensor_gaps, 1U);
  EXPECT_EQ(counts.lost_on_line, 0U);
}

TEST_F(Collect, JudgesAMachineWithAGapInEverySecond) {
  sensor.reading = [](std::uint64_t) { return RawSample{}; };
  for (int i = 0; i < 100; ++i) {
    add_many(6);
    add(sensor.next(3));
  }
  const CollectionCounts counts = collector.counts();
  EXPECT_EQ(counts.seconds, 56U);  // of 11,200 samples
  EXPECT_EQ(counts.quiet_part, 1.0);
  const std::vector<std::string> reasons = objections(counts);
  ASSERT_FALSE(reasons.empty());
  EXPECT_NE(reasons.front().find("never changed"), std::string::npos) << reasons.front();
}

TEST_F(Collect, WithoutAWindowItIsNoNormalRunning) {
  for (int i = 0; i < 200; ++i) add(sensor.next(3));
  const CollectionCounts counts = collector.counts();
  EXPECT_EQ(counts.longest_run, 16U);
  const std::vector<std::string> reasons = objections(counts);
  ASSERT_EQ(reasons.size(), 1U);
  EXPECT_NE(reasons.front().find("never more than 16 samples"), std::string::npos);
}

TEST_F(Collect, IgnoresWhatComesTwice) {
  const auto block = sensor.next();
  add(block);
  add(block);
  EXPECT_EQ(rows.size(), 16U);
  EXPECT_EQ(collector.counts().repeated, 1U);
}

TEST_F(Collect, TellsARepetitionFromAnotherStart) {
  const auto first = sensor.next();
  EXPECT_FALSE(collector.goes_back(first.block)) << "nothing was before";
  add(first);
  for (int i = 0; i < 4; ++i) add(sensor.next());
  EXPECT_FALSE(collector.goes_back(first.block)) << "five blocks ago: a late repetition";
  add(sensor.next());
  EXPECT_TRUE(collector.goes_back(first.block));
  collector.restart();
  EXPECT_FALSE(collector.goes_back(first.block));
}

/// The board's windows are the file's windows, whatever was lost where, also when they overlap.
TEST_F(Collect, TheFileHasTheBoardsWindows) {
  std::size_t total = 0;
  for (const std::uint16_t hop : {std::uint16_t{128}, std::uint16_t{64}}) {
    for (std::uint64_t seed = 1; seed < 40; ++seed) {
      Random random(seed);
      WindowShape shape;
      shape.hop = hop;
      WindowCutter board(shape);
      WindowCutter file(shape);
      Collector collect(200.0, hop);
      std::vector<std::int64_t> board_windows;
      std::vector<std::int64_t> file_windows;
      std::uint64_t index = random.below(1000);
      for (int i = 0; i < 400; ++i) {
        protocol::SamplesMessage message;
        message.block.lost_before = random.below(40) == 0 ? 1 + random.below(200) : 0;
        index += message.block.lost_before;
        message.block.index = index;
        message.block.t_us = static_cast<std::int64_t>(index) * 5000;
        message.block.period_ns = 5'000'000;
        message.block.count = static_cast<std::uint8_t>(1 + random.below(16));
        index += message.block.count;
        for (std::size_t k = 0; k < message.block.count; ++k) {
          const bool done = board.push(message.block.time_us(k)) == WindowCutter::Cut::complete;
          if (k == 0) {
            message.phase =
                static_cast<std::uint16_t>((board.phase() == 0 ? hop : board.phase()) - 1);
          }
          if (done) board_windows.push_back(message.block.time_us(k));
        }
        if (random.below(15) == 0) continue;  // lost on the line
        collect.add(message, [&](const TimedSample& row) {
          if (file.push(row.t_us) == WindowCutter::Cut::complete) file_windows.push_back(row.t_us);
        });
      }
      total += file_windows.size();
      for (const std::int64_t end_us : file_windows) {
        ASSERT_NE(std::ranges::find(board_windows, end_us), board_windows.end())
            << "seed " << seed << ", hop " << hop;
      }
    }
  }
  EXPECT_GT(total, 300U);
}

TEST_F(Collect, MeasuresRateAndLevel) {
  add_many(200);
  const CollectionCounts counts = collector.counts();
  EXPECT_NEAR(counts.rate_hz, 200.0, 0.1);
  // Uniform over 2000 counts.
  EXPECT_NEAR(counts.level[0].deviation, 2000 / std::sqrt(12) / 16384, 0.002);
  EXPECT_NEAR(counts.level[5].deviation, 2000 / std::sqrt(12) / 131, 0.3);
  EXPECT_EQ(counts.quiet_part, 0.0);
  EXPECT_TRUE(objections(counts).empty());
  EXPECT_TRUE(doubts(counts).empty());
}

TEST_F(Collect, ObjectsToWhatIsOff) {
  Random random(4);
  sensor.reading = [&](std::uint64_t) {
    RawSample raw;
    for (auto& count : raw) count = static_cast<std::int16_t>(random.below(20));
    return raw;
  };
  add_many(100);
  const auto why = objections(collector.counts());
  ASSERT_EQ(why.size(), 1U);
  EXPECT_NE(why[0].find("off"), std::string::npos);
}

TEST_F(Collect, ObjectsToWhatIsStuckOrClipped) {
  const auto before = sensor.reading;
  sensor.reading = [&](std::uint64_t i) {
    RawSample raw = before(i);
    raw[1] = 55;
    raw[4] = i % 20 == 0 ? INT16_MAX : raw[4];
    raw[5] = i == 77 ? INT16_MIN : raw[5];
    return raw;
  };
  add_many(100);
  const auto why = objections(collector.counts());
  ASSERT_EQ(why.size(), 2U);
  EXPECT_NE(why[0].find("ay never changed"), std::string::npos);
  EXPECT_NE(why[1].find("gy"), std::string::npos);
  EXPECT_NE(why[1].find("gyro_dps"), std::string::npos);
  const auto hints = doubts(collector.counts());
  ASSERT_EQ(hints.size(), 1U);
  EXPECT_NE(hints[0].find("1 samples of gz"), std::string::npos);
}

/// Whatever it did before: the axis that died in the middle is not what normal looks like.
TEST_F(Collect, ObjectsToAnAxisThatGetsStuck) {
  const auto before = sensor.reading;
  sensor.reading = [&](std::uint64_t i) {
    RawSample raw = before(i);
    if (i >= 200 * 301) raw[2] = 55;                 // from minute 5 on
    if (i >= 200 * 21 && i < 200 * 25) raw[4] = -7;  // four seconds
    return raw;
  };
  add_many(361 * 200 / 16 + 1);
  const CollectionCounts counts = collector.counts();
  EXPECT_EQ(counts.still[2].seconds, 60U);
  EXPECT_EQ(counts.still[4].seconds, 4U);
  EXPECT_EQ(counts.still[0].seconds, 0U);
  const auto why = objections(counts);
  ASSERT_EQ(why.size(), 1U);
  EXPECT_NE(why[0].find("az"), std::string::npos) << why[0];
  EXPECT_NE(why[0].find("60 s"), std::string::npos) << why[0];
  EXPECT_NE(why[0].find("5:00"), std::string::npos) << why[0];
  const auto hints = doubts(counts);
  ASSERT_EQ(hints.size(), 1U);
  EXPECT_NE(hints[0].find("gy"), std::string::npos) << hints[0];
  EXPECT_NE(hints[0].find("0:20"), std::string::npos) << hints[0];
}

TEST_F(Collect, ARateThatIsNotKnownIsNoNumber) {
  EXPECT_EQ(rate_text(collector.counts()), "-- Hz");
  add_many(200);
  EXPECT_EQ(rate_text(collector.counts()), "200.00 Hz");
}

}  // namespace
}  // namespace fettle::host
