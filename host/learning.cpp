// SPDX-License-Identifier: Apache-2.0
#include "host/learning.hpp"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "core/elementary.hpp"
#include "core/learn/neighbour.hpp"
#include "core/learn/random.hpp"
#include "core/learn/statistics.hpp"
#include "core/pipeline.hpp"
#include "host/error.hpp"
#include "host/progress.hpp"

namespace fettle::host {
namespace {

/// Sources with fewer windows are taken together by folder.
constexpr std::size_t kFewestWindowsOfSource = 20;
/// Off is below this share of the quietest running that was learned.
constexpr float kOffShare = 1.0F / 3.0F;
/// Evidence at speeds that were not learned is lowered by so many deviations.
constexpr float kMargin = 4.0F;
// Ratio of the speeds of two windows in a row that is steady running: what training showed, and so much more;
// within these.
constexpr float kSteadySpare = 1.3F;
constexpr float kSteadyAtLeast = 0.04F;
constexpr float kSteadyAtMost = 0.15F;
/// cos 3 degrees.
constexpr float kMovedCosine = 0.99863F;
/// Of cross-fitting.
constexpr std::size_t kFolds = 5;
/// int8 ranges of a Mahalanobis layer hold so many times what training showed, so that a fault's
/// distance saturates far beyond any limit.
constexpr float kHeadroom = 3.0F;

struct WhatWasRead {
  std::uint32_t rows = 0;
  std::uint64_t hash = 0;
};

/// Adds the windows of one recording to a table. @param on_rows  hears how many rows were read
template <typename OnRows>
WhatWasRead add_windows(WindowTable& table, const RecordingEntry& entry, RecordingReader& reader,
                        std::span<const SpeedRange> expected, OnRows&& on_rows) {
  const std::size_t dimensions = table.spec.dimensions();
  const auto index = static_cast<std::uint32_t>(table.recordings.size());
  table.recordings.push_back(entry);
  SampleHash hash(reader.axes());
  FeaturePipeline pipeline(table.spec, table.window);
  pipeline.expect(expected);
  std::array<float, kMaxFeatures> features{};
  WindowSummary summary;
  std::uint32_t row = 0;
  bool gap = false;
  std::size_t hashed = 0;
  table.began_us.push_back(0);
  for (auto block = reader.next_block(); !block.empty(); block = reader.next_block()) {
    if (row == 0) table.began_us.back() = block.front().t_us;
    for (std::size_t i = 0; i < block.size(); ++i) {
      ++row;
      const bool complete = pipeline.push(block[i]);
      gap = gap || pipeline.torn();
      if (!complete) continue;
      pipeline.finish(features, summary);
      table.summaries.push_back(summary);
      table.features.insert(table.features.end(), features.begin(),
                            features.begin() + static_cast<std::ptrdiff_t>(dimensions));
      hash.add(block.subspan(hashed, i + 1 - hashed));
      hashed = i + 1;
      table.origins.push_back(
          {index, row, pipeline.start_us(), hash.value(), gap, pipeline.relative_rate()});
      gap = false;
    }
    hash.add(block.subspan(hashed));
    hashed = 0;
    on_rows(block.size());
  }
  table.gaps += pipeline.gaps() + pipeline.backwards();
  return {row, hash.value()};
}

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

/// The largest ratio of neighbouring windows' speeds that counts as steady.
float steady_ratio_of(const WindowTable& table, std::span<const std::uint32_t> rows) {
  std::vector<float> steps = {0.0F};
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i] != rows[i - 1] + 1 || table.points[rows[i]] != table.points[rows[i - 1]]) continue;
    const float now = table.summaries[rows[i]].speed.hz;
    const float before = table.summaries[rows[i - 1]].speed.hz;
    if (now > 0.0F && before > 0.0F) steps.push_back(std::abs(std::log(now / before)));
  }
  std::ranges::sort(steps);
  const float step = kSteadySpare * percentile_of_sorted(steps, 99.0);
  return std::exp(std::clamp(step, kSteadyAtLeast, kSteadyAtMost));
}

/// Features of each window less what was learned of its operating point, which it notes.
void take_away_baseline(WindowTable& table, const Baseline& baseline) {
  const std::size_t d = table.spec.dimensions();
  std::uint8_t point = 0;
  table.points.resize(table.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    const RunningSpeed& speed = table.summaries[i].speed;
    const bool clear =
        baseline.knows_speed() && speed.hz > 0.0F && speed.confidence >= baseline.confidence;
    if (clear) point = place_of(baseline, speed.hz).point;
    table.points[i] = point;
    take_away(baseline.point[point], table.spec, clear ? speed.hz : 0.0F, table.window.rate_hz,
              std::span(table.features).subspan(i * d, d));
  }
}

