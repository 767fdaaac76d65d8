// SPDX-License-Identifier: Apache-2.0
#include "core/learn/model_writer.hpp"

#include <array>

#include "detector_generated.h"
#include "tflite_generated.h"

namespace fettle {
namespace {

/// Gives the builder the caller's memory, once. The sizes asked for above are upper bounds, so the
/// builder never grows; if it did, stopping here is better than writing past the end.
class CallerMemory : public flatbuffers::Allocator {
 public:
  explicit CallerMemory(std::span<std::uint8_t> memory) : memory_(memory) {}

  std::uint8_t* allocate(std::size_t size) override {
    if (size > memory_.size()) __builtin_trap();
    const std::span<std::uint8_t> given = memory_;
    memory_ = {};
    return given.data();
  }
  void deallocate(std::uint8_t* /*bytes*/, std::size_t /*size*/) override {}

 private:
  std::span<std::uint8_t> memory_;
};

class Builder {
 public:
  explicit Builder(std::span<std::uint8_t> memory)
      : allocator_(memory), builder_(memory.size() / 16 * 16, &allocator_) {}

  flatbuffers::FlatBufferBuilder& operator*() { return builder_; }
  flatbuffers::FlatBufferBuilder* operator->() { return &builder_; }
  std::span<std::uint8_t> bytes() { return {builder_.GetBufferPointer(), builder_.GetSize()}; }

 private:
  CallerMemory allocator_;
  flatbuffers::FlatBufferBuilder builder_;
};

using IntVector = flatbuffers::Offset<flatbuffers::Vector<std::int32_t>>;
using LongVector = flatbuffers::Offset<flatbuffers::Vector<std::int64_t>>;

/// Vectors that tensors have in common, written once: shapes, and zero points of weights and biases.
/// LiteRT wants a zero point for each scale although all are zero, which would be the larger part of
/// a small file.
class SharedVectors {
 public:
  explicit SharedVectors(flatbuffers::FlatBufferBuilder& builder) : builder_(builder) {}

  IntVector shape(std::int32_t rows, std::int32_t columns) {
    for (std::size_t i = 0; i < shape_count_; ++i) {
      if (shapes_[i].rows == rows && shapes_[i].columns == columns) return shapes_[i].vector;
    }
    const std::array<std::int32_t, 2> dimensions = {rows, columns};
    const auto vector = builder_.CreateVector(dimensions.data(), dimensions.size());
    shapes_[shape_count_++] = {rows, columns, vector};
    return vector;
  }

  LongVector zeros(std::size_t count) {
    for (std::size_t i = 0; i < zero_count_; ++i) {
      if (zeros_[i].count == count) return zeros_[i].vector;
    }
    constexpr std::array<std::int64_t, kMaxUnits> zero{};
    const auto vector = builder_.CreateVector(zero.data(), count);
    zeros_[zero_count_++] = {count, vector};
    return vector;
  }

 private:
  struct Shape {
    std::int32_t rows, columns;
    IntVector vector;
  };
  struct Zeros {
    std::size_t count;
    LongVector vector;
  };
  flatbuffers::FlatBufferBuilder& builder_;
  std::array<Shape, 1 + 2 * kMaxDenseLayers> shapes_;
  std::array<Zeros, kMaxDenseLayers> zeros_;
  std::size_t shape_count_ = 0;
  std::size_t zero_count_ = 0;
};

flatbuffers::Offset<tflite::Quantization> symmetric(flatbuffers::FlatBufferBuilder& builder,
                                                    SharedVectors& shared,
                                                    std::span<const float> scales) {
  const auto scale = builder.CreateVector(scales.data(), scales.size());
  return tflite::CreateQuantization(builder, 0, 0, scale, shared.zeros(scales.size()));
}

flatbuffers::Offset<tflite::Buffer> buffer(flatbuffers::FlatBufferBuilder& builder,
                                           std::span<const std::uint8_t> bytes) {
  builder.ForceVectorAlignment(bytes.size(), 1, 16);
  return tflite::CreateBuffer(builder, builder.CreateVector(bytes.data(), bytes.size()));
}

template <typename T>
std::span<const std::uint8_t> bytes_of(std::span<const T> values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()};
}

/// "h0", "h1", ...: people see these in a model viewer. Weights and biases have none, for size.
std::array<char, 3> hidden_name(std::size_t k) { return {'h', static_cast<char>('0' + k), '\0'}; }

constexpr std::size_t kTensorsPerLayer = 3;  // weights, biases, output

}  // namespace

