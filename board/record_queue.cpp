// SPDX-License-Identifier: Apache-2.0
#include "board/record_queue.hpp"

#include <algorithm>

namespace fettle::board {

bool RecordQueue::run(std::int64_t now_us) {
  // Wishes before records: a check that is seen here comes after every record that was written before it.
  const Wish wish = wishes_.read();
  if (const Record* record = records_.front()) {
    // What was for a card that has failed since does not go to the next one: there, no recording has begun.
    const CardView card = log_.view();
    if (card.status == StoreStatus::ok && card.openings == record->openings) {
      log_.write(record->type, {record->payload.data(), record->size}, now_us);
    }
    records_.pop();
  } else if (wish.looks != done_.looks) {
    if (log_.view().status != StoreStatus::ok) log_.look_again(now_us);
    done_.looks = wish.looks;
  } else if (wish.checks != done_.checks) {
    log_.check();
    done_.checks = wish.checks;
  } else {
    log_.step(now_us);
  }
  views_.write({log_.view(), done_});
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
  const std::size_t room = kRecords - records_.size();
  if (room <= (type == protocol::CardRecordType::samples ? kReserved : 0)) {
    ++dropped_;
    return false;
  }
  record_.type = type;
  record_.size = static_cast<std::uint16_t>(std::min(payload.size(), record_.payload.size()));
  record_.openings = view_.card.openings;
  std::copy_n(payload.begin(), record_.size, record_.payload.begin());
  static_cast<void>(records_.push(record_));
  return true;
}

void RecordQueue::look_again(std::int64_t /*now_us*/) {
  ++wish_.looks;
  wishes_.write(wish_);
}

void RecordQueue::check() {
  ++wish_.checks;
  wishes_.write(wish_);
}

CardView RecordQueue::view() const {
  CardView view = view_.card;
  view.dropped = dropped_;
  view.busy = view_.done.looks != wish_.looks || view_.done.checks != wish_.checks;
  return view;
}

}  // namespace fettle::board
