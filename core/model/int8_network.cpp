// SPDX-License-Identifier: Apache-2.0
#include "core/model/int8_network.hpp"

#include <cstring>

#include "core/math.hpp"
#include "tflite_generated.h"
#ifdef __ARM_FEATURE_SIMD32
#include <arm_acle.h>
#endif

namespace fettle {
namespace {

using flatbuffers::Verifier;

constexpr std::uint32_t kVerifierDepth = 16;
constexpr std::uint32_t kVerifierTables = 4096;
constexpr std::uint32_t kSchemaVersion = 3;

/// Bytes of a constant tensor, and a 4-byte read from any address.
std::int32_t read_int32(const std::uint8_t* bytes) {
  return static_cast<std::int32_t>(
      static_cast<std::uint32_t>(bytes[0]) | static_cast<std::uint32_t>(bytes[1]) << 8 |
      static_cast<std::uint32_t>(bytes[2]) << 16 | static_cast<std::uint32_t>(bytes[3]) << 24);
}

/// The verifier checks the alignment of a vector's length, not of 64-bit elements behind it.
std::int64_t element(const flatbuffers::Vector<std::int64_t>& values, std::uint32_t index) {
  const std::uint8_t* bytes = values.Data() + 8U * index;
  const auto low = static_cast<std::uint32_t>(read_int32(bytes));
  const auto high = static_cast<std::uint32_t>(read_int32(bytes + 4));
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(high) << 32 | low);
}

/// A sum that wraps, as 32-bit accumulators do: only a hostile file can make it.
std::int32_t plus(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}

bool aligned(const void* memory, std::uintptr_t to) {
  return reinterpret_cast<std::uintptr_t>(memory) % to == 0;
}

/// Hands out the workspace from the front.
class Arena {
 public:
  explicit Arena(std::span<std::byte> memory) : rest_(memory) {}

  template <typename T>
  T* take(std::size_t count) {
    const std::size_t bytes = (count * sizeof(T) + 3U) & ~std::size_t{3};
    if (bytes > rest_.size()) return nullptr;
    auto* here = reinterpret_cast<T*>(rest_.data());
    rest_ = rest_.subspan(bytes);
    return here;
  }

 private:
  std::span<std::byte> rest_;
};

/// One pass over the graph. Every `refuse` leaves the place in the file in `fault_`.
class Loader {
 public:
  Loader(std::span<const std::uint8_t> file, std::span<std::byte> workspace)
      : file_(file), arena_(workspace) {}

  const tflite::Model* verified_model() {
    // The verifier wants at least a root offset and an identifier; "TFL3" stands at byte 4.
    if (file_.size() < 8 || !aligned(file_.data(), 16)) return nullptr;
    if (!tflite::ModelBufferHasIdentifier(file_.data())) return nullptr;
    Verifier verifier(file_.data(), file_.size(), kVerifierDepth, kVerifierTables);
    if (!tflite::VerifyModelBuffer(verifier)) return nullptr;
    return tflite::GetModel(file_.data());
  }

  struct Tensor {
    tflite::TensorType type = tflite::TensorType::FLOAT32;
    std::int32_t index = -1;
    std::uint32_t width = 0;  ///< number of elements
    TensorScale scale;
  };

  template <typename Table>
  bool refuse(Status status, const Table* where, std::int32_t found = 0) {
    const auto* address = reinterpret_cast<const std::uint8_t*>(where);
    const bool inside = address >= file_.data() && address < file_.data() + file_.size();
    fault_ = {status, inside ? static_cast<std::uint32_t>(address - file_.data()) : 0U, found};
    return false;
  }

  const tflite::Tensor* tensor_at(std::int32_t index) {
    const auto* tensors = graph_->tensors();
    if (index < 0 || static_cast<std::uint32_t>(index) >= tensors->size()) return nullptr;
    return tensors->Get(static_cast<std::uint32_t>(index));
  }

