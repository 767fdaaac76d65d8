// SPDX-License-Identifier: Apache-2.0
#include "protocol/card_record.hpp"

#include <algorithm>

#include "core/checksum.hpp"
#include "protocol/bytes.hpp"
#include "protocol/fields.hpp"

namespace fettle::protocol {
namespace {

constexpr std::size_t kChecksumAt = kCardRecordBytes - 4;

template <typename Archive, typename M>
void session_fields(Archive& archive, M& m) {
  archive.template text<std::uint8_t>(m.label, kMostName);
  archive.template text<std::uint8_t>(m.name, kMostName);
  archive.template text<std::uint8_t>(m.firmware, kMostName);
  archive.finite(m.rate_hz);
  archive.require(m.rate_hz > 0);
  archive.choice(m.ranges.accelerometer, AccelerometerRange::g2, AccelerometerRange::g16);
  archive.choice(m.ranges.gyroscope, GyroscopeRange::dps250, GyroscopeRange::dps2000);
  archive.number(m.who_am_i);
  archive.number(m.model_crc32);
  archive.number(m.window_samples);
  archive.number(m.hop);
  archive.template within<std::int64_t>(m.uptime_us, -kMostTime_us, kMostTime_us);
  archive.template within<std::int64_t>(m.utc_us, -kMostTime_us, kMostTime_us);
}

template <typename Archive, typename M>
void end_fields(Archive& archive, M& m) {
  archive.choice(m.reason, CardEndReason::stopped, CardEndReason::restart);
  archive.number(m.samples);
  archive.number(m.lost);
  archive.number(m.gaps);
  archive.template within<std::int64_t>(m.uptime_us, -kMostTime_us, kMostTime_us);
  archive.template within<std::int64_t>(m.utc_us, -kMostTime_us, kMostTime_us);
}

std::uint32_t checksum_of(ConstCardBytes bytes) {
  Crc32 crc;
  crc.add(bytes.first(kChecksumAt));
  return crc.value();
}

}  // namespace

std::size_t encode(const CardSession& message, std::span<std::uint8_t> out) {
  Put archive(out);
  session_fields(archive, message);
  return archive.size();
}
bool decode(std::span<const std::uint8_t> payload, CardSession& message) {
  CardSession read;
  Get archive(payload);
  session_fields(archive, read);
  if (archive.complete()) message = read;
  return archive.complete();
}

std::size_t encode(const CardEnd& message, std::span<std::uint8_t> out) {
  Put archive(out);
  end_fields(archive, message);
  return archive.size();
}
bool decode(std::span<const std::uint8_t> payload, CardEnd& message) {
  CardEnd read;
  Get archive(payload);
  end_fields(archive, read);
  if (archive.complete()) message = read;
  return archive.complete();
}

bool CardSamples::add(const SamplesMessage& message) {
  static_assert(kMostSamplesBytes <= UINT8_MAX, "a length is one byte");
  if (bytes_.size() - size_ < 2) return false;
  const std::size_t size = encode(message, std::span(bytes_).subspan(size_ + 1));
  if (size == 0) return false;
  bytes_[size_] = static_cast<std::uint8_t>(size);
  size_ += 1 + size;
  return true;
}

bool CardSamplesReader::next(SamplesMessage& message) {
  if (rest_.empty() || !ok_) return false;
  const std::size_t size = rest_.front();
  ok_ = rest_.size() - 1 >= size && decode(rest_.subspan(1, size), message);
  if (ok_) rest_ = rest_.subspan(1 + size);
  return ok_;
}

bool write_card_record(const CardHeader& header, std::span<const std::uint8_t> payload,
                       CardBytes out) {
  if (payload.size() > kMostCardPayload) return false;
  Writer writer(out);
  writer.bytes(kCardMagic);
  writer.number(kCardVersion);
  writer.number(static_cast<std::uint8_t>(header.type));
  writer.number(static_cast<std::uint16_t>(payload.size()));
  writer.number(header.sequence);
  writer.number(header.boot);
  writer.bytes(header.id);
  writer.bytes(payload);
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(writer.size()), out.end(), std::uint8_t{0});
  Writer(out.subspan(kChecksumAt)).number(checksum_of(out));
  return true;
}

CardRecord read_card_record(ConstCardBytes bytes) {
  CardRecord record;
  const auto refuse = [&](CardDamage why) {
    record.damage = why;
    return record;
  };
  if (std::all_of(bytes.begin(), bytes.end(), [&](std::uint8_t b) { return b == bytes[0]; })) {
    return refuse(CardDamage::blank);
  }
  if (!std::equal(kCardMagic.begin(), kCardMagic.end(), bytes.begin())) {
    return refuse(CardDamage::no_magic);
  }
  std::uint32_t checksum = 0;
  Reader(bytes.subspan(kChecksumAt)).number(checksum);
  if (checksum != checksum_of(bytes)) return refuse(CardDamage::bad_checksum);

  Reader reader(bytes.subspan(kCardMagic.size()));
  std::uint8_t version = 0;
  std::uint8_t type = 0;
  std::uint16_t length = 0;
  reader.number(version);
  reader.number(type);
  reader.number(length);
  reader.number(record.header.sequence);
  reader.number(record.header.boot);
  const auto id = reader.bytes(record.header.id.size());
  std::copy(id.begin(), id.end(), record.header.id.begin());
  if (version != kCardVersion) return refuse(CardDamage::other_version);
  if (type < static_cast<std::uint8_t>(CardRecordType::session) ||
      type > static_cast<std::uint8_t>(CardRecordType::end) || length > kMostCardPayload) {
    return refuse(CardDamage::bad_header);
  }
  record.header.type = static_cast<CardRecordType>(type);
  record.payload = bytes.subspan(kCardHeaderBytes, length);
  return record;
}

}  // namespace fettle::protocol
