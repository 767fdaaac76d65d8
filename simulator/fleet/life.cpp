// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>

#include "simulator/fleet/draws.hpp"
#include "simulator/fleet/fleet.hpp"

namespace fettle::simulator {
namespace {

constexpr double kHour_s = 3600;
constexpr double kUsual_celsius = 25;
constexpr double kTemperatureGrid_s = 1200;  // of the points of a sine: it is 0.01 K off in between
constexpr double kLoadChange_s = 120;
constexpr double kUsualShare = 0.6;  // of changes of speed that lead to the usual set point

/// Sessions tell the random numbers of lives apart; `life` counts those of one kind.
enum LifeKind : std::uint64_t { kBaseline = 1, kNormal, kRemounted, kGrowing };
std::uint64_t session_of(std::uint64_t kind, std::uint64_t life) { return kind + 16 * life; }

enum class Purpose : std::uint64_t { speed, load, knock, neighbour, remount, fault, kCount };

/// A stream of random numbers for each purpose in a life: none disturbs another.
Random draws_for(const FleetMachine& machine, const FleetLife& life, Purpose purpose) {
  constexpr std::uint64_t kLives = 0x6C69766573ULL;  // other numbers than the motion's
  return Random(machine.seed ^ kLives, life.session * static_cast<std::uint64_t>(Purpose::kCount) +
                                           static_cast<std::uint64_t>(purpose));
}

double speed_of(const FleetMachine& machine, int set_point) {
  return machine.set_point[static_cast<std::size_t>(set_point)].hz / machine.parameters.rated_hz;
}

int draw_set_point(const FleetMachine& machine, Random& random) {
  if (random.uniform() < kUsualShare) return machine.usual;
  return static_cast<int>(random.uniform(0, machine.set_points));
}

/// Long enough to come to rest, short enough to be over before the next stop.
double draw_off_s(const FleetMachine& machine, Random& random) {
  const double longest_s = std::min(kHour_s, 0.2 * kDay_s / machine.starts_per_day - 120);
  return machine.coast_s + log_uniform(random, 180, longest_s);
}

/// One stop in each part of the day, at a random moment, and between them changes of speed.
void draw_speeds(const FleetMachine& machine, FleetLife& life) {
  Random random = draws_for(machine, life, Purpose::speed);
  std::vector<SpeedEvent>& speeds = life.schedule.speeds;
  int point = draw_set_point(machine, random);
  life.initial_speed = speed_of(machine, point);
  const bool stops = machine.starts_per_day > 0;
  const double part_s = stops ? kDay_s / machine.starts_per_day : kNever_s;
  double part_from_s = 0;
  double stop_s = stops ? part_s * 0.8 * random.uniform() : kNever_s;
  double t_s = 0;
  while (true) {
    t_s += log_uniform(random, 180, 3 * kHour_s);
    while (t_s >= stop_s && stop_s < life.duration_s) {
      const double start_s = stop_s + draw_off_s(machine, random);
      point = draw_set_point(machine, random);
      speeds.push_back({stop_s, 0, machine.coast_s});
      speeds.push_back({start_s, speed_of(machine, point), machine.run_up_s});
      part_from_s += part_s;
      stop_s = part_from_s + part_s * 0.8 * random.uniform();
      t_s = start_s + log_uniform(random, 180, 3 * kHour_s);
    }
    if (t_s >= life.duration_s) break;
    const int next = draw_set_point(machine, random);
    if (next == point) continue;
    point = next;
    speeds.push_back({t_s, speed_of(machine, point), machine.change_s});
  }
}

/// Ten minutes of running: an equal part at each set point, the usual one first; perhaps a stop.
void draw_baseline_speeds(const FleetMachine& machine, FleetLife& life) {
  Random random = draws_for(machine, life, Purpose::speed);
  std::vector<SpeedEvent>& speeds = life.schedule.speeds;
  life.duration_s = kBaseline_s;
  life.initial_speed = speed_of(machine, machine.usual);
  for (int i = 1; i < machine.set_points; ++i) {
    const int point = (machine.usual + i) % machine.set_points;
    speeds.push_back(
        {i * kBaseline_s / machine.set_points, speed_of(machine, point), machine.change_s});
  }
  const double stop_s = kBaseline_s * random.uniform();
  if (random.uniform() >= kBaseline_s / kDay_s * machine.starts_per_day) return;
  const double off_s = draw_off_s(machine, random);
  double speed = life.initial_speed;
  auto after = speeds.begin();
  for (; after != speeds.end() && after->at_s <= stop_s; ++after) speed = after->speed;
  for (auto later = after; later != speeds.end(); ++later) later->at_s += off_s;
  speeds.insert(after, {{stop_s, 0, machine.coast_s}, {stop_s + off_s, speed, machine.run_up_s}});
  life.duration_s += off_s;
}

/// What comes and goes whatever the machine does. The life's length is known.
void draw_disturbances(const FleetMachine& machine, FleetLife& life) {
  Schedule& schedule = life.schedule;

  Random load = draws_for(machine, life, Purpose::load);
  for (double t_s = -kHour_s * load.uniform(); t_s < life.duration_s; t_s += kHour_s) {
    schedule.loads.push_back({t_s, 1.0 + machine.load * load.uniform(-1, 1), kLoadChange_s});
  }

  Random knock = draws_for(machine, life, Purpose::knock);
  const double between_s =
      machine.knocks_per_hour > 0 ? kHour_s / machine.knocks_per_hour : kNever_s;
  for (double t_s = waiting_time(knock, between_s); t_s < life.duration_s;
       t_s += waiting_time(knock, between_s)) {
    KnockEvent event;
    event.at_s = t_s;
    event.peak_g = log_uniform(knock, 0.2, 2);
    event.duration_s = log_uniform(knock, 0.02, 0.2);
    event.direction = direction(knock);
    schedule.knocks.push_back(event);
  }

  // On and off by turns; half of the lives begin with it on.
  Random neighbour = draws_for(machine, life, Purpose::neighbour);
  NeighbourEvent event;
  event.hz = machine.neighbour_hz;
  event.direction = machine.neighbour_direction;
  // Its velocity RMS: of its shaft speed, and of twice that, where 0.4 of the acceleration is 0.2 of
  // the velocity.
  const double velocity_mm_s = machine.neighbour * machine.base_mm_s;
  event.level_g = velocity_mm_s * 2.0 * kPi * event.hz / 9806.65 * square_root(2.0 / 1.04);
  double t_s = 0;
  if (neighbour.uniform() < 0.5) t_s = log_uniform(neighbour, 600, 4 * kHour_s);
  while (machine.neighbour > 0 && t_s < life.duration_s) {
    event.from_s = t_s;
    event.until_s = t_s + log_uniform(neighbour, 600, 4 * kHour_s);
    schedule.neighbours.push_back(event);
    t_s = event.until_s + log_uniform(neighbour, 600, 4 * kHour_s);
  }

  for (double at_s = 0; at_s < life.duration_s + kTemperatureGrid_s; at_s += kTemperatureGrid_s) {
    const double turns = (life.begin_s + at_s) / kDay_s + machine.day_phase;
    schedule.temperatures.push_back(
        {at_s, kUsual_celsius + 0.5 * machine.day_kelvin * sine_cosine_turns(turns).sine});
  }
}

FleetLife without_fault(const FleetMachine& machine, std::uint64_t session, double begin_s,
                        double duration_s) {
  FleetLife life;
  life.session = session;
  life.begin_s = begin_s;
  life.duration_s = duration_s;
  draw_speeds(machine, life);
  draw_disturbances(machine, life);
  return life;
}

}  // namespace

FleetLife baseline(const FleetMachine& machine) {
  FleetLife life;
  life.session = session_of(kBaseline, 0);
  draw_baseline_speeds(machine, life);
  draw_disturbances(machine, life);
  return life;
}

FleetLife normal(const FleetMachine& machine, double weeks) {
  return without_fault(machine, session_of(kNormal, 0), kBaseline_s, weeks * kWeek_s);
}

FleetLife growing(const FleetMachine& machine, FaultKind fault, std::uint64_t which) {
  constexpr double kFinalRise_mm_s = 1.5;
  FleetLife life;
  life.session = session_of(kGrowing + static_cast<std::uint64_t>(fault), which);
  Random random = draws_for(machine, life, Purpose::fault);
  const double begin_s = kBaseline_s + random.uniform(0, 3 * kWeek_s);
  const double healthy_s = log_uniform(random, kHour_s, kDay_s);
  const double growth_s = log_uniform(random, 6 * kHour_s, kWeek_s);
  const auto defect = static_cast<BearingDefect>(static_cast<int>(random.uniform(0, 3)));
  life = without_fault(machine, life.session, begin_s, healthy_s + growth_s + 2 * kHour_s);
  const double severity = machine.severity_at_rise(fault, defect, kFinalRise_mm_s);
  life.fault = fault;
  life.severity_at_limit = machine.severity_at_rise(fault, defect, kRise_mm_s);
  life.limit_s = healthy_s + growth_s * life.severity_at_limit / severity;
  life.schedule.faults = {{.which = fault,
                           .severity = severity,
                           .from_s = healthy_s,
                           .ramp_s = growth_s,
                           .defect = defect}};
  return life;
}

FleetLife remounted(const FleetMachine& machine, double weeks, int times, std::uint64_t which) {
  FleetLife life =
      without_fault(machine, session_of(kRemounted, which), kBaseline_s, weeks * kWeek_s);
  Random random = draws_for(machine, life, Purpose::remount);
  for (int i = 0; i < times; ++i) {
    RemountEvent event;
    event.at_s = random.uniform(0, life.duration_s);
    const double angle_deg = log_uniform(random, 10, 90) * (random.uniform() < 0.5 ? -1.0 : 1.0);
    const auto axis = static_cast<int>(random.uniform(0, 3));
    (axis == 0 ? event.x_deg : axis == 1 ? event.y_deg : event.z_deg) = angle_deg;
    life.schedule.remounts.push_back(event);
  }
  std::sort(life.schedule.remounts.begin(), life.schedule.remounts.end(),
            [](const RemountEvent& a, const RemountEvent& b) { return a.at_s < b.at_s; });
  return life;
}

}  // namespace fettle::simulator
