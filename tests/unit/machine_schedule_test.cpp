// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "simulator/machine/schedule.hpp"
#include "simulator/mpu6050_chip/chip.hpp"
#include "simulator/scheduled_source.hpp"
#include "tests/support/simulated.hpp"

namespace fettle::simulator {
namespace {

using test::band_rms;
using Vector = std::array<double, 3>;

constexpr double kStep_s = 1e-3;
constexpr double kRate_hz = 1000;
constexpr std::size_t kHorizontal = 1, kVertical = 2;

std::vector<SensorMotion> run(double seconds, const Schedule& schedule = {},
                              const MachineConfig& config = {}, std::uint64_t seed = 1) {
  ScheduledMotion machine(config, seed, schedule);
  std::vector<SensorMotion> steps(static_cast<std::size_t>(seconds * kRate_hz));
  for (SensorMotion& step : steps) step = machine.next(kStep_s);
  return steps;
}

/// Acceleration along an axis of the machine, the mounting undone, from a moment on.
std::vector<double> along(const std::vector<SensorMotion>& steps, std::size_t direction,
                          double from_s = 0, std::uint64_t seed = 1) {
  const Rotation mounting = MachineParameters(seed).mounting;
  std::vector<double> values;
  for (auto k = static_cast<std::size_t>(from_s * kRate_hz); k < steps.size(); ++k) {
    double sum = 0;
    for (std::size_t i = 0; i < 3; ++i) sum += mounting[i][direction] * steps[k].axis[i];
    values.push_back(sum);
  }
  return values;
}

double order_rms(const std::vector<double>& signal, double shaft_hz, double order) {
  const double hz = order * shaft_hz;
  return band_rms(signal, kRate_hz, hz - 0.015 * hz - 0.2, hz + 0.015 * hz + 0.2);
}

double norm(const double* v) { return std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

/// Largest departure from gravity and from standstill.
double loudest(const std::vector<SensorMotion>& steps, std::size_t from, std::size_t to) {
  const Rotation mounting = MachineParameters(1).mounting;
  double largest = 0;
  for (std::size_t k = from; k < to; ++k) {
    for (std::size_t i = 0; i < 3; ++i) {
      largest = std::max(largest, std::abs(steps[k].axis[i] - mounting[i][2]));
      largest = std::max(largest, std::abs(steps[k].axis[i + 3]));
    }
  }
  return largest;
}

TEST(ScheduledMotion, WithoutEventsItIsTheMachine) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    MachineConfig config;
    config.rate_hz = 1000;
    const auto machine = test::simulated(20'000, config, seed);
    const Machine truth(config, seed);
    const auto scheduled = run(20, {}, config, seed);
    const double apparent_hz = truth.apparent_shaft_hz();
    const double shaft_hz = apparent_hz * (1 + truth.parameters().clock_error);
    for (std::size_t axis = 0; axis < 6; ++axis) {
      std::vector<double> values;
      for (const SensorMotion& step : scheduled) values.push_back(step.axis[axis]);
      const double expected = order_rms(test::axis_of(machine, axis), apparent_hz, 1);
      // Load and flow wander otherwise than there, hence not closer.
      EXPECT_NEAR(order_rms(values, shaft_hz, 1), expected, 0.2 * expected) << seed << " " << axis;
    }
  }
}

TEST(ScheduledMotion, OnceATurnGrowsWithTheSquareOfSpeed) {
  const MachineParameters p(1);
  const auto force = [&p](double speed) {
    MachineConfig config;
    config.speed = speed;
    config.faults.imbalance = 1;
    const double hz = p.rated_hz * speed;
    const double r =
        hz / p.mount_hz;  // what the mount makes of a force, as SecondOrder's high_pass
    const double mount = r * r / std::hypot(1 - r * r, 2 * p.mount_damping * r);
    return order_rms(along(run(20, {}, config), kHorizontal), hz, 1) / mount;
  };
  const double rated = force(1);
  for (const double speed : {0.7, 1.4, 2.0}) {
    EXPECT_NEAR(force(speed) / rated, speed * speed, 0.04 * speed * speed) << speed;
  }
}

TEST(ScheduledMotion, OffIsSilent) {
  Schedule schedule;
  schedule.speeds = {{.at_s = 5, .speed = 0, .ramp_s = 4}};
  MachineConfig config;
  config.faults = {.imbalance = 1, .bearing = 1, .loose = 1, .misalignment = 1};
  const auto stopping = run(15, schedule, config);
  EXPECT_GT(loudest(stopping, 4000, 5000), 0.05);
  EXPECT_LT(loudest(stopping, 12'500, 15'000), 1e-4);
  config.speed = 0;
  EXPECT_LT(loudest(run(5, {}, config), 0, 5000), 1e-4);
}

TEST(ScheduledMotion, RunsUpEvenlyAndCoastsToAStop) {
  Schedule schedule;
  schedule.speeds = {{.at_s = 20, .speed = 0, .ramp_s = 10},
                     {.at_s = 2, .speed = 1.2, .ramp_s = 4}};
  MachineConfig config;
  config.speed = 0;
  ScheduledMotion machine(config, 1, schedule);
  const double rated_hz = machine.parameters().rated_hz;
  std::vector<double> speed;
  for (int i = 0; i < 40'000; ++i) {
    static_cast<void>(machine.next(kStep_s));
    speed.push_back(machine.shaft_hz() / rated_hz);
    if (i % 1000 == 500) {
      EXPECT_EQ(machine.operation().powered, i > 2000 && i < 20'000) << i;
    }
  }
  EXPECT_EQ(speed[1900], 0);
  EXPECT_NEAR(speed[4000], 0.6, 0.02);
  EXPECT_NEAR(speed[10'000], 1.2, 0.02);
  // Flow brakes first: after half the time a third of the speed is left, tan(30) / tan(60).
  EXPECT_NEAR(speed[25'000], 0.4, 0.02);
  EXPECT_GT(speed[20'500] - speed[21'500], 3 * (speed[28'000] - speed[29'000]) / 1.5);
  EXPECT_EQ(speed[30'100], 0);
  EXPECT_EQ(speed[39'000], 0);
}

TEST(ScheduledMotion, LooseShowsHalfOrders) {
  MachineConfig loose;
  loose.faults.loose = 1;
  const auto healthy = along(run(20), kVertical), faulty = along(run(20, {}, loose), kVertical);
  const double hz = MachineParameters(1).rated_hz;
  for (const double order : {0.5, 1.5}) {
    EXPECT_GT(order_rms(faulty, hz, order), 5 * order_rms(healthy, hz, order)) << order;
  }
}

TEST(ScheduledMotion, MisalignmentShowsTwiceATurn) {
  MachineConfig config;
  config.faults.misalignment = 1;
  const double hz = MachineParameters(1).rated_hz;
  EXPECT_GT(order_rms(along(run(20, {}, config), kHorizontal), hz, 2),
            5 * order_rms(along(run(20), kHorizontal), hz, 2));
}

TEST(ScheduledMotion, ARemountIsARigidRotation) {
  Schedule schedule;
  schedule.remounts = {{.at_s = 3, .x_deg = 40, .y_deg = -25, .z_deg = 110}};
  const auto before = run(6), after = run(6, schedule);
  const Rotation turn = rotation(40.0 / 360, -25.0 / 360, 110.0 / 360);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      double dot = 0;
      for (std::size_t k = 0; k < 3; ++k) dot += turn[i][k] * turn[j][k];
      EXPECT_NEAR(dot, i == j, 1e-12);
    }
  }
  double largest_turn = 0;
  for (std::size_t k = 0; k < before.size(); ++k) {
    EXPECT_NEAR(norm(before[k].axis.data()), norm(after[k].axis.data()), 1e-12);
    EXPECT_NEAR(norm(before[k].axis.data() + 3), norm(after[k].axis.data() + 3), 1e-9);
    for (std::size_t i = 0; i < 6; ++i) {
      double expected = before[k].axis[i];
      if (k >= 3000) {
        const std::size_t base = i < 3 ? 0 : 3;
        expected = 0;
        for (std::size_t j = 0; j < 3; ++j) {
          expected += turn[i - base][j] * before[k].axis[base + j];
        }
        largest_turn = std::max(largest_turn, std::abs(expected - before[k].axis[i]));
      }
      ASSERT_NEAR(after[k].axis[i], expected, 1e-9) << k << " " << i;
    }
  }
  EXPECT_GT(largest_turn, 0.5);
}

TEST(ScheduledMotion, KnocksAreHalfSinesOfTheStatedLevel) {
  Schedule schedule;
  schedule.knocks = {{.at_s = 2, .peak_g = 1.5, .duration_s = 0.2, .direction = {3, 0, 4}},
                     {.at_s = 1, .peak_g = 0.2, .duration_s = 0.02}};
  const auto calm = run(4), knocked = run(4, schedule);
  for (std::size_t k = 0; k < calm.size(); ++k) {
    const double t_s = 1e-3 * static_cast<double>(k + 1);
    Vector difference{};
    for (std::size_t i = 0; i < 3; ++i) difference[i] = knocked[k].axis[i] - calm[k].axis[i];
    double expected = 0;
    if (t_s >= 1 && t_s <= 1.02) expected = 0.2 * std::sin(M_PI * (t_s - 1) / 0.02);
    if (t_s >= 2 && t_s <= 2.2) expected = 1.5 * std::sin(M_PI * (t_s - 2) / 0.2);
    ASSERT_NEAR(norm(difference.data()), expected, 1e-9) << t_s;
  }
}

TEST(ScheduledMotion, NeighboursComeAndGo) {
  Schedule schedule;
  schedule.neighbours = {
      {.from_s = 4, .until_s = 14, .hz = 20, .level_g = 0.05, .direction = {0, 1, 0}}};
  const auto alone = along(run(18), kHorizontal), both = along(run(18, schedule), kHorizontal);
  std::vector<double> difference;
  for (std::size_t k = 0; k < alone.size(); ++k) {
    const double d = both[k] - alone[k];
    if (k < 3998 || k >= 14'000) {
      ASSERT_NEAR(d, 0, 1e-12);
    }
    if (k >= 5000 && k < 13'000) difference.push_back(d);
  }
  for (std::size_t k = 13'980; k < 14'000; ++k) EXPECT_LT(std::abs(both[k] - alone[k]), 0.01);
  EXPECT_NEAR(band_rms(difference, kRate_hz, 19, 21), 0.05 / std::sqrt(2.0), 5e-4);
  EXPECT_NEAR(band_rms(difference, kRate_hz, 39, 41), 0.4 * 0.05 / std::sqrt(2.0), 5e-4);
}

TEST(ScheduledMotion, NeighboursMayOverlapAndBeThousands) {
  // What several do together is the sum of what each does; thousands that are not there now do
  // nothing, and cost next to nothing (else this test would take minutes).
  const std::vector<NeighbourEvent> events = {
      {.from_s = 3, .until_s = 6, .hz = 20, .level_g = 0.05, .direction = {0, 1, 0}},
      {.from_s = 1, .until_s = 5, .hz = 31, .level_g = 0.03, .direction = {0, 1, 0}},
      {.from_s = 4.5, .until_s = 4.6, .hz = 50, .level_g = 0.02, .direction = {0, 1, 0}}};
  Schedule together;
  together.neighbours = events;
  for (int i = 0; i < 20'000; ++i) {
    together.neighbours.push_back({.from_s = 100.0 + i, .until_s = 101.0 + i});
  }
  const auto all = along(run(8, together), kHorizontal), alone = along(run(8), kHorizontal);
  std::vector<double> expected = alone;
  for (const NeighbourEvent& event : events) {
    Schedule one;
    one.neighbours = {event};
    const auto with = along(run(8, one), kHorizontal);
    for (std::size_t k = 0; k < with.size(); ++k) expected[k] += with[k] - alone[k];
  }
  for (std::size_t k = 0; k < all.size(); ++k) ASSERT_NEAR(all[k], expected[k], 1e-12) << k;
}

TEST(ScheduledMotion, FaultsBeginGrowAndEnd) {
  Schedule schedule;
  schedule.faults = {
      {.which = FaultKind::imbalance,
       .severity = 0.8,
       .from_s = 2,
       .until_s = 8,
       .ramp_s = 4,
       .initial = 0.2},
      {.which = FaultKind::imbalance, .severity = 0.1, .from_s = 1, .until_s = 3},
      {.which = FaultKind::bearing,
       .severity = 0.5,
       .from_s = 5,
       .defect = BearingDefect::inner_race},
      {.which = FaultKind::loose, .severity = 0.3, .from_s = 6},
      {.which = FaultKind::misalignment, .severity = 0.4, .from_s = 7},
  };
  ScheduledMotion machine({}, 1, schedule);
  const auto at = [&machine](double t_s) {
    while (machine.time_s() < t_s) static_cast<void>(machine.next(kStep_s));
    return machine.operation().faults;
  };
  EXPECT_EQ(at(0.9), Faults{});
  EXPECT_NEAR(at(1.5).imbalance, 0.1, 1e-12);
  EXPECT_NEAR(at(2.5).imbalance, 0.1 + 0.2 + 0.6 * 0.5 / 4, 0.005);
  EXPECT_NEAR(at(5.0).imbalance, 0.2 + 0.6 * 3 / 4, 0.005);
  EXPECT_EQ(at(5.5).bearing, 0.5);
  EXPECT_EQ(at(5.5).defect, BearingDefect::inner_race);
  EXPECT_EQ(at(5.9).loose, 0);
  EXPECT_NEAR(at(7.5).imbalance, 0.8, 1e-12);
  EXPECT_EQ(at(7.5).loose, 0.3);
  EXPECT_EQ(at(7.5).misalignment, 0.4);
  EXPECT_EQ(at(8.5).imbalance, 0);
  EXPECT_EQ(at(100).bearing, 0.5);
}

TEST(ScheduledMotion, AFaultWithAnOnsetIsHeardFromThenOn) {
  Schedule schedule;
  schedule.faults = {{.which = FaultKind::imbalance, .severity = 1, .from_s = 20}};
  const auto healthy = along(run(40), kHorizontal), faulty = along(run(40, schedule), kHorizontal);
  EXPECT_TRUE(std::equal(healthy.begin(), healthy.begin() + 19'990, faulty.begin()));
  const double hz = MachineParameters(1).rated_hz;
  const std::vector<double> now(faulty.begin() + 22'000, faulty.end());
  const std::vector<double> then(healthy.begin() + 22'000, healthy.end());
  EXPECT_GT(order_rms(now, hz, 1), 2 * order_rms(then, hz, 1));
}

TEST(ScheduledMotion, LoadRaisesTheFlowsForces) {
  Schedule schedule;
  schedule.loads = {{.at_s = 0, .load = 2}};
  const double blades_hz = MachineParameters(1).blades * MachineParameters(1).rated_hz;
  const double usual = order_rms(along(run(20), kHorizontal), blades_hz, 1);
  EXPECT_NEAR(order_rms(along(run(20, schedule), kHorizontal), blades_hz, 1) / usual, 2, 0.1);
}

TEST(ScheduledMotion, AmbientTemperatureFollowsStraightLines) {
  Schedule schedule;
  schedule.temperatures = {{.at_s = 30, .celsius = 40}, {.at_s = 10, .celsius = 20}};
  const auto steps = run(40, schedule), usual = run(40);
  const auto ambient = [&](double t_s) {
    const auto k = static_cast<std::size_t>(t_s * kRate_hz);
    return steps[k].celsius - (usual[k].celsius - 25);
  };
  EXPECT_NE(usual[1000].celsius, usual[39'000].celsius);  // the machine's own heat wanders
  EXPECT_NEAR(usual[39'000].celsius, 25, 1.5);
  EXPECT_NEAR(ambient(1), 20, 0.03);
  EXPECT_NEAR(ambient(15), 25, 0.03);
  EXPECT_NEAR(ambient(25), 35, 0.03);
  EXPECT_NEAR(ambient(39), 40, 0.03);
}

TEST(ScheduledMotion, IsDeterminedBySeedAndSession) {
  const auto same = [](const std::vector<SensorMotion>& a, const std::vector<SensorMotion>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), [](const auto& x, const auto& y) {
      return x.axis == y.axis && x.celsius == y.celsius;
    });
  };
  MachineConfig other_day;
  other_day.session = 1;
  const auto first = run(3);
  EXPECT_TRUE(same(first, run(3)));
  EXPECT_FALSE(same(first, run(3, {}, other_day)));
  EXPECT_FALSE(same(first, run(3, {}, {}, 2)));
}

TEST(ScheduledMotion, StepsMayChange) {
  ScheduledMotion machine({}, 1, {});
  double t_s = 0, loudest_g = 0;
  for (int i = 0; i < 60'000; ++i) {
    const double step_s = i % 20'000 < 8000 ? 1.25e-4 : i % 7 == 0 ? 0.97e-3 : 0.99e-3;
    const SensorMotion motion = machine.next(step_s);
    t_s += step_s;
    loudest_g = std::max(loudest_g, std::abs(norm(motion.axis.data()) - 1));
  }
  EXPECT_DOUBLE_EQ(machine.time_s(), t_s);
  EXPECT_LT(loudest_g, 0.5);
}

TEST(ScheduledSource, TheChipFeelsTheMachine) {
  MachineConfig config;
  Schedule schedule;
  schedule.remounts = {{.at_s = 5, .x_deg = 90}};
  ScheduledSource source(config, 1, schedule);
  Mpu6050Chip chip({}, source);
  chip.advance_to(100'000);
  ASSERT_EQ(chip.write(0x68, 0x6B, 0x01), BusAnswer::ok);
  ASSERT_EQ(chip.write(0x68, 0x1A, 0x02), BusAnswer::ok);
  ASSERT_EQ(chip.write(0x68, 0x19, 0x04), BusAnswer::ok);
  const auto mean = [&chip](std::int64_t from_us, std::size_t axis) {
    double sum = 0;
    for (int i = 0; i < 400; ++i) {
      chip.advance_to(from_us + 5000 * i);
      sum += chip.latest()[axis] / 16384.0 / 400;
    }
    return sum;
  };
  const double upright = mean(2'000'000, 2);
  EXPECT_NEAR(upright, source.machine().mounting()[2][2], 0.01);
  const double lying = mean(6'000'000, 2);
  EXPECT_NEAR(lying, source.machine().mounting()[2][2], 0.01);
  EXPECT_LT(std::abs(source.machine().mounting()[2][2]), 0.3);
}

}  // namespace
}  // namespace fettle::simulator
