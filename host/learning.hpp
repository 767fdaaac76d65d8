// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/learn/model_writer.hpp"
#include "core/learn/trainer.hpp"
#include "host/dataset.hpp"
#include "host/model_file.hpp"

namespace fettle::host {

/// Where a window comes from.
struct WindowOrigin {
  std::uint32_t recording = 0;  ///< index into WindowTable::recordings
  std::uint32_t end_row = 0;    ///< samples of the recording up to the window's end
  std::int64_t start_us = 0;
  std::uint64_t prefix_hash = 0;  ///< SampleHash of those samples
};

/// The features of every window of some recordings: D floats a window instead of samples, so that
/// memory stays small for any length of recording.
struct WindowTable {
  FeatureSpec spec;
  WindowShape window;
  std::vector<RecordingEntry> recordings;
  std::vector<float> features;  ///< [n][D], in order of recording and time
  std::vector<WindowOrigin> origins;
  std::uint64_t gaps = 0;

  [[nodiscard]] std::size_t size() const { return origins.size(); }
  [[nodiscard]] std::span<const float> row(std::size_t i) const {
    return std::span(features).subspan(i * spec.dimensions(), spec.dimensions());
  }
  [[nodiscard]] const RecordingEntry& recording_of(std::size_t i) const {
    return recordings[origins[i].recording];
  }
};

/// Computes the features of all complete windows of recordings whose label passes `wanted`.
/// Throws Error(bad_input) for a sample out of any sensor's range, or three axes where `spec` wants
/// six.
[[nodiscard]] WindowTable read_windows(const DataSet& data, const FeatureSpec& spec,
                                       const WindowShape& window,
                                       const std::function<bool(const std::string&)>& wanted);

/// The parts of a split, as indices into a WindowTable, each in order of source and time.
struct Split {
  std::vector<std::uint32_t> train, best_epoch, threshold, evaluation;
};

/// Splits each source by itself in time: 55 % training, 10 % best epoch, 20 % threshold, 15 %
/// evaluation, so that every operating condition is in every part and judging always happens later
/// than learning. Sources of fewer than 20 windows (one-second files that carry time stamps) are
/// taken together by folder.
[[nodiscard]] Split split_by_time(const WindowTable& table);

/// What the user asked of `fettle train`.
struct LearningSettings {
  DetectorKind detector = DetectorKind::autoencoder;
  std::vector<std::uint16_t> hidden = {12, 8, 12};
  TrainingSettings training;
  WeightScales weights = WeightScales::per_channel;
  double percentile = 99.0;
  std::optional<float> threshold;  ///< given by hand: no percentile
};

/// Called after each epoch.
using EpochListener = std::function<void(const Trainer::Progress&)>;

/// A network trained and quantised, with what it was trained on.
struct LearnedNetwork {
  Normaliser normaliser;
  FloatNetwork network;        ///< of the best epoch; parameters lie in `memory`
  QuantisedNetwork quantised;  ///< lies in `quantised_memory`
  Trainer::Progress progress;
  float final_train_loss = 0;  ///< of the best network over all training windows
  std::vector<float> memory;
  std::vector<std::byte> quantised_memory;
};

/// Fits the normaliser, trains on `train`, chooses the epoch on `best_epoch`, quantises.
/// The same rows, settings and seed give the same bits.
/// Throws Error(too_little_data) or Error(bad_input).
[[nodiscard]] LearnedNetwork learn(const WindowTable& table, std::span<const std::uint32_t> train,
                                   std::span<const std::uint32_t> best_epoch,
                                   const LearningSettings& settings,
                                   const EpochListener& on_epoch = {});

/// Scores of some windows by an int8 network, in order.
[[nodiscard]] std::vector<float> int8_scores(const Int8Network& network,
                                             const Normaliser& normaliser, const WindowTable& table,
                                             std::span<const std::uint32_t> rows);
/// The same score by a float network.
[[nodiscard]] std::vector<float> float_scores(const FloatNetwork& network,
                                              const Normaliser& normaliser,
                                              const WindowTable& table,
                                              std::span<const std::uint32_t> rows);

/// The threshold for scores of held-out normal windows. Where they are too few for the percentile
/// asked, the highest that they support, with the minutes of recording that are missing.
/// Throws Error(too_little_data) below 20 windows.
[[nodiscard]] ThresholdRecord choose_threshold(std::vector<float> scores, double percentile,
                                               const WindowShape& window);

/// Which samples of which recordings took part, for the model's provenance.
[[nodiscard]] std::vector<UsedRecording> used_recordings(const WindowTable& table,
                                                         const Split& split);
/// One number over hashes and label of all used recordings.
[[nodiscard]] std::uint64_t data_hash(const std::string& label,
                                      std::span<const UsedRecording> used);

/// Share of a recording that the threshold part is, for "minutes still missing".
inline constexpr double kThresholdShare = 0.20;

}  // namespace fettle::host
