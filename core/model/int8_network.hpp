// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/model/network_engine.hpp"
#include "core/model/requantise.hpp"
#include "core/status.hpp"

namespace fettle {

/// Quantisation of one tensor: real = scale * (code - zero_point).
struct TensorScale {
  float scale = 1.0F;           ///< positive and finite
  std::int32_t zero_point = 0;  ///< -128 to 127

  /// The code for a real number: divided by the scale, rounded to nearest with halves away from
  /// zero, saturated to [-128, 127]. Never wraps.
  [[nodiscard]] std::int8_t code(float real) const;
  [[nodiscard]] float real(std::int8_t code) const {
    return scale * static_cast<float>(code - zero_point);
  }
};

/// Why a file was refused: the reason and where in the file.
struct Fault {
  Status status = Status::ok;
  std::uint32_t offset = 0;  ///< byte in the file of the table that is wrong
  std::int32_t found = 0;    ///< the offending code or size, where there is one

  [[nodiscard]] bool ok() const { return status == Status::ok; }
};

/// Most operators and widest tensor of a network that `Int8Network` runs.
inline constexpr std::size_t kMaxLayers = 24;
inline constexpr std::size_t kMaxWidth = 1024;

/// What a network of that many layers of that width needs to run: a bias, a multiplier and a shift
/// for each output, and two activations.
inline constexpr std::size_t kMostWorkspace = kMaxLayers * (9 * kMaxWidth + 16) + 2 * kMaxWidth;

/// An int8 network that runs straight from a .tflite file's bytes: a chain of FULLY_CONNECTED
/// (activation none, ReLU, ReLU6; weights per channel or per tensor; bias or none), RELU and RELU6,
/// optionally with QUANTIZE before and DEQUANTIZE behind. A view: the file and the workspace must
/// outlive it. Everything is checked by load(); run() checks nothing.
class Int8Network {
 public:
  /// Upper bound of the workspace that load() needs for these bytes, in bytes, or 0 if they are not
  /// a model. Never more than kMostWorkspace, so a hostile file cannot ask for much.
  [[nodiscard]] static std::size_t workspace_bytes(std::span<const std::uint8_t> file);

  /// Validates a model and prepares it: folds input zero points into biases and turns scales into
  /// fixed-point multipliers. On success `network` may run().
  /// @param file       a .tflite, 16-byte aligned, as read or as a C array
  /// @param workspace  at least workspace_bytes(), 4-byte aligned
  [[nodiscard]] static Fault load(std::span<const std::uint8_t> file,
                                  std::span<std::byte> workspace, Int8Network& network);

  /// int8 in, int8 out. @param[in] input [inputs()]  @param[out] output [outputs()]
  void run(std::span<const std::int8_t> input, std::span<std::int8_t> output) const {
    if (engine_ != nullptr) return engine_->run(input, output);
    run_here(input, output);
  }
  /// The same by this class' own arithmetic, whatever engine runs.
  void run_here(std::span<const std::int8_t> input, std::span<std::int8_t> output) const;
  /// Lets another engine run from now on; nullptr: none. See use_engine().
  void delegate(NetworkEngine* engine) { engine_ = engine; }
  [[nodiscard]] bool delegates() const { return engine_ != nullptr; }

  [[nodiscard]] std::size_t inputs() const { return inputs_; }
  [[nodiscard]] std::size_t outputs() const { return outputs_; }
  /// How a real number becomes an input code, and an output code a real number.
  [[nodiscard]] TensorScale input_scale() const { return input_scale_; }
  [[nodiscard]] TensorScale output_scale() const { return output_scale_; }
  /// True if the file's own input (output) is float32 with QUANTIZE (DEQUANTIZE) next to it.
  [[nodiscard]] bool float_input() const { return float_input_; }
  [[nodiscard]] bool float_output() const { return float_output_; }
  /// Multiplications of one inference.
  [[nodiscard]] std::size_t multiplications() const;

  /// One operator, for those who look inside (float reference, reports).
  struct Layer {
    enum class Kind : std::uint8_t { fully_connected, relu, clamp };
    enum class Activation : std::uint8_t { none, relu, relu6 };
    Kind kind = Kind::fully_connected;
    Activation activation = Activation::none;
    std::uint16_t inputs = 0;
    std::uint16_t outputs = 0;
    bool per_channel = false;
    std::int8_t lowest = -128;  ///< the activation as output codes
    std::int8_t highest = 127;
    TensorScale in, out;
    const std::int8_t* weights = nullptr;     ///< [outputs][inputs], row after row
    const float* weight_scales = nullptr;     ///< [outputs] or [1]
    const std::int32_t* bias = nullptr;       ///< [outputs], input zero point folded in
    const std::int32_t* fractions = nullptr;  ///< [outputs]; of a relu [1]
    const std::int8_t* shifts = nullptr;      ///< [outputs]; of a relu [1]
  };
  [[nodiscard]] std::span<const Layer> layers() const { return {layers_.data(), layer_count_}; }

  /// The engine alone, for layers that lie prepared in flash (fettle export --c-tables): checks nothing.
  /// @param scratch  twice the widest activation
  static void run(std::span<const Layer> layers, std::span<std::int8_t> scratch,
                  std::span<const std::int8_t> input, std::span<std::int8_t> output);

  /// A network of such layers, which are trusted: no file is read, nothing is checked but their number.
  [[nodiscard]] static bool assemble(std::span<const Layer> layers, std::span<std::int8_t> scratch,
                                     Int8Network& network);

 private:
  std::array<Layer, kMaxLayers> layers_{};
  std::size_t layer_count_ = 0;
  std::size_t inputs_ = 0;
  std::size_t outputs_ = 0;
  TensorScale input_scale_, output_scale_;
  bool float_input_ = false;
  bool float_output_ = false;
  std::span<std::int8_t> scratch_;  ///< two activations
  NetworkEngine* engine_ = nullptr;
};

}  // namespace fettle
