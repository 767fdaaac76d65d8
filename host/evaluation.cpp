// SPDX-License-Identifier: Apache-2.0
#include "host/evaluation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <unordered_map>

#include "core/decision/threshold_decision.hpp"
#include "core/learn/statistics.hpp"
#include "core/score/reconstruction.hpp"
#include "detector_generated.h"
#include "host/error.hpp"
#include "host/learning.hpp"

namespace fettle::host {
namespace {

using Rows = std::vector<std::uint32_t>;

/// Which windows of a table the model has seen, and which are left to judge it by.
struct Known {
  Split used;  ///< train, best_epoch and threshold as they were at training, in its order
  std::size_t listed = 0;  ///< recordings of training
  std::size_t found = 0;   ///< of those, recognised
  bool complete = false;   ///< all of them, with all windows
  std::size_t left_out = 0;
  Rows unseen;
};

/// Recognises recordings by the hash of the samples that training used, wherever they are now.
Known recognise(const WindowTable& table, const metadata::DetectorRecord& record) {
  const metadata::Training& training = *record.training();
  struct Match {
    std::uint32_t used = 0;       // index into the list of training
    std::uint32_t recording = 0;  // index into the table
  };
  const auto* list = training.used();
  std::unordered_multimap<std::uint64_t, std::uint32_t> by_hash;
  const std::uint32_t listed = list == nullptr ? 0 : list->size();
  for (std::uint32_t i = 0; i < listed; ++i) by_hash.emplace(list->Get(i)->hash(), i);

  std::vector<Match> matches;
  for (const WindowOrigin& origin : table.origins) {
    const auto [first, last] = by_hash.equal_range(origin.prefix_hash);
    for (auto it = first; it != last; ++it) {
      if (list->Get(it->second)->rows() == origin.end_row) {
        matches.push_back({it->second, origin.recording});
      }
    }
  }

  std::vector<std::uint32_t> seen_rows(table.recordings.size());
  if (const auto* rebase = record.rebase(); rebase != nullptr) {
    for (const WindowOrigin& origin : table.origins) {
      for (const auto* used : *rebase->used()) {
        if (used->rows() != origin.end_row || used->hash() != origin.prefix_hash) continue;
        seen_rows[origin.recording] = std::max(seen_rows[origin.recording], used->rows());
      }
    }
  }
  std::vector<std::int64_t> recording_of(listed, -1);
  for (const Match& match : matches) {
    seen_rows[match.recording] =
        std::max(seen_rows[match.recording], list->Get(match.used)->rows());
    if (recording_of[match.used] < 0) recording_of[match.used] = match.recording;
  }
  std::vector<Rows> windows_of(table.recordings.size());
  Known known;
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    const WindowOrigin& origin = table.origins[i];
    windows_of[origin.recording].push_back(i);
    if (origin.end_row - table.window.samples >= seen_rows[origin.recording]) {
      known.unseen.push_back(i);
    }
  }
  known.left_out = table.size() - known.unseen.size();
  known.listed = listed;
  for (std::uint32_t i = 0; i < listed; ++i) {
    if (recording_of[i] < 0) continue;
    ++known.found;
    const auto* used = list->Get(i);
    for (const std::uint32_t row : windows_of[static_cast<std::size_t>(recording_of[i])]) {
      const std::uint32_t end = table.origins[row].end_row;
      if (end <= used->train_rows()) {
        known.used.train.push_back(row);
      } else if (end <= used->best_epoch_rows()) {
        known.used.best_epoch.push_back(row);
      } else if (end <= used->rows()) {
        known.used.threshold.push_back(row);
      }
    }
  }
  // What training gives again is the model before it was rebased.
  known.complete = known.found == listed && listed > 0 && record.rebase() == nullptr &&
                   known.used.train.size() == training.windows_train() &&
                   known.used.best_epoch.size() == training.windows_best_epoch();
  return known;
}

LearningSettings stored_settings(const metadata::DetectorRecord& record) {
  const auto& training = *record.training();
  LearningSettings settings;
  settings.detector = static_cast<DetectorKind>(record.detector());
  settings.hidden.assign(training.hidden()->begin(), training.hidden()->end());
  settings.training.epochs = training.epochs();
  settings.training.batch = training.batch();
  settings.training.seed = training.seed();
  settings.training.learning_rate = training.learning_rate();
  settings.weights = static_cast<WeightScales>(training.weights());
  return settings;
}

/// The int8 network's own weights in float32: what is left to compare with when the float network
/// cannot be trained again. @param values  input [inputs], then overwritten
std::vector<float> run_in_float(const Int8Network& network, std::vector<float> values) {
  using Layer = Int8Network::Layer;
  for (const Layer& layer : network.layers()) {
    std::vector<float> next(layer.outputs);
    for (std::size_t o = 0; o < layer.outputs; ++o) {
      if (layer.kind != Layer::Kind::fully_connected) {
        next[o] = values[o];
      } else {
        const float scale = layer.weight_scales[layer.per_channel ? o : 0];
        const std::int8_t* row = layer.weights + o * layer.inputs;
        std::int32_t weight_sum = 0;
        float products = 0.0F;
        for (std::size_t i = 0; i < layer.inputs; ++i) {
          weight_sum += row[i];
          products += static_cast<float>(row[i]) * values[i];
        }
        const double bias = static_cast<double>(layer.bias[o]) +
                            static_cast<double>(layer.in.zero_point) * weight_sum;
        next[o] = scale * (products + layer.in.scale * static_cast<float>(bias));
      }
      if (layer.activation != Layer::Activation::none) next[o] = std::max(next[o], 0.0F);
      if (layer.activation == Layer::Activation::relu6) next[o] = std::min(next[o], 6.0F);
    }
    values = std::move(next);
  }
  return values;
}

std::vector<float> scores_in_float(const DetectorModel& model, const WindowTable& table,
                                   std::span<const std::uint32_t> rows) {
  std::vector<float> scores;
  std::vector<float> z(table.spec.dimensions());
  for (const std::uint32_t row : rows) {
    model.normaliser.apply(table.row(row), z);
    const auto output = run_in_float(model.network, z);
    const bool reconstructs = model.score == ScoreKind::reconstruction_mse;
    float sum = 0.0F;
    for (std::size_t i = 0; i < z.size(); ++i) {
      const float error = reconstructs ? z[i] - output[i] : output[i];
      sum += error * error;
    }
    scores.push_back(sum / static_cast<float>(z.size()));
  }
  return scores;
}

/// Normal and fault scores out of one list in the order of `rows`.
struct ByLabel {
  std::vector<float> normal, faults;
  std::map<std::string, std::vector<float>> classes;
};

ByLabel by_label(const WindowTable& table, std::span<const std::uint32_t> rows,
                 std::span<const float> scores, const std::string& normal_label) {
  ByLabel result;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string& label = table.recording_of(rows[i]).label;
    if (label == normal_label) {
      result.normal.push_back(scores[i]);
    } else {
      result.faults.push_back(scores[i]);
      result.classes[label].push_back(scores[i]);
    }
  }
  return result;
}

