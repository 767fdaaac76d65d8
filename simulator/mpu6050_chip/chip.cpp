// SPDX-License-Identifier: Apache-2.0
#include "simulator/mpu6050_chip/chip.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "simulator/mpu6050_chip/self_test.hpp"

namespace fettle::simulator {
namespace {

constexpr double kAccelNoise_g = 400e-6;  // per sqrt(Hz) (PS 6.2, p. 13)
constexpr double kGyroNoise_dps = 0.005;  // per sqrt(Hz) (PS 6.1, p. 12)
// Within 1 deg/s of its final value 30 ms after it was switched on (PS 6.1, p. 12); from where and how
// is not said.
constexpr double kGyroStart_dps = 50;
constexpr double kGyroStart_s = 0.030;
constexpr std::int64_t kPllSettling_us = 10'000;  // at most (PS 6.6, p. 17)
constexpr std::int64_t kPulse_us = 50;            // width of an INT pulse (PS 6.4, p. 15)
constexpr double kPicosecond = 1e-12;
constexpr std::int64_t kPicosecondsPerMicrosecond = 1'000'000;
constexpr std::uint32_t kAccelTicks = 8;  // of 8 kHz
constexpr std::array<std::uint32_t, 4> kWakeTicks = {800, 200, 50,
                                                     25};  // 1.25 5 20 40 Hz, RM p. 42

constexpr std::uint8_t kFirstMeasurement = static_cast<std::uint8_t>(Register::accel_xout_h);
constexpr std::uint8_t kLastMeasurement = static_cast<std::uint8_t>(Register::gyro_zout_l);

enum Stream : std::uint64_t { kIndividual, kNoise, kChance };

/// Where an axis (ax ay az gx gy gz) stands among the measurements.
constexpr std::size_t place(std::size_t axis) { return axis < 3 ? axis : axis + 1; }

std::int16_t quantise(double counts) {
  const double whole = counts < 0 ? counts - 0.5 : counts + 0.5;
  return static_cast<std::int16_t>(std::clamp(whole, -32768.0, 32767.0));
}

std::string hex(unsigned value) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  return {'0', 'x', kDigits[(value >> 4U) & 15U], kDigits[value & 15U]};
}

}  // namespace

ChipConfig typical_chip(std::uint64_t seed) {
  Random random(seed, kIndividual);
  ChipConfig config;
  config.seed = seed;
  config.clock_error = random.uniform(-0.01, 0.01);
  config.oscillator_error = random.uniform(-0.04, 0.04);
  for (std::size_t axis = 0; axis < 6; ++axis) {
    const bool accel = axis < 3;
    const double offset = accel ? (axis == 2 ? 0.08 : 0.05) : 20.0;
    const double drift = accel ? (axis == 2 ? 0.060 : 0.035) / 70 : 20.0 / 125;
    config.offset[axis] = offset * random.uniform(-1, 1);
    config.offset_per_kelvin[axis] = drift * random.uniform(-1, 1);
    config.gain[axis] = 1.0 + random.uniform(-0.03, 0.03);
    config.self_test_code[axis] = static_cast<std::uint8_t>(random.uniform(8, 24));
    config.self_test_change[axis] = random.uniform(-0.1, 0.1);
  }
  return config;
}

Mpu6050Chip::Mpu6050Chip(const ChipConfig& config, MotionSource& motion)
    : config_(config),
      motion_(motion),
      noise_(config.seed, kNoise),
      chance_(config.seed, kChance),
      answers_from_us_(config.start_up_us) {
  reset_registers();
}

void Mpu6050Chip::violate(const std::string& what) {
  const std::string message = "mpu6050_chip at " + std::to_string(now_us_) + " us: " + what;
  if (!config_.collect_violations) {
    static_cast<void>(std::fprintf(stderr, "%s\n", message.c_str()));
    std::abort();
  }
  violations_.push_back(message);
}

// ---------------------------------------------------------------------------------------------- time

