// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace fettle {

/// CRC-32 of IEEE 802.3 (reflected polynomial 0xEDB88320), fed in pieces. Four bits a step: a table
/// of 64 bytes, small enough for any device.
class Crc32 {
 public:
  constexpr void add(std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) {
      state_ ^= byte;
      state_ = (state_ >> 4) ^ kTable[state_ & 15U];
      state_ = (state_ >> 4) ^ kTable[state_ & 15U];
    }
  }
  [[nodiscard]] constexpr std::uint32_t value() const { return ~state_; }

 private:
  static constexpr std::array<std::uint32_t, 16> kTable = [] {
    std::array<std::uint32_t, 16> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 4; ++bit)
        value = (value >> 1) ^ ((value & 1U) != 0 ? 0xEDB88320U : 0U);
      table[i] = value;
    }
    return table;
  }();
  std::uint32_t state_ = 0xFFFFFFFFU;
};

}  // namespace fettle
