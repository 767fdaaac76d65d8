// SPDX-License-Identifier: Apache-2.0
#include "host/learning.hpp"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "core/learn/statistics.hpp"
#include "core/pipeline.hpp"
#include "host/error.hpp"
#include "host/progress.hpp"

namespace fettle::host {
namespace {

/// Sources with fewer windows are taken together by folder.
constexpr std::size_t kFewestWindowsOfSource = 20;
std::size_t count_rows(const DataSet& data, const std::function<bool(const std::string&)>& wanted) {
  std::size_t rows = 0;
  for (const auto& entry : data.recordings()) {
    if (wanted(entry.label)) rows += entry.rows;
  }
  return rows;
}

/// Features of the chosen windows as z-scores, [n][D].
std::vector<float> z_rows(const WindowTable& table, std::span<const std::uint32_t> rows,
                          const Normaliser& normaliser) {
  const std::size_t dimensions = table.spec.dimensions();
  std::vector<float> z(rows.size() * dimensions);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    normaliser.apply(table.row(rows[i]), std::span(z).subspan(i * dimensions, dimensions));
  }
  return z;
}

/// `score` of each chosen window's z-scores, in order.
template <typename Score>
std::vector<float> scores_of(const Normaliser& normaliser, const WindowTable& table,
                             std::span<const std::uint32_t> rows, Score&& score) {
  std::vector<float> scores;
  scores.reserve(rows.size());
  std::array<float, kMaxFeatures> buffer{};
  const auto z = std::span(buffer).first(table.spec.dimensions());
  for (const std::uint32_t row : rows) {
    normaliser.apply(table.row(row), z);
    scores.push_back(score(z));
  }
  return scores;
}

}  // namespace

WindowTable read_windows(const DataSet& data, const FeatureSpec& spec, const WindowShape& window,
                         const std::function<bool(const std::string&)>& wanted) {
  if (spec.axes > data.axes()) {
    throw Error(
        ExitCode::bad_input,
        fmt::format("{}: recordings have {} axes, expected {}. Record the gyroscope too, or "
                    "train a model on these recordings.",
                    data.folder().string(), data.axes(), spec.axes));
  }
  WindowTable table;
  table.spec = spec;
  table.window = window;
  const std::size_t rows = count_rows(data, wanted);
  const std::size_t dimensions = spec.dimensions();
  // dataset.json is not trusted to say how much memory to take: what it promises beyond a day's
  // recording at 200 Hz grows as it is read.
  const std::size_t expected = std::min<std::size_t>(rows / window.samples, 135'000);
  table.features.reserve(expected * dimensions);
  table.origins.reserve(expected);
  Progress progress("reading", rows);
  std::uint64_t rows_done = 0;
  std::array<float, kMaxFeatures> features{};
  for (const auto& entry : data.recordings()) {
    if (!wanted(entry.label)) continue;
    const auto index = static_cast<std::uint32_t>(table.recordings.size());
    table.recordings.push_back(entry);
    RecordingReader reader = data.read(entry);
    SampleHash hash(reader.axes());
    FeaturePipeline pipeline(spec, window);
    std::uint32_t row = 0;
    std::size_t hashed = 0;
    for (auto block = reader.next_block(); !block.empty(); block = reader.next_block()) {
      for (std::size_t i = 0; i < block.size(); ++i) {
        ++row;
        if (!pipeline.push(block[i])) continue;
        pipeline.finish(features);
        table.features.insert(table.features.end(), features.begin(),
                              features.begin() + static_cast<std::ptrdiff_t>(dimensions));
        hash.add(block.subspan(hashed, i + 1 - hashed));
        hashed = i + 1;
        table.origins.push_back({index, row, pipeline.start_us(), hash.value()});
      }
      hash.add(block.subspan(hashed));
      hashed = 0;
      rows_done += block.size();
      progress.at(rows_done);
    }
    data.check_unchanged(entry, row, hash.value());
    table.gaps += pipeline.gaps() + pipeline.backwards();
  }
  return table;
}

Split split_by_time(const WindowTable& table) {
  std::map<std::string, std::size_t> windows_of_source;
  for (const auto& origin : table.origins) {
    ++windows_of_source[table.recordings[origin.recording].source];
  }
  const auto group_of = [&](const std::string& source) {
    if (windows_of_source[source] >= kFewestWindowsOfSource) return source;
    return source.substr(0, source.find('/'));
  };
  std::map<std::string, std::vector<std::uint32_t>> groups;
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    groups[group_of(table.recording_of(i).source)].push_back(i);
  }
  Split split;
  for (const auto& [name, rows] : groups) {
    const auto until = [&rows = rows](std::size_t percent) {
      return rows.begin() + static_cast<std::ptrdiff_t>(rows.size() * percent / 100);
    };
    split.train.insert(split.train.end(), rows.begin(), until(55));
    split.best_epoch.insert(split.best_epoch.end(), until(55), until(65));
    split.threshold.insert(split.threshold.end(), until(65), until(85));
    split.evaluation.insert(split.evaluation.end(), until(85), rows.end());
  }
  // The order of training is the order of the table, which the model's provenance keeps.
  for (auto* part : {&split.train, &split.best_epoch, &split.threshold, &split.evaluation}) {
    std::ranges::sort(*part);
  }
  return split;
}

