// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "esp_err.h"

struct usb_serial_jtag_driver_config_t {
  std::uint32_t tx_buffer_size;
  std::uint32_t rx_buffer_size;
};

extern "C" {
esp_err_t usb_serial_jtag_driver_install(usb_serial_jtag_driver_config_t* config);
int usb_serial_jtag_read_bytes(void* bytes, std::uint32_t size, std::uint32_t ticks);
int usb_serial_jtag_write_bytes(const void* bytes, std::size_t size, std::uint32_t ticks);
}
