// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/learn/calibration.hpp"
#include "core/learn/mahalanobis.hpp"
#include "core/learn/model_writer.hpp"
#include "core/learn/normal_running.hpp"
#include "core/learn/trainer.hpp"
#include "core/pipeline.hpp"
#include "host/dataset.hpp"
#include "host/model_file.hpp"

namespace fettle::host {

/// Where a window comes from.
struct WindowOrigin {
  std::uint32_t recording = 0;  ///< index into WindowTable::recordings
  std::uint32_t end_row = 0;    ///< samples of the recording up to the window's end
  std::int64_t start_us = 0;
  std::uint64_t prefix_hash = 0;  ///< SampleHash of those samples
  bool gap = false;               ///< time was missing since the window before
  float rate = 1.0F;              ///< of its samples, as a part of the nominal one
};

/// The features of every window of some recordings: D floats a window instead of samples, so that
/// memory stays small for any length of recording.
struct WindowTable {
  FeatureSpec spec;
  WindowShape window;
  std::vector<RecordingEntry> recordings;
  std::vector<float> features;         ///< [n][D], in order of recording and time
  std::vector<std::int64_t> began_us;  ///< of each recording, its first row
  std::vector<WindowOrigin> origins;
  std::vector<WindowSummary> summaries;  ///< [n]; of tutorial features they say nothing
  SpeedsFound speeds;                    ///< by clean()
  std::vector<std::uint8_t> points;  ///< [n] set point of each; empty before clean() or centred()
  std::uint64_t gaps = 0;
  bool centred = false;                ///< features are less the mean of their operating point
  std::vector<float> neighbour_moves;  ///< by neighbour_moves(), if centred

  [[nodiscard]] std::size_t size() const { return origins.size(); }
  [[nodiscard]] std::span<const float> row(std::size_t i) const {
    return std::span(features).subspan(i * spec.dimensions(), spec.dimensions());
  }
  /// When window i begins and ends, seconds since its recording's first row; of the nominal rate.
  [[nodiscard]] double begin_s(std::size_t i) const {
    const WindowOrigin& origin = origins[i];
    return static_cast<double>(origin.start_us - began_us[origin.recording]) / 1e6;
  }
  [[nodiscard]] double end_s(std::size_t i) const { return begin_s(i) + window.seconds(); }
  [[nodiscard]] const RecordingEntry& recording_of(std::size_t i) const {
    return recordings[origins[i].recording];
  }
};

/// What windows are unless somebody says otherwise: 128 samples, and 256 of vibration features above 250 Hz, so that
/// they hold a few turns of a slow machine.
[[nodiscard]] WindowShape usual_window(FeatureSet features, double rate_hz);

/// Computes the features of all complete windows of recordings whose label passes `wanted`.
/// @param expected  speeds where the machine's line is looked for first
/// Throws Error(bad_input) for a sample out of any sensor's range, or three axes where `spec` wants
/// six.
[[nodiscard]] WindowTable read_windows(const DataSet& data, const FeatureSpec& spec,
                                       const WindowShape& window,
                                       const std::function<bool(const std::string&)>& wanted,
                                       std::span<const SpeedRange> expected = {});

/// The same of one recording that is in no data set; its label is empty.
[[nodiscard]] WindowTable read_windows(const std::filesystem::path& recording,
                                       const FeatureSpec& spec, const WindowShape& window,
                                       std::span<const SpeedRange> expected = {});

/// Length of the mean direction of gravity from which on the sensor sat the same all the time.
inline constexpr double kSameGravity = 0.998;

/// Whether recordings at one rate can be judged by a model of another. Throws Error(bad_input) naming `what`.
void refuse_other_rate(const std::string& what, double rate_hz, const WindowShape& window);

/// The ranges of set points, for read_windows().
[[nodiscard]] std::vector<SpeedRange> ranges_of(const Baseline& baseline);

/// Windows of normal recordings that are no steady normal running.
struct Hygiene {
  struct Stretch {
    LeftOut why = LeftOut::no;
    std::string recording;
    double from_s = 0.0, to_s = 0.0;  ///< of the recording
    std::size_t windows = 0;
  };
  std::array<std::size_t, kLeftOutKinds> windows{};  ///< by LeftOut
  std::vector<Stretch> stretches;
  [[nodiscard]] std::size_t total() const;
};

/// Finds set points, and takes out of the table what is no steady running at one of them. Does nothing to
/// tutorial features.
/// @param keep_all  only finds set points
Hygiene clean(WindowTable& table, bool keep_all = false);

/// The normal windows that a detector learns from. Looks twice, because a speed is found best by who knows where it
/// may be: at the set points of the first look, or where there is none at what suggest_speeds() makes of it. A
/// suggestion that the second look does not confirm is dropped again, as whoever judges will not expect it.
/// @param read  reads the same windows with these speeds expected; called once for tutorial features
[[nodiscard]] WindowTable learn_windows(
    const std::function<WindowTable(std::span<const SpeedRange>)>& read, Hygiene& hygiene,
    bool keep_all = false);

/// Where the machine is when it is normal; owns what `baseline` points to.
struct LearnedBaseline {
  Baseline baseline;
  std::array<std::uint32_t, kMostOperatingPoints> windows{};
  std::vector<std::vector<float>> means;
  std::vector<std::vector<float>> axis_means;
};

/// Operating points and the means of these windows at each; gravity, and the level below which the machine is
/// off. For vibration features of a table that clean() has seen; of others the baseline has no points.
[[nodiscard]] LearnedBaseline learn_baseline(const WindowTable& table,
                                             std::span<const std::uint32_t> rows);

/// The table with each window's features less the mean of its operating point, which it notes, and with what neighbours
/// would do to them. Without points, as it is.
[[nodiscard]] WindowTable centred(const WindowTable& table, const Baseline& baseline);

/// What recordings belong together: those of one source, and those of a folder whose sources have few windows each, such as
/// files of a second that carry time stamps. Of a table that must outlive this.
class SourceGroups {
 public:
  explicit SourceGroups(const WindowTable& table);
  [[nodiscard]] std::string of(std::uint32_t row) const;
  /// And of the same label: what was learned of one window holds for the other.
  [[nodiscard]] bool same_session(std::uint32_t a, std::uint32_t b) const;

