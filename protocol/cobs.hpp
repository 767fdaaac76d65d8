// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace fettle::protocol {

// Consistent Overhead Byte Stuffing: Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2),
// 1999, pp. 159-172. The result has no byte 0, which is then free to separate frames.

inline constexpr std::uint8_t kCobsLargestCode = 0xFF;  ///< 254 bytes, and no zero after them

/// Bytes that encoding adds at most.
[[nodiscard]] constexpr std::size_t cobs_overhead(std::size_t size) {
  return size == 0 ? 1 : (size + kCobsLargestCode - 2) / (kCobsLargestCode - 1);
}

/// @param out at least in.size() + cobs_overhead(in.size()). It may overlap `in` if `in` starts
///        cobs_overhead(in.size()) bytes or more behind it.
/// @return bytes written
[[nodiscard]] constexpr std::size_t cobs_encode(std::span<const std::uint8_t> in,
                                                std::span<std::uint8_t> out) {
  std::size_t code_at = 0;
  std::size_t size = 1;
  std::uint8_t code = 1;
  const auto close = [&] {
    out[code_at] = code;
    code_at = size++;
    code = 1;
  };
  for (const std::uint8_t byte : in) {
    // Only now, when more follows: a full group at the end has no empty one behind it.
    if (code == kCobsLargestCode) close();
    if (byte == 0) {
      close();
    } else {
      out[size++] = byte;
      ++code;
    }
  }
  out[code_at] = code;
  return size;
}

/// @param in  without the zeros around it
/// @param out at least in.size(); may be the same memory as `in`
/// @return bytes written; 0 if `in` is empty, holds a zero or ends inside a group
[[nodiscard]] constexpr std::size_t cobs_decode(std::span<const std::uint8_t> in,
                                                std::span<std::uint8_t> out) {
  std::size_t size = 0;
  for (std::size_t at = 0; at < in.size();) {
    const std::uint8_t code = in[at++];
    if (code == 0 || code - 1U > in.size() - at) return 0;
    for (std::size_t i = 1; i < code; ++i) {
      if (in[at] == 0) return 0;
      out[size++] = in[at++];
    }
    if (code != kCobsLargestCode && at < in.size()) out[size++] = 0;
  }
  return size;
}

}  // namespace fettle::protocol
