// SPDX-License-Identifier: Apache-2.0
// Any bytes as a serial line and as a card: frames, text, damage or messages, never anything else;
// and what is accepted is what would be sent.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "protocol/card_record.hpp"
#include "protocol/codec.hpp"
#include "protocol/frame.hpp"

namespace {

using namespace fettle;
using namespace fettle::protocol;

void require(bool condition) {
  if (!condition) std::abort();
}

template <typename Message>
void decode_as(std::span<const std::uint8_t> payload) {
  Message message;
  if (!decode(payload, message)) return;
  std::array<std::uint8_t, kMostPayload> again{};
  const std::size_t size = encode(message, again);
  require(size == payload.size() && std::equal(payload.begin(), payload.end(), again.begin()));
}

void decode_all(std::span<const std::uint8_t> payload) {
  decode_as<HelloRequest>(payload);
  decode_as<HelloReply>(payload);
  decode_as<StreamRequest>(payload);
  decode_as<Reply>(payload);
  decode_as<SamplesMessage>(payload);
  decode_as<ScoreMessage>(payload);
  decode_as<EventMessage>(payload);
  decode_as<LogMessage>(payload);
  decode_as<StatusMessage>(payload);
  decode_as<Learned>(payload);
  decode_as<ModelBegin>(payload);
  decode_as<ModelBytes>(payload);
  decode_as<ModelRead>(payload);
  decode_as<CardSession>(payload);
  decode_as<CardEnd>(payload);
}

void read_line(std::span<const std::uint8_t> bytes) {
  FrameReader reader;
  for (const std::uint8_t byte : bytes) {
    const LineEvent event = reader.push(byte);
    if (event.kind == LineEvent::Kind::text) {
      require(event.text.size() <= kMostTextLine);
      require(event.text.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos);
    }
    if (event.kind != LineEvent::Kind::frame) continue;
    require(event.payload.size() <= kMostPayload);
    decode_all(event.payload);
    std::array<std::uint8_t, kMostPayload> copy{};
    std::copy(event.payload.begin(), event.payload.end(), copy.begin());
    std::array<std::uint8_t, kMostEncodedFrame> again{};
    require(encode_frame(event.type, event.sequence, std::span(copy).first(event.payload.size()),
                         again) > 0);
  }
}

/// Bytes get past a checksum by chance only, so here they are given a right one.
void read_with_right_checksums(std::span<const std::uint8_t> bytes) {
  std::array<std::uint8_t, kMostEncodedFrame> frame{};
  const auto payload = bytes.first(std::min(bytes.size(), kMostPayload));
  const std::size_t size = encode_frame(MessageType::samples, 1, payload, frame);
  FrameReader reader;
  bool arrived = false;
  for (const std::uint8_t byte : std::span(frame).first(size)) {
    const LineEvent event = reader.push(byte);
    arrived = arrived || (event.kind == LineEvent::Kind::frame &&
                          std::equal(event.payload.begin(), event.payload.end(), payload.begin(),
                                     payload.end()));
  }
  require(arrived);
  decode_all(payload);

  std::array<std::uint8_t, kCardRecordBytes> record{};
  const auto in_record = bytes.first(std::min(bytes.size(), kMostCardPayload));
  require(write_card_record({}, in_record, record));
  const CardRecord read = read_card_record(record);
  require(read.damage == CardDamage::none);
  require(std::equal(read.payload.begin(), read.payload.end(), in_record.begin(), in_record.end()));
  CardSamplesReader samples(read.payload);
  SamplesMessage message;
  while (samples.next(message)) require(message.block.count <= kMaxBlockSamples);
}

void read_card(std::span<const std::uint8_t> bytes) {
  std::array<std::uint8_t, kCardRecordBytes> record{};
  for (; bytes.size() >= record.size(); bytes = bytes.subspan(record.size())) {
    std::copy_n(bytes.begin(), record.size(), record.begin());
    const CardRecord read = read_card_record(record);
    if (read.damage == CardDamage::none) decode_all(read.payload);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  read_line(bytes);
  read_with_right_checksums(bytes);
  read_card(bytes);
  decode_all(bytes);
  return 0;
}
