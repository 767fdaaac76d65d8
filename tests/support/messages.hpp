// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "core/learn/random.hpp"
#include "protocol/codec.hpp"
#include "protocol/messages.hpp"

namespace fettle::test {

using Bytes = std::vector<std::uint8_t>;

/// Random messages with every value in its range. Texts live as long as this does.
class AnyMessage {
 public:
  explicit AnyMessage(std::uint64_t seed) : random_(seed) {}

  Random& random() { return random_; }
  template <typename T>
  T whole() {
    return static_cast<T>(random_.next());
  }
  template <typename Enum>
  Enum among(Enum low, Enum high) {
    const auto first = static_cast<std::uint32_t>(low);
    return static_cast<Enum>(first + random_.below(static_cast<std::uint32_t>(high) - first + 1));
  }
  float real() { return (random_.uniform() - 0.5F) * 1e4F; }
  std::int64_t time() { return static_cast<std::int64_t>(random_.next() % 9'000'000'000'000'000U); }
  std::string_view text(std::size_t most) {
    std::string text(random_.below(static_cast<std::uint32_t>(most + 1)), ' ');
    for (char& c : text) c = static_cast<char>(random_.next());
    return texts_.emplace_back(text);
  }
  std::span<const std::uint8_t> bytes(std::size_t most) {
    const std::string_view from = text(most);
    return {reinterpret_cast<const std::uint8_t*>(from.data()), from.size()};
  }
  Ranges ranges() {
    return {among(AccelerometerRange::g2, AccelerometerRange::g16),
            among(GyroscopeRange::dps250, GyroscopeRange::dps2000)};
  }

  void fill(protocol::HelloRequest& m) { m = {whole<std::uint16_t>(), time()}; }
  void fill(protocol::HelloReply& m) {
    m.version = whole<std::uint16_t>();
    m.name = text(protocol::kMostName);
    m.firmware = text(protocol::kMostName);
    for (auto& byte : m.id) byte = whole<std::uint8_t>();
    m.boot = whole<std::uint32_t>();
    m.uptime_us = time();
    m.rate_hz = random_.uniform() * 1000.0F;
    m.ranges = ranges();
    m.baud = whole<std::uint32_t>();
    m.slot_bytes = whole<std::uint32_t>();
    m.model_bytes = whole<std::uint32_t>();
    m.model_crc32 = whole<std::uint32_t>();
    m.window_samples = static_cast<std::uint16_t>(random_.below(0x8000));
    m.hop = static_cast<std::uint16_t>(random_.below(0x8000));
  }
  void fill(protocol::StreamRequest& m) { m.what = static_cast<std::uint8_t>(random_.below(16)); }
  void fill(protocol::Reply& m) {
    m.to = whole<std::uint16_t>();
    m.status = among(protocol::ReplyStatus::ok, protocol::ReplyStatus::wrong_version);
    m.more = random_.below(2) == 1;
    m.text = text(protocol::kMostReplyText);
  }
  void fill(protocol::SamplesMessage& m) {
    m.block.index = random_.next();
    m.block.t_us = time();
    m.block.period_ns = 1 + random_.below(0xFFFFFFFF);
    m.block.lost_before = whole<std::uint32_t>();
    m.block.restarted = random_.below(2) == 1;
    m.block.count = static_cast<std::uint8_t>(1 + random_.below(kMaxBlockSamples));
    m.block.ranges = ranges();
    m.block.samples = {};
    for (std::size_t i = 0; i < m.block.count; ++i) {
      for (auto& count : m.block.samples[i]) count = whole<std::int16_t>();
    }
    m.phase = static_cast<std::uint16_t>(random_.below(0x8000));
  }
  void fill(protocol::ScoreMessage& m) {
    m.index = random_.next();
    m.t_us = time();
    m.score = real();
    m.threshold = real();
    m.verdict = among(protocol::BoardVerdict::normal, protocol::BoardVerdict::sensor_moved);
    m.reason = among(protocol::BoardReason::none, protocol::BoardReason::weak);
    m.flags = static_cast<std::uint8_t>(random_.below(16));
  }
  void fill(protocol::EventMessage& m) {
    m.id = whole<std::uint32_t>();
    m.kind = among(protocol::EventKind::boot, protocol::EventKind::self_test);
    m.boot = whole<std::uint32_t>();
    m.uptime_us = time();
    m.utc_us = time();
    m.score = real();
    m.threshold = real();
    m.text = text(protocol::kMostEventText);
  }
  void fill(protocol::LogMessage& m) {
    m.level = static_cast<std::uint8_t>(random_.below(3));
    m.uptime_us = time();
    m.tag = text(protocol::kMostLogTag);
    m.text = text(protocol::kMostLogText);
  }
  void fill(protocol::StatusMessage& m) {
    m.uptime_us = time();
    m.utc_us = time();
    m.boot = whole<std::uint32_t>();
    m.sensor = among(protocol::SensorState::probing, protocol::SensorState::self_test);
    m.who_am_i = whole<std::uint8_t>();
    m.rate_hz = real();
    m.rate_error = real();
    m.celsius = real();
    m.samples = random_.next();
    m.lost = random_.next();
    for (std::uint32_t* counter :
         {&m.gaps, &m.restarts, &m.nacks, &m.timeouts, &m.stuck, &m.overflows, &m.misaligned,
          &m.configuration_lost, &m.missed_interrupts, &m.alarms, &m.frames_dropped,
          &m.frames_bad}) {
      *counter = whole<std::uint32_t>();
    }
    for (auto& count : m.clipped) count = whole<std::uint32_t>();
    m.windows = random_.next();
    m.anomalies = random_.next();
    m.score = real();
    m.threshold = real();
    m.verdict = among(protocol::BoardVerdict::normal, protocol::BoardVerdict::sensor_moved);
    m.reason = among(protocol::BoardReason::none, protocol::BoardReason::weak);
    m.flags = static_cast<std::uint8_t>(random_.below(16));
    m.model = among(protocol::ModelState::none, protocol::ModelState::proven);
    m.card = among(protocol::CardState::absent, protocol::CardState::failed);
    m.card_records = random_.next();
    m.share = real();
    m.alarm_id = whole<std::uint32_t>();
    m.burn_in = among(protocol::BurnInState::none, protocol::BurnInState::supported);
    for (float* value :
         {&m.normal_hours, &m.asked_per_hour, &m.stated_per_hour, &m.minutes_missing, &m.raise}) {
      *value = real();
    }
  }
  void fill(protocol::Learned& m) {
    m = {whole<std::uint32_t>(), whole<std::uint16_t>(), bytes(protocol::kMostLearned)};
  }
  void fill(protocol::ModelBegin& m) { m = {whole<std::uint32_t>(), whole<std::uint32_t>()}; }
  void fill(protocol::ModelBytes& m) {
    m = {whole<std::uint32_t>(), bytes(protocol::kMostModelChunk)};
  }
  void fill(protocol::ModelRead& m) {
    m = {whole<std::uint32_t>(),
         static_cast<std::uint16_t>(random_.below(protocol::kMostModelChunk + 1))};
  }

 private:
  Random random_;
  std::deque<std::string> texts_;
};

/// What a message looks like as a payload.
template <typename Message>
Bytes encoded(const Message& message) {
  Bytes bytes(512);
  bytes.resize(protocol::encode(message, bytes));
  return bytes;
}

}  // namespace fettle::test
