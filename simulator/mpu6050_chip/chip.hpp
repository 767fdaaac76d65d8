// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/sensor/raw_sample.hpp"
#include "simulator/mpu6050_chip/fault.hpp"
#include "simulator/mpu6050_chip/fifo.hpp"
#include "simulator/mpu6050_chip/low_pass.hpp"
#include "simulator/mpu6050_chip/motion.hpp"
#include "simulator/mpu6050_chip/registers.hpp"
#include "simulator/signal/random.hpp"

namespace fettle::simulator {

enum class BusAnswer : std::uint8_t {
  ok,
  nack,     ///< another address, no power, starting up, or a fault
  timeout,  ///< the clock line was held low until the host gave up
  stuck,    ///< the data line is held low: clock_nine() frees it
};

/// One individual chip. Axes in the order ax ay az gx gy gz, accelerometer in g, gyroscope in deg/s.
struct ChipConfig {
  std::uint8_t address = 0x68;   ///< 0x69 with AD0 high (PS p. 15)
  std::uint8_t who_am_i = 0x68;  ///< clones answer 0x70, 0x72 or 0x98
  /// The clock of the gyroscopes runs fast by this part: within 0.01 (PS p. 17), clones up to 0.05.
  double clock_error = 0;
  /// What the oscillator adds to it while CLKSEL is 0 or the PLL settles: within 0.05 (PS p. 17).
  double oscillator_error = 0;
  double noise = 1;                ///< times the data sheet's
  std::array<double, 6> offset{};  ///< at 25 C: 50 mg, z 80 mg, 20 deg/s (PS p. 12, 13)
  std::array<double, 6> gain = {1, 1, 1, 1, 1, 1};  ///< within 3 % (PS p. 12, 13)
  std::array<double, 6> offset_per_kelvin{};        ///< 35 to 60 mg over 70 K, 20 deg/s over 125 K
  std::array<std::uint8_t, 6> self_test_code = {16, 16, 16, 16, 16, 16};  ///< factory trim, 0 to 31
  /// How far the response has moved since; sound within 0.14 of it (PS p. 12, 13).
  std::array<double, 6> self_test_change{};
  std::int64_t start_up_us = 100'000;  ///< from power-on until the chip answers
  std::int64_t reset_us = 100'000;     ///< for which it has to be left alone after DEVICE_RESET
  std::uint64_t seed = 0;
  bool collect_violations = false;  ///< instead of abort()
};

/// An individual drawn from the seed within the data sheet's tolerances.
[[nodiscard]] ChipConfig typical_chip(std::uint64_t seed);

/// An MPU6050 as its bus and its interrupt pin show it, after the register map and the product
/// specification (registers.hpp names the editions). It is stricter than the real one: what a correct
/// driver never does is a violation, with which it aborts unless told to collect them.
///
/// Time is the caller's: what happens on the bus happens at the time of the last advance_to(). A
/// transfer takes none, so every burst is coherent, as the chip's read registers are (RM p. 29).
class Mpu6050Chip {
 public:
  /// Powered on at time 0. `motion` outlives the chip.
  Mpu6050Chip(const ChipConfig& config, MotionSource& motion);

  /// Runs until `t_us`, true time, which never goes back: makes samples, fills the FIFO, moves INT.
  void advance_to(std::int64_t t_us);

  /// A burst from `reg` on. The address goes up with each byte, but stays at FIFO_R_W.
  BusAnswer read(std::uint8_t address, std::uint8_t reg, std::span<std::uint8_t> bytes);
  BusAnswer write(std::uint8_t address, std::uint8_t reg, std::uint8_t value);
  /// Nine pulses of SCL and a stop: frees a stuck SDA (UM10204, I2C-bus specification, 3.1.16).
  BusAnswer clock_nine();

  struct Interrupt {
    std::uint32_t count = 0;   ///< times that the pin became active
    std::int64_t last_us = 0;  ///< when it last did
    bool level = false;        ///< the pin now, high or low
  };
  [[nodiscard]] Interrupt interrupt() const;

