// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulator/signal/arithmetic.hpp"

namespace fettle::simulator {

/// Response of a gyroscope axis to its self test as it left the factory, deg/s, from its trim code 1
/// to 31; 0 without one: 25 * 131 * 1.046^(code - 1) counts at +-250 deg/s, negative for y (RM p. 10).
[[nodiscard]] constexpr double gyro_factory_trim_dps(std::uint8_t code, bool y_axis) {
  if (code == 0) return 0;
  const double dps = 25.0 * exponential((code - 1) * natural_logarithm(1.046));
  return y_axis ? -dps : dps;
}

/// Likewise of an accelerometer axis, g: 4096 * 0.34 * (0.92 / 0.34)^((code - 1) / (2^5 - 2)) counts
/// at +-8 g (RM p. 11).
[[nodiscard]] constexpr double accel_factory_trim_g(std::uint8_t code) {
  if (code == 0) return 0;
  return 0.34 * exponential((code - 1) / 30.0 * natural_logarithm(0.92 / 0.34));
}

}  // namespace fettle::simulator
