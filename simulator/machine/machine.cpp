// SPDX-License-Identifier: Apache-2.0
#include "simulator/machine/machine.hpp"

#include "simulator/machine/streams.hpp"

namespace fettle::simulator {
namespace {

constexpr double kInnerRate_hz = 1000;  // MPU-6000 PS rev 3.4, 6.2: the accelerometer's output rate
constexpr double kBlock_s = 0.04;       // between updates of what changes slowly
constexpr double kWarmUp_s = 1.5;       // until the filters have forgotten that they began at rest

}  // namespace

Machine::Grid::Grid(const MachineConfig& config, double clock_error)
    : block_samples(1 + static_cast<int>(kBlock_s * config.rate_hz)) {
  while (steps * config.rate_hz < kInnerRate_hz) ++steps;
  step_hz = steps * config.rate_hz * (1.0 + clock_error);
}

Machine::Machine(const MachineConfig& config, std::uint64_t seed)
    : config_(config),
      grid_(config, MachineParameters(seed).clock_error),
      motion_(config, seed, grid_.step_hz, config.rate_hz / grid_.block_samples,
              grid_.block_samples * grid_.steps),
      sensor_(config.rate_hz, grid_.step_hz, 1.0, session_random(seed, config, kSensor)) {
  const auto warm_up = static_cast<std::int64_t>(kWarmUp_s * config.rate_hz);
  for (std::int64_t i = 0; i < warm_up; ++i) static_cast<void>(next());
  index_ = 0;
}

double Machine::apparent_shaft_hz() const {
  return motion_.session_hz() / (1.0 + parameters().clock_error);
}

void Machine::set_faults(const Faults& faults) {
  motion_.operate({.speed = config_.speed, .faults = faults});
}

TimedSample Machine::next() {
  std::array<double, 6> vibration{};
  for (int i = 0; i < grid_.steps; ++i) {
    vibration = motion_.step();
    sensor_.filter(vibration);
  }

  TimedSample timed;
  timed.t_us =
      static_cast<std::int64_t>(static_cast<double>(index_++) * 1e6 / config_.rate_hz + 0.5);
  timed.sample = sensor_.sample(vibration, parameters(), parameters().mounting, motion_.kelvin());
  return timed;
}

}  // namespace fettle::simulator
