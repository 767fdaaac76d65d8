// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/sensor/sample_block.hpp"
#include "drivers/mpu6050/driver.hpp"

namespace fettle::board {

/// What the board knows of its sensor at one moment.
struct SensorView {
  mpu6050::State state = mpu6050::State::probing;
  mpu6050::Cause cause = mpu6050::Cause::starting;
  std::uint8_t who_am_i = 0;  ///< 0: nobody answered yet
  bool clone = false;         ///< not an MPU6050 by its id, but it behaves like one
  float celsius = 0;
  mpu6050::Config config;
  mpu6050::RateEstimate rate;
  mpu6050::Counters counters;
  mpu6050::SelfTestResult self_test;
};

[[nodiscard]] inline SensorView view_of(const mpu6050::Driver& driver) {
  return {driver.state(),  driver.cause(), driver.who_am_i(), driver.clone(),    driver.celsius(),
          driver.config(), driver.rate(),  driver.counters(), driver.self_test()};
}

/// Where a board gets its samples from: its own driver, or one that another thread steps
/// (sample_queue.hpp).
class SampleSource {
 public:
  /// One unit of work, bounded; never waits.
  virtual void step(std::int64_t now_us) = 0;
  /// The block that has come, once; nullptr if there is none. Valid until the next step.
  [[nodiscard]] virtual const SampleBlock* take() = 0;
  /// When step() next has something to do.
  [[nodiscard]] virtual std::int64_t next_wake_us() const = 0;

  /// As of the driver: other ranges, rate or address, with a gap. Every block that take() gives
  /// afterwards is of the new configuration.
  virtual void reconfigure(const mpu6050::Config& config) = 0;
  virtual void request_self_test() = 0;

  [[nodiscard]] virtual mpu6050::State state() const = 0;
  [[nodiscard]] virtual mpu6050::Cause cause() const = 0;
  /// All that is known; a copy of some 300 bytes.
  [[nodiscard]] virtual SensorView view() const = 0;

 protected:
  ~SampleSource() = default;
};

/// The thread that judges also samples: what a board does that nobody gives a source to.
class DirectSampling final : public SampleSource {
 public:
  DirectSampling(RegisterBus& bus, const DataReady& data_ready, const mpu6050::Config& config)
      : driver_(bus, data_ready, config) {}

  void step(std::int64_t now_us) override { driver_.step(now_us); }
  [[nodiscard]] const SampleBlock* take() override { return driver_.take(); }
  [[nodiscard]] std::int64_t next_wake_us() const override { return driver_.next_wake_us(); }
  void reconfigure(const mpu6050::Config& config) override { driver_.reconfigure(config); }
  void request_self_test() override { driver_.request_self_test(); }
  [[nodiscard]] mpu6050::State state() const override { return driver_.state(); }
  [[nodiscard]] mpu6050::Cause cause() const override { return driver_.cause(); }
  [[nodiscard]] SensorView view() const override { return view_of(driver_); }

 private:
  mpu6050::Driver driver_;
};

}  // namespace fettle::board
