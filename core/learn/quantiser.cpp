// SPDX-License-Identifier: Apache-2.0
#include "core/learn/quantiser.hpp"

#include "core/math.hpp"

namespace fettle {
namespace {

/// Values of z-scored data that all lie this close to zero are zero: a scale for them would leave
/// float32, or give multipliers that int8 arithmetic cannot hold.
constexpr float kSilence = 1e-6F;

struct Range {
  float lowest = 0.0F;  // zero is always inside, so that it has an exact code
  float highest = 0.0F;
  bool finite = true;  // a NaN is neither below nor above anything, so it is looked for

  void include(float x) {
    lowest = x < lowest ? x : lowest;
    highest = x > highest ? x : highest;
    finite = finite && is_finite(x);
  }

  [[nodiscard]] TensorScale scale() const {
    // A layer that never says anything but zero: any scale serves.
    if (!(highest - lowest > kSilence)) return {1.0F, 0};
    const float scale = (highest - lowest) / 255.0F;
    return {scale, round_and_clamp(-128.0F - lowest / scale, -128, 127)};
  }
};

constexpr std::int32_t kLargestBias = 1 << 30;

/// Largest magnitude of the weights into one output.
float largest_weight(const FloatNetwork& network, std::size_t k, std::size_t output) {
  float largest = 0.0F;
  for (std::size_t i = 0; i < network.shape().units[k]; ++i) {
    const float magnitude = absolute(network.weight(k, output, i));
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

/// Takes typed pieces from the front of the memory.
template <typename T>
std::span<T> take(std::span<std::byte>& memory, std::size_t count) {
  const std::span<T> piece(reinterpret_cast<T*>(memory.data()), count);
  memory = memory.subspan((count * sizeof(T) + 3) / 4 * 4);
  return piece;
}

}  // namespace

std::size_t quantiser_bytes(const NetworkShape& shape) {
  std::size_t bytes = 0;
  for (std::size_t k = 0; k < shape.layers; ++k) {
    const std::size_t outputs = shape.units[k + 1];
    bytes += (outputs * shape.units[k] + 3) / 4 * 4 + 12 * outputs;
  }
  return bytes;
}

Status quantise(const FloatNetwork& network, std::span<const float> rows,
                WeightScales weight_scales, std::span<std::byte> memory, QuantisedNetwork& result) {
  const NetworkShape& shape = network.shape();
  if (memory.size() < quantiser_bytes(shape)) return Status::workspace_too_small;
  if (rows.empty()) return Status::too_few_windows;

  std::array<Range, kMaxDenseLayers + 1> ranges{};
  alignas(16) std::array<std::array<float, kMaxUnits>, 2> buffers;
  for (std::size_t at = 0; at < rows.size(); at += shape.inputs()) {
    const float* values = rows.data() + at;
    for (std::size_t i = 0; i < shape.inputs(); ++i) ranges[0].include(values[i]);
    for (std::size_t k = 0; k < shape.layers; ++k) {
      float* output = buffers[k % 2].data();
      network.run_layer(k, values, output);
      for (std::size_t o = 0; o < shape.units[k + 1]; ++o) ranges[k + 1].include(output[o]);
      values = output;
    }
  }
  for (std::size_t k = 0; k <= shape.layers; ++k) {
    if (!ranges[k].finite || !is_finite(ranges[k].highest - ranges[k].lowest)) {
      return Status::not_finite;
    }
  }
  for (const float parameter : network.parameters()) {
    if (!is_finite(parameter)) return Status::not_finite;
  }

  result.shape = shape;
  result.input = ranges[0].scale();
  TensorScale input = result.input;
  for (std::size_t k = 0; k < shape.layers; ++k) {
    const std::size_t inputs = shape.units[k];
    const std::size_t outputs = shape.units[k + 1];
    const std::size_t channels = weight_scales == WeightScales::per_channel ? outputs : 1;
    const auto scales = take<float>(memory, channels);
    const auto bias_scales = take<float>(memory, channels);
    const auto biases = take<std::int32_t>(memory, outputs);
    const auto weights = take<std::int8_t>(memory, outputs * inputs);

    for (float& scale : scales) scale = 0.0F;
    for (std::size_t o = 0; o < outputs; ++o) {
      float& scale = scales[channels == 1 ? 0 : o];
      // The bias must fit as well: weights that are all but zero may stand beside a large bias.
      const float by_weights = largest_weight(network, k, o) / 127.0F;
      const float by_bias = absolute(network.biases(k)[o]) /
                            (input.scale * (0.5F * static_cast<float>(kLargestBias)));
      scale = by_weights > scale ? by_weights : scale;
      scale = by_bias > scale ? by_bias : scale;
    }
    for (std::size_t c = 0; c < channels; ++c) {
      if (!(scales[c] > 1e-9F)) scales[c] = 1e-9F;  // an output that is always zero
      bias_scales[c] = input.scale * scales[c];
    }
    for (std::size_t o = 0; o < outputs; ++o) {
      const std::size_t c = channels == 1 ? 0 : o;
      for (std::size_t i = 0; i < inputs; ++i) {
        weights[o * inputs + i] = static_cast<std::int8_t>(
            round_and_clamp(network.weight(k, o, i) / scales[c], -127, 127));
      }
      biases[o] =
          round_and_clamp(network.biases(k)[o] / bias_scales[c], -kLargestBias, kLargestBias);
    }
    const TensorScale output = ranges[k + 1].scale();
    result.layers[k] = {weights, biases, scales, bias_scales, output};
    input = output;
  }
  return Status::ok;
}

}  // namespace fettle
