// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/sensor/sample.hpp"

namespace fettle {

/// Which numbers describe a window. The value is stored in model files.
enum class FeatureSet : std::uint8_t {
  tutorial = 1,  ///< mean, standard deviation and peak-to-peak of each axis, axis after axis
};

/// The most features that any set computes: what buffers are sized for.
inline constexpr std::size_t kMaxFeatures = 64;

/// A feature set as one detector uses it.
struct FeatureSpec {
  FeatureSet set = FeatureSet::tutorial;
  std::uint8_t axes = 6;  ///< 3 (accelerometer) or 6
  bool with_mean = true;  ///< false leaves out the mean of each axis, which is gravity: the tilt

  [[nodiscard]] constexpr std::size_t per_axis() const { return with_mean ? 3 : 2; }
  /// D, the number of features: 18 or 12 for six axes, 9 or 6 for three.
  [[nodiscard]] constexpr std::size_t dimensions() const { return per_axis() * axes; }
  [[nodiscard]] constexpr bool valid() const {
    return set == FeatureSet::tutorial && (axes == 3 || axes == 6);
  }
  friend bool operator==(const FeatureSpec&, const FeatureSpec&) = default;
};

/// Axis (0 to 5) that feature `index` is computed from.
[[nodiscard]] constexpr std::size_t feature_axis(const FeatureSpec& spec, std::size_t index) {
  return index / spec.per_axis();
}

/// "mean", "std" or "p2p": what feature `index` is.
[[nodiscard]] constexpr const char* feature_kind(const FeatureSpec& spec, std::size_t index) {
  constexpr std::array<const char*, 3> kinds = {"mean", "std", "p2p"};
  return kinds[index % spec.per_axis() + (spec.with_mean ? 0 : 1)];
}

/// True for a feature that carries gravity, that is, how the sensor is mounted.
[[nodiscard]] constexpr bool feature_is_mean(const FeatureSpec& spec, std::size_t index) {
  return spec.with_mean && index % spec.per_axis() == 0;
}

}  // namespace fettle
