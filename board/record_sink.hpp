// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "board/ports.hpp"
#include "protocol/card_record.hpp"

namespace fettle::board {

/// What the board knows of its card at one moment.
struct CardView {
  std::uint64_t records = 0;                 ///< written since the start
  std::uint32_t waiting = 0;                 ///< on their way to the card
  std::uint32_t dropped = 0;                 ///< that never came to a card: no room, or it was gone
  std::uint32_t openings = 0;                ///< how often the card became usable
  std::uint32_t failures = 0;                ///< how often writing to it failed
  StoreStatus failure = StoreStatus::ok;     ///< the newest of them
  StoreStatus status = StoreStatus::absent;  ///< ok: records can be written
  StoreStatus checked = StoreStatus::absent;  ///< what the newest check() found
  bool foreign = false;                       ///< its log's file is not Fettle's: left alone
  bool busy = false;                          ///< what was asked for has not been done yet
};

/// Where a board's records go: to its card (card_log.hpp), or to a thread that writes them (record_queue.hpp).
class RecordSink {
 public:
  /// Finds the card and the end of its log. Once, before everything else.
  virtual void open(std::int64_t now_us, const protocol::CardHeader& board) = 0;
  /// One unit of work; a card that could not be used is tried again.
  virtual void step(std::int64_t now_us) = 0;
  /// Hands over a record. What becomes of it is in view(): status, failures.
  /// @param payload  at most kMostCardPayload bytes, not empty
  /// @return false if it was not taken, because too many are on their way: rather samples than events,
  /// rather events than where a recording begins and ends
  virtual bool write(protocol::CardRecordType type, std::span<const std::uint8_t> payload,
                     std::int64_t now_us) = 0;
  /// How many records of where recordings begin and end would be taken now.
  [[nodiscard]] virtual std::size_t room() const = 0;
  /// Tries a card that could not be used now, perhaps it is another one.
  virtual void look_again(std::int64_t now_us) = 0;
  /// Reads back the record written last, for the self-test.
  virtual void check() = 0;
  [[nodiscard]] virtual CardView view() const = 0;

 protected:
  ~RecordSink() = default;
};

}  // namespace fettle::board
