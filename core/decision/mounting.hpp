// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/features/baseline.hpp"
#include "core/features/vibration.hpp"

namespace fettle {

/// Whether the sensor still sits as it did when normal running was learned. Two signs, each smoothed over some 64
/// windows: gravity has turned; or, for a turn about the vertical that gravity cannot show, the running speed's line is
/// divided among the axes in another way, and both accelerometer and gyroscope say so. A fault may do the second,
/// therefore it is never evidence, and an alarm goes before it.
class Mounting {
 public:
  /// @param baseline  must outlive this
  Mounting(const Baseline& baseline, const FeatureSpec& spec) : baseline_(baseline), spec_(spec) {}

  void follow_gravity(const WindowSummary& window);
  /// @param window  of steady running at a speed of this operating point
  void follow_axes(const WindowSummary& window, const OperatingPoint& point);

  [[nodiscard]] bool moved() const { return tilted_ || turned_; }
  /// Smoothed, length about 1; all 0 before the first window.
  [[nodiscard]] const std::array<float, 3>& gravity() const { return gravity_; }

 private:
  const Baseline& baseline_;
  FeatureSpec spec_;
  std::array<float, 3> gravity_{};
  std::array<float, kMaxAxes> line_{};  // log amplitude of each axis beside what was learned
  std::uint32_t windows_ = 0;           // in line_, at most as many as it remembers
  bool tilted_ = false;
  bool turned_ = false;
};

}  // namespace fettle
