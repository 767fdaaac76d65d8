// SPDX-License-Identifier: Apache-2.0
#include "drivers/mpu6050/sample_clock.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace fettle::mpu6050 {
namespace {

TEST(SampleClock, WithoutDriftItIsTheExpandingMemoryFilter) {
  // Evenly spaced pulses with errors: the estimate after n of them is the straight line of least
  // squares, which the gains 2(2n-1)/(n(n+1)) and 6/(n(n+1)) give as well. A wide prior stands for
  // "nothing known".
  SampleClock clock(5000, 0);
  std::mt19937 random(7);
  std::normal_distribution<double> latency(0, 40);
  double position = 0;
  double period = 5000;
  for (int n = 1; n <= 400; ++n) {
    const auto t_us =
        static_cast<std::int64_t>(std::lround(1'000'000 + 5100.0 * n + latency(random)));
    clock.observe_pulse(n, t_us);
    if (n == 1) {
      position = static_cast<double>(t_us);
    } else {
      const double alpha = 2.0 * (2.0 * n - 1) / (n * (n + 1.0));
      const double beta = 6.0 / (n * (n + 1.0));
      const double innovation = static_cast<double>(t_us) - (position + period);
      position += period + alpha * innovation;
      period += beta * innovation;
    }
    if (n >= 30) {
      EXPECT_NEAR(clock.period_us(), period, 0.2) << n;
      EXPECT_NEAR(clock.time_us(n), position, 1.0) << n;
    }
  }
}

struct Case {
  double nominal_us;
  double error;
  bool pulses;
};

class SampleClockRates : public testing::TestWithParam<Case> {};

TEST_P(SampleClockRates, PeriodToATenthOfAPercentInFifteenSecondsAndTheBoundHolds) {
  const Case& given = GetParam();
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> part(0, 1);
    const double period = given.nominal_us / (1 + given.error);
    const double first = 1000 * part(random);
    SampleClock clock(given.nominal_us);
    std::uint32_t dither = 0;
    for (double t = first; t < 15e6; t += 16 * given.nominal_us) {
      dither += 0x9E3779B9U;
      const double count_at = t + given.nominal_us * dither / 4294967296.0;
      const auto made = static_cast<std::int64_t>(
                            std::floor((count_at + SampleClock::kLatchDelay_us - first) / period)) +
                        1;
      if (given.pulses) {
        const double pulse = first + static_cast<double>(made - 1) * period + 20 * part(random);
        clock.observe_pulse(made - 1, static_cast<std::int64_t>(pulse));
      } else {
        clock.observe_count(made, static_cast<std::int64_t>(count_at));
      }
    }
    const double off = std::abs(clock.period_us() / period - 1);
    EXPECT_LT(off, 0.001) << "seed " << seed;
    EXPECT_LT(off, 3 * clock.period_error() + 1e-5) << "seed " << seed;
    EXPECT_LT(clock.period_error(), given.pulses ? 3e-5 : 3e-4);
    // And the phase: where the driver believes the last sample to be.
    const auto last = static_cast<double>(static_cast<std::int64_t>(14e6 / period));
    EXPECT_NEAR(clock.time_us(last), first + last * period,
                given.pulses ? 100 : given.nominal_us * 0.2);
  }
}

INSTANTIATE_TEST_SUITE_P(Oscillators, SampleClockRates,
                         testing::Values(Case{5000, 0, true}, Case{5000, 0.05, true},
                                         Case{5000, -0.05, true}, Case{5000, 0, false},
                                         Case{5000, 0.05, false}, Case{5000, -0.05, false},
                                         Case{1000, 0.05, true}, Case{1000, -0.05, false},
                                         Case{1000, 0.013, false}));

TEST(SampleClock, AnOscillatorThatWarmsUpIsFollowed) {
  // The gyroscopes' clock moves by 1 % over 125 K (PS-MPU-6000A-00 rev 3.4, 7.15, p. 30): ten kelvin
  // in a minute are about 13 parts in a million each second.
  for (const bool pulses : {true, false}) {
    std::mt19937 random(3);
    std::uniform_real_distribution<double> part(0, 1);
    SampleClock clock(5000);
    std::uint32_t dither = 0;
    double worst = 0;
    double time = 1000;
    double wanted = time;
    for (std::int64_t i = 0; time < 300e6; ++i) {
      const double period = 5000 * (1 + 13e-6 * std::min(time * 1e-6, 60.0));
      // The next sample is made at time + period: is it time to count?
      if (wanted < time + period) {
        const auto count_us = static_cast<std::int64_t>(wanted - SampleClock::kLatchDelay_us);
        if (time > 5e6)
          worst = std::max(worst, std::abs(clock.time_us(static_cast<double>(i)) - time));
        if (pulses) {
          clock.observe_pulse(i, static_cast<std::int64_t>(time + 30 * part(random)));
        } else {
          clock.observe_count(i + 1, count_us);
        }
        dither += 0x9E3779B9U;
        wanted = time + 80'000 + 5000 * (dither / 4294967296.0);
      }
      time += period;
    }
    EXPECT_LT(worst, pulses ? 100 : 1500) << "far from half a period, where counts would go wrong";
  }
}

TEST(SampleClock, APulseFarFromEverySampleTeachesNothing) {
  SampleClock clock(5000);
  for (int i = 0; i < 100; ++i) clock.observe_pulse(i, 5000LL * i);
  EXPECT_TRUE(clock.settled());
  EXPECT_FALSE(clock.observe_pulse(5000LL * 110 + 2000));
  EXPECT_TRUE(clock.observe_pulse(5000LL * 110 + 40));
  EXPECT_NEAR(clock.position(5000.0 * 110), 110, 0.01);
}

TEST(SampleClock, ARestartForgetsThePhaseAndKeepsTheRate) {
  SampleClock clock(5000);
  for (int i = 0; i < 1000; ++i) clock.observe_pulse(i, 4900LL * i);
  clock.restart();
  EXPECT_FALSE(clock.has_phase());
  EXPECT_NEAR(clock.period_us(), 4900, 1);
  clock.observe_pulse(2000, 9'801'234);
  EXPECT_NEAR(clock.time_us(2010), 9'801'234 + 49000, 20);
}

TEST(SampleClock, NoRunOfBadLuckCarriesThePeriodBeyondTheDataSheet) {
  SampleClock clock(5000);
  for (int i = 0; i < 100; ++i) clock.observe_pulse(i, 9000LL * i);
  EXPECT_LT(clock.period_us(), 5000 / 0.95 * 1.003);
}

}  // namespace
}  // namespace fettle::mpu6050