double share_above(std::span<const float> scores, float threshold) {
  const ThresholdDecision decision(threshold);
  const auto above = std::ranges::count_if(
      scores, [&](float score) { return decision.judge(score) == Verdict::anomaly; });
  return scores.empty() ? 0.0 : static_cast<double>(above) / static_cast<double>(scores.size());
}

double mean_of(std::span<const float> values) {
  double sum = 0.0;
  for (const float value : values) sum += static_cast<double>(value);
  return values.empty() ? 0.0 : sum / static_cast<double>(values.size());
}

/// What was decided about the windows of one label.
struct Decided {
  std::uint64_t windows = 0, above = 0, raised = 0, alarms = 0, cannot_judge = 0, moved = 0;
  Reason reason = Reason::none;  ///< why the last could not be judged
  std::uint64_t sessions = 0;
  std::vector<double> delays_s;    ///< from onset to a session's first alarm, ascending
  std::uint64_t growing = 0;       ///< sessions
  std::vector<double> severities;  ///< at the first alarm of those, ascending
};

bool grows(const std::vector<SeverityPoint>& severity) {
  return std::ranges::any_of(severity, [&](const SeverityPoint& point) {
    return point.severity != severity.front().severity;
  });
}

/// Takes out windows that begin before there is a fault, by what dataset.json says, however they are labelled.
/// @return how many of each label
std::map<std::string, std::uint64_t> leave_out_before_onset(const WindowTable& table,
                                                            const std::string& normal_label,
                                                            Rows& rows) {
  std::map<std::string, std::uint64_t> left_out;
  std::erase_if(rows, [&](std::uint32_t row) {
    const RecordingEntry& recording = table.recording_of(row);
    if (recording.label == normal_label || recording.severity.empty() ||
        table.begin_s(row) >= onset_of(recording.severity)) {
      return false;
    }
    ++left_out[recording.label];
    return true;
  });
  return left_out;
}