LearnedNetwork learn_mahalanobis(const WindowTable& table, std::span<const std::uint32_t> train,
                                 const LearningSettings& settings) {
  const double neighbours =
      settings.neighbours ? *settings.neighbours : choose_neighbours(table, train, settings);
  const std::size_t d = table.spec.dimensions();
  LearnedNetwork result;
  result.score = ScoreKind::output_mean_square;
  std::vector<float> rows;
  rows.reserve(train.size() * d);
  for (const std::uint32_t row : train) {
    rows.insert(rows.end(), table.row(row).begin(), table.row(row).end());
  }
  if (const Status status = fit_normaliser(table.spec, rows, result.normaliser);
      status != Status::ok) {
    throw Error(ExitCode::too_little_data, fmt::format("training: {}", describe(status)));
  }
  if (table.centred) result.normaliser.mean.fill(0.0F);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] -= result.normaliser.mean[i % d];
  const NetworkShape shape = NetworkShape::autoencoder(d, {});
  result.memory.resize(FloatNetwork::parameter_floats(shape));
  result.network = FloatNetwork(shape, result.memory);
  std::vector<double> memory(mahalanobis_doubles(d));
  if (const Status status =
          fit_mahalanobis(table.spec, rows, table.neighbour_moves, neighbours, settings.variation,
                          memory, std::span(result.normaliser.scale).first(d), result.network);
      status != Status::ok) {
    throw Error(ExitCode::bad_input, fmt::format("training: {}", describe(status)));
  }
  const std::vector<float> z = z_rows(table, train, result.normaliser);
  std::vector<float> wide(z);
  // A machine that hardly varied within ten minutes will, and a fault lies beyond that.
  for (const std::vector<float>& draw : variation_draws(table.spec, settings.variation)) {
    for (std::size_t f = 0; f < d; ++f) wide.push_back(draw[f] / result.normaliser.scale[f]);
  }
  for (float& value : wide) value *= kHeadroom;
  result.quantised_memory.resize(quantiser_bytes(shape));
  if (const Status status = quantise(result.network, wide, settings.weights,
                                     result.quantised_memory, result.quantised);
      status != Status::ok) {
    throw Error(ExitCode::bad_input, fmt::format("quantisation: {}", describe(status)));
  }
  return result;
}

}  // namespace

WindowShape usual_window(FeatureSet features, double rate_hz) {
  constexpr double kFast_hz = 250.0;
  const bool fast = features == FeatureSet::vibration && rate_hz > kFast_hz;
  return {fast ? 256U : 128U, static_cast<float>(rate_hz)};
}

WindowTable read_windows(const DataSet& data, const FeatureSpec& spec, const WindowShape& window,
                         const std::function<bool(const std::string&)>& wanted,
                         std::span<const SpeedRange> expected_speeds) {
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
  for (const auto& entry : data.recordings()) {
    if (!wanted(entry.label)) continue;
    RecordingReader reader = data.read(entry);
    const WhatWasRead read = add_windows(table, entry, reader, expected_speeds, [&](std::size_t n) {
      rows_done += n;
      progress.at(rows_done);
    });
    data.check_unchanged(entry, read.rows, read.hash);
  }
  return table;
}

WindowTable read_windows(const std::filesystem::path& recording, const FeatureSpec& spec,
                         const WindowShape& window, std::span<const SpeedRange> expected_speeds) {
  RecordingReader reader(recording);
  if (spec.axes > reader.axes()) {
    throw Error(ExitCode::bad_input,
                fmt::format("{}: has {} axes, expected {}. Record the gyroscope too, or train a "
                            "model on such recordings.",
                            recording.string(), reader.axes(), spec.axes));
  }
  WindowTable table;
  table.spec = spec;
  table.window = window;
  RecordingEntry entry;
  entry.name = entry.source = recording.filename().string();
  (void)add_windows(table, entry, reader, expected_speeds, [](std::size_t /*rows*/) {});
  return table;
}

SourceGroups::SourceGroups(const WindowTable& table) : table_(table) {
  for (const WindowOrigin& origin : table.origins) {
    ++windows_[table.recordings[origin.recording].source];
  }
}

std::string SourceGroups::of(std::uint32_t row) const {
  const std::string& source = table_.recording_of(row).source;
  return windows_.at(source) >= kFewestWindowsOfSource ? source
                                                       : source.substr(0, source.find('/'));
}

bool SourceGroups::same_session(std::uint32_t a, std::uint32_t b) const {
  return table_.origins[a].recording == table_.origins[b].recording ||
         (of(a) == of(b) && table_.recording_of(a).label == table_.recording_of(b).label);
}

