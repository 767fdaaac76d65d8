// SPDX-License-Identifier: Apache-2.0
#include "simulator/fleet/draws.hpp"
#include "simulator/fleet/fleet.hpp"
#include "simulator/fleet/velocity_meter.hpp"
#include "simulator/machine/motion.hpp"

namespace fettle::simulator {
namespace {

constexpr double kStep_hz = 1000;
constexpr double kBlock_hz = 25;
constexpr int kBlockSteps = 40;
constexpr double kMeasured_s = 120;  // a loose mount is never twice the same for seconds
constexpr double kWorstSeverity = 100;
constexpr double kApart = 0.1;     // of two set points, part of the highest
constexpr double kLowest = 0.5;    // set point, part of the highest
constexpr double kLowest_hz = 15;  // ... of any machine
constexpr double kHighest_hz = 90;

/// The highest comes first; none is near another.
void draw_set_points(Random& random, FleetMachine& machine) {
  machine.set_points = 1 + static_cast<int>(random.uniform(0, 3));
  const double lowest_hz =  // so that there is room for the others
      kLowest_hz * (machine.set_points == 1   ? 1.0
                    : machine.set_points == 2 ? 1.2
                                              : 1.4);
  const double highest_hz = random.uniform(lowest_hz, kHighest_hz);
  machine.set_point[0].hz = highest_hz;
  const double low_hz = highest_hz * kLowest > kLowest_hz ? highest_hz * kLowest : kLowest_hz;
  for (int i = 1; i < machine.set_points;) {
    const double hz = random.uniform(low_hz, highest_hz * (1.0 - kApart));
    bool apart = true;
    for (int k = 1; k < i; ++k) {
      const double distance_hz = hz - machine.set_point[static_cast<std::size_t>(k)].hz;
      if (distance_hz * distance_hz < kApart * kApart * highest_hz * highest_hz) apart = false;
    }
    if (apart) machine.set_point[static_cast<std::size_t>(i++)].hz = hz;
  }
  machine.usual = static_cast<int>(random.uniform(0, machine.set_points));
}

/// Any of the right-angled ways to put a sensor on: six sides, each in four ways.
Rotation right_angled(Random& random) {
  const auto side = static_cast<int>(random.uniform(0, 6));
  const auto quarter = static_cast<int>(random.uniform(0, 4));
  const Rotation up =
      side < 4 ? rotation(0.25 * side, 0, 0) : rotation(0, side == 4 ? 0.25 : 0.75, 0);
  return compose(up, rotation(0, 0, 0.25 * quarter));
}

/// About any axis: Rodrigues' formula.
Rotation turned(const std::array<double, 3>& axis, double turns) {
  const auto [sine, cosine] = sine_cosine_turns(turns);
  const double rest = 1.0 - cosine;
  const auto [x, y, z] = axis;
  return {{{cosine + x * x * rest, x * y * rest - z * sine, x * z * rest + y * sine},
           {y * x * rest + z * sine, cosine + y * y * rest, y * z * rest - x * sine},
           {z * x * rest - y * sine, z * y * rest + x * sine, cosine + z * z * rest}}};
}

Faults one_fault(FaultKind kind, BearingDefect defect, double severity) {
  switch (kind) {
    case FaultKind::imbalance: return {.imbalance = severity};
    case FaultKind::bearing: return {.bearing = severity, .defect = defect};
    case FaultKind::loose: return {.loose = severity};
    case FaultKind::misalignment: return {.misalignment = severity};
  }
  return {};
}

}  // namespace

double FleetMachine::velocity_mm_s(double hz, const Faults& faults) const {
  const MachineConfig config{.speed = hz / parameters.rated_hz, .faults = faults};
  MachineMotion motion(config, seed, parameters, kStep_hz, kBlock_hz, kBlockSteps);
  VelocityMeter meter(kStep_hz);
  const auto steps = static_cast<int>((VelocityMeter::kSettle_s + kMeasured_s) * kStep_hz);
  for (int i = 0; i < steps; ++i) {
    const std::array<double, 6>& vibration = motion.step();
    meter.add({vibration[0], vibration[1], vibration[2]});
  }
  return meter.rms_mm_s();
}

double FleetMachine::severity_at_rise(FaultKind fault, BearingDefect defect,
                                      double rise_mm_s) const {
  const SetPoint& point = set_point[static_cast<std::size_t>(usual)];
  const auto risen = [&](double severity) {
    return velocity_mm_s(point.hz, one_fault(fault, defect, severity)) - point.base_mm_s >=
           rise_mm_s;
  };
  double enough = 1.0 / 16;
  while (enough < kWorstSeverity && !risen(enough)) enough *= 2;
  double little = 0.5 * enough;
  for (int i = 0; i < 6; ++i) {
    const double middle = 0.5 * (little + enough);
    (risen(middle) ? enough : little) = middle;
  }
  return enough;
}

FleetMachine draw_machine(std::uint64_t fleet_seed, int index, double disturbance) {
  // One stream for each machine, and always the same draws in the same order.
  Random random(fleet_seed, static_cast<std::uint64_t>(index));
  FleetMachine machine;
  machine.index = index;
  machine.disturbance = disturbance;
  machine.seed = random.bits();
  machine.parameters = MachineParameters(machine.seed);

  machine.base_mm_s = random.uniform(0.5, 3);
  draw_set_points(random, machine);
  machine.change_s = random.uniform(2, 10);
  machine.wander = disturbance * random.uniform(0.01, 0.05);
  machine.wander_s = log_uniform(random, 60, 600);

  machine.load = disturbance * 0.2;
  machine.day_kelvin = disturbance * 15;
  machine.day_phase = random.uniform();
  machine.trend = disturbance * random.uniform(-0.1, 0.1);

  machine.knocks_per_hour = disturbance * 5;
  machine.neighbour = disturbance * 0.3;
  machine.neighbour_hz = random.uniform(15, 60);
  machine.neighbour_direction = direction(random);

  machine.starts_per_day = disturbance * 4;
  machine.run_up_s = random.uniform(3, 15);
  machine.coast_s = random.uniform(10, 60);

  machine.misalignment_deg = disturbance * random.uniform(0, 10);
  const Rotation side = right_angled(random);
  const Rotation off = turned(direction(random), machine.misalignment_deg / 360);
  machine.parameters.mounting = compose(off, side);
  machine.clone = random.uniform() < 0.2;
  machine.noise = machine.clone ? 1.0 + disturbance : 1.0;

  // Without a fault every force is proportional to these two, and so is motion.
  machine.parameters.rated_hz = machine.set_point[0].hz;
  const auto usual = static_cast<std::size_t>(machine.usual);
  const double scale =
      machine.base_mm_s / machine.velocity_mm_s(machine.set_point[usual].hz, Faults{});
  machine.parameters.residual_mm_s *= scale;
  machine.parameters.flow *= scale;
  for (int i = 0; i < machine.set_points; ++i) {
    SetPoint& point = machine.set_point[static_cast<std::size_t>(i)];
    point.base_mm_s = machine.velocity_mm_s(point.hz, Faults{});
  }
  return machine;
}

}  // namespace fettle::simulator
