// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace fettle {

inline constexpr std::size_t kMaxAxes = 6;

/// One reading of the sensor in physical units: ax, ay, az in g, then gx, gy, gz in deg/s. With
/// three axes the last three are zero and ignored.
struct Sample {
  std::array<float, kMaxAxes> axis{};

  friend bool operator==(const Sample&, const Sample&) = default;
};

/// A sample and when it was taken, in microseconds since any fixed moment.
struct TimedSample {
  std::int64_t t_us = 0;
  Sample sample;

  friend bool operator==(const TimedSample&, const TimedSample&) = default;
};

/// One step of an MPU6050 at its most sensitive range, the natural unit of "too small to matter".
inline constexpr float kAccelerometerLsb_g =
    1.0F / 16384.0F;                                       // MPU-6000 PS rev 3.4, 6.2, AFS_SEL=0
inline constexpr float kGyroscopeLsb_dps = 1.0F / 131.0F;  // MPU-6000 PS rev 3.4, 6.1, FS_SEL=0

/// Size of one sensor step on an axis (0 to 5), in that axis' unit.
[[nodiscard]] constexpr float axis_lsb(std::size_t axis) {
  return axis < 3 ? kAccelerometerLsb_g : kGyroscopeLsb_dps;
}

/// "ax" ... "gz", in the order of Sample::axis.
inline constexpr std::array<const char*, kMaxAxes> kAxisNames = {"ax", "ay", "az",
                                                                 "gx", "gy", "gz"};

}  // namespace fettle