LearnedNetwork learn(const WindowTable& table, std::span<const std::uint32_t> train,
                     std::span<const std::uint32_t> best_epoch, const LearningSettings& settings,
                     const EpochListener& on_epoch) {
  const std::size_t dimensions = table.spec.dimensions();
  const NetworkShape shape = NetworkShape::autoencoder(dimensions, settings.hidden);
  if (shape.layers == 0) {
    throw Error(ExitCode::usage, fmt::format("--hidden: expected 1 to {} layers of 1 to {} units",
                                             kMaxDenseLayers - 1, kMaxUnits));
  }
  LearnedNetwork result;
  {
    std::vector<float> features(train.size() * dimensions);
    for (std::size_t i = 0; i < train.size(); ++i) {
      std::ranges::copy(table.row(train[i]),
                        features.begin() + static_cast<std::ptrdiff_t>(i * dimensions));
    }
    if (const Status status = fit_normaliser(table.spec, features, result.normaliser);
        status != Status::ok) {
      throw Error(ExitCode::too_little_data, fmt::format("training: {}", describe(status)));
    }
  }
  const auto train_rows = z_rows(table, train, result.normaliser);
  const auto validation_rows = z_rows(table, best_epoch, result.normaliser);
  result.memory.resize(Trainer::memory_floats(shape, train.size()));
  Trainer trainer;
  if (const Status status =
          trainer.begin(shape, settings.training, train_rows, validation_rows, result.memory);
      status != Status::ok) {
    throw Error(ExitCode::usage, fmt::format("training: {}", describe(status)));
  }
  Progress progress("training", settings.training.epochs);
  while (!trainer.progress().finished) {
    if (!trainer.step().epoch_complete) continue;
    progress.at(trainer.progress().epoch);
    if (on_epoch) on_epoch(trainer.progress());
  }
  result.progress = trainer.progress();
  result.network = trainer.best();
  result.final_train_loss = reconstruction_loss(result.network, train_rows);
  if (!std::isfinite(result.final_train_loss)) {
    throw Error(ExitCode::bad_input,
                "training diverged: the loss is not a number. Look at the data with 'fettle "
                "inspect', or lower --learning-rate.");
  }
  result.quantised_memory.resize(quantiser_bytes(shape));
  if (const Status status = quantise(result.network, train_rows, settings.weights,
                                     result.quantised_memory, result.quantised);
      status != Status::ok) {
    throw Error(ExitCode::bad_input, fmt::format("quantisation: {}", describe(status)));
  }
  return result;
}

std::vector<float> int8_scores(const Int8Network& network, const Normaliser& normaliser,
                               const WindowTable& table, std::span<const std::uint32_t> rows) {
  return scores_of(normaliser, table, rows,
                   [&](std::span<const float> z) { return reconstruction_error(network, z); });
}

std::vector<float> float_scores(const FloatNetwork& network, const Normaliser& normaliser,
                                const WindowTable& table, std::span<const std::uint32_t> rows) {
  return scores_of(normaliser, table, rows,
                   [&](std::span<const float> z) { return reconstruction_loss(network, z); });
}

ThresholdRecord choose_threshold(std::vector<float> scores, double percentile,
                                 const WindowShape& window) {
  const std::size_t n = scores.size();
  const auto minutes = [&](std::size_t windows) {
    return static_cast<double>(windows) * window.seconds() / kThresholdShare / 60.0;
  };
  if (n < kFewestThresholdWindows) {
    throw Error(
        ExitCode::too_little_data,
        fmt::format("threshold: {} held-out normal windows, expected at least {}. Record at "
                    "least {:.1f} more minutes of normal running, or give --threshold.",
                    n, kFewestThresholdWindows, minutes(kFewestThresholdWindows - n)));
  }
  std::ranges::sort(scores);
  ThresholdRecord record;
  record.windows = static_cast<std::uint32_t>(n);
  record.percentile_asked = static_cast<float>(percentile);
  record.percentile_used = record.percentile_asked;
  double used = percentile;
  const std::size_t needed = windows_for_percentile(percentile);
  if (needed > n) {
    used = highest_percentile(n);
    record.percentile_used = static_cast<float>(used);
    record.minutes_missing = static_cast<float>(minutes(needed - n));
  }
  record.value = percentile_of_sorted(scores, used);
  return record;
}

std::vector<UsedRecording> used_recordings(const WindowTable& table, const Split& split) {
  std::vector<UsedRecording> used(table.recordings.size());
  const auto note = [&](std::span<const std::uint32_t> rows, auto&& member) {
    for (const std::uint32_t row : rows) {
      const WindowOrigin& origin = table.origins[row];
      UsedRecording& recording = used[origin.recording];
      if (member != nullptr) recording.*member = origin.end_row;
      recording.rows = origin.end_row;
      recording.hash = origin.prefix_hash;
    }
  };
  note(split.train, &UsedRecording::train_rows);
  note(split.best_epoch, &UsedRecording::best_epoch_rows);
  note(split.threshold, static_cast<std::uint32_t UsedRecording::*>(nullptr));
  for (auto& recording : used) {
    recording.best_epoch_rows = std::max(recording.best_epoch_rows, recording.train_rows);
  }
  std::erase_if(used, [](const UsedRecording& recording) { return recording.rows == 0; });
  return used;
}

std::uint64_t data_hash(const std::string& label, std::span<const UsedRecording> used) {
  XXH3_state_t* state = XXH3_createState();
  XXH3_64bits_reset(state);
  const auto add = [state](const auto& value) { XXH3_64bits_update(state, &value, sizeof(value)); };
  for (const UsedRecording& recording : used) {
    add(recording.hash);
    add(recording.rows);
    XXH3_64bits_update(state, label.data(), label.size());
  }
  const std::uint64_t value = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return value;
}

}  // namespace fettle::host