  /// An activation: int8 with one scale, or float32.
  bool activation(std::int32_t index, Tensor& result) {
    const auto* tensor = tensor_at(index);
    if (tensor == nullptr) return refuse(Status::unsupported_graph, graph_, index);
    result = {tensor->type(), index, 1, {}};
    if (tensor->shape() == nullptr) return refuse(Status::bad_shape, tensor);
    for (const std::int32_t size : *tensor->shape()) {
      if (size < 1 || static_cast<std::size_t>(size) > kMaxWidth) {
        return refuse(size < 1 ? Status::bad_shape : Status::too_large, tensor, size);
      }
      result.width *= static_cast<std::uint32_t>(size);
      if (result.width > kMaxWidth) {
        return refuse(Status::too_large, tensor, static_cast<std::int32_t>(result.width));
      }
    }
    if (tensor->type() == tflite::TensorType::FLOAT32) return true;
    if (tensor->type() != tflite::TensorType::INT8) {
      return refuse(Status::unsupported_type, tensor, static_cast<std::int32_t>(tensor->type()));
    }
    const auto* quantisation = tensor->quantization();
    if (quantisation == nullptr || quantisation->scale() == nullptr ||
        quantisation->zero_point() == nullptr || quantisation->scale()->size() != 1 ||
        quantisation->zero_point()->size() != 1) {
      return refuse(Status::bad_quantisation, tensor);
    }
    const float scale = quantisation->scale()->Get(0);
    const std::int64_t zero_point = element(*quantisation->zero_point(), 0);
    if (!good_scale(scale) || zero_point < -128 || zero_point > 127) {
      return refuse(Status::bad_quantisation, quantisation);
    }
    result.scale = {scale, static_cast<std::int32_t>(zero_point)};
    return true;
  }

  static bool good_scale(float scale) { return is_finite(scale) && scale > 0.0F; }

  /// Raw bytes of a constant tensor; false if it has no constant data of that size.
  bool constant(const tflite::Tensor* tensor, std::size_t bytes, const std::uint8_t*& data) {
    const auto* buffers = model_->buffers();
    if (buffers == nullptr || tensor->buffer() >= buffers->size()) {
      return refuse(Status::bad_shape, tensor, static_cast<std::int32_t>(tensor->buffer()));
    }
    const auto* buffer = buffers->Get(tensor->buffer());
    if (buffer->data() == nullptr || buffer->data()->size() != bytes) {
      return refuse(
          Status::bad_shape, buffer,
          buffer->data() == nullptr ? 0 : static_cast<std::int32_t>(buffer->data()->size()));
    }
    data = buffer->data()->data();
    return true;
  }

  bool multiplier(double real, const tflite::Operator* where, std::int32_t& fraction,
                  std::int8_t& shift) {
    Multiplier result;
    if (!to_multiplier(real, result)) return refuse(Status::bad_quantisation, where);
    fraction = result.fraction;
    shift = result.shift;
    return true;
  }

  /// Output codes that a fused activation allows.
  bool fused_range(tflite::Activation activation, const TensorScale& out,
                   const tflite::FullyConnectedOptions* where, Int8Network::Layer& layer) {
    switch (activation) {
      case tflite::Activation::NONE: return true;
      case tflite::Activation::RELU:
        layer.activation = Int8Network::Layer::Activation::relu;
        layer.lowest = static_cast<std::int8_t>(out.zero_point);
        return true;
      case tflite::Activation::RELU6:
        layer.activation = Int8Network::Layer::Activation::relu6;
        layer.lowest = static_cast<std::int8_t>(out.zero_point);
        layer.highest = out.code(6.0F);
        return true;
    }
    return refuse(Status::unsupported_activation, where, static_cast<std::int32_t>(activation));
  }

