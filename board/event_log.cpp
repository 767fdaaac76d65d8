// SPDX-License-Identifier: Apache-2.0
#include "board/event_log.hpp"

#include <algorithm>

#include "board/flash_words.hpp"
#include "core/checksum.hpp"
#include "protocol/bytes.hpp"
#include "protocol/codec.hpp"

namespace fettle::board {
namespace {

using protocol::EventKind;

constexpr std::array<std::uint8_t, 3> kMagic = {'F', 'E', 1};  // the last is the format
constexpr std::size_t kSizeAt = 3;
constexpr std::size_t kSequenceAt = 4;
constexpr std::size_t kCrcAt = 8;
constexpr std::size_t kHeaderBytes = 12;
/// Flash that is written in vain is erased on the way, with the events that are in it.
constexpr std::uint8_t kMostInVain = 4;

/// Over all but itself.
std::uint32_t crc_of(std::span<const std::uint8_t> record, std::size_t size) {
  Crc32 crc;
  crc.add(record.first(kCrcAt));
  crc.add(record.subspan(kHeaderBytes, size));
  return crc.value();
}

/// Seconds after which another event of a kind is kept, in the long run. A wire that comes and goes makes
/// thousands a day.
std::uint32_t pause_s(EventKind kind) {
  switch (kind) {
    case EventKind::boot: return 0;
    case EventKind::clock_set: return UINT32_MAX;  // each event has the UTC known to it
    case EventKind::sensor_lost:
    case EventKind::sensor_back:
    case EventKind::samples_lost:
    case EventKind::card_failed:
    case EventKind::self_test: return 3600;
    default: return 60;
  }
}

/// So many may follow each other at once: an alarm, its end and the alarm that comes after, so that the last
/// that is kept tells how things stand.
std::uint32_t burst(EventKind kind) { return pause_s(kind) == 60 ? 8 : 1; }

std::uint64_t seconds(const protocol::EventMessage& event) {
  return static_cast<std::uint64_t>(event.uptime_us / 1'000'000) + 1;
}

/// A checksum of what a start says, without its numbers; 0 of every other event.
std::uint32_t boot_words(const protocol::EventMessage& event) {
  if (event.kind != EventKind::boot) return 0;
  Crc32 crc;
  for (const char c : event.text) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (c < '0' || c > '9') crc.add({&byte, 1});
  }
  return crc.value() | 1U;
}

}  // namespace

EventLog::Found EventLog::look(std::uint32_t slot, Record& memory, std::uint32_t& sequence) {
  if (flash_->read(slot * kRecordBytes, memory) != StoreStatus::ok) return Found::unreadable;
  bool blank = true;
  for (const std::uint8_t byte : memory) blank = blank && byte == 0xFF;
  if (blank) return Found::blank;
  bool ours = memory[kSizeAt] <= kRecordBytes - kHeaderBytes;
  for (std::size_t i = 0; i < kMagic.size(); ++i) ours = ours && memory[i] == kMagic[i];
  if (!ours || word_at(memory, kCrcAt) != crc_of(memory, memory[kSizeAt])) return Found::damaged;
  sequence = word_at(memory, kSequenceAt);
  return Found::whole;
}

