// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/features/feature_set.hpp"

namespace fettle {

/// Bounds of what is trained. Compile-time, so that a device can set memory aside for it.
inline constexpr std::size_t kMaxDenseLayers = 8;
inline constexpr std::size_t kMaxUnits = 128;

/// Widths of a dense network: units[0] inputs, then one entry a layer. ReLU between layers, linear
/// output.
struct NetworkShape {
  std::array<std::uint16_t, kMaxDenseLayers + 1> units{};
  std::size_t layers = 0;

  /// D-hidden...-D. An empty shape (layers == 0) if it exceeds the bounds.
  [[nodiscard]] static constexpr NetworkShape autoencoder(std::size_t dimensions,
                                                          std::span<const std::uint16_t> hidden) {
    NetworkShape shape;
    if (dimensions < 1 || dimensions > kMaxFeatures || hidden.size() + 1 > kMaxDenseLayers) {
      return shape;
    }
    shape.units[0] = static_cast<std::uint16_t>(dimensions);
    for (std::size_t i = 0; i < hidden.size(); ++i) {
      if (hidden[i] < 1 || hidden[i] > kMaxUnits) return shape;
      shape.units[i + 1] = hidden[i];
    }
    shape.units[hidden.size() + 1] = static_cast<std::uint16_t>(dimensions);
    shape.layers = hidden.size() + 1;
    return shape;
  }
  [[nodiscard]] constexpr std::size_t inputs() const { return units[0]; }
  [[nodiscard]] constexpr std::size_t outputs() const { return units[layers]; }
};

/// Widths are stored rounded up to whole vectors of four; the padding stays zero through training.
inline constexpr std::size_t kLanes = 4;
[[nodiscard]] constexpr std::size_t padded(std::size_t width) {
  return (width + kLanes - 1) / kLanes * kLanes;
}

/// A dense float32 network whose parameters lie in memory of the caller: for each layer the weights
/// [inputs][padded outputs], then the biases [padded outputs].
class FloatNetwork {
 public:
  FloatNetwork() = default;
  FloatNetwork(const NetworkShape& shape, std::span<float> parameters)
      : shape_(shape), parameters_(parameters) {}

  [[nodiscard]] static constexpr std::size_t parameter_floats(const NetworkShape& shape) {
    std::size_t sum = 0;
    for (std::size_t k = 0; k < shape.layers; ++k) {
      sum += (std::size_t{shape.units[k]} + 1) * padded(shape.units[k + 1]);
    }
    return sum;
  }

  [[nodiscard]] const NetworkShape& shape() const { return shape_; }
  [[nodiscard]] std::span<float> parameters() const { return parameters_; }
  /// Weights of layer k, [inputs][padded outputs].
  [[nodiscard]] float* weights(std::size_t k) const { return parameters_.data() + offset(k); }
  /// Biases of layer k, [padded outputs].
  [[nodiscard]] float* biases(std::size_t k) const {
    return weights(k) + shape_.units[k] * padded(shape_.units[k + 1]);
  }
  [[nodiscard]] float weight(std::size_t k, std::size_t output, std::size_t input) const {
    return weights(k)[input * padded(shape_.units[k + 1]) + output];
  }

  /// Output of layer k for `input` [units[k]], ReLU included unless it is the last layer.
  /// @param[out] output  [padded units[k + 1]], 16-byte aligned
  void run_layer(std::size_t k, const float* input, float* output) const;

  /// The whole network. @param[in] input [inputs()]  @param[out] output [outputs()]
  void run(std::span<const float> input, std::span<float> output) const;

 private:
  [[nodiscard]] std::size_t offset(std::size_t k) const {
    std::size_t sum = 0;
    for (std::size_t j = 0; j < k; ++j) {
      sum += (std::size_t{shape_.units[j]} + 1) * padded(shape_.units[j + 1]);
    }
    return sum;
  }

  NetworkShape shape_;
  std::span<float> parameters_;
};

}  // namespace fettle