  bool fully_connected(const tflite::Operator* op, const Tensor& in, const Tensor& out,
                       Int8Network::Layer& layer) {
    const auto* options = op->options_as_FullyConnectedOptions();
    if (options == nullptr || options->weights_format() != 0) {
      return refuse(Status::unsupported_operator, op);
    }
    if (op->inputs()->size() < 2 || op->inputs()->size() > 3) {
      return refuse(Status::unsupported_graph, op, static_cast<std::int32_t>(op->inputs()->size()));
    }
    const auto* weights = tensor_at(op->inputs()->Get(1));
    if (weights == nullptr) return refuse(Status::unsupported_graph, op, op->inputs()->Get(1));
    if (weights->type() != tflite::TensorType::INT8) {
      return refuse(Status::unsupported_type, weights, static_cast<std::int32_t>(weights->type()));
    }
    const auto* shape = weights->shape();
    if (shape == nullptr || shape->size() != 2 ||
        shape->Get(0) != static_cast<std::int32_t>(out.width) ||
        shape->Get(1) != static_cast<std::int32_t>(in.width)) {
      return refuse(Status::bad_shape, weights);
    }
    const std::uint8_t* weight_bytes = nullptr;
    const std::size_t count = static_cast<std::size_t>(out.width) * in.width;
    if (!constant(weights, count, weight_bytes)) return false;

    const auto* quantisation = weights->quantization();
    if (quantisation == nullptr || quantisation->scale() == nullptr ||
        quantisation->zero_point() == nullptr || quantisation->zero_point()->size() == 0) {
      return refuse(Status::bad_quantisation, weights);
    }
    const auto* scales = quantisation->scale();
    const std::uint32_t channels = scales->size();
    if ((channels != 1 && channels != out.width) || quantisation->quantized_dimension() != 0) {
      return refuse(Status::bad_quantisation, quantisation, static_cast<std::int32_t>(channels));
    }
    for (std::uint32_t i = 0; i < quantisation->zero_point()->size(); ++i) {
      if (element(*quantisation->zero_point(), i) != 0) {
        return refuse(Status::bad_quantisation, quantisation);
      }
    }
    for (const float scale : *scales) {
      if (!good_scale(scale)) return refuse(Status::bad_quantisation, quantisation);
    }

    layer.kind = Int8Network::Layer::Kind::fully_connected;
    layer.weights = reinterpret_cast<const std::int8_t*>(weight_bytes);
    layer.weight_scales = scales->data();
    layer.per_channel = channels > 1;
    auto* fractions = arena_.take<std::int32_t>(out.width);
    auto* bias = arena_.take<std::int32_t>(out.width);
    auto* shifts = arena_.take<std::int8_t>(out.width);
    if (fractions == nullptr || bias == nullptr || shifts == nullptr) {
      return refuse(Status::workspace_too_small, op);
    }

    const std::uint8_t* bias_bytes = nullptr;
    float bias_scale = 0.0F;
    const bool has_bias = op->inputs()->size() == 3 && op->inputs()->Get(2) != -1;
    if (has_bias && !bias_data(op, out.width, bias_bytes, bias_scale)) return false;

    // Scales are multiplied and divided in float64, as TensorFlow Lite Micro of 2026 does; releases
    // before took the product of two scales in float32 where there is one scale a layer.
    for (std::uint32_t i = 0; i < channels; ++i) {
      const double product =
          static_cast<double>(in.scale.scale) * static_cast<double>(scales->Get(i));
      const double real = product / static_cast<double>(out.scale.scale);
      if (!multiplier(real, op, fractions[i], shifts[i])) return false;
      // It also refuses a bias whose scale is not that product, where there is one scale a layer.
      const double apart = product - static_cast<double>(bias_scale);
      const double limit = 0.02 * static_cast<double>(out.scale.scale);
      if (!layer.per_channel && has_bias && !(apart <= limit && apart >= -limit)) {
        return refuse(Status::bad_quantisation, op);
      }
    }

    // One multiplier for the layer is one for each output: run() need not know.
    for (std::uint32_t o = channels; o < out.width; ++o) {
      fractions[o] = fractions[0];
      shifts[o] = shifts[0];
    }

    for (std::uint32_t o = 0; o < out.width; ++o) {
      std::int32_t sum = 0;
      for (std::uint32_t i = 0; i < in.width; ++i) sum += layer.weights[o * in.width + i];
      // Wraps like the 32-bit accumulator it stands for.
      const auto folded =
          static_cast<std::uint32_t>(bias_bytes == nullptr ? 0 : read_int32(bias_bytes + 4U * o)) -
          static_cast<std::uint32_t>(in.scale.zero_point * sum);
      bias[o] = static_cast<std::int32_t>(folded);
    }
    layer.bias = bias;
    layer.fractions = fractions;
    layer.shifts = shifts;
    return fused_range(options->fused_activation(), out.scale, options, layer);
  }