std::size_t network_file_bytes(const NetworkShape& shape) {
  std::size_t bytes = 1024;  // model, graph, operator code, metadata entry, empty buffer
  for (std::size_t k = 0; k < shape.layers; ++k) {
    const std::size_t outputs = shape.units[k + 1];
    // Weights; biases, scales and zero points; and for three tensors and an operator their tables,
    // vectors and alignment.
    bytes += outputs * shape.units[k] + (4 + 8 + 8) * outputs + 1024;
  }
  return bytes;
}

std::size_t record_bytes(const DetectorDescription& description) {
  const TrainingRecord& training = description.training;
  return 1024 + description.features.dimensions() * 12 + (description.decision ? 128U : 0U) +
         description.baseline.points *
             (80 + description.features.dimensions() * 4 + description.features.axis_levels() * 4) +
         training.used.size() * 24 + training.version.size() + training.normal_label.size() +
         training.hidden.size() * 2;
}

std::span<std::uint8_t> write_network(const QuantisedNetwork& network,
                                      std::span<const std::uint8_t> record,
                                      std::span<std::uint8_t> memory) {
  Builder builder(memory);
  auto& fbb = *builder;
  const NetworkShape& shape = network.shape;
  SharedVectors shared(fbb);
  std::array<flatbuffers::Offset<tflite::Tensor>, 1 + kTensorsPerLayer * kMaxDenseLayers> tensors;
  std::array<flatbuffers::Offset<tflite::Buffer>, 2 + 2 * kMaxDenseLayers> buffers;
  std::array<flatbuffers::Offset<tflite::Operator>, kMaxDenseLayers> operators;
  std::size_t tensor_count = 0;
  std::size_t buffer_count = 0;

  const auto activation = [&](const char* name, std::int32_t width, const TensorScale& scale) {
    const auto shape_vector = shared.shape(1, width);
    const auto name_string = fbb.CreateString(name);
    const std::int64_t zero_point = scale.zero_point;
    const auto scale_vector = fbb.CreateVector(&scale.scale, 1);
    const auto zero_vector = fbb.CreateVector(&zero_point, 1);
    const auto quant = tflite::CreateQuantization(fbb, 0, 0, scale_vector, zero_vector);
    return tflite::CreateTensor(fbb, shape_vector, tflite::TensorType::INT8, 0, name_string, quant);
  };

  const auto relu = tflite::CreateFullyConnectedOptions(fbb, tflite::Activation::RELU);
  const auto linear = tflite::CreateFullyConnectedOptions(fbb);
  buffers[buffer_count++] = tflite::CreateBuffer(fbb);  // by convention buffer 0 is empty
  tensors[tensor_count++] = activation("input", shape.units[0], network.input);
  for (std::size_t k = 0; k < shape.layers; ++k) {
    const QuantisedNetwork::Layer& layer = network.layers[k];
    const auto outputs = static_cast<std::int32_t>(shape.units[k + 1]);
    const auto input_tensor = static_cast<std::int32_t>(k == 0 ? 0 : tensor_count - 1);
    const auto first_tensor = static_cast<std::int32_t>(tensor_count);

    buffers[buffer_count++] = buffer(fbb, bytes_of(layer.weights));
    buffers[buffer_count++] = buffer(fbb, bytes_of(layer.biases));
    const auto weight_shape = shared.shape(outputs, shape.units[k]);
    const auto weight_quant = symmetric(fbb, shared, layer.weight_scales);
    tensors[tensor_count++] =
        tflite::CreateTensor(fbb, weight_shape, tflite::TensorType::INT8,
                             static_cast<std::uint32_t>(buffer_count - 2), 0, weight_quant);
    const auto bias_shape = fbb.CreateVector(&outputs, 1);
    const auto bias_quant = symmetric(fbb, shared, layer.bias_scales);
    tensors[tensor_count++] =
        tflite::CreateTensor(fbb, bias_shape, tflite::TensorType::INT32,
                             static_cast<std::uint32_t>(buffer_count - 1), 0, bias_quant);
    const bool last = k + 1 == shape.layers;
    tensors[tensor_count++] =
        activation(last ? "output" : hidden_name(k).data(), outputs, layer.output);

    const std::array<std::int32_t, 3> inputs = {input_tensor, first_tensor, first_tensor + 1};
    const std::int32_t output = first_tensor + 2;
    const auto input_vector = fbb.CreateVector(inputs.data(), inputs.size());
    const auto output_vector = fbb.CreateVector(&output, 1);
    operators[k] = tflite::CreateOperator(fbb, 0, input_vector, output_vector,
                                          tflite::Options::FullyConnectedOptions,
                                          (last ? linear : relu).Union());
  }

  const std::int32_t graph_input = 0;
  const auto graph_output = static_cast<std::int32_t>(tensor_count - 1);
  const auto tensor_vector = fbb.CreateVector(tensors.data(), tensor_count);
  const auto graph_inputs = fbb.CreateVector(&graph_input, 1);
  const auto graph_outputs = fbb.CreateVector(&graph_output, 1);
  const auto operator_vector = fbb.CreateVector(operators.data(), shape.layers);
  const auto graph_name = fbb.CreateString("main");
  const auto graph = tflite::CreateSubGraph(fbb, tensor_vector, graph_inputs, graph_outputs,
                                            operator_vector, graph_name);
  const auto graphs = fbb.CreateVector(&graph, 1);
  // Per-channel weights are version 5 of the operator in TensorFlow Lite's list; older readers
  // look at the byte, newer ones at the number.
  const auto code = tflite::CreateOperatorCode(
      fbb, static_cast<std::int8_t>(tflite::BuiltinOperator::FULLY_CONNECTED), 0,
      network.layers[0].weight_scales.size() > 1 ? 5 : 4, tflite::BuiltinOperator::FULLY_CONNECTED);
  const auto codes = fbb.CreateVector(&code, 1);

  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<tflite::Metadata>>> metadata;
  if (!record.empty()) {
    buffers[buffer_count++] = buffer(fbb, record);
    const auto name = fbb.CreateString(kMetadataName);
    const auto entry =
        tflite::CreateMetadata(fbb, name, static_cast<std::uint32_t>(buffer_count - 1));
    metadata = fbb.CreateVector(&entry, 1);
  }
  const auto description = fbb.CreateString(record.empty() ? "Fettle network" : kDescription);
  const auto buffer_vector = fbb.CreateVector(buffers.data(), buffer_count);
  tflite::FinishModelBuffer(
      fbb, tflite::CreateModel(fbb, 3, codes, graphs, description, buffer_vector, 0, metadata));
  return builder.bytes();
}

