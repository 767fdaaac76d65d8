// SPDX-License-Identifier: Apache-2.0
#include "protocol/frame.hpp"

#include "protocol/bytes.hpp"
#include "protocol/cobs.hpp"
#include "protocol/crc16.hpp"

namespace fettle::protocol {
namespace {

constexpr std::uint8_t kBackspace = 0x08;
constexpr std::uint8_t kDelete = 0x7F;

constexpr std::uint8_t kTab = 0x09;
constexpr std::uint8_t kEscape = 0x1B;

constexpr bool ends_line(std::uint8_t byte) { return byte == '\r' || byte == '\n'; }
/// What people type and programs print, as far as it is ASCII.
constexpr bool is_typed(std::uint8_t byte) {
  return (byte >= 0x20 && byte < 0x80) || byte == kBackspace || byte == kTab || byte == kEscape;
}
constexpr bool continues_utf8(std::uint8_t byte) { return (byte & 0xC0U) == 0x80; }

}  // namespace

static_assert(kMostStuffed == kMostFrame + cobs_overhead(kMostFrame));

std::size_t encode_frame(MessageType type, std::uint16_t sequence,
                         std::span<const std::uint8_t> payload, std::span<std::uint8_t> out) {
  const std::size_t size = kFrameHeader + payload.size() + kFrameTrailer;
  if (payload.size() > kMostPayload || out.size() < encoded_frame_bytes(payload.size())) return 0;
  // Assembled behind where it will stand, then stuffed in place.
  const std::span<std::uint8_t> frame = out.subspan(1 + cobs_overhead(size), size);
  Writer writer(frame);
  writer.number(static_cast<std::uint8_t>(type));
  writer.number(sequence);
  writer.bytes(payload);
  Crc16 crc;
  crc.add(frame.first(size - kFrameTrailer));
  writer.number(crc.value());
  const std::size_t stuffed = cobs_encode(frame, out.subspan(1));
  out[0] = 0;
  out[1 + stuffed] = 0;
  return stuffed + 2;
}

void FrameReader::reset() {
  size_ = 0;
  inside_ = after_frame_ = overlong_ = after_return_ = false;
  textual_ = true;
}

LineEvent FrameReader::damage(FrameDamage why) {
  ++damaged_;
  LineEvent event;
  event.kind = LineEvent::Kind::damaged;
  event.damage = why;
  return event;
}

void FrameReader::keep(std::uint8_t byte, std::size_t most) {
  if (size_ < most) {
    bytes_[size_++] = byte;
  } else {
    overlong_ = true;
  }
}

LineEvent FrameReader::push(std::uint8_t byte) {
  const bool rest_of_end = after_return_ && byte == '\n';
  after_return_ = false;
  if (rest_of_end) return {};
  return inside_ ? in_frame(byte) : in_text(byte);
}

LineEvent FrameReader::in_text(std::uint8_t byte) {
  if (ends_line(byte)) return end_text(byte);
  if (byte != 0) {
    keep(byte, kMostTextLine);
    return {};
  }
  const bool cut = size_ > 0;
  reset();
  inside_ = true;
  return cut ? damage(FrameDamage::text_cut) : LineEvent{};
}

LineEvent FrameReader::end_text(std::uint8_t end) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    if (bytes_[i] != kBackspace && bytes_[i] != kDelete) {
      bytes_[size++] = bytes_[i];
      continue;
    }
    while (size > 0 && continues_utf8(bytes_[size - 1])) --size;
    if (size > 0) --size;
  }
  const bool overlong = overlong_;
  reset();
  after_return_ = end == '\r';
  if (overlong) return damage(FrameDamage::text_too_long);
  LineEvent event;
  event.kind = LineEvent::Kind::text;
  event.text = {reinterpret_cast<const char*>(bytes_.data()), size};
  return event;
}

LineEvent FrameReader::in_frame(std::uint8_t byte) {
  if (byte == 0) {
    if (size_ > 0) return end_frame();
    after_frame_ = false;
    return {};
  }
  if (ends_line(byte) && textual_ && (size_ > 0 || after_frame_)) {
    overlong_ = overlong_ || size_ > kMostTextLine;
    return end_text(byte);
  }
  textual_ = textual_ && (is_typed(byte) || (after_frame_ && byte >= 0x80));
  keep(byte, bytes_.size());
  return {};
}

LineEvent FrameReader::end_frame() {
  const std::span<const std::uint8_t> stuffed(bytes_.data(), size_);
  const bool overlong = overlong_;
  reset();
  inside_ = true;  // perhaps: this zero may have been the first of the next frame
  if (overlong) return damage(FrameDamage::too_long);
  const std::size_t size = cobs_decode(stuffed, bytes_);
  if (size == 0) return damage(FrameDamage::bad_stuffing);
  if (size < kFrameHeader + kFrameTrailer) return damage(FrameDamage::too_short);
  const std::span<const std::uint8_t> frame(bytes_.data(), size);
  Crc16 crc;
  crc.add(frame.first(size - kFrameTrailer));
  std::uint16_t expected = 0;
  Reader(frame.last(kFrameTrailer)).number(expected);
  if (crc.value() != expected) return damage(FrameDamage::bad_checksum);

  after_frame_ = true;
  ++frames_;
  LineEvent event;
  event.kind = LineEvent::Kind::frame;
  std::uint8_t type = 0;
  Reader reader(frame);
  reader.number(type);
  reader.number(event.sequence);
  event.type = static_cast<MessageType>(type);
  event.payload = frame.subspan(kFrameHeader, size - kFrameHeader - kFrameTrailer);
  return event;
}

}  // namespace fettle::protocol
