// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/sensor/raw_sample.hpp"
#include "core/sensor/sample_block.hpp"
#include "drivers/mpu6050/registers.hpp"
#include "drivers/mpu6050/sample_clock.hpp"
#include "drivers/ports.hpp"

namespace fettle::mpu6050 {

/// What the driver is doing. The numbers are those of protocol::SensorState.
enum class State : std::uint8_t {
  probing = 0,      ///< looks for a chip at the address or addresses
  resetting = 1,    ///< waits for DEVICE_RESET to end
  configuring = 2,  ///< writes the table of registers
  verifying = 3,    ///< reads the table back
  streaming = 4,    ///< samples flow
  recovering = 5,   ///< bus fault: waits, tries again, looks whether the chip still is configured
  self_test = 6,
};

/// Why there are no samples now, or `none`.
enum class Cause : std::uint8_t {
  none,
  starting,       ///< not yet: reset, configuration, or the first samples are being counted
  absent,         ///< nobody answers at the address
  other_chip,     ///< somebody answers, but it is another chip: see who_am_i()
  bus_stuck,      ///< a line stays low, nine clocks did not help
  bus_timeout,    ///< transfers do not end
  bus_nack,       ///< the chip was there and now refuses
  reset_failed,   ///< DEVICE_RESET does not clear
  configuration,  ///< registers do not keep what was written to them
  no_samples,     ///< configured, but the FIFO does not fill
  self_test,      ///< as asked for
};

[[nodiscard]] constexpr const char* describe(Cause cause) {
  switch (cause) {
    case Cause::none: return "ok";
    case Cause::starting: return "the sensor is starting";
    case Cause::absent: return "no sensor answers on the bus";
    case Cause::other_chip: return "another chip answers at the sensor's address";
    case Cause::bus_stuck: return "the bus is stuck";
    case Cause::bus_timeout: return "transfers on the bus do not end";
    case Cause::bus_nack: return "the sensor has stopped answering";
    case Cause::reset_failed: return "the sensor does not come out of reset";
    case Cause::configuration: return "the sensor does not keep its configuration";
    case Cause::no_samples: return "the sensor makes no samples";
    case Cause::self_test: return "the sensor tests itself";
  }
  return "unknown";
}

/// What is wanted of the chip.
struct Config {
  std::uint8_t address = 0;     ///< 7-bit: kAddressLow or kAddressHigh; 0 tries both
  std::uint16_t rate_hz = 200;  ///< 4 to 1000; 1000 / rate_hz is rounded to a whole divider
  Ranges ranges{};
};

/// One for each cause, since construction. All wrap.
struct Counters {
  std::uint32_t nacks = 0;
  std::uint32_t timeouts = 0;
  std::uint32_t stuck = 0;
  std::uint32_t overflows = 0;           ///< the FIFO was full before it was read
  std::uint32_t misaligned = 0;          ///< FIFO contents or counts that could not be samples
  std::uint32_t configuration_lost = 0;  ///< registers were no longer what had been written
  std::uint32_t missed_interrupts = 0;   ///< samples without a pulse, once pulses have been seen
  std::uint32_t restarts = 0;            ///< the chip was reset and configured again
  std::uint32_t gaps = 0;                ///< blocks delivered with lost_before > 0
  std::uint64_t lost = 0;                ///< sum of lost_before
  std::uint64_t delivered = 0;           ///< samples
  std::array<std::uint32_t, kMaxAxes> clipped{};  ///< delivered samples at the end of the range
};

/// The chip's real rate by the board's clock.
struct RateEstimate {
  float rate_hz = 0;  ///< 0: not known yet
  float error = 1;    ///< how far off that may be, as a part of it
};

/// One axis of a self-test. Counts are those of the ranges the test demands: 4096 a g (+-8 g), 131 a
/// deg/s (+-250 deg/s).
struct SelfTestAxis {
  float response = 0;  ///< mean with the actuator on minus mean with it off, counts
  float trim = 0;      ///< response at the factory, counts; 0: the chip does not say
  float change = 0;  ///< (response - trim) / trim; passes within +-0.14 (PS 6.1 and 6.2, p. 12, 13)
  float noise = 0;   ///< standard deviation with the actuator off, g or deg/s
  bool passed = false;

  /// The chip has no factory value, as some clones: nothing to compare with.
  [[nodiscard]] bool untrimmed() const { return trim == 0; }
};

enum class SelfTestStatus : std::uint8_t { never, running, done, failed };

/// The data-ready interrupt over a self-test, by the times that its handler noted.
struct Pulses {
  /// An interval is off by the latency of two pulses. The sample clock counts on SampleClock::kPulseSigma_us
  /// for each, times the square root of two; what is worse makes time stamps worse than they say.
  static constexpr float kMostJitter_us = 85;
  /// Of the data sheet's rate: its 5 % (SampleClock::kWorstRate), and what a second may measure wrong.
  static constexpr float kMostRateError = 0.055F;

