// SPDX-License-Identifier: Apache-2.0
#include "simulator/machine/machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "tests/support/simulated.hpp"

namespace fettle::simulator {
namespace {

using test::axis_of;
using test::band_rms;
using test::simulated;

constexpr std::size_t kHorizontal = 1;
constexpr std::size_t kVertical = 2;
constexpr std::size_t kMinute = 12'000;  // samples at 200 Hz

/// Acceleration along an axis of the machine (the sensor's mounting undone), g.
std::vector<double> along(const std::vector<TimedSample>& samples, const MachineParameters& machine,
                          std::size_t direction) {
  std::vector<double> values;
  for (const TimedSample& s : samples) {
    double sum = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      sum += machine.mounting[i][direction] * static_cast<double>(s.sample.axis[i]);
    }
    values.push_back(sum);
  }
  return values;
}

/// Strength of an order of the shaft's speed, RMS. The band is as wide as speed wanders.
double order_rms(const std::vector<double>& signal, const MachineConfig& config, std::uint64_t seed,
                 double order) {
  const Machine machine(config, seed);
  const double hz = order * machine.apparent_shaft_hz();
  const double half_width_hz = 0.015 * hz + 0.2;
  return band_rms(signal, config.rate_hz, hz - half_width_hz, hz + half_width_hz);
}

/// What rigid body and low-pass make of a force, written down in the frequency domain of the real
/// world and not in the filters' own arithmetic.
double transmission(const MachineParameters& p, double hz) {
  const std::complex<double> s(0, hz);
  const std::complex<double> mount =
      s * s / (s * s + 2.0 * p.mount_damping * p.mount_hz * s + p.mount_hz * p.mount_hz);
  const double r = hz / 94.0;
  return std::abs(mount) / std::sqrt(1 + r * r * r * r);
}

std::array<double, 6> means(const std::vector<TimedSample>& samples) {
  std::array<double, 6> sums{};
  for (const TimedSample& s : samples) {
    for (std::size_t i = 0; i < 6; ++i) sums[i] += static_cast<double>(s.sample.axis[i]);
  }
  for (double& sum : sums) sum /= static_cast<double>(samples.size());
  return sums;
}

TEST(Machine, GivesTheSameBytesForTheSameSeedAndOthersForOthers) {
  const MachineConfig config;
  MachineConfig other_session;
  other_session.session = 1;
  const auto samples = simulated(2000, config, 1);
  EXPECT_EQ(samples, simulated(2000, config, 1));
  EXPECT_NE(samples, simulated(2000, config, 2));
  EXPECT_NE(samples, simulated(2000, other_session, 1));
}

TEST(Machine, ACopyGoesOnAlike) {
  Machine machine({}, 5);
  for (int i = 0; i < 777; ++i) static_cast<void>(machine.next());
  Machine copy = machine;
  for (int i = 0; i < 777; ++i) EXPECT_EQ(machine.next(), copy.next());
}

// In blocks of any length, across those in which the machine's speed wanders, and with every force at work.
TEST(MachineMotion, ABlockGivesTheBitsOfItsSteps) {
  MachineConfig config;
  config.faults = {.imbalance = 0.5, .bearing = 1.0, .loose = 0.5, .misalignment = 0.5};
  MachineMotion single(config, 7, 1000.0, 25.0, 40);
  MachineMotion blocks = single;
  std::array<std::array<double, 6>, 130> block{};
  for (const std::size_t length : {1U, 39U, 40U, 41U, 7U, 130U, 80U}) {
    const std::span<std::array<double, 6>> now = std::span(block).first(length);
    blocks.run(now);
    for (const std::array<double, 6>& step : now) ASSERT_EQ(step, single.step()) << length;
  }
}

TEST(Machine, TimeStampsKeepTheNominalGrid) {
  for (const double rate_hz : {20.0, 30.0, 104.0, 200.0, 1000.0, 1125.0, 8000.0}) {
    MachineConfig config;
    config.rate_hz = rate_hz;
    const auto samples = simulated(5000, config);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const auto expected = std::llround(static_cast<double>(i) * 1e6 / rate_hz);
      ASSERT_EQ(samples[i].t_us, expected) << rate_hz << " Hz, sample " << i;
    }
  }
}

