// SPDX-License-Identifier: Apache-2.0
#include "board/model_store.hpp"

#include "board/flash_words.hpp"
#include "core/checksum.hpp"
#include "protocol/bytes.hpp"

namespace fettle::board {
namespace {

constexpr std::uint32_t kMagic = 0x534C5446;  // "FTLS"
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kTrialMarks = 32;
constexpr std::size_t kProvenMark = 36;
constexpr std::uint32_t kFirstTrial = 0xFFFF'FFFE;

}  // namespace

ModelStore::Slot ModelStore::look(std::size_t slot, Entry& entry) {
  const auto bytes = flash_.view(slot);
  if (bytes.size() < kHeaderBytes) return Slot::empty;
  if (word_at(bytes, 0) != kMagic) {
    // The header is written last: without its magic an update was cut off, which is no damage. But what has been
    // proven, or started a second time, was there.
    const std::uint32_t trials = word_at(bytes, kTrialMarks);
    const bool was_there = word_at(bytes, kProvenMark) == 0 || trials < kFirstTrial;
    return was_there ? Slot::damaged : Slot::empty;
  }
  if (word_at(bytes, 4) != kFormat || word_at(bytes, 20) != crc_of(bytes.first(20))) {
    return Slot::damaged;
  }
  const std::uint32_t size = word_at(bytes, 12);
  if (size == 0 || size > bytes.size() - kHeaderBytes) return Slot::damaged;
  entry.slot = slot;
  entry.sequence = word_at(bytes, 8);
  entry.crc32 = word_at(bytes, 16);
  entry.file = bytes.subspan(kHeaderBytes, size);
  entry.proven = word_at(bytes, kProvenMark) == 0;
  entry.trials = 0;
  for (std::uint32_t marks = ~word_at(bytes, kTrialMarks); marks != 0; marks &= marks - 1) {
    ++entry.trials;
  }
  return crc_of(entry.file) == entry.crc32 ? Slot::whole : Slot::damaged;
}

bool ModelStore::damaged(std::size_t slot) {
  Entry entry;
  return slot != into_ && look(slot, entry) == Slot::damaged;
}

std::size_t ModelStore::candidates(std::array<Entry, ModelFlash::kSlots>& entries) {
  std::size_t count = 0;
  for (std::size_t slot = 0; slot < ModelFlash::kSlots; ++slot) {
    Entry entry;
    if (slot == into_ || !read_entry(slot, entry)) continue;
    if (!entry.proven && entry.trials >= kMostTrials) continue;
    entries[count++] = entry;
  }
  if (count == 2 && newer(entries[1].sequence, entries[0].sequence)) {
    const Entry first = entries[0];
    entries[0] = entries[1];
    entries[1] = first;
  }
  return count;
}

bool ModelStore::given_up(Entry& entry) {
  for (std::size_t slot = 0; slot < ModelFlash::kSlots; ++slot) {
    if (slot == into_ || !read_entry(slot, entry)) continue;
    if (!entry.proven && entry.trials == kMostTrials) return true;
  }
  return false;
}

StoreStatus ModelStore::mark_trial(const Entry& entry) {
  const auto bytes = flash_.view(entry.slot);
  if (bytes.size() < kHeaderBytes) return StoreStatus::failed;
  const std::uint32_t marks = word_at(bytes, kTrialMarks);
  const std::uint32_t fewer = marks & (marks - 1);  // the lowest one becomes a zero
  std::array<std::uint8_t, 4> word;
  protocol::Writer(word).number(fewer);
  return flash_.write(entry.slot, kTrialMarks, word);
}

StoreStatus ModelStore::prove(const Entry& entry) {
  constexpr std::array<std::uint8_t, 4> kZero{};
  return flash_.write(entry.slot, kProvenMark, kZero);
}

StoreResult ModelStore::begin(std::size_t into, const protocol::ModelBegin& announced) {
  into_ = kNone;
  if (announced.size == 0 || announced.size > most_bytes()) return StoreResult::too_large;
  if (flash_.erase(into) != StoreStatus::ok) return StoreResult::flash_failed;
  into_ = into;
  announced_ = announced;
  received_ = 0;
  return StoreResult::ok;
}

StoreResult ModelStore::data(const protocol::ModelBytes& message) {
  if (into_ == kNone) return StoreResult::not_begun;
  if (message.offset > received_ || message.offset > announced_.size ||
      message.bytes.size() > announced_.size - message.offset) {
    return StoreResult::out_of_order;
  }
  if (message.offset + message.bytes.size() <= received_) return StoreResult::ok;  // a repetition
  const auto fresh = message.bytes.subspan(received_ - message.offset);
  if (flash_.write(into_, kHeaderBytes + received_, fresh) != StoreStatus::ok) {
    return StoreResult::flash_failed;
  }
  received_ += static_cast<std::uint32_t>(fresh.size());
  return StoreResult::ok;
}

StoreResult ModelStore::check(std::span<const std::uint8_t>& file) {
  if (into_ == kNone) return StoreResult::not_begun;
  if (received_ != announced_.size) return StoreResult::incomplete;
  const auto bytes = flash_.view(into_);
  if (bytes.size() < kHeaderBytes + announced_.size) return StoreResult::flash_failed;
  // What counts is what the flash gives back, not what was sent to it.
  file = bytes.subspan(kHeaderBytes, announced_.size);
  return crc_of(file) == announced_.crc32 ? StoreResult::ok : StoreResult::bad_checksum;
}

StoreResult ModelStore::commit(Entry& entry) {
  if (into_ == kNone) return StoreResult::not_begun;
  std::uint32_t sequence = 1;
  Entry other;
  for (std::size_t slot = 0; slot < ModelFlash::kSlots; ++slot) {
    if (slot != into_ && read_entry(slot, other)) sequence = other.sequence + 1;
  }
  std::array<std::uint8_t, 24> header;
  protocol::Writer writer(header);
  writer.number(kMagic);
  writer.number(kFormat);
  writer.number(sequence);
  writer.number(announced_.size);
  writer.number(announced_.crc32);
  writer.number(crc_of({header.data(), 20}));
  const std::size_t slot = into_;
  into_ = kNone;
  // The first attempt is marked before the header makes the model visible.
  std::array<std::uint8_t, 4> first_trial;
  protocol::Writer(first_trial).number(kFirstTrial);
  if (flash_.write(slot, kTrialMarks, first_trial) == StoreStatus::ok &&
      flash_.write(slot, 0, header) == StoreStatus::ok && read_entry(slot, entry)) {
    return StoreResult::ok;
  }
  // Said to have failed, so it must not come up at the next start.
  constexpr std::array<std::uint8_t, 4> kNoMagic{};
  static_cast<void>(flash_.write(slot, 0, kNoMagic));
  return StoreResult::flash_failed;
}

}  // namespace fettle::board
