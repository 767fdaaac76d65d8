// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "esp_err.h"

enum gpio_num_t : int { GPIO_NUM_NC = -1, GPIO_NUM_MAX = 49 };
enum gpio_mode_t : int { GPIO_MODE_INPUT = 1, GPIO_MODE_OUTPUT = 2 };
enum gpio_pull_mode_t : int {
  GPIO_PULLUP_ONLY,
  GPIO_PULLDOWN_ONLY,
  GPIO_PULLUP_PULLDOWN,
  GPIO_FLOATING
};
enum gpio_pullup_t : int { GPIO_PULLUP_DISABLE, GPIO_PULLUP_ENABLE };
enum gpio_pulldown_t : int { GPIO_PULLDOWN_DISABLE, GPIO_PULLDOWN_ENABLE };
enum gpio_int_type_t : int { GPIO_INTR_DISABLE, GPIO_INTR_POSEDGE };

// Of the ESP32-S3: no 22 to 25.
#define GPIO_IS_VALID_GPIO(n) ((n) >= 0 && (n) < 49 && !((n) >= 22 && (n) <= 25))
#define GPIO_IS_VALID_OUTPUT_GPIO(n) GPIO_IS_VALID_GPIO(n)

struct gpio_config_t {
  std::uint64_t pin_bit_mask;
  gpio_mode_t mode;
  gpio_pullup_t pull_up_en;
  gpio_pulldown_t pull_down_en;
  gpio_int_type_t intr_type;
};
using gpio_isr_t = void (*)(void*);

extern "C" {
esp_err_t gpio_config(const gpio_config_t* config);
esp_err_t gpio_reset_pin(gpio_num_t pin);
esp_err_t gpio_set_level(gpio_num_t pin, std::uint32_t level);
int gpio_get_level(gpio_num_t pin);
esp_err_t gpio_set_direction(gpio_num_t pin, gpio_mode_t mode);
esp_err_t gpio_set_pull_mode(gpio_num_t pin, gpio_pull_mode_t pull);
esp_err_t gpio_install_isr_service(int flags);
esp_err_t gpio_isr_handler_add(gpio_num_t pin, gpio_isr_t handler, void* argument);
}