  bool bias_data(const tflite::Operator* op, std::uint32_t outputs, const std::uint8_t*& bytes,
                 float& scale) {
    const auto* bias = tensor_at(op->inputs()->Get(2));
    if (bias == nullptr) return refuse(Status::unsupported_graph, op, op->inputs()->Get(2));
    if (bias->type() != tflite::TensorType::INT32) {
      return refuse(Status::unsupported_type, bias, static_cast<std::int32_t>(bias->type()));
    }
    const auto* quantisation = bias->quantization();
    if (quantisation != nullptr && quantisation->scale() != nullptr &&
        quantisation->scale()->size() > 0) {
      scale = quantisation->scale()->Get(0);
    }
    return constant(bias, std::size_t{4} * outputs, bytes);
  }

  bool relu(const tflite::Operator* op, bool six, const Tensor& in, const Tensor& out,
            Int8Network::Layer& layer) {
    if (in.width != out.width) return refuse(Status::bad_shape, op);
    layer.activation =
        six ? Int8Network::Layer::Activation::relu6 : Int8Network::Layer::Activation::relu;
    if (six) {
      // TensorFlow Lite Micro clamps input codes and copies them: output scale must be the input's.
      if (in.scale.scale != out.scale.scale || in.scale.zero_point != out.scale.zero_point) {
        return refuse(Status::bad_quantisation, op);
      }
      layer.kind = Int8Network::Layer::Kind::clamp;
      layer.lowest = static_cast<std::int8_t>(in.scale.zero_point);
      layer.highest = in.scale.code(6.0F);
      return true;
    }
    layer.kind = Int8Network::Layer::Kind::relu;
    layer.lowest = static_cast<std::int8_t>(out.scale.zero_point);
    auto* fraction = arena_.take<std::int32_t>(1);
    auto* shift = arena_.take<std::int8_t>(1);
    if (fraction == nullptr || shift == nullptr) return refuse(Status::workspace_too_small, op);
    layer.fractions = fraction;
    layer.shifts = shift;
    const double quotient =
        static_cast<double>(in.scale.scale) / static_cast<double>(out.scale.scale);
    return multiplier(quotient, op, *fraction, *shift);
  }

  Arena& arena() { return arena_; }
  [[nodiscard]] const Fault& fault() const { return fault_; }
  void graph(const tflite::Model* model, const tflite::SubGraph* graph) {
    model_ = model;
    graph_ = graph;
  }

 private:
  std::span<const std::uint8_t> file_;
  Arena arena_;
  Fault fault_;
  const tflite::Model* model_ = nullptr;
  const tflite::SubGraph* graph_ = nullptr;
};

/// Newer files keep the operator in `code`, older ones in the byte that came first; the larger counts.
std::int32_t operator_of(const tflite::OperatorCode* code) {
  const auto wide = static_cast<std::int32_t>(code->code());
  const std::int32_t narrow = code->deprecated_code();
  return wide > narrow ? wide : narrow;
}

}  // namespace

