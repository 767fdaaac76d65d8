// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "board/ports.hpp"
#include "protocol/messages.hpp"

namespace fettle::board {

/// Why bytes of a new model were refused.
enum class StoreResult : std::uint8_t {
  ok,
  too_large,     ///< more than a slot holds
  not_begun,     ///< data or commit without begin
  out_of_order,  ///< bytes that do not go on where the last ended
  incomplete,    ///< commit before all bytes came
  bad_checksum,  ///< the bytes are not those that were announced
  flash_failed,
};

/// Two slots of flash for detectors. A new one is written to the slot that is not needed, becomes
/// visible with its header, which is written last, and is on trial until it has run: power may fail
/// at any byte, and there is the old one or the new one.
///
/// A slot (FORMATS.md, "Model slots"): header of 64 bytes, then the .tflite. Little endian:
///
///     0  magic "FTLS"        16  CRC-32 of the .tflite
///     4  format, 1           20  CRC-32 of bytes 0 to 19
///     8  sequence number     32  trial marks: a bit is cleared each time it is started
///    12  size of the .tflite 36  proven: 0 once it has run
///
/// Marks turn ones into zeros, so flash takes them without erasing.
class ModelStore {
 public:
  static constexpr std::size_t kHeaderBytes = 64;
  /// How often a new model may be started before it has run; then the one before is used again.
  static constexpr int kMostTrials = 3;

  /// A model in a slot.
  struct Entry {
    std::size_t slot = 0;
    std::uint32_t sequence = 0;
    std::uint32_t crc32 = 0;
    std::span<const std::uint8_t> file;  ///< aligned to 16 bytes
    bool proven = false;
    int trials = 0;  ///< starts so far, while not proven
  };
  static constexpr std::size_t kNone = ModelFlash::kSlots;

  explicit ModelStore(ModelFlash& flash) : flash_(flash) {}

  /// Models to try in this order, best first: the newest that is proven or may still be tried, then
  /// the other. What has a broken header or checksum, or was tried often enough, is not among them.
  /// @return how many, 0 to 2
  [[nodiscard]] std::size_t candidates(std::array<Entry, ModelFlash::kSlots>& entries);

  /// A model that was started as often as it may be without proving itself, which nobody has been told
  /// yet. One more mark_trial() says that it has been told.
  [[nodiscard]] bool given_up(Entry& entry);

  /// The slot holds a detector that was whole once and is not any more.
  [[nodiscard]] bool damaged(std::size_t slot);

  /// Before a model on trial is started: marks the attempt.
  StoreStatus mark_trial(const Entry& entry);
  /// It has run. From here the other slot may be overwritten.
  StoreStatus prove(const Entry& entry);

  /// Starts an update. Erases the slot `into`, which must not be in use.
  StoreResult begin(std::size_t into, const protocol::ModelBegin& announced);
  /// The next bytes; bytes that are there already (a repeated frame) are accepted again.
  StoreResult data(const protocol::ModelBytes& bytes);
  /// Checks what was written against what was announced. The model is not visible yet.
  StoreResult check(std::span<const std::uint8_t>& file);
  /// Makes it visible, on trial, its first attempt marked. Only after check().
  StoreResult commit(Entry& entry);
  void abandon() { into_ = kNone; }
  [[nodiscard]] bool updating() const { return into_ != kNone; }
  [[nodiscard]] std::uint32_t received() const { return received_; }
  [[nodiscard]] std::size_t most_bytes() const {
    return flash_.slot_bytes() > kHeaderBytes ? flash_.slot_bytes() - kHeaderBytes : 0;
  }

 private:
  enum class Slot : std::uint8_t { empty, damaged, whole };
  [[nodiscard]] Slot look(std::size_t slot, Entry& entry);
  [[nodiscard]] bool read_entry(std::size_t slot, Entry& entry) {
    return look(slot, entry) == Slot::whole;
  }

  ModelFlash& flash_;
  std::size_t into_ = kNone;
  protocol::ModelBegin announced_;
  std::uint32_t received_ = 0;
};

/// One English clause for a refusal.
[[nodiscard]] constexpr const char* describe(StoreResult result) {
  switch (result) {
    case StoreResult::ok: return "ok";
    case StoreResult::too_large: return "the model is larger than a slot";
    case StoreResult::not_begun: return "no update was begun";
    case StoreResult::out_of_order: return "bytes are missing before these";
    case StoreResult::incomplete: return "not all bytes have arrived";
    case StoreResult::bad_checksum: return "the bytes are not those that were announced";
    case StoreResult::flash_failed: return "the flash memory reported an error";
  }
  return "unknown";
}

}  // namespace fettle::board
