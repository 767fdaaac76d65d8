// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "host/learning.hpp"

namespace fettle::host {

/// Where windows that are called normal fall into two groups.
struct NormalChange {
  std::string recording;  ///< in which the later group begins
  double at_s = 0.0;      ///< since its first row
  double seconds = 0.0;   ///< that the later group lasts; 0: to the end
  std::size_t feature = 0;
  double before = 0.0, after = 0.0;  ///< its mean in both groups, less that of the operating point
  double deviations = 0.0;           ///< of the feature within the groups
  /// Set where set points were found that are one half, a third or two thirds of each other: features say
  /// nothing then.
  double speed_before_hz = 0.0, speed_after_hz = 0.0;
};

/// A difference from which on somebody should look. Of sixteen healthy machines of the simulated fleet fifteen stay
/// below 2 within ten minutes, one reaches 4; half a recording with an imbalance or bearing that is due for repair lies
/// above 3.5. Tutorial features see set points as well: 3 to 20.
inline constexpr double kChangeMatters = 3.0;

/// The largest difference of a feature's mean between what is before and after some moment, or inside and outside some
/// stretch, at least a tenth of the windows (and 20) in both; over all windows in order, and within each source.
/// Deviations are those within the groups, and what weeks bring besides (HealthyVariation). None below kChangeMatters: drift is reported, never
/// removed. Before that, set points at simple parts of each other: a loose mount shakes at half the running speed,
/// and what it does would be learned as a set point of its own.
/// @param table  of one label's windows, less their operating points if there are any (centred())
[[nodiscard]] std::optional<NormalChange> find_change(const WindowTable& table);

/// A stretch of windows that a detector without it finds strange.
struct OddStretch {
  std::string recording;
  double at_s = 0.0;     ///< since its first row
  double seconds = 0.0;  ///< that it lasts
  double times = 0.0;    ///< its median score as a multiple of that of all windows
};

/// Times the median score, from which on a window is odd.
inline constexpr float kOdd = 6.0F;

/// The strangest stretch of at least three windows in a row that each score kOdd times the median. Of the ten minutes
/// of 50 machines of the simulated fleet (seed 2033), with neighbours and knocks, one has such a stretch.
/// @param rows, scores  windows, and what detectors say of them that were trained without them (cross_fit())
[[nodiscard]] std::optional<OddStretch> find_odd_stretch(const WindowTable& table,
                                                         std::span<const std::uint32_t> rows,
                                                         std::span<const float> scores);

}  // namespace fettle::host