std::int8_t TensorScale::code(float real) const {
  // Far outside the int8 range but far inside the int32 range: saturates before it could overflow.
  const std::int32_t rounded = round_and_clamp(real / scale, -1024, 1024) + zero_point;
  const std::int32_t clamped = rounded < -128 ? -128 : (rounded > 127 ? 127 : rounded);
  return static_cast<std::int8_t>(clamped);
}

std::size_t Int8Network::workspace_bytes(std::span<const std::uint8_t> file) {
  Loader loader(file, {});
  const auto* model = loader.verified_model();
  if (model == nullptr || model->subgraphs() == nullptr || model->subgraphs()->size() != 1)
    return 0;
  const auto* graph = model->subgraphs()->Get(0);
  if (graph->tensors() == nullptr || graph->operators() == nullptr) return 0;
  // Bias, fraction and shift for each output of an operator, and a few bytes for alignment.
  std::size_t rows = 0;
  std::size_t layers = 0;
  for (const auto* op : *graph->operators()) {
    if (layers == kMaxLayers) break;
    if (op->outputs() == nullptr || op->outputs()->size() != 1) continue;
    const auto index = static_cast<std::uint32_t>(op->outputs()->Get(0));
    if (index >= graph->tensors()->size()) continue;
    const auto* shape = graph->tensors()->Get(index)->shape();
    if (shape == nullptr) continue;
    std::size_t width = 1;
    for (const std::int32_t size : *shape) {
      if (size < 1 || static_cast<std::size_t>(size) > kMaxWidth || width > kMaxWidth) break;
      width *= static_cast<std::size_t>(size);
    }
    rows += width < kMaxWidth ? width : kMaxWidth;
    ++layers;
  }
  return rows * 9 + kMaxLayers * 16 + 2 * kMaxWidth;
}

