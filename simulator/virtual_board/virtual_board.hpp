// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "board/board.hpp"
#include "board/record_queue.hpp"
#include "board/sample_queue.hpp"
#include "simulator/mpu6050_chip/chip.hpp"
#include "simulator/virtual_board/ports.hpp"

namespace fettle::simulator {

/// What survives a loss of power.
struct Storage {
  std::unique_ptr<Medium> card = in_memory();
  std::unique_ptr<Medium> flash = in_memory();
  std::unique_ptr<Medium> settings = in_memory();
  std::unique_ptr<Medium> learned = in_memory();
  std::unique_ptr<Medium> events = in_memory();
};

struct VirtualBoardConfig {
  ChipConfig chip;
  std::array<std::uint8_t, 8> id = {'v', 'i', 'r', 't', 'u', 'a', 'l', '0'};
  std::string firmware = "simulated";
  bool card = true;                       ///< there is one
  std::uint64_t card_bytes = UINT64_MAX;  ///< its size
  bool interrupt = true;                  ///< the wire of the interrupt is there
  std::uint32_t most_late_us = 0;         ///< its handler: see ChipInterrupt
  std::uint32_t i2c_asked_hz = ChipBus::kUsual_hz;
  std::uint32_t i2c_hz = ChipBus::kUsual_hz;  ///< what the bus makes of it
  bool pull_ups = true;                       ///< it has resistors
  std::uint32_t baud = 921'600;
  double lost_answers = 0;              ///< part of the bus' transfers: see ChipBus
  std::span<const std::uint8_t> model;  ///< built in
  bool learns = true;                   ///< memory for burn-in is lent
  /// Sampling in a thread of its own, as on the chip; here both take turns.
  bool samples_apart = false;
  /// Likewise, what writes to the card.
  bool records_apart = false;
  NetworkEngine* engine = nullptr;              ///< instead of the board's own
  const board::CycleCounter* cycles = nullptr;  ///< for `bench`
  const board::Settings* defaults = nullptr;    ///< of a board that has none saved
  bool tests_itself = false;                    ///< at its first start
  board::Restart restart = board::Restart::usual;
};

/// The board's own code over simulated ports, in simulated time. From the machine it gets bytes of
/// the chip's registers and pulses of its interrupt pin, and nothing else.
class VirtualBoard {
 public:
  /// Power on. Motion and storage outlive the board.
  VirtualBoard(const VirtualBoardConfig& config, MotionSource& motion, Storage& storage,
               Operations& operations, Observer observer = {});

  /// Runs until the board's clock is there, or until power is lost.
  void run_until(std::int64_t t_us);
  void run_for(std::int64_t us) { run_until(now_us_ + us); }
  /// The board's own thread is held up, by a slow card say, while the one that samples goes on.
  void hold_up(std::int64_t us);
  /// The card takes its time; what writes to it is a thread of its own, or nothing happens.
  void hold_up_card(std::int64_t us) { card_free_us_ = now_us_ + us; }

  /// Sends a line of text; what the board answers is in line().from_board.
  void type(std::string_view text);

  [[nodiscard]] std::int64_t now_us() const { return now_us_; }
  [[nodiscard]] const board::Board& board() const { return board_; }
  [[nodiscard]] Mpu6050Chip& chip() { return chip_; }
  [[nodiscard]] VirtualLine& line() { return line_; }
  [[nodiscard]] VirtualCard& card() { return card_; }
  [[nodiscard]] const VirtualPin& pin() const { return pin_; }
  /// None if the board samples itself.
  [[nodiscard]] const std::optional<board::SampleQueue>& samples() const { return samples_; }

 private:
  std::int64_t now_us_ = 0;
  Operations& operations_;
  Observer observer_;
  std::string firmware_;
  Mpu6050Chip chip_;
  ChipBus bus_;
  ChipInterrupt interrupt_;
  VirtualLine line_;
  VirtualCard card_;
  VirtualFlash flash_;
  VirtualSettings settings_;
  VirtualSettings learned_;
  VirtualEventFlash events_;
  VirtualPin pin_;
  VirtualLog log_;
  Refinement::Memory calibration_;
  std::optional<board::SampleQueue> samples_;
  std::optional<board::RecordQueue> records_;
  std::int64_t card_free_us_ = 0;
  board::Board board_;
};

}  // namespace fettle::simulator
