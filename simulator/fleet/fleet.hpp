// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "simulator/machine/parameters.hpp"
#include "simulator/machine/schedule.hpp"

namespace fettle::simulator {

inline constexpr int kFleetSize = 50;
inline constexpr double kDay_s = 86'400;
inline constexpr double kWeek_s = 7 * kDay_s;
inline constexpr double kBaseline_s = 600;
/// The rise over base at which a machine is due, mm/s of velocity RMS, 10 to 90 Hz: from "good" to
/// "satisfactory" of a small machine (ISO 10816-1, class I: 0.71 mm/s).
inline constexpr double kRise_mm_s = 0.7;

/// A speed at which the machine runs, and how it shakes there without any fault or disturbance.
struct SetPoint {
  double hz = 0;         ///< 15 to 90
  double base_mm_s = 0;  ///< velocity RMS, 10 to 90 Hz, as VelocityMeter measures
};

/// One machine of the simulated fleet, with what disturbs it: everything that was drawn for it, and
/// what was measured of it. Where a range is given it is drawn evenly, where two decades are spanned
/// evenly in its logarithm. `disturbance` multiplies what is marked with d; at 0 nothing disturbs.
///
/// A value type.
struct FleetMachine {
  int index = 0;
  double disturbance = 1;
  std::uint64_t seed = 0;  ///< of its random numbers

  /// The machine and its sensor; rated_hz is the highest set point, and residual_mm_s and flow are
  /// scaled until base_mm_s is what was drawn. Its mounting is one of the 24 right-angled ones, off by
  /// misalignment_deg.
  MachineParameters parameters{0};

  double base_mm_s = 0;  ///< at the usual set point: 0.5 to 3
  int set_points = 1;    ///< 1, 2 or 3
  std::array<SetPoint, 3> set_point{};
  int usual = 0;        ///< the set point where it is most of the time
  double change_s = 0;  ///< in which it goes from one set point to another: 2 to 10
  double wander = 0;    ///< bound of the slow wander of speed, part of it: 0.01 to 0.05 d
  double wander_s = 0;  ///< correlation time of the wander: 60 to 600

  double load = 0;        ///< each hour another load, 1 +- so much: 0.2 d
  double day_kelvin = 0;  ///< between day and night: 15 d
  double day_phase = 0;   ///< of the day at age 0, turns
  double trend = 0;       ///< vibration in four weeks, part of it: -0.1 d to 0.1 d

  double knocks_per_hour = 0;                   ///< on average, at random moments: 5 d
  double neighbour = 0;                         ///< its velocity RMS here, part of base_mm_s: 0.3 d
  double neighbour_hz = 0;                      ///< its shaft speed: 15 to 60
  std::array<double, 3> neighbour_direction{};  ///< along the machine's axes

  double starts_per_day = 0;  ///< 4 d
  double run_up_s = 0;        ///< 3 to 15
  double coast_s = 0;         ///< 10 to 60

  double misalignment_deg = 0;  ///< of the sensor, about an axis drawn at random: 0 to 10 d
  bool clone = false;           ///< one in five, drawn: not of the chip's maker
  double noise = 1;             ///< of the sensor, part of the data sheet's; of a clone 1 + d

  /// How bad a fault must be until velocity RMS at the usual set point has risen so far over base;
  /// measured. The largest severity that it looks at is 100.
  [[nodiscard]] double severity_at_rise(FaultKind fault, BearingDefect defect,
                                        double rise_mm_s) const;
  /// Velocity RMS at a set point without disturbances, mm/s; measured over 120 s of true motion.
  [[nodiscard]] double velocity_mm_s(double hz, const Faults& faults) const;
};

/// Machine number `index` of the fleet. The draws are the same at every disturbance, of 0 or more and
/// up to 4: it is the same machine in a better or worse place.
[[nodiscard]] FleetMachine draw_machine(std::uint64_t fleet_seed, int index,
                                        double disturbance = 1);

/// What happens to a machine from some age on. Times of the schedule are true seconds since the
/// life's beginning; age is counted from the beginning of the baseline.
struct FleetLife {
  double begin_s = 0;         ///< age when the life begins
  double duration_s = 0;      ///< true time
  std::uint64_t session = 0;  ///< of the random numbers
  double initial_speed = 1;   ///< part of the rated one, 0: begins at rest
  Schedule schedule;

  // Of the life of a fault.
  FaultKind fault = FaultKind::imbalance;
  double severity_at_limit = 0;  ///< when velocity has risen by kRise_mm_s at the usual set point
  double limit_s = kNever_s;     ///< when that is
};

/// Ten minutes of running without a fault, in equal parts at each set point. A start is in it as
/// often as starts_per_day says, which is seldom; time off is added.
[[nodiscard]] FleetLife baseline(const FleetMachine& machine);

/// Weeks without a fault, from the end of the baseline on.
[[nodiscard]] FleetLife normal(const FleetMachine& machine, double weeks = 4);

/// A life in which a fault begins and grows evenly. It begins at an age drawn from the first three
/// weeks; the fault does after 1 to 24 h; it grows for 6 h to 7 days until velocity RMS has risen by
/// 1.5 mm/s at the usual set point, and stays so for 2 h.
/// @param life which of many
[[nodiscard]] FleetLife growing(const FleetMachine& machine, FaultKind fault,
                                std::uint64_t life = 0);

/// `weeks` without a fault in which the sensor is taken off and put on again `times` times, at random
/// moments: turned by 10 to 90 degrees about one of its axes.
[[nodiscard]] FleetLife remounted(const FleetMachine& machine, double weeks = 1, int times = 3,
                                  std::uint64_t life = 0);

}  // namespace fettle::simulator
