// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "board/settings.hpp"
#include "driver/gpio.h"
#include "sdkconfig.h"

// What menuconfig says, as values. A pin that the chip does not have is refused by the compiler.

namespace fettle::esp32 {

template <int number>
constexpr gpio_num_t pin() {
  static_assert(GPIO_IS_VALID_GPIO(number), "this chip has no such pin: idf.py menuconfig, Fettle");
  return static_cast<gpio_num_t>(number);
}
template <int number>
constexpr gpio_num_t output_pin() {
  static_assert(GPIO_IS_VALID_OUTPUT_GPIO(number),
                "this pin cannot be an output: idf.py menuconfig, Fettle");
  return static_cast<gpio_num_t>(number);
}

inline constexpr gpio_num_t kSda = output_pin<CONFIG_FETTLE_PIN_SDA>();
inline constexpr gpio_num_t kScl = output_pin<CONFIG_FETTLE_PIN_SCL>();
inline constexpr gpio_num_t kInterrupt = pin<CONFIG_FETTLE_PIN_INT>();
inline constexpr gpio_num_t kAlert = output_pin<CONFIG_FETTLE_PIN_ALERT>();

#ifdef CONFIG_FETTLE_ALERT_ACTIVE_LOW
inline constexpr bool kAlertActiveHigh = false;
#else
inline constexpr bool kAlertActiveHigh = true;
#endif

/// What a board has that nobody has set anything on.
inline board::Settings default_settings() {
  board::Settings settings;
#ifdef CONFIG_FETTLE_RATE_1000
  settings.rate_hz = 1000;
#endif
#if defined(CONFIG_FETTLE_ACCEL_16G)
  settings.ranges.accelerometer = AccelerometerRange::g16;
#elif defined(CONFIG_FETTLE_ACCEL_8G)
  settings.ranges.accelerometer = AccelerometerRange::g8;
#elif defined(CONFIG_FETTLE_ACCEL_4G)
  settings.ranges.accelerometer = AccelerometerRange::g4;
#endif
#if defined(CONFIG_FETTLE_GYRO_2000DPS)
  settings.ranges.gyroscope = GyroscopeRange::dps2000;
#elif defined(CONFIG_FETTLE_GYRO_1000DPS)
  settings.ranges.gyroscope = GyroscopeRange::dps1000;
#elif defined(CONFIG_FETTLE_GYRO_500DPS)
  settings.ranges.gyroscope = GyroscopeRange::dps500;
#endif
  settings.hop = CONFIG_FETTLE_HOP;
#ifdef CONFIG_FETTLE_ALERT_LATCH
  settings.latch = true;
#endif
  return settings;
}

}  // namespace fettle::esp32
