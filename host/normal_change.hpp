// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "host/learning.hpp"

namespace fettle::host {

/// Where windows that are called normal fall into two groups, one after the other in time.
struct NormalChange {
  std::string recording;  ///< in which the later group begins
  double at_s = 0.0;      ///< since its first row
  std::size_t feature = 0;
  double before = 0.0, after = 0.0;  ///< its mean in both groups, less that of the operating point
  double deviations = 0.0;           ///< of the feature within the groups
};

/// A difference from which on somebody should look. Healthy machines of the simulated fleet stay below 2 within ten
/// minutes; half a recording with a fault that is due for repair lies above 4.
inline constexpr double kChangeMatters = 3.0;

/// The largest difference of a feature's mean between what is before and after some moment, at least a tenth of the
/// windows (and 20) on both sides; over all windows in order, and within each source. Deviations are those within the
/// groups, and what weeks bring besides (HealthyVariation). None below kChangeMatters: drift is reported, never
/// removed.
/// @param table  of one label's windows, less their operating points if there are any (centred())
[[nodiscard]] std::optional<NormalChange> find_change(const WindowTable& table);

}  // namespace fettle::host
