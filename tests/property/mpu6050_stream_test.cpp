// SPDX-License-Identifier: Apache-2.0
// The driver against the chip's other reading, over everything that may differ: ranges, rates,
// oscillators, jitter, wires, and faults without end. Every delivered sample is compared with the one
// the chip made; every missing one has to be in the books.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/mpu6050_rig.hpp"

namespace fettle::test {
namespace {

using mpu6050::State;
using simulator::ChipConfig;

void expect_whole(const Rig& rig) {
  EXPECT_EQ(rig.strangers, 0U) << "samples that the chip did not make there";
  EXPECT_EQ(rig.account_error(), 0) << "samples made = delivered + lost";
  EXPECT_EQ(rig.driver.counters().delivered, rig.delivered);
  EXPECT_EQ(rig.driver.counters().lost, rig.lost);
  EXPECT_EQ(rig.driver.counters().gaps, rig.gaps);
  EXPECT_LT(rig.worst_step, 0.056);
  for (const auto& what : rig.chip.violations()) ADD_FAILURE() << what;
}

// --- Axes, signs, scales ------------------------------------------------------------------------

struct Scale {
  std::uint16_t rate_hz;
  AccelerometerRange accelerometer;
  GyroscopeRange gyroscope;
};

std::vector<Scale> all_scales() {
  std::vector<Scale> scales;
  for (const std::uint16_t rate : std::to_array<std::uint16_t>({200, 1000})) {
    for (std::uint8_t range = 0; range < 4; ++range) {
      scales.push_back(
          {rate, static_cast<AccelerometerRange>(range), static_cast<GyroscopeRange>(3 - range)});
    }
  }
  return scales;
}

class Scales : public testing::TestWithParam<Scale> {};

TEST_P(Scales, WhatMovesTheChipArrivesOnTheSameAxisWithTheSameSignAndSize) {
  const Scale& given = GetParam();
  const Ranges ranges{given.accelerometer, given.gyroscope};
  Rig rig({.noise = 0}, {.rate_hz = given.rate_hz, .ranges = ranges}, {});
  const double full_g = 32768.0 / static_cast<double>(counts_per_g(given.accelerometer));
  const double full_dps = 32768.0 / static_cast<double>(counts_per_dps(given.gyroscope));
  ASSERT_TRUE(rig.run_to_samples());
  // Six different values at once, so that no two axes can be confused, over both signs.
  for (const double part : {-0.9, -0.5, -0.01, 0.01, 0.5, 0.9}) {
    for (std::size_t axis = 0; axis < 6; ++axis) {
      const double own = part * (1 - 0.1 * static_cast<double>(axis));
      rig.motion.motion.axis[axis] = own * (axis < 3 ? full_g : full_dps);
    }
    rig.run_for(1.0);  // every filter has settled
    ASSERT_TRUE(rig.last);
    const Sample sample = rig.last->timed(0).sample;
    for (std::size_t axis = 0; axis < 6; ++axis) {
      const double lsb = 1 / static_cast<double>(axis < 3 ? counts_per_g(given.accelerometer)
                                                          : counts_per_dps(given.gyroscope));
      EXPECT_NEAR(static_cast<double>(sample.axis[axis]), rig.motion.motion.axis[axis], lsb * 1.01)
          << "axis " << kAxisNames[axis] << " at " << part << " of full scale";
    }
    EXPECT_EQ(rig.last->ranges, ranges);
  }
  for (const std::uint32_t clipped : rig.driver.counters().clipped) EXPECT_EQ(clipped, 0U);
  rig.motion.motion.axis[1] = 1.2 * full_g;
  rig.motion.motion.axis[5] = -1.2 * full_dps;
  rig.run_for(1.0);
  EXPECT_GT(rig.driver.counters().clipped[1], 50U);
  EXPECT_GT(rig.driver.counters().clipped[5], 50U);
  EXPECT_EQ(rig.driver.counters().clipped[0], 0U);
}

INSTANTIATE_TEST_SUITE_P(RangesAndRates, Scales, testing::ValuesIn(all_scales()));

// --- Time ---------------------------------------------------------------------------------------

struct Oscillator {
  std::uint16_t rate_hz;
  double error;
  bool wire;
};

std::vector<Oscillator> all_oscillators() {
  std::vector<Oscillator> all;
  for (const std::uint16_t rate : std::to_array<std::uint16_t>({200, 1000})) {
    for (const double error : {-0.05, -0.02, 0.0, 0.013, 0.05}) {
      for (const bool wire : {true, false}) all.push_back({rate, error, wire});
    }
  }
  return all;
}

class Oscillators : public testing::TestWithParam<Oscillator> {};

TEST_P(Oscillators, TheRateIsKnownToATenthOfAPercentAndTimeStampsFollowIt) {
  const Oscillator& given = GetParam();
  // A millisecond of jitter must not matter at 200 Hz.
  const std::int64_t jitter_us = given.rate_hz == 200 ? 1000 : 200;
  Rig rig({.clock_error = given.error}, {.rate_hz = given.rate_hz},
          {.wire = given.wire, .wake_jitter_us = jitter_us, .bus_jitter_us = jitter_us});
  ASSERT_TRUE(rig.run_to_samples());
  rig.run_for(15);
  const mpu6050::RateEstimate rate = rig.driver.rate();
  const double off = std::abs(static_cast<double>(rate.rate_hz) / rig.chip.true_rate_hz() - 1);
  EXPECT_LT(off, 0.001);
  EXPECT_LT(off, static_cast<double>(rate.error)) << "the bound has to hold";
  EXPECT_LT(rate.error, 0.002F);
  rig.watch_time = true;
  rig.run_for(30);
  // Time stamps: an interrupt tells the moment; without, the jitter's mean stays in.
  const double nominal_us = 1e6 / given.rate_hz;
  EXPECT_LT(rig.worst_time_us,
            given.wire ? 600 : 500 + static_cast<double>(jitter_us) + 0.2 * nominal_us);
  EXPECT_EQ(rig.lost, 0U);
  EXPECT_EQ(rig.driver.counters().misaligned, 0U);
  expect_whole(rig);
}

INSTANTIATE_TEST_SUITE_P(RatesErrorsWires, Oscillators, testing::ValuesIn(all_oscillators()));

TEST(Interrupts, DroppedOnesAreCountedAndDisturbNothing) {
  Rig rig({}, {}, {});
  ASSERT_TRUE(rig.run_to_samples());
  rig.run_for(10);
  EXPECT_EQ(rig.driver.counters().missed_interrupts, 0U);
  rig.chip.inject({.kind = simulator::ChipFault::Kind::dropped_interrupt, .probability = 0.1});
  rig.run_for(60);
  const auto dropped =
      static_cast<double>(rig.chip.struck(simulator::ChipFault::Kind::dropped_interrupt));
  EXPECT_NEAR(rig.driver.counters().missed_interrupts, dropped, 20);
  EXPECT_EQ(rig.lost, 0U);
  expect_whole(rig);
}

TEST(Interrupts, LateOnesAndMissingOnesTogetherLoseNothing) {
  Rig rig({.clock_error = -0.03}, {}, {.wake_jitter_us = 1000, .pulse_jitter_us = 300});
  ASSERT_TRUE(rig.run_to_samples());
  rig.chip.inject({.kind = simulator::ChipFault::Kind::dropped_interrupt, .probability = 0.3});
  rig.run_for(120);
  const mpu6050::RateEstimate rate = rig.driver.rate();
  EXPECT_NEAR(static_cast<double>(rate.rate_hz) / rig.chip.true_rate_hz(), 1, 1e-4);
  EXPECT_EQ(rig.lost, 0U);
  EXPECT_EQ(rig.driver.counters().misaligned, 0U);
  expect_whole(rig);
}

TEST(Interrupts, AWireThatFallsOffLosesNothing) {
  Rig rig({.clock_error = 0.03}, {}, {.wake_jitter_us = 1000});
  ASSERT_TRUE(rig.run_to_samples());
  rig.run_for(20);
  rig.chip.inject({.kind = simulator::ChipFault::Kind::dropped_interrupt, .from_us = rig.now_us});
  rig.run_for(120);
  EXPECT_GT(rig.driver.counters().missed_interrupts, 20'000U);
  EXPECT_EQ(rig.lost, 0U);
  expect_whole(rig);
}

// --- Accounts -----------------------------------------------------------------------------------

struct Storm {
  std::uint16_t rate_hz;
  double error;
  bool wire;
  double hours;
};

class Storms : public testing::TestWithParam<Storm> {};

TEST_P(Storms, OneTransferInAHundredFailsAndEverySampleIsInTheBooks) {
  const Storm& given = GetParam();
  Rig rig({.clock_error = given.error}, {.rate_hz = given.rate_hz},
          {.wire = given.wire,
           .wake_jitter_us = given.rate_hz == 200 ? 1000 : 200,
           .bus_jitter_us = given.rate_hz == 200 ? 500 : 50,
           .fault_probability = 0.01,
           .seed = given.rate_hz + (given.wire ? 1U : 0U)});
  ASSERT_TRUE(rig.run_to_samples());
  rig.run_for(given.hours * 3600);
  EXPECT_GT(rig.faults, 1000U);
  EXPECT_GT(rig.lost, 0U);
  EXPECT_GT(rig.delivered, rig.lost * 20) << "bus faults cost little";
  EXPECT_EQ(rig.driver.counters().restarts, 0U);
  EXPECT_EQ(rig.inexact_gaps, 0U);
  RecordProperty("delivered", std::to_string(rig.delivered));
  RecordProperty("lost", std::to_string(rig.lost));
  RecordProperty("misaligned", std::to_string(rig.driver.counters().misaligned));
  expect_whole(rig);
}

INSTANTIATE_TEST_SUITE_P(Hours, Storms,
                         testing::Values(Storm{200, 0.04, true, 1}, Storm{200, -0.05, false, 1},
                                         Storm{1000, -0.03, true, 0.2},
                                         Storm{1000, 0.05, false, 0.2}));

// Every transfer of a life - start, streaming, self-test, streaming again - fails once, in every way.
// Before the first sample there is nothing to account for; after it the accounts are exact.
TEST(Everything, MayFailAtAnyTransfer) {
  const auto live = [](Rig& rig) {
    ASSERT_TRUE(rig.run_to_samples(2.5));
    rig.run_for(2.0);  // without the wire, phase and rate have to be known across the self-test
    rig.driver.request_self_test();
    rig.run_for(2.2);
    ASSERT_TRUE(rig.run_to_samples(1));
    rig.run_for(0.3);
  };
  for (const bool wire : {true, false}) {
    const World around{.wire = wire, .wake_jitter_us = 0};
    std::uint64_t transfers = 0;
    {
      Rig rig({}, {}, around);
      live(rig);
      transfers = rig.transfers;
      EXPECT_TRUE(rig.driver.self_test().passed());
    }
    ASSERT_GT(transfers, 300U);
    for (int kind = 0; kind < 5; ++kind) {
      for (std::uint64_t at = 1; at <= transfers; ++at) {
        Rig rig({.clock_error = 0.01}, {}, around);
        rig.fail_transfer(static_cast<Rig::Fault>(kind), at);
        live(rig);
        EXPECT_EQ(rig.faults, 1U);
        EXPECT_TRUE(rig.driver.self_test().passed()) << "transfer " << at << " kind " << kind;
        EXPECT_EQ(rig.driver.cause(), mpu6050::Cause::none);
        EXPECT_EQ(rig.driver.counters().restarts, 0U);
        EXPECT_EQ(rig.inexact_gaps, 0U) << "transfer " << at << " kind " << kind;
        expect_whole(rig);
        if (testing::Test::HasFailure()) {
          FAIL() << "transfer " << at << " of " << transfers << ", kind " << kind << ", wire "
                 << wire;
        }
      }
    }
  }
}

TEST(Restarts, EachCostsOneSampleOfCertaintyAtMost) {
  for (const std::uint16_t rate : std::to_array<std::uint16_t>({200, 1000})) {
    for (const bool wire : {true, false}) {
      Rig rig({.clock_error = 0.035}, {.rate_hz = rate},
              {.wire = wire, .fault_probability = 0.01, .seed = 77});
      ASSERT_TRUE(rig.run_to_samples());
      rig.run_for(10);
      for (int i = 0; i < 60; ++i) {
        const std::int64_t down_us = i % 3 * 150'000;
        rig.chip.inject({.kind = simulator::ChipFault::Kind::brown_out,
                         .from_us = rig.now_us + 1000 + 7 * i,
                         .until_us = rig.now_us + 1000 + 7 * i + down_us});
        rig.run_for(0.01 + static_cast<double>(down_us) * 1e-6);
        EXPECT_TRUE(rig.run_to_samples(1.2)) << "brown-out " << i;
        rig.run_for(3);
      }
      EXPECT_EQ(rig.strangers, 0U);
      EXPECT_GE(rig.inexact_gaps, 60U);
      EXPECT_LT(rig.worst_restart, 1.6) << "one sample, and a moment's error on either side";
      EXPECT_LT(rig.worst_step, 0.056);
    }
  }
}

}  // namespace
}  // namespace fettle::test
