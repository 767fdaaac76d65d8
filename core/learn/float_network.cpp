// SPDX-License-Identifier: Apache-2.0
#include "core/learn/float_network.hpp"

#include "core/learn/vector4.hpp"

namespace fettle {
namespace {

/// `Blocks` vectors of outputs at once: their sums stay in registers.
template <std::size_t Blocks>
void dense(const float* weights, const float* biases, const float* input, std::size_t inputs,
           std::size_t stride, bool relu, float* output) {
  Vector4 sums[Blocks];
  for (std::size_t b = 0; b < Blocks; ++b) sums[b] = load(biases + b * kLanes);
  for (std::size_t i = 0; i < inputs; ++i) {
    const Vector4 x = broadcast(input[i]);
    for (std::size_t b = 0; b < Blocks; ++b) sums[b] += x * load(weights + i * stride + b * kLanes);
  }
  const Vector4 zero{};
  for (std::size_t b = 0; b < Blocks; ++b) {
    store(output + b * kLanes, relu ? (sums[b] > zero ? sums[b] : zero) : sums[b]);
  }
}

}  // namespace

void FloatNetwork::run_layer(std::size_t k, const float* input, float* output) const {
  const std::size_t inputs = shape_.units[k];
  const std::size_t stride = padded(shape_.units[k + 1]);
  const bool relu = k + 1 < shape_.layers;
  const float* w = weights(k);
  const float* b = biases(k);
  for (std::size_t done = 0; done < stride;) {
    const std::size_t blocks = (stride - done) / kLanes;
    const std::size_t now = blocks > 5 ? 4 : blocks;
    switch (now) {
      case 1: dense<1>(w + done, b + done, input, inputs, stride, relu, output + done); break;
      case 2: dense<2>(w + done, b + done, input, inputs, stride, relu, output + done); break;
      case 3: dense<3>(w + done, b + done, input, inputs, stride, relu, output + done); break;
      case 4: dense<4>(w + done, b + done, input, inputs, stride, relu, output + done); break;
      default: dense<5>(w + done, b + done, input, inputs, stride, relu, output + done); break;
    }
    done += now * kLanes;
  }
}

void FloatNetwork::run(std::span<const float> input, std::span<float> output) const {
  alignas(16) std::array<std::array<float, kMaxUnits>, 2> buffers;
  const float* from = input.data();
  for (std::size_t k = 0; k < shape_.layers; ++k) {
    run_layer(k, from, buffers[k % 2].data());
    from = buffers[k % 2].data();
  }
  for (std::size_t i = 0; i < output.size(); ++i) output[i] = from[i];
}

}  // namespace fettle
