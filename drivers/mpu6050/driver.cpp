// SPDX-License-Identifier: Apache-2.0
#include "drivers/mpu6050/driver.hpp"

#include <algorithm>
#include <array>

#include "core/math.hpp"
#include "drivers/mpu6050/decode.hpp"

namespace fettle::mpu6050 {
namespace {

constexpr std::int64_t kMillisecond = 1000;
constexpr std::int64_t kSecond = 1'000'000;

/// RM 4.28, p. 41 asks for 100 ms after DEVICE_RESET (there for SPI; on I2C it does no harm).
constexpr std::int64_t kResetWait = 105 * kMillisecond;
constexpr std::uint8_t kResetLooks = 10;
/// The gyroscopes, whose oscillator is to become the clock, need 30 ms (PS 6.1, p. 12).
constexpr std::int64_t kWakeWait = 50 * kMillisecond;
/// Once configured: the PLL takes over within 10 ms (PS 6.6, p. 17), and the gyroscopes, which are
/// within 1 deg/s after their 30 ms, come to rest within a step. What is sampled before would be taken
/// for a fault of the machine.
constexpr std::int64_t kStartWait = 100 * kMillisecond;
/// The filters forget other ranges and a self-test.
constexpr std::int64_t kFilterWait = 20 * kMillisecond;
constexpr std::int64_t kProbeWait = 500 * kMillisecond;
/// Failures in a row until the chip counts as gone.
constexpr std::uint8_t kMostFailures = 8;

/// One look at temperature or a group of registers. At 200 Hz that is one with each block, all within
/// 0.7 s.
constexpr std::int64_t kLookInterval = 75 * kMillisecond;

/// Then it goes on with a rate that is less well known.
constexpr std::int64_t kLongestStart = 3 * kSecond;

/// Counts taken to place the first sample of the FIFO; more if they contradict each other.
constexpr std::uint8_t kAlignCounts = 4;
constexpr std::uint8_t kMostAlignCounts = 12;
/// FIFO counts in a row that may be odd because a sample is just being written.
constexpr std::uint8_t kOddCounts = 3;
constexpr std::size_t kSamplesInFifo = kFifoBytes / kSampleBytes;
/// The golden ratio's fraction, in 2^-32: multiples of it fill an interval as evenly as can be
/// (Knuth, The Art of Computer Programming 3, 2nd ed. 1998, 6.4, theorem S).
constexpr std::uint32_t kGolden = 0x9E3779B9U;

/// Time stamps of neighbours stay this near to the nominal period; a gap is 1.5 or more.
constexpr double kMostStep = 0.055;

constexpr std::uint16_t kTestSamples = 64;

/// What a sample costs on the bus: a full block's burst, count, status, look at the registers and look
/// after, with three bytes of addresses each, nine clocks a byte.
constexpr float kBitsPerSample =
    9.0F * (kMaxBlockSamples * kSampleBytes + 2 + 1 + 3 + 4 + 5 * 3) / kMaxBlockSamples;

constexpr std::uint8_t number(Register where) { return static_cast<std::uint8_t>(where); }

/// In the order of writing: awake first, the FIFO's switch last.
constexpr std::array kTable = {
    Register::power_1,      Register::power_2,       Register::sample_rate_div,
    Register::config,       Register::gyro_config,   Register::accel_config,
    Register::fifo_enable,  Register::interrupt_pin, Register::interrupt_enable,
    Register::user_control,
};

/// The same registers as neighbours, so that four reads see them all.
struct Group {
  Register first;
  std::uint8_t count;
};
constexpr std::array<Group, 4> kGroups = {{{Register::user_control, 3},
                                           {Register::sample_rate_div, 4},
                                           {Register::fifo_enable, 1},
                                           {Register::interrupt_pin, 2}}};

enum class Kind : std::uint8_t { sensor, unknown, other };

/// What a WHO_AM_I tells. The sensors have the registers above, as their makers say or as users of
/// clones report (ElectronicCats/mpu6050 issue 21: 0x98; i2cdevlib issue 478: 0x72; kriswiner/MPU9250
/// issue 458: 0x70). The others are neighbours of known habits with registers of their own.
constexpr Kind kind_of(std::uint8_t id) {
  switch (id) {
    case kGenuineId:
    case 0x70:
    case 0x71:
    case 0x72:
    case 0x73:
    case 0x74:
    case 0x98: return Kind::sensor;
    case 0x00:  // nobody drives the line, or a chip without this register
    case 0xFF:
    case 0x42:  // ICM-42605
    case 0x47:  // ICM-42688-P
    case 0x67:  // ICM-42670-P
    case 0x6F:  // IIM-42652
    case 0xA0:  // BNO055
    case 0xD1:  // BMI160
    case 0xEA:  // ICM-20948
      return Kind::other;
    default: return Kind::unknown;
  }
}

}  // namespace

Driver::Driver(RegisterBus& bus, const DataReady& data_ready, const Config& config)
    : bus_(bus),
      data_ready_(data_ready),
      config_(config),
      clock_(1000.0 * (1 + sample_rate_divider(config.rate_hz))) {}

void Driver::reconfigure(const Config& config) {
  config_ = config;
  if (self_test_.status == SelfTestStatus::running) self_test_.status = SelfTestStatus::failed;
  self_test_wanted_ = false;
  clock_ = SampleClock(1000.0 * (1 + sample_rate_divider(config.rate_hz)));
  who_am_i_ = 0;
  intact_ = false;
  pending_ = 0;
  phase_ = Phase::empty;
  new_clock_ = true;
  approximate_ = true;
  reference_ = false;
  any_good_pulse_ = false;
  failures_ = 0;
  attempts_ = 0;
  cause_ = Cause::starting;
  enter(State::probing, std::max(now_us_, alone_until_us_));
}

float Driver::nominal_rate_hz() const { return static_cast<float>(1e6 / clock_.nominal_us()); }

RateEstimate Driver::rate() const {
  if (clock_.period_error() > 0.01) return {};
  // Three standard deviations, and never better than a crystal.
  const double error = 3 * clock_.period_error() + 1e-5;
  return {static_cast<float>(1e6 / clock_.period_us()), static_cast<float>(error < 1 ? error : 1)};
}

const SampleBlock* Driver::take() {
  if (!ready_) return nullptr;
  ready_ = false;
  return &block_;
}

void Driver::step(std::int64_t now_us) {
  now_us_ = now_us;
  note_pulses();
  if (now_us < wake_us_) return;
  switch (state_) {
    case State::probing: return probe();
    case State::resetting: return reset();
    case State::configuring: return configure();
    case State::verifying: return verify();
    case State::streaming: return stream();
    case State::recovering: return recover();
    case State::self_test: return self_test_step();
  }
}

void Driver::enter(State state, std::int64_t wake_us) {
  state_ = state;
  wake_us_ = wake_us;
}

// --- Transfers ----------------------------------------------------------------------------------

BusStatus Driver::read(Register first, std::span<std::uint8_t> bytes) {
  last_status_ = bus_.read(address_, number(first), bytes);
  count_failure();
  return last_status_;
}

BusStatus Driver::write(Register where, std::uint8_t value) {
  last_status_ = bus_.write(address_, number(where), value);
  count_failure();
  return last_status_;
}

void Driver::count_failure() {
  switch (last_status_) {
    case BusStatus::ok: return;
    case BusStatus::nack: ++counters_.nacks; return;
    case BusStatus::timeout: ++counters_.timeouts; return;
    case BusStatus::stuck: ++counters_.stuck; return;
  }
}

Cause Driver::cause_of_failure() const {
  switch (last_status_) {
    case BusStatus::ok: break;
    case BusStatus::nack: return failures_ < kMostFailures ? Cause::bus_nack : Cause::absent;
    case BusStatus::timeout: return Cause::bus_timeout;
    case BusStatus::stuck: return Cause::bus_stuck;
  }
  return Cause::none;
}

bool Driver::free_bus() {
  if (last_status_ != BusStatus::stuck) return true;
  last_status_ = bus_.recover();
  count_failure();
  return last_status_ == BusStatus::ok;
}

std::uint8_t Driver::wanted(Register where) const {
  const std::uint8_t divider = sample_rate_divider(config_.rate_hz);
  switch (where) {
    case Register::power_1: return power_1::kClockGyroX;
    case Register::sample_rate_div: return divider;
    case Register::config: return low_pass_setting(divider);
    case Register::gyro_config:
      return static_cast<std::uint8_t>(static_cast<unsigned>(config_.ranges.gyroscope)
                                       << gyro_config::kRangeShift);
    case Register::accel_config:
      return static_cast<std::uint8_t>(static_cast<unsigned>(config_.ranges.accelerometer)
                                       << accel_config::kRangeShift);
    case Register::fifo_enable: return fifo_enable::kGyroscope | fifo_enable::kAccelerometer;
    // Only data ready: an overflow must not look like a sample on the line. The pin stays as reset
    // left it: active high, push-pull, 50 us, status cleared by reading the status only.
    case Register::interrupt_enable: return interrupt::kDataReady;
    case Register::user_control: return phase_ == Phase::empty ? 0 : user_control::kFifoEnable;
    default: return 0;
  }
}

Driver::Check Driver::check_group(std::size_t group) {
  const Group& registers = kGroups[group];
  std::array<std::uint8_t, 4> found{};
  // A second look before the chip is blamed: no checksum guards a read.
  for (int look = 0; look < 2; ++look) {
    if (read(registers.first, std::span(found).first(registers.count)) != BusStatus::ok) {
      return Check::bus;
    }
    bool same = true;
    for (std::size_t i = 0; i < registers.count; ++i) {
      const auto where = static_cast<Register>(number(registers.first) + i);
      // While the FIFO is being emptied its switch may stand anywhere.
      if (where == Register::user_control && phase_ == Phase::empty) continue;
      same = same && found[i] == wanted(where);
    }
    if (same) return Check::same;
  }
  return Check::differs;
}

// --- States -------------------------------------------------------------------------------------

/// A transfer failed while the chip was being set up: the same step again, but not for ever.
void Driver::retry() {
  ++failures_;
  const Cause cause = cause_of_failure();
  if (!free_bus() || failures_ >= kMostFailures) return probe_again(cause);
  cause_ = cause;
  wake_us_ = now_us_ + (kMillisecond << failures_);
}

void Driver::probe_again(Cause cause) {
  cause_ = cause;
  failures_ = 0;
  attempts_ = 0;
  enter(State::probing, now_us_ + kProbeWait);
}

void Driver::restart(Cause cause) {
  intact_ = false;
  pending_ = 0;
  new_clock_ = true;
  approximate_ = true;
  reference_ = false;
  clock_.restart();
  phase_ = Phase::empty;
  failures_ = 0;
  attempts_ = 0;
  cause_ = cause;
  enter(State::probing, now_us_);
}

/// What a restart has not cured yet stays the cause until samples flow.
void Driver::starting() {
  const bool tried = cause_ == Cause::reset_failed || cause_ == Cause::configuration ||
                     cause_ == Cause::no_samples;
  if (!tried) cause_ = Cause::starting;
}

void Driver::probe() {
  std::uint8_t id = 0;
  const std::array<std::uint8_t, 2> both = {kAddressLow, kAddressHigh};
  const std::span<const std::uint8_t> candidates =
      config_.address != 0 ? std::span<const std::uint8_t>(&config_.address, 1) : both;
  BusStatus status = BusStatus::nack;
  for (const std::uint8_t candidate : candidates) {
    address_ = candidate;
    status = read(Register::who_am_i, std::span(&id, 1));
    if (status != BusStatus::nack) break;
  }
  if (status != BusStatus::ok) {
    // One fault is no absence: a few quick looks, then twice a second.
    const bool quick = free_bus() && ++failures_ < 4;
    const Cause cause = status == BusStatus::nack    ? Cause::absent
                        : status == BusStatus::stuck ? Cause::bus_stuck
                                                     : Cause::bus_timeout;
    cause_ = cause;
    wake_us_ = now_us_ + (quick ? 5 * kMillisecond : kProbeWait);
    return;
  }
  if (id != who_am_i_) intact_ = false;
  who_am_i_ = id;
  const Kind kind = kind_of(id);
  if (kind == Kind::other || (kind == Kind::unknown && !behaves())) {
    if (last_status_ != BusStatus::ok) return retry();
    return probe_again(Cause::other_chip);
  }
  failures_ = 0;
  attempts_ = 0;
  // After a fault of the bus the chip may still be as it was, and its samples countable.
  enter(intact_ ? State::recovering : State::resetting, now_us_);
}

/// Whether a chip of unknown id looks like the sensor, found out without writing to it: a stranger
/// might be a clock or a memory.
bool Driver::behaves() {
  std::array<std::uint8_t, 3> control{};
  std::array<std::uint8_t, 2> count{};
  std::uint8_t id = 0;
  if (read(Register::user_control, control) != BusStatus::ok) return false;
  if (read(Register::fifo_count_high, count) != BusStatus::ok) return false;
  if (read(Register::who_am_i, std::span(&id, 1)) != BusStatus::ok) return false;
  const bool reserved_clear = (control[1] & (power_1::kReserved | power_1::kDeviceReset)) == 0;
  return id == who_am_i_ && reserved_clear && unsigned_word(count[0], count[1]) <= kFifoBytes;
}

void Driver::reset() {
  if (attempts_ == 0) {
    alone_until_us_ = now_us_ + kResetWait;
    if (write(Register::power_1, power_1::kDeviceReset) != BusStatus::ok) {
      // It may have begun all the same, and then wants to be left alone.
      retry();
      wake_us_ = std::max(wake_us_, alone_until_us_);
      return;
    }
    if (configured_once_) ++counters_.restarts;
    pending_ = 0;
    new_clock_ = true;
    approximate_ = true;
    attempts_ = 1;
    failures_ = 0;
    awake_ = false;
    starting();
    wake_us_ = alone_until_us_;
    return;
  }
  std::uint8_t power = 0;
  if (read(Register::power_1, std::span(&power, 1)) != BusStatus::ok) return retry();
  failures_ = 0;
  if ((power & power_1::kDeviceReset) != 0) {
    if (++attempts_ > kResetLooks) return probe_again(Cause::reset_failed);
    wake_us_ = now_us_ + 10 * kMillisecond;
    return;
  }
  after_reset_ = true;
  entry_ = 0;
  attempts_ = 0;
  phase_ = Phase::empty;
  enter(State::configuring, now_us_);
}

void Driver::configure() {
  if (after_reset_ && entry_ == 0 && !awake_) {
    // The filter first, so that it settles during the wait and the gyroscope never runs at 8 kHz. By
    // its own oscillator until the gyroscope's is steady (PS 7.15, p. 30).
    if (write(Register::config, wanted(Register::config)) != BusStatus::ok ||
        write(Register::power_1, 0) != BusStatus::ok) {
      return retry();
    }
    awake_ = true;
    wake_us_ = now_us_ + kWakeWait;
    return;
  }
  for (int i = 0; i < 5 && entry_ < kTable.size(); ++i) {
    const Register where = kTable[entry_];
    if (write(where, wanted(where)) != BusStatus::ok) return retry();
    ++entry_;
  }
  failures_ = 0;
  wake_us_ = now_us_;
  if (entry_ < kTable.size()) return;
  awake_ = false;
  enter(State::verifying, now_us_ + (after_reset_ ? kStartWait : kFilterWait));
}

void Driver::verify() {
  for (std::size_t group = 0; group < kGroups.size(); ++group) {
    switch (check_group(group)) {
      case Check::bus: return retry();
      case Check::differs:
        if (++attempts_ >= 3) {
          intact_ = false;
          return probe_again(Cause::configuration);
        }
        entry_ = 0;
        return enter(State::configuring, now_us_);
      case Check::same: break;
    }
  }
  failures_ = 0;
  attempts_ = 0;
  intact_ = true;
  configured_once_ = true;
  after_reset_ = false;
  phase_ = Phase::empty;
  starting();
  grown_us_ = now_us_;
  enter(State::streaming, now_us_);
}

/// A transfer failed while streaming.
void Driver::fault() {
  outage_ = true;
  if (++failures_ >= kMostFailures) return probe_again(cause_of_failure());
  cause_ = cause_of_failure();
  enter(State::recovering, now_us_ + (kMillisecond << (failures_ - 1)));
}

/// Something does not fit: first see whether the chip still is configured, then go on with `after`.
void Driver::suspect(Phase after) {
  phase_ = after;
  suspected_ = after == Phase::align;
  after_burst_ = false;
  fresh_ = false;
  offset_count_ = 0;
  offsets_ = 0;
  enter(State::recovering, now_us_);
}

void Driver::recover() {
  if (!free_bus()) return fault();
  for (std::size_t group = 0; group < kGroups.size(); ++group) {
    switch (check_group(group)) {
      case Check::bus: return fault();
      case Check::differs: ++counters_.configuration_lost; return restart(Cause::configuration);
      case Check::same: break;
    }
  }
  failures_ = 0;
  if (pending_ > 0) deliver();
  if (outage_) grown_us_ = now_us_;  // nobody could look
  outage_ = false;
  if (phase_ == Phase::run || phase_ == Phase::align) {
    cause_ = Cause::none;
  } else {
    starting();
  }
  enter(State::streaming, now_us_);
}

// --- Streaming ----------------------------------------------------------------------------------

void Driver::stream() {
  switch (phase_) {
    case Phase::empty: return empty_fifo();
    case Phase::start: return count_start();
    case Phase::align: return count_align();
    case Phase::run: return run();
  }
}

void Driver::empty_fifo() {
  // The reset bit works only while the FIFO is off (RM 4.27, p. 38). The last read clears an
  // overflow that was before.
  std::uint8_t status = 0;
  if (write(Register::user_control, 0) != BusStatus::ok ||
      write(Register::user_control, user_control::kFifoReset) != BusStatus::ok ||
      write(Register::user_control, user_control::kFifoEnable) != BusStatus::ok ||
      read(Register::interrupt_status, std::span(&status, 1)) != BusStatus::ok) {
    return fault();
  }
  failures_ = 0;
  seen_ = 0;
  odd_counts_ = 0;
  offset_count_ = 0;
  offsets_ = 0;
  suspected_ = false;
  fresh_ = true;
  wake_us_ = now_us_;
  if (!new_clock_ && clock_.places(now_us_)) {
    phase_ = Phase::align;
    return;
  }
  // The phase is new or was never known. Number the samples by the time since the last one.
  clock_.restart();
  reference_ = false;
  any_good_pulse_ = false;  // the wire has to prove itself again
  front_ = 0;
  if (delivered_any_) {
    const auto silent =
        static_cast<std::int64_t>(static_cast<double>(now_us_ - last_us_) / clock_.period_us());
    front_ = next_ + std::max<std::int64_t>(silent, 1);
  }
  approximate_ = true;
  start_us_ = now_us_;
  phase_ = Phase::start;
}

/// Awake, configured and silent: only a reset is left. If it is not configured, say so.
void Driver::silent() {
  for (std::size_t group = 0; group < kGroups.size(); ++group) {
    switch (check_group(group)) {
      case Check::bus: return fault();
      case Check::differs: ++counters_.configuration_lost; return restart(Cause::configuration);
      case Check::same: break;
    }
  }
  restart(Cause::no_samples);
}

/// Reads FIFO_COUNT and what the interrupt line did meanwhile.
/// @return false if there is no count to go on with; the next step is arranged
bool Driver::count_fifo(std::size_t& samples) {
  const DataReadyState before = data_ready_.state();
  std::array<std::uint8_t, 2> bytes{};
  if (read(Register::fifo_count_high, bytes) != BusStatus::ok) {
    // Reading a count moves nothing: nothing is lost, as long as the FIFO lasts.
    fault();
    return false;
  }
  const DataReadyState after = data_ready_.state();
  failures_ = 0;
  quiet_ = before.count == after.count;
  counted_pulses_ = after.count;
  counted_pulse_us_ = after.last_us;

  const std::size_t count = unsigned_word(bytes[0], bytes[1]);
  if (count > kFifoBytes) {
    ++counters_.misaligned;
    suspect(Phase::empty);
    return false;
  }
  if (count > kSamplesInFifo * kSampleBytes) {
    // No whole number of samples fills 1024 bytes: the oldest one has been overwritten in part.
    ++counters_.overflows;
    grown_us_ = now_us_;
    suspect(Phase::empty);
    return false;
  }
  if (count % kSampleBytes != 0) {
    // Perhaps one is just being written; that takes microseconds.
    if (++odd_counts_ < kOddCounts) {
      wake_us_ = now_us_ + kMillisecond / 4;
      return false;
    }
    odd_counts_ = 0;
    // After a burst that failed this is no surprise and has been counted.
    if (phase_ != Phase::align || suspected_) ++counters_.misaligned;
    suspect(Phase::empty);
    return false;
  }
  odd_counts_ = 0;
  samples = count / kSampleBytes;
  if (samples > seen_) grown_us_ = now_us_;
  full_us_ = now_us_ +
             static_cast<std::int64_t>(static_cast<double>(kSamplesInFifo - samples) * 0.94 *
                                       clock_.nominal_us()) -
             3 * kMillisecond;
  const bool shrunk = samples < seen_;
  seen_ = samples;
  if (shrunk) {
    // Samples do not vanish from a chip that is well.
    suspect(phase_ == Phase::start ? Phase::empty : Phase::align);
    return false;
  }
  const auto patience = static_cast<std::int64_t>(20 * clock_.nominal_us()) + 200 * kMillisecond;
  if (now_us_ - grown_us_ > patience) {
    silent();
    return false;
  }
  return true;
}

/// When to count next, so that `sample` has been made. With pulses: half-way to the one after, where
/// no count can be in doubt. Without: anywhere within the period, evenly, because each count tells
/// only on which side of it a sample was made.
std::int64_t Driver::count_time(std::int64_t sample) {
  double within = 0.5;
  if (!pulses_good()) {
    dither_ += kGolden;
    within = static_cast<double>(dither_) / 4294967296.0;
  }
  const double earliest = clock_.position(static_cast<double>(now_us_) + 200.0);
  double where = static_cast<double>(sample) + within;
  if (where < earliest)
    where += static_cast<double>(static_cast<std::int64_t>(earliest - where)) + 1;
  return static_cast<std::int64_t>(clock_.time_us(where) - SampleClock::kLatchDelay_us);
}

void Driver::count_start() {
  std::size_t samples = 0;
  // Steps of this length visit all parts of the period evenly.
  wake_us_ = now_us_ + static_cast<std::int64_t>(0.618 * clock_.nominal_us());
  if (!count_fifo(samples)) return;
  if (samples == 0) return;
  const std::int64_t made = front_ + static_cast<std::int64_t>(samples);
  const bool pulse = quiet_ && counted_pulses_ != pulses_used_ &&
                     static_cast<double>(now_us_ - counted_pulse_us_) < 0.9 * clock_.nominal_us();
  if (pulse) {
    pulses_used_ = counted_pulses_;
    good_pulse_us_ = counted_pulse_us_;
    any_good_pulse_ = true;
    clock_.observe_pulse(made - 1, counted_pulse_us_);
  } else if (!pulses_good()) {
    clock_.observe_count(made, now_us_);
  }
  if (!delivered_any_ && !clock_.precise() && now_us_ - start_us_ < kLongestStart) {
    // Nobody waits for the first samples as much as for a rate by which losses can be counted: what
    // comes meanwhile is thrown away, and number 0 is what follows.
    if (samples * 4 < kSamplesInFifo * 3 || !burst(kMaxBlockSamples)) return;
    front_ += static_cast<std::int64_t>(kMaxBlockSamples);
    return;
  }
  // Three quarters full is as long as it can wait.
  if (!clock_.settled() && samples * 4 < kSamplesInFifo * 3) return;
  new_clock_ = false;
  phase_ = Phase::run;
  cause_ = Cause::none;
  look_us_ = now_us_ + kLookInterval;
}

void Driver::count_align() {
  std::size_t samples = 0;
  if (after_burst_ && now_us_ > full_us_) {
    // It may have overflowed before the burst that failed took some bytes away: the count would not
    // tell.
    ++counters_.overflows;
    return suspect(Phase::empty);
  }
  if (!count_fifo(samples)) return;
  after_burst_ = false;
  if (suspected_ && samples == 0) {
    // Either the next sample is about to come, or none will: patience decides.
    offset_count_ = 0;
    offsets_ = 0;
    wake_us_ = now_us_ + static_cast<std::int64_t>(0.5 * clock_.nominal_us());
    return;
  }
  const double position = clock_.expected(now_us_);
  offsets_ += position - static_cast<double>(samples) - static_cast<double>(front_);
  ++offset_count_;
  const double mean = offsets_ / offset_count_;
  const auto whole = static_cast<std::int64_t>(mean < 0 ? mean - 0.5 : mean + 0.5);
  const double rest = mean - static_cast<double>(whole);
  const bool clear = rest < 0.35 && rest > -0.35;
  if (offset_count_ < kAlignCounts || (!clear && offset_count_ < kMostAlignCounts)) {
    // Half-way between two samples a count is most certain.
    const auto made = static_cast<std::int64_t>(position + 0.5);
    const double middle = clock_.time_us(static_cast<double>(made) + 0.5);
    wake_us_ = static_cast<std::int64_t>(middle - SampleClock::kLatchDelay_us);
    return;
  }
  wake_us_ = now_us_;
  offset_count_ = 0;
  offsets_ = 0;
  if (!fresh_ && (whole < 0 || (suspected_ && whole != 0))) {
    // Whole samples have vanished from the middle, or come from nowhere: trust none of them.
    ++counters_.misaligned;
    // Once, and it was the FIFO. Again at once, and it rather is the clock.
    const bool again = disagreed_us_ != 0 && now_us_ - disagreed_us_ < 10 * kSecond;
    disagreed_us_ = now_us_;
    if (again) clock_.loosen(0.01);
    return suspect(Phase::empty);
  }
  if (suspected_) clock_.loosen(0.0003);  // the samples are right, the clock is a little off
  suspected_ = false;
  fresh_ = false;
  front_ += std::max<std::int64_t>(whole, 0);
  // The clock has to be right to half a sample to say how many are missing.
  if (clock_.position_error(static_cast<double>(now_us_)) > 0.15) approximate_ = true;
  phase_ = Phase::run;
  cause_ = Cause::none;
}

void Driver::run() {
  std::size_t samples = 0;
  wake_us_ = now_us_ + kMillisecond;
  if (!count_fifo(samples)) return;
  cause_ = Cause::none;
  const std::int64_t made = front_ + static_cast<std::int64_t>(samples);
  const double off = clock_.expected(now_us_) - static_cast<double>(made);
  const double doubt =
      0.8 + std::min(3 * clock_.position_error(static_cast<double>(now_us_)), 0.15);
  if (off > doubt || off < -doubt) {
    if (clock_.settled()) return suspect(Phase::align);
  }
  if (!pulses_good()) clock_.observe_count(made, now_us_);
  if (off > -0.3 && off < 0.3) note_missed(made);

  std::uint8_t status = 0;
  if (read(Register::interrupt_status, std::span(&status, 1)) != BusStatus::ok) return fault();
  if ((status & interrupt::kFifoOverflow) != 0) {
    ++counters_.overflows;
    return suspect(Phase::empty);
  }

  const std::size_t take =
      samples >= kMaxBlockSamples || self_test_wanted_ ? std::min(samples, kMaxBlockSamples) : 0;
  if (take > 0) {
    if (!burst(take)) return;
    if (samples * 2 > kSamplesInFifo && !still_whole()) {
      if (last_status_ != BusStatus::ok) {
        front_ += static_cast<std::int64_t>(take);
        lose_count();
        return fault();
      }
      ++counters_.overflows;
      return suspect(Phase::empty);
    }
    // The chip may have lost its power while it was read; then these bytes are nothing. They are
    // delivered when it is known to be awake, if need be after the bus has recovered.
    pending_ = take;
    switch (check_group(0)) {
      case Check::bus: return fault();
      case Check::differs: ++counters_.configuration_lost; return restart(Cause::configuration);
      case Check::same: break;
    }
    deliver();
  }
  const std::size_t left = samples - take;
  if (self_test_wanted_ && left == 0) {
    self_test_wanted_ = false;
    self_test_ = {};
    self_test_.status = SelfTestStatus::running;
    test_ = Test::off_begin;
    cause_ = Cause::self_test;
    intact_ = false;  // until the table has been written again
    return enter(State::self_test, now_us_);
  }
  if (left >= kMaxBlockSamples || self_test_wanted_) {
    wake_us_ = now_us_;
    return;
  }
  wake_us_ = count_time(front_ + static_cast<std::int64_t>(kMaxBlockSamples) - 1);
  if (now_us_ >= look_us_) look_after();
  // Blocks of a slow rate take longer than a look may wait.
  const double block_us = static_cast<double>(kMaxBlockSamples) * clock_.nominal_us();
  if (state_ == State::streaming && block_us > 2.0 * kLookInterval) {
    wake_us_ = std::min(wake_us_, std::max(look_us_, now_us_ + kMillisecond));
  }
}

bool Driver::burst(std::size_t samples) {
  if (read(Register::fifo_data, std::span(bytes_).first(samples * kSampleBytes)) == BusStatus::ok) {
    seen_ -= samples;
    return true;
  }
  // Nobody knows how much of it left the FIFO. If what is left is whole samples, time tells how
  // many are gone; if not, it is emptied.
  lose_count();
  fault();
  return false;
}

/// Whether the FIFO has not overflowed between counting and reading: on a slow bus it may have, if it
/// was half full. The status says so; and since 1024 bytes are no whole samples, so does the count.
bool Driver::still_whole() {
  std::uint8_t status = 0;
  if (read(Register::interrupt_status, std::span(&status, 1)) != BusStatus::ok) return false;
  if ((status & interrupt::kFifoOverflow) != 0) return false;
  for (int look = 0; look < 2; ++look) {
    std::array<std::uint8_t, 2> bytes{};
    if (read(Register::fifo_count_high, bytes) != BusStatus::ok) return false;
    if (unsigned_word(bytes[0], bytes[1]) % kSampleBytes == 0) return true;
  }
  return false;
}

void Driver::lose_count() {
  seen_ = 0;
  // Without a clock there is nothing to align by.
  suspect(new_clock_ ? Phase::empty : Phase::align);
  suspected_ = false;
  after_burst_ = true;
}

void Driver::deliver() {
  const std::size_t samples = pending_;
  pending_ = 0;
  const double nominal_us = clock_.nominal_us();
  block_.lost_before = 0;
  block_.restarted = approximate_;
  if (!delivered_any_) {
    // What was lost before there was anything counts for nothing: the first sample is number 0.
    clock_.renumber(-front_);
    reference_ = false;
    front_ = 0;
    next_ = 0;
  }
  double t_us = clock_.time_us(static_cast<double>(front_));
  if (!delivered_any_) {
    delivered_any_ = true;
  } else {
    const auto last_us = static_cast<double>(last_us_);
    if (front_ > next_) {
      block_.lost_before = static_cast<std::uint32_t>(
          std::min<std::int64_t>(front_ - next_, static_cast<std::int64_t>(UINT32_MAX)));
      t_us = std::max(t_us, last_us + 2 * nominal_us);
      ++counters_.gaps;
      counters_.lost += static_cast<std::uint64_t>(front_ - next_);
    } else {
      // The estimate moves, the stream does not jump: it slides.
      t_us = std::clamp(t_us, last_us + (1 - kMostStep) * nominal_us,
                        last_us + (1 + kMostStep) * nominal_us);
    }
  }
  approximate_ = false;
  block_.index = static_cast<std::uint64_t>(front_);
  block_.t_us = static_cast<std::int64_t>(t_us + 0.5);
  const double period_us =
      std::clamp(clock_.period_us(), (1 - kMostStep) * nominal_us, (1 + kMostStep) * nominal_us);
  block_.period_ns = static_cast<std::uint32_t>(period_us * 1000 + 0.5);
  block_.count = static_cast<std::uint8_t>(samples);
  block_.ranges = config_.ranges;
  for (std::size_t i = 0; i < samples; ++i) {
    const RawSample sample =
        decode_sample(std::span(bytes_).subspan(i * kSampleBytes).first<kSampleBytes>());
    block_.samples[i] = sample;
    for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
      if (clipped(sample[axis])) ++counters_.clipped[axis];
    }
  }
  counters_.delivered += samples;
  front_ += static_cast<std::int64_t>(samples);
  next_ = front_;
  last_us_ = block_.time_us(samples - 1);
  ready_ = true;
}

