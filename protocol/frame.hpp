// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/messages.hpp"

namespace fettle::protocol {

/// Most bytes of a message.
inline constexpr std::size_t kMostPayload = 496;
/// Type, sequence number and checksum around it.
inline constexpr std::size_t kFrameHeader = 3;
inline constexpr std::size_t kFrameTrailer = 2;
inline constexpr std::size_t kMostFrame = kFrameHeader + kMostPayload + kFrameTrailer;
/// Most bytes between the two zeros of a frame.
inline constexpr std::size_t kMostStuffed = kMostFrame + 2;

/// Bytes on the line of a message with a payload of this size, at most.
[[nodiscard]] constexpr std::size_t encoded_frame_bytes(std::size_t payload) {
  const std::size_t frame = kFrameHeader + payload + kFrameTrailer;
  return frame + (frame + 253) / 254 + 2;
}
inline constexpr std::size_t kMostEncodedFrame = encoded_frame_bytes(kMostPayload);
static_assert(kMostEncodedFrame == kMostStuffed + 2);

/// Makes of a message what goes over the line: 0x00, COBS(type | sequence | payload | CRC-16), 0x00.
/// @param payload at most kMostPayload bytes, not inside `out`
/// @param out     at least encoded_frame_bytes(payload.size()) bytes
/// @return bytes written; 0 if the payload or the frame does not fit, and then nothing is written
[[nodiscard]] std::size_t encode_frame(MessageType type, std::uint16_t sequence,
                                       std::span<const std::uint8_t> payload,
                                       std::span<std::uint8_t> out);

/// Why bytes on the line were no frame.
enum class FrameDamage : std::uint8_t {
  none,
  too_long,       ///< more bytes than any frame before the zero came: a zero was lost, or noise
  too_short,      ///< less than an empty message
  bad_stuffing,   ///< not COBS: bytes were lost, added or changed
  bad_checksum,   ///< bytes were changed
  text_too_long,  ///< a line of text longer than kMostTextLine
  text_cut,       ///< a line of text without its end before a frame began
};

[[nodiscard]] constexpr const char* describe(FrameDamage damage) {
  switch (damage) {
    case FrameDamage::none: return "ok";
    case FrameDamage::too_long: return "more bytes than a frame has";
    case FrameDamage::too_short: return "fewer bytes than a frame has";
    case FrameDamage::bad_stuffing: return "bytes were lost or changed";
    case FrameDamage::bad_checksum: return "the checksum does not match";
    case FrameDamage::text_too_long: return "a line of text is too long";
    case FrameDamage::text_cut: return "a line of text has no end";
  }
  return "unknown damage";
}

/// Longest line of text, without its end.
inline constexpr std::size_t kMostTextLine = 256;

/// What the line brought.
struct LineEvent {
  enum class Kind : std::uint8_t {
    none,     ///< nothing complete yet
    frame,    ///< type, sequence, payload
    damaged,  ///< damage
    text,     ///< text: one line without its end, perhaps empty
  };
  Kind kind = Kind::none;
  MessageType type = MessageType::hello;  ///< as it came: may be none of the enumerators
  std::uint16_t sequence = 0;
  std::span<const std::uint8_t> payload;  ///< valid until the next byte is fed
  FrameDamage damage = FrameDamage::none;
  std::string_view text;  ///< valid until the next byte is fed
};

/// Takes the bytes of a line apart into frames and lines of text; the same on board and computer.
///
/// Text has no byte 0; its lines end in CR, LF or both; a backspace takes back a character. A zero
/// begins a frame, which ends at the next one; several zeros are as one. The zero that ends something
/// may as well be the first of the next frame, so whatever stood before it, a frame between two zeros
/// is not lost. Text that follows such a zero is recognised by its first line: nothing but printable
/// ASCII (and backspace, tab, escape), which no frame can look like, because its second byte, the
/// type, is none of these or belongs to a frame so short that its first byte is none of these. After
/// a whole frame that line may have other characters too.
class FrameReader {
 public:
  /// One byte, at most one event.
  [[nodiscard]] LineEvent push(std::uint8_t byte);
  /// Forgets what is under way: after opening a line, or when it was silent for longer than a frame
  /// could pause. The counters stay.
  void reset();

  [[nodiscard]] std::uint64_t frames() const { return frames_; }
  [[nodiscard]] std::uint64_t damaged() const { return damaged_; }  ///< events, text among them

 private:
  [[nodiscard]] LineEvent in_text(std::uint8_t byte);
  [[nodiscard]] LineEvent in_frame(std::uint8_t byte);
  [[nodiscard]] LineEvent end_frame();
  [[nodiscard]] LineEvent end_text(std::uint8_t end);
  [[nodiscard]] LineEvent damage(FrameDamage why);
  void keep(std::uint8_t byte, std::size_t most);

  std::array<std::uint8_t, kMostStuffed> bytes_{};
  std::size_t size_ = 0;
  bool inside_ = false;        ///< behind a zero
  bool after_frame_ = false;   ///< ... which ended a whole frame
  bool textual_ = true;        ///< everything since that zero could be text
  bool overlong_ = false;      ///< skipping
  bool after_return_ = false;  ///< a line feed now belongs to the line that has ended
  std::uint64_t frames_ = 0;
  std::uint64_t damaged_ = 0;
};

}  // namespace fettle::protocol
