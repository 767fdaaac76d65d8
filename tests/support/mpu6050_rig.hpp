// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "core/sensor/sample_block.hpp"
#include "drivers/mpu6050/driver.hpp"
#include "drivers/ports.hpp"
#include "simulator/mpu6050_chip/chip.hpp"
#include "simulator/virtual_board/bus_status.hpp"

namespace fettle::test {

/// A motion that does not change unless the test changes it.
class StillMotion final : public simulator::MotionSource {
 public:
  simulator::Motion motion;
  simulator::Motion next(double) override { return motion; }
};

/// How the world around the driver behaves.
struct World {
  bool wire = true;                   ///< the interrupt pin is connected
  std::int64_t wake_jitter_us = 200;  ///< a step begins up to so much late
  std::int64_t bus_jitter_us = 0;     ///< a transfer begins up to so much later than its step
  std::int64_t pulse_jitter_us = 0;   ///< an interrupt is served up to so much late
  std::int64_t timeout_us = 10'000;   ///< what a transfer takes that does not end
  double fault_probability = 0;       ///< of each transfer, of a kind drawn each time
  std::uint32_t seed = 1;
};

/// A chip, its bus and interrupt line, and a driver, in simulated time. It knows every sample that the
/// chip has made and compares each delivered one with it: the counts of a real chip carry noise, so a
/// sample is as unmistakable as a fingerprint.
class Rig : public RegisterBus, public DataReady {
 public:
  enum class Fault : std::uint8_t { nack, nack_midway, timeout, timeout_midway, stuck };