std::span<std::uint8_t> write_record(const DetectorDescription& description,
                                     std::span<const std::int8_t> golden_input,
                                     std::span<const std::int8_t> golden_output,
                                     std::span<std::uint8_t> memory) {
  Builder builder(memory);
  auto& fbb = *builder;
  // The checksum must have bytes of its own even while it is zero.
  fbb.ForceDefaults(true);
  const TrainingRecord& from = description.training;
  const std::size_t dimensions = description.features.dimensions();

  const auto version = fbb.CreateString(from.version.data(), from.version.size());
  const auto label = fbb.CreateString(from.normal_label.data(), from.normal_label.size());
  const auto hidden = fbb.CreateVector(from.hidden.data(), from.hidden.size());
  metadata::Used* used_memory = nullptr;
  const auto used = fbb.CreateUninitializedVectorOfStructs(from.used.size(), &used_memory);
  for (std::size_t i = 0; i < from.used.size(); ++i) {
    used_memory[i] = metadata::Used(from.used[i].hash, from.used[i].rows, from.used[i].train_rows,
                                    from.used[i].best_epoch_rows);
  }
  metadata::TrainingBuilder training(fbb);
  training.add_seed(from.seed);
  training.add_data_hash(from.data_hash);
  training.add_version(version);
  training.add_epochs(from.epochs);
  training.add_batch(from.batch);
  training.add_best_epoch(from.best_epoch);
  training.add_learning_rate(from.learning_rate);
  training.add_hidden(hidden);
  training.add_normal_label(label);
  training.add_windows_train(from.windows_train);
  training.add_windows_best_epoch(from.windows_best_epoch);
  training.add_windows_threshold(from.windows_threshold);
  training.add_train_loss(from.train_loss);
  training.add_validation_loss(from.validation_loss);
  training.add_used(used);
  training.add_weights(static_cast<metadata::Weights>(from.weights));
  training.add_foreign(from.foreign);
  const auto training_table = training.Finish();

  const ThresholdRecord& t = description.threshold;
  const auto threshold = metadata::CreateThreshold(
      fbb, static_cast<metadata::ThresholdKind>(t.kind), t.value, t.percentile_asked,
      t.percentile_used, t.windows, t.minutes_missing);
  flatbuffers::Offset<metadata::Decision> decision;
  if (description.decision) {
    const DecisionRecord& d = *description.decision;
    const DecisionSettings& s = d.settings;
    const metadata::Sequential settings(s.location, s.scale, s.cap, s.reference, s.limit, s.lambda,
                                        static_cast<metadata::DecisionKind>(s.kind), s.k, s.n);
    decision = metadata::CreateDecision(fbb, &settings, d.asked_per_hour, d.stated_per_hour,
                                        d.supported_per_hour, d.normal_hours, d.minutes_missing,
                                        d.between_sessions);
  }
  flatbuffers::Offset<metadata::Baseline> baseline;
  if (const Baseline& b = description.baseline; b.points > 0) {
    std::array<flatbuffers::Offset<metadata::OperatingPoint>, kMostOperatingPoints> points;
    for (std::size_t i = 0; i < b.points; ++i) {
      const OperatingPoint& point = b.point[i];
      const auto mean_there = fbb.CreateVector(point.mean.data(), dimensions);
      const auto axis_mean = fbb.CreateVector(point.axis_mean.data(), point.axis_mean.size());
      points[i] =
          metadata::CreateOperatingPoint(fbb, point.low_hz, point.high_hz, point.centre_hz,
                                         description.point_windows[i], mean_there, axis_mean);
    }
    const auto point_vector = fbb.CreateVector(points.data(), b.points);
    const auto gravity = fbb.CreateVector(b.gravity.data(), b.gravity.size());
    baseline = metadata::CreateBaseline(fbb, point_vector, b.off_g, b.confidence, b.steady_ratio,
                                        b.margin, gravity, b.moved_cosine);
  }
  const std::uint16_t format = description.decision || description.baseline.points > 0 ? 2 : 1;
  const auto input = fbb.CreateVector(golden_input.data(), golden_input.size());
  const auto output = fbb.CreateVector(golden_output.data(), golden_output.size());
  const auto golden = metadata::CreateGolden(fbb, input, output);
  const auto mean = fbb.CreateVector(description.normaliser.mean.data(), dimensions);
  const auto scale = fbb.CreateVector(description.normaliser.scale.data(), dimensions);
  const metadata::Window window(description.window.samples, description.window.samples,
                                description.window.rate_hz);
  metadata::FinishDetectorRecordBuffer(
      fbb, metadata::CreateDetectorRecord(
               fbb, 0, format, static_cast<metadata::Detector>(description.detector),
               static_cast<metadata::FeatureSet>(description.features.set),
               description.features.axes, description.features.with_mean, &window,
               static_cast<metadata::Normalisation>(description.normalisation), mean, scale,
               static_cast<metadata::Score>(description.score), threshold, golden, training_table,
               decision, baseline));
  return builder.bytes();
}

bool seal(std::span<std::uint8_t> file) {
  std::size_t offset = 0;
  std::uint32_t crc = 0;
  if (!locate_checksum(file, offset, crc)) return false;
  for (std::size_t i = 0; i < 4; ++i) file[offset + i] = static_cast<std::uint8_t>(crc >> (8 * i));
  return true;
}

}  // namespace fettle
