// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "core/features/baseline.hpp"
#include "core/features/vibration.hpp"

namespace fettle {

/// A machine that runs nearby, as it comes through the floor: a line at its running speed and one at twice that, along
/// one direction. It hardly turns the sensor, so the gyroscope does not feel it.
struct Neighbour {
  float hz = 0.0F;
  float mean_square = 0.0F;  ///< of both lines together, g^2
  std::size_t axis = 0;      ///< of the accelerometer that it shakes along, 0 to 2
};

/// Part of a neighbour's power that is in its second line: 0.4 of the amplitude.
inline constexpr float kNeighbourSecond = 0.16F / 1.16F;
/// RMS velocity of a neighbour, as a part of the machine's where that is strongest: as in the simulated
/// fleet (simulator/fleet/fleet.hpp).
inline constexpr float kNeighbourLevel = 0.3F;
/// Speeds that neighbours run at: motors of two to eight poles at 50 or 60 Hz.
inline constexpr float kNeighbourLowest_hz = 12.0F;
inline constexpr float kNeighbourHighest_hz = 60.0F;
/// So many speeds between them are looked at, evenly in their logarithm.
inline constexpr std::size_t kNeighbourSpeeds = 24;
/// Of one operating point: along three axes, starting and stopping.
inline constexpr std::size_t kMovesOfPoint = kNeighbourSpeeds * 3 * 2;

/// What is to be known of a window to say what a neighbour would make of it.
struct NeighbourView {
  WindowShape window;
  float speed_hz = 0.0F;               ///< 0: not known
  std::span<const float> axis_levels;  ///< [spec.axis_levels()]
};

/// What vibration features become when a neighbour starts: powers add, because phases are not known. Compared with
/// features of samples that hold the lines in tests/property/neighbour_test.cpp.
/// @param[in,out] features  [D], not centred
void add_neighbour(const Neighbour& neighbour, const NeighbourView& view,
                   std::span<float> features);

/// What they become when one stops that has been part of them: no more is taken than seven eighths of any feature's
/// power, which is a fall by 1.
void take_neighbour_away(const Neighbour& neighbour, const NeighbourView& view,
                         std::span<float> features);

/// Floats that neighbour_moves() writes. None without a gyroscope or a running speed to tell the machine's own shaking
/// by: what a neighbour does then looks like what a fault does, and a fault must not be hidden (a coin on the blade of
/// a ceiling fan, tests/end_to_end/real_machines_test.cpp).
[[nodiscard]] inline std::size_t neighbour_floats(const FeatureSpec& spec,
                                                  const Baseline& baseline) {
  const bool known = spec.set == FeatureSet::vibration && spec.axes == 6 && baseline.knows_speed();
  return known ? baseline.points * kMovesOfPoint * spec.dimensions() : 0;
}

/// How neighbours of kNeighbourLevel move the features of a machine, which its recording need not show: one that starts
/// and one that stops, at each speed, along each axis, at each operating point.
/// @param moves  neighbour_floats() out: [points][kMovesOfPoint][D] differences to the point's mean
void neighbour_moves(const FeatureSpec& spec, const WindowShape& window, const Baseline& baseline,
                     std::span<float> moves);

}  // namespace fettle
