// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/features/baseline.hpp"
#include "core/features/feature_set.hpp"
#include "core/features/fourier.hpp"
#include "core/features/speed.hpp"
#include "core/math.hpp"
#include "core/sensor/sample.hpp"
#include "core/window/window_cutter.hpp"

namespace fettle {

/// What a window says beside its features: whether it can be judged at all.
struct WindowSummary {
  RunningSpeed speed;
  float accelerometer_rms_g = 0.0F;  ///< of all that moves, three axes together
  float gyroscope_rms_dps = 0.0F;    ///< likewise; 0 with three axes
  std::array<float, 3> gravity_g{};  ///< mean of ax, ay, az
  float gravity_size_g = 0.0F;       ///< its length
  /// Of each axis by itself, [spec.axis_levels()] at axis_level_index().
  std::array<float, kMostAxisLevels> axis_level{};
  std::uint32_t clipped = 0;    ///< readings at the end of a sensor's range, over all axes
  std::uint32_t repaired = 0;   ///< spikes taken out, over all axes
  std::uint8_t stuck_axes = 0;  ///< bit i: axis i never changed
  bool finite = true;           ///< false: a reading was no number, and no feature is one
};

/// Noise of the MPU6050 on one axis: what a silent band holds (MPU-6000 PS rev 3.4, 6.1 and 6.2).
inline constexpr float kAccelerometerNoise_g_rtHz = 400e-6F;
inline constexpr float kGyroscopeNoise_dps_rtHz = 0.005F;

/// Lines that features know: multiples of half the running speed, up to three times the speed.
inline constexpr std::size_t kHalfOrders = 6;
/// Under Hann's window a line spreads over so many bins, whose noise comes with it.
inline constexpr float kLineWidth_bins = 5.0F;
/// Bands and lines below this part of all power do not matter; 3 % of the amplitude.
inline constexpr float kFaintestPart = 1e-3F;

/// Which of these lines a bin of the spectrum belongs to: 1 to kHalfOrders; 0: none.
/// @param half_bins  half the running speed; 0: not known
[[nodiscard]] constexpr std::size_t half_order_of(float bin, float half_bins) {
  if (!(half_bins > 0.0F)) return 0;
  const auto nearest = static_cast<std::size_t>(bin / half_bins + 0.5F);
  const float distance = absolute(bin - static_cast<float>(nearest) * half_bins);
  return nearest <= kHalfOrders && distance <= kLineReach_bins ? nearest : 0;
}

/// The last samples of a stream, and the vibration features of the window that they end with. One ring
/// serves all windows that overlap: 6 KB. finish() takes 9 KB of stack.
///
/// On the way, for the accelerometer's and the gyroscope's three axes each:
/// 1. spikes repaired (core/features/spikes.hpp), mean and linear trend taken off each axis: gravity gone;
/// 2. C, the 3 x 3 covariance, and |x(i)|^2 at each sample: level = ln sqrt(trace C), direction =
///    trace(C C) / (trace C)^2, impulsiveness from the sixteenth of the samples with the largest |x|^2, the
///    very largest left out in case it is a spike that was not recognised;
/// 3. Hann's window and Fourier transform of each axis; S(k), the sum of the three power spectra, in unit^2,
///    so that the sum over k is the mean square: bands and centroid;
/// 4. running speed from both sensors' S(k), each in units of its noise, added; a bin belongs to the nearest
///    multiple of half the speed if it lies within 2 bins of it, otherwise to the rest;
/// 5. of each axis by itself its variance, and the power of its own spectrum within 2 bins of once and twice the
///    speed; each with a third of the P0 below, so that three axes add up to the features.
///
/// Traces and lengths are the same in every system of coordinates: turning the sensor changes features by
/// rounding only (tests/property/vibration_test.cpp). Every logarithm is 0.5 ln(P + P0), with P0 the noise
/// that the sensor has in that band anyway and, for bands and lines, a thousandth of all power, so what is
/// silent is no huge negative number.
/// Result within 1e-4 of a float64 computation (NumPy and SciPy: tests/golden/vibration_*).
class VibrationExtractor {
 public:
  static constexpr std::size_t kLongest = kLongestFourier;

  VibrationExtractor() = default;
  /// spec.set is vibration, spec.supports_window(window.samples) true.
  VibrationExtractor(const FeatureSpec& spec, const WindowShape& window)
      : spec_(spec), samples_(window.samples), rate_hz_(window.rate_hz) {}

  void add(const Sample& sample) {
    ring_[next_] = sample;
    next_ = next_ + 1 < kLongest ? next_ + 1 : 0;
  }

  /// Speeds at which the machine was learned, where its line is looked for first; at most
  /// kMostOperatingPoints.
  void expect(std::span<const SpeedRange> learned) {
    learned_ = std::min(learned.size(), ranges_.size());
    for (std::size_t i = 0; i < learned_; ++i) ranges_[i] = learned[i];
  }

  /// Features of the last `samples` samples added, [D]; at least so many were added.
  void finish(std::span<float> features, WindowSummary& summary) const;

 private:
  FeatureSpec spec_;
  std::size_t samples_ = 0;
  float rate_hz_ = 0.0F;
  std::size_t next_ = 0;
  std::array<SpeedRange, kMostOperatingPoints> ranges_{};
  std::size_t learned_ = 0;
  std::array<Sample, kLongest> ring_{};
};

}  // namespace fettle
