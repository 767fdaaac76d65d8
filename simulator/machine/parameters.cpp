// SPDX-License-Identifier: Apache-2.0
#include "simulator/machine/parameters.hpp"

#include <cstddef>

#include "simulator/machine/streams.hpp"
#include "simulator/signal/arithmetic.hpp"

namespace fettle::simulator {

Rotation rotation(double x_turns, double y_turns, double z_turns) {
  const auto [sx, cx] = sine_cosine_turns(x_turns);
  const auto [sy, cy] = sine_cosine_turns(y_turns);
  const auto [sz, cz] = sine_cosine_turns(z_turns);
  return {{{cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx},
           {sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx},
           {-sy, cy * sx, cy * cx}}};
}

Rotation compose(const Rotation& after, const Rotation& before) {
  Rotation both{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t k = 0; k < 3; ++k) {
      for (std::size_t j = 0; j < 3; ++j) both[i][j] += after[i][k] * before[k][j];
    }
  }
  return both;
}

MachineParameters::MachineParameters(std::uint64_t seed) {
  Random random(seed, kDrawn);
  rated_hz = random.uniform(26, 36);
  blades = 3 + 2 * static_cast<int>(random.uniform(0, 3));
  hum_hz = random.uniform() < 0.5 ? 100 : 120;
  residual_mm_s = random.uniform(4.0, 6.3);  // ISO 21940-11:2016, table 1: fans G 6.3, e w in mm/s
  rotor_share = random.uniform(0.2, 0.3);
  residual_turns = random.uniform();
  heavy_spot_turns = residual_turns + random.uniform(-1.0, 1.0) / 6.0;
  mount_hz = random.uniform(7, 10);
  mount_damping = random.uniform(0.10, 0.15);
  for (double& hz : rocking_hz) hz = random.uniform(9, 14);
  rocking_damping = random.uniform(0.10, 0.15);
  lever_per_m = random.uniform(0.025, 0.035) / (0.06 * 0.06);
  for (double& hz : structure_hz) hz = random.uniform(210, 330);
  structure_damping = random.uniform(0.03, 0.05);
  const double degree = 1.0 / 360.0;
  const double x = random.uniform(-10, 10) * degree;
  const double y = random.uniform(-10, 10) * degree;
  const double z = random.uniform(-10, 10) * degree;
  mounting = rotation(x, y, z);
  // Within the data sheet's initial tolerances (MPU-6000 PS rev 3.4, 6.1 and 6.2: 50 and 80 mg,
  // 20 dps) and its change over temperature (35 to 60 mg over 70 K, 20 dps over 125 K).
  for (std::size_t axis = 0; axis < 6; ++axis) {
    offset[axis] = axis < 3 ? random.uniform(-0.02, 0.02) : random.uniform(-4, 4);
    offset_per_kelvin[axis] =
        axis < 3 ? random.uniform(-0.0006, 0.0006) : random.uniform(-0.08, 0.08);
  }
  clock_error = random.uniform(-0.01, 0.01);
}

}  // namespace fettle::simulator
