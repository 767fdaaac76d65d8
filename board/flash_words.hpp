// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/checksum.hpp"
#include "protocol/bytes.hpp"

namespace fettle::board {

/// The little-endian word at an offset within a record in flash.
[[nodiscard]] inline std::uint32_t word_at(std::span<const std::uint8_t> bytes,
                                           std::size_t offset) {
  std::uint32_t word = 0;
  protocol::Reader(bytes.subspan(offset)).number(word);
  return word;
}

/// Of bytes that lie together.
[[nodiscard]] inline std::uint32_t crc_of(std::span<const std::uint8_t> bytes) {
  Crc32 crc;
  crc.add(bytes);
  return crc.value();
}

/// Sequence numbers wrap; one is newer if it is less than half a turn ahead.
[[nodiscard]] constexpr bool newer(std::uint32_t a, std::uint32_t b) {
  return a - b < 0x80000000U && a != b;
}

}  // namespace fettle::board
