// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "board/card_log.hpp"
#include "board/handover.hpp"

namespace fettle::board {

/// The card in a thread of its own, so that one that tidies up for half a second, or was pulled out and
/// takes seconds to be missed, holds up neither detection nor commands. Records cross over in a bounded
/// queue; one that finds it full is left with the board, which counts it. No locks: neither thread ever
/// waits for the other.
///
///     RecordQueue records(card);                 // Ports::records = &records
///     // the thread of the card, begun after Board::begin():
///     while (records.run(now_us())) {}           // and then sleep, at most a second, until it is woken
///     // the thread of the board:
///     board.step(now_us());
///     if (records.pending()) wake the other one
class RecordQueue final : public RecordSink {
 public:
  /// On their way: samples of 4 s at 200 Hz, of 0.9 s at 1 kHz; 16 KB.
  static constexpr std::size_t kRecords = 32;
  /// Of these places, that samples do not take, and that events do not take either: what is rare, and what
  /// says where a recording begins and ends.
  static constexpr std::size_t kNoSamples = 6;
  static constexpr std::size_t kNoEvents = 3;

  explicit RecordQueue(Card& card) : log_(card) {}
  RecordQueue(const RecordQueue&) = delete;
  RecordQueue& operator=(const RecordQueue&) = delete;

  // The thread of the card.

  /// At most one record, or one look at the card; as long as the card takes.
  /// @return true if there is more to do at once
  bool run(std::int64_t now_us);

  // The thread of the board.

  /// Before the other thread runs.
  void open(std::int64_t now_us, const protocol::CardHeader& board) override;
  void step(std::int64_t now_us) override;
  bool write(protocol::CardRecordType type, std::span<const std::uint8_t> payload,
             std::int64_t now_us) override;
  [[nodiscard]] std::size_t room() const override { return kRecords - records_.size(); }
  void look_again(std::int64_t now_us) override;
  void check() override;
  [[nodiscard]] CardView view() const override;
  /// The other thread has something to do.
  [[nodiscard]] bool pending() const { return records_.size() != 0 || view().busy; }

 private:
  struct Record {
    protocol::CardRecordType type = protocol::CardRecordType::event;
    std::uint16_t size = 0;
    std::uint32_t openings = 0;  // of the card that it is for
    std::array<std::uint8_t, protocol::kMostCardPayload> payload{};
  };
  /// How often the board has asked for each.
  struct Wish {
    std::uint32_t looks = 0;
    std::uint32_t checks = 0;
    std::uint32_t written = 0;  // records before the check
  };
  struct View {
    CardView card;  // `dropped`: those that were for a card that is gone
    Wish done;
  };

  // Of the thread of the card.
  CardLog log_;
  Wish done_;
  std::uint32_t stale_ = 0;
  std::uint32_t taken_ = 0;  // records from the queue

  // Between them.
  Handover<Record, kRecords> records_;
  Newest<Wish> wishes_;
  Newest<View> views_;

  // Of the board's thread.
  Wish wish_;
  View view_;
  Record record_;
  std::uint32_t written_ = 0;
  std::uint32_t dropped_ = 0;
};

}  // namespace fettle::board
