// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "simulator/signal/arithmetic.hpp"
#include "simulator/signal/random.hpp"

namespace fettle::simulator {

/// Evenly in its logarithm.
inline double log_uniform(Random& random, double low, double high) {
  return low * exponential(random.uniform() * natural_logarithm(high / low));
}

/// Until the next of events that come at random moments: Poisson's process.
inline double waiting_time(Random& random, double mean) {
  return -mean * natural_logarithm(random.uniform() + 0x1p-54);
}

/// The same way, 1 long.
inline std::array<double, 3> unit(const std::array<double, 3>& v) {
  const double length = square_root(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  return {v[0] / length, v[1] / length, v[2] / length};
}

/// A direction in space, all alike; its length is 1.
inline std::array<double, 3> direction(Random& random) {
  const double x = random.gaussian();
  const double y = random.gaussian();
  const double z = random.gaussian();
  return unit({x, y, z});
}

}  // namespace fettle::simulator
