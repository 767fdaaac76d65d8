// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "board/ports.hpp"
#include "esp_cpu.h"
#include "esp_timer.h"

namespace fettle::esp32 {

/// Uptime in microseconds: 64 bits, begins near 0, never goes back. May be called from an interrupt.
inline std::int64_t now_us() { return esp_timer_get_time(); }

/// Cycles of the core that asks: its tasks must be pinned.
class CpuCycles final : public board::CycleCounter {
 public:
  [[nodiscard]] std::uint32_t cycles() const override { return esp_cpu_get_cycle_count(); }
};

}  // namespace fettle::esp32