void Mpu6050Chip::advance_to(std::int64_t t_us) {
  if (t_us < now_us_) violate("time went back to " + std::to_string(t_us));
  while (next_event_us_ <= t_us) {
    run_until(next_event_us_);
    handle_events();
  }
  run_until(t_us);
}

void Mpu6050Chip::run_until(std::int64_t t_us) {
  const std::int64_t t_ps = t_us * kPicosecondsPerMicrosecond;
  while (next_tick_ps_ <= t_ps) {
    const std::int64_t interval_ps = next_tick_ps_ - last_tick_ps_;
    if (interval_ps != interval_ps_) {
      interval_ps_ = interval_ps;
      interval_s_ = static_cast<double>(interval_ps) * kPicosecond;
    }
    last_tick_ps_ = next_tick_ps_;
    next_tick_ps_ += step_ps_;
    now_us_ = last_tick_ps_ / kPicosecondsPerMicrosecond;
    tick();
  }
  now_us_ = std::max(now_us_, t_us);
}

/// What happens at a moment that no tick and no transfer marks.
void Mpu6050Chip::handle_events() {
  std::int64_t next = INT64_MAX;
  for (Fault& fault : faults_) {
    if (fault.is.kind != ChipFault::Kind::brown_out) continue;
    if (fault.power == Fault::Power::before && fault.is.from_us <= now_us_) {
      fault.power = Fault::Power::after;
      if (chance_.uniform() < fault.is.probability) {
        ++struck_[static_cast<std::size_t>(fault.is.kind)];
        fault.power = Fault::Power::down;
        powered_ = false;
        reset_until_us_ = INT64_MIN;
        fifo_.clear();
        reset_registers();
      }
    }
    if (fault.power == Fault::Power::down && fault.is.until_us <= now_us_) {
      fault.power = Fault::Power::after;
      powered_ = true;
    }
    if (fault.power == Fault::Power::before) next = std::min(next, fault.is.from_us);
    if (fault.power == Fault::Power::down) next = std::min(next, fault.is.until_us);
  }
  if (locked_from_us_ != INT64_MAX) {
    if (locked_from_us_ <= now_us_) {
      set_clock();
    } else {
      next = std::min(next, locked_from_us_);
    }
  }
  next_event_us_ = next;
}

void Mpu6050Chip::set_clock() {
  const std::uint8_t source = at(Register::pwr_mgmt_1) & bit::kClock;
  const bool gyro = source >= 1 && source <= 3 && locked_from_us_ <= now_us_;
  const double error = config_.clock_error + (gyro ? 0.0 : config_.oscillator_error);
  step_ps_ = static_cast<std::int64_t>(1e9 / (1.0 + error) / (fast_ ? 8.0 : 1.0) + 0.5);
  next_tick_ps_ = std::max(last_tick_ps_ + step_ps_, now_us_ * kPicosecondsPerMicrosecond);
}

