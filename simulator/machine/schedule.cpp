// SPDX-License-Identifier: Apache-2.0
#include "simulator/machine/schedule.hpp"

#include <algorithm>

namespace fettle::simulator {
namespace {

constexpr double kBlock_s = 0.02;
constexpr double kWarmUp_s = 1.5;  // until the filters have forgotten that they began at rest
constexpr double kUsual_celsius = 25;
constexpr double kSwitching_s = 0.2;  // in which a neighbour swells and fades

template <typename Event>
void sort_by_time(std::vector<Event>& events) {
  std::stable_sort(events.begin(), events.end(),
                   [](const Event& a, const Event& b) { return a.at_s < b.at_s; });
}

/// As long as `length`, wherever it points.
std::array<double, 3> scaled(const std::array<double, 3>& direction, double length) {
  const double norm = square_root(direction[0] * direction[0] + direction[1] * direction[1] +
                                  direction[2] * direction[2]);
  const double factor = norm > 0 ? length / norm : 0.0;
  return {direction[0] * factor, direction[1] * factor, direction[2] * factor};
}

double clamped(double x) { return x < 0 ? 0.0 : x > 1 ? 1.0 : x; }

}  // namespace

ScheduledMotion::ScheduledMotion(const MachineConfig& config, std::uint64_t seed,
                                 const Schedule& schedule)
    : config_(config),
      schedule_(schedule),
      motion_(config, seed, 1000, 1.0 / kBlock_s, 20),
      mounting_(motion_.parameters().mounting) {
  sort_by_time(schedule_.speeds);
  sort_by_time(schedule_.loads);
  sort_by_time(schedule_.knocks);
  sort_by_time(schedule_.temperatures);
  sort_by_time(schedule_.remounts);

  speeds_.push_back({-kNever_s, config.speed, config.speed, 0, false});
  for (const SpeedEvent& event : schedule_.speeds) {
    const double from = speeds_.back().value(event.at_s);
    speeds_.push_back({event.at_s, from, event.speed, event.ramp_s, event.speed <= 0});
  }
  loads_.push_back({-kNever_s, 1, 1, 0, false});
  for (const LoadEvent& event : schedule_.loads) {
    loads_.push_back(
        {event.at_s, loads_.back().value(event.at_s), event.load, event.ramp_s, false});
  }
  for (const NeighbourEvent& event : schedule_.neighbours) {
    neighbours_.push_back({event});
    neighbours_begin_.push_back(neighbours_begin_.size());
  }
  std::stable_sort(neighbours_begin_.begin(), neighbours_begin_.end(),
                   [this](std::size_t a, std::size_t b) {
                     return neighbours_[a].is.from_s < neighbours_[b].is.from_s;
                   });
}

void ScheduledMotion::set_step(double step_s) {
  const bool first = step_s_ == 0;
  step_s_ = step_s;
  const int block_steps = std::max(1, static_cast<int>(kBlock_s / step_s + 0.5));
  motion_.set_step(step_s, block_steps);
  if (!first) return;
  begin_block();
  const auto warm_up = static_cast<std::int64_t>(kWarmUp_s / step_s);
  for (std::int64_t i = 0; i < warm_up; ++i) static_cast<void>(motion_.step());
}

void ScheduledMotion::begin_block() {
  while (speed_ + 1 < speeds_.size() && speeds_[speed_ + 1].at_s <= time_s_) ++speed_;
  while (load_ + 1 < loads_.size() && loads_[load_ + 1].at_s <= time_s_) ++load_;
  Operation operation;
  operation.speed = speeds_[speed_].value(time_s_);
  operation.powered = speeds_[speed_].to > 0;
  operation.load = loads_[load_].value(time_s_);
  operation.faults = config_.faults;
  for (const FaultEvent& event : schedule_.faults) {
    if (time_s_ < event.from_s || time_s_ >= event.until_s) continue;
    const double part = event.ramp_s > 0 ? clamped((time_s_ - event.from_s) / event.ramp_s) : 1.0;
    const double severity = event.initial + (event.severity - event.initial) * part;
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
  if (operation != operation_ || time_s_ == 0) motion_.operate(operation);
  operation_ = operation;
  celsius_ = celsius_at(time_s_) + motion_.kelvin();
}

double ScheduledMotion::celsius_at(double t_s) const {
  const std::vector<TemperaturePoint>& points = schedule_.temperatures;
  if (points.empty()) return kUsual_celsius;
  const auto after =
      std::upper_bound(points.begin(), points.end(), t_s,
                       [](double t, const TemperaturePoint& point) { return t < point.at_s; });
  if (after == points.begin()) return points.front().celsius;
  if (after == points.end()) return points.back().celsius;
  const TemperaturePoint& before = *(after - 1);
  return before.celsius +
         (after->celsius - before.celsius) * (t_s - before.at_s) / (after->at_s - before.at_s);
}

void ScheduledMotion::remount(const RemountEvent& event) {
  const Rotation turn = rotation(event.x_deg / 360, event.y_deg / 360, event.z_deg / 360);
  mounting_ = compose(turn, mounting_);
}

SensorMotion ScheduledMotion::next(double step_s) {
  if (step_s != step_s_) set_step(step_s);
  time_s_ += step_s;
  if (motion_.at_block()) begin_block();
  std::array<double, 6> machine = motion_.step();

  while (neighbours_begun_ < neighbours_begin_.size() &&
         neighbours_[neighbours_begin_[neighbours_begun_]].is.from_s <= time_s_) {
    const std::size_t number = neighbours_begin_[neighbours_begun_++];
    neighbours_now_.insert(std::upper_bound(neighbours_now_.begin(), neighbours_now_.end(), number),
                           number);
  }
  if (!neighbours_now_.empty()) {
    std::erase_if(neighbours_now_,
                  [this](std::size_t number) { return time_s_ >= neighbours_[number].is.until_s; });
    for (const std::size_t number : neighbours_now_) {
      Neighbour& neighbour = neighbours_[number];
      const NeighbourEvent& is = neighbour.is;
      neighbour.turns += is.hz * step_s;
      if (neighbour.turns >= 1.0) neighbour.turns -= 1.0;
      const SineCosine angle = sine_cosine_turns(neighbour.turns);
      const double on = clamped(std::min(time_s_ - is.from_s, is.until_s - time_s_) / kSwitching_s);
      const auto level = scaled(is.direction, is.level_g * on);
      const double wave = angle.sine + 0.8 * angle.sine * angle.cosine;
      for (std::size_t i = 0; i < 3; ++i) machine[i] += level[i] * wave;
    }
  }

  const std::vector<KnockEvent>& knocks = schedule_.knocks;
  for (std::size_t k = knock_; k < knocks.size() && knocks[k].at_s <= time_s_; ++k) {
    const double part = (time_s_ - knocks[k].at_s) / knocks[k].duration_s;
    if (part >= 1.0) {
      if (k == knock_) ++knock_;
      continue;
    }
    const auto peak = scaled(knocks[k].direction, knocks[k].peak_g);
    const double wave = sine_cosine_turns(0.5 * part).sine;
    for (std::size_t i = 0; i < 3; ++i) machine[i] += peak[i] * wave;
  }

  while (remount_ < schedule_.remounts.size() && schedule_.remounts[remount_].at_s <= time_s_) {
    remount(schedule_.remounts[remount_++]);
  }
  machine[2] += 1.0;  // gravity is 1 g upwards at the sensor, wherever it looks
  SensorMotion sensor;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::array<double, 3>& row = mounting_[i];
    sensor.axis[i] = row[0] * machine[0] + row[1] * machine[1] + row[2] * machine[2];
    sensor.axis[i + 3] = row[0] * machine[3] + row[1] * machine[4] + row[2] * machine[5];
  }
  sensor.celsius = celsius_;
  return sensor;
}

}  // namespace fettle::simulator
