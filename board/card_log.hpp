// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "board/ports.hpp"
#include "board/record_sink.hpp"
#include "protocol/card_record.hpp"

namespace fettle::board {

/// The log on the card: append-only records of 512 bytes that can each be verified alone
/// (protocol/card_record.hpp). Calls last as long as the card takes.
///
/// A card that was pulled out is looked for every two seconds. One that fails is tried again after two
/// seconds, four, eight and so on up to a minute, one that is full or holds somebody else's file every
/// minute. A file that does not begin as a log of Fettle does is never written to.
class CardLog final : public RecordSink {
 public:
  explicit CardLog(Card& card) : card_(card) {}

  void open(std::int64_t now_us, const protocol::CardHeader& board) override;
  void step(std::int64_t now_us) override;
  bool write(protocol::CardRecordType type, std::span<const std::uint8_t> payload,
             std::int64_t now_us) override;
  [[nodiscard]] std::size_t room() const override { return SIZE_MAX; }
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
  std::int64_t pause_us_ = 0;  // before the last retry; 0: it works well
  std::uint32_t written_ = 0;  // records since it was opened
  std::int64_t retry_us_ = 0;
};

}  // namespace fettle::board
