// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "board/ports.hpp"
#include "drivers/ports.hpp"
#include "simulator/mpu6050_chip/chip.hpp"
#include "simulator/signal/random.hpp"
#include "simulator/virtual_board/medium.hpp"

// The ports of a virtual board: the chip on its bus, a serial line, storage. Each can be made to fail
// by declared values.

namespace fettle::simulator {

/// Counts what the board asks of its ports, and makes one of them fail; or cuts the power at a byte
/// of storage.
class Operations {
 public:
  std::uint64_t fail_at = 0;  ///< the n-th operation fails, counted from 1; 0: none
  /// Bytes of storage that are still written before the power fails; none: it does not.
  std::optional<std::uint64_t> bytes_before_power_loss;

  /// One operation. @return true if it has to fail
  bool fails() { return ++done_ == fail_at; }
  /// How many of so many bytes are written before the power fails.
  std::size_t powered(std::size_t bytes);
  [[nodiscard]] bool power_lost() const { return power_lost_; }
  [[nodiscard]] std::uint64_t done() const { return done_; }
  [[nodiscard]] std::uint64_t stored_bytes() const { return stored_bytes_; }

 private:
  std::uint64_t done_ = 0;
  std::uint64_t stored_bytes_ = 0;
  bool power_lost_ = false;
};

/// The I2C bus with the chip on it. A transfer takes its time. The operation that fails is
/// one whose answer is lost: the worst case, as bytes have left the FIFO for good.
class ChipBus final : public RegisterBus {
 public:
  ChipBus(Mpu6050Chip& chip, std::int64_t& now_us, Operations& operations)
      : chip_(chip), now_us_(now_us), operations_(operations) {}
  BusStatus read(std::uint8_t device, std::uint8_t reg, std::span<std::uint8_t> bytes) override;
  BusStatus write(std::uint8_t device, std::uint8_t reg, std::uint8_t value) override;
  BusStatus recover() override;
  BusWires measure(std::uint8_t device, std::uint8_t reg) override;

  static constexpr std::uint32_t kUsual_hz = 400'000;
  std::uint32_t asked_hz = kUsual_hz;  ///< by the board
  std::uint32_t hz = kUsual_hz;        ///< what comes of it
  bool pull_ups = true;                ///< on the sensor's board, beside the processor's own
  /// Part of the transfers that take place although the board is told that they did not.
  double lost_answers = 0;

 private:
  void pass(std::size_t bytes);
  bool answer_lost();
  BusStatus ended(BusAnswer answer);

  Mpu6050Chip& chip_;
  std::int64_t& now_us_;
  Operations& operations_;
  Random chance_{0, 0};
  std::int64_t rest_ns_ = 0;
};

class ChipInterrupt final : public DataReady {
 public:
  ChipInterrupt(const Mpu6050Chip& chip, const std::int64_t& now_us)
      : chip_(chip), now_us_(now_us) {}
  bool wired = true;
  std::uint32_t most_late_us = 0;  ///< the handler serves each pulse so late, or less
  [[nodiscard]] DataReadyState state() const override {
    if (!wired) return {};
    const Mpu6050Chip::Interrupt interrupt = chip_.interrupt();
    if (most_late_us == 0) return {interrupt.count, interrupt.last_us};
    // The same pulse is as late whenever it is looked at.
    const std::uint32_t late_us = (interrupt.count * 0x9E3779B9U >> 8U) % most_late_us;
    const std::int64_t t_us = interrupt.last_us + late_us;
    return {interrupt.count, t_us < now_us_ ? t_us : now_us_};
  }

 private:
  const Mpu6050Chip& chip_;
  const std::int64_t& now_us_;
};

/// A serial line that carries so many bytes a second each way and no more.
class VirtualLine final : public board::ByteStream {
 public:
  VirtualLine(const std::int64_t& now_us, Operations& operations)
      : now_us_(now_us), operations_(operations) {}

  std::size_t read(std::span<std::uint8_t> bytes) override;
  std::size_t write(std::span<const std::uint8_t> bytes) override;
  [[nodiscard]] std::uint32_t baud() const override { return baud_rate; }

  std::uint32_t baud_rate = 921'600;
  std::deque<std::uint8_t> to_board;
  std::vector<std::uint8_t> from_board;