/// Everything that follows from the registers: which filter, what rate, awake or not.
void Mpu6050Chip::set_mode() {
  const std::uint8_t power = at(Register::pwr_mgmt_1);
  const std::uint8_t source = power & bit::kClock;
  const LowPassSetting& setting = kLowPassTable[at(Register::config) & bit::kDlpfCfg];
  const bool was_running = running_;
  running_ = powered_ && (power & bit::kSleep) == 0 && source != 7;
  fast_ = running_ && setting.gyro_rate_hz > kAccelRate_hz;
  if (!fast_) accel_phase_ = 0;  // every tick is one of the accelerometer's

  if (running_ && !was_running) {
    divider_ = 0;
    accel_phase_ = 0;
    accel_filter_.clear();
    gyro_filter_.clear();
    gyro_history_ = {};
    accel_before_ = {};
    start_up_dps_ = kGyroStart_dps;
  }
  if (!running_ || source < 1 || source > 3) {
    locked_from_us_ = INT64_MAX;
  } else if (locked_from_us_ == INT64_MAX) {
    locked_from_us_ = now_us_ + kPllSettling_us;
    next_event_us_ = std::min(next_event_us_, locked_from_us_);
  }
  set_clock();

  const double gyro_rate_hz = setting.gyro_rate_hz;
  for (std::size_t i = 0; i < 3; ++i) {
    accel_filter_.set(i, setting.accel_hz, kAccelRate_hz);
    gyro_filter_.set(i, setting.gyro_hz, gyro_rate_hz);
    const bool test_accel = (at(Register::accel_config) & (bit::kSelfTestX >> i)) != 0;
    const bool test_gyro = (at(Register::gyro_config) & (bit::kSelfTestX >> i)) != 0;
    accel_test_[i] = test_accel ? accel_factory_trim_g(config_.self_test_code[i]) *
                                      (1.0 + config_.self_test_change[i])
                                : 0.0;
    gyro_test_[i] = test_gyro ? gyro_factory_trim_dps(config_.self_test_code[i + 3], i == 1) *
                                    (1.0 + config_.self_test_change[i + 3])
                              : 0.0;
  }
  // White noise of density d has d sqrt(rate / 2) at each step; the low-pass shapes it.
  accel_sigma_ = config_.noise * kAccelNoise_g * square_root(0.5 * kAccelRate_hz);
  gyro_sigma_ = config_.noise * kGyroNoise_dps * square_root(0.5 * gyro_rate_hz);
  start_up_keep_ = exponential(-natural_logarithm(kGyroStart_dps) / (kGyroStart_s * gyro_rate_hz));
  period_ = (power & bit::kCycle) != 0
                ? kWakeTicks[at(Register::pwr_mgmt_2) >> 6U] * (fast_ ? kAccelTicks : 1)
                : at(Register::smplrt_div) + 1U;
}

// ----------------------------------------------------------------------------------------- the signal

void Mpu6050Chip::tick() {
  const Motion motion = motion_.next(interval_s_);
  if (!running_) return;
  celsius_ = motion.celsius;

  if (accel_phase_ == 0) {
    accel_before_ = accel_filter_.output();
    Axes input;
    for (std::size_t i = 0; i < 3; ++i) {
      input[i] = motion.axis[i] + accel_test_[i] + accel_sigma_ * noise_.gaussian();
    }
    accel_filter_.step(input);
  }
  if (fast_) accel_phase_ = (accel_phase_ + 1) % kAccelTicks;

  Axes input;
  for (std::size_t i = 0; i < 3; ++i) {
    input[i] = motion.axis[i + 3] + gyro_test_[i] + gyro_sigma_ * noise_.gaussian();
  }
  gyro_filter_.step(input);
  newest_ = (newest_ + 1) % gyro_history_.size();
  gyro_history_[newest_] = gyro_filter_.output();
  start_up_dps_ = start_up_dps_ > 1e-9 ? start_up_dps_ * start_up_keep_ : 0.0;

  if (++divider_ >= period_) {
    divider_ = 0;
    make_sample();
  }
}

