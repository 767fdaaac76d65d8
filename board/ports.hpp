// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/learn/refinement.hpp"
#include "core/model/network_engine.hpp"
#include "drivers/ports.hpp"

namespace fettle::board {

class RecordSink;
class SampleSource;

/// Port: the serial line to a person or to a computer. Never waits.
class ByteStream {
 public:
  /// Takes what has arrived, at most bytes.size(). @return how many; 0 if nothing
  [[nodiscard]] virtual std::size_t read(std::span<std::uint8_t> bytes) = 0;
  /// Hands over bytes to send. @return how many were taken, from the front; 0 if the line is busy
  [[nodiscard]] virtual std::size_t write(std::span<const std::uint8_t> bytes) = 0;
  /// What the line carries, bits a second (8N1: ten bits a byte).
  [[nodiscard]] virtual std::uint32_t baud() const = 0;

 protected:
  ~ByteStream() = default;
};

/// How an operation on storage ended.
enum class StoreStatus : std::uint8_t {
  ok,
  absent,  ///< no card, no such partition
  full,    ///< no room for what was to be written; what was there before is unharmed
  failed,  ///< the medium reported an error; what was being written may be there in part
  busy,  ///< no port says so: what is asked of a card in a thread of its own has not been done yet
};

[[nodiscard]] constexpr const char* name_of(StoreStatus status) {
  switch (status) {
    case StoreStatus::ok: return "ok";
    case StoreStatus::absent: return "absent";
    case StoreStatus::full: return "full";
    case StoreStatus::failed: return "failed";
    case StoreStatus::busy: return "busy";
  }
  return "unknown";
}

/// Port: one growing file on the SD card. Power may fail at any byte of an append: then a part of it,
/// from the front, is there.
class Card {
 public:
  /// Opens the file, creating it if it is missing, and says how long it is.
  [[nodiscard]] virtual StoreStatus open(std::uint64_t& size) = 0;
  /// Reads exactly bytes.size() bytes from an offset inside the file.
  [[nodiscard]] virtual StoreStatus read(std::uint64_t offset, std::span<std::uint8_t> bytes) = 0;
  /// Writes at the end, and makes it last: after ok the bytes survive a loss of power.
  [[nodiscard]] virtual StoreStatus append(std::span<const std::uint8_t> bytes) = 0;

 protected:
  ~Card() = default;
};

/// Port: two slots of flash memory for detectors. Erased flash reads 0xFF; writing turns ones into
/// zeros and never the other way. Power may fail at any byte.
class ModelFlash {
 public:
  static constexpr std::size_t kSlots = 2;
  /// Bytes of one slot, a multiple of 4096.
  [[nodiscard]] virtual std::size_t slot_bytes() const = 0;
  [[nodiscard]] virtual StoreStatus erase(std::size_t slot) = 0;
  [[nodiscard]] virtual StoreStatus write(std::size_t slot, std::size_t offset,
                                          std::span<const std::uint8_t> bytes) = 0;
  /// The slot's bytes mapped into memory, aligned to 16 bytes; follows later writes. Empty if the
  /// flash cannot be read.
  [[nodiscard]] virtual std::span<const std::uint8_t> view(std::size_t slot) = 0;

 protected:
  ~ModelFlash() = default;
};

/// Port: a region of flash memory for the log of events, as flash is: erasing a sector gives ones, writing
/// only turns ones into zeros. Power may fail at any byte.
class EventFlash {
 public:
  static constexpr std::size_t kSectorBytes = 4096;
  /// At least 2; less: there is none.
  [[nodiscard]] virtual std::size_t sectors() const = 0;
  [[nodiscard]] virtual StoreStatus erase(std::size_t sector) = 0;
  /// Writes inside a sector, from the front: of a write that fails a part may be there.
  /// @param offset  from the beginning of the region, bytes, a multiple of 256
  [[nodiscard]] virtual StoreStatus write(std::size_t offset,
                                          std::span<const std::uint8_t> bytes) = 0;
  [[nodiscard]] virtual StoreStatus read(std::size_t offset, std::span<std::uint8_t> bytes) = 0;

 protected:
  ~EventFlash() = default;
};

/// Port: one small record that persists. Saving is atomic: after a loss of power load() gives the old
/// bytes or the new ones.
class SettingsStore {
 public:
  /// @return ok and the bytes' number in `size`; absent if nothing was ever saved. A record that is longer than
  /// `bytes` is not ours, and no fault of the storage: ok, a larger size, and any bytes.
  [[nodiscard]] virtual StoreStatus load(std::span<std::uint8_t> bytes, std::size_t& size) = 0;
  [[nodiscard]] virtual StoreStatus save(std::span<const std::uint8_t> bytes) = 0;

 protected:
  ~SettingsStore() = default;
};

/// Port: the output that is high while there is an alarm.
class AlertPin {
 public:
  virtual void set(bool active) = 0;

 protected:
  ~AlertPin() = default;
};

enum class LogLevel : std::uint8_t { error, warning, info };

/// Port: where log lines go besides the serial line (ESP_LOG on the chip).
class Log {
 public:
  /// @param tag   "ANOMALY", "sensor", "card" ...
  /// @param text  one line without its end
  virtual void write(LogLevel level, std::string_view tag, std::string_view text) = 0;

 protected:
  ~Log() = default;
};

/// Port: a counter of the processor's cycles, for `bench`.
class CycleCounter {
 public:
  [[nodiscard]] virtual std::uint32_t cycles() const = 0;  ///< wraps

 protected:
  ~CycleCounter() = default;
};

/// Everything that a board stands on. All of it must outlive the board. `settings` and `learned` are two
/// records that know nothing of each other.
struct Ports {
  RegisterBus& bus;
  DataReady& data_ready;
  ByteStream& line;
  Card& card;
  ModelFlash& models;
  SettingsStore& settings;
  SettingsStore& learned;  ///< what burn-in learned: kMostLearned bytes, saved about once an hour
  AlertPin& alert;
  Log& log;
  Refinement::Memory* calibration =
      nullptr;  ///< lent to find limits in; none: the board does not learn
  /// Samples of a thread of their own (sample_queue.hpp); none: the board steps a driver on `bus` itself.
  SampleSource* samples = nullptr;
  /// Writes records in a thread of its own (record_queue.hpp); none: the board itself writes to `card`.
  RecordSink* records = nullptr;
  /// Runs models if it gives their golden output; none: the board's own engine.
  NetworkEngine* engine = nullptr;
  const CycleCounter* cycles = nullptr;  ///< none: there is no `bench`
  EventFlash* events = nullptr;  ///< none: events of before a start are on the card or nowhere
};

}  // namespace fettle::board
