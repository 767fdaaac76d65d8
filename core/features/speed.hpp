// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace fettle {

/// Where the running speed is looked for, Hz. Below 13 Hz a machine on its mount rocks.
struct SpeedBand {
  float low_hz = 13.0F;
  float high_hz = 95.0F;
};

/// Lines below so many bins blur with their own halves and with what is left of a drift: none is a running speed.
inline constexpr std::size_t kLowestBin = 4;

/// Speeds that a machine was seen to run at.
struct SpeedRange {
  float low_hz = 0.0F;
  float high_hz = 0.0F;
};

/// The running speed of a window as far as its spectrum tells.
struct RunningSpeed {
  float hz = 0.0F;  ///< 0: no line in the band
  /// Part of the power within kLineReach_bins of the speed that its surroundings do not explain: 0 to 1.
  float confidence = 0.0F;
};

/// How far from a line's frequency its power spreads under Hann's window, in bins.
inline constexpr float kLineReach_bins = 2.0F;
/// A line within the speeds that were learned counts so many times,
inline constexpr float kFavour = 4.0F;
/// and beats all others if its plain amplitude is this part of the largest.
inline constexpr float kPlain = 0.25F;

/// The line that best explains the spectrum as its fundamental: the peak with the largest amplitude at
/// once + 1/2 at twice + 1/3 at three times its frequency. Amplitudes are above the background (the median of
/// the bins around, the line itself left out), in its unit: a mount that rocks is a hump, not a line. Where another
/// line than the first is the largest, only who knows where to look finds the first.
///
/// What a machine was seen to run at is likelier than what a neighbour or a fault puts beside it, so such a line
/// counts kFavour times: of the windows of six simulated machines beside running neighbours the speed was
/// right within 3 % in 33 to 100 % without, and in 99.6 % or more with it. Where half-orders fill the spectrum there is no
/// background to be above of; so among the learned speeds a line that is large in itself is taken at once.
///
/// Between bins the frequency follows from the ratio of a peak and its larger neighbour, which for Hann's window
/// is (1 + d)/(2 - d) at d bins between the two (Grandke 1983): within 0.1 Hz for a line 20 dB above the noise
/// at 128 samples of 200 Hz (tests/property/speed_test.cpp).
/// @param power  [n/2 + 1] power under Hann's window, bin 0 first, not negative; at most 129
/// @param bin_hz  from bin to bin  @param learned  may be empty
[[nodiscard]] RunningSpeed estimate_speed(std::span<const float> power, float bin_hz,
                                          std::span<const SpeedRange> learned = {},
                                          const SpeedBand& band = {});

}  // namespace fettle
