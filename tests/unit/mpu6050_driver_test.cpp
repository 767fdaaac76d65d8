// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>

#include "drivers/mpu6050/decode.hpp"
#include "drivers/mpu6050/driver.hpp"
#include "tests/support/mpu6050_rig.hpp"

namespace fettle::test {
namespace {

using mpu6050::Cause;
using mpu6050::Register;
using mpu6050::SelfTestStatus;
using mpu6050::State;
using simulator::ChipFault;

constexpr int number(Register where) { return static_cast<int>(where); }

/// A rig whose samples flow, ten seconds after its start: the rate is known well.
struct Running final : Rig {
  explicit Running(const simulator::ChipConfig& chip_config = {},
                   const mpu6050::Config& config = {}, const World& around = {})
      : Rig(chip_config, config, around) {
    EXPECT_TRUE(run_to_samples());
    run_for(10);
    EXPECT_EQ(driver.cause(), Cause::none) << describe(driver.cause());
    EXPECT_EQ(lost, 0U);
  }
  ~Running() override {
    EXPECT_EQ(strangers, 0U) << "samples that the chip did not make there";
    EXPECT_LT(worst_step, 0.056);
    if (violations_expected) return;
    for (const auto& what : chip.violations()) ADD_FAILURE() << what;
  }
  bool violations_expected = false;
  [[nodiscard]] const mpu6050::Counters& counters() const { return driver.counters(); }
};

// --- Starting -----------------------------------------------------------------------------------

TEST(Mpu6050Driver, SamplesFlowHalfASecondAfterTheStart) {
  Rig rig({}, {}, {});
  EXPECT_EQ(rig.driver.state(), State::probing);
  EXPECT_TRUE(rig.run_to_samples(0.6)) << describe(rig.driver.cause());
  rig.run_for(5);
  EXPECT_EQ(rig.driver.state(), State::streaming);
  EXPECT_EQ(rig.driver.cause(), Cause::none);
  EXPECT_EQ(rig.driver.address(), 0x68);
  EXPECT_FALSE(rig.driver.clone());
  EXPECT_EQ(rig.last->count, kMaxBlockSamples);
  EXPECT_NEAR(rig.driver.celsius(), 25, 2);
  EXPECT_LT(rig.transfers / rig.delivered, 1U) << "bursts, not registers one by one";
}

/// What the driver's reading of the register map says of a chip that nobody has spoken to yet: "0x00 for
/// all registers other than" PWR_MGMT_1 and WHO_AM_I (RM section 3, p. 8). The same after a reset.
TEST(Mpu6050Driver, AChipBeginsWithTheRegisterMapsResetValues) {
  Rig rig({}, {}, {});
  rig.chip.advance_to(1'000'000);
  const auto expect_reset_values = [&rig](const char* when) {
    for (const Register where :
         {Register::sample_rate_div, Register::config, Register::gyro_config,
          Register::accel_config, Register::fifo_enable, Register::interrupt_pin,
          Register::interrupt_enable, Register::interrupt_status, Register::user_control,
          Register::power_1, Register::power_2, Register::fifo_count_high, Register::who_am_i}) {
      const int expected = where == Register::power_1    ? mpu6050::power_1::kSleep
                           : where == Register::who_am_i ? mpu6050::kGenuineId
                                                         : 0;
      std::array<std::uint8_t, 1> value{};
      ASSERT_EQ(rig.chip.read(mpu6050::kAddressLow, static_cast<std::uint8_t>(where), value),
                simulator::BusAnswer::ok);
      EXPECT_EQ(value[0], expected) << when << ", register " << number(where);
    }
  };
  expect_reset_values("after power came");
  EXPECT_EQ(rig.chip.samples_made(), 0U) << "it sleeps until it is told to work";

  EXPECT_TRUE(rig.run_to_samples());
  rig.chip.write(mpu6050::kAddressLow, static_cast<std::uint8_t>(Register::user_control), 0);
  rig.chip.write(mpu6050::kAddressLow, static_cast<std::uint8_t>(Register::user_control),
                 mpu6050::user_control::kFifoReset);
  rig.chip.write(mpu6050::kAddressLow, static_cast<std::uint8_t>(Register::power_1),
                 mpu6050::power_1::kDeviceReset);
  rig.chip.advance_to(rig.now_us + 200'000);
  expect_reset_values("after a reset");
}

TEST(Mpu6050Driver, StepsBeforeTheirTimeDoNotTouchTheBus) {
  Running rig;
  const std::uint64_t before = rig.transfers;
  for (int i = 0; i < 100; ++i) rig.driver.step(rig.now_us);
  EXPECT_LE(rig.transfers - before, 4U) << "one step may have been due";
}

TEST(Mpu6050Driver, TheOtherAddressIsFoundToo) {
  Rig rig({.address = 0x69}, {}, {});
  EXPECT_TRUE(rig.run_to_samples());
  EXPECT_EQ(rig.driver.address(), 0x69);
}

TEST(Mpu6050Driver, ClonesAreAcceptedAndMarked) {
  for (const std::uint8_t id : std::to_array<std::uint8_t>({0x70, 0x72, 0x98, 0x19})) {
    Rig rig({.who_am_i = id}, {}, {});
    EXPECT_TRUE(rig.run_to_samples()) << int{id};
    EXPECT_EQ(rig.driver.who_am_i(), id);
    EXPECT_TRUE(rig.driver.clone());
  }
}

TEST(Mpu6050Driver, AnotherChipIsRefusedByItsIdAndNeverWrittenTo) {
  for (const std::uint8_t id : std::to_array<std::uint8_t>({0x00, 0x47, 0xEA, 0xFF})) {
    Rig rig({.who_am_i = id}, {}, {});
    EXPECT_FALSE(rig.run_to_samples(3)) << int{id};
    EXPECT_EQ(rig.driver.cause(), Cause::other_chip);
    EXPECT_EQ(rig.driver.who_am_i(), id);
    EXPECT_EQ(rig.writes, 0U);
  }
}

TEST(Mpu6050Driver, AnAbsentSensorIsLookedForTwiceASecondForEver) {
  Rig rig({}, {}, {});
  rig.chip.inject({.kind = ChipFault::Kind::nack, .until_us = 60'000'000});
  rig.run_until(50'000'000);
  EXPECT_EQ(rig.driver.cause(), Cause::absent);
  EXPECT_EQ(rig.driver.state(), State::probing);
  const std::uint64_t before = rig.transfers;
  rig.run_for(10 - 0.5);
  EXPECT_NEAR(static_cast<double>(rig.transfers - before), 2 * 2 * 9.5, 4) << "two addresses";
  rig.run_until(60'000'000);
  EXPECT_TRUE(rig.run_to_samples(1.1)) << "then it is there within a second";
}

// --- Faults that cost nothing -------------------------------------------------------------------

TEST(Mpu6050Driver, ACountThatIsNotAcknowledgedLosesNothing) {
  Running rig;
  for (int i = 0; i < 50; ++i) {
    rig.fail_next(Rig::Fault::nack, 1, number(Register::fifo_count_high));
    rig.run_for(0.3);
  }
  EXPECT_EQ(rig.counters().nacks, 50U);
  EXPECT_EQ(rig.counters().gaps, 0U);
  EXPECT_EQ(rig.counters().restarts, 0U);
}

TEST(Mpu6050Driver, NeitherDoFourTimeoutsInARow) {
  Running rig;
  rig.fail_next(Rig::Fault::timeout, 4, number(Register::fifo_count_high));
  rig.run_for(2);
  EXPECT_EQ(rig.counters().timeouts, 4U);
  EXPECT_EQ(rig.counters().gaps, 0U);
}

TEST(Mpu6050Driver, ABurstThatNobodyAnsweredHasMovedNothing) {
  Running rig;
  rig.fail_next(Rig::Fault::nack, 1, number(Register::fifo_data));
  rig.run_for(2);
  EXPECT_EQ(rig.counters().nacks, 1U);
  EXPECT_EQ(rig.counters().gaps, 0U) << "the count shows that nothing has left the FIFO";
}

// --- Faults that cost samples -------------------------------------------------------------------

TEST(Mpu6050Driver, ABurstThatBrokeOffCostsABlockAndIsCountedExactly) {
  for (const bool wire : {true, false}) {
    Running rig({.clock_error = 0.045}, {}, {.wire = wire, .wake_jitter_us = 1000});
    for (int i = 0; i < 30; ++i) {
      rig.fail_next(Rig::Fault::nack_midway, 1, number(Register::fifo_data));
      rig.run_for(0.7);
    }
    EXPECT_GT(rig.gaps, 20U);
    EXPECT_LT(rig.lost, rig.gaps * 30);
    EXPECT_EQ(rig.account_error(), 0);
    EXPECT_EQ(rig.inexact_gaps, 0U);
    EXPECT_EQ(rig.counters().restarts, 0U);
  }
}

TEST(Mpu6050Driver, ASleepingCallerOverflowsTheFifoAndTheGapIsExact) {
  for (const bool wire : {true, false}) {
    Running rig({.clock_error = -0.04}, {}, {.wire = wire});
    const std::uint64_t before = rig.lost;
    rig.sleep(2.0);
    rig.run_for(1);
    EXPECT_EQ(rig.counters().overflows, 1U);
    EXPECT_EQ(rig.gaps, 1U);
    EXPECT_GT(rig.lost - before, 300U);
    EXPECT_EQ(rig.account_error(), 0);
    EXPECT_EQ(rig.inexact_gaps, 0U);
    EXPECT_EQ(rig.counters().restarts, 0U);
  }
}

/// What the driver relies on when its caller slept: the flag is where it looks for it, and the buffer ends
/// with the newest sample.
TEST(Mpu6050Driver, AFullFifoSaysSoAndHasTheNewestSamples) {
  Running rig;
  rig.sleep(2.0);
  std::array<std::uint8_t, 1> status{};
  rig.chip.read(mpu6050::kAddressLow, static_cast<std::uint8_t>(Register::interrupt_status),
                status);
  EXPECT_NE(status[0] & mpu6050::interrupt::kFifoOverflow, 0);
  ASSERT_EQ(rig.chip.fifo_bytes(), mpu6050::kFifoBytes);
  std::array<std::uint8_t, mpu6050::kFifoBytes> bytes{};
  rig.chip.read(mpu6050::kAddressLow, static_cast<std::uint8_t>(Register::fifo_data), bytes);
  EXPECT_EQ(mpu6050::decode_sample(std::span(bytes).last<mpu6050::kSampleBytes>()),
            rig.chip.latest());
}

TEST(Mpu6050Driver, ACallerThatIsOnlyLateLosesNothing) {
  Running rig;
  for (int i = 0; i < 20; ++i) {
    rig.sleep(0.3);
    rig.run_for(0.5);
  }
  EXPECT_EQ(rig.lost, 0U);
}

TEST(Mpu6050Driver, AStuckBusIsFreedWithinASecondAfterItCanBe) {
  for (const bool wire : {true, false}) {
    Running rig({}, {}, {.wire = wire});
    rig.run_for(60);  // a minute's experience, to count five seconds by
    rig.hold_stuck_until(rig.now_us + 5'000'000);
    rig.run_for(5);
    EXPECT_EQ(rig.driver.cause(), Cause::bus_stuck) << describe(rig.driver.cause());
    EXPECT_GT(rig.recoveries, 5U);
    EXPECT_LT(rig.recoveries, 40U) << "with patience";
    EXPECT_TRUE(rig.run_to_samples(1));
    rig.run_for(5);
    EXPECT_EQ(rig.counters().restarts, 0U) << "the chip was well";
    EXPECT_EQ(rig.account_error(), 0);
  }
}

TEST(Mpu6050Driver, AStuckDataLineOfTheChipIsFreedByNineClocks) {
  Running rig;
  rig.chip.inject({.kind = ChipFault::Kind::stuck_sda, .from_us = rig.now_us, .limit = 1});
  rig.run_for(2);
  EXPECT_GE(rig.counters().stuck, 1U);
  EXPECT_EQ(rig.driver.cause(), Cause::none);
  EXPECT_EQ(rig.account_error(), 0);
}

TEST(Mpu6050Driver, ASensorThatDoesNotAnswerForTenSecondsComesBackUnreset) {
  for (const bool wire : {true, false}) {
    Running rig({.clock_error = 0.02}, {}, {.wire = wire});
    rig.run_for(60);
    rig.chip.inject({.kind = ChipFault::Kind::nack,
                     .from_us = rig.now_us,
                     .until_us = rig.now_us + 10'000'000});
    rig.run_for(10);
    EXPECT_EQ(rig.driver.cause(), Cause::absent);
    EXPECT_TRUE(rig.run_to_samples(1));
    rig.run_for(5);
    EXPECT_EQ(rig.counters().restarts, 0U);
    EXPECT_EQ(rig.account_error(), 0);
    EXPECT_NEAR(static_cast<double>(rig.lost), 2040, 210);
  }
}

// --- Faults that need a restart -----------------------------------------------------------------

TEST(Mpu6050Driver, ABrownOutIsSeenAndRepairedWithinASecond) {
  for (const std::int64_t down_us : {0, 20'000, 300'000, 5'000'000}) {
    Running rig({.clock_error = 0.03}, {}, {});
    const std::int64_t began_us = rig.now_us;
    rig.chip.inject(
        {.kind = ChipFault::Kind::brown_out, .from_us = began_us, .until_us = began_us + down_us});
    rig.run_until(began_us + down_us);
    EXPECT_TRUE(rig.run_to_samples(1)) << describe(rig.driver.cause());
    rig.run_for(10);
    EXPECT_EQ(rig.counters().restarts, 1U);
    EXPECT_EQ(rig.counters().configuration_lost, 1U);
    EXPECT_EQ(rig.gaps, 1U);
    EXPECT_EQ(rig.inexact_gaps, 1U) << "and says that it may be off by one";
    // In the time without samples the chip would have made as many as are reported, within one.
    const double missing = static_cast<double>(rig.gap_us) / rig.true_period_us() - 1;
    EXPECT_NEAR(static_cast<double>(rig.lost), missing, 1.05);
  }
}

TEST(Mpu6050Driver, OneRegisterThatChangedIsFoundWithinASecond) {
  struct Change {
    Register where;
    std::uint8_t value;
  };
  for (const auto& [where, value] : std::to_array<Change>({{Register::power_1, 0x41},
                                                           {Register::power_2, 0x01},
                                                           {Register::sample_rate_div, 9},
                                                           {Register::config, 1},
                                                           {Register::gyro_config, 0x08},
                                                           {Register::accel_config, 0x18},
                                                           {Register::fifo_enable, 0x70},
                                                           {Register::interrupt_enable, 0},
                                                           {Register::interrupt_pin, 0x80},
                                                           {Register::user_control, 0}})) {
    Running rig;
    rig.violations_expected = true;  // the chip does not like it either
    (void)rig.chip.write(0x68, static_cast<std::uint8_t>(where), value);
    rig.run_for(1.0);
    EXPECT_EQ(rig.counters().configuration_lost, 1U) << number(where);
    EXPECT_EQ(rig.counters().restarts, 1U) << number(where);
    rig.run_for(1.0);
    EXPECT_EQ(rig.driver.cause(), Cause::none);
    rig.strangers = 0;  // those between the change and its discovery
  }
}

// --- Contents of the FIFO -----------------------------------------------------------------------

TEST(Mpu6050Driver, AByteTooFewOrTooManyNeverReachesTheStream) {
  for (const bool wire : {true, false}) {
    Running rig({}, {}, {.wire = wire});
    rig.chip.inject({.kind = ChipFault::Kind::fifo_corruption,
                     .from_us = rig.now_us,
                     .until_us = rig.now_us + 60'000'000,
                     .probability = 0.001});
    rig.run_for(62);
    const auto struck = rig.chip.struck(ChipFault::Kind::fifo_corruption);
    EXPECT_GT(struck, 3U);
    EXPECT_NEAR(rig.counters().misaligned, static_cast<double>(struck), 2);
    EXPECT_EQ(rig.account_error(), 0);
    EXPECT_EQ(rig.counters().restarts, 0U);
    EXPECT_LT(rig.lost, struck * 40);
  }
}

TEST(Mpu6050Driver, AWholeSampleThatVanishesIsFoundByTime) {
  for (const bool wire : {true, false}) {
    Running rig({.clock_error = 0.01}, {}, {.wire = wire});
    // Twelve bytes leave the FIFO behind the driver's back: counts stay whole.
    std::array<std::uint8_t, 12> stolen{};
    ASSERT_GE(rig.wait_for_bytes(36), 36U);
    (void)rig.chip.read(0x68, static_cast<std::uint8_t>(Register::fifo_data), stolen);
    rig.run_for(1);
    EXPECT_EQ(rig.counters().misaligned, 1U);
    EXPECT_EQ(rig.account_error(), 0);
    EXPECT_EQ(rig.gaps, 1U);
    rig.strangers = 0;  // those between the theft and its discovery
  }
}

TEST(Mpu6050Driver, ACountBeyondTheFifoIsNoCount) {
  Running rig;
  int times = 1;
  rig.falsify = [&](Register reg, std::span<std::uint8_t> bytes) {
    if (reg != Register::fifo_count_high || times-- <= 0) return;
    bytes[0] = bytes[1] = 0xFF;
  };
  rig.run_for(2);
  EXPECT_EQ(rig.counters().misaligned, 1U);
  EXPECT_EQ(rig.gaps, 1U);
  EXPECT_EQ(rig.account_error(), 0);
}

TEST(Mpu6050Driver, AnOddCountIsReadAgainBeforeTheFifoIsBlamed) {
  Running rig;
  int times = 2;
  rig.falsify = [&](Register reg, std::span<std::uint8_t> bytes) {
    if (reg == Register::fifo_count_high && times-- > 0) bytes[1] += 5;  // a sample half written
  };
  rig.run_for(2);
  EXPECT_EQ(rig.counters().misaligned, 0U);
  EXPECT_EQ(rig.gaps, 0U);
}

TEST(Mpu6050Driver, OneRegisterMisreadIsNoLostConfiguration) {
  Running rig;
  for (const Register where : {Register::sample_rate_div, Register::user_control}) {
    int times = 1;
    rig.falsify = [&](Register reg, std::span<std::uint8_t> bytes) {
      if (reg == where && times-- > 0) bytes[0] ^= 0x01;
    };
    rig.run_for(2);
    EXPECT_LE(times, 0);
  }
  EXPECT_EQ(rig.counters().configuration_lost, 0U);
  EXPECT_EQ(rig.gaps, 0U);
}

TEST(Mpu6050Driver, AChipThatMakesNoSamplesIsResetUntilItDoes) {
  Running rig;
  rig.falsify = [&](Register reg, std::span<std::uint8_t> bytes) {
    if (reg == Register::fifo_count_high) bytes[0] = bytes[1] = 0;
  };
  rig.run_for(1);
  EXPECT_GE(rig.counters().restarts, 1U);
  EXPECT_EQ(rig.counters().configuration_lost, 0U);
  EXPECT_EQ(rig.counters().misaligned, 0U);
  rig.run_for(5);
  EXPECT_NE(rig.driver.cause(), Cause::none);
  EXPECT_GE(rig.counters().restarts, 5U);
  rig.falsify = nullptr;
  EXPECT_TRUE(rig.run_to_samples(1));
}

TEST(Mpu6050Driver, AChipThatDoesNotKeepItsRegistersIsNamedSo) {
  Rig rig({}, {}, {});
  rig.falsify = [&](Register reg, std::span<std::uint8_t> bytes) {
    if (reg == Register::sample_rate_div) bytes[1] = 0;
  };
  EXPECT_FALSE(rig.run_to_samples(5));
  EXPECT_EQ(rig.driver.cause(), Cause::configuration);
  rig.falsify = nullptr;
  EXPECT_TRUE(rig.run_to_samples(1.2));
}

TEST(Mpu6050Driver, AChipThatStaysInResetIsNamedSo) {
  Rig rig({}, {}, {});
  rig.falsify = [&](Register reg, std::span<std::uint8_t> bytes) {
    if (reg == Register::power_1) bytes[0] |= 0x80;
  };
  EXPECT_FALSE(rig.run_to_samples(3));
  EXPECT_EQ(rig.driver.cause(), Cause::reset_failed);
  rig.falsify = nullptr;
  EXPECT_TRUE(rig.run_to_samples(1.2));
}

// --- Self-test ----------------------------------------------------------------------------------

TEST(Mpu6050Driver, ASoundChipPassesItsSelfTestAndStreamsOnExactly) {
  for (const bool wire : {true, false}) {
    Running rig({.clock_error = 0.02, .self_test_code = {5, 20, 31, 1, 12, 31}}, {},
                {.wire = wire});
    EXPECT_EQ(rig.driver.self_test().status, SelfTestStatus::never);
    rig.driver.request_self_test();
    rig.run_for(0.5);
    EXPECT_EQ(rig.driver.state(), State::self_test);
    EXPECT_EQ(rig.driver.self_test().status, SelfTestStatus::running);
    rig.run_for(2);
    const mpu6050::SelfTestResult& result = rig.driver.self_test();
    EXPECT_TRUE(result.passed());
    EXPECT_EQ(result.status, SelfTestStatus::done);
    EXPECT_EQ(result.who_am_i, 0x68);
    EXPECT_EQ(result.interrupts, wire);
    EXPECT_EQ(result.pulses.right_rate(), wire);
    if (wire) {
      EXPECT_NEAR(static_cast<double>(result.pulses.rate_hz), rig.chip.true_rate_hz(), 0.1);
      EXPECT_TRUE(result.pulses.steady()) << result.pulses.jitter_us;
    }
    EXPECT_EQ(result.wires.set_hz, 0U) << "this port cannot measure";
    EXPECT_NEAR(result.celsius, 25, 2);
    for (std::size_t axis = 0; axis < 6; ++axis) {
      EXPECT_NEAR(result.axes[axis].change, 0, 0.04) << kAxisNames[axis];
      EXPECT_GT(result.axes[axis].noise, axis < 3 ? 0.0005F : 0.01F);
      EXPECT_LT(result.axes[axis].noise, axis < 3 ? 0.02F : 0.3F);
    }
    EXPECT_EQ(rig.driver.state(), State::streaming);
    EXPECT_EQ(rig.gaps, 1U);
    EXPECT_EQ(rig.account_error(), 0) << "the sample clock ran on";
    EXPECT_EQ(rig.counters().restarts, 0U);
    EXPECT_EQ(rig.last->ranges, Ranges{});
  }
}

TEST(Mpu6050Driver, AnAxisThatHasMovedFailsAloneOnEitherSide) {
  for (std::size_t axis = 0; axis < 6; ++axis) {
    for (const double change : {-0.2, 0.2}) {
      simulator::ChipConfig chip;
      chip.self_test_change[axis] = change;
      Running rig(chip);
      rig.driver.request_self_test();
      rig.run_for(3);
      for (std::size_t other = 0; other < 6; ++other) {
        EXPECT_EQ(rig.driver.self_test().axes[other].passed, other != axis) << other;
      }
      EXPECT_NEAR(static_cast<double>(rig.driver.self_test().axes[axis].change), change, 0.05);
    }
  }
}

TEST(Mpu6050Driver, ASelfTestSurvivesFaultsAndGivesUpWhenTheBusDies) {
  {
    Running rig;
    rig.world.fault_probability = 0.02;
    rig.driver.request_self_test();
    rig.run_for(4);
    EXPECT_TRUE(rig.driver.self_test().passed());
    EXPECT_EQ(rig.account_error(), 0);
  }
  {
    Running rig;
    rig.driver.request_self_test();
    rig.run_for(0.3);
    rig.chip.inject(
        {.kind = ChipFault::Kind::nack, .from_us = rig.now_us, .until_us = rig.now_us + 3'000'000});
    rig.run_for(3);
    EXPECT_EQ(rig.driver.self_test().status, SelfTestStatus::failed);
    EXPECT_FALSE(rig.driver.self_test().passed());
    EXPECT_TRUE(rig.run_to_samples(1.2));
  }
}

// --- The rest -----------------------------------------------------------------------------------

TEST(Mpu6050Driver, OtherRangesAndRatesWhileRunning) {
  Running rig;
  rig.driver.reconfigure({.rate_hz = 1000, .ranges = {AccelerometerRange::g16, {}}});
  EXPECT_FLOAT_EQ(rig.driver.nominal_rate_hz(), 1000.0F);
  EXPECT_TRUE(rig.run_to_samples(1));
  EXPECT_EQ(rig.last->ranges.accelerometer, AccelerometerRange::g16);
  EXPECT_TRUE(rig.last->restarted);
  EXPECT_GT(rig.last->lost_before, 0U);
  rig.worst_step = 0;  // measured against the old period
  rig.strangers = 0;
}

TEST(Mpu6050Driver, TheBoardsClockMayStandAnywhereWhenTheDriverBegins) {
  Rig rig({}, {}, {});
  rig.sleep(1000);
  EXPECT_TRUE(rig.run_to_samples());
  rig.run_for(20);
  EXPECT_EQ(rig.lost, 0U);
  EXPECT_EQ(rig.strangers, 0U);
  EXPECT_NEAR(static_cast<double>(rig.driver.rate().rate_hz), rig.chip.true_rate_hz(), 0.02);
}

}  // namespace
}  // namespace fettle::test
