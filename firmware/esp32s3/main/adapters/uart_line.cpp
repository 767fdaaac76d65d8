// SPDX-License-Identifier: Apache-2.0
#include "adapters/uart_line.hpp"

#include <array>

namespace fettle::esp32 {
namespace {

// 20 ms of 921,600 baud are 1.8 kB, and a reply of the board comes at once.
constexpr std::size_t kWaiting = 4096;
constexpr int kReceived = 2048;
constexpr std::uint32_t kStack = 3072;

}  // namespace

bool UartLine::begin(int tx, int rx, UBaseType_t priority, BaseType_t core) {
  uart_config_t config{};
  config.baud_rate = static_cast<int>(baud_);
  config.data_bits = UART_DATA_8_BITS;
  config.parity = UART_PARITY_DISABLE;
  config.stop_bits = UART_STOP_BITS_1;
  config.flow_ctrl = UART_HW_FLOWCTRL_DISABLE;
  config.source_clk = UART_SCLK_DEFAULT;
  // Without a sending buffer of the driver's: ours is the only one, and its fill is known.
  if (uart_driver_install(port_, kReceived, 0, 0, nullptr, 0) != ESP_OK) return false;
  if (uart_param_config(port_, &config) != ESP_OK) return false;
  if (uart_set_pin(port_, tx, rx, UART_PIN_NO_CHANGE, UART_PIN_NO_CHANGE) != ESP_OK) return false;
  waiting_ = xStreamBufferCreate(kWaiting, 1);
  return waiting_ != nullptr && xTaskCreatePinnedToCore(&UartLine::send, "line", kStack, this,
                                                        priority, nullptr, core) == pdPASS;
}

void UartLine::send(void* self) {
  const auto& line = *static_cast<const UartLine*>(self);
  std::array<std::uint8_t, 256> bytes;
  for (;;) {
    const std::size_t size =
        xStreamBufferReceive(line.waiting_, bytes.data(), bytes.size(), portMAX_DELAY);
    uart_write_bytes(line.port_, bytes.data(), size);
  }
}

std::size_t UartLine::read(std::span<std::uint8_t> bytes) {
  const int size =
      uart_read_bytes(port_, bytes.data(), static_cast<std::uint32_t>(bytes.size()), 0);
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

std::size_t UartLine::write(std::span<const std::uint8_t> bytes) {
  if (waiting_ == nullptr) return bytes.size();  // there is no line: nobody misses anything
  return xStreamBufferSend(waiting_, bytes.data(), bytes.size(), 0);
}

}  // namespace fettle::esp32
