// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>

namespace fettle::simulator {

/// A value on its way to another.
struct Ramp {
  double at_s = -std::numeric_limits<double>::infinity();
  double from = 0, to = 0;
  double ramp_s = 0;
  bool coasts = false;  ///< a shaft that friction and flow brake, instead of evenly

  [[nodiscard]] double value(double t_s) const;
};

}  // namespace fettle::simulator
