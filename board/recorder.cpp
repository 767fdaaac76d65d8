// SPDX-License-Identifier: Apache-2.0
#include "board/recorder.hpp"

#include "protocol/codec.hpp"

namespace fettle::board {
namespace {

using protocol::CardRecordType;
using protocol::CardState;

constexpr std::int64_t kRetry_us = 2'000'000;
constexpr std::int64_t kRetryFull_us = 60'000'000;  // somebody may have put in another card
// A torn record is found at once; this many are looked at before a file is called somebody else's.
constexpr std::uint32_t kMostLooked = 64;

}  // namespace

void Recorder::open(std::int64_t now_us, std::uint32_t boot) {
  boot_ = boot;
  foreign_ = false;
  waiting_.clear();
  retry_us_ = now_us + kRetry_us;
  std::uint64_t size = 0;
  const StoreStatus status = card_.open(size);
  if (status != StoreStatus::ok) {
    state_ = status == StoreStatus::absent ? CardState::absent : CardState::failed;
    return;
  }
  const auto tail = protocol::find_card_tail(
      size, record_, kMostLooked, [this](std::uint64_t offset, std::span<std::uint8_t> bytes) {
        return card_.read(offset, bytes) == StoreStatus::ok;
      });
  foreign_ = tail.readable && !tail.found && size > 0 && !could_be_ours(size);
  if (!tail.readable || foreign_) {
    if (foreign_) retry_us_ = now_us + kRetryFull_us;
    state_ = CardState::failed;
    return;
  }
  sequence_ = tail.found ? tail.last.sequence + 1 : 0;
  end_ = size;
  state_ = CardState::ready;
  if (tail.padding == 0) return;
  record_.fill(0);
  const StoreStatus padded = card_.append({record_.data(), tail.padding});
  if (padded != StoreStatus::ok) {
    static_cast<void>(fail(padded, now_us));
    return;
  }
  end_ += tail.padding;
}

/// Without a whole record: whether the file begins as a torn log does, or with nothing.
bool Recorder::could_be_ours(std::uint64_t size) {
  const std::size_t looked =
      size < record_.size() ? static_cast<std::size_t>(size) : record_.size();
  if (card_.read(0, {record_.data(), looked}) != StoreStatus::ok) return true;  // it is tried again
  bool magic = true;
  bool blank = true;
  for (std::size_t i = 0; i < looked; ++i) {
    magic = magic && (i >= protocol::kCardMagic.size() || record_[i] == protocol::kCardMagic[i]);
    blank = blank && record_[i] == record_[0];
  }
  return magic || (blank && (record_[0] == 0 || record_[0] == 0xFF));
}

bool Recorder::step(std::int64_t now_us) {
  const bool usable = state_ == CardState::ready || state_ == CardState::recording;
  if (usable || now_us < retry_us_) return false;
  open(now_us, boot_);
  return state_ == CardState::ready;
}

StoreStatus Recorder::start(const protocol::CardSession& session, std::int64_t now_us) {
  if (recording()) {
    const StoreStatus ended =
        stop(protocol::CardEndReason::stopped, session.uptime_us, session.utc_us);
    if (ended != StoreStatus::ok) return ended;
  }
  if (state_ != CardState::ready) open(now_us, boot_);  // perhaps it is another card now
  switch (state_) {
    case CardState::absent: return StoreStatus::absent;
    case CardState::failed: return StoreStatus::failed;
    case CardState::full: return StoreStatus::full;
    case CardState::ready:
    case CardState::recording: break;
  }
  std::array<std::uint8_t, protocol::kMostCardPayload> payload;
  const std::size_t size = protocol::encode(session, payload);
  const StoreStatus status = write(CardRecordType::session, {payload.data(), size}, now_us);
  if (status != StoreStatus::ok) return status;
  waiting_.clear();
  counts_ = {};
  state_ = CardState::recording;
  return StoreStatus::ok;
}

StoreStatus Recorder::stop(protocol::CardEndReason reason, std::int64_t uptime_us,
                           std::int64_t utc_us) {
  if (!recording()) return StoreStatus::ok;
  const StoreStatus flushed = flush(uptime_us);
  if (flushed != StoreStatus::ok) return flushed;
  counts_.reason = reason;
  counts_.uptime_us = uptime_us;
  counts_.utc_us = utc_us;
  std::array<std::uint8_t, 64> payload;
  const std::size_t size = protocol::encode(counts_, payload);
  const StoreStatus status = write(CardRecordType::end, {payload.data(), size}, uptime_us);
  if (status == StoreStatus::ok) state_ = CardState::ready;
  return status;
}

StoreStatus Recorder::add(const protocol::SamplesMessage& message, std::int64_t now_us) {
  if (!recording()) return StoreStatus::ok;
  if (!waiting_.add(message)) {
    const StoreStatus status = flush(now_us);
    if (status != StoreStatus::ok) return status;
    static_cast<void>(waiting_.add(message));
  }
  counts_.samples += message.block.count;
  counts_.lost += message.block.lost_before;
  counts_.gaps += message.block.lost_before > 0 ? 1U : 0U;
  return StoreStatus::ok;
}

StoreStatus Recorder::event(const protocol::EventMessage& message, std::int64_t now_us) {
  if (state_ != CardState::ready && state_ != CardState::recording) return StoreStatus::ok;
  std::array<std::uint8_t, 256> payload;
  const std::size_t size = protocol::encode(message, payload);
  return write(CardRecordType::event, {payload.data(), size}, now_us);
}

StoreStatus Recorder::check() {
  if (state_ == CardState::absent) return StoreStatus::absent;
  if (state_ == CardState::full) return StoreStatus::full;
  if (state_ == CardState::failed || records_ == 0) return StoreStatus::failed;
  if (card_.read(end_ - protocol::kCardRecordBytes, record_) != StoreStatus::ok) {
    return StoreStatus::failed;
  }
  const protocol::CardRecord record = protocol::read_card_record(record_);
  const bool same =
      record.damage == protocol::CardDamage::none && record.header.sequence + 1 == sequence_;
  return same ? StoreStatus::ok : StoreStatus::failed;
}

StoreStatus Recorder::flush(std::int64_t now_us) {
  if (waiting_.empty()) return StoreStatus::ok;
  const StoreStatus status = write(CardRecordType::samples, waiting_.payload(), now_us);
  if (status == StoreStatus::ok) waiting_.clear();
  return status;
}

StoreStatus Recorder::write(CardRecordType type, std::span<const std::uint8_t> payload,
                            std::int64_t now_us) {
  if (payload.empty()) return StoreStatus::failed;  // a message that its own codec refuses
  const protocol::CardHeader header{type, sequence_, boot_, id_};
  static_cast<void>(protocol::write_card_record(header, payload, record_));
  const StoreStatus status = card_.append(record_);
  if (status != StoreStatus::ok) return fail(status, now_us);
  ++sequence_;
  ++records_;
  end_ += record_.size();
  return StoreStatus::ok;
}

StoreStatus Recorder::fail(StoreStatus status, std::int64_t now_us) {
  state_ = status == StoreStatus::full     ? CardState::full
           : status == StoreStatus::absent ? CardState::absent
                                           : CardState::failed;
  waiting_.clear();
  retry_us_ = now_us + (status == StoreStatus::full ? kRetryFull_us : kRetry_us);
  return status;
}

}  // namespace fettle::board
