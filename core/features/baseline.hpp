// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/features/feature_set.hpp"
#include "core/math.hpp"

namespace fettle {

/// Most set points that one model holds.
inline constexpr std::size_t kMostOperatingPoints = 8;

/// One way in which the machine runs normally.
struct OperatingPoint {
  /// Running speeds that belong to it, margin included. All 0: whatever the speed.
  float low_hz = 0.0F;
  float high_hz = 0.0F;
  float centre_hz = 0.0F;            ///< speed that `mean` is for
  std::span<const float> mean;       ///< [D] features there; lies in the model's file
  std::span<const float> axis_mean;  ///< [spec.axis_levels()] of each axis by itself, likewise
};

/// What was learned about where a normal machine is, so that a window from elsewhere is not judged by
/// what was never seen. A view of the model's file. No points: every window is judged.
struct Baseline {
  std::array<OperatingPoint, kMostOperatingPoints> point{};
  std::uint8_t points = 0;
  float off_g = 0.0F;  ///< accelerometer RMS below which the machine is off
  /// A speed whose confidence is below says nothing.
  float confidence = 0.0F;
  /// Largest ratio of the speeds of neighbouring windows that is steady running.
  float steady_ratio = 1.0F;
  /// Evidence is lowered by so many deviations at speeds that were not learned.
  float margin = 0.0F;
  std::array<float, 3> gravity{};  ///< direction, length 1; all 0: not known
  float moved_cosine = -1.0F;      ///< of the angle from which on the sensor was moved

  [[nodiscard]] bool knows_speed() const { return points > 0 && point[0].high_hz > 0.0F; }
};

/// A speed further than this from an operating point's, as a difference of natural logarithms, is corrected for no
/// further.
inline constexpr float kFurthestSpeed = 0.25F;

/// How far a speed is from an operating point's, as far as levels are corrected for it.
/// @param hz  0: not known
[[nodiscard]] inline float speed_off(const OperatingPoint& point, float hz) {
  if (!(hz > 0.0F) || !(point.centre_hz > 0.0F)) return 0.0F;
  const float off = natural_log(hz / point.centre_hz);
  return off > kFurthestSpeed ? kFurthestSpeed : off < -kFurthestSpeed ? -kFurthestSpeed : off;
}

/// True for a line that has left the spectrum, at this speed or at the speed that the operating point was learned
/// at: there is nothing to compare it with.
[[nodiscard]] inline bool says_nothing(const VibrationFeature& feature, const OperatingPoint& point,
                                       float hz, float rate_hz) {
  if (feature.kind != VibrationKind::order || feature.low <= 1.0F) return false;
  const float faster = hz > point.centre_hz ? hz : point.centre_hz;
  return feature.low * faster > 0.475F * rate_hz;
}

/// What is left of a window's features when what was learned of its operating point is taken away: the mean, and
/// what another speed makes of levels (VibrationFeature::slope). A line that has left the spectrum says nothing.
/// @param[in,out] features  [D]  @param hz  estimated speed; 0: not known  @param rate_hz  of samples
inline void take_away(const OperatingPoint& point, const FeatureSpec& spec, float hz, float rate_hz,
                      std::span<float> features) {
  const float off = speed_off(point, hz);
  const bool by_speed = spec.set == FeatureSet::vibration && point.centre_hz > 0.0F;
  for (std::size_t i = 0; i < features.size(); ++i) {
    features[i] -= point.mean[i];
    if (!by_speed) continue;
    const VibrationFeature& feature = kVibrationFeatures[i];
    features[i] -= feature.slope * off;
    if (says_nothing(feature, point, hz, rate_hz)) features[i] = 0.0F;
  }
}

/// Likewise of what each axis feels by itself. Without a speed the lines say nothing.
/// @param[in,out] levels  [spec.axis_levels()]  @param point  its axis_mean has as many
inline void take_away_axes(const OperatingPoint& point, float hz, std::span<float> levels) {
  const float off = speed_off(point, hz);
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const bool line = i % kAxisMeasures != static_cast<std::size_t>(AxisMeasure::level);
    levels[i] -= point.axis_mean[i] + axis_level_slope(i) * off;
    if (line && hz == 0.0F) levels[i] = 0.0F;
  }
}

/// Whether two speeds of a machine are further apart than steady running makes them. A line's place is known to about
/// half a bin, so what is within one means nothing.
/// @param hz, before_hz  0: not known, and so no sign of a change  @param ratio  that is steady  @param bin_hz  of a window
[[nodiscard]] constexpr bool speeds_differ(float hz, float before_hz, float ratio, float bin_hz) {
  if (!(hz > 0.0F) || !(before_hz > 0.0F)) return false;
  const float faster = hz > before_hz ? hz : before_hz;
  const float slower = hz > before_hz ? before_hz : hz;
  return faster > ratio * slower && faster - slower > bin_hz;
}

/// Which operating point a speed belongs to, and how far outside of it that is.
struct Place {
  std::uint8_t point = 0;
  float outside = 1.0F;  ///< ratio to the nearest speed that was learned, 1 within
};

/// @param hz  above 0  @param baseline  knows_speed()
[[nodiscard]] inline Place place_of(const Baseline& baseline, float hz) {
  Place best{0, 1e30F};
  for (std::uint8_t i = 0; i < baseline.points; ++i) {
    const OperatingPoint& point = baseline.point[i];
    const float below = point.low_hz / hz;
    const float above = hz / point.high_hz;
    const float outside = below > above ? below : above;
    if (outside < best.outside) best = {i, outside};
  }
  if (best.outside < 1.0F) best.outside = 1.0F;
  return best;
}

/// Windows that are waited after one that cannot be judged, until the machine is taken to be itself again.
inline constexpr std::uint32_t kSettlingWindows = 2;

}  // namespace fettle
