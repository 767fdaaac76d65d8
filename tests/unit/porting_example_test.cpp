// SPDX-License-Identifier: Apache-2.0
// The example of PORTING.md: the smallest ports that a board can stand on, in memory, and the loop
// around them. Compiled and run, so that what the page says stays true.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "board/board.hpp"

namespace fettle::test {
namespace {

using board::StoreStatus;

/// A bus on which nobody answers. A real one: one transfer, bounded by a timeout of at most 50 ms.
class EmptyBus final : public RegisterBus {
 public:
  int transfers = 0;
  BusStatus read(std::uint8_t, std::uint8_t, std::span<std::uint8_t>) override { return nobody(); }
  BusStatus write(std::uint8_t, std::uint8_t, std::uint8_t) override { return nobody(); }
  BusStatus recover() override { return BusStatus::ok; }

 private:
  BusStatus nobody() {
    ++transfers;
    return BusStatus::nack;
  }
};

/// No wire to the interrupt pin. A real one: count and time, written by the interrupt, read together.
class NoInterrupt final : public DataReady {
 public:
  [[nodiscard]] DataReadyState state() const override { return {}; }
};

/// A real one: the UART driver's rings; neither call waits.
class Line final : public board::ByteStream {
 public:
  std::string typed, shown;
  std::size_t read(std::span<std::uint8_t> bytes) override {
    const std::size_t size = std::min(bytes.size(), typed.size());
    std::copy_n(typed.begin(), size, bytes.begin());
    typed.erase(0, size);
    return size;
  }
  std::size_t write(std::span<const std::uint8_t> bytes) override {
    shown.append(bytes.begin(), bytes.end());
    return bytes.size();
  }
  [[nodiscard]] std::uint32_t baud() const override { return 115'200; }
};

/// A board without a slot for cards says absent, always.
class NoCard final : public board::Card {
 public:
  StoreStatus open(std::uint64_t&) override { return StoreStatus::absent; }
  StoreStatus read(std::uint64_t, std::span<std::uint8_t>) override { return StoreStatus::absent; }
  StoreStatus append(std::span<const std::uint8_t>) override { return StoreStatus::absent; }
};

/// A real one: two partitions, mapped; writing never turns a zero into a one.
class Flash final : public board::ModelFlash {
 public:
  Flash() {
    for (Slot& slot : slots_) slot.bytes.fill(0xFF);
  }
  [[nodiscard]] std::size_t slot_bytes() const override { return kBytes; }
  StoreStatus erase(std::size_t slot) override {
    slots_[slot].bytes.fill(0xFF);
    return StoreStatus::ok;
  }
  StoreStatus write(std::size_t slot, std::size_t offset,
                    std::span<const std::uint8_t> bytes) override {
    if (offset > kBytes || bytes.size() > kBytes - offset) return StoreStatus::full;
    for (std::size_t i = 0; i < bytes.size(); ++i) slots_[slot].bytes[offset + i] &= bytes[i];
    return StoreStatus::ok;
  }
  std::span<const std::uint8_t> view(std::size_t slot) override { return slots_[slot].bytes; }

 private:
  static constexpr std::size_t kBytes = 16'384;
  struct alignas(16) Slot {
    std::array<std::uint8_t, kBytes> bytes;
  };
  std::array<Slot, kSlots> slots_;
};

/// A real one: a key of NVS, or two copies with a counter.
class Settings final : public board::SettingsStore {
 public:
  StoreStatus load(std::span<std::uint8_t> bytes, std::size_t& size) override {
    if (!saved_) return StoreStatus::absent;
    if (saved_->size() > bytes.size()) return StoreStatus::failed;
    size = saved_->size();
    std::copy(saved_->begin(), saved_->end(), bytes.begin());
    return StoreStatus::ok;
  }
  StoreStatus save(std::span<const std::uint8_t> bytes) override {
    saved_.emplace(bytes.begin(), bytes.end());
    return StoreStatus::ok;
  }

 private:
  std::optional<std::string> saved_;
};

class Pin final : public board::AlertPin {
 public:
  bool high = true;
  void set(bool active) override { high = active; }
};

class Log final : public board::Log {
 public:
  std::string lines;
  void write(board::LogLevel, std::string_view tag, std::string_view text) override {
    lines += std::string(tag) + ": " + std::string(text) + "\n";
  }
};

struct Hardware {
  EmptyBus bus;
  NoInterrupt data_ready;
  Line line;
  NoCard card;
  Flash models;
  Settings settings;
  Settings learned;  // the same, under another key
  Pin alert;
  Log log;
  Refinement::Memory calibration;  // for burn-in; a board without it learns nothing

  board::Ports ports() {
    return {bus, data_ready, line, card, models, settings, learned, alert, log, &calibration};
  }
};

const board::Identity kIdentity{{'e', 'x', 'a', 'm', 'p', 'l', 'e', '1'}, "0.1.0", {}};

/// What main() of a new board does; here time is made up, and it ends.
void run(board::Board& board, std::int64_t& now_us, std::int64_t for_us) {
  for (const std::int64_t end_us = now_us + for_us; now_us < end_us;) {
    board.step(now_us);
    now_us = std::max(board.next_wake_us(), now_us + 1);  // sleep_until(next_wake_us())
  }
}

TEST(Porting, ABoardOnTheSmallestPortsSaysWhatIsMissing) {
  Hardware hardware;
  std::int64_t now_us = 0;
  board::Board board(hardware.ports(), kIdentity);
  board.begin(now_us);
  EXPECT_FALSE(hardware.alert.high);

  run(board, now_us, 3'000'000);
  EXPECT_GT(hardware.bus.transfers, 0);
  EXPECT_NE(hardware.log.lines.find("no sensor answers on the bus"), std::string::npos)
      << hardware.log.lines;

  hardware.line.shown.clear();
  hardware.line.typed = "status\n";
  run(board, now_us, 200'000);
  EXPECT_NE(hardware.line.shown.find("card: absent"), std::string::npos) << hardware.line.shown;
}

TEST(Porting, SettingsAreThereAfterARestart) {
  Hardware hardware;
  std::int64_t now_us = 0;
  {
    board::Board board(hardware.ports(), kIdentity);
    board.begin(now_us);
    hardware.line.typed = "name pump 3\n";
    run(board, now_us, 100'000);
  }
  board::Board board(hardware.ports(), kIdentity);
  board.begin(0);
  EXPECT_EQ(board.settings().name.view(), "pump 3");
  EXPECT_EQ(board.settings().boots, 2U);
}

TEST(Porting, ABoardFitsItsBudget) {
  EXPECT_LE(sizeof(board::Board), 24U * 1024);
  EXPECT_LE(sizeof(board::Board) + sizeof(Refinement::Memory), 32U * 1024);
}

}  // namespace
}  // namespace fettle::test