void Mpu6050Chip::make_sample() {
  // The delays that the filters lack (low_pass.hpp): a step of 1 ms, or three of 1/8 ms.
  const Axes& accel = fast_ ? accel_filter_.output() : accel_before_;
  const Axes& gyro =
      gyro_history_[(newest_ + gyro_history_.size() - (fast_ ? 3 : 1)) % gyro_history_.size()];
  const auto range = [this](Register reg) {
    return static_cast<std::uint8_t>((at(reg) >> bit::kRangeShift) & 3U);
  };
  const auto per_g = static_cast<double>(
      counts_per_g(static_cast<AccelerometerRange>(range(Register::accel_config))));
  const auto per_dps = static_cast<double>(
      counts_per_dps(static_cast<GyroscopeRange>(range(Register::gyro_config))));
  const std::uint8_t standby = at(Register::pwr_mgmt_2);
  const double kelvin = celsius_ - 25.0;

  data_before_ = data_;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::size_t g = i + 3;
    const double accel_g =
        accel[i] * config_.gain[i] + config_.offset[i] + kelvin * config_.offset_per_kelvin[i];
    const double rate_dps = gyro[i] * config_.gain[g] + config_.offset[g] +
                            kelvin * config_.offset_per_kelvin[g] + start_up_dps_;
    const bool no_accel = (standby & (bit::kStandbyAccelX >> i)) != 0;
    const bool no_gyro = (standby & (bit::kStandbyAccelX >> g)) != 0;
    data_[i] = no_accel ? std::int16_t{0} : quantise(accel_g * per_g);
    data_[place(g)] = no_gyro ? std::int16_t{0} : quantise(rate_dps * per_dps);
  }
  if ((at(Register::pwr_mgmt_1) & bit::kTemperatureOff) == 0) {
    data_[3] = quantise((celsius_ - 36.53) * 340.0);  // RM p. 30
  }

  for (Fault& fault : faults_) {
    if (fault.is.kind != ChipFault::Kind::stuck_axis || !strikes(fault, now_us_)) continue;
    if (!fault.holds) fault.held = data_;
    fault.holds = true;
    for (std::size_t axis = 0; axis < 6; ++axis) {
      if (fault.is.axis < 0 || fault.is.axis == static_cast<int>(axis)) {
        data_[place(axis)] = fault.held[place(axis)];
      }
    }
  }

  ++samples_made_;
  const std::uint64_t lost = fifo_.lost();
  if (fifo_on() && at(Register::fifo_en) != 0) write_packet();
  bool interrupts = false;
  if (fifo_.lost() != lost) {
    status_ |= bit::kFifoOverflow;  // whether it may interrupt or not (RM p. 44)
    interrupts = (at(Register::int_enable) & bit::kFifoOverflow) != 0;
  }
  if ((at(Register::int_enable) & bit::kDataReady) != 0) {
    status_ |= bit::kDataReady;
    interrupts = true;
  }
  if (interrupts) raise_interrupt();
}

/// In the order of the registers, high byte first (RM p. 44).
void Mpu6050Chip::write_packet() {
  const std::uint8_t select = at(Register::fifo_en);
  std::array<std::uint8_t, 14> bytes{};
  std::size_t count = 0;
  const auto add = [&](std::size_t which) {
    const auto value = static_cast<std::uint16_t>(data_[which]);
    bytes[count++] = static_cast<std::uint8_t>(value >> 8U);
    bytes[count++] = static_cast<std::uint8_t>(value & 0xFFU);
  };
  if ((select & bit::kFifoAccel) != 0) {
    for (std::size_t i = 0; i < 3; ++i) add(i);
  }
  if ((select & bit::kFifoTemperature) != 0) add(3);
  for (std::size_t i = 0; i < 3; ++i) {
    if ((select & (bit::kFifoGyroX >> i)) != 0) add(4 + i);
  }

  std::size_t missing = count, twice = count;
  for (Fault& fault : faults_) {
    if (fault.is.kind != ChipFault::Kind::fifo_corruption || !strikes(fault, now_us_)) continue;
    const std::size_t where = chance_.bits() % count;
    (chance_.uniform() < 0.5 ? missing : twice) = where;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (i == missing) continue;
    fifo_.push(bytes[i]);
    if (i == twice) fifo_.push(bytes[i]);
  }
}

// ------------------------------------------------------------------------------------- interrupt pin

/// RM p. 26: with LATCH_INT_EN it stays until the status is cleared, otherwise for 50 us.
void Mpu6050Chip::raise_interrupt() {
  for (Fault& fault : faults_) {
    if (fault.is.kind == ChipFault::Kind::dropped_interrupt && strikes(fault, now_us_)) return;
  }
  const bool latch = (at(Register::int_pin_cfg) & bit::kIntLatch) != 0;
  if (latch && latched_) return;
  latched_ = latch;
  ++interrupt_.count;
  interrupt_.last_us = now_us_;
  pulse_until_us_ = now_us_ + kPulse_us;
}

void Mpu6050Chip::lower_interrupt() {
  status_ = 0;
  latched_ = false;
}

