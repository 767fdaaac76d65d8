// SPDX-License-Identifier: Apache-2.0
#include "simulator/fleet/fleet.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "simulator/fleet/stream.hpp"

namespace fettle::simulator {
namespace {

constexpr double kLsb_g = 1.0 / 16384;

const std::vector<FleetMachine>& fleet() {
  static const std::vector<FleetMachine> machines = [] {
    std::vector<FleetMachine> drawn;
    for (int i = 0; i < kFleetSize; ++i) drawn.push_back(draw_machine(1, i));
    return drawn;
  }();
  return machines;
}

double mean_over_fleet(const std::function<double(const FleetMachine&)>& value) {
  double sum = 0;
  for (const FleetMachine& m : fleet()) sum += value(m);
  return sum / kFleetSize;
}

std::pair<double, double> range_over_fleet(
    const std::function<double(const FleetMachine&)>& value) {
  double low = 1e9, high = -1e9;
  for (const FleetMachine& m : fleet()) {
    low = std::min(low, value(m));
    high = std::max(high, value(m));
  }
  return {low, high};
}

/// Evenly drawn from [low, high): within it, close to both ends, and centred.
void expect_even(double low, double high, const std::function<double(const FleetMachine&)>& value) {
  const auto [least, most] = range_over_fleet(value);
  const double span = high - low;
  EXPECT_GE(least, low);
  EXPECT_LT(most, high);
  EXPECT_LT(least, low + 0.15 * span);  // 0.85^50 = 3e-4
  EXPECT_GT(most, high - 0.15 * span);
  EXPECT_NEAR(mean_over_fleet(value), 0.5 * (low + high), 0.12 * span);  // three sigma
}

SetPoint usual_point(const FleetMachine& m) {
  return m.set_point[static_cast<std::size_t>(m.usual)];
}

/// A life in which nothing happens.
FleetLife still_life(const FleetMachine& machine, double duration_s, bool runs) {
  FleetLife life;
  life.duration_s = duration_s;
  life.session = 1000;
  life.initial_speed = runs ? usual_point(machine).hz / machine.parameters.rated_hz : 0;
  return life;
}

/// Runs a life to its end.
void live(const FleetMachine& machine, const FleetLife& life, const FleetOptions& options,
          const std::function<void(const FleetBlock&)>& see) {
  FleetStream stream(machine, life, options);
  FleetBlock block;
  while (stream.next(block)) see(block);
}

std::array<double, 3> acceleration(const TimedSample& timed) {
  const auto& a = timed.sample.axis;
  return {static_cast<double>(a[0]), static_cast<double>(a[1]), static_cast<double>(a[2])};
}

/// The machine's own velocity in a life, mm/s, from the truth.
double own_velocity(const FleetMachine& machine, const FleetLife& life) {
  double sum = 0;
  int count = 0;
  live(machine, life, {.measure_velocity = true}, [&](const FleetBlock& block) {
    if (block.truth.time_s < 2) return;
    sum += block.truth.velocity_ms_mm2_s2;
    ++count;
  });
  return std::sqrt(sum / count);
}

/// Velocity in a life as its samples show it at 1 kHz, mm/s.
double seen_velocity(const FleetMachine& machine, const FleetLife& life) {
  VelocityMeter meter(1000 * (1 + machine.parameters.clock_error));
  live(machine, life, {.rate_hz = 1000}, [&](const FleetBlock& block) {
    for (const TimedSample& sample : block.samples) meter.add(acceleration(sample));
  });
  return meter.rms_mm_s();
}

std::array<double, 6> means(const FleetMachine& machine, const FleetLife& life, double from_s,
                            double until_s) {
  std::array<double, 6> sums{};
  int count = 0;
  live(machine, life, {}, [&](const FleetBlock& block) {
    if (block.truth.time_s < from_s || block.truth.time_s >= until_s) return;
    for (const TimedSample& sample : block.samples) {
      for (std::size_t i = 0; i < 6; ++i) sums[i] += static_cast<double>(sample.sample.axis[i]);
      ++count;
    }
  });
  for (double& sum : sums) sum /= count;
  return sums;
}

TEST(FleetDraw, FollowsTheTable) {
  expect_even(0.5, 3, [](const FleetMachine& m) { return m.base_mm_s; });
  expect_even(0.01, 0.05, [](const FleetMachine& m) { return m.wander; });
  expect_even(-0.1, 0.1, [](const FleetMachine& m) { return m.trend; });
  expect_even(0, 10, [](const FleetMachine& m) { return m.misalignment_deg; });
  std::array<int, 4> with{};
  int clones = 0;
  for (const FleetMachine& m : fleet()) {
    ++with[static_cast<std::size_t>(m.set_points)];
    clones += m.clone;
    EXPECT_EQ(m.noise, m.clone ? 2 : 1);
    EXPECT_EQ(m.load, 0.2);
    EXPECT_EQ(m.day_kelvin, 15);
    EXPECT_EQ(m.knocks_per_hour, 5);
    EXPECT_EQ(m.neighbour, 0.3);
    EXPECT_EQ(m.starts_per_day, 4);
    EXPECT_LT(m.usual, m.set_points);
    for (int i = 0; i < m.set_points; ++i) {
      const double hz = m.set_point[static_cast<std::size_t>(i)].hz;
      EXPECT_GE(hz, 15);
      EXPECT_LT(hz, 90);
      EXPECT_LE(hz, m.parameters.rated_hz);
      for (int k = 0; k < i; ++k) {
        EXPECT_GT(std::abs(hz - m.set_point[static_cast<std::size_t>(k)].hz),
                  0.099 * m.parameters.rated_hz);
      }
    }
  }
  for (std::size_t n = 1; n <= 3; ++n) EXPECT_GE(with[n], 8) << n;
  EXPECT_GE(clones, 4);
  EXPECT_LE(clones, 16);
  const auto [slowest, fastest] = range_over_fleet([](const auto& m) { return usual_point(m).hz; });
  EXPECT_LT(slowest, 20);
  EXPECT_GT(fastest, 80);
}

TEST(FleetDraw, SensorsLieOnAllSidesAndAreOffAsStated) {
  std::set<int> sides;
  for (const FleetMachine& m : fleet()) {
    // The nearest right-angled matrix has the largest number of each row; the angle of what is left
    // follows from its trace.
    double trace = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      std::size_t largest = 0;
      for (std::size_t j = 1; j < 3; ++j) {
        if (std::abs(m.parameters.mounting[i][j]) > std::abs(m.parameters.mounting[i][largest])) {
          largest = j;
        }
      }
      trace += std::abs(m.parameters.mounting[i][largest]);
      if (largest == 2) {
        sides.insert(static_cast<int>(i) * (m.parameters.mounting[i][2] > 0 ? 1 : -1) +
                     (m.parameters.mounting[i][2] > 0 ? 10 : 0));
      }
    }
    const double angle_deg = std::acos(std::min(1.0, (trace - 1) / 2)) * 180 / M_PI;
    EXPECT_NEAR(angle_deg, m.misalignment_deg, 1e-4) << m.index;
  }
  EXPECT_GE(sides.size(), 5U);
}

TEST(FleetDraw, TwiceTheDisturbanceIsTheSameMachineInAWorsePlace) {
  for (int i = 0; i < 10; ++i) {
    const FleetMachine &one = fleet()[static_cast<std::size_t>(i)], two = draw_machine(1, i, 2);
    EXPECT_EQ(one.seed, two.seed);
    EXPECT_EQ(one.base_mm_s, two.base_mm_s);
    EXPECT_EQ(one.set_point[0].hz, two.set_point[0].hz);
    EXPECT_EQ(one.parameters.residual_mm_s, two.parameters.residual_mm_s);
    EXPECT_EQ(2 * one.wander, two.wander);
    EXPECT_EQ(2 * one.trend, two.trend);
    EXPECT_EQ(2 * one.load, two.load);
    EXPECT_EQ(2 * one.day_kelvin, two.day_kelvin);
    EXPECT_EQ(2 * one.knocks_per_hour, two.knocks_per_hour);
    EXPECT_EQ(2 * one.neighbour, two.neighbour);
    EXPECT_EQ(2 * one.starts_per_day, two.starts_per_day);
    EXPECT_EQ(2 * one.misalignment_deg, two.misalignment_deg);
    EXPECT_EQ(two.noise, one.clone ? 3 : 1);
  }
  EXPECT_NE(draw_machine(2, 0).seed, fleet()[0].seed);
}

TEST(FleetBase, IsWhatWasDrawn) {
  for (const FleetMachine& drawn : fleet()) {
    const FleetMachine m = draw_machine(1, drawn.index, 0);  // nothing disturbs
    FleetLife life = still_life(m, 60, true);
    EXPECT_NEAR(own_velocity(m, life) / m.base_mm_s, 1, 0.1) << m.index;
    for (int i = 0; i < m.set_points; ++i) {
      const SetPoint& point = m.set_point[static_cast<std::size_t>(i)];
      life.initial_speed = point.hz / m.parameters.rated_hz;
      EXPECT_NEAR(own_velocity(m, life) / point.base_mm_s, 1, 0.1) << m.index << " " << i;
      EXPECT_LT(point.base_mm_s, 7);  // nothing is near the rails
    }
  }
}

TEST(FleetBase, IsInTheSamplesToo) {
  int looked = 0;
  for (const FleetMachine& drawn : fleet()) {
    // Faster ones lose more in the sensor's low-pass than the tolerance.
    if (usual_point(drawn).hz > 45) continue;
    const FleetMachine m = draw_machine(1, drawn.index, 0);
    const double noise = seen_velocity(m, still_life(m, 60, false));
    const double seen = seen_velocity(m, still_life(m, 60, true));
    EXPECT_NEAR(std::sqrt(seen * seen - noise * noise) / m.base_mm_s, 1, 0.1) << m.index;
    if (++looked == 10) break;
  }
  EXPECT_EQ(looked, 10);
}

TEST(FleetSensor, ClonesHaveTwiceTheNoise) {
  for (std::size_t i = 0; i < 15; ++i) {
    const FleetMachine& m = fleet()[i];
    double sum = 0, sum2 = 0, gyro2 = 0, gyro = 0;
    int count = 0;
    live(m, still_life(m, 60, false), {}, [&](const FleetBlock& block) {
      if (block.truth.time_s < 5) return;
      for (const TimedSample& sample : block.samples) {
        const double a = acceleration(sample)[0], g = static_cast<double>(sample.sample.axis[4]);
        sum += a;
        sum2 += a * a;
        gyro += g;
        gyro2 += g * g;
        ++count;
      }
    });
    // 400 ug and 5 mdps per sqrt(Hz) behind a Butterworth low-pass at 94 Hz.
    const double width = std::sqrt(1.11 * 94);
    EXPECT_NEAR(std::sqrt(sum2 / count - sum * sum / count / count) / (400e-6 * width),
                m.clone ? 2 : 1, 0.05 * (m.clone ? 2 : 1));
    EXPECT_NEAR(std::sqrt(gyro2 / count - gyro * gyro / count / count) / (0.005 * width),
                m.clone ? 2 : 1, 0.05 * (m.clone ? 2 : 1));
  }
}

TEST(FleetSensor, OffsetsDriftWithTheDay) {
  for (std::size_t i = 0; i < 5; ++i) {
    const FleetMachine& m = fleet()[i];
    const FleetLife weeks = normal(m);
    double low = 1e9, high = -1e9;
    for (const TemperaturePoint& point : weeks.schedule.temperatures) {
      low = std::min(low, point.celsius);
      high = std::max(high, point.celsius);
    }
    EXPECT_NEAR(high - low, 15, 0.05);
    FleetLife life = still_life(m, 240, false);
    life.schedule.temperatures = {{100, low}, {140, high}};
    const auto cold = means(m, life, 5, 95), warm = means(m, life, 145, 235);
    for (std::size_t axis = 0; axis < 6; ++axis) {
      EXPECT_NEAR(warm[axis] - cold[axis], 15 * m.parameters.offset_per_kelvin[axis],
                  axis < 3 ? 3e-4 : 5e-3);
    }
    for (std::size_t axis = 0; axis < 3; ++axis) {
      EXPECT_NEAR(0.5 * (warm[axis] + cold[axis]),
                  m.parameters.mounting[axis][2] + m.parameters.offset[axis], 6e-4);
    }
  }
}

TEST(FleetDisturbance, KnocksComeAsOftenAndAsHardAsTheTableSays) {
  double count = 0, gap = 0, gap2 = 0;
  for (const FleetMachine& m : fleet()) {
    const FleetLife life = normal(m);
    double last_s = 0, weakest = 9, strongest = 0;
    for (const KnockEvent& knock : life.schedule.knocks) {
      gap += knock.at_s - last_s;
      gap2 += (knock.at_s - last_s) * (knock.at_s - last_s);
      last_s = knock.at_s;
      weakest = std::min(weakest, knock.peak_g);
      strongest = std::max(strongest, knock.peak_g);
      EXPECT_GE(knock.duration_s, 0.02);
      EXPECT_LE(knock.duration_s, 0.2);
    }
    count += static_cast<double>(life.schedule.knocks.size());
    EXPECT_GE(weakest, 0.2);
    EXPECT_LT(weakest, 0.21);
    EXPECT_LE(strongest, 2);
    EXPECT_GT(strongest, 1.9);
    EXPECT_NEAR(static_cast<double>(life.schedule.knocks.size()), 3360, 4 * std::sqrt(3360.0));
  }
  EXPECT_NEAR(count / kFleetSize, 5 * 24 * 28, 30);
  // At random moments: the gaps' standard deviation is their mean.
  gap /= count;
  EXPECT_NEAR(std::sqrt(gap2 / count - gap * gap) / gap, 1, 0.02);
}

TEST(FleetDisturbance, AKnockIsWhereTheTruthSaysAndAsHard) {
  const FleetMachine& m = fleet()[0];
  FleetLife life = still_life(m, 20, false);
  life.schedule.knocks = {
      {.at_s = 10.005, .peak_g = 0.7, .duration_s = 0.15, .direction = {1, 0, 0}}};
  const auto rest = means(m, life, 2, 9);
  double peak = 0, elsewhere = 0;
  int blocks = 0;
  live(m, life, {}, [&](const FleetBlock& block) {
    const double end_s = block.truth.time_s + 0.04 / (1 + m.parameters.clock_error);
    EXPECT_EQ(block.truth.knock, end_s > 10.005 && block.truth.time_s < 10.155);
    blocks += block.truth.knock;
    for (const TimedSample& sample : block.samples) {
      double sum = 0;
      for (std::size_t i = 0; i < 3; ++i) {
        sum += std::pow(acceleration(sample)[i] - rest[i], 2);
      }
      double& largest = block.truth.knock ? peak : elsewhere;
      // What follows within 40 ms is the low-pass.
      if (block.truth.knock || block.truth.time_s > 10.2 || block.truth.time_s < 10) {
        largest = std::max(largest, std::sqrt(sum));
      }
    }
  });
  EXPECT_NEAR(peak, 0.7, 0.03);
  EXPECT_LT(elsewhere, 0.04);
  EXPECT_GE(blocks, 4);
}

TEST(FleetDisturbance, TheNeighbourHasItsPartOfTheLevel) {
  for (std::size_t i = 0; i < 6; ++i) {
    const FleetMachine& m = fleet()[i];
    FleetLife life = still_life(m, 100, false);
    const double noise = seen_velocity(m, life);
    const FleetLife weeks = normal(m);
    life.schedule.neighbours = weeks.schedule.neighbours;
    life.schedule.neighbours.resize(1);
    life.schedule.neighbours[0].from_s = 0;
    const double with = seen_velocity(m, life);
    // The sensor's low-pass at its speed.
    const double r = m.neighbour_hz / 94;
    const double seen = std::sqrt(with * with - noise * noise) * std::sqrt(1 + r * r * r * r);
    EXPECT_NEAR(seen / (0.3 * m.base_mm_s), 1, 0.1) << i << " at " << m.neighbour_hz;
    double on_s = 0;
    for (const NeighbourEvent& event : weeks.schedule.neighbours) {
      EXPECT_GE(event.until_s - event.from_s, 600);
      on_s += std::min(event.until_s, weeks.duration_s) - event.from_s;
    }
    EXPECT_NEAR(on_s / weeks.duration_s, 0.5, 0.12);
  }
}

TEST(FleetDisturbance, LoadChangesVibration) {
  for (std::size_t i = 0; i < 5; ++i) {
    const FleetMachine& m = fleet()[i];
    std::array<double, 2> velocity{};
    for (std::size_t k = 0; k < 2; ++k) {
      FleetLife life = still_life(m, 60, true);
      life.schedule.loads = {{-1, k == 0 ? 0.8 : 1.2, 0}};
      velocity[k] = own_velocity(m, life);
    }
    RecordProperty("load_" + std::to_string(i), std::to_string(velocity[1] / velocity[0]));
    EXPECT_GT(std::abs(velocity[1] / velocity[0] - 1), 0.03) << i;
    const FleetLife weeks = normal(m);
    double low = 9, high = 0;
    for (std::size_t k = 0; k < weeks.schedule.loads.size(); ++k) {
      low = std::min(low, weeks.schedule.loads[k].load);
      high = std::max(high, weeks.schedule.loads[k].load);
      if (k > 0) {
        EXPECT_NEAR(weeks.schedule.loads[k].at_s - weeks.schedule.loads[k - 1].at_s, 3600, 1e-6);
      }
    }
    EXPECT_NEAR(low, 0.8, 0.01);
    EXPECT_NEAR(high, 1.2, 0.01);
  }
}

TEST(FleetDisturbance, TheTrendMultipliesVibration) {
  for (std::size_t i = 0; i < 5; ++i) {
    const FleetMachine& m = fleet()[i];
    FleetLife life = still_life(m, 30, true);
    const double young = own_velocity(m, life);
    life.begin_s = 4 * kWeek_s;
    EXPECT_NEAR(own_velocity(m, life) / young, 1 + m.trend, 1e-3);
  }
}

TEST(FleetDisturbance, StartsAndSetPointsComeAsTheTableSays) {
  for (const FleetMachine& m : fleet()) {
    const FleetLife life = normal(m);
    int stops = 0, changes = 0;
    double off_s = 0, stopped_s = -1, last_s = -1;
    for (const SpeedEvent& event : life.schedule.speeds) {
      EXPECT_GT(event.at_s, last_s);
      last_s = event.at_s;
      if (event.speed == 0) {
        EXPECT_LT(stopped_s, 0);
        ++stops;
        stopped_s = event.at_s;
      } else if (stopped_s >= 0) {
        EXPECT_GT(event.at_s - stopped_s, m.coast_s + 179);
        EXPECT_LT(event.at_s - stopped_s, m.coast_s + 3600);
        off_s += event.at_s - stopped_s;
        stopped_s = -1;
      } else {
        ++changes;
      }
    }
    EXPECT_NEAR(stops, 4 * 28, 1);
    EXPECT_GT(off_s / stops, 10 * 60);
    EXPECT_LT(off_s / stops, 30 * 60);
    if (m.set_points == 1) {
      EXPECT_EQ(changes, 0);
    } else {
      EXPECT_GT(changes, 100);
      EXPECT_LT(changes, 700);
    }
  }
}

TEST(FleetLifes, TheBaselineIsTenMinutesOfRunningAtEverySetPoint) {
  int with_start = 0;
  for (int seed = 0; seed < 4; ++seed) {
    for (const FleetMachine& m : fleet()) {
      FleetMachine other = m;
      other.seed += static_cast<std::uint64_t>(seed);
      const FleetLife life = baseline(other);
      const auto stop = std::find_if(life.schedule.speeds.begin(), life.schedule.speeds.end(),
                                     [](const SpeedEvent& event) { return event.speed == 0; });
      if (stop == life.schedule.speeds.end()) {
        EXPECT_EQ(life.duration_s, kBaseline_s);
      } else {
        ++with_start;
        EXPECT_NEAR(life.duration_s - ((stop + 1)->at_s - stop->at_s), kBaseline_s, 1e-6);
      }
    }
  }
  EXPECT_LE(with_start, 16);  // of 200, 5.6 expected

  for (const std::size_t i : {3U, 4U, 8U}) {
    const FleetMachine& m = fleet()[i];
    std::array<double, 3> running_s{};
    live(m, baseline(m), {}, [&](const FleetBlock& block) {
      if (block.truth.state == RunState::running) {
        running_s[static_cast<std::size_t>(block.truth.set_point)] +=
            0.04 / (1 + m.parameters.clock_error);
      }
    });
    for (int k = 0; k < m.set_points; ++k) {
      EXPECT_NEAR(running_s[static_cast<std::size_t>(k)], 600.0 / m.set_points, 11);
    }
  }
}

TEST(FleetLifes, FaultsGrowBeyondTheLimitWhenTheySay) {
  constexpr std::array kFaults = {FaultKind::imbalance, FaultKind::bearing, FaultKind::loose,
                                  FaultKind::misalignment};
  for (const int index : {0, 1, 3, 9, 10}) {
    const FleetMachine m = draw_machine(1, index, 0);
    for (const FaultKind fault : kFaults) {
      const FleetLife life = growing(m, fault);
      ASSERT_EQ(life.schedule.faults.size(), 1U);
      const FaultEvent& event = life.schedule.faults[0];
      EXPECT_GE(event.ramp_s, 6 * 3600);
      EXPECT_LE(event.ramp_s, 7 * kDay_s);
      EXPECT_GT(life.limit_s, event.from_s);
      EXPECT_LT(life.limit_s, event.from_s + event.ramp_s);
      EXPECT_LT(event.severity, 20);
      // The life pressed into four minutes: a minute each before, at the limit, in the end.
      FleetLife pressed = still_life(m, 60, true);
      const auto risen = [&](double at_s) {
        FaultEvent constant = event;
        const double part = std::clamp((at_s - event.from_s) / event.ramp_s, 0.0, 1.0);
        constant.severity = event.severity * part;
        constant.from_s = -10;
        constant.ramp_s = 0;
        pressed.schedule.faults = {constant};
        return own_velocity(m, pressed) - m.base_mm_s;
      };
      // Another minute of flow; how loose it is wanders, and the half order may meet the mount.
      const double tolerance = 0.1 + 0.05 * m.base_mm_s + (fault == FaultKind::loose ? 0.4 : 0.0);
      EXPECT_NEAR(risen(event.from_s), 0, tolerance);
      EXPECT_NEAR(risen(life.limit_s), kRise_mm_s, tolerance) << index;
      EXPECT_NEAR(risen(life.duration_s), 1.5, tolerance) << index;
      EXPECT_GT(risen(life.duration_s), 1.05) << index;
    }
  }
}

TEST(FleetLifes, SeverityAndVelocityGrowInTheStream) {
  const FleetMachine& m = fleet()[1];
  FleetLife life = growing(m, FaultKind::imbalance);
  FaultEvent& event = life.schedule.faults[0];
  event.from_s = 100;  // days pressed into minutes
  event.ramp_s = 400;
  life.duration_s = 600;
  life.schedule.speeds.clear();
  life.initial_speed = usual_point(m).hz / m.parameters.rated_hz;
  double before = 0, after = 0;
  live(m, life, {.measure_velocity = true}, [&](const FleetBlock& block) {
    const FleetTruth& is = block.truth;
    const double expected = event.severity * std::clamp((is.time_s - 100) / 400, 0.0, 1.0);
    EXPECT_NEAR(is.severity, expected, event.severity * 1.1 / 400);  // looked at once a second
    if (is.time_s > 2 && is.time_s < 100) before += is.velocity_ms_mm2_s2 * 0.04 / 98;
    if (is.time_s > 500) after += is.velocity_ms_mm2_s2 * 0.04 / 100;
  });
  EXPECT_GT(std::sqrt(after) - std::sqrt(before), 1.2);
}

TEST(FleetLifes, ARemountTurnsGravityTenDegreesOrMoreAboutAnAxis) {
  const FleetMachine& m = fleet()[2];
  for (std::uint64_t which = 0; which < 20; ++which) {
    const FleetLife life = remounted(m, 1, 5, which);
    ASSERT_EQ(life.schedule.remounts.size(), 5U);
    for (const RemountEvent& event : life.schedule.remounts) {
      const double angle = std::abs(event.x_deg) + std::abs(event.y_deg) + std::abs(event.z_deg);
      EXPECT_GE(angle, 10);
      EXPECT_LE(angle, 90);
      EXPECT_GE(event.at_s, 0);
      EXPECT_LT(event.at_s, life.duration_s);
    }
  }
  FleetLife life = still_life(m, 60, false);
  life.schedule.remounts = {{.at_s = 30, .x_deg = 25, .y_deg = -40}};
  Rotation first{}, last{};
  live(m, life, {}, [&](const FleetBlock& block) {
    EXPECT_EQ(block.truth.remounts, block.truth.time_s < 29.95 ? 0 : 1);
    (block.truth.remounts == 0 ? first : last) = block.truth.mounting;
  });
  const auto before = means(m, life, 0, 29), after = means(m, life, 31, 60);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(before[i] - m.parameters.offset[i], first[i][2], 6e-4);
    EXPECT_NEAR(after[i] - m.parameters.offset[i], last[i][2], 6e-4);
  }
  EXPECT_LT(first[0][2] * last[0][2] + first[1][2] * last[1][2] + first[2][2] * last[2][2], 0.98);
}