Fault Int8Network::load(std::span<const std::uint8_t> file, std::span<std::byte> workspace,
                        Int8Network& network) {
  if (!aligned(file.data(), 16) || !aligned(workspace.data(), 4)) return {Status::misaligned};
  Loader loader(file, workspace);
  const auto* model = loader.verified_model();
  if (model == nullptr) return {Status::not_a_flatbuffer};
  const auto fail = [&loader](Status status, const auto* where, std::int32_t found = 0) {
    loader.refuse(status, where, found);
    return loader.fault();
  };
  if (model->version() != kSchemaVersion) {
    return fail(Status::unsupported_version, model, static_cast<std::int32_t>(model->version()));
  }
  if (model->subgraphs() == nullptr || model->subgraphs()->size() != 1 ||
      model->operator_codes() == nullptr) {
    return fail(Status::unsupported_graph, model);
  }
  const auto* graph = model->subgraphs()->Get(0);
  if (graph->tensors() == nullptr || graph->operators() == nullptr || graph->inputs() == nullptr ||
      graph->outputs() == nullptr || graph->inputs()->size() != 1 ||
      graph->outputs()->size() != 1) {
    return fail(Status::unsupported_graph, graph);
  }
  loader.graph(model, graph);

  network = {};
  Loader::Tensor current;
  if (!loader.activation(graph->inputs()->Get(0), current)) return loader.fault();
  network.inputs_ = current.width;
  network.float_input_ = current.type == tflite::TensorType::FLOAT32;
  std::size_t widest = current.width;

  const std::uint32_t operators = graph->operators()->size();
  for (std::uint32_t k = 0; k < operators; ++k) {
    const auto* op = graph->operators()->Get(k);
    if (op->opcode_index() >= model->operator_codes()->size()) {
      return fail(Status::unsupported_operator, op, static_cast<std::int32_t>(op->opcode_index()));
    }
    const std::int32_t code = operator_of(model->operator_codes()->Get(op->opcode_index()));
    const auto kind = static_cast<tflite::BuiltinOperator>(code);
    const bool quantise = kind == tflite::BuiltinOperator::QUANTIZE;
    const bool dequantise = kind == tflite::BuiltinOperator::DEQUANTIZE;
    const bool dense = kind == tflite::BuiltinOperator::FULLY_CONNECTED;
    const bool relu = kind == tflite::BuiltinOperator::RELU;
    const bool relu6 = kind == tflite::BuiltinOperator::RELU6;
    if (!quantise && !dequantise && !dense && !relu && !relu6) {
      return fail(Status::unsupported_operator, op, code);
    }
    if (op->inputs() == nullptr || op->outputs() == nullptr || op->inputs()->size() < 1 ||
        op->outputs()->size() != 1 || op->inputs()->Get(0) != current.index) {
      return fail(Status::unsupported_graph, op);
    }
    Loader::Tensor next;
    if (!loader.activation(op->outputs()->Get(0), next)) return loader.fault();
    const bool from_float = current.type == tflite::TensorType::FLOAT32;
    const bool to_float = next.type == tflite::TensorType::FLOAT32;
    const bool at_right_end = quantise ? k == 0 : (!dequantise || k + 1 == operators);
    if (from_float != quantise || to_float != dequantise || !at_right_end) {
      return fail(Status::unsupported_type, op, code);
    }
    if (quantise || dequantise) {
      if (next.width != current.width) return fail(Status::bad_shape, op);
      (quantise ? network.input_scale_ : network.output_scale_) =
          quantise ? next.scale : current.scale;
      network.float_output_ = network.float_output_ || dequantise;
    } else {
      if (network.layer_count_ == kMaxLayers) {
        return fail(Status::too_large, graph, static_cast<std::int32_t>(operators));
      }
      Layer& layer = network.layers_[network.layer_count_++];
      layer.in = current.scale;
      layer.out = next.scale;
      layer.inputs = static_cast<std::uint16_t>(current.width);
      layer.outputs = static_cast<std::uint16_t>(next.width);
      const bool good = dense ? loader.fully_connected(op, current, next, layer)
                              : loader.relu(op, relu6, current, next, layer);
      if (!good) return loader.fault();
    }
    current = next;
    widest = current.width > widest ? current.width : widest;
  }
  if (current.index != graph->outputs()->Get(0) || network.layer_count_ == 0) {
    return fail(Status::unsupported_graph, graph);
  }
  const auto layers = network.layers();
  if (!network.float_input_) network.input_scale_ = layers.front().in;
  if (!network.float_output_) network.output_scale_ = layers.back().out;
  network.outputs_ = current.width;
  const std::size_t each = (widest + 3U) & ~std::size_t{3};
  auto* scratch = loader.arena().take<std::int8_t>(2 * each);
  if (scratch == nullptr) return fail(Status::workspace_too_small, model);
  network.scratch_ = {scratch, 2 * each};
  return {};
}

