// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "sdkconfig.h"

using BaseType_t = int;
using UBaseType_t = unsigned;
using TickType_t = std::uint32_t;
inline constexpr BaseType_t pdFALSE = 0;
inline constexpr BaseType_t pdTRUE = 1;
inline constexpr BaseType_t pdPASS = 1;
#define configTICK_RATE_HZ 1000
#define pdMS_TO_TICKS(ms) ((TickType_t)(((uint64_t)(ms) * configTICK_RATE_HZ) / 1000))
#define portMAX_DELAY 0xffffffffU
#define portNUM_PROCESSORS 2

struct portMUX_TYPE {
  std::uint32_t owner;
};
#define portMUX_INITIALIZER_UNLOCKED \
  {}
#define portENTER_CRITICAL(lock) static_cast<void>(lock)
#define portEXIT_CRITICAL(lock) static_cast<void>(lock)
#define portENTER_CRITICAL_ISR(lock) static_cast<void>(lock)
#define portEXIT_CRITICAL_ISR(lock) static_cast<void>(lock)
#define portYIELD_FROM_ISR(woken) static_cast<void>(woken)