 private:
  /// Bytes that the line could carry since `since_us`, at most what the UART's buffer holds.
  [[nodiscard]] std::size_t carried(std::int64_t& since_us) const;

  const std::int64_t& now_us_;
  Operations& operations_;
  std::int64_t read_us_ = 0;
  std::int64_t written_us_ = 0;
};

/// The file of the log on an SD card.
class VirtualCard final : public board::Card {
 public:
  VirtualCard(Medium& medium, Operations& operations) : medium_(medium), operations_(operations) {}
  bool inserted = true;
  std::uint64_t capacity = UINT64_MAX;
  bool refuses = false;  ///< opens and reads, but no write succeeds

  board::StoreStatus open(std::uint64_t& size) override;
  board::StoreStatus read(std::uint64_t offset, std::span<std::uint8_t> bytes) override;
  board::StoreStatus append(std::span<const std::uint8_t> bytes) override;

 private:
  Medium& medium_;
  Operations& operations_;
};

/// Flash as NOR flash is: erased to ones, written to zeros. Two slots.
class VirtualFlash final : public board::ModelFlash {
 public:
  static constexpr std::size_t kSlotBytes = 65'536;

  VirtualFlash(Medium& medium, Operations& operations);
  [[nodiscard]] std::size_t slot_bytes() const override { return kSlotBytes; }
  board::StoreStatus erase(std::size_t slot) override;
  board::StoreStatus write(std::size_t slot, std::size_t offset,
                           std::span<const std::uint8_t> bytes) override;
  std::span<const std::uint8_t> view(std::size_t slot) override;

 private:
  struct alignas(16) Slot {
    std::array<std::uint8_t, kSlotBytes> bytes;
  };
  Medium& medium_;
  Operations& operations_;
  std::unique_ptr<std::array<Slot, kSlots>> slots_;
};

/// Likewise, for events.
class VirtualEventFlash final : public board::EventFlash {
 public:
  VirtualEventFlash(Medium& medium, Operations& operations, std::size_t sectors = 32);
  [[nodiscard]] std::size_t sectors() const override { return sectors_; }
  board::StoreStatus erase(std::size_t sector) override;
  board::StoreStatus write(std::size_t offset, std::span<const std::uint8_t> bytes) override;
  board::StoreStatus read(std::size_t offset, std::span<std::uint8_t> bytes) override;

  std::size_t worn_sector = SIZE_MAX;  ///< cannot be erased
  bool takes_nothing = false;          ///< no write succeeds
  bool leaves_some = true;             ///< of a write that fails; otherwise nothing

 private:
  Medium& medium_;
  Operations& operations_;
  std::size_t sectors_;
};

class VirtualSettings final : public board::SettingsStore {
 public:
  VirtualSettings(Medium& medium, Operations& operations)
      : medium_(medium), operations_(operations) {}
  board::StoreStatus load(std::span<std::uint8_t> bytes, std::size_t& size) override;
  board::StoreStatus save(std::span<const std::uint8_t> bytes) override;

 private:
  Medium& medium_;
  Operations& operations_;
};

/// What the board shows to the world besides its line.
struct Observer {
  std::function<void(std::int64_t now_us, bool high)> pin;
  std::function<void(std::int64_t now_us, board::LogLevel, std::string_view tag,
                     std::string_view text)>
      log;
};

class VirtualPin final : public board::AlertPin {
 public:
  VirtualPin(const std::int64_t& now_us, const Observer& observer)
      : now_us_(now_us), observer_(observer) {}
  bool high = false;
  std::uint32_t rises = 0;
  void set(bool active) override {
    if (active != high && observer_.pin) observer_.pin(now_us_, active);
    rises += active && !high ? 1U : 0U;
    high = active;
  }

 private:
  const std::int64_t& now_us_;
  const Observer& observer_;
};

class VirtualLog final : public board::Log {
 public:
  VirtualLog(const std::int64_t& now_us, const Observer& observer)
      : now_us_(now_us), observer_(observer) {}
  void write(board::LogLevel level, std::string_view tag, std::string_view text) override {
    if (observer_.log) observer_.log(now_us_, level, tag, text);
  }

 private:
  const std::int64_t& now_us_;
  const Observer& observer_;
};

}  // namespace fettle::simulator
