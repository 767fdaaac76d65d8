// SPDX-License-Identifier: Apache-2.0
#include "protocol/codec.hpp"

#include "protocol/fields.hpp"

namespace fettle::protocol {
namespace {

constexpr std::uint8_t kScoreFlags = kScoreAlarm | kScorePin | kScoreMuted | kScoreMaintenance;
constexpr std::uint8_t kStatusFlags =
    kScoreFlags | kStatusAlarm | kStatusAcknowledged | kStatusMoved;
constexpr std::uint8_t kStreamBits = kStreamSamples | kStreamScores | kStreamEvents | kStreamLog;
constexpr std::uint16_t kMostWindow = 0x7FFF;

// M is the message, or const and the message: the same list of fields writes and reads.
template <typename M, typename T>
concept Is = std::is_same_v<std::remove_const_t<M>, T>;

template <typename Archive, typename T>
void time(Archive& archive, T& t_us) {
  archive.template within<std::int64_t>(t_us, -kMostTime_us, kMostTime_us);
}

template <typename Archive, typename T>
void ranges(Archive& archive, T& ranges) {
  archive.choice(ranges.accelerometer, AccelerometerRange::g2, AccelerometerRange::g16);
  archive.choice(ranges.gyroscope, GyroscopeRange::dps250, GyroscopeRange::dps2000);
}

template <typename Archive, Is<HelloRequest> M>
void fields(Archive& archive, M& m) {
  archive.number(m.version);
  time(archive, m.utc_us);
}

template <typename Archive, Is<HelloReply> M>
void fields(Archive& archive, M& m) {
  archive.number(m.version);
  archive.template text<std::uint8_t>(m.name, kMostName);
  archive.template text<std::uint8_t>(m.firmware, kMostName);
  archive.fixed(m.id);
  archive.number(m.boot);
  time(archive, m.uptime_us);
  archive.number(m.rate_hz);  // whoever asks can tell a person what is wrong with it
  ranges(archive, m.ranges);
  archive.number(m.baud);
  archive.number(m.slot_bytes);
  archive.number(m.model_bytes);
  archive.number(m.model_crc32);
  archive.template within<std::uint16_t>(m.window_samples, 0, kMostWindow);
  archive.template within<std::uint16_t>(m.hop, 0, kMostWindow);
}

template <typename Archive, Is<StreamRequest> M>
void fields(Archive& archive, M& m) {
  archive.bits(m.what, kStreamBits);
}

template <typename Archive, Is<Reply> M>
void fields(Archive& archive, M& m) {
  archive.number(m.to);
  archive.choice(m.status, ReplyStatus::ok, ReplyStatus::wrong_version);
  archive.flag(m.more);
  archive.template text<std::uint16_t>(m.text, kMostReplyText);
}

template <typename Archive, Is<SamplesMessage> M>
void fields(Archive& archive, M& m) {
  auto& block = m.block;
  archive.number(block.index);
  // Its last sample has a time that can be said, too.
  constexpr std::int64_t kLongestBlock_us =
      kMaxBlockSamples * (std::int64_t{UINT32_MAX} / 1000 + 1);
  archive.template within<std::int64_t>(block.t_us, -kMostTime_us, kMostTime_us - kLongestBlock_us);
  archive.template within<std::uint32_t>(block.period_ns, 1, UINT32_MAX);
  archive.number(block.lost_before);
  archive.template within<std::uint16_t>(m.phase, 0, kMostWindow);
  // One byte: restarted | accelerometer << 1 | gyroscope << 3.
  auto packed =
      static_cast<std::uint8_t>(static_cast<unsigned>(block.restarted) |
                                (static_cast<unsigned>(block.ranges.accelerometer) & 3U) << 1 |
                                (static_cast<unsigned>(block.ranges.gyroscope) & 3U) << 3);
  archive.bits(packed, 0x1F);
  if constexpr (!std::is_const_v<M>) {
    block.restarted = (packed & 1U) != 0;
    block.ranges.accelerometer = static_cast<AccelerometerRange>(packed >> 1 & 3U);
    block.ranges.gyroscope = static_cast<GyroscopeRange>(packed >> 3 & 3U);
  }
  archive.template within<std::uint8_t>(block.count, 1, kMaxBlockSamples);
  for (std::size_t i = 0; i < block.count && i < kMaxBlockSamples; ++i) {
    for (auto& count : block.samples[i]) archive.number(count);
  }
}

template <typename Archive, Is<ScoreMessage> M>
void fields(Archive& archive, M& m) {
  archive.number(m.index);
  time(archive, m.t_us);
  archive.number(m.score);  // not finite is a verdict too
  archive.finite(m.threshold);
  archive.choice(m.verdict, BoardVerdict::normal, BoardVerdict::sensor_moved);
  archive.choice(m.reason, BoardReason::none, BoardReason::weak);
  archive.bits(m.flags, kScoreFlags);
}

template <typename Archive, Is<EventMessage> M>
void fields(Archive& archive, M& m) {
  archive.number(m.id);
  archive.choice(m.kind, EventKind::boot, EventKind::condition);
  archive.number(m.boot);
  time(archive, m.uptime_us);
  time(archive, m.utc_us);
  archive.number(m.score);
  archive.finite(m.threshold);
  archive.template text<std::uint8_t>(m.text, kMostEventText);
}

template <typename Archive, Is<LogMessage> M>
void fields(Archive& archive, M& m) {
  archive.template within<std::uint8_t>(m.level, 0, 2);
  time(archive, m.uptime_us);
  archive.template text<std::uint8_t>(m.tag, kMostLogTag);
  archive.template text<std::uint8_t>(m.text, kMostLogText);
}

template <typename Archive, Is<StatusMessage> M>
void fields(Archive& archive, M& m) {
  time(archive, m.uptime_us);
  time(archive, m.utc_us);
  archive.number(m.boot);
  archive.choice(m.sensor, SensorState::probing, SensorState::self_test);
  archive.number(m.who_am_i);
  archive.finite(m.rate_hz);
  archive.finite(m.rate_error);
  archive.finite(m.celsius);
  archive.number(m.samples);
  archive.number(m.lost);
  archive.number(m.gaps);
  archive.number(m.restarts);
  archive.number(m.nacks);
  archive.number(m.timeouts);
  archive.number(m.stuck);
  archive.number(m.overflows);
  archive.number(m.misaligned);
  archive.number(m.configuration_lost);
  archive.number(m.missed_interrupts);
  for (auto& clipped : m.clipped) archive.number(clipped);
  archive.number(m.windows);
  archive.number(m.anomalies);
  archive.number(m.alarms);
  archive.number(m.score);  // as in ScoreMessage
  archive.finite(m.threshold);
  archive.choice(m.verdict, BoardVerdict::normal, BoardVerdict::sensor_moved);
  archive.choice(m.reason, BoardReason::none, BoardReason::weak);
  archive.bits(m.flags, kStatusFlags);
  archive.choice(m.model, ModelState::none, ModelState::proven);
  archive.choice(m.card, CardState::absent, CardState::failed);
  archive.number(m.card_records);
  archive.number(m.frames_dropped);
  archive.number(m.frames_bad);
  archive.finite(m.share);
  archive.number(m.alarm_id);
  archive.choice(m.burn_in, BurnInState::none, BurnInState::supported);
  archive.finite(m.normal_hours);
  archive.finite(m.asked_per_hour);
  archive.finite(m.stated_per_hour);
  archive.finite(m.minutes_missing);
  archive.finite(m.raise);
}

template <typename Archive, Is<ModelBegin> M>
void fields(Archive& archive, M& m) {
  archive.number(m.size);
  archive.number(m.crc32);
}

template <typename Archive, Is<ModelBytes> M>
void fields(Archive& archive, M& m) {
  archive.number(m.offset);
  archive.template bytes<std::uint16_t>(m.bytes, kMostModelChunk);
}

template <typename Archive, Is<Learned> M>
void fields(Archive& archive, M& m) {
  archive.number(m.model_crc32);
  archive.number(m.hop);
  archive.template bytes<std::uint16_t>(m.bytes, kMostLearned);
}

template <typename Archive, Is<ModelRead> M>
void fields(Archive& archive, M& m) {
  archive.number(m.offset);
  archive.template within<std::uint16_t>(m.length, 0, kMostModelChunk);
}

template <typename M>
std::size_t put(const M& message, std::span<std::uint8_t> out) {
  Put archive(out);
  fields(archive, message);
  return archive.size();
}

/// A message that is refused is left as it was.
template <typename M>
bool get(std::span<const std::uint8_t> payload, M& message) {
  M read;
  Get archive(payload);
  fields(archive, read);
  if (!archive.complete()) return false;
  message = read;
  return true;
}

}  // namespace

std::size_t encode(const HelloRequest& message, std::span<std::uint8_t> out) {
  return put(message, out);
}
bool decode(std::span<const std::uint8_t> payload, HelloRequest& message) {
  return get(payload, message);
}

std::size_t encode(const HelloReply& message, std::span<std::uint8_t> out) {
  return put(message, out);
}
bool decode(std::span<const std::uint8_t> payload, HelloReply& message) {
  return get(payload, message);
}

std::size_t encode(const StreamRequest& message, std::span<std::uint8_t> out) {
  return put(message, out);
}
bool decode(std::span<const std::uint8_t> payload, StreamRequest& message) {
  return get(payload, message);
}

std::size_t encode(const Reply& message, std::span<std::uint8_t> out) { return put(message, out); }
bool decode(std::span<const std::uint8_t> payload, Reply& message) { return get(payload, message); }

std::size_t encode(const SamplesMessage& message, std::span<std::uint8_t> out) {
  return put(message, out);
}
bool decode(std::span<const std::uint8_t> payload, SamplesMessage& message) {
  return get(payload, message);
}

std::size_t encode(const ScoreMessage& message, std::span<std::uint8_t> out) {
  return put(message, out);
}
bool decode(std::span<const std::uint8_t> payload, ScoreMessage& message) {
  return get(payload, message);
}

std::size_t encode(const EventMessage& message, std::span<std::uint8_t> out) {
  return put(message, out);
}
bool decode(std::span<const std::uint8_t> payload, EventMessage& message) {
  return get(payload, message);
}

std::size_t encode(const LogMessage& message, std::span<std::uint8_t> out) {
  return put(message, out);
}
bool decode(std::span<const std::uint8_t> payload, LogMessage& message) {
  return get(payload, message);
}

std::size_t encode(const StatusMessage& message, std::span<std::uint8_t> out) {
  return put(message, out);
}
bool decode(std::span<const std::uint8_t> payload, StatusMessage& message) {
  return get(payload, message);
}

std::size_t encode(const ModelBegin& message, std::span<std::uint8_t> out) {
  return put(message, out);
}
bool decode(std::span<const std::uint8_t> payload, ModelBegin& message) {
  return get(payload, message);
}

std::size_t encode(const ModelBytes& message, std::span<std::uint8_t> out) {
  return put(message, out);
}
bool decode(std::span<const std::uint8_t> payload, ModelBytes& message) {
  return get(payload, message);
}

std::size_t encode(const Learned& message, std::span<std::uint8_t> out) {
  return put(message, out);
}
bool decode(std::span<const std::uint8_t> payload, Learned& message) {
  return get(payload, message);
}

std::size_t encode(const ModelRead& message, std::span<std::uint8_t> out) {
  return put(message, out);
}
bool decode(std::span<const std::uint8_t> payload, ModelRead& message) {
  return get(payload, message);
}

bool decode_version(std::span<const std::uint8_t> payload, std::uint16_t& version) {
  Reader reader(payload);
  reader.number(version);
  return reader.ok();
}

}  // namespace fettle::protocol
