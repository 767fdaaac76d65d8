// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>

#include "simulator/mpu6050_chip/chip.hpp"

namespace fettle::simulator {
namespace {

using Kind = ChipFault::Kind;
constexpr std::uint8_t kAddress = 0x68;
constexpr std::int64_t kSecond = 1'000'000;

/// Motion as a function of true time.
struct Scripted final : MotionSource {
  std::function<Motion(double)> script = [](double) { return Motion{}; };
  double now_s = 0;
  std::uint64_t steps = 0;
  Motion next(double step_s) override {
    now_s += step_s;
    ++steps;
    return script(now_s);
  }
};

Motion at_rest(double ax, double ay, double az, double gx, double gy, double gz,
               double celsius = 25) {
  return {.axis = {ax, ay, az, gx, gy, gz}, .celsius = celsius};
}

ChipConfig quiet() {
  ChipConfig config;
  config.noise = 0;
  config.collect_violations = true;
  return config;
}

class ChipTest : public testing::Test {
 protected:
  Scripted motion;
  ChipConfig config = quiet();
  std::optional<Mpu6050Chip> chip;
  std::int64_t now_us = 0;
  std::size_t violations_seen = 0;

  void power_on() { chip.emplace(config, motion), now_us = 0; }
  void wait(std::int64_t us) { chip->advance_to(now_us += us); }
  void write(int reg, int value) {
    ASSERT_EQ(
        chip->write(kAddress, static_cast<std::uint8_t>(reg), static_cast<std::uint8_t>(value)),
        BusAnswer::ok);
  }
  std::vector<std::uint8_t> read(int reg, std::size_t count) {
    std::vector<std::uint8_t> bytes(count, 0xEE);
    EXPECT_EQ(chip->read(kAddress, static_cast<std::uint8_t>(reg), bytes), BusAnswer::ok);
    return bytes;
  }
  int read(int reg) { return read(reg, 1)[0]; }
  static int word(const std::vector<std::uint8_t>& bytes, std::size_t at) {
    return static_cast<std::int16_t>(static_cast<std::uint16_t>(bytes[at] << 8U | bytes[at + 1]));
  }
  int fifo_count() {
    const auto bytes = read(0x72, 2);
    return bytes[0] * 256 + bytes[1];
  }