Split split_by_time(const WindowTable& table) {
  const SourceGroups sources(table);
  std::map<std::string, std::vector<std::uint32_t>> groups;
  for (std::uint32_t row = 0; row < table.size(); ++row) groups[sources.of(row)].push_back(row);
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
  if (settings.detector == DetectorKind::mahalanobis) {
    return learn_mahalanobis(table, train, settings);
  }
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
    if (table.centred) {
      result.normaliser.mean.fill(0.0F);
      // What ten minutes do not show belongs to what is usual.
      for (std::size_t f = 0; f < dimensions; ++f) {
        float& scale = result.normaliser.scale[f];
        scale = std::sqrt(scale * scale + covariance(settings.variation, table.spec, f, f));
      }
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

std::vector<float> int8_scores(ScoreKind kind, const Int8Network& network,
                               const Normaliser& normaliser, const WindowTable& table,
                               std::span<const std::uint32_t> rows) {
  return scores_of(normaliser, table, rows,
                   [&](std::span<const float> z) { return score_of(kind, network, z); });
}

std::vector<float> float_scores(ScoreKind kind, const FloatNetwork& network,
                                const Normaliser& normaliser, const WindowTable& table,
                                std::span<const std::uint32_t> rows) {
  std::array<float, kMaxUnits> output{};
  return scores_of(normaliser, table, rows, [&](std::span<const float> z) {
    if (kind == ScoreKind::reconstruction_mse) return reconstruction_loss(network, z);
    network.run(z, std::span(output).first(z.size()));
    float sum = 0.0F;
    for (std::size_t i = 0; i < z.size(); ++i) sum += output[i] * output[i];
    return sum / static_cast<float>(z.size());
  });
}

std::size_t Hygiene::total() const {
  std::size_t sum = 0;
  for (std::size_t why = 1; why < windows.size(); ++why) sum += windows[why];
  return sum;
}

void refuse_other_rate(const std::string& what, double rate_hz, const WindowShape& window) {
  const auto expected = static_cast<double>(window.rate_hz);
  if (std::abs(rate_hz - expected) <= 0.02 * expected) return;
  throw Error(ExitCode::bad_input,
              fmt::format("{}: recorded at {:.6g} Hz, but the model was trained at {:.6g} Hz. "
                          "Record at the model's rate, or train on these recordings.",
                          what, rate_hz, expected));
}

std::vector<SpeedRange> ranges_of(const Baseline& baseline) {
  std::vector<SpeedRange> ranges;
  for (std::size_t i = 0; baseline.knows_speed() && i < baseline.points; ++i) {
    ranges.push_back({baseline.point[i].low_hz, baseline.point[i].high_hz});
  }
  return ranges;
}

Hygiene clean(WindowTable& table, bool keep_all) {
  Hygiene hygiene;
  if (table.spec.set != FeatureSet::vibration) return hygiene;
  const std::size_t n = table.size();
  std::vector<LeftOut> left_out(n, LeftOut::no);
  std::vector<float> memory(n);
  for (std::size_t begin = 0, end = 0; begin < n; begin = end) {
    const std::uint32_t recording = table.origins[begin].recording;
    while (end < n && table.origins[end].recording == recording) ++end;
    find_left_out(std::span(table.summaries).subspan(begin, end - begin),
                  std::span(left_out).subspan(begin, end - begin), memory);
  }
  table.points.resize(n);
  table.speeds = find_speeds(table.summaries, left_out, table.points, memory);
  if (!keep_all) {
    leave_out_neighbours(table.summaries, table.window, table.speeds, table.points, left_out);
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (table.speeds.points == 0) {
      table.points[i] = 0;
    } else if (left_out[i] == LeftOut::no && table.points[i] == kNoPoint) {
      left_out[i] = LeftOut::changing;
    }
  }
  if (keep_all) {
    std::uint8_t point = 0;
    for (std::uint8_t& of_window : table.points) {
      if (of_window != kNoPoint) point = of_window;
      of_window = point;
    }
    return hygiene;
  }
  const std::size_t d = table.spec.dimensions();
  std::size_t to = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const WindowOrigin& origin = table.origins[i];
    ++hygiene.windows[static_cast<std::size_t>(left_out[i])];
    if (left_out[i] != LeftOut::no) {
      const double from_s = table.begin_s(i);
      const bool goes_on = i > 0 && left_out[i - 1] == left_out[i] &&
                           table.origins[i - 1].recording == origin.recording;
      if (!goes_on) {
        hygiene.stretches.push_back(
            {left_out[i], table.recordings[origin.recording].id(), from_s, from_s, 0});
      }
      hygiene.stretches.back().to_s = from_s + table.window.seconds();
      ++hygiene.stretches.back().windows;
      continue;
    }
    std::copy_n(table.features.begin() + static_cast<std::ptrdiff_t>(i * d), d,
                table.features.begin() + static_cast<std::ptrdiff_t>(to * d));
    table.origins[to] = origin;
    table.summaries[to] = table.summaries[i];
    table.points[to] = table.points[i];
    ++to;
  }
  table.features.resize(to * d);
  table.origins.resize(to);
  table.summaries.resize(to);
  table.points.resize(to);
  return hygiene;
}

WindowTable learn_windows(const std::function<WindowTable(std::span<const SpeedRange>)>& read,
                          Hygiene& hygiene, bool keep_all) {
  WindowTable table = read({});
  hygiene = {};
  if (table.spec.set != FeatureSet::vibration) return table;
  clean(table, keep_all);
  std::vector<SpeedRange> expected;
  for (std::size_t i = 0; i < table.speeds.points; ++i) {
    expected.push_back(table.speeds.point[i].range);
  }
  const bool suggested = expected.empty();
  if (suggested) {
    std::array<SpeedRange, kMostOperatingPoints> ranges;
    std::vector<float> memory(table.size());
    const std::size_t n = suggest_speeds(table.summaries, ranges, memory);
    expected.assign(ranges.begin(), ranges.begin() + static_cast<std::ptrdiff_t>(n));
  }
  table = read(expected);
  hygiene = clean(table, keep_all);
  if (suggested && !expected.empty() && table.speeds.points == 0) {
    table = read({});
    hygiene = clean(table, keep_all);
  }
  return table;
}

LearnedBaseline learn_baseline(const WindowTable& table, std::span<const std::uint32_t> rows) {
  LearnedBaseline learned;
  if (table.spec.set != FeatureSet::vibration || rows.empty()) return learned;
  Baseline& baseline = learned.baseline;
  baseline.points = std::max<std::uint8_t>(table.speeds.points, 1);
  baseline.confidence = kConfidentSpeed;
  baseline.steady_ratio = steady_ratio_of(table, rows);
  baseline.margin = kMargin;
  baseline.moved_cosine = kMovedCosine;
  for (std::size_t p = 0; p < table.speeds.points; ++p) {
    const SetPointFound& found = table.speeds.point[p];
    baseline.point[p].low_hz = found.range.low_hz;
    baseline.point[p].high_hz = found.range.high_hz;
    baseline.point[p].centre_hz = found.centre_hz;
  }

  const std::size_t d = table.spec.dimensions();
  // Means at the centre's speed: what a window's own speed makes of its levels is taken away first.
  const std::vector<float> nothing(d);
  const std::size_t axis_levels = table.spec.axis_levels();
  const std::vector<float> no_levels(axis_levels);
  std::vector<std::vector<double>> sums(baseline.points, std::vector<double>(d));
  std::vector<std::vector<std::uint32_t>> counts(baseline.points, std::vector<std::uint32_t>(d));
  std::vector<std::vector<double>> axis_sums(baseline.points, std::vector<double>(axis_levels));
  std::vector<float> row(d);
  std::vector<float> levels;
  std::array<double, 3> gravity{};
  for (const std::uint32_t i : rows) {
    const std::uint8_t p = table.points[i];
    const WindowSummary& window = table.summaries[i];
    OperatingPoint point = baseline.point[p];
    point.mean = nothing;
    point.axis_mean = no_levels;
    const float hz = table.speeds.points > 0 ? window.speed.hz : 0.0F;
    std::ranges::copy(table.row(i), row.begin());
    take_away(point, table.spec, hz, table.window.rate_hz, row);
    std::array<float, kMostAxisLevels> axes = window.axis_level;
    take_away_axes(point, hz, std::span(axes).first(axis_levels));
    ++learned.windows[p];
    for (std::size_t f = 0; f < d; ++f) {
      // A set point may lie where a line comes and goes: its mean is of the windows that have it.
      if (says_nothing(kVibrationFeatures[f], point, hz, table.window.rate_hz)) continue;
      sums[p][f] += static_cast<double>(row[f]);
      ++counts[p][f];
    }
    for (std::size_t f = 0; f < axis_levels; ++f) axis_sums[p][f] += static_cast<double>(axes[f]);
    levels.push_back(window.accelerometer_rms_g);
    for (std::size_t a = 0; a < 3; ++a) {
      gravity[a] += static_cast<double>(window.gravity_g[a] / window.gravity_size_g);
    }
  }
  learned.means.resize(baseline.points);
  learned.axis_means.resize(baseline.points);
  for (std::size_t p = 0; p < baseline.points; ++p) {
    for (std::size_t f = 0; f < d; ++f) {
      learned.means[p].push_back(
          static_cast<float>(sums[p][f] / std::max<double>(counts[p][f], 1.0)));
    }
    baseline.point[p].mean = learned.means[p];
    for (std::size_t f = 0; f < axis_levels; ++f) {
      learned.axis_means[p].push_back(
          static_cast<float>(axis_sums[p][f] / std::max<double>(learned.windows[p], 1.0)));
    }
    baseline.point[p].axis_mean = learned.axis_means[p];
  }
  // A set point that these rows do not have: the nearest one that they have says most of it.
  for (std::size_t p = 0; p < baseline.points; ++p) {
    if (learned.windows[p] > 0) continue;
    std::size_t nearest = p;
    float least = std::numeric_limits<float>::infinity();
    for (std::size_t q = 0; q < baseline.points; ++q) {
      const float apart = std::abs(baseline.point[q].centre_hz - baseline.point[p].centre_hz);
      if (learned.windows[q] == 0 || apart >= least) continue;
      nearest = q;
      least = apart;
    }
    std::ranges::copy(learned.means[nearest], learned.means[p].begin());
    std::ranges::copy(learned.axis_means[nearest], learned.axis_means[p].begin());
  }
  std::ranges::sort(levels);
  baseline.off_g = kOffShare * percentile_of_sorted(levels, 5.0);
  const double length = std::hypot(gravity[0], gravity[1], gravity[2]);
  // Recordings in which the sensor sat differently have no gravity in common.
  const bool same = length > kSameGravity * static_cast<double>(rows.size());
  for (std::size_t a = 0; a < 3; ++a) {
    baseline.gravity[a] = same ? static_cast<float>(gravity[a] / length) : 0.0F;
  }
  return learned;
}

WindowTable centred(const WindowTable& table, const Baseline& baseline) {
  WindowTable result = table;
  if (baseline.points == 0) return result;
  result.centred = true;
  take_away_baseline(result, baseline);
  result.neighbour_moves.resize(neighbour_floats(table.spec, baseline));
  neighbour_moves(table.spec, table.window, baseline, result.neighbour_moves);
  return result;
}

std::vector<std::uint32_t> sessions_of(const WindowTable& table,
                                       std::span<const std::uint32_t> rows) {
  const SourceGroups sources(table);
  std::vector<std::uint32_t> sessions;
  std::string before;
  for (const std::uint32_t row : rows) {
    std::string now = sources.of(row);
    if (sessions.empty() || before != now) sessions.push_back(0);
    before = std::move(now);
    ++sessions.back();
  }
  return sessions;
}

std::vector<std::vector<float>> variation_draws(const FeatureSpec& spec,
                                                const HealthyVariation& variation) {
  std::vector<std::vector<float>> draws;
  if (spec.set != FeatureSet::vibration) return draws;
  Random random(1);
  const auto gaussian = [&] {
    double sum = -6.0;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(random.uniform());
    return static_cast<float>(sum);
  };
  for (std::size_t copy = 0; copy < CrossFitted::kCopies; ++copy) {
    const float common = variation.common * gaussian();
    std::vector<float>& draw = draws.emplace_back();
    for (std::size_t f = 0; f < spec.dimensions(); ++f) {
      draw.push_back(variation.own[f] * gaussian() + (follows_load(spec, f) ? common : 0.0F));
    }
  }
  return draws;
}

CrossFitted cross_fit(const WindowTable& table, std::span<const std::uint32_t> rows,
                      const LearningSettings& settings) {
  const std::size_t d = table.spec.dimensions();
  // The fold of each row: fifths of its source and operating point, in order.
  const SourceGroups sources(table);
  std::map<std::pair<std::string, int>, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const int point = table.points.empty() ? 0 : table.points[rows[i]];
    groups[{sources.of(rows[i]), point}].push_back(i);
  }
  std::vector<std::size_t> fold(rows.size());
  for (const auto& [name, group] : groups) {
    for (std::size_t i = 0; i < group.size(); ++i) fold[group[i]] = i * kFolds / group.size();
  }
  // One draw a copy, the same in all folds.
  const std::vector<std::vector<float>> draws = variation_draws(table.spec, settings.variation);
  CrossFitted result;
  result.scores.resize(rows.size());
  result.varied.resize(draws.size() * rows.size());
  Progress progress("calibrating", kFolds);
  for (std::size_t k = 0; k < kFolds; ++k) {
    std::vector<std::uint32_t> others, held_out;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      (fold[i] == k ? held_out : others).push_back(rows[i]);
    }
    if (others.empty() || held_out.empty()) continue;
    const LearnedBaseline baseline = learn_baseline(table, others);
    WindowTable around = centred(table, baseline.baseline);
    const std::size_t last = settings.detector == DetectorKind::mahalanobis
                                 ? others.size()
                                 : others.size() - std::max<std::size_t>(others.size() / 8, 1);
    const LearnedNetwork learned =
        learn(around, std::span(others).first(last), std::span(others).subspan(last), settings);
    const auto file = ModelFile::from_bytes(plain_file(learned.quantised), "a fold", false);
    const auto score_fold = [&](float* to) {
      const auto scores =
          int8_scores(learned.score, file->network(), learned.normaliser, around, held_out);
      std::size_t next = 0;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (fold[i] == k) to[i] = scores[next++];
      }
    };
    score_fold(result.scores.data());
    const std::vector<float> unmoved = around.features;
    for (std::size_t copy = 0; copy < draws.size(); ++copy) {
      for (const std::uint32_t row : held_out) {
        for (std::size_t f = 0; f < d; ++f) {
          around.features[row * d + f] = unmoved[row * d + f] + draws[copy][f];
        }
      }
      score_fold(result.varied.data() + copy * rows.size());
    }
    progress.at(k + 1);
  }
  return result;
}

