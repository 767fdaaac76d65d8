// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace fettle {

/// Where the running speed is looked for, Hz.
struct SpeedBand {
  float low_hz = 10.0F;
  float high_hz = 95.0F;
};

/// The running speed of a window as far as its spectrum tells.
struct RunningSpeed {
  float hz = 0.0F;  ///< 0: no line in the band
  /// Part of the power that lies in the lines at once, twice and three times the speed, beyond what
  /// noise would put there: 0 (noise) to 1 (nothing but these lines).
  float confidence = 0.0F;
};

/// How far from a line's frequency its power spreads under Hann's window, in bins.
inline constexpr float kLineReach_bins = 2.0F;

/// The line that best explains the spectrum as its fundamental: the peak with the largest amplitude at
/// once + 1/2 at twice + 1/3 at three times its frequency. A machine whose second line is the largest is
/// so found as long as the first is about half of it, and a line at half the speed (looseness) is not
/// taken for the fundamental unless it reaches half of that. Between bins the frequency follows from the
/// ratio of a peak and its larger neighbour, which for Hann's window is (1 + d)/(2 - d) at d bins
/// between the two (Grandke 1983): within 0.1 Hz for a line 20 dB above the noise at 128 samples of
/// 200 Hz (tests/property/speed_test.cpp).
/// @param power  [n/2 + 1] power under Hann's window, bin 0 first, not negative
/// @param bin_hz  from bin to bin
[[nodiscard]] RunningSpeed estimate_speed(std::span<const float> power, float bin_hz,
                                          const SpeedBand& band = {});

}  // namespace fettle
