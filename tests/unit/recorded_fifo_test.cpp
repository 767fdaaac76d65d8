// SPDX-License-Identifier: Apache-2.0
// The chip replaced by what was once read from it. A board that gets the same bytes at the same
// times gives the same scores, so nothing of the simulator reaches it by another way.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/support/virtual_rig.hpp"

namespace fettle::test {
namespace {

/// One transfer on the bus, or a look at the interrupt line.
struct Transfer {
  enum class Kind : std::uint8_t { read, write, recover } kind = Kind::read;
  std::uint8_t reg = 0;
  std::vector<std::uint8_t> bytes;
  BusStatus status = BusStatus::ok;
  std::int64_t took_us = 0;
};

/// A bus that notes what passes.
class Recording final : public RegisterBus {
 public:
  Recording(simulator::Mpu6050Chip& chip, std::int64_t& now_us, simulator::Operations& operations)
      : bus_(chip, now_us, operations), now_us_(now_us) {}
  BusStatus read(std::uint8_t device, std::uint8_t reg, std::span<std::uint8_t> bytes) override {
    const std::int64_t before = now_us_;
    const BusStatus status = bus_.read(device, reg, bytes);
    transfers.push_back(
        {Transfer::Kind::read, reg, {bytes.begin(), bytes.end()}, status, now_us_ - before});
    return status;
  }
  BusStatus write(std::uint8_t device, std::uint8_t reg, std::uint8_t value) override {
    const std::int64_t before = now_us_;
    const BusStatus status = bus_.write(device, reg, value);
    transfers.push_back({Transfer::Kind::write, reg, {value}, status, now_us_ - before});
    return status;
  }
  BusStatus recover() override {
    const std::int64_t before = now_us_;
    const BusStatus status = bus_.recover();
    transfers.push_back({Transfer::Kind::recover, 0, {}, status, now_us_ - before});
    return status;
  }
  std::vector<Transfer> transfers;

 private:
  simulator::ChipBus bus_;
  std::int64_t& now_us_;
};

/// A bus without a chip: gives again what was noted, and insists on being asked the same.
class Replay final : public RegisterBus {
 public:
  Replay(const std::vector<Transfer>& transfers, std::int64_t& now_us)
      : transfers_(transfers), now_us_(now_us) {}
  BusStatus read(std::uint8_t, std::uint8_t reg, std::span<std::uint8_t> bytes) override {
    const Transfer& transfer = next(Transfer::Kind::read, reg, bytes.size());
    std::copy_n(transfer.bytes.begin(), std::min(bytes.size(), transfer.bytes.size()),
                bytes.begin());
    return transfer.status;
  }
  BusStatus write(std::uint8_t, std::uint8_t reg, std::uint8_t value) override {
    const Transfer& transfer = next(Transfer::Kind::write, reg, 1);
    EXPECT_EQ(transfer.bytes.front(), value);
    return transfer.status;
  }
  BusStatus recover() override { return next(Transfer::Kind::recover, 0, 0).status; }

 private:
  const Transfer& next(Transfer::Kind kind, std::uint8_t reg, std::size_t size) {
    static const Transfer kEnd{Transfer::Kind::read, 0, std::vector<std::uint8_t>(256),
                               BusStatus::nack, 0};
    if (at_ >= transfers_.size()) {
      ADD_FAILURE() << "more transfers than were recorded";
      return kEnd;
    }
    const Transfer& transfer = transfers_[at_++];
    EXPECT_EQ(transfer.kind, kind) << "transfer " << at_;
    EXPECT_EQ(transfer.reg, reg) << "transfer " << at_;
    EXPECT_EQ(transfer.bytes.size(), size) << "transfer " << at_;
    now_us_ += transfer.took_us;
    return transfer;
  }

