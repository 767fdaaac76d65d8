// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "board/ports.hpp"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/task.h"
#include "sdkconfig.h"

namespace fettle::esp32 {

/// ESP-IDF's console is the very port that the board's line is on. Then the board alone speaks there: its
/// line carries the same log as text, and strange lines between frames would damage them.
#if defined(CONFIG_FETTLE_LINE_UART) && defined(CONFIG_ESP_CONSOLE_UART) && \
    CONFIG_ESP_CONSOLE_UART_NUM == CONFIG_FETTLE_UART_PORT
inline constexpr bool kLineIsConsole = true;
#elif defined(CONFIG_FETTLE_LINE_USB) && (defined(CONFIG_ESP_CONSOLE_USB_SERIAL_JTAG) || \
                                          defined(CONFIG_ESP_CONSOLE_SECONDARY_USB_SERIAL_JTAG))
inline constexpr bool kLineIsConsole = true;
#else
inline constexpr bool kLineIsConsole = false;
#endif

/// The board's log by ESP_LOGE, ESP_LOGW and ESP_LOGI: alarms under the tag "ANOMALY", all else under
/// "fettle". A console takes milliseconds a line, so a task of low priority prints; lines that find its
/// queue full are dropped and counted, and the next one says how many.
class EspLogSink final : public board::Log {
 public:
  bool begin(UBaseType_t priority, BaseType_t core);
  void write(board::LogLevel level, std::string_view tag, std::string_view text) override;

 private:
  struct Line {
    board::LogLevel level = board::LogLevel::info;
    std::uint32_t dropped = 0;  // before this one
    std::array<char, 17> tag{};
    std::array<char, 241> text{};
  };
  static void print(void* self);

  QueueHandle_t queue_ = nullptr;
  std::uint32_t dropped_ = 0;
};

}  // namespace fettle::esp32
