// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "board/ports.hpp"
#include "protocol/card_record.hpp"

namespace fettle::board {

/// What the board knows of its card at one moment.
struct CardView {
  std::uint64_t records = 0;                  ///< written since the start
  std::uint32_t dropped = 0;                  ///< that found no room on their way to the card
  std::uint32_t openings = 0;                 ///< how often the card became usable
  std::uint32_t failures = 0;                 ///< how often writing to it failed
  StoreStatus failure = StoreStatus::ok;      ///< the newest of them
  StoreStatus status = StoreStatus::absent;   ///< ok: records can be written
  StoreStatus checked = StoreStatus::absent;  ///< what the newest check() found
  bool foreign = false;                       ///< its log's file is not Fettle's: left alone
  bool busy = false;                          ///< what was asked for has not been done yet
};

/// Where a board's records go: to its card (CardLog), or to a thread that writes them (record_queue.hpp).
class RecordSink {
 public:
  /// Finds the card and the end of its log. Once, before everything else.
  virtual void open(std::int64_t now_us, const protocol::CardHeader& board) = 0;
  /// One unit of work; a card that could not be used is tried again.
  virtual void step(std::int64_t now_us) = 0;
  /// Hands over a record. What becomes of it is in view(): status, failures.
  /// @param payload  at most kMostCardPayload bytes, not empty
  /// @return false if it was not taken, because there are too many on their way
  virtual bool write(protocol::CardRecordType type, std::span<const std::uint8_t> payload,
                     std::int64_t now_us) = 0;
  /// Tries a card that could not be used now, perhaps it is another one.
  virtual void look_again(std::int64_t now_us) = 0;
  /// Reads back the record written last, for the self-test.
  virtual void check() = 0;
  [[nodiscard]] virtual CardView view() const = 0;

 protected:
  ~RecordSink() = default;
};

/// The log on the card: append-only records of 512 bytes that can each be verified alone
/// (protocol/card_record.hpp). Calls last as long as the card takes.
///
/// A card that fails or was pulled out is tried again every two seconds; one that is full, holds somebody
/// else's file or takes not even one record every minute. A file that does not begin as a log of Fettle
/// does is never written to.
class CardLog final : public RecordSink {
 public:
  explicit CardLog(Card& card) : card_(card) {}

  void open(std::int64_t now_us, const protocol::CardHeader& board) override;
  void step(std::int64_t now_us) override;
  bool write(protocol::CardRecordType type, std::span<const std::uint8_t> payload,
             std::int64_t now_us) override;
  void look_again(std::int64_t now_us) override;
  void check() override { view_.checked = read_back(); }
  [[nodiscard]] CardView view() const override { return view_; }

 private:
  using Record = std::array<std::uint8_t, protocol::kCardRecordBytes>;
  [[nodiscard]] bool could_be_ours(std::uint64_t size, Record& memory);
  [[nodiscard]] StoreStatus read_back();
  void fail(StoreStatus status, std::int64_t now_us);

  Card& card_;
  CardView view_;
  protocol::CardHeader next_;  // of the next record
  std::uint64_t end_ = 0;      // of the file
  bool written_ = false;       // since it was opened
  std::int64_t retry_us_ = 0;
};

}  // namespace fettle::board