 private:
  const WindowTable& table_;
  std::map<std::string, std::size_t> windows_;
};

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
  std::optional<float> threshold;               ///< given by hand: no percentile
  std::optional<double> alarms_per_hour;        ///< false ones: windows are decided together
  DecisionKind decision = DecisionKind::cusum;  ///< how, if so
  HealthyVariation variation;
  std::optional<double> neighbours;  ///< weight; unset: learn() asks choose_neighbours()
};

/// Called after each epoch.
using EpochListener = std::function<void(const Trainer::Progress&)>;

/// A network trained and quantised, with what it was trained on.
struct LearnedNetwork {
  Normaliser normaliser;
  ScoreKind score = ScoreKind::reconstruction_mse;
  FloatNetwork network;        ///< of the best epoch; parameters lie in `memory`
  QuantisedNetwork quantised;  ///< lies in `quantised_memory`
  Trainer::Progress progress;
  float final_train_loss = 0;  ///< of the best network over all training windows
  std::vector<float> memory;
  std::vector<std::byte> quantised_memory;
};

/// Scores of windows by detectors that were trained without them: in five turns a fifth of each source and
/// operating point, in one piece, is left out and scored afterwards.
struct CrossFitted {
  std::vector<float> scores;  ///< in the order of the rows
  /// The same windows kCopies times, each copy moved by one draw from HealthyVariation: what the next weeks may do to
  /// a machine that ten minutes have not shown. Empty for tutorial features.
  std::vector<float> varied;
  static constexpr std::size_t kCopies = 12;
};
/// What moves the copies: a draw from HealthyVariation for each, [kCopies][D]; none for tutorial features.
[[nodiscard]] std::vector<std::vector<float>> variation_draws(const FeatureSpec& spec,
                                                              const HealthyVariation& variation);
[[nodiscard]] CrossFitted cross_fit(const WindowTable& table, std::span<const std::uint32_t> rows,
                                    const LearningSettings& settings);

/// How much weight fit_mahalanobis() gives to what neighbours do: as little as lets few of them raise the usual score
/// by half a deviation. Each step hides a little more of the faults that shake as a neighbour does,
/// and many machines are so strong where neighbours are that they need none.
/// @param around  centred()  @return 0 where moves are not known
[[nodiscard]] double choose_neighbours(const WindowTable& around,
                                       std::span<const std::uint32_t> rows,
                                       const LearningSettings& settings);