  float rate_hz = 0;         ///< over the whole test; 0: there were none
  float rate_error = 0;      ///< off the nominal rate, as a part of it
  float jitter_us = 0;       ///< RMS of interval - mean over the second half, mean of the first
  float most_jitter_us = 0;  ///< the largest of them, without its sign

  [[nodiscard]] bool right_rate() const {
    return rate_hz > 0 && rate_error <= kMostRateError && rate_error >= -kMostRateError;
  }
  [[nodiscard]] bool steady() const { return jitter_us <= kMostJitter_us; }
};

struct SelfTestResult {
  SelfTestStatus status = SelfTestStatus::never;  ///< failed: the bus or the chip interrupted it
  std::array<SelfTestAxis, kMaxAxes> axes{};
  std::uint8_t who_am_i = 0;
  float celsius = 0;
  bool interrupts = false;  ///< at least nine tenths of the pulses that were due arrived
  Pulses pulses;
  BusWires wires;
  float most_rate_hz = 0;  ///< that the bus can carry with as much again to spare; 0: not measured

  [[nodiscard]] bool passed() const {
    bool all = status == SelfTestStatus::done;
    for (const SelfTestAxis& axis : axes) all = all && (axis.passed || axis.untrimmed());
    return all;
  }
};

/// Streams all six axes of an MPU6050 through its FIFO, in blocks without gaps inside, and survives
/// what happens to sensors on long wires. A stepped state machine: it owns no thread and no clock,
/// never waits, and does one bounded unit of work a step. It never gives up: whatever is wrong has a
/// cause() and is tried again for ever.
///
///     Driver driver(bus, data_ready, {.rate_hz = 200});
///     for (;;) {
///       driver.step(now_us());
///       if (const SampleBlock* block = driver.take()) use(*block);
///       sleep_until(driver.next_wake_us());
///     }
class Driver {
 public:
  Driver(RegisterBus& bus, const DataReady& data_ready, const Config& config);

  /// One unit of work: at most ten transfers, usually four, of which one has up to 192 bytes; 6 ms at
  /// 400 kHz. Steps before next_wake_us() are harmless and touch the bus not at all.
  /// @param now_us  uptime when the step begins; never less than at the step before
  void step(std::int64_t now_us);

  /// When step() next has something to do, microseconds of uptime. Later is fine as well, as long as
  /// the FIFO does not overflow: 85 samples.
  [[nodiscard]] std::int64_t next_wake_us() const { return wake_us_; }

  /// The block that the last step finished, once; nullptr if there is none. Valid until the next
  /// step.
  [[nodiscard]] const SampleBlock* take();

  /// Asks for a self-test: about a second without samples, then they go on after a gap. Begins as
  /// soon as samples flow. The sensor need not rest, but a strong vibration spoils the result.
  void request_self_test() {
    self_test_wanted_ = true;
    self_test_ = {};
    self_test_.status = SelfTestStatus::running;
  }
  [[nodiscard]] const SelfTestResult& self_test() const { return self_test_; }

  /// Other ranges, rate or address: resets the chip and goes on with a gap.
  void reconfigure(const Config& config);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Cause cause() const { return cause_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] const Config& config() const { return config_; }

  [[nodiscard]] std::uint8_t who_am_i() const { return who_am_i_; }  ///< 0: nobody answered yet
  [[nodiscard]] std::uint8_t address() const { return address_; }    ///< where it was found last
  /// The chip is not an MPU6050 by its id, but behaves like one.
  [[nodiscard]] bool clone() const { return who_am_i_ != 0 && who_am_i_ != kGenuineId; }

  [[nodiscard]] float nominal_rate_hz() const;
  [[nodiscard]] RateEstimate rate() const;
  [[nodiscard]] bool celsius_known() const { return celsius_known_; }
  [[nodiscard]] float celsius() const { return celsius_; }  ///< of the chip, read once a second

 private:
  /// What a streaming driver is at.
  enum class Phase : std::uint8_t {
    empty,  ///< the FIFO has to be emptied before its contents mean anything
    start,  ///< counts without reading, to learn phase and rate
    align,  ///< counts without reading, to learn which sample is the first in the FIFO
    run,
  };
  enum class Test : std::uint8_t { off_begin, off, on_begin, on, trim };

  // States, one step each.
  void probe();
  void reset();
  void configure();
  void verify();
  void stream();
  void recover();
  void self_test_step();

  // Parts of streaming.
  void empty_fifo();
  void count_start();
  void count_align();
  void run();
  [[nodiscard]] bool still_whole();
  void lose_count();
  void look_after();
  void silent();
  [[nodiscard]] bool count_fifo(std::size_t& samples);
  [[nodiscard]] bool burst(std::size_t samples);
  void deliver();
  void note_pulses();
  void note_missed(std::int64_t made);
  [[nodiscard]] bool pulses_good() const;
  [[nodiscard]] std::int64_t count_time(std::int64_t sample);

  // Transfers: each failure is counted and remembered.
  [[nodiscard]] BusStatus read(Register first, std::span<std::uint8_t> bytes);
  [[nodiscard]] BusStatus write(Register where, std::uint8_t value);
  void count_failure();
  [[nodiscard]] Cause cause_of_failure() const;
  [[nodiscard]] bool free_bus();
  enum class Check : std::uint8_t { same, differs, bus };
  [[nodiscard]] Check check_group(std::size_t group);
  [[nodiscard]] bool behaves();

