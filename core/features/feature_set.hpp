// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/sensor/sample.hpp"

namespace fettle {

/// Which numbers describe a window. The value is stored in model files.
enum class FeatureSet : std::uint8_t {
  tutorial = 1,   ///< mean, standard deviation and peak-to-peak of each axis, axis after axis
  vibration = 2,  ///< kVibrationFeatures: blind to how the sensor is mounted
};

/// The most features that any set computes: what buffers are sized for.
inline constexpr std::size_t kMaxFeatures = 64;

/// What a feature of the vibration set measures, of the three axes of one sensor together.
enum class VibrationKind : std::uint8_t {
  level,          ///< ln of the RMS of all that moves
  impulsiveness,  ///< ln of RMS of the largest sixteenth of the samples over RMS of all
  direction,      ///< 1/3: shakes alike in all directions; 1: along one line
  centroid,       ///< mean frequency as a part of half the sampling rate, 0 to 1
  band,           ///< ln of the RMS of a band of frequencies
  order,          ///< ln of the RMS of the lines at multiples of the running speed
  rest,           ///< ln of the RMS of what belongs to no line
};

struct VibrationFeature {
  const char* name;
  bool gyroscope;
  VibrationKind kind;
  /// band: ends as parts of half the sampling rate, above `low` up to and with `high`.
  /// order: half the running speed, once, twice ... as 0.5, 1, 2; `low` and, where another line counts as
  /// well, `high`.
  float low = 0.0F, high = 0.0F;
  /// What the natural logarithm of a level rises by with that of the running speed: forces of unbalance go with
  /// its square, so 2 for what moves with the shaft, and 1 for the turning rate that comes of it; between
  /// them, 1.5, for what is mixed. Measured slopes of healthy machines were 1.5 to 2.
  float slope = 0.0F;
};

/// The vibration set in its order; three axes have the first kVibrationFeatures3 alone.
inline constexpr std::array<VibrationFeature, 20> kVibrationFeatures = {{
    {"level", false, VibrationKind::level, 0.0F, 0.0F, 1.5F},
    {"impulsiveness", false, VibrationKind::impulsiveness},
    {"direction", false, VibrationKind::direction},
    {"centroid", false, VibrationKind::centroid},
    {"band1", false, VibrationKind::band, 0.0F, 0.125F, 1.5F},
    {"band2", false, VibrationKind::band, 0.125F, 0.25F, 1.5F},
    {"band3", false, VibrationKind::band, 0.25F, 0.5F, 1.5F},
    {"band4", false, VibrationKind::band, 0.5F, 1.0F, 1.5F},
    {"half-orders", false, VibrationKind::order, 0.5F, 1.5F, 2.0F},
    {"1x", false, VibrationKind::order, 1.0F, 1.0F, 2.0F},
    {"2x", false, VibrationKind::order, 2.0F, 2.0F, 2.0F},
    {"3x", false, VibrationKind::order, 3.0F, 3.0F, 2.0F},
    {"rest", false, VibrationKind::rest, 0.0F, 0.0F, 1.5F},
    {"level", true, VibrationKind::level, 0.0F, 0.0F, 1.5F},
    {"impulsiveness", true, VibrationKind::impulsiveness},
    {"direction", true, VibrationKind::direction},
    {"half-orders", true, VibrationKind::order, 0.5F, 1.5F, 1.5F},
    {"1x", true, VibrationKind::order, 1.0F, 1.0F, 1.0F},
    {"2x", true, VibrationKind::order, 2.0F, 2.0F, 1.5F},
    {"rest", true, VibrationKind::rest, 0.0F, 0.0F, 1.5F},
}};
inline constexpr std::size_t kVibrationFeatures3 = 13;

/// What is measured of each axis by itself, beside the features, for whoever explains an alarm: no score knows it.
/// Natural logarithms of RMS, as the features are.
enum class AxisMeasure : std::uint8_t {
  level,  ///< of all that moves
  first,  ///< of the line at the running speed
  second  ///< of the line at twice that; where it is beyond half the sampling rate, folded back
};
inline constexpr std::size_t kAxisMeasures = 3;
inline constexpr std::size_t kMostAxisLevels = kAxisMeasures * kMaxAxes;

/// Where a measure of axis 0 to 5 stands.
[[nodiscard]] constexpr std::size_t axis_level_index(std::size_t axis, AxisMeasure measure) {
  return kAxisMeasures * axis + static_cast<std::size_t>(measure);
}

/// As VibrationFeature::slope.
[[nodiscard]] constexpr float axis_level_slope(std::size_t index) {
  const auto measure = static_cast<AxisMeasure>(index % kAxisMeasures);
  const bool gyroscope = index >= kAxisMeasures * 3;
  switch (measure) {
    case AxisMeasure::first: return gyroscope ? 1.0F : 2.0F;
    case AxisMeasure::second: return gyroscope ? 1.5F : 2.0F;
    default: return 1.5F;
  }
}

/// A feature set as one detector uses it.
struct FeatureSpec {
  FeatureSet set = FeatureSet::tutorial;
  std::uint8_t axes = 6;  ///< 3 (accelerometer) or 6
  /// false leaves out the mean of each axis, which is gravity: the tilt. Always false for vibration.
  bool with_mean = true;

