// SPDX-License-Identifier: Apache-2.0
#include "simulator/fleet/stream.hpp"

#include <algorithm>

#include "simulator/fleet/draws.hpp"
#include "simulator/machine/streams.hpp"

namespace fettle::simulator {
namespace {

constexpr double kStep_hz = 1000;  // as the chip samples; of its clock
constexpr double kTrend_s = 4 * kWeek_s;
constexpr double kWarmUp_s = 1.5;    // until the filters have forgotten that they began at rest
constexpr double kLookAround_s = 1;  // between updates of what takes minutes
constexpr std::int64_t kLookAroundBlocks = 25;
constexpr double kSwitching_s = 0.2;  // in which a neighbour swells and fades
// After so long at rest the mount, 7 Hz and a damping of 0.1 at least, has sunk by e^13.
constexpr double kSilent_s = 3;
constexpr double kUsual_celsius = 25;
constexpr std::uint64_t kWanderStream = 0x77616E646572ULL;

MachineConfig config_of(const FleetLife& life) {
  return {.speed = life.initial_speed, .session = life.session, .faults = {}};
}

double clamped(double x, double bound) { return x < -bound ? -bound : x > bound ? bound : x; }

}  // namespace

FleetStream::FleetStream(const FleetMachine& machine, const FleetLife& life,
                         const FleetOptions& options)
    : machine_(machine),
      life_(life),
      options_(options),
      steps_(static_cast<std::size_t>(kStep_hz / options.rate_hz + 0.5)),
      step_s_(1.0 / (kStep_hz * (1.0 + machine.parameters.clock_error))),
      motion_(config_of(life), machine.seed, machine.parameters, 1.0 / step_s_,
              1.0 / (kBlockSteps * step_s_), kBlockSteps),
      sensor_(options.rate_hz, 1.0 / step_s_, machine.noise,
              session_random(machine.seed, config_of(life), kSensor)),
      meter_(1.0 / step_s_),
      slow_(machine.seed ^ kWanderStream, life.session),
      block_s_(kBlockSteps * step_s_) {
  const auto set_point_of = [&machine](double speed) {
    int nearest = 0;
    double least = 1e9;
    for (int i = 0; i < machine.set_points; ++i) {
      const double apart =
          machine.set_point[static_cast<std::size_t>(i)].hz / machine.parameters.rated_hz - speed;
      if (apart * apart < least) {
        least = apart * apart;
        nearest = i;
      }
    }
    return nearest;
  };
  legs_.push_back(
      {{.from = life.initial_speed, .to = life.initial_speed}, set_point_of(life.initial_speed)});
  for (const SpeedEvent& event : life.schedule.speeds) {
    const Leg& before = legs_.back();
    legs_.push_back(
        {{event.at_s, before.ramp.value(event.at_s), event.speed, event.ramp_s, event.speed <= 0},
         event.speed > 0 ? set_point_of(event.speed) : before.set_point});
  }
  loads_.push_back({.from = 1, .to = 1});
  for (const LoadEvent& event : life.schedule.loads) {
    loads_.push_back({event.at_s, loads_.back().value(event.at_s), event.load, event.ramp_s});
  }

  for (NeighbourEvent& event : life_.schedule.neighbours) event.direction = unit(event.direction);
  for (KnockEvent& event : life_.schedule.knocks) event.direction = unit(event.direction);

  wander_keep_ = exponential(-kLookAround_s / machine.wander_s);
  wander_kick_ = square_root(1.0 - wander_keep_ * wander_keep_);
  wander_ = slow_.gaussian();
  truth_.mounting = machine.parameters.mounting;

  // Begins in full motion, not with what the filters make of a sudden start.
  take_up_schedule();
  look_around();
  const auto warm_up = static_cast<int>(kWarmUp_s / block_s_) + 1;
  for (int i = 0; i < warm_up; ++i) move_block(true, false);
  index_ = 0;
  meter_.restart();
}

RunState FleetStream::state() const {
  const Ramp& ramp = legs_[leg_].ramp;
  const bool arrived = time_s_ - ramp.at_s >= ramp.ramp_s;
  if (ramp.to <= 0) return arrived ? RunState::off : RunState::stopping;
  if (arrived) return RunState::running;
  return ramp.from <= 0 ? RunState::starting : RunState::changing;
}

double FleetStream::celsius() const {
  const std::vector<TemperaturePoint>& points = life_.schedule.temperatures;
  if (points.empty()) return kUsual_celsius;
  const TemperaturePoint& before = points[temperature_];
  if (time_s_ < before.at_s || temperature_ + 1 == points.size()) return before.celsius;
  const TemperaturePoint& after = points[temperature_ + 1];
  return before.celsius +
         (after.celsius - before.celsius) * (time_s_ - before.at_s) / (after.at_s - before.at_s);
}

/// Moves every cursor to the present: one look each, however long the schedule.
void FleetStream::take_up_schedule() {
  const Schedule& schedule = life_.schedule;
  while (leg_ + 1 < legs_.size() && legs_[leg_ + 1].ramp.at_s <= time_s_) ++leg_;
  while (load_ + 1 < loads_.size() && loads_[load_ + 1].at_s <= time_s_) ++load_;
  while (temperature_ + 1 < schedule.temperatures.size() &&
         schedule.temperatures[temperature_ + 1].at_s <= time_s_) {
    ++temperature_;
  }
  while (neighbour_ < schedule.neighbours.size() &&
         schedule.neighbours[neighbour_].until_s <= time_s_) {
    ++neighbour_;
  }
  while (knock_ < schedule.knocks.size() &&
         schedule.knocks[knock_].at_s + schedule.knocks[knock_].duration_s <= time_s_) {
    ++knock_;
  }
  while (remount_ < schedule.remounts.size() &&
         schedule.remounts[remount_].at_s < time_s_ + block_s_) {
    const RemountEvent& event = schedule.remounts[remount_++];
    truth_.mounting =
        compose(rotation(event.x_deg / 360, event.y_deg / 360, event.z_deg / 360), truth_.mounting);
  }
}

/// What takes minutes or more is looked at once a second, and whenever speed is on its way.
void FleetStream::look_around() {
  truth_.state = state();
  truth_.set_point = legs_[leg_].set_point;
  truth_.load = loads_[load_].value(time_s_);
  truth_.trend = 1.0 + machine_.trend * (life_.begin_s + time_s_) / kTrend_s;
  truth_.celsius = celsius();

  Operation operation;
  // The wander stays within its bounds, which are two standard deviations: it is there for one
  // twentieth of the time.
  operation.speed =
      legs_[leg_].ramp.value(time_s_) * (1.0 + machine_.wander * clamped(0.5 * wander_, 1));
  operation.load = truth_.load;
  operation.powered = legs_[leg_].ramp.to > 0;
  truth_.severity = 0;
  for (const FaultEvent& event : life_.schedule.faults) {
    if (time_s_ < event.from_s || time_s_ >= event.until_s) continue;
    const Ramp growth{event.from_s, event.initial, event.severity, event.ramp_s};
    const double severity = growth.value(time_s_);
    truth_.severity += severity;
    switch (event.which) {
      case FaultKind::imbalance: operation.faults.imbalance += severity; break;
      case FaultKind::bearing:
        operation.faults.bearing += severity;
        operation.faults.defect = event.defect;
        break;
      case FaultKind::loose: operation.faults.loose += severity; break;
      case FaultKind::misalignment: operation.faults.misalignment += severity; break;
    }
  }
  motion_.operate(operation);
}

/// The motion of 40 ms and the samples of it, pass by pass: each keeps its own state in registers. The
/// trend is a factor of all that the machine does; filters are linear, so it is applied to samples,
/// and what comes from outside is divided by it.
void FleetStream::move_block(bool moves, bool outside) {
  std::array<std::array<double, 6>, kBlockSteps> motion{};  // along the machine's axes
  if (moves) {
    motion_.run(motion);
    if (options_.measure_velocity) {
      for (const std::array<double, 6>& now : motion) meter_.add({now[0], now[1], now[2]});
    }
  }
  if (outside) {
    const double outside_part = 1.0 / truth_.trend;
    for (std::size_t step = 0; step < motion.size(); ++step) {
      const double t_s = time_s_ + step_s_ * static_cast<double>(step + 1);
      const std::array<double, 3> other = from_outside(t_s);
      for (std::size_t i = 0; i < 3; ++i) motion[step][i] += outside_part * other[i];
    }
  }
  // For a block more it lingers in the low-pass.
  if (moves || outside || lingers_) sensor_.filter(motion);
  lingers_ = moves || outside;

  std::size_t sample = 0;
  for (std::size_t step = steps_ - 1; step < motion.size(); step += steps_) {
    std::array<double, 6> vibration = motion[step];
    for (double& axis : vibration) axis *= truth_.trend;
    TimedSample& timed = samples_[sample++];
    // A whole number of microseconds for every rate that divides 1000.
    timed.t_us = index_++ * static_cast<std::int64_t>(steps_) * 1000;
    timed.sample = sensor_.sample(vibration, machine_.parameters, truth_.mounting,
                                  truth_.celsius - kUsual_celsius + motion_.kelvin());
  }
}

/// Acceleration along the machine's axes by knocks and neighbour, g.
std::array<double, 3> FleetStream::from_outside(double t_s) {
  std::array<double, 3> sum{};
  if (truth_.neighbour) {
    const NeighbourEvent& is = life_.schedule.neighbours[neighbour_];
    // The angle advances by complex multiplication; next() sets it anew in each block.
    angle_ = {angle_.sine * advance_.cosine + angle_.cosine * advance_.sine,
              angle_.cosine * advance_.cosine - angle_.sine * advance_.sine};
    const double edge_s = std::min(t_s - is.from_s, is.until_s - t_s);
    const double on = edge_s <= 0 ? 0.0 : edge_s < kSwitching_s ? edge_s / kSwitching_s : 1.0;
    const double wave = on * is.level_g * (angle_.sine + 0.8 * angle_.sine * angle_.cosine);
    for (std::size_t i = 0; i < 3; ++i) sum[i] += is.direction[i] * wave;
  }
  const std::vector<KnockEvent>& knocks = life_.schedule.knocks;
  for (std::size_t k = knock_; k < knocks.size() && knocks[k].at_s <= t_s; ++k) {
    const double part = (t_s - knocks[k].at_s) / knocks[k].duration_s;
    if (part >= 1.0) continue;
    const double wave = knocks[k].peak_g * sine_cosine_turns(0.5 * part).sine;
    for (std::size_t i = 0; i < 3; ++i) sum[i] += knocks[k].direction[i] * wave;
  }
  return sum;
}

bool FleetStream::next(FleetBlock& block) {
  time_s_ = static_cast<double>(block_) * block_s_;
  if (time_s_ >= life_.duration_s) return false;
  const std::size_t leg = leg_;
  take_up_schedule();
  const bool second = block_ % kLookAroundBlocks == 0;
  if (second) wander_ = wander_keep_ * wander_ + wander_kick_ * slow_.gaussian();
  if (second || leg_ != leg || truth_.state != RunState::running) {
    // At rest nothing moves but the temperature.
    if (second || leg_ != leg || truth_.state != RunState::off) look_around();
  }

  const Schedule& schedule = life_.schedule;
  const double end_s = time_s_ + block_s_;
  truth_.time_s = time_s_;
  truth_.knock = knock_ < schedule.knocks.size() && schedule.knocks[knock_].at_s < end_s;
  truth_.neighbour =
      neighbour_ < schedule.neighbours.size() && schedule.neighbours[neighbour_].from_s < end_s;
  truth_.remounts = static_cast<int>(remount_);
  const Ramp& ramp = legs_[leg_].ramp;
  const bool silent =
      truth_.state == RunState::off && time_s_ - ramp.at_s > ramp.ramp_s + kSilent_s;
  meter_.restart();
  if (truth_.neighbour) {
    const double hz = schedule.neighbours[neighbour_].hz;
    angle_ = sine_cosine_turns(neighbour_turns_);
    advance_ = sine_cosine_turns(hz * step_s_);
    neighbour_turns_ += hz * block_s_;
    neighbour_turns_ -= static_cast<double>(static_cast<std::int64_t>(neighbour_turns_));
  }
  move_block(!silent, truth_.knock || truth_.neighbour);
  truth_.velocity_ms_mm2_s2 = truth_.trend * truth_.trend * meter_.mean_square();
  truth_.shaft_hz = silent ? 0.0 : motion_.shaft_hz();
  block.samples = {samples_.data(), kBlockSteps / steps_};
  block.truth = truth_;
  ++block_;
  return true;
}

}  // namespace fettle::simulator