Mpu6050Chip::Interrupt Mpu6050Chip::interrupt() const {
  Interrupt result = interrupt_;
  const std::uint8_t pin = at(Register::int_pin_cfg);
  const bool pulse = now_us_ < pulse_until_us_;
  const bool active = powered_ && ((pin & bit::kIntLatch) != 0 ? latched_ : pulse);
  result.level = active != ((pin & bit::kIntLevelLow) != 0);
  return result;
}

RawSample Mpu6050Chip::latest() const {
  RawSample sample{};
  for (std::size_t axis = 0; axis < 6; ++axis) sample[axis] = data_[place(axis)];
  return sample;
}

double Mpu6050Chip::true_rate_hz() const {
  return running_ ? 1.0 / (static_cast<double>(step_ps_) * kPicosecond * period_) : 0.0;
}

// ------------------------------------------------------------------------------------------- the bus

bool Mpu6050Chip::strikes(Fault& fault, std::int64_t t_us) {
  if (t_us < fault.is.from_us || t_us >= fault.is.until_us) return false;
  if (fault.is.limit != 0 && fault.strikes >= fault.is.limit) return false;
  if (fault.is.probability < 1 && chance_.uniform() >= fault.is.probability) return false;
  ++fault.strikes;
  ++struck_[static_cast<std::size_t>(fault.is.kind)];
  return true;
}

void Mpu6050Chip::inject(const ChipFault& fault) {
  faults_.push_back({.is = fault});
  if (fault.kind == ChipFault::Kind::brown_out) {
    next_event_us_ = std::min(next_event_us_, std::max(fault.from_us, now_us_));
  }
}

BusAnswer Mpu6050Chip::transfer(std::uint8_t address, std::uint8_t reg) {
  for (Fault& fault : faults_) {
    if (stuck_) break;
    switch (fault.is.kind) {
      case ChipFault::Kind::nack:
        if (strikes(fault, now_us_)) return BusAnswer::nack;
        break;
      case ChipFault::Kind::timeout:
        if (strikes(fault, now_us_)) return BusAnswer::timeout;
        break;
      case ChipFault::Kind::stuck_sda: stuck_ = strikes(fault, now_us_); break;
      default: break;
    }
  }
  if (stuck_) return BusAnswer::stuck;
  if (!powered_ || now_us_ < answers_from_us_ || address != config_.address) return BusAnswer::nack;
  if (now_us_ < reset_until_us_) {
    violate("access to register " + hex(reg) + " while DEVICE_RESET takes effect, until " +
            std::to_string(reset_until_us_) + " us");
    return BusAnswer::nack;
  }
  return BusAnswer::ok;
}

BusAnswer Mpu6050Chip::clock_nine() {
  stuck_ = false;
  return BusAnswer::ok;
}

BusAnswer Mpu6050Chip::read(std::uint8_t address, std::uint8_t reg, std::span<std::uint8_t> bytes) {
  const BusAnswer answer = transfer(address, reg);
  if (answer != BusAnswer::ok) return answer;
  if (bytes.empty()) violate("a read of no bytes");

  std::uint8_t next = reg;
  for (std::uint8_t& byte : bytes) {
    byte = load(next);
    if (next != static_cast<std::uint8_t>(Register::fifo_r_w)) ++next;
  }
  const auto measurement = [](std::size_t which) {
    return which >= kFirstMeasurement && which <= kLastMeasurement;
  };
  const std::size_t last = reg + bytes.size() - 1;
  if (measurement(reg) || (reg < kFirstMeasurement && last >= kFirstMeasurement)) {
    if (!running_) violate("measurements read while the chip sleeps");
    const bool half = (measurement(reg) && (reg - kFirstMeasurement) % 2 != 0) ||
                      (measurement(last) && (last - kFirstMeasurement) % 2 == 0);
    if (half) violate("one byte of a measurement read without the other: not the same sample");
    tear(reg, bytes);
  }
  // RM p. 26: with INT_RD_CLEAR any read clears the status.
  if ((at(Register::int_pin_cfg) & bit::kIntReadClear) != 0) lower_interrupt();
  return BusAnswer::ok;
}

