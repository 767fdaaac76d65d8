// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "core/model/network_engine.hpp"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

namespace fettle::esp32 {

/// TensorFlow Lite Micro, whose kernels for the ESP32-S3 (esp-nn) use its vector instructions.
class TfliteMicroEngine final : public NetworkEngine {
 public:
  /// @return false if an operator cannot be registered
  bool begin();

  [[nodiscard]] const char* name() const override { return "TensorFlow Lite Micro"; }
  [[nodiscard]] bool prepare(std::span<const std::uint8_t> file) override;
  void run(std::span<const std::int8_t> input, std::span<std::int8_t> output) override;
  [[nodiscard]] std::size_t memory() const override { return arena_.size(); }
  [[nodiscard]] std::size_t memory_used() const override {
    return interpreter_ ? interpreter_->arena_used_bytes() : 0;
  }

 private:
  static constexpr std::size_t kOperators = 5;
  // 18-12-8-12-18 uses 1.3 to 2 KB on other processors; `bench` tells what it is here.
  static constexpr std::size_t kArena = 4096;

  ::tflite::MicroMutableOpResolver<kOperators> operators_;
  alignas(16) std::array<std::uint8_t, kArena> arena_{};
  std::optional<::tflite::MicroInterpreter> interpreter_;
};

}  // namespace fettle::esp32
