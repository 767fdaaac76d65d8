// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "core/learn/random.hpp"
#include "core/model/int8_network.hpp"
#include "tflite_generated.h"

namespace fettle::test {

/// Bytes where load() wants them: 16-byte aligned, and not one more than there are, so that
/// AddressSanitizer sees a read behind the end.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::span<const std::uint8_t> bytes)
      : bytes_(static_cast<std::uint8_t*>(
            ::operator new (std::max<std::size_t>(bytes.size(), 1), std::align_val_t{16}))),
        size_(bytes.size()) {
    std::ranges::copy(bytes, bytes_.get());
  }
  [[nodiscard]] std::span<const std::uint8_t> view() const { return {bytes_.get(), size_}; }
  [[nodiscard]] std::span<std::uint8_t> edit() { return {bytes_.get(), size_}; }

 private:
  struct Delete {
    void operator()(std::uint8_t* p) const { ::operator delete (p, std::align_val_t{16}); }
  };
  std::unique_ptr<std::uint8_t, Delete> bytes_;
  std::size_t size_;
};

inline AlignedBytes packed(const tflite::ModelT& model) {
  flatbuffers::FlatBufferBuilder builder;
  tflite::FinishModelBuffer(builder, tflite::Model::Pack(builder, &model));
  return AlignedBytes({builder.GetBufferPointer(), builder.GetSize()});
}

inline std::unique_ptr<tflite::ModelT> unpacked(std::span<const std::uint8_t> file) {
  return std::unique_ptr<tflite::ModelT>(tflite::GetModel(file.data())->UnPack());
}

/// Writes .tflite files by hand, also impossible ones: build, then change `model` at will.
class HandMade {
 public:
  std::unique_ptr<tflite::ModelT> model = std::make_unique<tflite::ModelT>();

  explicit HandMade(int inputs, float scale = 0.05F, int zero_point = 3) {
    model->version = 3;
    model->buffers.push_back(std::make_unique<tflite::BufferT>());
    model->subgraphs.push_back(std::make_unique<tflite::SubGraphT>());
    graph().inputs = {activation(inputs, scale, zero_point)};
    graph().outputs = graph().inputs;
  }

  tflite::SubGraphT& graph() { return *model->subgraphs[0]; }
  tflite::TensorT& tensor(int index) { return *graph().tensors[static_cast<std::size_t>(index)]; }
  tflite::OperatorT& op(std::size_t index) { return *graph().operators[index]; }
  std::vector<std::uint8_t>& data_of(int index) {
    return model->buffers[tensor(index).buffer]->data;
  }
  [[nodiscard]] int last() { return graph().outputs[0]; }

  int activation(int width, float scale, int zero_point,
                 tflite::TensorType type = tflite::TensorType::INT8) {
    auto tensor = std::make_unique<tflite::TensorT>();
    tensor->shape = {1, width};
    tensor->type = type;
    tensor->quantization = std::make_unique<tflite::QuantizationT>();
    tensor->quantization->scale = {scale};
    tensor->quantization->zero_point = {zero_point};
    graph().tensors.push_back(std::move(tensor));
    return static_cast<int>(graph().tensors.size()) - 1;
  }

  /// A constant tensor with a buffer of its own.
  int constant(std::vector<std::int32_t> shape, tflite::TensorType type,
               std::vector<std::uint8_t> bytes, std::vector<float> scales) {
    auto buffer = std::make_unique<tflite::BufferT>();
    buffer->data = std::move(bytes);
    model->buffers.push_back(std::move(buffer));
    const int index = activation(1, 1.0F, 0, type);
    tensor(index).shape = std::move(shape);
    tensor(index).buffer = static_cast<std::uint32_t>(model->buffers.size() - 1);
    tensor(index).quantization->scale = std::move(scales);
    return index;
  }

  std::uint32_t code(tflite::BuiltinOperator kind) {
    auto entry = std::make_unique<tflite::OperatorCodeT>();
    entry->code = kind;
    entry->deprecated_code = static_cast<std::int8_t>(kind);
    model->operator_codes.push_back(std::move(entry));
    return static_cast<std::uint32_t>(model->operator_codes.size() - 1);
  }

  /// Appends an operator from the graph's output so far to a new tensor.
  HandMade& apply(tflite::BuiltinOperator kind, std::vector<int> more_inputs, int output) {
    auto op = std::make_unique<tflite::OperatorT>();
    op->opcode_index = code(kind);
    op->inputs = {last()};
    op->inputs.insert(op->inputs.end(), more_inputs.begin(), more_inputs.end());
    op->outputs = {output};
    graph().operators.push_back(std::move(op));
    graph().outputs = {output};
    return *this;
  }

  struct Dense {
    int outputs = 1;
    float scale = 0.05F;
    int zero_point = -5;
    bool per_channel = true;
    bool bias = true;
    float weight_scale = 0.01F;
    tflite::Activation activation = tflite::Activation::NONE;
  };
  HandMade& dense(const Dense& layer, Random& random) {
    const int inputs = tensor(last()).shape[1];
    const float in_scale = tensor(last()).quantization->scale[0];
    std::vector<std::uint8_t> weights(static_cast<std::size_t>(inputs * layer.outputs));
    for (auto& w : weights) w = static_cast<std::uint8_t>(random.below(255) + 129);
    std::vector<float> scales(layer.per_channel ? static_cast<std::size_t>(layer.outputs) : 1U);
    for (float& s : scales) s = layer.weight_scale * (0.5F + random.uniform());
    std::vector<float> bias_scales;
    for (const float s : scales) bias_scales.push_back(s * in_scale);
    const int w = constant({layer.outputs, inputs}, tflite::TensorType::INT8, weights, scales);
    int b = -1;
    if (layer.bias) {
      std::vector<std::uint8_t> bytes;
      for (int o = 0; o < layer.outputs; ++o) {
        const auto value =
            static_cast<std::uint32_t>(static_cast<std::int32_t>(random.below(20001)) - 10000);
        for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
      }
      b = constant({layer.outputs}, tflite::TensorType::INT32, bytes, bias_scales);
    }
    apply(tflite::BuiltinOperator::FULLY_CONNECTED, {w, b},
          activation(layer.outputs, layer.scale, layer.zero_point));
    auto options = std::make_unique<tflite::FullyConnectedOptionsT>();
    options->fused_activation = layer.activation;
    graph().operators.back()->options.Set(std::move(*options));
    return *this;
  }
  HandMade& relu(float scale, int zero_point) {
    const int width = tensor(last()).shape[1];
    return apply(tflite::BuiltinOperator::RELU, {}, activation(width, scale, zero_point));
  }
  HandMade& relu6() {
    const tflite::TensorT& from = tensor(last());
    const auto scale = from.quantization->scale[0];
    const auto zero_point = static_cast<int>(from.quantization->zero_point[0]);
    return apply(tflite::BuiltinOperator::RELU6, {}, activation(from.shape[1], scale, zero_point));
  }

  [[nodiscard]] AlignedBytes file() const { return packed(*model); }
};

/// A network with the bytes and the workspace it runs in.
struct Loaded {
  explicit Loaded(AlignedBytes file) : bytes(std::move(file)) {
    workspace.resize(Int8Network::workspace_bytes(bytes.view()));
    fault = Int8Network::load(bytes.view(), workspace, network);
  }
  AlignedBytes bytes;
  std::vector<std::byte> workspace;
  Int8Network network;
  Fault fault;
};

}  // namespace fettle::test