/// The sector whose first whole record is the newest has the end in it; there, what follows the last place
/// that is not blank. A torn record is such a place.
StoreStatus EventLog::open() {
  open_ = false;
  slots_ = flash_ == nullptr ? 0 : static_cast<std::uint32_t>(flash_->sectors()) * kInSector;
  if (slots_ < 2 * kInSector) {
    slots_ = 0;
    return StoreStatus::absent;
  }
  Record memory;
  bool any = false;
  std::uint32_t last = 0;
  for (std::uint32_t first = 0; first < slots_; first += kInSector) {
    for (std::uint32_t slot = first; slot < first + kInSector; ++slot) {
      std::uint32_t sequence = 0;
      const Found found = look(slot, memory, sequence);
      if (found == Found::unreadable) return StoreStatus::failed;
      // A write may have failed without leaving anything.
      if (found == Found::damaged || found == Found::blank) continue;
      if (found == Found::whole && (!any || newer(sequence, sequence_))) {
        any = true;
        last = first;
        sequence_ = sequence;
      }
      break;
    }
  }
  next_ = last;
  for (std::uint32_t slot = last; any && slot < last + kInSector; ++slot) {
    std::uint32_t sequence = 0;
    const Found found = look(slot, memory, sequence);
    if (found == Found::unreadable) return StoreStatus::failed;
    if (found == Found::whole && newer(sequence, sequence_)) sequence_ = sequence;
    if (found != Found::blank) next_ = (slot + 1) % slots_;
  }
  open_ = true;
  protocol::EventMessage event;
  Cursor cursor = newest();
  boot_words_ = {};
  for (std::uint32_t& words : boot_words_) {
    if (!older(cursor, memory, event) || event.kind != EventKind::boot) break;
    words = boot_words(event);
  }
  return StoreStatus::ok;
}

bool EventLog::too_soon(const protocol::EventMessage& event) const {
  const std::uint64_t due_s = due_s_[static_cast<std::size_t>(event.kind)];
  return due_s > seconds(event) + (burst(event.kind) - 1U) * pause_s(event.kind);
}

StoreStatus EventLog::add(const protocol::EventMessage& event) {
  if (too_soon(event)) return StoreStatus::busy;
  if (!open_) {
    const StoreStatus status = open();
    if (status != StoreStatus::ok) return status;
  }
  const std::uint32_t words = boot_words(event);
  for (const std::uint32_t before : boot_words_) {
    if (words != 0 && words == before) return StoreStatus::ok;
  }
  if (in_vain_ == kMostInVain) return StoreStatus::failed;
  Record record;
  record.fill(0xFF);
  const std::size_t size = protocol::encode(event, std::span(record).subspan(kHeaderBytes));
  if (size == 0) return StoreStatus::failed;  // a message that its own codec refuses
  protocol::Writer header({record.data(), kHeaderBytes});
  header.bytes(kMagic);
  header.number(static_cast<std::uint8_t>(size));
  header.number(sequence_ + 1);
  header.number(crc_of(record, size));
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (next_ % kInSector == 0 && flash_->erase(next_ / kInSector) != StoreStatus::ok) {
      // Once more; then it is worn, and keeps the old events that are in it.
      if (attempt > 0) next_ = (next_ + kInSector) % slots_;
      continue;
    }
    const std::size_t offset = next_ * kRecordBytes;
    // Where a write has failed some of it may be.
    next_ = (next_ + 1) % slots_;
    if (flash_->write(offset, std::span(record).first(kHeaderBytes + size)) != StoreStatus::ok) {
      continue;
    }
    ++sequence_;
    in_vain_ = 0;
    if (words == 0) {
      boot_words_ = {};
    } else {
      for (std::size_t i = boot_words_.size() - 1; i > 0; --i) boot_words_[i] = boot_words_[i - 1];
      boot_words_[0] = words;
    }
    std::uint64_t& due_s = due_s_[static_cast<std::size_t>(event.kind)];
    due_s = std::max(due_s, seconds(event)) + pause_s(event.kind);
    return StoreStatus::ok;
  }
  ++in_vain_;
  return StoreStatus::failed;
}

EventLog::Cursor EventLog::newest() const {
  Cursor cursor;
  cursor.slot = next_;
  cursor.left = open_ ? slots_ : 0;
  return cursor;
}

bool EventLog::older(Cursor& cursor, Record& memory, protocol::EventMessage& event) {
  while (cursor.left > 0) {
    --cursor.left;
    cursor.slot = (cursor.slot == 0 ? slots_ : cursor.slot) - 1;
    std::uint32_t sequence = 0;
    const Found found = look(cursor.slot, memory, sequence);
    if (found == Found::blank) continue;
    if (found == Found::whole &&
        protocol::decode(std::span(memory).subspan(kHeaderBytes, memory[kSizeAt]), event)) {
      return true;
    }
    ++cursor.damaged;
  }
  return false;
}

}  // namespace fettle::board