/// Temperature and a look at the registers, in turns. Those that a brown-out changes first are looked at
/// after each burst; here it is for chips that make no samples, and for slow rates.
void Driver::look_after() {
  look_us_ = now_us_ + kLookInterval;
  look_ = static_cast<std::uint8_t>((look_ + 1) % 8);
  if (look_ == 7) {
    std::array<std::uint8_t, 2> bytes{};
    if (read(Register::temperature_high, bytes) != BusStatus::ok) return fault();
    celsius_ = mpu6050::celsius(signed_word(bytes[0], bytes[1]));
    celsius_known_ = true;
    return;
  }
  const std::size_t group = look_ % kGroups.size();
  switch (check_group(group)) {
    case Check::bus: return fault();
    case Check::differs: ++counters_.configuration_lost; return restart(Cause::configuration);
    case Check::same: return;
  }
}

// --- Interrupts ---------------------------------------------------------------------------------

bool Driver::pulses_good() const {
  const auto patience = kSecond + static_cast<std::int64_t>(3 * clock_.nominal_us());
  return any_good_pulse_ && now_us_ - good_pulse_us_ < patience;
}

/// Keeps the clock on the pulses even while the bus is out of order: then they are all that counts.
void Driver::note_pulses() {
  const DataReadyState seen = data_ready_.state();
  if (seen.count == pulses_) return;
  pulses_ = seen.count;
  if (state_ == State::self_test) time_pulse(seen);
  if (new_clock_ || !clock_.places(now_us_)) return;
  if (clock_.observe_pulse(seen.last_us)) {
    good_pulse_us_ = seen.last_us;
    any_good_pulse_ = true;
  }
}

