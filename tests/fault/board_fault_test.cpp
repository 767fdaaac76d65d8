// SPDX-License-Identifier: Apache-2.0
// Everything that can fail does, one at a time: each operation of bus, line and storage, and the
// power at each byte that is stored.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "protocol/card_record.hpp"
#include "tests/support/deciding.hpp"

namespace fettle::test {
namespace {

using protocol::CardDamage;
using protocol::EventKind;
using protocol::ModelState;

/// Another detector than shaker_model(): another threshold, another checksum.
std::vector<std::uint8_t> other_model() {
  std::vector<std::uint8_t> bytes = shaker_model();
  // The threshold 3.0 stands in the metadata once; the file is sealed again.
  const std::array<std::uint8_t, 4> three = {0, 0, 0x40, 0x40};
  const auto at = std::search(bytes.begin(), bytes.end(), three.begin(), three.end());
  if (at == bytes.end()) __builtin_trap();
  *(at + 2) = 0x50;  // 3.25
  if (!seal(bytes)) __builtin_trap();
  return bytes;
}

/// Storage with a model that has proved itself.
void seed_storage(VirtualRig& rig) {
  static const auto seeded = [] {
    VirtualRig first;
    first.power_on();
    first.connect(0);
    static_cast<void>(first.deploy(shaker_model()));
    first.run(3);
    std::vector<std::vector<std::uint8_t>> contents;
    for (simulator::Medium* medium :
         {first.storage.card.get(), first.storage.flash.get(), first.storage.settings.get()}) {
      contents.emplace_back(medium->size());
      if (!medium->read(0, contents.back())) __builtin_trap();
    }
    return contents;
  }();
  rig.storage.card->replace(seeded[0]);
  rig.storage.flash->replace(seeded[1]);
  rig.storage.settings->replace(seeded[2]);
}

std::vector<std::uint8_t> contents(const simulator::Medium& medium) {
  std::vector<std::uint8_t> bytes(medium.size());
  EXPECT_TRUE(medium.read(0, bytes));
  return bytes;
}

struct Log {
  std::size_t whole = 0;
  std::size_t damaged = 0;
};

Log read_log(const simulator::Medium& medium) {
  Log log;
  std::vector<std::uint8_t> bytes(protocol::kCardRecordBytes);
  for (std::uint64_t at = 0; medium.read(at, bytes); at += bytes.size()) {
    const auto record = protocol::read_card_record(
        protocol::ConstCardBytes(bytes.data(), protocol::kCardRecordBytes));
    ++(record.damage == CardDamage::none ? log.whole : log.damaged);
  }
  return log;
}

/// An everyday life in short: connected, recorded, an alarm, a new model, a restart.
void live(VirtualRig& rig) {
  rig.power_on();
  rig.connect(protocol::kStreamScores | protocol::kStreamEvents);
  rig.command("record normal");
  rig.run(2);
  rig.shaker.level = 3;
  rig.run(1.5);
  rig.command("ack");
  rig.shaker.level = 1;
  static_cast<void>(rig.deploy(other_model()));
  rig.run(2.2);
  rig.command("stop");
  rig.command("name pump");
  rig.settle();
  rig.send(protocol::MessageType::bye);
  rig.settle();
  rig.power_on();
  rig.run(1);
}

/// Whatever happened, the board says how it is, and finds a fault of the machine.
void expect_working(VirtualRig& rig) {
  rig.operations.fail_at = 0;
  rig.run(2);  // from each fault within a second, and a window
  rig.connect(protocol::kStreamScores | protocol::kStreamEvents);
  rig.status.reset();
  rig.send(protocol::MessageType::status);
  rig.settle();
  ASSERT_TRUE(rig.status.has_value()) << "no status";
  EXPECT_EQ(rig.status->sensor, protocol::SensorState::streaming);
  EXPECT_NE(rig.status->model, ModelState::none);
  EXPECT_GE(rig.board->board().settings().boots, 2U) << "the settings were lost";
  rig.shaker.level = 3;
  rig.run(2);
  EXPECT_TRUE(rig.board->pin().high) << "the fault is not found";
  rig.shaker.level = 1;
  rig.run(2);
  EXPECT_FALSE(rig.board->pin().high);
}

class EachOperation : public testing::TestWithParam<std::uint64_t> {
 public:
  static constexpr std::uint64_t kShards = 8;
};

TEST_P(EachOperation, FailsOnceAndTheBoardWorksOn) {
  std::uint64_t operations = 0;
  {
    VirtualRig rig;
    seed_storage(rig);
    live(rig);
    operations = rig.operations.done();
    expect_working(rig);
  }
  ASSERT_GT(operations, 500U);
  ASSERT_LE(operations, 5000U);
  if (GetParam() == 0) std::printf("%zu operations\n", static_cast<std::size_t>(operations));
  for (std::uint64_t n = 1 + GetParam(); n <= operations; n += kShards) {
    SCOPED_TRACE(testing::Message() << "operation " << n << " of " << operations);
    VirtualRig rig;
    seed_storage(rig);
    rig.operations.fail_at = n;
    live(rig);
    expect_working(rig);
    const Log log = read_log(*rig.storage.card);
    EXPECT_LE(log.damaged, 1U);
    EXPECT_GT(log.whole, 3U);
    ASSERT_FALSE(HasFailure());
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, EachOperation,
                         testing::Range<std::uint64_t>(0, EachOperation::kShards));

TEST(PowerLoss, AtAnyByteOfTheLogCostsAtMostTheLastRecord) {
  const auto scenario = [](VirtualRig& rig) {
    rig.power_on();
    rig.connect(protocol::kStreamEvents);
    rig.command("record normal");
    rig.run(6);
    rig.command("stop");
    rig.settle();
  };
  VirtualRig whole;
  scenario(whole);
  const auto reference = contents(*whole.storage.card);
  const std::uint64_t stored = whole.operations.stored_bytes();
  ASSERT_GT(reference.size(), 20 * protocol::kCardRecordBytes);
  for (std::uint64_t byte = 0; byte < stored; ++byte) {
    SCOPED_TRACE(testing::Message() << "power lost at byte " << byte << " of " << stored);
    VirtualRig rig;
    rig.operations.bytes_before_power_loss = byte;
    scenario(rig);
    ASSERT_TRUE(rig.operations.power_lost());
    // What had been appended is the beginning of what would have been.
    const auto before = contents(*rig.storage.card);
    ASSERT_LE(before.size(), reference.size());
    ASSERT_TRUE(std::equal(before.begin(), before.end(), reference.begin()));

    rig.operations = {};
    rig.power_on();
    rig.run(0.3);
    rig.board->type("record again");
    rig.run(0.5);
    const auto after = contents(*rig.storage.card);
    ASSERT_EQ(after.size() % protocol::kCardRecordBytes, 0U);
    const std::size_t kept = before.size() / protocol::kCardRecordBytes;
    ASSERT_TRUE(std::equal(before.begin(), before.end(), after.begin())) << "append-only";
    const Log log = read_log(*rig.storage.card);
    ASSERT_LE(log.damaged, 1U);
    ASSERT_GT(log.whole, kept);  // and it is written on
    ASSERT_TRUE(rig.board->board().recorder().recording());
  }
}

TEST(PowerLoss, AtAnyByteOfAModelUpdateLeavesTheOldOrTheNew) {
  const auto scenario = [](VirtualRig& rig) {
    rig.power_on();
    rig.connect(0);
    static_cast<void>(rig.deploy(other_model()));
    rig.run(3);
  };
  const auto crc_of = [](const std::vector<std::uint8_t>& bytes) {
    Crc32 crc;
    crc.add(bytes);
    return crc.value();
  };
  const std::uint32_t old_crc = crc_of(shaker_model());
  const std::uint32_t new_crc = crc_of(other_model());
  VirtualRig whole;
  seed_storage(whole);
  scenario(whole);
  const std::uint64_t stored = whole.operations.stored_bytes();
  bool old_seen = false;
  bool new_seen = false;
  for (std::uint64_t byte = 0; byte < stored; ++byte) {
    SCOPED_TRACE(testing::Message() << "power lost at byte " << byte << " of " << stored);
    VirtualRig rig;
    seed_storage(rig);
    rig.operations.bytes_before_power_loss = byte;
    scenario(rig);
    ASSERT_TRUE(rig.operations.power_lost());
    rig.operations = {};
    rig.power_on();
    rig.run(3.5);
    const board::Board& board = rig.board->board();
    const std::uint32_t crc =
        crc_of({board.detector().file().begin(), board.detector().file().end()});
    ASSERT_TRUE(crc == old_crc || crc == new_crc);
    ASSERT_EQ(board.status().model, ModelState::proven);
    ASSERT_GT(board.status().windows, 2U);
    old_seen = old_seen || crc == old_crc;
    new_seen = new_seen || crc == new_crc;
  }
  EXPECT_TRUE(old_seen);
  EXPECT_TRUE(new_seen);
}

/// A board whose model decides, with one false alarm that was said to be one; then another.
void say_false(VirtualRig& rig) {
  rig.shaker.level = 1.5;
  rig.run(6);
  rig.shaker.level = 1;
  rig.run(40);
  // Twice, as a program asks again that got no answer: what was said is not done again.
  for (int i = 0; i < 2; ++i) {
    rig.command("ack false");
    rig.settle();
  }
}

TEST(PowerLoss, AtAnyByteOfWhatWasLearnedLeavesTheOldOrTheNew) {
  const auto seed = [](VirtualRig& rig) {
    static const auto seeded = [] {
      VirtualRig first;
      first.power_on();
      first.connect(0);
      static_cast<void>(first.deploy(deciding_model(1.0)));
      first.run(5);
      say_false(first);
      EXPECT_GT(first.storage.learned->size(), 0U);
      std::vector<std::vector<std::uint8_t>> kept;
      for (simulator::Medium* medium :
           {first.storage.flash.get(), first.storage.settings.get(), first.storage.learned.get()}) {
        kept.push_back(contents(*medium));
      }
      return kept;
    }();
    rig.storage.flash->replace(seeded[0]);
    rig.storage.settings->replace(seeded[1]);
    rig.storage.learned->replace(seeded[2]);
  };
  const auto scenario = [](VirtualRig& rig) {
    rig.power_on();
    rig.connect(0);
    rig.run(5);
    say_false(rig);
  };
  VirtualRig whole;
  seed(whole);
  const auto before = contents(*whole.storage.learned);
  scenario(whole);
  const auto after = contents(*whole.storage.learned);
  ASSERT_NE(before, after);
  const std::uint64_t stored = whole.operations.stored_bytes();
  bool old_seen = false;
  bool new_seen = false;
  // Each byte of the record: those stored last. And some before.
  for (std::uint64_t byte = stored - after.size() - 8; byte <= stored; byte += 8) {
    SCOPED_TRACE(testing::Message() << "power lost at byte " << byte << " of " << stored);
    VirtualRig rig;
    seed(rig);
    rig.operations.bytes_before_power_loss = byte;
    scenario(rig);
    rig.operations = {};
    const auto left = contents(*rig.storage.learned);
    ASSERT_TRUE(left == before || left == after);
    old_seen = old_seen || left == before;
    new_seen = new_seen || left == after;
    rig.log.clear();
    rig.power_on();
    rig.run(1);
    ASSERT_TRUE(std::ranges::any_of(rig.log, [](const std::string& line) {
      return line.find("is taken up") != std::string::npos;
    }));
  }
  EXPECT_TRUE(old_seen);
  EXPECT_TRUE(new_seen);
}

TEST(LearnedStore, EachOperationFailsOnceAndBurnInIsNotLost) {
  std::vector<std::uint8_t> model = deciding_model(1.0);
  const auto life = [&](VirtualRig& rig) {
    rig.config.card = false;
    rig.power_on();
    rig.connect(0);
    static_cast<void>(rig.deploy(model));
    rig.run(5);
    say_false(rig);
  };
  // Counted over the moment in which something is saved: everything else fails in EachOperation.
  VirtualRig whole;
  life(whole);
  const std::uint64_t operations = whole.operations.done();
  for (std::uint64_t n = operations - 40; n <= operations; ++n) {
    SCOPED_TRACE(testing::Message() << "operation " << n << " of " << operations);
    VirtualRig rig;
    rig.operations.fail_at = n;
    life(rig);
    rig.operations.fail_at = 0;
    const board::Learning& learning = rig.board->board().learning();
    ASSERT_NE(learning.refinement(), nullptr);
    ASSERT_GT(learning.refinement()->raise(), 1.0F) << "the answer was lost";
    // The next answer saves it all, if this one could not be saved.
    say_false(rig);
    rig.power_on();
    rig.run(2);
    ASSERT_NE(rig.board->board().learning().refinement(), nullptr);
    ASSERT_GT(rig.board->board().learning().refinement()->raise(), 1.0F);
  }
}

TEST(Endurance, ADayOfNormalRunningSupportsOneFalseAlarmAWeek) {
  VirtualRig rig;
  rig.power_on();
  rig.connect(0);
  static_cast<void>(rig.deploy(deciding_model(1.0 / 168.0)));
  rig.run(5);
  const protocol::StatusMessage first = rig.board->board().status();
  EXPECT_GT(first.stated_per_hour, 100 * first.asked_per_hour);
  float stated = first.stated_per_hour;
  float hours = first.normal_hours;
  for (int hour = 0; hour < 24; ++hour) {
    rig.run(3600);
    const protocol::StatusMessage now = rig.board->board().status();
    EXPECT_LE(now.stated_per_hour, stated);
    EXPECT_GE(now.normal_hours, hours);
    stated = now.stated_per_hour;
    hours = now.normal_hours;
    std::printf("%2d h: %.4f false alarms an hour to be expected, %.0f min missing\n", hour + 1,
                static_cast<double>(stated), static_cast<double>(now.minutes_missing));
  }
  const protocol::StatusMessage last = rig.board->board().status();
  EXPECT_EQ(last.burn_in, protocol::BurnInState::supported);
  EXPECT_EQ(last.stated_per_hour, last.asked_per_hour);
  EXPECT_NEAR(hours, 22.5F, 0.6F);
  EXPECT_EQ(last.alarms, 0U);
  // And a fault is found as before.
  rig.shaker.level = 1.5;
  rig.run(12);
  EXPECT_EQ(rig.board->board().status().alarms, 1U);
}

TEST(Endurance, ADayWithOnePercentOfBusFaultsLosesNoSampleUnreported) {
  VirtualRig rig;
  seed_storage(rig);
  rig.config.chip.clock_error = 0.008;
  rig.config.lost_answers = 0.001;  // the chip has done it, and the board is told that it failed
  rig.power_on();
  using Kind = simulator::ChipFault::Kind;
  for (const auto& [kind, probability] :
       {std::pair(Kind::nack, 0.003), std::pair(Kind::timeout, 0.003),
        std::pair(Kind::stuck_sda, 0.003), std::pair(Kind::dropped_interrupt, 0.01)}) {
    simulator::ChipFault fault;
    fault.kind = kind;
    fault.probability = probability;
    fault.from_us = 5'000'000;
    rig.board->chip().inject(fault);
  }
  rig.run(4);
  /// Samples that the chip made and that are neither delivered nor lost: on their way.
  const auto on_their_way = [&rig] {
    const protocol::StatusMessage status = rig.board->board().status();
    return static_cast<std::int64_t>(rig.board->chip().samples_made()) -
           static_cast<std::int64_t>(status.samples + status.lost);
  };
  const std::int64_t at_first = on_their_way();
  std::uint64_t before = rig.board->board().status().samples;
  constexpr int kSeconds = 24 * 3600;
  for (int second = 4; second < kSeconds; ++second) {
    rig.run(1);
    const std::uint64_t now = rig.board->board().status().samples;
    ASSERT_GT(now, before) << "nothing came for a second at " << second << " s";
    before = now;
  }
  const protocol::StatusMessage status = rig.board->board().status();
  EXPECT_EQ(status.restarts, 0U);
  EXPECT_GT(status.nacks, 10'000U);
  EXPECT_GT(status.timeouts, 10'000U);
  EXPECT_GT(status.stuck, 10'000U);
  EXPECT_GT(status.samples, 16'000'000U);
  EXPECT_GT(status.lost, 1000U);
  // What is in the FIFO or in a block under way, and nothing else.
  EXPECT_GE(on_their_way(), 0);
  EXPECT_LE(on_their_way(), at_first + 2 * static_cast<std::int64_t>(kMaxBlockSamples));
  EXPECT_EQ(rig.board->board().status().model, ModelState::proven);
  std::printf("made %zu, delivered %zu, lost %zu in %u gaps, %zu windows, %u alarms\n",
              static_cast<std::size_t>(rig.board->chip().samples_made()),
              static_cast<std::size_t>(status.samples), static_cast<std::size_t>(status.lost),
              status.gaps, static_cast<std::size_t>(status.windows), status.alarms);
}

}  // namespace
}  // namespace fettle::test