  const std::vector<Transfer>& transfers_;
  std::size_t at_ = 0;
  std::int64_t& now_us_;
};

class NoInterrupt final : public DataReady {
 public:
  [[nodiscard]] DataReadyState state() const override { return {}; }
};

/// Everything of a board but its bus.
struct Bench {
  std::int64_t now_us = 0;
  simulator::Operations operations;
  simulator::Storage storage;
  simulator::Observer observer;
  simulator::VirtualLine line{now_us, operations};
  simulator::VirtualCard card{*storage.card, operations};
  simulator::VirtualFlash flash{*storage.flash, operations};
  simulator::VirtualSettings settings{*storage.settings, operations};
  simulator::VirtualSettings learned{*storage.learned, operations};
  simulator::VirtualPin pin{now_us, observer};
  simulator::VirtualLog log{now_us, observer};
  NoInterrupt data_ready;
  AlignedFloats memory{shaker_model().size() / 4 + 4};

  std::span<const std::uint8_t> model() {
    const auto floats = memory.view();
    auto* bytes = reinterpret_cast<std::uint8_t*>(floats.data());
    std::copy(shaker_model().begin(), shaker_model().end(), bytes);
    return {bytes, shaker_model().size()};
  }
  board::Ports ports(RegisterBus& bus) {
    return {bus, data_ready, line, card, flash, settings, learned, pin, log, nullptr};
  }
};

std::vector<protocol::ScoreMessage> scores_in(const std::vector<std::uint8_t>& bytes) {
  protocol::FrameReader reader;
  std::vector<protocol::ScoreMessage> scores;
  for (const std::uint8_t byte : bytes) {
    const protocol::LineEvent event = reader.push(byte);
    protocol::ScoreMessage score;
    if (event.kind == protocol::LineEvent::Kind::frame &&
        event.type == protocol::MessageType::score && decode(event.payload, score)) {
      scores.push_back(score);
    }
  }
  return scores;
}

void ask_for_scores(simulator::VirtualLine& line) {
  std::array<std::uint8_t, 64> payload{};
  std::array<std::uint8_t, protocol::kMostEncodedFrame> frame{};
  const protocol::StreamRequest wanted{protocol::kStreamScores};
  const std::size_t size = encode(wanted, payload);
  const std::size_t bytes =
      protocol::encode_frame(protocol::MessageType::stream, 0, {payload.data(), size}, frame);
  line.to_board.assign(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(bytes));
}

/// Runs a board for 40 s; `world` is told of each new time.
template <typename World>
std::vector<protocol::ScoreMessage> live(Bench& bench, RegisterBus& bus, World world) {
  board::Board board(bench.ports(bus), {{1, 2, 3, 4, 5, 6, 7, 8}, "test", bench.model()});
  board.begin(bench.now_us);
  ask_for_scores(bench.line);
  while (bench.now_us < 40'000'000) {
    bench.now_us = std::max(board.next_wake_us(), bench.now_us + 1);
    world(bench.now_us);
    board.step(bench.now_us);
  }
  return scores_in(bench.line.from_board);
}

TEST(RecordedFifo, GivesTheScoresOfTheChip) {
  Shaker shaker;
  Bench with_chip;
  simulator::Mpu6050Chip chip({}, shaker);
  Recording recording(chip, with_chip.now_us, with_chip.operations);
  const auto expected = live(with_chip, recording, [&](std::int64_t now_us) {
    shaker.level = now_us > 30'000'000 ? 3 : 1;
    chip.advance_to(now_us);
  });
  ASSERT_GT(expected.size(), 40U);
  ASSERT_GT(with_chip.pin.rises, 0U);

  Bench without_chip;
  Replay replay(recording.transfers, without_chip.now_us);
  const auto scores = live(without_chip, replay, [](std::int64_t) {});
  ASSERT_EQ(scores.size(), expected.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    EXPECT_EQ(scores[i].index, expected[i].index);
    EXPECT_EQ(scores[i].t_us, expected[i].t_us);
    EXPECT_EQ(scores[i].score, expected[i].score);
  }
  EXPECT_EQ(without_chip.pin.rises, with_chip.pin.rises);
}

}  // namespace
}  // namespace fettle::test
