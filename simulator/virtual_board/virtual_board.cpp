// SPDX-License-Identifier: Apache-2.0
#include "simulator/virtual_board/virtual_board.hpp"

#include <algorithm>
#include <utility>

namespace fettle::simulator {

VirtualBoard::VirtualBoard(const VirtualBoardConfig& config, MotionSource& motion, Storage& storage,
                           Operations& operations, Observer observer)
    : operations_(operations),
      observer_(std::move(observer)),
      firmware_(config.firmware),
      chip_(config.chip, motion),
      bus_(chip_, now_us_, operations),
      interrupt_(chip_, now_us_),
      line_(now_us_, operations),
      card_(*storage.card, operations),
      flash_(*storage.flash, operations),
      settings_(*storage.settings, operations),
      learned_(*storage.learned, operations),
      events_(*storage.events, operations),
      pin_(now_us_, observer_),
      log_(now_us_, observer_),
      board_({bus_, interrupt_, line_, card_, flash_, settings_, learned_, pin_, log_,
              config.learns ? &calibration_ : nullptr,
              config.samples_apart ? &samples_.emplace(bus_, interrupt_) : nullptr,
              config.records_apart ? &records_.emplace(card_) : nullptr, config.engine,
              config.cycles, &events_},
             {config.id, firmware_, config.model, config.defaults, config.tests_itself,
              config.restart}) {
  interrupt_.wired = config.interrupt;
  interrupt_.most_late_us = config.most_late_us;
  bus_.asked_hz = config.i2c_asked_hz;
  bus_.hz = config.i2c_hz;
  bus_.pull_ups = config.pull_ups;
  bus_.lost_answers = config.lost_answers;
  line_.baud_rate = config.baud;
  card_.inserted = config.card;
  card_.capacity = config.card_bytes;
  // The processor's own start takes longer than the sensor's.
  constexpr std::int64_t kProcessorStarts_us = 300'000;
  now_us_ = kProcessorStarts_us;
  chip_.advance_to(now_us_);
  board_.begin(now_us_);
}

void VirtualBoard::run_until(std::int64_t t_us) {
  constexpr std::int64_t kByteArrived_us = 1000;
  while (now_us_ < t_us && !operations_.power_lost()) {
    std::int64_t next_us = board_.next_wake_us();
    if (!line_.to_board.empty()) next_us = std::min(next_us, now_us_ + kByteArrived_us);
    if (samples_) next_us = std::min(next_us, samples_->run_again_us());
    // A step takes time on any processor, if only a little.
    now_us_ = std::clamp(next_us, now_us_ + 1, std::max(t_us, now_us_ + 1));
    chip_.advance_to(now_us_);
    if (samples_) samples_->run(now_us_);
    board_.step(now_us_);
    while (records_ && now_us_ >= card_free_us_ && records_->run(now_us_)) {
    }
  }
}

void VirtualBoard::hold_up(std::int64_t us) {
  const std::int64_t until_us = now_us_ + us;
  while (samples_ && now_us_ < until_us) {
    now_us_ = std::clamp(samples_->run_again_us(), now_us_ + 1, until_us);
    chip_.advance_to(now_us_);
    samples_->run(now_us_);
  }
  now_us_ = std::max(now_us_, until_us);
  chip_.advance_to(now_us_);
}

void VirtualBoard::type(std::string_view text) {
  for (const char c : text) line_.to_board.push_back(static_cast<std::uint8_t>(c));
  line_.to_board.push_back('\n');
}

}  // namespace fettle::simulator