TEST(Machine, ValuesAreCountsOfTheConverter) {
  MachineConfig config;
  config.faults = {1, 1, 1, 1};
  for (const TimedSample& s : simulated(5000, config)) {
    for (std::size_t axis = 0; axis < 6; ++axis) {
      const float per_unit = axis < 3 ? 16384.0F : 131.0F;
      const float value = s.sample.axis[axis];
      const float count = std::round(value * per_unit);
      ASSERT_EQ(value, count / per_unit);
      ASSERT_LE(std::abs(count), 32768.0F);
    }
  }
}

TEST(Machine, SaturatesAtTheRails) {
  MachineConfig config;
  config.faults.imbalance = 10'000;
  float low[6], high[6];
  std::fill_n(low, 6, std::numeric_limits<float>::max());
  std::fill_n(high, 6, std::numeric_limits<float>::lowest());
  for (const TimedSample& s : simulated(2000, config)) {
    for (std::size_t axis = 0; axis < 6; ++axis) {
      low[axis] = std::min(low[axis], s.sample.axis[axis]);
      high[axis] = std::max(high[axis], s.sample.axis[axis]);
    }
  }
  for (std::size_t axis = 0; axis < 6; ++axis) {
    const float per_unit = axis < 3 ? 16384.0F : 131.0F;
    EXPECT_EQ(low[axis], -32768.0F / per_unit) << axis;
    EXPECT_EQ(high[axis], 32767.0F / per_unit) << axis;
  }
}

TEST(Machine, SeverityZeroIsNormalWhateverTheDefect) {
  MachineConfig config;
  config.faults.defect = BearingDefect::ball;
  EXPECT_EQ(simulated(5000), simulated(5000, config));
}

TEST(Machine, AFaultDisturbsNoOtherRandomness) {
  // Hardly any fault is hardly any difference: a rounding to the next count here and there.
  MachineConfig config;
  config.faults = {1e-6, 1e-6, 1e-6, 1e-6};
  const auto normal = simulated(5000);
  const auto faulty = simulated(5000, config);
  for (std::size_t i = 0; i < normal.size(); ++i) {
    for (std::size_t axis = 0; axis < 6; ++axis) {
      ASSERT_NEAR(normal[i].sample.axis[axis], faulty[i].sample.axis[axis], 1.01F * axis_lsb(axis));
    }
  }
}

TEST(Machine, NoFaultTurnsOrStretchesGravity) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const MachineParameters machine(seed);
    std::uint64_t session = 0;
    for (const Faults& faults : {Faults{}, Faults{.imbalance = 1}, Faults{.bearing = 1},
                                 Faults{.loose = 1}, Faults{.misalignment = 1}}) {
      MachineConfig config;
      config.faults = faults;
      config.session = session++;
      const auto mean = means(simulated(2 * kMinute, config, seed));
      double length2 = 0;
      for (std::size_t i = 0; i < 3; ++i) {
        const double gravity = mean[i] - machine.offset[i];
        EXPECT_NEAR(gravity, machine.mounting[i][kVertical], 0.001) << "axis " << i;
        EXPECT_NEAR(mean[i + 3], machine.offset[i + 3], 0.06) << "axis " << i + 3;
        length2 += gravity * gravity;
      }
      EXPECT_NEAR(std::sqrt(length2), 1.0, 0.001);
    }
  }
}

TEST(Machine, MountingIsARotation) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto m = MachineParameters(seed).mounting;
    for (std::size_t a = 0; a < 3; ++a) {
      for (std::size_t b = 0; b < 3; ++b) {
        const double dot = m[a][0] * m[b][0] + m[a][1] * m[b][1] + m[a][2] * m[b][2];
        EXPECT_NEAR(dot, a == b ? 1 : 0, 1e-14);
      }
    }
    EXPECT_GT(m[2][2], 0.9);  // mostly upright
    const double determinant = m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
                               m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
                               m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
    EXPECT_NEAR(determinant, 1, 1e-14);
  }
}