namespace {

double mean_of(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// Standard deviation about a known centre.
double deviation_about(const std::vector<double>& values, double centre) {
  double squares = 0.0;
  for (const double value : values) squares += (value - centre) * (value - centre);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

/// Weights that neighbours may have, and which part of an operating point's may lie beyond.
constexpr std::array<double, 6> kNeighbourWeights = {0.0, 0.5, 1.0, 2.0, 4.0, kMostNeighbours};
constexpr double kNeighboursBeyond = 0.01;
/// Deviations that what a neighbour changes may raise the mean log score by. With 1, imbalance was found later.
constexpr double kNeighboursMayRaise = 0.5;
constexpr std::size_t kWindowsOfChoice = 60;

}  // namespace

std::vector<double> log_scores(std::span<const float> scores) {
  std::vector<double> logs;
  logs.reserve(scores.size());
  for (const float score : scores) {
    logs.push_back(natural_log_f64(std::max(static_cast<double>(score), 1e-9)));
  }
  return logs;
}

double choose_neighbours(const WindowTable& around, std::span<const std::uint32_t> rows,
                         const LearningSettings& settings) {
  const std::size_t d = around.spec.dimensions();
  const std::size_t moves = around.neighbour_moves.size() / d;
  if (moves == 0 || rows.empty()) return 0.0;
  // Some windows are enough to say how they lie.
  std::vector<std::uint32_t> some;
  const std::size_t windows_apart = 1 + rows.size() / kWindowsOfChoice;
  for (std::size_t i = 0; i < rows.size(); i += windows_apart) some.push_back(rows[i]);
  const auto draws = variation_draws(around.spec, settings.variation);

  LearningSettings trial = settings;
  trial.detector = DetectorKind::mahalanobis;
  WindowTable moved = around;
  for (const double weight : kNeighbourWeights) {
    trial.neighbours = weight;
    const LearnedNetwork learned = learn(around, rows, {}, trial);
    const auto file = ModelFile::from_bytes(plain_file(learned.quantised), "a try", false);
    // Log scores of windows that have been moved; of one operating point, or of all.
    const auto scores_by = [&](std::span<const float> move, std::optional<std::size_t> point) {
      std::vector<std::uint32_t> chosen;
      for (const std::uint32_t row : some) {
        if (point && moved.points[row] != *point) continue;
        chosen.push_back(row);
        for (std::size_t f = 0; f < d; ++f) {
          moved.features[row * d + f] = around.features[row * d + f] + move[f];
        }
      }
      return log_scores(
          int8_scores(learned.score, file->network(), learned.normaliser, moved, chosen));
    };
    std::vector<double> usual;
    for (const std::vector<float>& draw : draws) {
      const auto logs = scores_by(draw, {});
      usual.insert(usual.end(), logs.begin(), logs.end());
    }
    const double centre = mean_of(usual);
    const double limit = centre + kNeighboursMayRaise * deviation_about(usual, centre);
    // At each operating point, because a neighbour is loudest beside the quietest.
    std::vector<std::size_t> beyond(moves / kMovesOfPoint);
    for (std::size_t i = 0; i < moves; ++i) {
      const auto logs =
          scores_by(std::span(around.neighbour_moves).subspan(i * d, d), i / kMovesOfPoint);
      if (!logs.empty() && mean_of(logs) > limit) ++beyond[i / kMovesOfPoint];
    }
    if (static_cast<double>(std::ranges::max(beyond)) <=
        kNeighboursBeyond * static_cast<double>(kMovesOfPoint)) {
      return weight;
    }
  }
  return kMostNeighbours;
}

DetectorChoice choose_detector(const WindowTable& table, const Split& split,
                               const LearningSettings& settings) {
  constexpr double kStandsOut = 2.0;  // deviations of what is usual
  const double kLargestChange = std::log(DetectorChoice::kMost);
  constexpr int kHalvings = 8;
  const FeatureSpec& spec = table.spec;
  const std::size_t d = spec.dimensions();
  std::vector<std::size_t> changes;  // features that rise
  for (std::size_t f = 0; f < d; ++f) {
    if (spec.set == FeatureSet::vibration ? kVibrationFeatures[f].slope > 0.0F
                                          : !feature_is_mean(spec, f)) {
      changes.push_back(f);
    }
  }
  const auto stands_out_by = [&](DetectorKind kind) {
    LearningSettings of_kind = settings;
    of_kind.detector = kind;
    std::vector<std::uint32_t> train = split.train;
    if (kind == DetectorKind::mahalanobis) {
      train.insert(train.end(), split.best_epoch.begin(), split.best_epoch.end());
    }
    const LearnedBaseline baseline = learn_baseline(table, train);
    const WindowTable around = centred(table, baseline.baseline);
    if (kind == DetectorKind::mahalanobis) {
      of_kind.neighbours = choose_neighbours(around, train, of_kind);
    }
    const LearnedNetwork learned = learn(around, train, split.best_epoch, of_kind);
    const auto file = ModelFile::from_bytes(plain_file(learned.quantised), "a try", false);
    // What is usual is what calibration will take for usual.
    std::vector<std::uint32_t> fitted_on = split.train;
    fitted_on.insert(fitted_on.end(), split.best_epoch.begin(), split.best_epoch.end());
    std::ranges::sort(fitted_on);
    CrossFitted fitted = cross_fit(table, fitted_on, of_kind);
    const auto normal = log_scores(fitted.varied.empty() ? fitted.scores : fitted.varied);
    const double centre = mean_of(normal);
    const double deviation = deviation_about(normal, centre) + 1e-9;
    WindowTable changed = around;
    // How far the score of windows lies from the usual with a feature so much larger, in logarithm.
    const auto shift = [&](std::size_t feature, double size) {
      for (const std::uint32_t row : split.threshold) {
        const float value = around.features[row * d + feature];
        changed.features[row * d + feature] = spec.set == FeatureSet::vibration
                                                  ? value + static_cast<float>(size)
                                                  : value * static_cast<float>(std::exp(size));
      }
      const auto scores = log_scores(int8_scores(learned.score, file->network(), learned.normaliser,
                                                 changed, split.threshold));
      return (mean_of(scores) - centre) / deviation;
    };
    std::vector<double> sizes;
    for (const std::size_t feature : changes) {
      double below = 0.0;
      double above = kLargestChange;
      if (shift(feature, kLargestChange) >= kStandsOut) {
        for (int i = 0; i < kHalvings; ++i) {
          const double middle = 0.5 * (below + above);
          (shift(feature, middle) < kStandsOut ? below : above) = middle;
        }
      }
      sizes.push_back(above);
      for (const std::uint32_t row : split.threshold) {
        changed.features[row * d + feature] = around.features[row * d + feature];
      }
    }
    std::ranges::sort(sizes);
    return std::exp(sizes[sizes.size() / 2]);
  };
  DetectorChoice choice;
  choice.mahalanobis = stands_out_by(DetectorKind::mahalanobis);
  choice.autoencoder = stands_out_by(DetectorKind::autoencoder);
  choice.detector = choice.autoencoder < choice.mahalanobis ? DetectorKind::autoencoder
                                                            : DetectorKind::mahalanobis;
  return choice;
}

namespace {

/// How far sessions reach above a level, root mean square; those below it count as nothing. 0 of fewer than two whose mean
/// says something, being of more than a few windows.
double reach_above(const std::vector<double>& values, std::span<const std::uint32_t> sessions,
                   double level, std::uint32_t& seen) {
  double squares = 0.0;
  seen = 0;
  auto begin = values.begin();
  for (const std::uint32_t windows : sessions) {
    const auto end = begin + windows;
    if (is_session(windows, values.size(), sessions.size())) {
      ++seen;
      const double above = std::max(mean_of({begin, end}) - level, 0.0);
      squares += above * above;
    }
    begin = end;
  }
  return seen > 1 ? std::sqrt(squares / seen) : 0.0;
}

// Ten seconds of usual windows: smaller changes are cusum's.
constexpr std::uint8_t kGlrWindows = 16;

}  // namespace

DecisionRecord choose_decision(const CrossFitted& fitted, std::span<const std::uint32_t> sessions,
                               double alarms_per_hour, const WindowShape& window,
                               DecisionKind kind) {
  CalibrationWish wish;
  wish.decision.kind = kind;
  if (kind == DecisionKind::glr) wish.decision.n = kGlrWindows;
  wish.alarms_per_hour = alarms_per_hour;
  wish.window_seconds = window.seconds();
  const std::size_t most = std::max(fitted.scores.size(), fitted.varied.size());
  std::vector<float> memory(calibration_floats(most));
  Calibration calibration;
  const auto run = [&](std::span<const float> scores, std::span<const std::uint32_t> in_sessions) {
    const Status status = calibrate(scores, in_sessions, wish, memory, calibration);
    if (status == Status::ok) return;
    throw Error(status == Status::too_few_windows ? ExitCode::too_little_data : ExitCode::bad_input,
                fmt::format("decision: {} ({} normal windows); record more normal running",
                            describe(status), fitted.scores.size()));
  };
  run(fitted.scores, sessions);
  const Support support = calibration.support;
  // What data cannot vouch for is not promised: the limit is that of the rarest rate they support.
  wish.alarms_per_hour = std::max(alarms_per_hour, support.supported_per_hour);
  float between_sessions = calibration.between_sessions;
  if (!fitted.varied.empty()) {
    run(fitted.varied, {});
    between_sessions = calibration.between_sessions;
    // The copies are moved as weeks move a machine. Recordings whose scores lie above their middle all the same say that
    // this one's sessions differ by more; and how much, as far as single windows have ever been.
    std::uint32_t seen = 0;
    const double above = reach_above(log_scores(fitted.scores), sessions,
                                     static_cast<double>(calibration.settings.location), seen);
    const auto wider =
        static_cast<float>(std::min(above / static_cast<double>(calibration.settings.scale),
                                    most_between_sessions(calibration.model)));
    if (wider > between_sessions) {
      between_sessions = wider;
      // The copies are one session, which makes calibrate() as unsure as one: 1 + 1/1 instead of 1 + 1/seen.
      wish.between_sessions = wider * std::sqrt(0.5F * (1.0F + 1.0F / static_cast<float>(seen)));
      run(fitted.varied, {});
    }
  } else if (wish.alarms_per_hour > alarms_per_hour) {
    run(fitted.scores, sessions);
  }
  DecisionRecord record;
  record.settings = calibration.settings;
  record.asked_per_hour = static_cast<float>(alarms_per_hour);
  record.stated_per_hour =
      static_cast<float>(std::max(calibration.rate_per_hour, wish.alarms_per_hour));
  record.supported_per_hour = static_cast<float>(support.supported_per_hour);
  record.normal_hours = static_cast<float>(support.normal_hours);
  record.minutes_missing = static_cast<float>(support.minutes_missing / kCalibrationShare);
  record.between_sessions = between_sessions;
  return record;
}

void judge_windows(const DetectorModel& model, const WindowTable& table,
                   std::span<const std::uint32_t> rows, const OnJudged& on_judged) {
  std::optional<Pipeline> pipeline(std::in_place, model);
  std::array<float, kMaxFeatures> buffer{};
  const auto features = std::span(buffer).first(table.spec.dimensions());
  const auto window_us = static_cast<std::int64_t>(table.window.seconds() * 1e6);
  const SourceGroups sources(table);
  std::optional<std::uint32_t> before;
  for (const std::uint32_t row : rows) {
    const WindowOrigin& origin = table.origins[row];
    if (before) {
      // One-second files of one session follow each other though each starts at zero; a hole in time
      // inside a recording, if only a twentieth of a window, or windows that are not among the rows, end a run.
      const WindowOrigin& last = table.origins[*before];
      const bool same = last.recording == origin.recording;
      const bool apart =
          origin.gap || (same && origin.start_us - last.start_us > window_us * 21 / 20);
      if (!sources.same_session(*before, row)) {
        pipeline.emplace(model);  // where the sensor sat in one is no news of the next
      } else if (apart) {
        pipeline->break_run();
      }
    }
    before = row;
    std::ranges::copy(table.row(row), features.begin());
    WindowResult result = pipeline->judge(features, table.summaries[row], origin.gap, origin.rate);
    result.start_us = origin.start_us;
    on_judged(row, result, *pipeline);
  }
}

std::vector<WindowResult> judge_windows(const DetectorModel& model, const WindowTable& table,
                                        std::span<const std::uint32_t> rows) {
  std::vector<WindowResult> results;
  results.reserve(rows.size());
  judge_windows(model, table, rows,
                [&](std::uint32_t /*row*/, const WindowResult& result, const Pipeline& /*after*/) {
                  results.push_back(result);
                });
  return results;
}

ThresholdRecord choose_threshold(std::vector<float> scores, double percentile,
                                 const WindowShape& window, double share) {
  const std::size_t n = scores.size();
  const auto minutes = [&](std::size_t windows) {
    return static_cast<double>(windows) * window.seconds() / share / 60.0;
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
  if (!(record.value > 0.0F)) {
    throw Error(
        ExitCode::bad_input,
        fmt::format("threshold: {} held-out normal windows all score 0, as readings do that "
                    "never vary: is the sensor alive ('fettle inspect')? --threshold gives "
                    "one by hand",
                    n));
  }
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
