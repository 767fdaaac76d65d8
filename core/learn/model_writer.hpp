// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/learn/quantiser.hpp"
#include "core/model/detector_model.hpp"

namespace fettle {

/// What a threshold rests on. The value of `kind` is stored in model files.
struct ThresholdRecord {
  enum class Kind : std::uint8_t { percentile = 1, fixed = 2 };
  Kind kind = Kind::percentile;
  float value = 0.0F;
  float percentile_asked = 0.0F;
  float percentile_used = 0.0F;
  std::uint32_t windows = 0;
  float minutes_missing = 0.0F;
};

/// A recording whose first samples took part: windows that end within `train_rows` samples in
/// training, within `best_epoch_rows` in choosing the epoch, within `rows` in the threshold.
struct UsedRecording {
  std::uint64_t hash = 0;  ///< of the first `rows` samples
  std::uint32_t rows = 0;
  std::uint32_t train_rows = 0;
  std::uint32_t best_epoch_rows = 0;
};

/// Where the normalisation came from. The value is stored in model files.
enum class NormalisationSource : std::uint8_t { zscore = 0, given = 1, none = 2 };

/// Provenance: enough to train the same network again from the same recordings.
struct TrainingRecord {
  std::string_view version;
  std::string_view normal_label;
  std::uint64_t seed = 0;
  std::uint32_t epochs = 0;
  std::uint32_t batch = 0;
  std::uint32_t best_epoch = 0;
  float learning_rate = 0.0F;
  std::span<const std::uint16_t> hidden;
  WeightScales weights = WeightScales::per_channel;
  bool foreign = false;  ///< the network came from another tool
  std::uint64_t data_hash = 0;
  std::uint32_t windows_train = 0;
  std::uint32_t windows_best_epoch = 0;
  std::uint32_t windows_threshold = 0;
  float train_loss = 0.0F;
  float validation_loss = 0.0F;
  std::span<const UsedRecording> used;
};

/// How windows are decided together, and what that rests on.
struct DecisionRecord {
  DecisionSettings settings;
  float asked_per_hour = 0.0F;
  float stated_per_hour = 0.0F;
  float supported_per_hour = 0.0F;
  float normal_hours = 0.0F;
  float minutes_missing = 0.0F;
  float between_sessions = 0.0F;
};

/// Everything of a detector file but the network and the golden vector, which the writer makes.
struct DetectorDescription {
  DetectorKind detector = DetectorKind::autoencoder;
  FeatureSpec features;
  WindowShape window;
  NormalisationSource normalisation = NormalisationSource::zscore;
  Normaliser normaliser;
  ScoreKind score = ScoreKind::reconstruction_mse;
  ThresholdRecord threshold;
  std::optional<DecisionRecord> decision;
  Baseline baseline;                                                ///< written if it has points
  std::array<std::uint32_t, kMostOperatingPoints> point_windows{};  ///< that each rests on
  TrainingRecord training;
};

/// Memory that write_network() and write_record() need at most.
[[nodiscard]] std::size_t network_file_bytes(const NetworkShape& shape);
[[nodiscard]] std::size_t record_bytes(const DetectorDescription& description);

/// Writes a .tflite: int8 in and out, one FULLY_CONNECTED a layer with the ReLU fused.
/// @param record  metadata to carry, empty for a plain file
/// @param memory  network_file_bytes() + record.size() + 64, 16-byte aligned
/// @return the file, inside `memory`; not sealed yet
[[nodiscard]] std::span<std::uint8_t> write_network(const QuantisedNetwork& network,
                                                    std::span<const std::uint8_t> record,
                                                    std::span<std::uint8_t> memory);

/// Writes the metadata alone. The golden vector is what the network makes of `golden_input`.
/// @param golden_input, golden_output  [D]
/// @param memory  record_bytes(), 16-byte aligned   @return the record, inside `memory`
[[nodiscard]] std::span<std::uint8_t> write_record(const DetectorDescription& description,
                                                   std::span<const std::int8_t> golden_input,
                                                   std::span<const std::int8_t> golden_output,
                                                   std::span<std::uint8_t> memory);

/// Puts the checksum into a file that carries a record. False if it carries none.
[[nodiscard]] bool seal(std::span<std::uint8_t> file);

}  // namespace fettle
