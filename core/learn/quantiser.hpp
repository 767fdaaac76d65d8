// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/learn/float_network.hpp"
#include "core/model/int8_network.hpp"
#include "core/status.hpp"

namespace fettle {

/// One scale for each output of a layer, or one for the layer. The value is stored in model files.
enum class WeightScales : std::uint8_t { per_channel = 0, per_tensor = 1 };

/// A dense network in int8 as TensorFlow Lite defines it (LiteRT 8-bit quantisation specification):
/// weights symmetric in [-127, 127], activations asymmetric, int32 biases at input scale times weight
/// scale. Parameters lie in memory of the caller.
struct QuantisedNetwork {
  struct Layer {
    std::span<const std::int8_t> weights;  ///< [outputs][inputs]
    std::span<const std::int32_t> biases;  ///< [outputs]
    std::span<const float> weight_scales;  ///< [outputs] or [1]
    std::span<const float> bias_scales;    ///< likewise
    TensorScale output;
  };
  NetworkShape shape;
  TensorScale input;
  std::array<Layer, kMaxDenseLayers> layers;
};

/// Bytes of memory that quantise() needs.
[[nodiscard]] std::size_t quantiser_bytes(const NetworkShape& shape);

/// Post-training quantisation: activation ranges are the smallest and largest values over
/// `rows` (training windows, z-scores, [n][D]) and zero; everything rounds to nearest, halves away
/// from zero, and saturates.
/// @param memory  quantiser_bytes(), 4-byte aligned; `result` points into it
/// @return workspace_too_small, too_few_windows (no rows), not_finite or ok
[[nodiscard]] Status quantise(const FloatNetwork& network, std::span<const float> rows,
                              WeightScales weight_scales, std::span<std::byte> memory,
                              QuantisedNetwork& result);

}  // namespace fettle
