// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "driver/gpio.h"
#include "drivers/ports.hpp"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

namespace fettle::esp32 {

/// The sensor's interrupt pin. Each pulse is counted and timed; one that comes when the task has
/// something to do wakes it. Without the wire the count stays 0.
class DataReadyPin final : public DataReady {
 public:
  explicit DataReadyPin(gpio_num_t pin) : pin_(pin) {}
  DataReadyPin(const DataReadyPin&) = delete;
  DataReadyPin& operator=(const DataReadyPin&) = delete;

  /// @return false if the interrupt cannot be had; then there simply are no pulses
  bool begin();
  /// From the task that samples: waits for a pulse at or after a time, or a tick longer than that.
  void wait_until(std::int64_t wake_us);

  [[nodiscard]] DataReadyState state() const override;

 private:
  static void on_pulse(void* self);

  gpio_num_t pin_;
  std::atomic<TaskHandle_t> task_{nullptr};
  std::atomic<std::uint32_t> wake_{0};  // lower half of wake_us: 35 minutes are enough
  // Count and time belong together: both cores may look.
  mutable portMUX_TYPE lock_ = portMUX_INITIALIZER_UNLOCKED;
  DataReadyState state_;
};

}  // namespace fettle::esp32
