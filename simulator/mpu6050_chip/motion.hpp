// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

namespace fettle::simulator {

/// True motion at the sensor, before the chip: ax ay az in g, gx gy gz in deg/s, along the chip's
/// axes.
struct Motion {
  std::array<double, 6> axis{};
  double celsius = 25;
};

/// Called once for each step of the chip's clock, in order, awake or asleep: the steps add up to true
/// time. A step is 1 ms, or 1/8 ms while the gyroscope runs at 8 kHz, give or take the clock's error.
class MotionSource {
 public:
  virtual Motion next(double step_s) = 0;

 protected:
  ~MotionSource() = default;
};

}  // namespace fettle::simulator
