// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "board/ports.hpp"

namespace fettle::esp32 {

/// A serial line on the chip's own USB port (USB-Serial-JTAG; not on the first ESP32). The driver's
/// buffers are rings of bytes that take or give without waiting.
class UsbLine final : public board::ByteStream {
 public:
  bool begin();

  [[nodiscard]] std::size_t read(std::span<std::uint8_t> bytes) override;
  [[nodiscard]] std::size_t write(std::span<const std::uint8_t> bytes) override;
  /// Full speed USB, less what its packets cost: about 400 kB a second.
  [[nodiscard]] std::uint32_t baud() const override { return 4'000'000; }
};

}  // namespace fettle::esp32
