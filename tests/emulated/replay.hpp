// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "board/ports.hpp"
#include "drivers/ports.hpp"

// A board's conversation with its sensor and its clock, written down once on a PC and played back to
// the same board on another processor. A board that computes other bits soon asks something else, which
// the player notices.
//
// A recording is a row of entries, a letter and what belongs to it, numbers little-endian:
//   T time            64 bits: begin() or step() at that uptime
//   D count time      32 and 64 bits: the interrupt's state from here on
//   R device register size status bytes    a byte each; size 0 is 256; bytes only with status ok
//   W device register value status
//   V status          the bus was recovered
//   I size bytes      what the line brought

namespace fettle::test {

/// FNV-1a, 64 bits.
class Digest {
 public:
  void add(std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) value_ = (value_ ^ byte) * 0x100000001B3ULL;
  }
  void add(std::string_view text) {
    for (const char c : text) value_ = (value_ ^ static_cast<std::uint8_t>(c)) * 0x100000001B3ULL;
  }
  void add_number(std::uint64_t number) {
    for (int i = 0; i < 8; ++i) value_ = (value_ ^ (number >> (8 * i) & 0xFFU)) * 0x100000001B3ULL;
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325ULL;
};

/// Reads a recording from its beginning.
class Tape {
 public:
  explicit Tape(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  [[nodiscard]] bool at_end() const { return at_ >= bytes_.size(); }
  /// Letter of the next entry; 0 at the end.
  [[nodiscard]] char next() const { return at_end() ? '\0' : static_cast<char>(bytes_[at_]); }
  /// Takes the letter if it is the next one.
  bool take(char letter) {
    if (next() != letter) return false;
    ++at_;
    return true;
  }
  std::uint64_t number(std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value |= static_cast<std::uint64_t>(at_end() ? 0 : bytes_[at_++]) << (8 * i);
    }
    return value;
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(number(1)); }
  void copy(std::span<std::uint8_t> bytes) {
    for (std::uint8_t& b : bytes) b = byte();
  }
  /// The board asked something that the recording does not have here.
  void lost() { lost_ = lost_ == 0 ? at_ + 1 : lost_; }
  /// Where that happened first, byte + 1; 0: it did not.
  [[nodiscard]] std::size_t lost_at() const { return lost_; }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
  std::size_t lost_ = 0;
};

/// The bus as it was.
class PlayedBus final : public RegisterBus {
 public:
  explicit PlayedBus(Tape& tape) : tape_(tape) {}
  BusStatus read(std::uint8_t device, std::uint8_t reg, std::span<std::uint8_t> bytes) override {
    const bool same = tape_.take('R') && tape_.byte() == device && tape_.byte() == reg &&
                      tape_.byte() == static_cast<std::uint8_t>(bytes.size());
    if (!same) return lost();
    const auto status = static_cast<BusStatus>(tape_.byte());
    if (status == BusStatus::ok) tape_.copy(bytes);
    return status;
  }
  BusStatus write(std::uint8_t device, std::uint8_t reg, std::uint8_t value) override {
    const bool same =
        tape_.take('W') && tape_.byte() == device && tape_.byte() == reg && tape_.byte() == value;
    return same ? static_cast<BusStatus>(tape_.byte()) : lost();
  }
  BusStatus recover() override {
    return tape_.take('V') ? static_cast<BusStatus>(tape_.byte()) : lost();
  }

 private:
  BusStatus lost() {
    tape_.lost();
    return BusStatus::nack;
  }
  Tape& tape_;
};

class PlayedInterrupt final : public DataReady {
 public:
  explicit PlayedInterrupt(Tape& tape) : tape_(tape) {}
  [[nodiscard]] DataReadyState state() const override {
    while (tape_.take('D')) {
      state_.count = static_cast<std::uint32_t>(tape_.number(4));
      state_.last_us = static_cast<std::int64_t>(tape_.number(8));
    }
    return state_;
  }

