// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace fettle::protocol {

/// CRC-16/IBM-3740, also called CCITT-FALSE: polynomial 0x1021, first value 0xFFFF, not reflected,
/// 0x29B1 for "123456789" (Cook, Catalogue of parametrised CRC algorithms,
/// reveng.sourceforge.io/crc-catalogue/16.htm). Finds any three wrong bits in up to 4093 bytes
/// (Koopman and Chakravarty, DSN 2004). Four bits a step: a table of 32 bytes.
class Crc16 {
 public:
  constexpr void add(std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) {
      step(byte >> 4U);
      step(byte & 15U);
    }
  }
  [[nodiscard]] constexpr std::uint16_t value() const { return state_; }

 private:
  constexpr void step(unsigned nibble) {
    state_ = static_cast<std::uint16_t>((state_ << 4) ^ kTable[(state_ >> 12) ^ nibble]);
  }

  static constexpr std::array<std::uint16_t, 16> kTable = [] {
    std::array<std::uint16_t, 16> table{};
    for (unsigned i = 0; i < table.size(); ++i) {
      unsigned value = i << 12;
      for (int bit = 0; bit < 4; ++bit) {
        value = (value << 1) ^ ((value & 0x8000U) != 0 ? 0x1021U : 0U);
      }
      table[i] = static_cast<std::uint16_t>(value & 0xFFFFU);
    }
    return table;
  }();
  std::uint16_t state_ = 0xFFFF;
};

}  // namespace fettle::protocol
