// SPDX-License-Identifier: Apache-2.0
#include "adapters/usb_line.hpp"

#include "soc/soc_caps.h"

#if SOC_USB_SERIAL_JTAG_SUPPORTED
#include <algorithm>

#include "driver/usb_serial_jtag.h"

namespace fettle::esp32 {

bool UsbLine::begin() {
  usb_serial_jtag_driver_config_t config{};
  config.tx_buffer_size = 8192;  // 20 ms of the line
  config.rx_buffer_size = 2048;
  return usb_serial_jtag_driver_install(&config) == ESP_OK;
}

std::size_t UsbLine::read(std::span<std::uint8_t> bytes) {
  const int size =
      usb_serial_jtag_read_bytes(bytes.data(), static_cast<std::uint32_t>(bytes.size()), 0);
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

/// The driver takes all of what it is given or nothing.
std::size_t UsbLine::write(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kPiece = 64;
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const std::span<const std::uint8_t> rest = bytes.subspan(taken);
    const std::size_t size = std::min(rest.size(), kPiece);
    if (usb_serial_jtag_write_bytes(rest.data(), size, 0) != static_cast<int>(size)) break;
    taken += size;
  }
  return taken;
}

}  // namespace fettle::esp32
#endif
