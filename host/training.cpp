// SPDX-License-Identifier: Apache-2.0
#include "host/training.hpp"

#include <algorithm>

namespace fettle::host {
namespace {

std::vector<std::uint32_t> together(std::vector<std::uint32_t> rows,
                                    std::span<const std::uint32_t> more,
                                    std::span<const std::uint32_t> still_more) {
  rows.insert(rows.end(), more.begin(), more.end());
  rows.insert(rows.end(), still_more.begin(), still_more.end());
  // The order of the table is the order of time within each recording.
  std::ranges::sort(rows);
  return rows;
}

void describe_training(const LearningSettings& settings, const LearnedNetwork& learned,
                       TrainingRecord& training) {
  training.weights = settings.weights;
  training.seed = settings.training.seed;
  training.epochs = settings.training.epochs;
  training.batch = settings.training.batch;
  training.learning_rate = settings.training.learning_rate;
  if (settings.detector != DetectorKind::autoencoder) return;
  training.best_epoch = learned.progress.best_epoch;
  training.train_loss = learned.final_train_loss;
  training.validation_loss = learned.progress.best_validation_loss;
}

}  // namespace

TrainedDetector train_detector(const WindowTable& table, Split split, LearningSettings settings,
                               bool choose, const std::string& label, std::string_view version,
                               const EpochListener& on_epoch) {
  TrainedDetector result;
  if (choose) {
    result.choice = choose_detector(table, split, settings);
    settings.detector = result.choice->detector;
  }
  const bool distance = settings.detector == DetectorKind::mahalanobis;
  if (distance || settings.alarms_per_hour) {
    result.calibration = together(split.train, split.best_epoch, split.threshold);
  }
  if (distance) {
    // There is no epoch to choose, and cross-fitting scores each window without having learned from it.
    split.train = result.calibration;
    split.best_epoch.clear();
    split.threshold.clear();
  }
  result.split = std::move(split);
  const Split& parts = result.split;
  result.baseline = learn_baseline(table, together(parts.train, parts.best_epoch, {}));
  const WindowTable around = centred(table, result.baseline.baseline);
  if (distance && !settings.neighbours) {
    settings.neighbours = choose_neighbours(around, parts.train, settings);
  }
  result.neighbours = settings.neighbours.value_or(0.0);
  const LearnedNetwork learned = learn(around, parts.train, parts.best_epoch, settings, on_epoch);

  std::vector<std::uint8_t> plain = plain_file(learned.quantised);
  result.bytes_without_metadata = plain.size();
  const auto network = ModelFile::from_bytes(std::move(plain), "the new network", false);
  CrossFitted fitted;
  if (result.calibration.empty()) {
    fitted.scores =
        int8_scores(learned.score, network->network(), learned.normaliser, around, parts.threshold);
  } else {
    fitted = cross_fit(table, result.calibration, settings);
    result.odd = find_odd_stretch(table, result.calibration, fitted.scores);
  }

  DetectorDescription& description = result.description;
  description.detector = settings.detector;
  description.features = table.spec;
  description.window = table.window;
  description.score = learned.score;
  description.normaliser = learned.normaliser;
  description.baseline = result.baseline.baseline;
  description.point_windows = result.baseline.windows;
  if (settings.alarms_per_hour) {
    description.decision =
        choose_decision(fitted, sessions_of(table, result.calibration), *settings.alarms_per_hour,
                        table.window, settings.decision);
  }
  const std::size_t calibrated = fitted.scores.size();
  if (settings.threshold) {
    description.threshold.kind = ThresholdRecord::Kind::fixed;
    description.threshold.value = *settings.threshold;
  } else {
    description.threshold =
        choose_threshold(std::move(fitted.scores), settings.percentile, table.window,
                         result.calibration.empty() ? kThresholdShare : kCalibrationShare);
  }
  TrainingRecord& training = description.training;
  describe_training(settings, learned, training);
  training.version = version;
  training.normal_label = label;
  training.hidden = settings.hidden;
  training.windows_train = static_cast<std::uint32_t>(parts.train.size());
  training.windows_best_epoch = static_cast<std::uint32_t>(parts.best_epoch.size());
  training.windows_threshold = static_cast<std::uint32_t>(calibrated);
  result.used = used_recordings(table, parts);
  training.used = result.used;
  training.data_hash = data_hash(label, result.used);
  result.file = detector_file(learned.quantised, description);
  // Settings end with this call; the file has them.
  training.hidden = {};
  return result;
}

}  // namespace fettle::host
