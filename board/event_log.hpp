// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "board/ports.hpp"
#include "protocol/messages.hpp"

namespace fettle::board {

/// Events in flash, for a board without a card or before it had one: a ring of sectors, records only
/// ever appended (FORMATS.md). A loss of power at any byte costs at most the record being written; when
/// the ring is full the sector with the oldest records is erased.
class EventLog {
 public:
  static constexpr std::size_t kRecordBytes = 256;
  static constexpr std::uint32_t kInSector = EventFlash::kSectorBytes / kRecordBytes;
  using Record = std::array<std::uint8_t, kRecordBytes>;

  /// @param flash  nullptr, or of less than two sectors: nothing is kept
  explicit EventLog(EventFlash* flash) : flash_(flash) {}

  /// Finds the end: a read for each sector and 16 for the last, and 16 for each that begins with nothing
  /// whole, so 512 reads of empty flash. add() does it as well, if it has not succeeded yet.
  /// @return absent if there is no flash; failed if it cannot be read
  StoreStatus open();
  /// Keeps an event, unless one of its kind was kept too short a while ago: what comes again and again
  /// must neither wear the flash nor drive out what somebody looks for. Nor a start after starts in which
  /// nothing else was kept, if one of them says the same but for numbers: each record says of which start it is. A record that cannot be written is tried twice
  /// more in the next places, past a sector that cannot be erased. After four events in vain no more are tried
  /// until the next start.
  /// @return ok also if it was left out
  StoreStatus add(const protocol::EventMessage& event);

  /// A place in the log, for reading backwards.
  struct Cursor {
    std::uint32_t slot = 0;     ///< those before it have not been looked at
    std::uint32_t left = 0;     ///< places, the whole ring at first
    std::uint32_t damaged = 0;  ///< places on the way that hold something and no event
  };
  [[nodiscard]] Cursor newest() const;
  /// The next older event that is whole.
  /// @param memory  what the event's text lies in
  /// @return false if there is none
  bool older(Cursor& cursor, Record& memory, protocol::EventMessage& event);

 private:
  enum class Found : std::uint8_t { whole, blank, damaged, unreadable };
  Found look(std::uint32_t slot, Record& memory, std::uint32_t& sequence);
  [[nodiscard]] bool too_soon(const protocol::EventMessage& event) const;

  EventFlash* flash_;
  bool open_ = false;
  std::uint32_t slots_ = 0;
  std::uint32_t next_ = 0;  // where the next record goes; the first of a sector: erase it before
  std::uint32_t sequence_ = 0;  // of the newest
  // What the newest events say, as far as they are starts: checksums, 0 where there is none.
  std::array<std::uint32_t, 4> boot_words_{};
  std::uint8_t in_vain_ = 0;  // events in a row that could not be written
  // When the next event of each kind would be due if they came evenly, seconds (the generic cell rate
  // algorithm of ITU-T I.371); 0: none was kept in this start.
  std::array<std::uint64_t, static_cast<std::size_t>(protocol::EventKind::condition) + 1> due_s_{};
};

}  // namespace fettle::board
