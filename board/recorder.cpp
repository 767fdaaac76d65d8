// SPDX-License-Identifier: Apache-2.0
#include "board/recorder.hpp"

#include <array>

#include "protocol/codec.hpp"

namespace fettle::board {

using protocol::CardRecordType;
using protocol::CardState;

CardState Recorder::state() const {
  if (recording()) return CardState::recording;
  switch (sink_.view().status) {
    case StoreStatus::ok: return CardState::ready;
    case StoreStatus::absent: return CardState::absent;
    case StoreStatus::full: return CardState::full;
    case StoreStatus::failed:
    case StoreStatus::busy: break;
  }
  return CardState::failed;
}

Recorder::News Recorder::step(std::int64_t now_us) {
  sink_.step(now_us);
  const CardView card = sink_.view();
  News news;
  if (card.records != records_) {
    records_ = card.records;
    told_ = StoreStatus::ok;
    news.began = recording_ && begins_;
    begins_ = false;
  }
  const bool failed = card.failures != failures_;
  news.why = failed ? card.failure : card.status;
  if (news.why != StoreStatus::ok) {
    news.failed = news.why != told_;
    news.stopped = failed && recording_ && !begins_;
    told_ = news.why;
  }
  if (failed) begin_anew();
  return news;
}

/// Without a recording, and with the card as it is now.
void Recorder::begin_anew() {
  failures_ = sink_.view().failures;
  recording_ = false;
  waiting_.clear();
  counts_ = of_waiting_ = {};
  missing_ = 0;
}

StoreStatus Recorder::start(const protocol::CardSession& session, std::int64_t now_us) {
  if (sink_.room() < 2) return StoreStatus::busy;
  if (recording()) {
    const StoreStatus ended =
        stop(protocol::CardEndReason::stopped, session.uptime_us, session.utc_us);
    if (ended != StoreStatus::ok) return ended;
  }
  if (sink_.view().status != StoreStatus::ok) sink_.look_again(now_us);
  if (sink_.view().status != StoreStatus::ok) return sink_.view().status;
  begin_anew();
  std::array<std::uint8_t, protocol::kMostCardPayload> payload;
  const std::size_t size = protocol::encode(session, payload);
  const StoreStatus status = write(CardRecordType::session, {payload.data(), size}, now_us);
  recording_ = begins_ = status == StoreStatus::ok;
  return status;
}

StoreStatus Recorder::stop(protocol::CardEndReason reason, std::int64_t uptime_us,
                           std::int64_t utc_us) {
  if (!recording()) return StoreStatus::ok;
  if (sink_.room() < 1) return StoreStatus::busy;
  flush(uptime_us);
  if (missing_ != 0) {
    counts_.lost += missing_;
    ++counts_.gaps;
  }
  const protocol::CardEnd end{reason,       counts_.samples, counts_.lost,
                              counts_.gaps, uptime_us,       utc_us};
  std::array<std::uint8_t, 64> payload;
  const std::size_t size = protocol::encode(end, payload);
  StoreStatus status = sink_.view().status;  // as the last samples left it
  if (status == StoreStatus::ok) {
    status = write(CardRecordType::end, {payload.data(), size}, uptime_us);
  }
  begin_anew();
  return status;
}

void Recorder::add(const protocol::SamplesMessage& message, std::int64_t now_us) {
  if (!recording()) return;
  // `index` counts every sample made, so that what is missing before a block only has to be added up.
  protocol::SamplesMessage given = message;
  given.block.lost_before += missing_;
  if (!waiting_.add(given)) {
    flush(now_us);
    if (!recording()) return;
    given.block.lost_before = message.block.lost_before + missing_;
    if (!waiting_.add(given)) return;  // a message that its own codec refuses
  }
  // What was lost before the first of a recording was lost before it began.
  const bool first = counts_.samples + of_waiting_.samples == 0 && missing_ == 0;
  missing_ = 0;
  of_waiting_.samples += given.block.count;
  if (first) return;
  of_waiting_.lost += given.block.lost_before;
  of_waiting_.gaps += given.block.lost_before > 0 ? 1U : 0U;
}

void Recorder::event(const protocol::EventMessage& message, std::int64_t now_us) {
  if (sink_.view().status != StoreStatus::ok) return;
  std::array<std::uint8_t, 256> payload;
  const std::size_t size = protocol::encode(message, payload);
  static_cast<void>(write(CardRecordType::event, {payload.data(), size}, now_us));
}

void Recorder::flush(std::int64_t now_us) {
  if (waiting_.empty()) return;
  if (sink_.write(CardRecordType::samples, waiting_.payload(), now_us)) {
    counts_.samples += of_waiting_.samples;
    counts_.lost += of_waiting_.lost;
    counts_.gaps += of_waiting_.gaps;
  } else {
    missing_ += static_cast<std::uint32_t>(of_waiting_.samples + of_waiting_.lost);
  }
  of_waiting_ = {};
  waiting_.clear();
}

/// @return busy if there is no room on the way; else how the card is afterwards, as far as is known
StoreStatus Recorder::write(CardRecordType type, std::span<const std::uint8_t> payload,
                            std::int64_t now_us) {
  if (payload.empty()) return StoreStatus::failed;  // a message that its own codec refuses
  if (!sink_.write(type, payload, now_us)) return StoreStatus::busy;
  return sink_.view().status;
}

}  // namespace fettle::board