std::map<std::string, Decided> decide(const DetectorModel& model, const WindowTable& table,
                                      std::span<const std::uint32_t> rows) {
  std::map<std::string, Decided> result;
  const std::vector<WindowResult> judged = judge_windows(model, table, rows);
  const SourceGroups sources(table);
  std::optional<std::uint32_t> session;  // its first row
  double onset_s = 0.0;                  // by the time of its first recording
  std::uint64_t in_session = 0;
  bool found = false;
  const ThresholdDecision threshold(model.threshold);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const RecordingEntry& recording = table.recording_of(rows[i]);
    Decided& label = result[recording.label];
    if (!session || !sources.same_session(*session, rows[i])) {
      ++label.sessions;
      session = rows[i];
      onset_s = recording.severity.empty() ? table.begin_s(rows[i]) : onset_of(recording.severity);
      if (grows(recording.severity)) ++label.growing;
      in_session = 0;
      found = false;
    }
    ++in_session;
    ++label.windows;
    const WindowResult& window = judged[i];
    if (window.verdict == Verdict::cannot_judge) {
      ++label.cannot_judge;
      label.reason = window.reason;
    } else if (threshold.judge(window.score) == Verdict::anomaly) {
      ++label.above;
    }
    if (window.verdict == Verdict::sensor_moved) ++label.moved;
    if (window.alarm) ++label.alarms;
    if (!raises(window.verdict)) continue;
    ++label.raised;
    if (!found) {
      // Time goes on where windows are lost to gaps; pieces of a session have no common time.
      const RecordingEntry& began = table.recording_of(*session);
      const bool first = &recording == &began;
      label.delays_s.push_back(first ? table.end_s(rows[i]) - onset_s
                                     : static_cast<double>(in_session) * table.window.seconds());
      if (grows(began.severity)) {
        label.severities.push_back(severity_at(recording.severity, table.end_s(rows[i])));
      }
    }
    found = true;
  }
  for (auto& [name, label] : result) {
    std::ranges::sort(label.delays_s);
    std::ranges::sort(label.severities);
  }
  return result;
}

double share_of(std::uint64_t part, std::uint64_t all) {
  return all == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(all);
}