/// Samples made and pulses counted from one moment to another must be the same.
void Driver::note_missed(std::int64_t made) {
  if (!any_good_pulse_ || !quiet_) return;
  if (reference_) {
    const auto pulses = static_cast<std::int64_t>(counted_pulses_ - reference_pulses_);
    const std::int64_t missed = made - reference_made_ - pulses;
    if (missed > 0) counters_.missed_interrupts += static_cast<std::uint32_t>(missed);
  }
  reference_ = true;
  reference_made_ = made;
  reference_pulses_ = counted_pulses_;
}

// --- Self-test ----------------------------------------------------------------------------------

/// RM 4.1, p. 9 to 11: response = output with the actuators on - output with them off, at +-8 g and
/// +-250 deg/s, compared with the factory's.
void Driver::self_test_step() {
  const auto give_up = [this] {
    self_test_.status = SelfTestStatus::failed;
    finish_self_test();
  };
  const auto again = [this, &give_up] {
    if (!free_bus() || ++failures_ >= kMostFailures) return give_up();
    wake_us_ = now_us_ + (kMillisecond << failures_);
  };
  constexpr auto kRange = static_cast<std::uint8_t>(static_cast<unsigned>(AccelerometerRange::g8)
                                                    << accel_config::kRangeShift);
  const auto settle = 60 * kMillisecond + static_cast<std::int64_t>(10 * clock_.nominal_us());
  switch (test_) {
    case Test::off_begin:
    case Test::on_begin: {
      const bool on = test_ == Test::on_begin;
      // The FIFO rests: it would fill with counts of other ranges.
      if (write(Register::user_control, 0) != BusStatus::ok ||
          write(Register::gyro_config, on ? gyro_config::kSelfTest : 0) != BusStatus::ok ||
          write(Register::accel_config, on ? accel_config::kSelfTest | kRange : kRange) !=
              BusStatus::ok) {
        return again();
      }
      if (!on) {
        test_began_us_ = now_us_;
        test_pulses_ = data_ready_.state().count;
        pulse_seen_ = false;
        interval_us_ = deviations_ = largest_us_ = 0;
        intervals_ = 0;
      } else if (pulse_seen_ && last_pulse_.count != first_pulse_.count) {
        interval_us_ = static_cast<double>(last_pulse_.last_us - first_pulse_.last_us) /
                       (last_pulse_.count - first_pulse_.count);
      }
      test_samples_ = 0;
      sum_.fill(0);
      squares_.fill(0);
      test_ = on ? Test::on : Test::off;
      wake_us_ = now_us_ + settle;
      break;
    }
    case Test::off:
    case Test::on: {
      std::array<std::uint8_t, 14> bytes{};
      if (read(Register::accel_x_high, bytes) != BusStatus::ok) return again();
      celsius_ = mpu6050::celsius(signed_word(bytes[6], bytes[7]));
      celsius_known_ = true;
      for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
        const std::size_t at = axis < 3 ? 2 * axis : 2 * axis + 2;
        const std::int32_t value = signed_word(bytes[at], bytes[at + 1]);
        sum_[axis] += value;
        squares_[axis] += static_cast<std::int64_t>(value) * value;
      }
      wake_us_ = now_us_ +
                 std::max(5 * kMillisecond, static_cast<std::int64_t>(1.06 * clock_.nominal_us()));
      if (++test_samples_ < kTestSamples) break;
      for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
        SelfTestAxis& result = self_test_.axes[axis];
        const float mean = static_cast<float>(sum_[axis]) / kTestSamples;
        if (test_ == Test::on) {
          result.response = mean - mean_off_[axis];
          continue;
        }
        mean_off_[axis] = mean;
        const std::int64_t spread =
            squares_[axis] * kTestSamples - static_cast<std::int64_t>(sum_[axis]) * sum_[axis];
        const float variance = static_cast<float>(spread) / (kTestSamples * (kTestSamples - 1.0F));
        const float unit = axis < 3 ? counts_per_g(AccelerometerRange::g8)
                                    : counts_per_dps(GyroscopeRange::dps250);
        result.noise = square_root(variance) / unit;
      }
      test_ = test_ == Test::off ? Test::on_begin : Test::trim;
      wake_us_ = now_us_;
      break;
    }
    case Test::trim: {
      std::array<std::uint8_t, 4> registers{};
      if (read(Register::self_test_x, registers) != BusStatus::ok) return again();
      const auto codes = self_test_codes(registers);
      for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
        SelfTestAxis& result = self_test_.axes[axis];
        result.trim = factory_trim(axis, codes[axis]);
        if (codes[axis] == 0) continue;
        result.change = (result.response - result.trim) / result.trim;
        result.passed = absolute(result.change) <= kSelfTestLimit;
      }
      const auto due = static_cast<double>(now_us_ - test_began_us_) / clock_.period_us();
      const std::uint32_t came = data_ready_.state().count - test_pulses_;
      self_test_.interrupts = static_cast<double>(came) >= 0.9 * due;
      judge_pulses();
      self_test_.wires = bus_.measure(address_, number(Register::accel_x_high));
      self_test_.most_rate_hz =
          static_cast<float>(self_test_.wires.measured_hz) / kBitsPerSample / 2;
      self_test_.who_am_i = who_am_i_;
      self_test_.celsius = celsius_;
      self_test_.status = SelfTestStatus::done;
      return finish_self_test();
    }
  }
  failures_ = 0;
}