  void fault();
  void suspect(Phase after);
  void restart(Cause cause);
  void retry();
  void starting();
  void probe_again(Cause cause);
  void time_pulse(const DataReadyState& seen);
  void judge_pulses();
  void finish_self_test();
  void enter(State state, std::int64_t wake_us);
  [[nodiscard]] std::uint8_t wanted(Register where) const;

  RegisterBus& bus_;
  const DataReady& data_ready_;
  Config config_;
  SampleClock clock_;
  Counters counters_;
  SelfTestResult self_test_;

  std::int64_t now_us_ = 0;
  std::int64_t wake_us_ = 0;
  std::int64_t alone_until_us_ = 0;  // the chip may be in its reset: no transfers before
  State state_ = State::probing;
  Cause cause_ = Cause::starting;
  Phase phase_ = Phase::empty;
  BusStatus last_status_ = BusStatus::ok;
  std::uint8_t address_ = 0;
  std::uint8_t who_am_i_ = 0;
  bool intact_ = false;       ///< the chip was configured and, as far as known, still is
  bool after_reset_ = false;  ///< configuring a chip whose sample clock is new
  bool configured_once_ = false;
  bool awake_ = false;           ///< woken up after the reset, waiting for the gyroscopes
  bool new_clock_ = true;        ///< the sample clock has a new phase since the last block
  bool approximate_ = true;      ///< the next block's lost_before may be off by one
  std::uint8_t failures_ = 0;    ///< in a row
  std::uint8_t attempts_ = 0;    ///< of the state at hand
  std::uint8_t odd_counts_ = 0;  ///< FIFO counts in a row that are no whole samples
  std::size_t entry_ = 0;        ///< of the table being written

  // The stream. Samples are numbered as in SampleBlock::index.
  std::int64_t front_ = 0;    ///< the first sample in the FIFO
  std::int64_t next_ = 0;     ///< the sample after the last one delivered
  std::int64_t last_us_ = 0;  ///< time stamp of the last one delivered
  bool delivered_any_ = false;
  std::int64_t grown_us_ = 0;  ///< when samples were last seen to be made
  std::uint32_t dither_ = 0;   ///< where in the period the next count is taken, in 2^-32
  double offsets_ = 0;         ///< sum of what the counts of Phase::align say
  std::uint8_t offset_count_ = 0;
  bool outage_ = false;        ///< the bus has failed since samples were last counted
  std::size_t pending_ = 0;    ///< samples read and not yet delivered
  bool after_burst_ = false;   ///< aligning because a burst failed
  std::int64_t full_us_ = 0;   ///< before this the FIFO cannot have overflowed
  std::int64_t start_us_ = 0;  ///< when Phase::start began
  bool fresh_ = false;         ///< aligning after the FIFO was emptied
  std::size_t seen_ = 0;       ///< samples known to be in the FIFO
  bool suspected_ = false;     ///< aligning because time and FIFO disagree

  std::int64_t disagreed_us_ = 0;  ///< when time and FIFO disagreed last; 0: never

  // Interrupts.
  std::uint32_t pulses_ = 0;        ///< counted when last looked
  std::int64_t good_pulse_us_ = 0;  ///< last one that fitted
  bool any_good_pulse_ = false;
  bool reference_ = false;  ///< the two below are from the same moment
  std::uint32_t reference_pulses_ = 0;
  std::int64_t reference_made_ = 0;
  std::uint32_t pulses_used_ = 0;     ///< the clock has learnt from this one
  std::uint32_t counted_pulses_ = 0;  ///< at the last FIFO count, if no pulse came meanwhile
  bool quiet_ = false;
  std::int64_t counted_pulse_us_ = 0;

  // Looking after.
  std::int64_t look_us_ = 0;
  std::uint8_t look_ = 0;
  float celsius_ = 0;
  bool celsius_known_ = false;

  // Self-test.
  bool self_test_wanted_ = false;
  Test test_ = Test::off_begin;
  std::uint16_t test_samples_ = 0;
  std::uint32_t test_pulses_ = 0;
  bool pulse_seen_ =
      false;  ///< since the test began; then the two below are the first and the last
  DataReadyState first_pulse_;
  DataReadyState last_pulse_;
  double interval_us_ = 0;  ///< mean of the first half; 0: not yet known
  double deviations_ = 0;   ///< sum of squares since, us^2
  double largest_us_ = 0;
  std::uint32_t intervals_ = 0;
  std::int64_t test_began_us_ = 0;
  std::array<std::int32_t, kMaxAxes> sum_{};
  std::array<std::int64_t, kMaxAxes> squares_{};
  std::array<float, kMaxAxes> mean_off_{};

  bool ready_ = false;
  SampleBlock block_;
  std::array<std::uint8_t, kMaxBlockSamples * kSampleBytes> bytes_{};
};

}  // namespace fettle::mpu6050
