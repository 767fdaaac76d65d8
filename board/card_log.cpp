// SPDX-License-Identifier: Apache-2.0
#include "board/card_log.hpp"

namespace fettle::board {
namespace {

constexpr std::int64_t kRetry_us = 2'000'000;
constexpr std::int64_t kRetryLater_us = 60'000'000;  // somebody may have put in another card
constexpr std::uint32_t kWorksWell = 100;            // records in a row
// A torn record is found at once; this many are looked at before a file is called somebody else's.
constexpr std::uint32_t kMostLooked = 64;

}  // namespace

void CardLog::open(std::int64_t now_us, const protocol::CardHeader& board) {
  next_ = board;
  look_again(now_us);
}

void CardLog::look_again(std::int64_t now_us) {
  view_.foreign = false;
  written_ = 0;
  retry_us_ = now_us + kRetry_us;
  std::uint64_t size = 0;
  view_.status = card_.open(size);
  if (view_.status != StoreStatus::ok) return;
  Record record;
  const auto tail = protocol::find_card_tail(
      size, record, kMostLooked, [this](std::uint64_t offset, std::span<std::uint8_t> bytes) {
        return card_.read(offset, bytes) == StoreStatus::ok;
      });
  view_.foreign = tail.readable && !tail.found && size > 0 && !could_be_ours(size, record);
  if (!tail.readable || view_.foreign) {
    if (view_.foreign) retry_us_ = now_us + kRetryLater_us;
    view_.status = StoreStatus::failed;
    return;
  }
  next_.sequence = tail.found ? tail.last.sequence + 1 : 0;
  end_ = size;
  if (tail.padding != 0) {
    record.fill(0);
    const StoreStatus padded = card_.append({record.data(), tail.padding});
    if (padded != StoreStatus::ok) {
      fail(padded, now_us);
      return;
    }
    end_ += tail.padding;
  }
  ++view_.openings;
}

/// Without a whole record: whether the file begins as a torn log does, or with nothing.
bool CardLog::could_be_ours(std::uint64_t size, Record& memory) {
  const std::size_t looked = size < memory.size() ? static_cast<std::size_t>(size) : memory.size();
  if (card_.read(0, {memory.data(), looked}) != StoreStatus::ok) return true;  // it is tried again
  bool magic = true;
  bool blank = true;
  for (std::size_t i = 0; i < looked; ++i) {
    magic = magic && (i >= protocol::kCardMagic.size() || memory[i] == protocol::kCardMagic[i]);
    blank = blank && memory[i] == memory[0];
  }
  return magic || (blank && (memory[0] == 0 || memory[0] == 0xFF));
}

void CardLog::step(std::int64_t now_us) {
  if (view_.status != StoreStatus::ok && now_us >= retry_us_) look_again(now_us);
}

bool CardLog::write(protocol::CardRecordType type, std::span<const std::uint8_t> payload,
                    std::int64_t now_us) {
  next_.type = type;
  Record record;
  static_cast<void>(protocol::write_card_record(next_, payload, record));
  const StoreStatus status = card_.append(record);
  if (status != StoreStatus::ok) {
    fail(status, now_us);
    return true;
  }
  ++next_.sequence;
  ++view_.records;
  if (++written_ >= kWorksWell) pause_us_ = 0;
  end_ += record.size();
  return true;
}

StoreStatus CardLog::read_back() {
  Record bytes;
  if (view_.status != StoreStatus::ok) return view_.status;
  if (written_ == 0 || end_ < bytes.size() ||
      card_.read(end_ - bytes.size(), bytes) != StoreStatus::ok) {
    return StoreStatus::failed;
  }
  const protocol::CardRecord record = protocol::read_card_record(bytes);
  const bool same =
      record.damage == protocol::CardDamage::none && record.header.sequence + 1 == next_.sequence;
  return same ? StoreStatus::ok : StoreStatus::failed;
}

void CardLog::fail(StoreStatus status, std::int64_t now_us) {
  view_.status = view_.failure = status;
  ++view_.failures;
  pause_us_ = status == StoreStatus::full || pause_us_ > kRetryLater_us / 2 ? kRetryLater_us
              : pause_us_ == 0                                              ? kRetry_us
                                                                            : 2 * pause_us_;
  retry_us_ = now_us + pause_us_;
}

}  // namespace fettle::board