  /// Times that the data registers were updated, at the Sample Rate, since power-on.
  [[nodiscard]] std::uint64_t samples_made() const { return samples_made_; }
  /// What the data registers hold, whether anybody may read them or not.
  [[nodiscard]] RawSample latest() const;
  /// True rate of samples now, Hz; 0 while there are none.
  [[nodiscard]] double true_rate_hz() const;
  [[nodiscard]] std::size_t fifo_bytes() const { return fifo_.count(); }
  [[nodiscard]] std::uint64_t fifo_bytes_lost() const { return fifo_.lost(); }

  void inject(const ChipFault& fault);
  /// Times that faults of this kind have struck.
  [[nodiscard]] std::uint64_t struck(ChipFault::Kind kind) const {
    return struck_[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

 private:
  using Axes = std::array<double, 3>;
  /// In the order of the registers: ax ay az temperature gx gy gz.
  using Measurements = std::array<std::int16_t, 7>;

  struct Fault {
    ChipFault is;
    std::uint32_t strikes = 0;
    enum class Power : std::uint8_t { before, down, after } power = Power::before;
    Measurements held{};  // of a stuck axis
    bool holds = false;
  };

  void run_until(std::int64_t t_us);
  void tick();
  void make_sample();
  void write_packet();
  void raise_interrupt();
  void lower_interrupt();

  BusAnswer transfer(std::uint8_t address, std::uint8_t reg);
  std::uint8_t load(std::uint8_t reg);
  void store(Register reg, std::uint8_t value);
  void store_power(std::uint8_t value);
  void store_user_control(std::uint8_t value);
  void tear(std::uint8_t first, std::span<std::uint8_t> bytes);

  void reset_registers();
  void set_mode();
  void set_clock();
  void handle_events();
  bool strikes(Fault& fault, std::int64_t t_us);
  void violate(const std::string& what);

  [[nodiscard]] std::uint8_t at(Register reg) const {
    return registers_[static_cast<std::size_t>(reg)];
  }
  std::uint8_t& at(Register reg) { return registers_[static_cast<std::size_t>(reg)]; }
  [[nodiscard]] bool fifo_on() const { return (at(Register::user_ctrl) & bit::kFifoEnable) != 0; }

  ChipConfig config_;
  MotionSource& motion_;
  Random noise_, chance_;
  std::vector<Fault> faults_;
  std::array<std::uint64_t, 8> struck_{};
  std::vector<std::string> violations_;

  std::int64_t now_us_ = 0;
  std::int64_t last_tick_ps_ = 0, next_tick_ps_ = 0, step_ps_ = 0, interval_ps_ = 0;
  double interval_s_ = 0;
  std::int64_t next_event_us_ = INT64_MAX;

  bool powered_ = true;
  bool stuck_ = false;
  std::int64_t answers_from_us_ = 0;
  std::int64_t reset_until_us_ = INT64_MIN;
  std::int64_t locked_from_us_ = INT64_MAX;  // when the PLL has settled
  bool running_ = false;                     // samples are made
  bool fast_ = false;                        // the gyroscope's rate is 8 kHz

  std::array<std::uint8_t, kRegisters> registers_{};
  std::uint8_t status_ = 0;
  std::size_t latched_count_ = 0;
  bool count_is_latched_ = false;
  Fifo fifo_;

  // The signal path.
  FirstOrderBank<3> accel_filter_, gyro_filter_;
  Axes accel_before_{};
  std::array<Axes, 4> gyro_history_{};
  std::size_t newest_ = 0;
  Axes accel_test_{}, gyro_test_{};  // self test, as it acts now
  double accel_sigma_ = 0, gyro_sigma_ = 0;
  double start_up_dps_ = 0, start_up_keep_ = 0;
  double celsius_ = 25;
  std::uint32_t accel_phase_ = 0;  // of 8 ticks at 8 kHz
  std::uint32_t divider_ = 0, period_ = 1;

  Measurements data_{}, data_before_{};
  std::uint64_t samples_made_ = 0;
  Interrupt interrupt_;
  bool latched_ = false;
  std::int64_t pulse_until_us_ = 0;
};

}  // namespace fettle::simulator