TEST(Machine, ImbalanceAddsAForceOfSpeedSquared) {
  // Worked out by hand from the balance quality grade: vectors of residual imbalance, of the flow's
  // (0.3 of it at 0.3 turns) and of the fault (36 mm/s at severity 1), times speed squared.
  for (const std::uint64_t seed : {1U, 2U}) {
    for (const double speed : {0.6, 1.0, 1.2}) {
      for (const double severity : {0.0, 0.25, 1.0}) {
        MachineConfig config;
        config.speed = speed;
        config.faults.imbalance = severity;
        const auto samples = simulated(4 * kMinute / 5, config, seed);
        const MachineParameters p(seed);
        const auto at = [](double turns) { return std::polar(1.0, 2 * M_PI * turns); };
        const std::complex<double> mm_s = p.residual_mm_s * at(p.residual_turns) +
                                          0.3 * p.residual_mm_s * at(p.residual_turns + 0.3) +
                                          36.0 * severity * at(p.heavy_spot_turns);
        const double w = 2 * M_PI * p.rated_hz;
        const double amplitude_g =
            std::abs(mm_s) * 1e-3 * p.rotor_share * w * speed * speed / 9.80665;
        const double expected = amplitude_g / std::sqrt(2.0) * transmission(p, speed * p.rated_hz);
        const double found = order_rms(along(samples, p, kHorizontal), config, seed, 1.0);
        EXPECT_NEAR(found / expected, 1.0, 0.06)
            << "seed " << seed << ", speed " << speed << ", severity " << severity;
      }
    }
  }
}

TEST(Machine, RockingFollowsTheForceOfImbalance) {
  const auto gyro = [](double severity) {
    MachineConfig config;
    config.faults.imbalance = severity;
    return order_rms(axis_of(simulated(kMinute, config), 3), config, 1, 1.0);
  };
  EXPECT_GT(gyro(0.5), 2 * gyro(0.0));
  EXPECT_GT(gyro(1.0), 1.6 * gyro(0.5));
}

TEST(Machine, ALooseMountShowsHalfOrdersAndRocks) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const MachineParameters p(seed);
    const MachineConfig normal;
    MachineConfig loose;
    loose.faults.loose = 1;
    const auto before = simulated(kMinute, normal, seed);
    const auto after = simulated(kMinute, loose, seed);
    for (const double order : {0.5, 1.5}) {
      const double was = order_rms(along(before, p, kVertical), normal, seed, order);
      const double is = order_rms(along(after, p, kVertical), loose, seed, order);
      EXPECT_GT(is, 4 * was) << "seed " << seed << ", order " << order;
      EXPECT_GT(order_rms(axis_of(after, 3), loose, seed, order),
                4 * order_rms(axis_of(before, 3), normal, seed, order))
          << "seed " << seed << ", order " << order;
    }
  }
}

TEST(Machine, MisalignmentShowsAtTwiceTheSpeedAndAlongTheShaft) {
  const MachineParameters p(1);
  const MachineConfig normal;
  MachineConfig misaligned;
  misaligned.faults.misalignment = 1;
  const auto before = simulated(kMinute, normal);
  const auto after = simulated(kMinute, misaligned);
  const auto growth = [&](std::size_t direction, double order) {
    return order_rms(along(after, p, direction), misaligned, 1, order) /
           order_rms(along(before, p, direction), normal, 1, order);
  };
  EXPECT_GT(growth(kHorizontal, 2.0), 4);
  EXPECT_GT(growth(0, 1.0), 2);
  EXPECT_LT(growth(kHorizontal, 1.0), 1.3);
}

TEST(Bearing, FrequenciesFollowFromItsGeometry) {
  // A 608: seven balls of 3.969 mm on a circle of 15 mm; by hand, d / D = 0.2646.
  const Bearing bearing;
  EXPECT_NEAR(bearing.outer_order(), 2.5739, 1e-4);
  EXPECT_NEAR(bearing.inner_order(), 4.4261, 1e-4);
  EXPECT_NEAR(bearing.ball_order(), 1.7573, 1e-4);
  EXPECT_NEAR(bearing.cage_order(), 0.3677, 1e-4);
  EXPECT_NEAR(bearing.outer_order() + bearing.inner_order(), 7, 1e-12);
}

/// The ringing of the frame (200 Hz and more, taken at 1 kHz) squared: its envelope.
std::vector<double> envelope(const std::vector<double>& signal, double rate_hz) {
  const BiquadCoefficients steep = SecondOrder(200, std::sqrt(0.5), rate_hz).high_pass();
  BiquadBank<1> stages[3];
  for (auto& stage : stages) stage.set(0, steep);
  std::vector<double> squared;
  for (const double x : signal) {
    std::array<double, 1> y{x};
    for (auto& stage : stages) stage.step(y);
    squared.push_back(y[0] * y[0]);
  }
  squared.erase(squared.begin(), squared.begin() + 1000);  // until the filters forget gravity
  return squared;
}