/// In the second half of the test: how far intervals stray from the mean of the first. One that a step
/// slept through is measured with its neighbours: the latency of two pulses is in it as well.
void Driver::time_pulse(const DataReadyState& seen) {
  if (!pulse_seen_) {
    pulse_seen_ = true;
    first_pulse_ = last_pulse_ = seen;
    return;
  }
  if (interval_us_ > 0) {
    const double off_us = static_cast<double>(seen.last_us - last_pulse_.last_us) -
                          interval_us_ * (seen.count - last_pulse_.count);
    deviations_ += off_us * off_us;
    largest_us_ = std::max(largest_us_, off_us < 0 ? -off_us : off_us);
    ++intervals_;
  }
  last_pulse_ = seen;
}

void Driver::judge_pulses() {
  if (intervals_ == 0) return;
  const auto span_us = static_cast<double>(last_pulse_.last_us - first_pulse_.last_us);
  const double mean_us = span_us / (last_pulse_.count - first_pulse_.count);
  Pulses& pulses = self_test_.pulses;
  pulses.rate_hz = static_cast<float>(1e6 / mean_us);
  pulses.rate_error = static_cast<float>(clock_.nominal_us() / mean_us - 1);
  pulses.jitter_us = square_root(static_cast<float>(deviations_ / intervals_));
  pulses.most_jitter_us = static_cast<float>(largest_us_);
}

/// Back to the table of registers; the chip is not reset, so its samples stay countable.
void Driver::finish_self_test() {
  phase_ = Phase::empty;
  after_reset_ = false;
  entry_ = 0;
  failures_ = 0;
  attempts_ = 0;
  enter(State::configuring, now_us_);
}

}  // namespace fettle::mpu6050
