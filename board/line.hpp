// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "board/ports.hpp"
#include "board/text.hpp"
#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "protocol/messages.hpp"

namespace fettle::board {

/// What goes out on the serial line: frames or text, whole or not at all. A line that is too slow
/// loses whole frames and lines, counted; the sequence number of a lost frame is used up, so the
/// other side sees which.
class Outbox {
 public:
  explicit Outbox(ByteStream& line) : line_(line) {}

  /// A message as a frame.
  template <typename Message>
  bool send(protocol::MessageType type, const Message& message) {
    std::array<std::uint8_t, protocol::kMostPayload> payload;
    const std::size_t size = protocol::encode(message, payload);
    if (size == 0) {  // a message that its own codec refuses
      ++dropped_;
      return false;
    }
    std::array<std::uint8_t, protocol::kMostEncodedFrame> frame;
    const std::size_t bytes =
        protocol::encode_frame(type, sequence_++, {payload.data(), size}, frame);
    return put({frame.data(), bytes});
  }
  /// A line of text; its end is added. What a person typed comes back in answers: a terminal must show
  /// it and not obey it.
  bool print(std::string_view text) {
    constexpr std::array<std::uint8_t, 2> kEnd = {'\r', '\n'};
    if (room() < text.size() + kEnd.size()) {
      ++dropped_;
      return false;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<std::uint8_t>(is_control(text, i) ? '?' : text[i]);
      append({&byte, 1});
    }
    append(kEnd);
    return true;
  }
  /// Hands what waits to the line, as much as it takes.
  void pump() {
    while (size_ > 0) {
      const std::size_t run = size_ < bytes_.size() - first_ ? size_ : bytes_.size() - first_;
      const std::size_t taken = line_.write({bytes_.data() + first_, run});
      first_ = (first_ + taken) % bytes_.size();
      size_ -= taken;
      if (taken < run) return;
    }
  }

  [[nodiscard]] std::size_t room() const { return bytes_.size() - size_; }
  [[nodiscard]] std::size_t waiting() const { return size_; }
  [[nodiscard]] std::uint32_t dropped() const { return dropped_; }

 private:
  bool put(std::span<const std::uint8_t> bytes) {
    if (room() < bytes.size()) {
      ++dropped_;
      return false;
    }
    append(bytes);
    return true;
  }
  void append(std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) {
      bytes_[(first_ + size_) % bytes_.size()] = byte;
      ++size_;
    }
  }

  ByteStream& line_;
  std::array<std::uint8_t, 3072> bytes_;  // two blocks of CSV, or a dozen frames
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  std::uint16_t sequence_ = 0;
  std::uint32_t dropped_ = 0;
};

}  // namespace fettle::board