double microseconds_each(const std::function<void()>& all, std::size_t count) {
  using Clock = std::chrono::steady_clock;
  double best = 1e300;
  for (int repeat = 0; repeat < 3; ++repeat) {
    const auto start = Clock::now();
    all();
    best = std::min(best, std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  return count == 0 ? 0.0 : best / static_cast<double>(count);
}

WindowTable without_mean_columns(const WindowTable& table) {
  WindowTable result;
  result.spec = table.spec;
  result.spec.with_mean = false;
  result.window = table.window;
  result.recordings = table.recordings;
  result.origins = table.origins;
  result.features.reserve(table.size() * result.spec.dimensions());
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto row = table.row(i);
    for (std::size_t f = 0; f < row.size(); ++f) {
      if (!feature_is_mean(table.spec, f)) result.features.push_back(row[f]);
    }
  }
  return result;
}

/// What mean features have to do with a score.
struct MeanTerms {
  double share = 0.0;                 ///< of the summed squared error of fault windows
  std::vector<float> scores_without;  ///< of each window, their terms left out
};

MeanTerms mean_terms(const DetectorModel& model, const WindowTable& table,
                     std::span<const std::uint32_t> rows, const std::string& normal_label) {
  std::array<float, kMaxFeatures> z_buffer{};
  std::array<std::int8_t, kMaxFeatures> input{}, output{};
  const std::size_t dimensions = table.spec.dimensions();
  const auto z = std::span(z_buffer).first(dimensions);
  MeanTerms result;
  double mean_part = 0.0;
  double all = 0.0;
  for (const std::uint32_t row : rows) {
    model.normaliser.apply(table.row(row), z);
    for (std::size_t i = 0; i < dimensions; ++i) input[i] = model.network.input_scale().code(z[i]);
    model.network.run(std::span(input).first(dimensions), std::span(output).first(dimensions));
    double mean = 0.0;
    double rest = 0.0;
    for (std::size_t i = 0; i < dimensions; ++i) {
      const double difference = static_cast<double>(z[i]) -
                                static_cast<double>(model.network.output_scale().real(output[i]));
      (feature_is_mean(table.spec, i) ? mean : rest) += difference * difference;
    }
    result.scores_without.push_back(static_cast<float>(rest));
    if (table.recording_of(row).label == normal_label) continue;
    mean_part += mean;
    all += mean + rest;
  }
  result.share = all > 0.0 ? mean_part / all : 0.0;
  return result;
}

WithoutMeanResult retrain_without_mean(const WindowTable& table, const Known& known,
                                       const metadata::DetectorRecord& record,
                                       const std::string& normal_label) {
  const WindowTable reduced = without_mean_columns(table);
  const LearnedNetwork learned =
      learn(reduced, known.used.train, known.used.best_epoch, stored_settings(record));
  const auto file = ModelFile::from_bytes(plain_file(learned.quantised), "without mean", false);
  const auto scores =
      int8_scores(learned.score, file->network(), learned.normaliser, reduced, known.unseen);
  const ByLabel parts = by_label(reduced, known.unseen, scores, normal_label);
  WithoutMeanResult result;
  result.retrained = true;
  result.auc = roc_auc(parts.normal, parts.faults);
  // A threshold given by hand belongs to other features; the usual percentile stands in for it.
  const double percentile = record.threshold()->kind() == metadata::ThresholdKind::percentile
                                ? static_cast<double>(record.threshold()->percentile_asked())
                                : 99.0;
  if (known.used.threshold.size() >= kFewestThresholdWindows) {
    const float threshold =
        choose_threshold(int8_scores(learned.score, file->network(), learned.normaliser, reduced,
                                     known.used.threshold),
                         percentile, reduced.window, kThresholdShare)
            .value;
    result.recall = share_above(parts.faults, threshold);
    result.false_positive_rate = share_above(parts.normal, threshold);
  }
  return result;
}

std::string tilt_sentence(const Evaluation& evaluation, const FeatureSpec& spec) {
  if (!evaluation.without_mean) {
    return "The model has no mean features, so the sensor's tilt cannot carry this result.";
  }
  const WithoutMeanResult& without = *evaluation.without_mean;
  // Two signs together: the detector is worse without the mean features, and they make more of the
  // score than their share of the features. One alone can be the smaller network's doing.
  const double fair_share = 1.0 / static_cast<double>(spec.per_axis());
  const bool worse = evaluation.auc - without.auc > 0.02;
  const bool heavy = evaluation.mean_share > 1.5 * fair_share;
  const std::string figures = fmt::format(
      "without the mean features AUC is {:.3f}, and they make {:.0f} % of the score of "
      "faulty windows",
      without.auc, 100.0 * evaluation.mean_share);
  if (worse && heavy) {
    return fmt::format(
        "This result rests {} on the sensor's tilt: {}. A sensor taken off and put back would "
        "alarm "
        "as well: consider --no-mean.",
        without.auc < 0.75 ? "mostly" : "partly", figures);
  }
  if (heavy) {
    return fmt::format(
        "This result would stand without the sensor's tilt, yet tilt dominates the score: {}. A "
        "sensor taken off and put back would alarm as well: consider --no-mean.",
        figures);
  }
  return fmt::format("This result does not rest on the sensor's tilt: {}.", figures);
}

QuantisationResult compare_with_float(const ModelFile& model, const WindowTable& table,
                                      const Known& known, std::span<const float> scores,
                                      const std::string& normal_label, double auc) {
  const DetectorModel& detector = model.detector();
  const Int8Network& network = model.network();
  QuantisationResult result;
  std::vector<float> in_float;
  if (known.complete && !model.record().training()->foreign()) {
    const LearnedNetwork learned =
        learn(table, known.used.train, known.used.best_epoch, stored_settings(model.record()));
    // Another version of the trainer may end elsewhere; only the same network is compared.
    const auto again = ModelFile::from_bytes(plain_file(learned.quantised), "retrained", false);
    result.retrained =
        int8_scores(learned.score, again->network(), learned.normaliser, table, known.unseen) ==
        std::vector<float>(scores.begin(), scores.end());
    if (result.retrained) {
      in_float =
          float_scores(learned.score, learned.network, learned.normaliser, table, known.unseen);
      result.microseconds_float = microseconds_each(
          [&] {
            (void)float_scores(learned.score, learned.network, learned.normaliser, table,
                               known.unseen);
          },
          known.unseen.size());
    }
  }
  if (!result.retrained) {
    in_float = scores_in_float(detector, table, known.unseen);
    result.microseconds_float = microseconds_each(
        [&] { (void)scores_in_float(detector, table, known.unseen); }, known.unseen.size());
  }
  result.microseconds = microseconds_each(
      [&] { (void)int8_scores(detector.score, network, detector.normaliser, table, known.unseen); },
      known.unseen.size());

  const ThresholdDecision decision(detector.threshold);
  std::vector<float> changes;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    // Scores beyond float32 (a tiny scale given by hand) have no ratio; a report wants a number.
    constexpr float kBeyondWords = 1e6F;
    const float ratio = std::abs(scores[i] - in_float[i]) / in_float[i];
    const float change = in_float[i] > 0.0F ? (ratio < kBeyondWords ? ratio : kBeyondWords) : 0.0F;
    changes.push_back(change);
    result.score_change_largest =
        std::max(result.score_change_largest, static_cast<double>(change));
    if (decision.judge(scores[i]) != decision.judge(in_float[i])) ++result.decisions_changed;
  }
  const ByLabel changes_of = by_label(table, known.unseen, changes, normal_label);
  result.score_change_normal = mean_of(changes_of.normal);
  result.score_change_faults = mean_of(changes_of.faults);
  const ByLabel parts = by_label(table, known.unseen, in_float, normal_label);
  result.auc_float = roc_auc(parts.normal, parts.faults);
  result.auc_change = auc - result.auc_float;
  for (const auto& layer : network.layers()) {
    if (layer.kind != Int8Network::Layer::Kind::fully_connected) continue;
    const std::size_t weights = static_cast<std::size_t>(layer.inputs) * layer.outputs;
    result.bytes += weights + 4U * layer.outputs;
    result.bytes_float += 4U * (weights + layer.outputs);
  }
  return result;
}

}  // namespace