  /// Awake with the gyroscope's clock, settled.
  void start(int dlpf, int divider, int accel_range = 0, int gyro_range = 0) {
    power_on();
    wait(100'000);
    write(0x6B, 0x01);
    write(0x1A, dlpf);
    write(0x19, divider);
    write(0x1B, gyro_range << 3);
    write(0x1C, accel_range << 3);
    wait(500'000);
  }
  void start_fifo(int select) {
    write(0x23, select);
    write(0x6A, 0x04);
    write(0x6A, 0x40);
  }
  void expect_violation(const std::string& part) {
    ASSERT_EQ(chip->violations().size(), violations_seen + 1) << part;
    EXPECT_NE(chip->violations().back().find(part), std::string::npos) << chip->violations().back();
    violations_seen = chip->violations().size();
  }
  void TearDown() override {
    if (!chip) return;
    for (std::size_t i = violations_seen; i < chip->violations().size(); ++i) {
      ADD_FAILURE() << chip->violations()[i];
    }
  }
};

// ------------------------------------------------------------------------------------------ registers

TEST_F(ChipTest, EveryRegisterHasItsResetValue) {
  power_on();
  wait(100'000);
  for (int reg = 0; reg < 256; ++reg) {
    const bool exists = (reg >= 0x0D && reg <= 0x10) || (reg >= 0x19 && reg <= 0x1C) ||
                        (reg >= 0x23 && reg <= 0x38) || (reg >= 0x3A && reg <= 0x60) ||
                        (reg >= 0x63 && reg <= 0x68) || (reg >= 0x6A && reg <= 0x6C) ||
                        (reg >= 0x72 && reg <= 0x75);
    if (!exists) {
      read(reg);
      expect_violation("not in the register map");
      continue;
    }
    if ((reg >= 0x3B && reg <= 0x48) || reg == 0x74 || reg <= 0x10) continue;
    const int expected = reg == 0x6B ? 0x40 : reg == 0x75 ? 0x68 : 0;
    EXPECT_EQ(read(reg), expected) << "register " << reg;
  }
}

TEST_F(ChipTest, WritableBitsAreKept) {
  power_on();
  wait(100'000);
  for (const auto& [reg, value] : std::vector<std::pair<int, int>>{{0x19, 0xFF},
                                                                   {0x1A, 0x06},
                                                                   {0x1B, 0xF8},
                                                                   {0x1C, 0xF8},
                                                                   {0x23, 0xF8},
                                                                   {0x37, 0xF2},
                                                                   {0x38, 0x11},
                                                                   {0x6C, 0xFF},
                                                                   {0x6B, 0x48}}) {
    write(reg, value);
    EXPECT_EQ(read(reg), value) << reg;
  }
}

TEST_F(ChipTest, SelfTestTrimIsPackedAsTheMapSays) {
  config.self_test_code = {0b10110, 0b01101, 0b11011, 0b00001, 0b10000, 0b11111};
  power_on();
  wait(100'000);
  EXPECT_EQ(read(0x0D, 4),
            (std::vector<std::uint8_t>{0b101'00001, 0b011'10000, 0b110'11111, 0b00'10'01'11}));
}

TEST_F(ChipTest, ClonesNameThemselves) {
  for (const int id : {0x68, 0x70, 0x72, 0x98}) {
    config.who_am_i = static_cast<std::uint8_t>(id);
    power_on();
    wait(100'000);
    EXPECT_EQ(read(0x75), id);
  }
}

TEST_F(ChipTest, AnswersItsAddressOnly) {
  config.address = 0x69;
  power_on();
  wait(100'000);
  std::array<std::uint8_t, 1> byte{};
  EXPECT_EQ(chip->read(0x68, 0x75, byte), BusAnswer::nack);
  EXPECT_EQ(chip->read(0x69, 0x75, byte), BusAnswer::ok);
}

// --------------------------------------------------------------------------------- power and its times

TEST_F(ChipTest, AnswersAHundredMillisecondsAfterPowerOn) {
  power_on();
  std::array<std::uint8_t, 1> byte{};
  wait(99'999);
  EXPECT_EQ(chip->read(kAddress, 0x75, byte), BusAnswer::nack);
  EXPECT_EQ(chip->write(kAddress, 0x6B, 0), BusAnswer::nack);
  wait(1);
  EXPECT_EQ(chip->read(kAddress, 0x75, byte), BusAnswer::ok);
}

TEST_F(ChipTest, DeviceResetTakesAHundredMilliseconds) {
  start(2, 4);
  start_fifo(0x78);
  wait(50'000);
  write(0x6B, 0x80);
  wait(99'999);
  std::array<std::uint8_t, 1> byte{};
  EXPECT_EQ(chip->read(kAddress, 0x6B, byte), BusAnswer::nack);
  expect_violation("DEVICE_RESET");
  wait(1);
  EXPECT_EQ(read(0x6B), 0x40);  // asleep, the bit has cleared itself
  for (const int reg : {0x19, 0x1A, 0x23, 0x38, 0x6A}) EXPECT_EQ(read(reg), 0) << reg;
  EXPECT_EQ(fifo_count(), 120);  // nobody says that these go
}

TEST_F(ChipTest, DeviceResetEndsInterrupts) {
  start(2, 4);
  write(0x37, 0x20);
  write(0x38, 0x01);
  wait(5000);
  EXPECT_TRUE(chip->interrupt().level);
  write(0x6B, 0x80);
  EXPECT_FALSE(chip->interrupt().level);
  wait(100'000);
  EXPECT_EQ(read(0x3A), 0);
}

TEST_F(ChipTest, SleepsAtFirstAndTimeGoesOn) {
  power_on();
  wait(2 * kSecond);
  EXPECT_EQ(chip->samples_made(), 0U);
  EXPECT_EQ(chip->true_rate_hz(), 0);
  EXPECT_NEAR(motion.now_s, 2.0, 1e-3);
  EXPECT_EQ(motion.steps, 2000U);  // no eighths of a millisecond while nobody looks
  write(0x6B, 0x00);
  wait(kSecond);
  EXPECT_EQ(chip->samples_made(), 8000U);  // DLPF_CFG and SMPLRT_DIV are 0
  write(0x6B, 0x40);
  wait(kSecond);
  EXPECT_EQ(chip->samples_made(), 8000U);  // DLPF_CFG and SMPLRT_DIV are 0
  EXPECT_NEAR(motion.now_s, 4.0, 1e-3);
}

TEST_F(ChipTest, GyroscopeSettlesWithinThirtyMilliseconds) {
  power_on();
  wait(100'000);
  write(0x6B, 0x01);
  wait(15'000);
  EXPECT_GT(chip->latest()[3], 2 * 131);
  wait(17'000);
  EXPECT_LE(chip->latest()[3], 131);
  wait(500'000);
  EXPECT_EQ(chip->latest()[3], 0);
}

TEST_F(ChipTest, AGyroscopeThatLeavesStandbySettlesAnew) {
  start(1, 0);
  write(0x6C, 0x01);
  wait(100'000);
  write(0x6C, 0x00);
  wait(5'000);
  EXPECT_GT(chip->latest()[5], 10 * 131);
  wait(30'000);
  EXPECT_LE(chip->latest()[5], 131);
}

TEST_F(ChipTest, CycleModeWakesAtFourRates) {
  const std::array<double, 4> rates = {1.25, 5, 20, 40};
  for (std::size_t i = 0; i < 4; ++i) {
    power_on();
    wait(100'000);
    write(0x1A, 1);
    write(0x6C, static_cast<int>(i << 6U) | 0x07);
    write(0x6B, 0x28);
    wait(8 * kSecond);
    EXPECT_NEAR(static_cast<double>(chip->samples_made()), 8 * rates[i], 1);
  }
}

TEST_F(ChipTest, StandbyAndDisabledTemperature) {
  motion.script = [](double) { return at_rest(0.5, 0.5, 0.5, 50, 50, 50, 40); };
  for (int axis = 0; axis < 6; ++axis) {
    power_on();
    wait(100'000);
    write(0x6B, 0x08);
    write(0x6C, 0x20 >> axis);
    wait(200'000);
    for (int other = 0; other < 6; ++other) {
      EXPECT_EQ(chip->latest()[static_cast<std::size_t>(other)] == 0, other == axis);
    }
    EXPECT_EQ(word(read(0x3B, 14), 6), 0);
  }
}

TEST_F(ChipTest, BrownOutResetsEverything) {
  start(2, 4);
  start_fifo(0x78);
  wait(50'000);
  chip->inject({.kind = Kind::brown_out, .from_us = now_us + 1000, .until_us = now_us + 51'000});
  wait(50'000);
  std::array<std::uint8_t, 1> byte{};
  EXPECT_EQ(chip->read(kAddress, 0x75, byte), BusAnswer::nack);
  wait(1000);
  EXPECT_EQ(read(0x6B), 0x40);
  EXPECT_EQ(read(0x19), 0);
  EXPECT_EQ(read(0x23), 0);
  EXPECT_EQ(read(0x6A), 0);
  EXPECT_EQ(fifo_count(), 0);
  EXPECT_EQ(chip->struck(Kind::brown_out), 1U);
}

TEST_F(ChipTest, BrownOutMayHappenOrNot) {
  start(2, 4);
  for (int i = 1; i <= 400; ++i) {
    chip->inject({.kind = Kind::brown_out,
                  .from_us = now_us + 1000 * i,
                  .until_us = now_us + 1000 * i,
                  .probability = 0.25});
  }
  wait(kSecond);
  EXPECT_NEAR(static_cast<double>(chip->struck(Kind::brown_out)), 100, 35);
}

TEST_F(ChipTest, BrownOutMayLeaveNoOtherTrace) {
  start(2, 4);
  chip->inject({.kind = Kind::brown_out, .from_us = now_us + 1000, .until_us = now_us + 1000});
  wait(999);
  EXPECT_EQ(read(0x19), 4);
  wait(1);
  EXPECT_EQ(read(0x19), 0);
  EXPECT_EQ(read(0x6B), 0x40);
}

// -------------------------------------------------------------------------------------- rates and clock

TEST_F(ChipTest, SampleRates) {
  const auto samples_in_ten_seconds = [&] {
    const std::uint64_t before = chip->samples_made();
    wait(10 * kSecond);
    return static_cast<double>(chip->samples_made() - before);
  };
  for (int dlpf = 0; dlpf <= 6; ++dlpf) {
    for (const int divider : {0, 4, 255}) {
      start(dlpf, divider);
      const double expected = (dlpf == 0 ? 8000.0 : 1000.0) / (1 + divider);
      EXPECT_NEAR(samples_in_ten_seconds(), 10 * expected, 1) << dlpf << " " << divider;
      EXPECT_NEAR(chip->true_rate_hz(), expected, 1e-6 * expected);
    }
  }
}

TEST_F(ChipTest, ClockError) {
  for (const double error : {-0.05, -0.01, 0.0, 0.01, 0.05}) {
    config.clock_error = error;
    start(2, 4);
    const std::uint64_t before = chip->samples_made();
    wait(100 * kSecond);
    EXPECT_NEAR(static_cast<double>(chip->samples_made() - before), 20'000 * (1 + error), 1);
    EXPECT_NEAR(chip->true_rate_hz(), 200 * (1 + error), 1e-4);
    EXPECT_NEAR(motion.now_s, 1e-6 * static_cast<double>(now_us), 2e-3);
    motion.now_s = 0;
  }
}

TEST_F(ChipTest, OscillatorErrorUntilThePllHasSettled) {
  config.clock_error = 0.01;
  config.oscillator_error = 0.03;
  power_on();
  wait(100'000);
  write(0x6B, 0x00);
  write(0x1A, 1);
  wait(kSecond);
  EXPECT_NEAR(chip->true_rate_hz(), 1040, 1e-3);
  write(0x6B, 0x02);
  wait(9'999);
  EXPECT_NEAR(chip->true_rate_hz(), 1040, 1e-3);
  wait(1);
  EXPECT_NEAR(chip->true_rate_hz(), 1010, 1e-3);
  const std::uint64_t before = chip->samples_made();
  wait(10 * kSecond);
  EXPECT_NEAR(static_cast<double>(chip->samples_made() - before), 10'100, 1);
}

TEST_F(ChipTest, MotionStepsAddUpToTrueTimeThroughEveryChangeOfClock) {
  config.clock_error = 0.037;
  config.oscillator_error = -0.02;
  power_on();
  wait(100'123);
  write(0x6B, 0x00);  // 8 kHz
  wait(77'777);
  write(0x6B, 0x01);
  wait(33'333);
  write(0x1A, 3);
  wait(1'234'567);
  write(0x1A, 0);
  wait(333);
  for (int i = 0; i < 100; ++i) {
    write(0x1A, i % 2 == 0 ? 3 : 0);
    wait(1'237);
  }
  EXPECT_NEAR(motion.now_s, 1e-6 * static_cast<double>(now_us), 1.1e-3);
  EXPECT_LE(motion.now_s, 1e-6 * static_cast<double>(now_us) + 1e-9);
}

TEST_F(ChipTest, TheAccelerometerGoesOnWhenEightKilohertzEndAtAnyMoment) {
  for (const int us : {50'000, 50'125, 50'250, 50'999}) {
    motion.script = [](double t) { return at_rest(t, 0, 0, 0, 0, 0); };
    power_on();
    wait(100'000);
    write(0x6B, 0x00);
    wait(us);
    write(0x1A, 2);
    wait(100'000);
    const RawSample before = chip->latest();
    int changes = 0;
    for (int i = 0; i < 100; ++i) {
      wait(1000);
      changes += chip->latest()[0] != before[0];
    }
    EXPECT_GT(changes, 50) << us << " us after waking it no longer follows";
  }
}

TEST_F(ChipTest, AtEightKilohertzAccelerometerSamplesComeEightTimes) {
  motion.script = [](double t) { return at_rest(t, 0, 0, 100 * t, 0, 0); };
  start(0, 0);
  write(0x1C, 0x18);
  write(0x1B, 0x18);
  int accel_changes = 0, gyro_changes = 0;
  RawSample before = chip->latest();
  for (int i = 0; i < 8000; ++i) {
    wait(125);
    const RawSample now = chip->latest();
    accel_changes += now[0] != before[0];
    gyro_changes += now[3] != before[3];
    before = now;
  }
  EXPECT_NEAR(accel_changes, 1000, 2);
  EXPECT_NEAR(gyro_changes, 1640, 4);  // as many as there are counts: 100 deg/s in a second
}

// ------------------------------------------------------------------------------------------ signal path

/// Amplitude and delay of a sine of `hz` through the chip, at 1 kHz or more.
struct Response {
  double amplitude, delay_s;
};

class LowPass : public ChipTest {
 protected:
  Response response(int dlpf, std::size_t axis, double hz) {
    const double full = axis < 3 ? 1.0 : 100.0;
    motion = {};
    motion.script = [=](double t) {
      Motion m;
      m.axis[axis] = full * std::sin(2 * std::numbers::pi * hz * t);
      return m;
    };
    start(dlpf, 0);
    const std::int64_t tick_us = dlpf == 0 && axis >= 3 ? 125 : 1000;
    const auto ticks = static_cast<int>(4 * kSecond / tick_us);
    double sine = 0, cosine = 0;
    for (int i = 0; i < ticks; ++i) {
      wait(tick_us);
      const double t = 1e-6 * static_cast<double>(now_us);
      const double value = chip->latest()[axis] / (axis < 3 ? 16384.0 : 131.0) / full;
      sine += value * std::sin(2 * std::numbers::pi * hz * t);
      cosine += value * std::cos(2 * std::numbers::pi * hz * t);
    }
    sine *= 2.0 / ticks;
    cosine *= 2.0 / ticks;
    return {std::hypot(sine, cosine), std::atan2(-cosine, sine) / (2 * std::numbers::pi * hz)};
  }
};

TEST_F(LowPass, HasTheTablesBandwidthAndDelay) {
  // RM p. 13, typed in once more.
  const double accel_hz[] = {260, 184, 94, 44, 21, 10, 5};
  const double accel_ms[] = {0, 2.0, 3.0, 4.9, 8.5, 13.8, 19.0};
  const double gyro_hz[] = {256, 188, 98, 42, 20, 10, 5};
  const double gyro_ms[] = {0.98, 1.9, 2.8, 4.8, 8.3, 13.4, 18.6};
  for (int dlpf = 0; dlpf <= 6; ++dlpf) {
    SCOPED_TRACE(dlpf);
    EXPECT_NEAR(response(dlpf, 0, accel_hz[dlpf]).amplitude, std::sqrt(0.5), 0.01);
    EXPECT_NEAR(response(dlpf, 5, gyro_hz[dlpf]).amplitude, std::sqrt(0.5), 0.01);
    EXPECT_NEAR(response(dlpf, 1, 1).amplitude, 1.0, 0.025);
    EXPECT_NEAR(response(dlpf, 3, 1).amplitude, 1.0, 0.025);
    const double tolerance_s = dlpf == 0 ? 0.05e-3 : 0.25e-3;
    EXPECT_NEAR(response(dlpf, 4, 10).delay_s, 1e-3 * gyro_ms[dlpf], tolerance_s);
    if (dlpf > 0) {
      EXPECT_NEAR(response(dlpf, 2, 10).delay_s, 1e-3 * accel_ms[dlpf], 0.45e-3);
    }
  }
}

/// Density at low frequency from samples at 1 kHz, per sqrt(Hz), by averaged periodograms.
double density(const std::vector<double>& samples) {
  constexpr std::size_t kSegment = 500;  // bins of 2 Hz
  double power = 0;
  int terms = 0;
  for (std::size_t begin = 0; begin + kSegment <= samples.size(); begin += kSegment) {
    for (const int bin : {2, 4, 6, 8}) {
      double re = 0, im = 0;
      for (std::size_t i = 0; i < kSegment; ++i) {
        const double angle =
            2 * std::numbers::pi * bin * static_cast<double>(i) / static_cast<double>(kSegment);
        re += samples[begin + i] * std::cos(angle);
        im += samples[begin + i] * std::sin(angle);
      }
      power += 2 * (re * re + im * im) / (1000.0 * static_cast<double>(kSegment));
      ++terms;
    }
  }
  return std::sqrt(power / terms);
}

TEST_F(ChipTest, NoiseHasTheDataSheetsDensity) {
  for (const double times : {1.0, 2.5}) {
    config.noise = times;
    start(1, 0);
    std::array<std::vector<double>, 6> values;
    for (int i = 0; i < 200'000; ++i) {
      wait(1000);
      for (std::size_t axis = 0; axis < 6; ++axis) {
        values[axis].push_back(chip->latest()[axis] / (axis < 3 ? 16384.0 : 131.0));
      }
    }
    for (std::size_t axis = 0; axis < 6; ++axis) {  // 1600 terms: 2.5 % twice over
      const double expected = (axis < 3 ? 400e-6 : 0.005) * times;
      EXPECT_NEAR(density(values[axis]), expected, 0.06 * expected) << axis;
    }
  }
}

TEST_F(ChipTest, AllRangesSignsAndAxes) {
  const double g_counts[] = {16384, 8192, 4096, 2048};
  const double dps_counts[] = {131, 65.5, 32.8, 16.4};
  for (int range = 0; range < 4; ++range) {
    for (const double part : {-0.9, -0.3, 0.001, 0.4, 0.95}) {
      const double g = 2.0 * (1 << range), dps = 250.0 * (1 << range);
      const Motion m = at_rest(part * g, -0.5 * part * g, 0.25 * part * g, -part * dps,
                               0.5 * part * dps, -0.25 * part * dps);
      motion.script = [m](double) { return m; };
      start(2, 4, range, range);
      const auto bytes = read(0x3B, 14);
      for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_NEAR(word(bytes, 2 * i), m.axis[i] * g_counts[range], 1);
        EXPECT_NEAR(word(bytes, 8 + 2 * i), m.axis[i + 3] * dps_counts[range], 1);
      }
    }
  }
}

TEST_F(ChipTest, StaysAtTheRails) {
  motion.script = [](double) { return at_rest(3, -3, 1.99, 300, -300, -249); };
  start(2, 4);
  const RawSample sample = chip->latest();
  EXPECT_EQ(sample[0], 32767);
  EXPECT_EQ(sample[1], -32768);
  EXPECT_FALSE(clipped(sample[2]));
  EXPECT_EQ(sample[3], 32767);
  EXPECT_EQ(sample[4], -32768);
  EXPECT_FALSE(clipped(sample[5]));
}

TEST_F(ChipTest, TemperatureOffsetsGainsAndDrift) {
  config.offset = {0.01, -0.02, 0.03, 1, -2, 3};
  config.gain = {1.03, 0.97, 1.01, 0.98, 1.02, 1};
  config.offset_per_kelvin = {0.001, 0, -0.001, 0.1, 0, -0.1};
  motion.script = [](double) { return at_rest(0.5, 0.5, 1, 10, 20, 30, 35); };
  start(2, 4);
  const auto bytes = read(0x3B, 14);
  EXPECT_NEAR(word(bytes, 0), 16384 * (0.5 * 1.03 + 0.01 + 0.01), 1);
  EXPECT_NEAR(word(bytes, 2), 16384 * (0.5 * 0.97 - 0.02), 1);
  EXPECT_NEAR(word(bytes, 4), 16384 * (1.01 + 0.03 - 0.01), 1);
  EXPECT_NEAR(word(bytes, 8), 131 * (9.8 + 1 + 1), 1);
  EXPECT_NEAR(word(bytes, 10), 131 * (20.4 - 2), 1);
  EXPECT_NEAR(word(bytes, 12), 131 * (30.0 + 3 - 1), 1);
  EXPECT_NEAR(word(bytes, 6), -521, 1);  // PS p. 14: at 35 C
  EXPECT_NEAR(word(bytes, 6) / 340.0 + 36.53, 35, 0.01);
}

TEST_F(ChipTest, SelfTestAnswersWithTheFactoryTrim) {
  config.self_test_code = {1, 31, 16, 1, 31, 16};
  config.self_test_change = {0, 0, 0.1, 0, 0, -0.1};
  start(2, 4, 2, 0);
  const RawSample before = chip->latest();
  write(0x1B, 0xE0);
  write(0x1C, 0xF0);
  wait(200'000);
  const RawSample during = chip->latest();
  const double expected[] = {4096 * 0.34,
                             4096 * 0.92,
                             1.1 * 4096 * 0.34 * std::pow(0.92 / 0.34, 0.5),
                             25 * 131.0,
                             -25 * 131 * std::pow(1.046, 30),
                             0.9 * 25 * 131 * std::pow(1.046, 15)};
  for (std::size_t axis = 0; axis < 6; ++axis) {
    EXPECT_NEAR(during[axis] - before[axis], expected[axis], 2) << axis;
  }
  write(0x1B, 0x00);
  write(0x1C, 0x10);
  wait(200'000);
  EXPECT_EQ(chip->latest(), before);
}

TEST_F(ChipTest, TheSameSeedGivesTheSameSamples) {
  config.noise = 1;
  config.seed = 7;
  std::vector<RawSample> samples[2];
  for (auto& run : samples) {
    start(2, 4);
    for (int i = 0; i < 100; ++i) wait(5000), run.push_back(chip->latest());
  }
  EXPECT_EQ(samples[0], samples[1]);
  config.seed = 8;
  start(2, 4);
  wait(500'000);
  EXPECT_NE(chip->latest(), samples[0].back());
}

TEST_F(ChipTest, TypicalChipsStayWithinTheDataSheet) {
  double widest = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const ChipConfig chip_config = typical_chip(seed);
    EXPECT_LE(std::abs(chip_config.clock_error), 0.01);
    EXPECT_LE(std::abs(chip_config.clock_error + chip_config.oscillator_error), 0.05);
    for (std::size_t axis = 0; axis < 6; ++axis) {
      EXPECT_LE(std::abs(chip_config.gain[axis] - 1), 0.03);
      EXPECT_LE(std::abs(chip_config.offset[axis]), axis == 2 ? 0.08 : axis < 2 ? 0.05 : 20);
      EXPECT_LE(std::abs(chip_config.self_test_change[axis]), 0.14);
    }
    widest = std::max(widest, std::abs(chip_config.offset[3]));
  }
  EXPECT_GT(widest, 15);
}

TEST_F(ChipTest, SignalPathsCanBeReset) {
  motion.script = [](double) { return at_rest(1, 1, 1, 100, 100, 100); };
  start(6, 4);
  const RawSample settled = chip->latest();
  write(0x68, 0x02);
  EXPECT_EQ(read(0x68), 0);
  wait(10'000);
  EXPECT_LT(chip->latest()[0], settled[0] / 2);
  EXPECT_NEAR(chip->latest()[3], settled[3], 1);
  wait(kSecond);
  write(0x68, 0x04);
  wait(10'000);
  EXPECT_LT(chip->latest()[3], settled[3] / 2);
  EXPECT_NEAR(chip->latest()[0], settled[0], 1);
  write(0x6A, 0x01);
  EXPECT_EQ(read(0x6A), 0);
  EXPECT_EQ(chip->latest(), RawSample{});
}

// -------------------------------------------------------------------------------------------------- FIFO

TEST_F(ChipTest, PacketsAreInTheOrderOfTheRegisters) {
  const Motion m = at_rest(0.1, 0.2, 0.3, 10, 20, 30, 30);
  motion.script = [m](double) { return m; };
  for (int select = 8; select < 256; select += 8) {
    start(2, 4);
    start_fifo(select);
    wait(50'000);
    std::vector<int> expected;
    if ((select & 0x08) != 0) {
      for (const double g : {0.1, 0.2, 0.3})
        expected.push_back(static_cast<int>(std::lround(g * 16384)));
    }
    if ((select & 0x80) != 0) expected.push_back(-2220);
    if ((select & 0x40) != 0) expected.push_back(1310);
    if ((select & 0x20) != 0) expected.push_back(2620);
    if ((select & 0x10) != 0) expected.push_back(3930);
    ASSERT_EQ(fifo_count(), static_cast<int>(20 * expected.size())) << select;
    for (int packet = 0; packet < 10; ++packet) {
      const auto bytes = read(0x74, 2 * expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_NEAR(word(bytes, 2 * i), expected[i], 1) << select;
      }
    }
    EXPECT_EQ(fifo_count(), 0);
  }
}

TEST_F(ChipTest, AFullFifoLosesItsOldestBytesAndItsAlignment) {
  motion.script = [](double t) { return at_rest(t, 0, 0, 0, 0, 0); };
  start(2, 4, 3);
  start_fifo(0x78);
  wait(85 * 5000);
  EXPECT_EQ(fifo_count(), 1020);
  EXPECT_EQ(read(0x3A), 0);
  wait(5000);
  EXPECT_EQ(fifo_count(), 1024);
  EXPECT_EQ(read(0x3A), 0x10);
  EXPECT_EQ(read(0x3A), 0);
  EXPECT_EQ(chip->fifo_bytes_lost(), 8U);
  // The first packet is now 4 bytes long: gy and gz. The newest is whole.
  const auto bytes = read(0x74, 1024);
  EXPECT_EQ(word(bytes, 0), 0);
  EXPECT_GT(word(bytes, 4), 2048 / 2);
  EXPECT_EQ(word(bytes, 1024 - 12), chip->latest()[0]);
  wait(5000);
  EXPECT_EQ(fifo_count(), 12);
}

TEST_F(ChipTest, TheCountIsLatchedByItsHighByte) {
  start(2, 4);
  start_fifo(0x78);
  wait(22 * 5000);  // 264: both bytes matter
  EXPECT_EQ(read(0x72), 1);
  wait(50 * 5000);
  EXPECT_EQ(read(0x73), 8);
  EXPECT_EQ(fifo_count(), 72 * 12);
}

TEST_F(ChipTest, ABurstFromTheCountEndsInTheFifo) {
  motion.script = [](double) { return at_rest(0.5, 0, 0, 0, 0, 0); };
  start(2, 4);
  start_fifo(0x08);
  wait(10'000);
  const auto bytes = read(0x72, 2 + 12);
  EXPECT_EQ(bytes[1], 12);
  EXPECT_EQ(word(bytes, 2), 8192);
  EXPECT_EQ(word(bytes, 8), 8192);
}

TEST_F(ChipTest, ADisabledFifoKeepsItsBytesAndResetEmptiesIt) {
  start(2, 4);
  start_fifo(0x78);
  wait(50'000);
  write(0x6A, 0x00);
  wait(50'000);
  EXPECT_EQ(fifo_count(), 120);
  write(0x6A, 0x40);
  EXPECT_EQ(fifo_count(), 120);
  write(0x6A, 0x04);
  EXPECT_EQ(read(0x6A), 0);
  EXPECT_EQ(fifo_count(), 0);
}

// -------------------------------------------------------------------------------------------- interrupts

TEST_F(ChipTest, DataReadyPulsesFor50Microseconds) {
  start(2, 4);
  EXPECT_EQ(chip->interrupt().count, 0U);
  EXPECT_FALSE(chip->interrupt().level);
  write(0x38, 0x01);
  const std::uint64_t before = chip->samples_made();
  wait(kSecond);
  EXPECT_EQ(chip->interrupt().count, chip->samples_made() - before);
  const std::int64_t last_us = chip->interrupt().last_us;
  EXPECT_LE(now_us - last_us, 5000);
  while (chip->interrupt().last_us == last_us) wait(1);
  EXPECT_NEAR(static_cast<double>(chip->interrupt().last_us - last_us), 5000, 1);
  EXPECT_TRUE(chip->interrupt().level);
  chip->advance_to(now_us = chip->interrupt().last_us + 49);
  EXPECT_TRUE(chip->interrupt().level);
  wait(1);
  EXPECT_FALSE(chip->interrupt().level);
  write(0x37, 0x80);  // active low
  EXPECT_TRUE(chip->interrupt().level);
}

TEST_F(ChipTest, StatusIsClearedByReadingIt) {
  start(2, 4);
  EXPECT_EQ(read(0x3A), 0);
  write(0x38, 0x01);
  wait(5000);
  EXPECT_EQ(read(0x75), 0x68);
  EXPECT_EQ(read(0x3A), 1);
  EXPECT_EQ(read(0x3A), 0);
}

TEST_F(ChipTest, ALatchedInterruptStaysUntilItsStatusIsRead) {
  start(2, 4);
  write(0x37, 0x20);
  write(0x38, 0x01);
  wait(50'000);
  EXPECT_EQ(chip->interrupt().count, 1U);
  EXPECT_TRUE(chip->interrupt().level);
  read(0x75);
  EXPECT_TRUE(chip->interrupt().level);
  read(0x3A);
  EXPECT_FALSE(chip->interrupt().level);
  wait(5000);
  EXPECT_EQ(chip->interrupt().count, 2U);
}

TEST_F(ChipTest, AnyReadMayClearIt) {
  start(2, 4);
  write(0x37, 0x30);
  write(0x38, 0x01);
  wait(50'000);
  EXPECT_TRUE(chip->interrupt().level);
  read(0x75);
  EXPECT_FALSE(chip->interrupt().level);
  EXPECT_EQ(read(0x3A), 0);
}

TEST_F(ChipTest, OverflowInterrupts) {
  start(2, 4);
  write(0x38, 0x10);
  start_fifo(0x78);
  wait(85 * 5000);
  EXPECT_EQ(chip->interrupt().count, 0U);
  wait(5000);
  EXPECT_EQ(chip->interrupt().count, 1U);
  write(0x38, 0x00);
  wait(50'000);
  EXPECT_EQ(chip->interrupt().count, 1U);
}

// ------------------------------------------------------------------------------------------------ faults

TEST_F(ChipTest, NackAndTimeoutHaveNoEffectOnTheChip) {
  for (const auto& [kind, answer] :
       {std::pair{Kind::nack, BusAnswer::nack}, std::pair{Kind::timeout, BusAnswer::timeout}}) {
    start(2, 4);
    start_fifo(0x78);
    wait(50'000);
    const auto bytes = chip->fifo_bytes();
    chip->inject({.kind = kind, .from_us = now_us + 100, .until_us = now_us + 1000});
    std::array<std::uint8_t, 12> packet{};
    EXPECT_EQ(chip->read(kAddress, 0x3B, packet), BusAnswer::ok);
    wait(100);
    EXPECT_EQ(chip->read(kAddress, 0x74, packet), answer);
    EXPECT_EQ(chip->write(kAddress, 0x6A, 4), answer);
    EXPECT_EQ(chip->fifo_bytes(), bytes);
    EXPECT_EQ(chip->struck(kind), 2U);
    wait(900);
    EXPECT_EQ(chip->read(kAddress, 0x74, packet), BusAnswer::ok);
  }
}

TEST_F(ChipTest, ProbabilityIsForEachTransferAndDrawnFromTheSeed) {
  std::vector<bool> failed[2];
  for (auto& run : failed) {
    start(2, 4);
    chip->inject({.kind = Kind::nack, .probability = 0.1});
    std::array<std::uint8_t, 1> byte{};
    for (int i = 0; i < 10'000; ++i) {
      run.push_back(chip->read(kAddress, 0x75, byte) == BusAnswer::nack);
    }
  }
  EXPECT_EQ(failed[0], failed[1]);
  EXPECT_NEAR(static_cast<double>(std::count(failed[0].begin(), failed[0].end(), true)), 1000, 100);
}

TEST_F(ChipTest, AFaultMayBeLimited) {
  start(2, 4);
  chip->inject({.kind = Kind::nack, .limit = 2});
  std::array<std::uint8_t, 1> byte{};
  int nacks = 0;
  for (int i = 0; i < 10; ++i) nacks += chip->read(kAddress, 0x75, byte) == BusAnswer::nack;
  EXPECT_EQ(nacks, 2);
}

TEST_F(ChipTest, AStuckBusIsFreedByNineClocks) {
  start(2, 4);
  chip->inject({.kind = Kind::stuck_sda, .from_us = now_us, .until_us = now_us + 1000});
  std::array<std::uint8_t, 1> byte{};
  EXPECT_EQ(chip->read(kAddress, 0x75, byte), BusAnswer::stuck);
  wait(kSecond);
  EXPECT_EQ(chip->read(kAddress, 0x75, byte), BusAnswer::stuck);
  EXPECT_EQ(chip->write(kAddress, 0x19, 1), BusAnswer::stuck);
  EXPECT_EQ(chip->clock_nine(), BusAnswer::ok);
  EXPECT_EQ(chip->read(kAddress, 0x75, byte), BusAnswer::ok);
  EXPECT_EQ(read(0x19), 4);
}

TEST_F(ChipTest, TornReadsMixTwoSamples) {
  // From -1 to 0 counts all bits change: a mix is 255 or 256 counts off.
  motion.script = [](double t) {
    const double g = std::fmod(t * 100, 1.0) < 0.5 ? 2.0 / 16384 : -300.0 / 16384;
    return at_rest(0, g, 0, 0, 0, 0);
  };
  start(1, 4);
  const auto sample = [&] {
    const auto bytes = read(0x3B, 14);
    return word(bytes, 2);
  };
  wait(5000);
  EXPECT_EQ(sample(), chip->latest()[1]);
  chip->inject({.kind = Kind::torn_read, .axis = 1});
  int torn = 0;
  for (int i = 0; i < 50; ++i) {
    const RawSample before = chip->latest();
    wait(5000);
    const RawSample now = chip->latest();
    const int expected = static_cast<std::int16_t>((before[1] & 0xFF00) | (now[1] & 0x00FF));
    const int got = sample();
    EXPECT_EQ(got, expected);
    torn += got != now[1];
  }
  EXPECT_GT(torn, 25);
}

TEST_F(ChipTest, AStuckAxisKeepsItsValue) {
  motion.script = [](double t) { return at_rest(t, t, t, 10 * t, 10 * t, 10 * t); };
  start(2, 4, 3, 1);
  chip->inject(
      {.kind = Kind::stuck_axis, .from_us = now_us, .until_us = now_us + 100'000, .axis = 4});
  wait(5000);
  const RawSample first = chip->latest();
  wait(90'000);
  for (std::size_t axis = 0; axis < 6; ++axis) {
    EXPECT_EQ(chip->latest()[axis] == first[axis], axis == 4) << axis;
  }
  wait(20'000);
  EXPECT_NE(chip->latest()[4], first[4]);
}

TEST_F(ChipTest, DroppedInterruptsLeaveTheStatus) {
  start(2, 4);
  write(0x38, 0x01);
  chip->inject({.kind = Kind::dropped_interrupt, .probability = 0.5});
  wait(10 * kSecond);
  EXPECT_NEAR(chip->interrupt().count, 1000, 100);
  EXPECT_EQ(chip->interrupt().count + chip->struck(Kind::dropped_interrupt), 2000U);
  wait(5000);
  EXPECT_EQ(read(0x3A), 1);
}

TEST_F(ChipTest, FifoCorruptionLosesOrAddsAByte) {
  start(2, 4);
  start_fifo(0x78);
  chip->inject({.kind = Kind::fifo_corruption, .limit = 1});
  wait(50'000);
  EXPECT_EQ(chip->struck(Kind::fifo_corruption), 1U);
  EXPECT_EQ(std::abs(fifo_count() - 120), 1);

  start(2, 4);
  start_fifo(0x78);
  chip->inject({.kind = Kind::fifo_corruption});
  int lost = 0, added = 0;
  for (int i = 0; i < 200; ++i) {
    wait(5000);
    const int count = fifo_count();
    (count == 11 ? lost : added) += 1;
    EXPECT_TRUE(count == 11 || count == 13) << count;
    read(0x74, static_cast<std::size_t>(count));
  }
  EXPECT_GT(lost, 60);
  EXPECT_GT(added, 60);
}

// -------------------------------------------------------------------------------------------- violations

TEST_F(ChipTest, UnknownReadOnlyAndReservedAreViolations) {
  start(2, 4);
  write(0x69, 0x20);
  expect_violation("not in the register map");
  for (const int reg : {0x0D, 0x10, 0x24, 0x3A, 0x3B, 0x48, 0x63, 0x72, 0x74, 0x75}) {
    write(reg, 1);
    expect_violation("read only");
  }
  for (const auto& [reg, value] : std::vector<std::pair<int, int>>{{0x1A, 0x0A},
                                                                   {0x1B, 0x01},
                                                                   {0x1C, 0x04},
                                                                   {0x23, 0x01},
                                                                   {0x37, 0x01},
                                                                   {0x38, 0x40},
                                                                   {0x6A, 0x20},
                                                                   {0x6A, 0x10},
                                                                   {0x6B, 0x11},
                                                                   {0x68, 0x08}}) {
    write(reg, value);
    expect_violation("reserved");
  }
  write(0x1A, 7);
  expect_violation("DLPF_CFG 7");
  read(0x74 + 1, 2);
  expect_violation("not in the register map");
}

TEST_F(ChipTest, MeasurementsOfASleepingChipOrInHalvesAreViolations) {
  power_on();
  wait(100'000);
  read(0x3B, 6);
  expect_violation("sleeps");
  read(0x3A, 15);
  expect_violation("sleeps");
  write(0x6B, 1);
  wait(100'000);
  read(0x3B, 1);
  expect_violation("not the same sample");
  read(0x3C, 2);
  expect_violation("not the same sample");
  read(0x3A, 2);
  expect_violation("not the same sample");
  read(0x3A, 15);
  read(0x43, 6);
}

TEST_F(ChipTest, WrongUseOfTheFifoIsAViolation) {
  start(2, 4);
  read(0x74, 1);
  expect_violation("FIFO_EN is 0");
  start_fifo(0x78);
  wait(5000);
  fifo_count();
  read(0x74, 13);
  expect_violation("beyond FIFO_COUNT");
  read(0x73);
  expect_violation("without FIFO_COUNTH");
  write(0x6A, 0x44);
  expect_violation("resets nothing");
  for (const auto& [reg, value] :
       std::vector<std::pair<int, int>>{{0x23, 0x08}, {0x19, 9}, {0x1A, 3}, {0x1B, 8}, {0x1C, 8}}) {
    const int before = read(reg);
    write(reg, before);  // the same again is fine
    write(reg, value);
    expect_violation("while the FIFO runs");
  }
}

TEST_F(ChipTest, SelfTestMayBeginWhileTheFifoRuns) {
  start(2, 4, 2, 0);
  start_fifo(0x78);
  write(0x1B, 0xE0);
  write(0x1C, 0xF0);
}

TEST_F(ChipTest, ResetOfARunningFifoDoesNothing) {
  start(2, 4);
  start_fifo(0x78);
  wait(50'000);
  write(0x6A, 0x44);
  expect_violation("resets nothing");
  EXPECT_EQ(fifo_count(), 120);
}

TEST_F(ChipTest, ClocksThatAreNotThereAreViolations) {
  start(2, 4);
  for (const int source : {4, 5, 6, 7}) {
    write(0x6B, source);
    expect_violation("no external clock");
  }
  write(0x6B, 0x02);
  write(0x6C, 0x02);
  expect_violation("gives the clock");
  write(0x6B, 0x00);
  write(0x6B, 0x02);
  expect_violation("in standby");
  write(0x6B, 0x20);
  expect_violation("CYCLE");
}

TEST_F(ChipTest, TimeNeverGoesBack) {
  power_on();
  wait(1000);
  chip->advance_to(999);
  expect_violation("time went back");
}

TEST(ChipDeathTest, AbortsWithTheReasonUnlessToldOtherwise) {
  Scripted motion;
  ChipConfig config;
  Mpu6050Chip chip(config, motion);
  chip.advance_to(100'000);
  std::array<std::uint8_t, 6> bytes{};
  EXPECT_DEATH(static_cast<void>(chip.read(0x68, 0x3B, bytes)),
               "mpu6050_chip at 100000 us: measurements read while the chip sleeps");
}

}  // namespace
}  // namespace fettle::simulator