namespace {

// 1024 products of two int8 stay within 2^24.
#ifdef __ARM_FEATURE_SIMD32
std::uint32_t four_at(const std::int8_t* bytes) {
  std::uint32_t four = 0;
  std::memcpy(&four, bytes, 4);
  return four;
}
/// Of four int8 the even two, or the odd two, as int16.
int16x2_t even_bytes(std::uint32_t four) { return __sxtb16(static_cast<int8x4_t>(four)); }
int16x2_t odd_bytes(std::uint32_t four) {
  int16x2_t two = 0;  // ACLE has no name for an extension that turns first
  asm("sxtb16 %0, %1, ror #8" : "=r"(two) : "r"(four));
  return two;
}

/// Two products an instruction. Not inlined, where the caller's variables would take registers away.
/// @param words  from here to `end` are fewer than four
[[gnu::noinline]] std::int32_t dot_product(const std::int8_t* row, const std::int8_t* words,
                                           const std::int8_t* end, const std::int8_t* from) {
  std::int32_t sum = 0;
  for (; row != words; row += 4, from += 4) {
    const std::uint32_t w = four_at(row);
    const std::uint32_t x = four_at(from);
    sum = __smlad(even_bytes(w), even_bytes(x), sum);
    sum = __smlad(odd_bytes(w), odd_bytes(x), sum);
  }
  while (row != end) sum += *row++ * *from++;
  return sum;
}
#else
std::int32_t dot_product(const std::int8_t* row, const std::int8_t* /*words*/,
                         const std::int8_t* end, const std::int8_t* from) {
  std::int32_t sum = 0;
  const auto size = static_cast<std::size_t>(end - row);
  for (std::size_t i = 0; i < size; ++i) sum += row[i] * from[i];
  return sum;
}
#endif

std::int8_t clamped(std::int32_t code, std::int32_t lowest, std::int32_t highest) {
  const std::int32_t raised = code < lowest ? lowest : code;
  return static_cast<std::int8_t>(raised > highest ? highest : raised);
}

[[gnu::noinline]] void fully_connected(const Int8Network::Layer& layer, const std::int8_t* from,
                                       std::int8_t* to) {
  const std::int8_t* row = layer.weights;
  const std::int32_t* bias = layer.bias;
  const std::int32_t* fraction = layer.fractions;
  const std::int8_t* shift = layer.shifts;
  const std::int8_t* const end = to + layer.outputs;
  do {
    const std::int8_t* const next = row + layer.inputs;
    // Only a hostile bias can wrap the sum.
    const std::int32_t sum = plus(dot_product(row, next - layer.inputs % 4, next, from), *bias++);
    const std::int32_t code = plus(multiply(sum, {*fraction++, *shift++}), layer.out.zero_point);
    *to++ = clamped(code, layer.lowest, layer.highest);
    row = next;
  } while (to != end);
}

}  // namespace

void Int8Network::run_here(std::span<const std::int8_t> input,
                           std::span<std::int8_t> output) const {
  run(layers(), scratch_, input, output);
}

bool Int8Network::assemble(std::span<const Layer> layers, std::span<std::int8_t> scratch,
                           Int8Network& network) {
  if (layers.empty() || layers.size() > kMaxLayers) return false;
  network = {};
  for (const Layer& layer : layers) network.layers_[network.layer_count_++] = layer;
  network.inputs_ = layers.front().inputs;
  network.outputs_ = layers.back().outputs;
  network.input_scale_ = layers.front().in;
  network.output_scale_ = layers.back().out;
  network.scratch_ = scratch;
  return true;
}

void Int8Network::run(std::span<const Layer> layers, std::span<std::int8_t> scratch,
                      std::span<const std::int8_t> input, std::span<std::int8_t> output) {
  const std::int8_t* from = input.data();
  std::size_t at = 0;  // the half of the scratch memory that is written next
  for (const Layer& layer : layers) {
    std::int8_t* to = &layer == &layers.back() ? output.data() : scratch.data() + at;
    at = scratch.size() / 2 - at;
    switch (layer.kind) {
      case Layer::Kind::fully_connected: fully_connected(layer, from, to); break;
      case Layer::Kind::relu: {
        const Multiplier by{layer.fractions[0], layer.shifts[0]};
        for (std::size_t i = 0; i < layer.inputs; ++i) {
          const std::int32_t code =
              plus(multiply(from[i] - layer.in.zero_point, by), layer.out.zero_point);
          to[i] = clamped(code, layer.lowest, layer.highest);
        }
        break;
      }
      case Layer::Kind::clamp:
        for (std::size_t i = 0; i < layer.inputs; ++i) {
          to[i] = clamped(from[i], layer.lowest, layer.highest);
        }
        break;
    }
    from = to;
  }
}

std::size_t Int8Network::multiplications() const {
  std::size_t sum = 0;
  for (const Layer& layer : layers()) {
    if (layer.kind == Layer::Kind::fully_connected) {
      sum += static_cast<std::size_t>(layer.inputs) * layer.outputs;
    }
  }
  return sum;
}

}  // namespace fettle