  Rig(const simulator::ChipConfig& chip_config, const mpu6050::Config& config, const World& around)
      : world(around),
        chip(collecting(chip_config), motion),
        driver(*this, *this, config),
        random_(around.seed),
        nominal_us_(1e6 / static_cast<double>(driver.nominal_rate_hz())) {
    motion.motion.axis[2] = 1;
    advance(200'000);  // powered up before the board is
  }

  virtual ~Rig() = default;
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  // The ports.
  BusStatus read(std::uint8_t device, std::uint8_t reg, std::span<std::uint8_t> bytes) override {
    ++transfers;
    begin(bytes.size());
    if (const auto failed = failure(device, reg, bytes)) return *failed;
    const BusStatus status = simulator::status_of(chip.read(device, reg, bytes));
    if (status == BusStatus::ok && falsify) falsify(static_cast<mpu6050::Register>(reg), bytes);
    end(bytes.size(), status);
    return status;
  }
  BusStatus write(std::uint8_t device, std::uint8_t reg, std::uint8_t value) override {
    ++transfers;
    ++writes;
    begin(1);
    if (const auto failed = failure(device, reg, value)) return *failed;
    const BusStatus status = simulator::status_of(chip.write(device, reg, value));
    end(1, status);
    return status;
  }
  BusStatus recover() override {
    ++recoveries;
    advance(now_us + 100);
    if (stuck_until_us_ > now_us) return BusStatus::stuck;
    stuck_ = false;
    return simulator::status_of(chip.clock_nine());
  }
  DataReadyState state() const override {
    if (!world.wire) return {};
    const auto pin = chip.interrupt();
    // Whoever serves the line comes late, each time differently.
    const auto late =
        world.pulse_jitter_us == 0
            ? 0
            : static_cast<std::int64_t>(pin.count * 2654435761U >> 8) % world.pulse_jitter_us;
    return {pin.count, std::min(pin.last_us + late, now_us)};
  }

  /// Lets the driver work until a time.
  void run_until(std::int64_t until_us) {
    while (now_us < until_us) {
      const std::int64_t wake = std::max(driver.next_wake_us(), now_us + 1);
      const std::int64_t late = world.wake_jitter_us > 0 ? draw(world.wake_jitter_us) : 0;
      advance(std::min(wake + late, std::max(until_us, now_us + 1)));
      if (now_us < driver.next_wake_us()) {
        driver.step(now_us);  // too early: must be harmless
        continue;
      }
      driver.step(now_us);
      if (const SampleBlock* block = driver.take()) check(*block);
      if (on_step) on_step();
    }
  }
  void run_for(double seconds) { run_until(now_us + static_cast<std::int64_t>(seconds * 1e6)); }
  /// Nobody calls the driver.
  void sleep(double seconds) { advance(now_us + static_cast<std::int64_t>(seconds * 1e6)); }
  /// Runs until the FIFO holds so many bytes.
  std::size_t wait_for_bytes(std::size_t bytes) {
    for (int i = 0; i < 1000 && chip.fifo_bytes() < bytes; ++i) run_until(now_us + 1000);
    return chip.fifo_bytes();
  }
  /// Runs until samples flow, or `seconds` are over.
  bool run_to_samples(double seconds = 2) {
    const std::uint64_t before = delivered;
    const std::int64_t until = now_us + static_cast<std::int64_t>(seconds * 1e6);
    while (delivered == before && now_us < until) run_until(now_us + 1000);
    return delivered > before;
  }

  /// The next transfers that touch `reg` (-1: any) fail.
  void fail_next(Fault fault, int times = 1, int reg = -1) {
    planned_ = fault;
    planned_times_ = times;
    planned_register_ = reg;
  }
  /// The n-th transfer from the beginning fails, counted from 1.
  void fail_transfer(Fault fault, std::uint64_t number) {
    planned_ = fault;
    failing_transfer_ = number;
  }
  void hold_stuck_until(std::int64_t us) {
    stuck_ = true;
    stuck_until_us_ = us;
  }

  [[nodiscard]] double true_period_us() const { return 1e6 / chip.true_rate_hz(); }
  /// How far the line of the chip's samples and that of the driver's numbers have moved against each
  /// other since the first sample: 0 as long as every sample is accounted for.
  [[nodiscard]] std::int64_t account_error() const {
    return offset_ ? *offset_ - first_offset_ : 0;
  }
  /// Samples delivered that the chip has never made at that place.
  std::uint64_t strangers = 0;
  std::uint64_t delivered = 0;
  std::uint64_t lost = 0;
  std::uint64_t gaps = 0;
  std::uint64_t inexact_gaps = 0;
  double worst_restart = 0;  ///< samples by which such a gap was off
  std::int64_t gap_us = 0;   ///< from the sample before the last gap to the one after it
  double worst_step = 0;     ///< largest deviation of a step from nominal, as a part of it
  double worst_time_us = 0;  ///< largest error of a time stamp since watch_time()
  bool watch_time = false;
  std::optional<SampleBlock> last;
  std::function<void(const SampleBlock&)> on_block;
  std::function<void()> on_step;
  /// Changes what a read brings.
  std::function<void(mpu6050::Register, std::span<std::uint8_t>)> falsify;

  std::int64_t now_us = 0;
  std::uint64_t transfers = 0;
  std::uint64_t writes = 0;
  std::uint64_t faults = 0;
  std::uint64_t recoveries = 0;
  World world;
  StillMotion motion;
  simulator::Mpu6050Chip chip;
  mpu6050::Driver driver;

 private:
  static constexpr std::size_t kRemembered = 1 << 16;
  struct Made {
    RawSample sample{};
    std::int64_t t_us = 0;  ///< to a quarter of a millisecond
  };

  static simulator::ChipConfig collecting(simulator::ChipConfig config) {
    config.collect_violations = true;
    return config;
  }

  std::int64_t draw(std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(0, most)(random_);
  }

  /// In steps so small that no sample is overlooked.
  void advance(std::int64_t to_us) {
    while (now_us < to_us) {
      now_us = std::min(to_us, now_us + 250);
      chip.advance_to(now_us);
      const std::uint64_t made = chip.samples_made();
      if (made == made_) continue;
      made_ = made;
      made_samples_[made % kRemembered] = {chip.latest(), now_us};
    }
  }

  /// 400 kHz: 2.5 us a bit. What is read is fixed after the address, the register and the address
  /// again.
  void begin(std::size_t) {
    if (world.bus_jitter_us > 0) advance(now_us + draw(world.bus_jitter_us));
    advance(now_us + 90);
  }
  void end(std::size_t bytes, BusStatus status) {
    advance(now_us + static_cast<std::int64_t>((static_cast<double>(bytes) - 1) * 22.5));
    if (status == BusStatus::timeout) advance(now_us + world.timeout_us);
  }

  template <typename What>
  std::optional<BusStatus> failure(std::uint8_t device, std::uint8_t reg, What&& what) {
    if (stuck_) return BusStatus::stuck;
    std::optional<Fault> fault;
    if (transfers == failing_transfer_) {
      fault = planned_;
    } else if (planned_times_ > 0 && (planned_register_ < 0 || planned_register_ == reg)) {
      --planned_times_;
      fault = planned_;
    } else if (world.fault_probability > 0 &&
               std::uniform_real_distribution<>(0, 1)(random_) < world.fault_probability) {
      fault = static_cast<Fault>(draw(4));
    }
    if (!fault) return std::nullopt;
    ++faults;
    if (*fault == Fault::nack_midway || *fault == Fault::timeout_midway) {
      // A part of it happened: some bytes left the FIFO, or the register was written after all.
      if constexpr (std::is_same_v<std::decay_t<What>, std::uint8_t>) {
        if (draw(1) == 1) (void)chip.write(device, reg, what);
      } else {
        auto part = static_cast<std::size_t>(draw(static_cast<std::int64_t>(what.size())));
        // Half a measurement is nothing that the driver asked for.
        if (reg != static_cast<std::uint8_t>(mpu6050::Register::fifo_data)) part &= ~std::size_t{1};
        if (part > 0) (void)chip.read(device, reg, what.first(part));
      }
    }
    switch (*fault) {
      case Fault::nack:
      case Fault::nack_midway: return BusStatus::nack;
      case Fault::timeout:
      case Fault::timeout_midway: advance(now_us + world.timeout_us); return BusStatus::timeout;
      case Fault::stuck: stuck_ = true; return BusStatus::stuck;
    }
    return BusStatus::nack;
  }

  void check(const SampleBlock& block) {
    ASSERT_GE(block.count, 1);
    ASSERT_LE(block.count, kMaxBlockSamples);
    if (last) {
      const std::uint64_t after = last->index + last->count;
      EXPECT_EQ(block.index, after + block.lost_before);
      const auto step = static_cast<double>(block.t_us - last->time_us(last->count - 1U));
      if (block.lost_before == 0) {
        worst_step = std::max(worst_step, std::abs(step / nominal_us_ - 1));
      } else {
        EXPECT_GE(step, 2 * nominal_us_ - 1);
        gap_us = block.t_us - last->time_us(last->count - 1U);
        ++gaps;
        if (block.restarted) {
          ++inexact_gaps;
          // What the chip would have made in the time in which it made nothing.
          const double missing = step / true_period_us() - 1;
          worst_restart = std::max(worst_restart, std::abs(missing - block.lost_before));
        }
      }
    } else {
      EXPECT_EQ(block.index, 0U);
      EXPECT_EQ(block.lost_before, 0U);
      EXPECT_TRUE(block.restarted);
    }
    for (std::size_t i = 1; i < block.count; ++i) {
      const auto step = static_cast<double>(block.time_us(i) - block.time_us(i - 1));
      worst_step = std::max(worst_step, std::abs(step / nominal_us_ - 1));
    }
    lost += block.lost_before;
    // Where in the chip's life do these samples stand? They may move against our numbers only at a
    // gap.
    if (!offset_ || block.lost_before > 0) find(block);
    for (std::size_t i = 0; i < block.count; ++i) {
      const auto number = static_cast<std::int64_t>(block.index + i) + offset_.value_or(0);
      const Made& truth = made_samples_[static_cast<std::uint64_t>(number) % kRemembered];
      if (!offset_ || truth.sample != block.samples[i]) ++strangers;
      if (watch_time) {
        const auto error = static_cast<double>(block.time_us(i) - truth.t_us);
        worst_time_us = std::max(worst_time_us, std::abs(error));
      }
    }
    delivered += block.count;
    last = block;
    if (on_block) on_block(block);
  }

  void find(const SampleBlock& block) {
    for (std::uint64_t back = 0; back < 2000 && back < made_; ++back) {
      const std::uint64_t number = made_ - back;
      if (made_samples_[number % kRemembered].sample != block.samples[0]) continue;
      if (block.count > 1 && made_samples_[(number + 1) % kRemembered].sample != block.samples[1]) {
        continue;
      }
      const auto found = static_cast<std::int64_t>(number - block.index);
      if (!offset_) first_offset_ = found;
      offset_ = found;
      return;
    }
  }

  std::mt19937 random_;
  double nominal_us_;
  std::vector<Made> made_samples_ = std::vector<Made>(kRemembered);
  std::uint64_t made_ = 0;
  std::optional<std::int64_t> offset_;
  std::int64_t first_offset_ = 0;
  Fault planned_ = Fault::nack;
  std::uint64_t failing_transfer_ = 0;
  int planned_times_ = 0;
  int planned_register_ = -1;
  bool stuck_ = false;
  std::int64_t stuck_until_us_ = 0;
};

}  // namespace fettle::test
