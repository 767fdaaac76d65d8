// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "simulator/signal/filter.hpp"

namespace fettle::simulator {

/// Vibration velocity RMS within 10 to 90 Hz, of acceleration along three axes. It is the root of the
/// sum of the three axes' mean squares, so that turning the sensor changes nothing (ISO 20816-1
/// takes the largest of the axes, which is 0 to 42 % less).
///
/// Butterworth band-pass of 4th order on each side, 3 dB down at 10 and at 90 Hz, made digital with
/// the bilinear transform; one zero at 0 Hz of the high-pass is taken by the integration. The
/// integrator is T (1 - b + b / z) / (1 - 1 / z) with 2 b (1 - b) = 1/6, whose gain leaves 1 / w only
/// with the fourth power of frequency: by 0.1 % at a tenth of the rate, 3 % at three tenths.
///
/// A value type without heap.
class VelocityMeter {
 public:
  static constexpr double kLow_hz = 10;
  static constexpr double kHigh_hz = 90;
  /// Until the filters have forgotten gravity to 1e-6 mm/s: not measured.
  static constexpr double kSettle_s = 1.5;

  /// @param rate_hz of the samples, above 180. With few samples a turn, at 200 Hz, velocity above
  ///                60 Hz is more than 3 % too large, and what folds back counts as if it were true.
  explicit VelocityMeter(double rate_hz);

  void add(const std::array<double, 3>& acceleration_g);

  /// mm/s, over what was added since the filters settled or since restart(); 0 of nothing.
  [[nodiscard]] double rms_mm_s() const;
  /// What the sum stands for; 0 of nothing.
  [[nodiscard]] double mean_square() const;
  /// From now on a new mean; the filters go on.
  void restart();

 private:
  BiquadBank<3> high_, integrated_, low_, lower_;
  std::int64_t settle_ = 0;
  std::int64_t count_ = 0;
  double sum_ = 0;
};

}  // namespace fettle::simulator