 private:
  Tape& tape_;
  mutable DataReadyState state_;
};

/// Hands over all that the board sends as it is sent.
class Listener {
 public:
  virtual void sent(std::span<const std::uint8_t> bytes) = 0;

 protected:
  ~Listener() = default;
};

/// A line whose output is listened to.
class ListenedLine : public board::ByteStream {
 public:
  explicit ListenedLine(Listener& listener) : listener_(listener) {}
  std::size_t write(std::span<const std::uint8_t> bytes) final {
    listener_.sent(bytes);
    return bytes.size();
  }
  [[nodiscard]] std::uint32_t baud() const final { return 921'600; }

 protected:
  ~ListenedLine() = default;

 private:
  Listener& listener_;
};

class PlayedLine final : public ListenedLine {
 public:
  PlayedLine(Tape& tape, Listener& listener) : ListenedLine(listener), tape_(tape) {}
  std::size_t read(std::span<std::uint8_t> bytes) override {
    if (!tape_.take('I')) return 0;
    const std::size_t size = tape_.byte();
    if (size > bytes.size()) {
      tape_.lost();
      return 0;
    }
    tape_.copy(bytes.first(size));
    return size;
  }

 private:
  Tape& tape_;
};

/// Storage in memory, the same while recording and while playing.
class MemoryCard final : public board::Card {
 public:
  board::StoreStatus open(std::uint64_t& size) override {
    size = size_;
    return board::StoreStatus::ok;
  }
  board::StoreStatus read(std::uint64_t offset, std::span<std::uint8_t> bytes) override {
    if (offset + bytes.size() > size_) return board::StoreStatus::failed;
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), bytes.size(), bytes.begin());
    return board::StoreStatus::ok;
  }
  board::StoreStatus append(std::span<const std::uint8_t> bytes) override {
    if (bytes.size() > bytes_.size() - size_) return board::StoreStatus::full;
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += bytes.size();
    return board::StoreStatus::ok;
  }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {bytes_.data(), size_}; }
  void clear() { size_ = 0; }

 private:
  std::array<std::uint8_t, 262'144> bytes_;
  std::size_t size_ = 0;
};

/// Erased slots that stay so: the model is built in.
class EmptyFlash final : public board::ModelFlash {
 public:
  EmptyFlash() { slot_.bytes.fill(0xFF); }
  [[nodiscard]] std::size_t slot_bytes() const override { return slot_.bytes.size(); }
  board::StoreStatus erase(std::size_t) override { return board::StoreStatus::ok; }
  board::StoreStatus write(std::size_t, std::size_t, std::span<const std::uint8_t>) override {
    return board::StoreStatus::failed;
  }
  std::span<const std::uint8_t> view(std::size_t) override { return slot_.bytes; }

 private:
  struct alignas(16) Slot {
    std::array<std::uint8_t, 4096> bytes;
  };
  Slot slot_;
};

class MemorySettings final : public board::SettingsStore {
 public:
  board::StoreStatus load(std::span<std::uint8_t> bytes, std::size_t& size) override {
    if (size_ == 0) return board::StoreStatus::absent;
    if (size_ > bytes.size()) return board::StoreStatus::failed;
    size = size_;
    std::copy_n(bytes_.begin(), size_, bytes.begin());
    return board::StoreStatus::ok;
  }
  board::StoreStatus save(std::span<const std::uint8_t> bytes) override {
    if (bytes.size() > bytes_.size()) return board::StoreStatus::full;
    size_ = bytes.size();
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
    return board::StoreStatus::ok;
  }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {bytes_.data(), size_}; }

 private:
  std::array<std::uint8_t, 512> bytes_;
  std::size_t size_ = 0;
};

/// What the board is called in recordings.
inline constexpr std::array<std::uint8_t, 8> kPlayedId = {'e', 'm', 'u', 'l', 'a', 't', 'e', '0'};
inline constexpr std::string_view kPlayedFirmware = "emulated";

}  // namespace fettle::test
