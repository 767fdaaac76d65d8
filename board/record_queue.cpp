// SPDX-License-Identifier: Apache-2.0
#include "board/record_queue.hpp"

#include <algorithm>

namespace fettle::board {

bool RecordQueue::run(std::int64_t now_us) {
  const Wish wish = wishes_.read();
  // After the records that were written before it, and not after those that keep coming.
  const bool check = wish.checks != done_.checks && taken_ - wish.written < 0x80000000U;
  if (check) {
    log_.check();
    done_.checks = wish.checks;
  } else if (const Record* record = records_.front()) {
    // What was for a card that has failed since does not go to the next one: there, no recording has begun.
    const CardView card = log_.view();
    if (card.status == StoreStatus::ok && card.openings == record->openings) {
      log_.write(record->type, {record->payload.data(), record->size}, now_us);
    } else {
      ++stale_;
    }
    records_.pop();
    ++taken_;
  } else if (wish.looks != done_.looks) {
    if (log_.view().status != StoreStatus::ok) log_.look_again(now_us);
    done_.looks = wish.looks;
  } else {
    log_.step(now_us);
  }
  View view{log_.view(), done_};
  view.card.dropped = stale_;
  views_.write(view);
  return records_.front() != nullptr || wish.looks != done_.looks || wish.checks != done_.checks;
}

void RecordQueue::open(std::int64_t now_us, const protocol::CardHeader& board) {
  log_.open(now_us, board);
  views_.write({log_.view(), done_});
  view_ = views_.read();
}

void RecordQueue::step(std::int64_t /*now_us*/) { view_ = views_.read(); }

bool RecordQueue::write(protocol::CardRecordType type, std::span<const std::uint8_t> payload,
                        std::int64_t /*now_us*/) {
  using protocol::CardRecordType;
  const std::size_t kept = type == CardRecordType::samples ? kNoSamples
                           : type == CardRecordType::event ? kNoEvents
                                                           : 0;
  if (room() <= kept) {
    ++dropped_;
    return false;
  }
  record_.type = type;
  record_.size = static_cast<std::uint16_t>(std::min(payload.size(), record_.payload.size()));
  record_.openings = view_.card.openings;
  std::copy_n(payload.begin(), record_.size, record_.payload.begin());
  static_cast<void>(records_.push(record_));
  ++written_;
  return true;
}

void RecordQueue::look_again(std::int64_t /*now_us*/) {
  ++wish_.looks;
  wishes_.write(wish_);
}

void RecordQueue::check() {
  ++wish_.checks;
  wish_.written = written_;
  wishes_.write(wish_);
}

CardView RecordQueue::view() const {
  CardView view = view_.card;
  view.dropped += dropped_;
  view.waiting = records_.size();
  view.busy = view_.done.looks != wish_.looks || view_.done.checks != wish_.checks;
  return view;
}

}  // namespace fettle::board
