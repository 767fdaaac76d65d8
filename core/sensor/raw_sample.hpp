// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/sensor/sample.hpp"

namespace fettle {

/// One reading as the sensor's converter gives it: ax, ay, az, gx, gy, gz in counts.
using RawSample = std::array<std::int16_t, kMaxAxes>;

/// Full-scale ranges of an MPU6050. The values are those of the chip's AFS_SEL and FS_SEL fields, of
/// frames and of card records.
enum class AccelerometerRange : std::uint8_t { g2 = 0, g4 = 1, g8 = 2, g16 = 3 };
enum class GyroscopeRange : std::uint8_t { dps250 = 0, dps500 = 1, dps1000 = 2, dps2000 = 3 };

struct Ranges {
  AccelerometerRange accelerometer = AccelerometerRange::g2;
  GyroscopeRange gyroscope = GyroscopeRange::dps250;

  friend bool operator==(const Ranges&, const Ranges&) = default;
};

/// Counts a g: 16384, 8192, 4096, 2048 (MPU-6000 PS rev 3.4, 6.2, p. 13).
[[nodiscard]] constexpr float counts_per_g(AccelerometerRange range) {
  constexpr std::array<float, 4> counts = {16384.0F, 8192.0F, 4096.0F, 2048.0F};
  return counts[static_cast<std::size_t>(range)];
}
/// Counts a deg/s: 131, 65.5, 32.8, 16.4 (MPU-6000 PS rev 3.4, 6.1, p. 12).
[[nodiscard]] constexpr float counts_per_dps(GyroscopeRange range) {
  constexpr std::array<float, 4> counts = {131.0F, 65.5F, 32.8F, 16.4F};
  return counts[static_cast<std::size_t>(range)];
}

/// Counts to g and deg/s. The one place where that happens: board, host and card reader get the same
/// bits from the same counts.
[[nodiscard]] constexpr Sample physical(const RawSample& raw, const Ranges& ranges) {
  Sample sample;
  for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
    const float counts =
        axis < 3 ? counts_per_g(ranges.accelerometer) : counts_per_dps(ranges.gyroscope);
    sample.axis[axis] = static_cast<float>(raw[axis]) / counts;
  }
  return sample;
}

/// A count at the end of the converter's range: the true value lies beyond.
[[nodiscard]] constexpr bool clipped(std::int16_t count) {
  return count == INT16_MAX || count == INT16_MIN;
}

}  // namespace fettle