TEST(FleetStreams, TruthAgreesWithTheSamplesOfADay) {
  const FleetMachine& m = fleet()[3];  // three set points
  const FleetLife life = normal(m, 1.0 / 7);
  int starts = 0, off_blocks = 0, odd_off = 0, run_blocks = 0, odd_run = 0, far = 0;
  double speed2 = 0, neighbour_blocks = 0;
  std::int64_t count = 0, blocks = 0;
  RunState last = RunState::running;
  double silent_s = 0;
  live(m, life, {}, [&](const FleetBlock& block) {
    const FleetTruth& is = block.truth;
    ++blocks;
    for (const TimedSample& sample : block.samples) {
      ASSERT_EQ(sample.t_us, 5000 * count);
      ++count;
    }
    ASSERT_NEAR(is.time_s * (1 + m.parameters.clock_error),
                1e-6 * static_cast<double>(block.samples[0].t_us), 1e-6);
    if (is.state == RunState::starting && last != RunState::starting) ++starts;
    silent_s = is.state == RunState::off ? silent_s + 0.04 : 0;
    last = is.state;
    double least[3] = {9, 9, 9}, most[3] = {-9, -9, -9};
    for (const TimedSample& sample : block.samples) {
      for (std::size_t i = 0; i < 3; ++i) {
        least[i] = std::min(least[i], acceleration(sample)[i]);
        most[i] = std::max(most[i], acceleration(sample)[i]);
      }
    }
    const double span = std::max({most[0] - least[0], most[1] - least[1], most[2] - least[2]});
    if (is.state == RunState::off && silent_s > 5 && !is.knock && !is.neighbour) {
      EXPECT_EQ(is.shaft_hz, 0);
      ++off_blocks;
      odd_off += span > 0.035;  // noise of 4 mg
    }
    if (is.state == RunState::running) {
      const SetPoint& point = m.set_point[static_cast<std::size_t>(is.set_point)];
      const double part = is.shaft_hz / point.hz - 1;
      speed2 += part * part;
      far += std::abs(part) > m.wander + 0.02;
      ++run_blocks;
      odd_run += span < 0.02;
      EXPECT_GT(is.load, 0.799);
      EXPECT_LT(is.load, 1.201);
    }
    neighbour_blocks += is.neighbour;
  });
  EXPECT_EQ(starts, 4);
  EXPECT_GT(off_blocks, 1000);
  EXPECT_LT(odd_off, off_blocks / 200);
  EXPECT_LT(odd_run, run_blocks / 100);
  EXPECT_EQ(far, 0);
  // Standard deviation half of the bound; ten minutes' correlation leaves a day some freedom.
  EXPECT_NEAR(std::sqrt(speed2 / run_blocks) / (0.5 * m.wander), 1, 0.3);
  EXPECT_GT(neighbour_blocks, 0);
  EXPECT_NEAR(static_cast<double>(count), 86'400 * 200 * (1 + m.parameters.clock_error), 8);
}

TEST(FleetStreams, AreTheSameForTheSameArguments) {
  const auto bits = [](const FleetMachine& m, const FleetLife& life, double rate_hz) {
    std::vector<TimedSample> samples;
    FleetStream stream(m, life, {.rate_hz = rate_hz});
    FleetBlock block;
    for (int i = 0; i < 250 && stream.next(block); ++i) {
      samples.insert(samples.end(), block.samples.begin(), block.samples.end());
    }
    return samples;
  };
  const FleetMachine& m = fleet()[5];
  const auto first = bits(m, baseline(m), 200);
  EXPECT_EQ(first.size(), 2000U);
  EXPECT_EQ(first, bits(draw_machine(1, 5), baseline(m), 200));
  EXPECT_NE(first, bits(m, normal(m), 200));
  EXPECT_NE(first, bits(draw_machine(2, 5), baseline(m), 200));
  EXPECT_NE(bits(m, growing(m, FaultKind::loose), 200),
            bits(m, growing(m, FaultKind::loose, 1), 200));
  const auto fine = bits(m, baseline(m), 1000);
  EXPECT_EQ(fine.size(), 10'000U);
  EXPECT_EQ(fine[1].t_us, 1000);
  // The same motion, seen more often: alike but for the noise.
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_NEAR(fine[5 * i + 4].sample.axis[0], first[i].sample.axis[0], 0.04) << i;
  }
}

TEST(FleetStreams, ACopyGoesOnAlike) {
  const FleetMachine& m = fleet()[6];
  FleetStream stream(m, baseline(m));
  FleetBlock a, b;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(stream.next(a));
  FleetStream copy = stream;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(stream.next(a));
    ASSERT_TRUE(copy.next(b));
    ASSERT_TRUE(std::equal(a.samples.begin(), a.samples.end(), b.samples.begin()));
  }
}

TEST(FleetStreams, ValuesAreCountsWithinTheRails) {
  const FleetMachine& m = fleet()[0];
  FleetLife life = still_life(m, 5, true);
  life.schedule.knocks = {{.at_s = 1, .peak_g = 6, .duration_s = 0.2, .direction = {1, 1, 1}},
                          {.at_s = 2, .peak_g = 6, .duration_s = 0.2, .direction = {-1, -1, -1}}};
  double low = 0, high = 0;
  live(m, life, {}, [&](const FleetBlock& block) {
    for (const TimedSample& sample : block.samples) {
      for (const double a : acceleration(sample)) {
        EXPECT_EQ(a / kLsb_g, std::round(a / kLsb_g));
        low = std::min(low, a);
        high = std::max(high, a);
      }
    }
  });
  EXPECT_EQ(low, -2);
  EXPECT_EQ(high, 2 - kLsb_g);
}

}  // namespace
}  // namespace fettle::simulator
