// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "board/ports.hpp"
#include "driver/uart.h"
#include "freertos/FreeRTOS.h"
#include "freertos/stream_buffer.h"
#include "freertos/task.h"

namespace fettle::esp32 {

/// A serial line on a UART. What is to be sent waits in a buffer for a task of its own, because the
/// driver's own call waits for room; what does not fit is left with the caller.
class UartLine final : public board::ByteStream {
 public:
  UartLine(uart_port_t port, std::uint32_t baud) : port_(port), baud_(baud) {}
  UartLine(const UartLine&) = delete;
  UartLine& operator=(const UartLine&) = delete;

  /// @param tx, rx  pins, or UART_PIN_NO_CHANGE for those that the port has
  bool begin(int tx, int rx, UBaseType_t priority, BaseType_t core);

  [[nodiscard]] std::size_t read(std::span<std::uint8_t> bytes) override;
  [[nodiscard]] std::size_t write(std::span<const std::uint8_t> bytes) override;
  [[nodiscard]] std::uint32_t baud() const override { return baud_; }

 private:
  static void send(void* self);

  uart_port_t port_;
  std::uint32_t baud_;
  StreamBufferHandle_t waiting_ = nullptr;
};

}  // namespace fettle::esp32