TEST(Bearing, ImpactsRepeatAtTheFrequencyOfTheDefect) {
  for (const auto defect :
       {BearingDefect::outer_race, BearingDefect::inner_race, BearingDefect::ball}) {
    MachineConfig config;
    config.rate_hz = 1000;
    config.faults.bearing = 1;
    config.faults.defect = defect;
    const Machine machine(config, 1);
    const MachineParameters p(1);
    const auto signal = envelope(along(simulated(11'000, config), p, kVertical), config.rate_hz);
    config.faults.bearing = 0;
    const auto normal = envelope(along(simulated(11'000, config), p, kVertical), config.rate_hz);

    // The strongest line of the envelope's spectrum from 30 Hz, in steps of half a hertz.
    const double shaft_hz = machine.apparent_shaft_hz();
    double best = 0, best_hz = 0;
    for (double hz = 30; hz < 170; hz += 0.5) {
      const double rms = band_rms(signal, 1000, hz - 0.4, hz + 0.4);
      if (rms > best) {
        best = rms;
        best_hz = hz;
      }
    }
    const double expected_hz = p.bearing.order(defect) * shaft_hz;
    EXPECT_NEAR(best_hz, expected_hz, 0.01 * expected_hz + 0.5);
    EXPECT_GT(best, 10 * band_rms(normal, 1000, best_hz - 0.4, best_hz + 0.4));
  }
}

TEST(Machine, ALooseFootDoesNotPull) {
  // The tops of the upward wave are cut off, so that over several machines the distribution leans to
  // the other side; the half orders alone would make it lean upwards (0.35).
  const auto skewness = [](std::uint64_t seed) {
    MachineConfig config;
    config.rate_hz = 1000;
    config.faults.loose = 1;
    const auto signal = along(simulated(20'000, config, seed), MachineParameters(seed), kVertical);
    double mean = 0, second = 0, third = 0;
    const auto n = static_cast<double>(signal.size());
    for (const double x : signal) mean += x / n;
    for (const double x : signal) {
      second += (x - mean) * (x - mean) / n;
      third += (x - mean) * (x - mean) * (x - mean) / n;
    }
    return third / std::pow(second, 1.5);
  };
  double sum = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) sum += skewness(seed);
  EXPECT_LT(sum / 6, -0.05);
}

TEST(Machine, TheSensorsClockIsOffAsStated) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    MachineConfig config;
    config.rate_hz = 1000;
    config.speed = 0.1;  // hardly turning: only the hum is left
    const MachineParameters p(seed);
    const auto signal = along(simulated(20'000, config, seed), p, kHorizontal);
    const double hz = p.hum_hz / (1 + p.clock_error);
    EXPECT_GT(std::abs(hz - p.hum_hz), 0.2) << "a seed that shows nothing";
    EXPECT_GT(band_rms(signal, 1000, hz - 0.1, hz + 0.1),
              4 * band_rms(signal, 1000, p.hum_hz - 0.1, p.hum_hz + 0.1));
  }
}

TEST(Machine, SensorNoiseHasTheDensityOfTheDatasheet) {
  // Hardly turning, so that between the lines there is nothing else.
  for (const double rate_hz : {100.0, 200.0, 1000.0}) {
    MachineConfig config;
    config.rate_hz = rate_hz;
    config.speed = 0.1;
    const auto samples = simulated(30 * static_cast<std::size_t>(rate_hz) * 2, config);
    // At 100 Hz what the low-pass leaves of 50 to 150 Hz folds onto the rest.
    const double folded = rate_hz < 188 ? std::sqrt(1.11 * 94 / (0.5 * rate_hz)) : 1.0;
    const double width = std::sqrt(12.0);
    EXPECT_NEAR(band_rms(axis_of(samples, 0), rate_hz, 34, 46) / width / folded, 400e-6, 40e-6);
    EXPECT_NEAR(band_rms(axis_of(samples, 5), rate_hz, 34, 46) / width / folded, 0.005, 0.0006);
  }
}

TEST(Machine, SpeedWandersALittleAboutItsRatedValue) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    Machine machine({}, seed);
    const double rated_hz = machine.parameters().rated_hz;
    double low = 1e9, high = 0;
    for (std::size_t i = 0; i < 10 * kMinute; ++i) {
      static_cast<void>(machine.next());
      low = std::min(low, machine.shaft_hz());
      high = std::max(high, machine.shaft_hz());
    }
    EXPECT_GT(high - low, 0.008 * rated_hz);
    EXPECT_LT(high, 1.025 * rated_hz);
    EXPECT_GT(low, 0.975 * rated_hz);
  }
}

}  // namespace
}  // namespace fettle::simulator
