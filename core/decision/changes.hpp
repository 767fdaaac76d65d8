// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/features/feature_set.hpp"
#include "core/math.hpp"

namespace fettle {

/// The most features that an explanation remembers: no set has more.
inline constexpr std::size_t kMostExplained = 20;
static_assert(kVibrationFeatures.size() <= kMostExplained &&
              FeatureSpec{}.dimensions() <= kMostExplained);

/// How the machine differs from what was learned, on average over the windows in which evidence gathers: what an
/// alarm is explained by. 170 bytes however long that takes; older windows are forgotten, so that a fault which has
/// grown for days is described as it is now.
class Changes {
 public:
  /// Windows that the average reaches back; about 40 s at 128 samples of 200 Hz.
  static constexpr std::uint32_t kReach = 64;

  /// @param z      [D] z-scores of a window  @param axes  what take_away_axes() left of its levels, or empty
  /// @param point  operating point that it was compared with  @param clear  its running speed is
  void add(std::span<const float> z, std::span<const float> axes, std::uint8_t point,
           bool clear = true) {
    for (const float value : z) {
      if (!is_finite(value)) return;
    }
    if (windows_ < 0xFFFFFFFFU) ++windows_;
    point_ = point;
    const float weight = 1.0F / static_cast<float>(std::min(windows_, kReach));
    clear_ += weight * ((clear ? 1.0F : 0.0F) - clear_);
    for (std::size_t i = 0; i < z.size(); ++i) z_[i] += weight * (z[i] - z_[i]);
    for (std::size_t i = 0; i < axes.size(); ++i) axis_[i] += weight * (axes[i] - axis_[i]);
  }
  /// Evidence is at rest.
  void restart() { *this = {}; }

  [[nodiscard]] std::uint32_t windows() const { return windows_; }
  [[nodiscard]] std::uint8_t point() const { return point_; }
  /// Part of the windows whose running speed is clear, 0 to 1: of the others lines say nothing.
  [[nodiscard]] float clear() const { return clear_; }
  /// Mean z-scores, in the order of the features.
  [[nodiscard]] const std::array<float, kMostExplained>& z() const { return z_; }
  /// Mean changes of WindowSummary::axis_level.
  [[nodiscard]] const std::array<float, kMostAxisLevels>& axis() const { return axis_; }

 private:
  std::array<float, kMostExplained> z_{};
  std::array<float, kMostAxisLevels> axis_{};
  float clear_ = 0.0F;
  std::uint32_t windows_ = 0;
  std::uint8_t point_ = 0;
};

}  // namespace fettle
