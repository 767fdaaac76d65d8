// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "board/ports.hpp"
#include "protocol/card_record.hpp"
#include "protocol/messages.hpp"

namespace fettle::board {

/// Writes samples and events to the card: append-only records of 512 bytes that can each be verified
/// alone (protocol/card_record.hpp). A loss of power costs what was not yet a whole record: at most
/// the last one, and the samples that were waiting for one to fill, 30 or so.
///
/// A card that is full stops recording. One that fails or was pulled out is tried again every two
/// seconds, one that is full or holds somebody else's file every minute; the caller then begins a new
/// recording. A file that does not begin as a log of Fettle does is never written to.
class Recorder {
 public:
  Recorder(Card& card, const std::array<std::uint8_t, 8>& id) : card_(card), id_(id) {}

  /// Looks for the card and for the end of its log.
  void open(std::int64_t now_us, std::uint32_t boot);
  /// Tries again a card that could not be used.
  /// @return true if it is back
  bool step(std::int64_t now_us);

  /// Begins a recording; one that was under way ends first. @return absent, full, failed
  StoreStatus start(const protocol::CardSession& session, std::int64_t now_us);
  /// Ends it. ok if there was none.
  StoreStatus stop(protocol::CardEndReason reason, std::int64_t uptime_us, std::int64_t utc_us);
  /// Samples for the recording under way. @return ok if there is none
  StoreStatus add(const protocol::SamplesMessage& message, std::int64_t now_us);
  /// An event, recording or not. @return ok if there is no card
  StoreStatus event(const protocol::EventMessage& message, std::int64_t now_us);

  [[nodiscard]] protocol::CardState state() const { return state_; }
  [[nodiscard]] bool recording() const { return state_ == protocol::CardState::recording; }
  [[nodiscard]] std::uint64_t records() const { return records_; }
  /// The log's file is not Fettle's: nothing is written to it.
  [[nodiscard]] bool foreign() const { return foreign_; }

  /// Reads back the record written last, for the self-test.
  StoreStatus check();

 private:
  StoreStatus write(protocol::CardRecordType type, std::span<const std::uint8_t> payload,
                    std::int64_t now_us);
  [[nodiscard]] bool could_be_ours(std::uint64_t size);
  StoreStatus flush(std::int64_t now_us);
  StoreStatus fail(StoreStatus status, std::int64_t now_us);

  Card& card_;
  std::array<std::uint8_t, 8> id_;
  protocol::CardState state_ = protocol::CardState::absent;
  bool foreign_ = false;
  std::uint32_t boot_ = 0;
  std::uint32_t sequence_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t end_ = 0;  // of the file
  std::int64_t retry_us_ = 0;
  protocol::CardSamples waiting_;
  protocol::CardEnd counts_;
  std::array<std::uint8_t, protocol::kCardRecordBytes> record_;
};

}  // namespace fettle::board
