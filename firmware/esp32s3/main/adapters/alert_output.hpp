// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "board/ports.hpp"
#include "driver/gpio.h"

namespace fettle::esp32 {

/// The pin that says that there is an alarm: a LED, a relay's input, a controller's.
class AlertOutput final : public board::AlertPin {
 public:
  /// @param active_high  false: the pin is low during an alarm
  AlertOutput(gpio_num_t pin, bool active_high) : pin_(pin), active_high_(active_high) {}

  /// At rest from the first moment on.
  bool begin() {
    gpio_reset_pin(pin_);
    set(false);
    return gpio_set_direction(pin_, GPIO_MODE_OUTPUT) == ESP_OK;
  }
  void set(bool active) override { gpio_set_level(pin_, active == active_high_ ? 1U : 0U); }

 private:
  gpio_num_t pin_;
  bool active_high_;
};

}  // namespace fettle::esp32
