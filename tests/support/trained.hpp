// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/learn/model_writer.hpp"
#include "core/learn/statistics.hpp"
#include "core/learn/trainer.hpp"
#include "core/pipeline.hpp"
#include "simulator/machine/machine.hpp"

namespace fettle::test {

/// Memory as floats at a multiple of 16 bytes.
class AlignedFloats {
 public:
  explicit AlignedFloats(std::size_t count) : blocks_(count / 4 + 1), count_(count) {}
  [[nodiscard]] std::span<float> view() { return {blocks_.data()->value, count_}; }

 private:
  struct alignas(16) Block {
    float value[4] = {};
  };
  std::vector<Block> blocks_;
  std::size_t count_;
};

/// Features of the first windows of a simulated machine, [windows][D].
inline std::vector<float> simulated_features(const FeatureSpec& spec, const WindowShape& window,
                                             std::size_t windows, std::uint64_t seed,
                                             const simulator::Faults& faults = {},
                                             std::uint64_t session = 0) {
  simulator::MachineConfig config;
  config.rate_hz = static_cast<double>(window.rate_hz);
  config.faults = faults;
  config.session = session;
  simulator::Machine machine(config, seed);
  FeaturePipeline pipeline(spec, window);
  std::vector<float> features(windows * spec.dimensions());
  for (std::size_t done = 0; done < windows;) {
    if (!pipeline.push(machine.next())) continue;
    pipeline.finish(std::span(features).subspan(done * spec.dimensions(), spec.dimensions()));
    ++done;
  }
  return features;
}

/// A detector trained on a simulated machine with the core alone, as a device would do it.
struct Trained {
  FeatureSpec spec;
  WindowShape window;
  std::vector<std::uint16_t> hidden = {12, 8, 12};
  NetworkShape shape;
  Normaliser normaliser;
  std::vector<float> z;  ///< training windows, [n][D]
  AlignedFloats memory{0};
  Trainer trainer;
  std::vector<std::byte> quantised_memory;
  QuantisedNetwork quantised;

  [[nodiscard]] const FloatNetwork& network() const { return trainer.best(); }
};

/// 80 % of the windows train, the rest chooses the epoch.
inline void train(Trained& t, std::span<const float> features, const TrainingSettings& settings,
                  WeightScales scales = WeightScales::per_channel) {
  const std::size_t dimensions = t.spec.dimensions();
  const std::size_t windows = features.size() / dimensions;
  const std::size_t training = windows * 4 / 5 * dimensions;
  if (fit_normaliser(t.spec, features.first(training), t.normaliser) != Status::ok) {
    __builtin_trap();
  }
  t.z.assign(features.begin(), features.end());
  for (std::size_t at = 0; at < t.z.size(); at += dimensions) {
    const auto row = std::span(t.z).subspan(at, dimensions);
    t.normaliser.apply(row, row);
  }
  t.shape = NetworkShape::autoencoder(dimensions, t.hidden);
  t.memory = AlignedFloats(Trainer::memory_floats(t.shape, training / dimensions));
  const auto rows = std::span(t.z).first(training);
  if (t.trainer.begin(t.shape, settings, rows, std::span(t.z).subspan(training), t.memory.view()) !=
      Status::ok) {
    __builtin_trap();
  }
  while (!t.trainer.step().finished) {
  }
  t.quantised_memory.resize(quantiser_bytes(t.shape));
  if (quantise(t.trainer.best(), rows, scales, t.quantised_memory, t.quantised) != Status::ok) {
    __builtin_trap();
  }
}

/// What stands in a detector file, fixed but for the threshold.
inline DetectorDescription describe_trained(const Trained& t, std::span<const UsedRecording> used,
                                            float threshold = 1.5F) {
  DetectorDescription description;
  description.features = t.spec;
  description.window = t.window;
  description.normaliser = t.normaliser;
  description.threshold = {ThresholdRecord::Kind::percentile, threshold, 99.0F, 95.0F, 20, 3.5F};
  TrainingRecord& training = description.training;
  training.version = "0.0.0-test";
  training.normal_label = "normal";
  training.seed = 7;
  training.epochs = 5;
  training.batch = 32;
  training.best_epoch = 4;
  training.learning_rate = 1e-3F;
  training.hidden = t.hidden;
  training.windows_train = 80;
  training.windows_best_epoch = 20;
  training.used = used;
  return description;
}

/// The file itself, sealed, made by the core's writers alone: network, golden vector, metadata.
inline std::vector<std::uint8_t> detector_bytes(const QuantisedNetwork& network,
                                                const DetectorDescription& description) {
  struct alignas(16) Block {
    std::uint8_t value[16] = {};
  };
  const auto room = [](std::size_t bytes) { return std::vector<Block>(bytes / 16 + 1); };
  const auto view = [](std::vector<Block>& blocks) {
    return std::span(blocks.data()->value, blocks.size() * 16);
  };
  auto plain_room = room(network_file_bytes(network.shape) + 64);
  const auto plain = write_network(network, {}, view(plain_room));
  auto plain_file = room(plain.size());
  for (std::size_t i = 0; i < plain.size(); ++i) view(plain_file)[i] = plain[i];
  const auto file = std::span<const std::uint8_t>(view(plain_file)).first(plain.size());
  auto workspace = room(Int8Network::workspace_bytes(file));
  Int8Network loaded;
  if (!Int8Network::load(file, std::as_writable_bytes(view(workspace)), loaded).ok()) {
    __builtin_trap();
  }
  std::vector<std::int8_t> input(loaded.inputs());
  std::vector<std::int8_t> output(loaded.outputs());
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::int8_t>(i * 37);
  loaded.run(input, output);

  auto record_room = room(record_bytes(description));
  const auto record = write_record(description, input, output, view(record_room));
  auto file_room = room(network_file_bytes(network.shape) + record.size() + 64);
  const auto written = write_network(network, record, view(file_room));
  std::vector<std::uint8_t> bytes(written.begin(), written.end());
  if (!seal(bytes)) __builtin_trap();
  return bytes;
}

}  // namespace fettle::test
