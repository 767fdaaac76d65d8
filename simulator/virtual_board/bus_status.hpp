// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "drivers/ports.hpp"
#include "simulator/mpu6050_chip/chip.hpp"

namespace fettle::simulator {

/// What the port says of what the chip answered.
[[nodiscard]] constexpr BusStatus status_of(BusAnswer answer) {
  switch (answer) {
    case BusAnswer::ok: return BusStatus::ok;
    case BusAnswer::nack: return BusStatus::nack;
    case BusAnswer::timeout: return BusStatus::timeout;
    case BusAnswer::stuck: return BusStatus::stuck;
  }
  return BusStatus::timeout;
}

}  // namespace fettle::simulator