double ClassResult::delay_percentile_s(double percentile) const {
  const std::vector<float> delays(delays_s.begin(), delays_s.end());
  return delays.empty() ? 0.0 : static_cast<double>(percentile_of_sorted(delays, percentile));
}

double ClassResult::severity_median() const {
  const std::vector<float> values(severities.begin(), severities.end());
  return values.empty() ? 0.0 : static_cast<double>(percentile_of_sorted(values, 50.0));
}

Evaluation evaluate(const ModelFile& model, const DataSet& data) {
  const DetectorModel& detector = model.detector();
  const auto& training = *model.record().training();
  refuse_other_rate(data.folder().string(), data.rate_hz(), detector.window);
  const WindowTable table = read_windows(
      data, detector.features, detector.window, [](const std::string& /*label*/) { return true; },
      ranges_of(detector.baseline));
  Known known = recognise(table, model.record());

  Evaluation result;
  result.normal_label = training.normal_label()->str();
  const auto before_onset = leave_out_before_onset(table, result.normal_label, known.unseen);
  result.threshold = detector.threshold;
  result.windows_left_out = known.left_out;
  result.training_recordings = known.listed;
  result.training_recordings_found = known.found;
  const WindowTable around = centred(table, detector.baseline);
  const auto scores =
      int8_scores(detector.score, model.network(), detector.normaliser, around, known.unseen);
  const ByLabel parts = by_label(table, known.unseen, scores, result.normal_label);
  if (parts.normal.empty()) {
    throw Error(ExitCode::too_little_data,
                fmt::format("{}: no window of '{}' is left to judge false alarms by (the model has "
                            "seen {} windows of this data). Record more normal running and import "
                            "it into this data set or another.",
                            data.folder().string(), result.normal_label, known.left_out));
  }
  result.normal_windows = parts.normal.size();
  const std::map<std::string, Decided> decided = decide(detector, table, known.unseen);
  const Decided& normal = decided.at(result.normal_label);
  const std::uint64_t can_judge = normal.windows - normal.cannot_judge;
  if (can_judge == 0) {
    throw Error(ExitCode::too_little_data,
                fmt::format("{}: none of {} later windows of '{}' can be judged ({}), so nothing "
                            "can be said of false "
                            "alarms. Record the machine running as it was learned.",
                            data.folder().string(), normal.windows, result.normal_label,
                            describe(normal.reason)));
  }
  result.normal_hours = static_cast<double>(can_judge) * detector.window.seconds() / 3600.0;
  result.false_positive_rate = share_of(normal.above, can_judge);
  result.decides = detector.decision.has_value();
  result.alarms = normal.alarms;
  result.alarms_per_hour = static_cast<double>(result.alarms) / result.normal_hours;
  result.alarms_per_hour_upper95 = poisson_upper95(result.alarms) / result.normal_hours;
  const Interval alarms = poisson_interval95(result.alarms);
  result.alarms_per_hour_interval = {alarms.low / result.normal_hours,
                                     alarms.high / result.normal_hours};
  result.cannot_judge = share_of(normal.cannot_judge, normal.windows);
  result.sensor_moved = normal.moved;
  if (parts.faults.empty()) return result;  // whether it stays quiet can be told without a fault
  result.auc = roc_auc(parts.normal, parts.faults);
  result.auc_interval = auc_interval(parts.normal, parts.faults);
  for (const auto& [label, class_scores] : parts.classes) {
    ClassResult& fault = result.classes[label];
    fault.windows = class_scores.size();
    fault.auc = roc_auc(parts.normal, class_scores);
    fault.auc_interval = auc_interval(parts.normal, class_scores);
    const Decided& found = decided.at(label);
    fault.recall = share_of(found.raised, found.windows);
    fault.cannot_judge = share_of(found.cannot_judge, found.windows);
    fault.onsets = found.sessions;
    fault.delays_s = found.delays_s;
    fault.growing = found.growing;
    fault.severities = found.severities;
    if (before_onset.contains(label)) fault.before_onset = before_onset.at(label);
  }
  result.int8 = compare_with_float(model, around, known, scores, result.normal_label, result.auc);

  if (detector.features.with_mean) {
    const MeanTerms terms = mean_terms(detector, table, known.unseen, result.normal_label);
    result.mean_share = terms.share;
    if (known.complete && !training.foreign()) {
      result.without_mean = retrain_without_mean(table, known, model.record(), result.normal_label);
    } else {
      const ByLabel rest = by_label(table, known.unseen, terms.scores_without, result.normal_label);
      result.without_mean.emplace().auc = roc_auc(rest.normal, rest.faults);
    }
  }
  result.tilt_sentence = tilt_sentence(result, detector.features);
  return result;
}

}  // namespace fettle::host
