// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "board/handover.hpp"
#include "board/sampling.hpp"

namespace fettle::board {

/// Sampling in a thread of its own. That thread only empties the sensor's FIFO, so that whatever the
/// board's thread does (a card that takes half a second, a command) no sample waits longer in the
/// chip than the thread's own period. Blocks cross over in a bounded queue; one that finds it full is
/// dropped, counted, and told as a gap of the next. No locks: neither thread ever waits.
///
///     SampleQueue samples(bus, data_ready);          // Ports::samples = &samples
///     // the thread that samples:                    // the thread of the board:
///     samples.run(now_us());                         board.step(now_us());
///     sleep_until(samples.run_again_us());           // wake it when blocks have come
class SampleQueue final : public SampleSource {
 public:
  /// Blocks on the way: at 1 kHz one lasts 16 ms, so the board's thread may stay away for a second.
  static constexpr std::size_t kBlocks = 64;

  SampleQueue(RegisterBus& bus, const DataReady& data_ready) : driver_(bus, data_ready, {}) {}
  SampleQueue(const SampleQueue&) = delete;
  SampleQueue& operator=(const SampleQueue&) = delete;

  // The thread that samples.

  /// One step of the driver. @return true if there is a new block: wake the other thread
  bool run(std::int64_t now_us);
  [[nodiscard]] std::int64_t run_again_us() const { return driver_.next_wake_us(); }

  // The thread of the board.

  void step(std::int64_t now_us) override;
  [[nodiscard]] const SampleBlock* take() override;
  [[nodiscard]] std::int64_t next_wake_us() const override;
  void reconfigure(const mpu6050::Config& config) override;
  void request_self_test() override;
  [[nodiscard]] mpu6050::State state() const override { return view_.sensor.state; }
  [[nodiscard]] mpu6050::Cause cause() const override { return view_.sensor.cause; }
  [[nodiscard]] SensorView view() const override;
  /// Samples that were read from the sensor and found the queue full; in view().counters.lost too.
  [[nodiscard]] std::uint32_t dropped() const { return view_.dropped; }

 private:
  /// What the board wants, and how often it has wanted something else.
  struct Wish {
    mpu6050::Config config;
    std::uint32_t configs = 0;
    std::uint32_t self_tests = 0;
  };
  struct Block {
    SampleBlock samples;
    std::uint32_t configs = 0;  // the wish that it was made under
  };
  struct View {
    SensorView sensor;
    std::uint32_t configs = 0;
    std::uint32_t self_tests = 0;
    std::uint32_t dropped = 0;
    std::uint32_t dropped_gaps = 0;
  };

  void obey();

  // Of the thread that samples.
  mpu6050::Driver driver_;
  Wish done_;
  std::uint32_t dropped_ = 0;
  std::uint32_t dropped_gaps_ = 0;
  std::uint32_t missing_ = 0;  // dropped since the last block that went through

  // Between them.
  Newest<Wish> wishes_;
  Handover<Block, kBlocks> blocks_;
  Newest<View> views_;

  // Of the board's thread.
  Wish wish_;
  View view_;
  SampleBlock block_;
  bool have_ = false;
  std::uint32_t skipped_ = 0;    // samples to count as missing before the next block
  std::uint32_t discarded_ = 0;  // samples of a configuration that was no longer wanted
};

}  // namespace fettle::board
