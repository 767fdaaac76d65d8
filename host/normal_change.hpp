// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "host/learning.hpp"

namespace fettle::host {

/// Where windows that are called normal fall into two groups.
struct NormalChange {
  std::string recording;  ///< in which the later group begins
  double at_s = 0.0;      ///< since its first row
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

/// The largest difference of a feature's mean between what is before and after some moment, at least a tenth of the
/// windows (and 20) on both sides; over all windows in order, and within each source. Deviations are those within the
/// groups, and what weeks bring besides (HealthyVariation). None below kChangeMatters: drift is reported, never
/// removed. Before that, set points at simple parts of each other: a loose mount shakes at half the running speed,
/// and what it does would be learned as a set point of its own.
/// @param table  of one label's windows, less their operating points if there are any (centred())
[[nodiscard]] std::optional<NormalChange> find_change(const WindowTable& table);

}  // namespace fettle::host
