// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "simulator/signal/arithmetic.hpp"

namespace fettle::simulator {

/// One row of the table of DLPF_CFG (RM p. 13).
struct LowPassSetting {
  double accel_hz, accel_delay_ms;
  double gyro_hz, gyro_delay_ms;
  double gyro_rate_hz;
};

/// The accelerometer's rate is 1000 Hz throughout. 7 is reserved; it runs the gyroscope at 8 kHz, as
/// "DLPF_CFG = 0 or 7" in RM p. 12 says, and is taken for 0 in the rest.
inline constexpr std::array<LowPassSetting, 8> kLowPassTable = {{
    {260, 0.0, 256, 0.98, 8000},
    {184, 2.0, 188, 1.9, 1000},
    {94, 3.0, 98, 2.8, 1000},
    {44, 4.9, 42, 4.8, 1000},
    {21, 8.5, 20, 8.3, 1000},
    {10, 13.8, 10, 13.4, 1000},
    {5, 19.0, 5, 18.6, 1000},
    {260, 0.0, 256, 0.98, 8000},
}};

inline constexpr double kAccelRate_hz = 1000;  // RM p. 12

/// What kind of filter the chip has is not documented. The table's delays speak for one of first
/// order whose delay was measured at about 10 Hz, and a millisecond on top: atan(10 Hz / bandwidth) /
/// (2 pi 10 Hz) + 1 ms is within 0.25 ms of the gyroscope's six delays and within 0.45 ms of the
/// accelerometer's. A Butterworth filter of second order with 5 Hz would take 38 ms, not 19.
/// Digital by the bilinear transform, prewarped: half the power passes at `hz` exactly.
template <std::size_t kLanes>
class FirstOrderBank {
 public:
  void set(std::size_t lane, double hz, double rate_hz) {
    const SineCosine angle = sine_cosine_turns(0.5 * hz / rate_hz);
    const double w = angle.sine / angle.cosine;
    b_[lane] = w / (1.0 + w);
    a_[lane] = (1.0 - w) / (1.0 + w);
  }
  void step(const std::array<double, kLanes>& input) {
    for (std::size_t i = 0; i < kLanes; ++i) {
      output_[i] = b_[i] * (input[i] + before_[i]) + a_[i] * output_[i];
      before_[i] = input[i];
    }
  }
  [[nodiscard]] const std::array<double, kLanes>& output() const { return output_; }
  void clear() { before_ = output_ = {}; }
  /// As if `input` had been there forever.
  void settle(const std::array<double, kLanes>& input) { before_ = output_ = input; }

 private:
  std::array<double, kLanes> b_{}, a_{}, before_{}, output_{};
};

}  // namespace fettle::simulator
