// SPDX-License-Identifier: Apache-2.0
#include "board/sample_queue.hpp"

namespace fettle::board {

void SampleQueue::obey() {
  const Wish& wish = wishes_.read();
  if (wish.configs != done_.configs) driver_.reconfigure(wish.config);
  if (wish.self_tests != done_.self_tests) driver_.request_self_test();
  done_ = wish;
}

bool SampleQueue::run(std::int64_t now_us) {
  obey();
  driver_.step(now_us);
  bool passed = false;
  if (const SampleBlock* made = driver_.take()) {
    Block block{*made, done_.configs};
    // index counts every sample made, so what is missing before a block only has to be added up.
    block.samples.lost_before += missing_;
    passed = blocks_.push(block);
    if (passed) {
      if (missing_ != 0 && made->lost_before == 0) ++dropped_gaps_;
      missing_ = 0;
    } else {
      // A gap that the driver counted goes with its block and comes back with the next one.
      if (made->lost_before != 0) --dropped_gaps_;
      missing_ = block.samples.lost_before + made->count;
      dropped_ += made->count;
    }
  }
  views_.write({view_of(driver_), done_.configs, done_.self_tests, dropped_, dropped_gaps_});
  return passed;
}

void SampleQueue::step(std::int64_t /*now_us*/) {
  view_ = views_.read();
  have_ = false;
  while (const Block* block = blocks_.front()) {
    block_ = block->samples;
    have_ = block->configs == wish_.configs;
    blocks_.pop();
    if (have_) {
      block_.lost_before += skipped_;
      skipped_ = 0;
      return;
    }
    skipped_ += block_.lost_before + block_.count;
    discarded_ += block_.count;
  }
}

const SampleBlock* SampleQueue::take() {
  if (!have_) return nullptr;
  have_ = false;
  return &block_;
}

std::int64_t SampleQueue::next_wake_us() const {
  return blocks_.front() != nullptr ? 0 : INT64_MAX;
}

void SampleQueue::reconfigure(const mpu6050::Config& config) {
  wish_.config = config;
  ++wish_.configs;
  wishes_.write(wish_);
}

void SampleQueue::request_self_test() {
  ++wish_.self_tests;
  wishes_.write(wish_);
}

SensorView SampleQueue::view() const {
  SensorView view = view_.sensor;
  // What was asked for counts from when it was asked, as it does with a driver at hand.
  view.config = wish_.config;
  if (view_.configs != wish_.configs) view.rate = {};
  if (view_.self_tests != wish_.self_tests) {
    view.self_test = {};
    view.self_test.status = mpu6050::SelfTestStatus::running;
  }
  const std::uint32_t lost = view_.dropped + discarded_;
  view.counters.delivered -= lost;
  view.counters.lost += lost;
  view.counters.gaps += view_.dropped_gaps;
  return view;
}

}  // namespace fettle::board
