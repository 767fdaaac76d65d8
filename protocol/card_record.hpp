// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/codec.hpp"
#include "protocol/messages.hpp"

namespace fettle::protocol {

// The log on the card: records of 512 bytes, one sector, one after another. Each can be verified
// alone. FORMATS.md, "Card log".

inline constexpr std::size_t kCardRecordBytes = 512;
inline constexpr std::size_t kCardHeaderBytes = 24;
inline constexpr std::size_t kMostCardPayload = kCardRecordBytes - kCardHeaderBytes - 4;
inline constexpr std::uint8_t kCardVersion = 1;
inline constexpr std::array<std::uint8_t, 4> kCardMagic = {'F', 'T', 'L', 'C'};

enum class CardRecordType : std::uint8_t {
  session = 1,  ///< CardSession: a recording begins
  samples = 2,  ///< SamplesMessages, see CardSamples
  event = 3,    ///< EventMessage
  end = 4,      ///< CardEnd: the recording has ended as it should
};

struct CardHeader {
  CardRecordType type = CardRecordType::session;
  std::uint32_t sequence = 0;  ///< counts the records of a log, from 0, over all sessions and boots
  std::uint32_t boot = 0;
  std::array<std::uint8_t, 8> id{};  ///< of the board
};

/// Starts a recording. What came before without an `end` was cut off.
struct CardSession {
  std::string_view label;     ///< up to kMostName bytes; empty: none
  std::string_view name;      ///< of the board
  std::string_view firmware;  ///< version
  float rate_hz = 0;          ///< nominal
  Ranges ranges;
  std::uint8_t who_am_i = 0;
  std::uint32_t model_crc32 = 0;     ///< of the model that runs; 0: none
  std::uint16_t window_samples = 0;  ///< of that model or of the settings
  std::uint16_t hop = 0;
  std::int64_t uptime_us = 0;
  std::int64_t utc_us = 0;  ///< 0: unknown
};

enum class CardEndReason : std::uint8_t {
  stopped = 1,  ///< by a person or a computer
  full = 2,
  failed = 3,   ///< the card reported an error, and was written again later
  restart = 4,  ///< the board restarted on purpose
};

struct CardEnd {
  CardEndReason reason = CardEndReason::stopped;
  std::uint64_t samples = 0;  ///< written in this recording
  std::uint64_t lost = 0;     ///< in gaps of the sensor during it
  std::uint32_t gaps = 0;
  std::int64_t uptime_us = 0;
  std::int64_t utc_us = 0;
};

std::size_t encode(const CardSession& message, std::span<std::uint8_t> out);
std::size_t encode(const CardEnd& message, std::span<std::uint8_t> out);
[[nodiscard]] bool decode(std::span<const std::uint8_t> payload, CardSession& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> payload, CardEnd& message);

/// The payload of a record of samples: as many messages as fit, each behind its length.
class CardSamples {
 public:
  /// @return false if there is no room for it (or it is no valid message): write the record, clear(),
  ///         and add it again
  [[nodiscard]] bool add(const SamplesMessage& message);
  void clear() { size_ = 0; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::span<const std::uint8_t> payload() const { return {bytes_.data(), size_}; }

 private:
  std::array<std::uint8_t, kMostCardPayload> bytes_{};
  std::size_t size_ = 0;
};

/// The messages of such a payload, one after another.
class CardSamplesReader {
 public:
  explicit CardSamplesReader(std::span<const std::uint8_t> payload) : rest_(payload) {}
  /// @return false at the end, or at the first message that makes no sense: then ok() is false too
  [[nodiscard]] bool next(SamplesMessage& message);
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::span<const std::uint8_t> rest_;
  bool ok_ = true;
};

using CardBytes = std::span<std::uint8_t, kCardRecordBytes>;
using ConstCardBytes = std::span<const std::uint8_t, kCardRecordBytes>;

/// Fills a record, unused bytes with zeros. @param payload at most kMostCardPayload bytes, not inside
/// `out`.  @return false if it is longer
bool write_card_record(const CardHeader& header, std::span<const std::uint8_t> payload,
                       CardBytes out);

/// Why 512 bytes are no record.
enum class CardDamage : std::uint8_t {
  none,
  blank,          ///< one byte all over, as 0 or 0xFF: never written, or filled up
  no_magic,       ///< not Fettle's, or its start is missing
  other_version,  ///< a log of another version of Fettle
  bad_checksum,   ///< torn by a loss of power, or changed
  bad_header,     ///< a type or length that version 1 does not have
};

[[nodiscard]] constexpr const char* describe(CardDamage damage) {
  switch (damage) {
    case CardDamage::none: return "ok";
    case CardDamage::blank: return "nothing was written here";
    case CardDamage::no_magic: return "not a record of Fettle";
    case CardDamage::other_version: return "a record of another version of Fettle";
    case CardDamage::bad_checksum: return "torn or changed: the checksum does not match";
    case CardDamage::bad_header: return "a record of unknown type or length";
  }
  return "unknown damage";
}

struct CardRecord {
  CardDamage damage = CardDamage::none;
  CardHeader header;                      ///< only if there is no damage
  std::span<const std::uint8_t> payload;  ///< likewise; inside the bytes handed in
};

/// Verifies one record. The payload is not decoded.
[[nodiscard]] CardRecord read_card_record(ConstCardBytes bytes);

/// Where a log goes on.
struct CardTail {
  bool readable = true;  ///< false: `read` failed, and the rest is not known
  bool found = false;    ///< a whole record: `last` and `last_at` are its header and offset
  CardHeader last;
  std::uint64_t last_at = 0;
  std::uint32_t damaged = 0;  ///< records behind it that are not whole
  std::uint32_t padding =
      0;  ///< zeros to append, so that the next record begins at a multiple of 512
};

/// Finds the last whole record of a log by going back from its end, record by record: a loss of power
/// leaves one that is not whole, so it is found at once. Memory: `buffer`, of the caller.
/// @param size of the file
/// @param most records to look at, so that a card full of something else does not take for ever
/// @param read  bool(std::uint64_t offset, std::span<std::uint8_t> bytes)
template <typename Read>
[[nodiscard]] CardTail find_card_tail(std::uint64_t size, CardBytes buffer, std::uint32_t most,
                                      Read&& read) {
  CardTail tail;
  const auto torn = static_cast<std::uint32_t>(size % kCardRecordBytes);
  if (torn != 0) {
    tail.padding = static_cast<std::uint32_t>(kCardRecordBytes) - torn;
    ++tail.damaged;
  }
  std::uint64_t at = size - torn;
  for (std::uint32_t looked = 0; at > 0 && looked < most; ++looked) {
    at -= kCardRecordBytes;
    if (!read(at, std::span<std::uint8_t>(buffer))) {
      tail.readable = false;
      return tail;
    }
    const CardRecord record = read_card_record(buffer);
    if (record.damage == CardDamage::none) {
      tail.found = true;
      tail.last = record.header;
      tail.last_at = at;
      return tail;
    }
    ++tail.damaged;
  }
  return tail;
}

}  // namespace fettle::protocol