/// Puts the sample before into the high byte of one measurement.
void Mpu6050Chip::tear(std::uint8_t first, std::span<std::uint8_t> bytes) {
  for (Fault& fault : faults_) {
    if (fault.is.kind != ChipFault::Kind::torn_read || !strikes(fault, now_us_)) continue;
    const std::size_t axis = fault.is.axis >= 0 ? static_cast<std::size_t>(fault.is.axis)
                                                : static_cast<std::size_t>(chance_.bits() % 6);
    const std::size_t reg = kFirstMeasurement + 2 * place(axis);
    if (reg < first || reg >= first + bytes.size()) continue;
    bytes[reg - first] =
        static_cast<std::uint8_t>(static_cast<std::uint16_t>(data_before_[place(axis)]) >> 8U);
  }
}

std::uint8_t Mpu6050Chip::load(std::uint8_t reg) {
  if (reg >= kRegisters || !kRegisterMap[reg].exists) {
    violate("read of register " + hex(reg) + ", which is not in the register map");
    return 0;
  }
  if (reg >= kFirstMeasurement && reg <= kLastMeasurement) {
    const std::size_t byte = reg - kFirstMeasurement;
    const auto value = static_cast<std::uint16_t>(data_[byte / 2]);
    return static_cast<std::uint8_t>(byte % 2 == 0 ? value >> 8U : value & 0xFFU);
  }
  const auto& code = config_.self_test_code;
  switch (static_cast<Register>(reg)) {
    case Register::self_test_x:
    case Register::self_test_y:
    case Register::self_test_z: {
      const std::size_t i = reg - static_cast<std::size_t>(Register::self_test_x);
      return static_cast<std::uint8_t>(((code[i] >> 2U) & 7U) << 5U | (code[i + 3] & 31U));
    }
    case Register::self_test_a:
      return static_cast<std::uint8_t>((code[0] & 3U) << 4U | (code[1] & 3U) << 2U |
                                       (code[2] & 3U));
    case Register::int_status: {
      const std::uint8_t status = status_;
      lower_interrupt();
      return status;
    }
    case Register::fifo_count_h:
      latched_count_ = fifo_.count();
      count_is_latched_ = true;
      return static_cast<std::uint8_t>(latched_count_ >> 8U);
    case Register::fifo_count_l:
      if (!count_is_latched_) violate("FIFO_COUNTL read without FIFO_COUNTH before: an old count");
      count_is_latched_ = false;
      return static_cast<std::uint8_t>(latched_count_ & 0xFFU);
    case Register::fifo_r_w:
      if (!fifo_on()) {
        violate("FIFO_R_W read while USER_CTRL.FIFO_EN is 0");
      } else if (fifo_.count() == 0) {
        violate("FIFO_R_W read beyond FIFO_COUNT");
      }
      return fifo_.pop();
    case Register::who_am_i: return config_.who_am_i;
    default: return registers_[reg];
  }
}

BusAnswer Mpu6050Chip::write(std::uint8_t address, std::uint8_t reg, std::uint8_t value) {
  const BusAnswer answer = transfer(address, reg);
  if (answer != BusAnswer::ok) return answer;
  if (reg >= kRegisters || !kRegisterMap[reg].exists) {
    violate("write of " + hex(value) + " to register " + hex(reg) +
            ", which is not in the register map");
    return answer;
  }
  const std::uint8_t writable = kRegisterMap[reg].writable;
  if (writable == 0) {
    violate("write of " + hex(value) + " to register " + hex(reg) +
            ", which is read only or of no use here");
    return answer;
  }
  if ((value & ~writable) != 0) {
    violate("write of " + hex(value) + " to register " + hex(reg) +
            " sets bits that are reserved or of no use here; allowed are " + hex(writable));
    value &= writable;
  }
  store(static_cast<Register>(reg), value);
  return answer;
}

