// SPDX-License-Identifier: Apache-2.0
#include "adapters/data_ready_pin.hpp"

#include "adapters/clock.hpp"

namespace fettle::esp32 {

// The handler lies in flash, like what it calls: while flash is being written a pulse is served late, and
// the driver of the sensor is built for that (tests/property/mpu6050_stream_test.cpp).
void DataReadyPin::on_pulse(void* self) {
  auto& pin = *static_cast<DataReadyPin*>(self);
  const std::int64_t t_us = now_us();
  portENTER_CRITICAL_ISR(&pin.lock_);
  ++pin.state_.count;
  pin.state_.last_us = t_us;
  portEXIT_CRITICAL_ISR(&pin.lock_);
  const std::uint32_t late =
      static_cast<std::uint32_t>(t_us) - pin.wake_.load(std::memory_order_relaxed);
  TaskHandle_t const task = pin.task_.load(std::memory_order_relaxed);
  if (task == nullptr || late >= 0x80000000U) return;  // not yet
  BaseType_t woken = pdFALSE;
  vTaskNotifyGiveFromISR(task, &woken);
  portYIELD_FROM_ISR(woken);
}

bool DataReadyPin::begin() {
  gpio_config_t config{};
  config.pin_bit_mask = 1ULL << static_cast<unsigned>(pin_);
  config.mode = GPIO_MODE_INPUT;
  config.pull_up_en = GPIO_PULLUP_DISABLE;
  config.pull_down_en = GPIO_PULLDOWN_ENABLE;  // a wire that is off makes no pulses
  config.intr_type = GPIO_INTR_POSEDGE;
  if (gpio_config(&config) != ESP_OK) return false;
  const esp_err_t service = gpio_install_isr_service(0);
  if (service != ESP_OK && service != ESP_ERR_INVALID_STATE)
    return false;  // the latter: it is there
  return gpio_isr_handler_add(pin_, &DataReadyPin::on_pulse, this) == ESP_OK;
}

void DataReadyPin::wait_until(std::int64_t wake_us) {
  constexpr std::int64_t kTick_us = 1'000'000 / configTICK_RATE_HZ;
  wake_.store(static_cast<std::uint32_t>(wake_us), std::memory_order_relaxed);
  task_.store(xTaskGetCurrentTaskHandle(), std::memory_order_relaxed);
  const std::int64_t left_us = wake_us - now_us();
  // A tick more, so that the pulse comes first where there is one.
  const std::int64_t ticks = left_us <= 0 ? 1 : left_us / kTick_us + 1;
  constexpr std::int64_t kLongest = 1000;
  ulTaskNotifyTake(pdTRUE, static_cast<TickType_t>(ticks < kLongest ? ticks : kLongest));
}

DataReadyState DataReadyPin::state() const {
  portENTER_CRITICAL(&lock_);
  const DataReadyState state = state_;
  portEXIT_CRITICAL(&lock_);
  return state;
}

}  // namespace fettle::esp32