/// The largest of the weights that choose_neighbours() chooses from.
inline constexpr double kMostNeighbours = 8.0;

/// Natural logarithms of scores, of 1e-9 at least.
[[nodiscard]] std::vector<double> log_scores(std::span<const float> scores);

/// Which detector sees smaller changes. They are made up: each feature of held-out normal windows becomes larger by
/// itself, until the mean log score lies two deviations above what calibration takes for usual. No labelled fault has a
/// say.
struct DetectorChoice {
  DetectorKind detector = DetectorKind::mahalanobis;
  /// How many times as large a feature has to be to stand out so (median over the features); kMost: or more.
  static constexpr double kMost = 400.0;
  double mahalanobis = 0.0;
  double autoencoder = 0.0;
};
[[nodiscard]] DetectorChoice choose_detector(const WindowTable& table, const Split& split,
                                             const LearningSettings& settings);

/// How many of `rows`, which are in order, belong to each source, or to each folder of small ones: sessions for
/// calibrate().
[[nodiscard]] std::vector<std::uint32_t> sessions_of(const WindowTable& table,
                                                     std::span<const std::uint32_t> rows);

/// The decision for a wish, from scores of normal windows in order. How rare a false alarm they can vouch for
/// follows from the scores; the limit from the varied ones, if there are any, as one session, and from how far sessions reach
/// above the middle of these.
/// Throws Error(too_little_data).
[[nodiscard]] DecisionRecord choose_decision(const CrossFitted& fitted,
                                             std::span<const std::uint32_t> sessions,
                                             double alarms_per_hour, const WindowShape& window,
                                             DecisionKind kind = DecisionKind::cusum);

/// Fits the normaliser, trains on `train`, chooses the epoch on `best_epoch`, quantises.
/// The same rows, settings and seed give the same bits.
/// Throws Error(too_little_data) or Error(bad_input).
[[nodiscard]] LearnedNetwork learn(const WindowTable& table, std::span<const std::uint32_t> train,
                                   std::span<const std::uint32_t> best_epoch,
                                   const LearningSettings& settings,
                                   const EpochListener& on_epoch = {});

/// Scores of some windows by an int8 network, in order.
[[nodiscard]] std::vector<float> int8_scores(ScoreKind kind, const Int8Network& network,
                                             const Normaliser& normaliser, const WindowTable& table,
                                             std::span<const std::uint32_t> rows);
/// The same score by a float network.
[[nodiscard]] std::vector<float> float_scores(ScoreKind kind, const FloatNetwork& network,
                                              const Normaliser& normaliser,
                                              const WindowTable& table,
                                              std::span<const std::uint32_t> rows);

/// The threshold for scores of held-out normal windows. Where they are too few for the percentile
/// asked, the highest that they support, with the minutes of recording that are missing.
/// @param share  of a recording, that becomes such scores
/// Throws Error(too_little_data) below 20 windows.
[[nodiscard]] ThresholdRecord choose_threshold(std::vector<float> scores, double percentile,
                                               const WindowShape& window, double share);

/// Told of each window that was judged. @param after  the journey behind it, during the call only
using OnJudged = std::function<void(std::uint32_t row, const WindowResult&, const Pipeline& after)>;
/// What the whole journey says of some windows, in order; each recording begins anew unless it goes on
/// with the session of the one before.
void judge_windows(const DetectorModel& model, const WindowTable& table,
                   std::span<const std::uint32_t> rows, const OnJudged& on_judged);
[[nodiscard]] std::vector<WindowResult> judge_windows(const DetectorModel& model,
                                                      const WindowTable& table,
                                                      std::span<const std::uint32_t> rows);

/// Which samples of which recordings took part, for the model's provenance.
[[nodiscard]] std::vector<UsedRecording> used_recordings(const WindowTable& table,
                                                         const Split& split);
/// One number over hashes and label of all used recordings.
[[nodiscard]] std::uint64_t data_hash(const std::string& label,
                                      std::span<const UsedRecording> used);

/// Share of a recording that the threshold part is, for "minutes still missing".
inline constexpr double kThresholdShare = 0.20;
/// Share of a recording that cross-fitting gives scores of: all but what is left to evaluate.
inline constexpr double kCalibrationShare = 0.85;

}  // namespace fettle::host