void Mpu6050Chip::store(Register reg, std::uint8_t value) {
  const auto number = static_cast<std::uint8_t>(reg);
  switch (reg) {
    case Register::pwr_mgmt_1: store_power(value); return;
    case Register::user_ctrl: store_user_control(value); return;
    case Register::signal_path_reset:  // RM p. 37; clears itself
      if ((value & 4U) != 0) gyro_filter_.clear();
      if ((value & 2U) != 0) accel_filter_.clear();
      return;
    case Register::smplrt_div:
    case Register::config:
    case Register::gyro_config:
    case Register::accel_config:
    case Register::fifo_en: {
      const bool test_bits = reg == Register::gyro_config || reg == Register::accel_config;
      const unsigned change = (value ^ at(reg)) & (test_bits ? 0x1FU : 0xFFU);
      if (fifo_on() && change != 0) {
        violate("register " + hex(number) + " changed from " + hex(at(reg)) + " to " + hex(value) +
                " while the FIFO runs: packets of two kinds in one buffer");
      }
      if (reg == Register::config && (value & bit::kDlpfCfg) == 7) {
        violate("DLPF_CFG 7 is reserved");
      }
      break;
    }
    case Register::pwr_mgmt_2: {
      const std::uint8_t source = at(Register::pwr_mgmt_1) & bit::kClock;
      if (source >= 1 && source <= 3 && (value & (bit::kStandbyAccelX >> (source + 2U))) != 0) {
        violate("the gyroscope that gives the clock is put into standby");
      }
      break;
    }
    default: break;
  }
  const std::uint8_t before = at(reg);
  at(reg) = value;
  if (reg == Register::pwr_mgmt_2 && (before & bit::kStandbyGyro & ~value) != 0) {
    start_up_dps_ = kGyroStart_dps;
  }
  set_mode();
}

void Mpu6050Chip::store_power(std::uint8_t value) {
  if ((value & bit::kDeviceReset) != 0) {
    reset_registers();
    reset_until_us_ = now_us_ + config_.reset_us;
    return;
  }
  const std::uint8_t source = value & bit::kClock;
  const std::uint8_t standby = at(Register::pwr_mgmt_2);
  if (source >= 4) violate("CLKSEL " + std::to_string(source) + ": there is no external clock");
  if (source >= 1 && source <= 3 && (standby & (bit::kStandbyAccelX >> (source + 2U))) != 0) {
    violate("CLKSEL takes the clock from a gyroscope in standby");
  }
  // RM p. 42: low power takes the accelerometer only, with the gyroscopes in standby.
  if ((value & bit::kCycle) != 0 && (value & bit::kSleep) == 0 &&
      (standby & bit::kStandbyGyro) != bit::kStandbyGyro) {
    violate("CYCLE with a gyroscope that is not in standby");
  }
  if (source != (at(Register::pwr_mgmt_1) & bit::kClock)) locked_from_us_ = INT64_MAX;
  at(Register::pwr_mgmt_1) = value;
  set_mode();
}

/// RM p. 38: FIFO_RESET acts while FIFO_EN is 0; both resets clear themselves. Without FIFO_EN the
/// buffer keeps what it has.
void Mpu6050Chip::store_user_control(std::uint8_t value) {
  if ((value & bit::kFifoReset) != 0) {
    if ((value & bit::kFifoEnable) != 0) {
      violate("FIFO_RESET while FIFO_EN is 1 resets nothing");
    } else {
      fifo_.clear();
      count_is_latched_ = false;
    }
  }
  if ((value & bit::kSignalReset) != 0) {
    accel_filter_.clear();
    gyro_filter_.clear();
    data_ = data_before_ = {};
  }
  at(Register::user_ctrl) = value & bit::kFifoEnable;
}

/// Not the FIFO: nothing is said to change what is in it but FIFO_RESET and a loss of power (RM p. 38).
/// A driver that counts on more finds old packets.
void Mpu6050Chip::reset_registers() {
  for (std::size_t i = 0; i < kRegisters; ++i) registers_[i] = kRegisterMap[i].reset;
  lower_interrupt();
  pulse_until_us_ = now_us_;
  count_is_latched_ = false;
  data_ = data_before_ = {};
  locked_from_us_ = INT64_MAX;
  set_mode();
}

}  // namespace fettle::simulator