  /// Tutorial: features of one axis.
  [[nodiscard]] constexpr std::size_t per_axis() const { return with_mean ? 3 : 2; }
  /// D, the number of features: 18 or 12 for six axes, 9 or 6 for three; vibration 20 and 13.
  [[nodiscard]] constexpr std::size_t dimensions() const {
    if (set == FeatureSet::vibration) {
      return axes == 6 ? kVibrationFeatures.size() : kVibrationFeatures3;
    }
    return per_axis() * axes;
  }
  /// Numbers of WindowSummary::axis_level that are of use.
  [[nodiscard]] constexpr std::size_t axis_levels() const {
    return set == FeatureSet::vibration ? kAxisMeasures * axes : 0;
  }
  [[nodiscard]] constexpr bool valid() const {
    if (axes != 3 && axes != 6) return false;
    return set == FeatureSet::tutorial || (set == FeatureSet::vibration && !with_mean);
  }
  /// Windows of these many samples can be described: a Fourier transform wants a power of two.
  [[nodiscard]] constexpr bool supports_window(std::uint32_t samples) const {
    if (set == FeatureSet::vibration) return samples == 64 || samples == 128 || samples == 256;
    return samples >= 2 && samples <= 4096;
  }
  friend bool operator==(const FeatureSpec&, const FeatureSpec&) = default;
};

/// Axis (0 to 5) that feature `index` is computed from; of the three that a vibration feature takes
/// together, the first.
[[nodiscard]] constexpr std::size_t feature_axis(const FeatureSpec& spec, std::size_t index) {
  if (spec.set == FeatureSet::vibration) return kVibrationFeatures[index].gyroscope ? 3 : 0;
  return index / spec.per_axis();
}

/// "ax" to "gz", or "accel" and "gyro" for the three axes together: where feature `index` comes from.
[[nodiscard]] constexpr const char* feature_source(const FeatureSpec& spec, std::size_t index) {
  if (spec.set == FeatureSet::vibration) {
    return kVibrationFeatures[index].gyroscope ? "gyro" : "accel";
  }
  return kAxisNames[feature_axis(spec, index)];
}

/// "mean", "std" or "p2p"; "level", "1x" ...: what feature `index` is.
[[nodiscard]] constexpr const char* feature_kind(const FeatureSpec& spec, std::size_t index) {
  if (spec.set == FeatureSet::vibration) return kVibrationFeatures[index].name;
  constexpr std::array<const char*, 3> kinds = {"mean", "std", "p2p"};
  return kinds[index % spec.per_axis() + (spec.with_mean ? 0 : 1)];
}

/// True for a feature that carries gravity, that is, how the sensor is mounted.
[[nodiscard]] constexpr bool feature_is_mean(const FeatureSpec& spec, std::size_t index) {
  return spec.with_mean && index % spec.per_axis() == 0;
}

/// What a change has to be at least to matter, in the feature's unit: a tenth of a sensor step, or half
/// a per cent of a level or share. No z-score divides by less.
[[nodiscard]] constexpr float feature_resolution(const FeatureSpec& spec, std::size_t index) {
  if (spec.set == FeatureSet::vibration) return 0.005F;
  return 0.1F * axis_lsb(feature_axis(spec, index));
}

}  // namespace fettle
