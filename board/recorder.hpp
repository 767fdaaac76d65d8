// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "board/record_sink.hpp"
#include "protocol/card_record.hpp"
#include "protocol/messages.hpp"

namespace fettle::board {

/// Makes records of samples and events for the card. A loss of power costs what was not yet a whole
/// record on the card: the samples that were waiting for one to fill, 30 or so, the last record, and what
/// was on its way to a card that was slow.
///
/// A card that fails, is full or was pulled out ends the recording; once it can be used again the caller
/// begins a new one.
class Recorder {
 public:
  explicit Recorder(RecordSink& sink) : sink_(sink) {}

  /// Looks for the card and for the end of its log. Once, before everything else.
  void open(std::int64_t now_us, const protocol::CardHeader& board) { sink_.open(now_us, board); }

  /// What happened to the card since the last step. What stays as it is, however often it is tried again,
  /// is no news.
  struct News {
    bool failed = false;   ///< it cannot be written any more, or not at all: `why`
    bool stopped = false;  ///< that ended a recording
    bool began = false;    ///< the first record of a recording is on the card
    StoreStatus why = StoreStatus::ok;
  };
  News step(std::int64_t now_us);

  /// Begins a recording; one that was under way ends first. What can be written only later has failed if
  /// step() says so. @return absent, full, failed: as was last known, the card is looked at again; busy:
  /// there is no room on the way to it
  StoreStatus start(const protocol::CardSession& session, std::int64_t now_us);
  /// Ends it. ok if there was none; busy, and it goes on, if there is no room on the way to the card
  StoreStatus stop(protocol::CardEndReason reason, std::int64_t uptime_us, std::int64_t utc_us);
  /// Samples for the recording under way, if there is one. Those for which there is no room on the way to
  /// the card are a gap of the next ones.
  void add(const protocol::SamplesMessage& message, std::int64_t now_us);
  /// An event, recording or not.
  void event(const protocol::EventMessage& message, std::int64_t now_us);
  /// Reads back the record written last: card().checked, once card().busy is over.
  void check() { sink_.check(); }

  [[nodiscard]] CardView card() const { return sink_.view(); }
  [[nodiscard]] bool recording() const { return recording_ && sink_.view().failures == failures_; }
  [[nodiscard]] protocol::CardState state() const;

 private:
  StoreStatus write(protocol::CardRecordType type, std::span<const std::uint8_t> payload,
                    std::int64_t now_us);
  void flush(std::int64_t now_us);
  void begin_anew();

  RecordSink& sink_;
  bool recording_ = false;
  bool begins_ = false;                     // nothing of it is on the card yet
  std::uint64_t records_ = 0;               // on the card, as of the last step
  std::uint32_t failures_ = 0;              // of the card, those that are known here
  StoreStatus told_ = StoreStatus::absent;  // what it was said to be, since the last record
  protocol::CardSamples waiting_;
  struct Counts {
    std::uint64_t samples = 0, lost = 0;
    std::uint32_t gaps = 0;
  };
  Counts counts_;              // of the records that were handed over
  Counts of_waiting_;          // of the one that fills
  std::uint32_t missing_ = 0;  // samples that found no room, since the last that did
};

}  // namespace fettle::board
