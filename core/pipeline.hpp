// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

#include "core/alert/alert.hpp"
#include "core/decision/changes.hpp"
#include "core/decision/conditions.hpp"
#include "core/decision/explanation.hpp"
#include "core/decision/sequential.hpp"
#include "core/decision/threshold_decision.hpp"
#include "core/elementary.hpp"
#include "core/features/extractor.hpp"
#include "core/features/vibration.hpp"
#include "core/model/detector_model.hpp"
#include "core/score/reconstruction.hpp"
#include "core/sensor/raw_sample.hpp"
#include "core/sensor/sample.hpp"
#include "core/window/window_cutter.hpp"

namespace fettle {

/// Which feature sets a pipeline is built for: a product that knows its model leaves out the other's code
/// and memory, 6 KB of each.
enum class Built : std::uint8_t { for_all_sets, for_tutorial_set };

/// The first half of the journey, which training and judging share: samples in, features of complete
/// windows out.
///
///     sample -> window -> features
template <Built kBuilt>
class BasicFeaturePipeline {
  static constexpr bool kVibration = kBuilt == Built::for_all_sets;

 public:
  /// The window's overlap() must not be 0, and the features must support its length and be of a set that
  /// this is built for.
  BasicFeaturePipeline(const FeatureSpec& features, const WindowShape& window)
      : window_(window), cutter_(window), overlap_(window.overlap()), vibration_(features, window) {
    extractors_.fill(FeatureExtractor(features));
  }

  /// Looks for the running speed where the machine was learned.
  void expect(const Baseline& baseline) requires kVibration {
    std::array<SpeedRange, kMostOperatingPoints> ranges;
    if (!baseline.knows_speed()) return;
    for (std::size_t i = 0; i < baseline.points; ++i) {
      ranges[i] = {baseline.point[i].low_hz, baseline.point[i].high_hz};
    }
    vibration_.expect({ranges.data(), baseline.points});
  }
  void expect(std::span<const SpeedRange> learned) requires kVibration {
    vibration_.expect(learned);
  }

  /// Takes the next sample. True when it completed a window: finish() then gives its features.
  bool push(const TimedSample& sample) {
    const bool complete = cut(sample.t_us);
    if constexpr (kVibration) {
      if (features().set == FeatureSet::vibration) {
        vibration_.add(sample.sample);
        return complete;
      }
    }
    for (std::uint32_t i = 0; i < overlap_; ++i) extractors_[i].add(sample.sample);
    return complete;
  }
  /// The same, from raw counts: cheaper for the tutorial set, and with the same bits.
  bool push(std::int64_t t_us, const RawSample& raw, const Ranges& ranges) {
    if constexpr (kVibration) {
      if (features().set == FeatureSet::vibration) return push({t_us, physical(raw, ranges)});
    }
    const bool complete = cut(t_us);
    for (std::uint32_t i = 0; i < overlap_; ++i) extractors_[i].add(raw, ranges);
    return complete;
  }

  /// Features of the window that push() just completed, [D].
  void finish(std::span<float> features) const {
    WindowSummary summary;
    finish(features, summary);
  }
  /// With what the window says beside them.
  /// Only the vibration set fills the summary in.
  void finish(std::span<float> features, WindowSummary& summary) const {
    if constexpr (kVibration) {
      if (this->features().set == FeatureSet::vibration) {
        vibration_.finish(features, summary);
        return;
      }
    }
    summary = {};
    extractors_[cutter_.completed()].finish(features);
  }

  /// Rate of the window that push() just completed, as a part of the nominal one; 1 at most rates
  /// that a sensor's clock has.
  [[nodiscard]] float relative_rate() const {
    const double steps = static_cast<double>(window_.samples - 1) * 1e6;
    const auto span_us = static_cast<double>(last_us_ - cutter_.start_us());
    const double nominal_us = steps / static_cast<double>(window_.rate_hz);
    return span_us > 0.0 ? static_cast<float>(nominal_us / span_us) : 0.0F;
  }

  /// Time was missing before the sample pushed last.
  [[nodiscard]] bool broken() const { return broken_; }
  /// And samples with it: a window was dropped that was under way. Otherwise it was a pause between two.
  [[nodiscard]] bool torn() const { return broken_ && cutter_.dropped(); }

  /// Another recording begins: no window crosses over.
  void restart() { cutter_.restart(); }

  [[nodiscard]] const FeatureSpec& features() const { return extractors_[0].spec(); }
  [[nodiscard]] std::int64_t start_us() const { return cutter_.start_us(); }
  /// Samples since a window began last, 0 to hop - 1; 0: the next sample begins one.
  [[nodiscard]] std::uint32_t phase() const { return cutter_.phase(); }
  [[nodiscard]] std::uint64_t gaps() const { return gaps_; }
  [[nodiscard]] std::uint64_t backwards() const { return backwards_; }

 private:
  /// Windows dropped by a gap are fed on until their place is taken: nobody asks for them.
  bool cut(std::int64_t t_us) {
    const WindowCutter::Cut cut = cutter_.push(t_us);
    last_us_ = t_us;
    if (cut == WindowCutter::Cut::gap) ++gaps_;
    if (cut == WindowCutter::Cut::backwards) ++backwards_;
    broken_ = cut == WindowCutter::Cut::gap || cut == WindowCutter::Cut::backwards;
    if (cutter_.began()) extractors_[cutter_.newest()].restart();
    return cut == WindowCutter::Cut::complete;
  }

  WindowShape window_;
  WindowCutter cutter_;
  std::uint32_t overlap_;
  // The tutorial set sums as samples come, one extractor a window under way; the vibration set keeps
  // samples, and all windows share them.
  std::array<FeatureExtractor, kMaxOverlap> extractors_;
  struct Nothing {
    Nothing(const FeatureSpec&, const WindowShape&) {}
  };
  [[no_unique_address]] std::conditional_t<kVibration, VibrationExtractor, Nothing> vibration_;
  std::int64_t last_us_ = 0;
  bool broken_ = false;
  std::uint64_t gaps_ = 0;
  std::uint64_t backwards_ = 0;
};

using FeaturePipeline = BasicFeaturePipeline<Built::for_all_sets>;

/// One judged window.
struct WindowResult {
  std::int64_t start_us = 0;
  float score = 0.0F;  ///< NaN where a reading was no number
  float threshold = 0.0F;
  /// Deviations of the log score from normal, in units of the model's file: what burn-in learns from.
  /// NaN where the decision did not hear of it, and for models without a decision.
  float evidence = kNoEvidence;
  /// How near the alarm is: 0 at rest, 1 at the limit, at most 2. For models without a decision 0.
  float share = 0.0F;
  Verdict verdict = Verdict::normal;
  Reason reason = Reason::none;  ///< why it cannot be judged
  bool alarm = false;            ///< this window raised the alert line
  std::uint8_t point = 0;        ///< operating point that it was compared with
  float speed_hz = 0.0F;         ///< estimated running speed; 0: not known

  static constexpr float kNoEvidence = std::bit_cast<float>(0x7fc00000U);
};

/// What a window goes through, for who measures what each takes.
enum class Stage : std::uint8_t {
  features,
  score,     ///< what the operating point explains is taken away; the network
  decision,  ///< with what an alarm would be explained by
};
inline constexpr std::size_t kStages = 3;

/// Hears the end of each stage; nobody does.
struct NoStages {
  void operator()(Stage /*ended*/) const {}
};

/// The whole journey, from a sample to an alarm. The same class runs on the microcontroller, in the
/// simulator and in the command line program; it allocates nothing and reads no clock.
///
///     sample -> window -> features -> model -> score -> decision -> alert
///
/// A model with a decision gathers evidence over windows, as far as they can be judged; one without,
/// such as the tutorial's, judges each window by its threshold.
template <Built kBuilt>
class BasicPipeline {
  static constexpr bool kVibration = kBuilt == Built::for_all_sets;

 public:
  /// The model's file and workspace must outlive the pipeline. Its features are of a set that this is built
  /// for.
  explicit BasicPipeline(const DetectorModel& model) : BasicPipeline(model, model.window) {}

  /// With windows that begin more often than those of training.
  /// @param window  of the model's samples and rate; its overlap() must not be 0
  BasicPipeline(const DetectorModel& model, const WindowShape& window)
      : model_(model),
        front_(model.features, window),
        conditions_(model.baseline, model.features, window),
        threshold_(model.threshold) {
    if (model.decision) sequential_.emplace(*model.decision);
    if constexpr (kVibration) front_.expect(model.baseline);
  }

  /// Takes the next sample; gives a result when it completes a window.
  std::optional<WindowResult> push(const TimedSample& sample) {
    return judge_if(front_.push(sample));
  }
  /// The same, from raw counts. @param on_stage  called with the end of each Stage of a window
  template <typename OnStage = NoStages>
  std::optional<WindowResult> push(std::int64_t t_us, const RawSample& raw, const Ranges& ranges,
                                   OnStage&& on_stage = {}) {
    return judge_if(front_.push(t_us, raw, ranges), on_stage);
  }

  /// The second half alone, for features computed before. Overwrites them with their z-scores.
  /// @param gap   samples were lost since the window before
  /// @param rate  of the samples, as a part of the nominal one
  template <typename OnStage = NoStages>
  WindowResult judge(std::span<float> features, const WindowSummary& summary, bool gap = false,
                     float rate = 1.0F, OnStage&& on_stage = {}) {
    Condition condition;
    if constexpr (kVibration) {
      if (model_.features.set == FeatureSet::vibration) {
        condition = conditions_.look(summary, features, gap, rate);
      }
    }
    WindowResult result;
    result.score = WindowResult::kNoEvidence;
    result.point = condition.point;
    result.speed_hz = summary.speed.hz;
    result.threshold = threshold_.threshold();
    if (condition.reason != Reason::not_a_number) {
      model_.normaliser.apply(features, features);
      result.score = score_of(model_.score, model_.network, features);
    }
    on_stage(Stage::score);
    // The tutorial set says nothing beside its features: there the score tells.
    if (sequential_ && result.score != result.score) {
      condition.reason = Reason::not_a_number;
      condition.counts = false;
    }
    if constexpr (kVibration) conditions_.scored(is_normal(result.score));
    result.reason = condition.reason;
    result.verdict = decide(condition, result);
    gather(condition, result, summary, features);
    result.alarm = alert_.update(result.verdict);
    on_stage(Stage::decision);
    return result;
  }

  /// Judges each window by this threshold instead of what the model says; nullopt: as the model says.
  void set_threshold(std::optional<float> threshold) {
    threshold_ = ThresholdDecision(threshold.value_or(model_.threshold));
    sequential_.reset();
    if (model_.decision && !threshold) sequential_.emplace(*model_.decision);
  }
  /// Settings refined after deployment, of the model's kind: see SequentialDecision::adopt().
  void adopt(const DecisionSettings& settings) {
    if (sequential_) sequential_->adopt(settings);
  }

  /// A person says that nothing is wrong: what was gathered does not count any more.
  void forget_evidence() {
    if (sequential_) sequential_->restart();
  }

  /// Time is missing before the next window: where each is judged by itself, a run of anomalies ends, and the
  /// next is a new alarm. What gathers evidence stands.
  void break_run() {
    if (!sequential_) alert_.restart();
  }

  /// Another recording begins.
  void restart() {
    front_.restart();
    if constexpr (kVibration) conditions_.restart();
    alert_.restart();
    if (sequential_) sequential_->restart();
    changes_.restart();
    gathering_ = false;
    gap_ = false;
  }

  [[nodiscard]] const BasicFeaturePipeline<kBuilt>& front() const { return front_; }
  [[nodiscard]] const Alert& alert() const { return alert_; }
  [[nodiscard]] const Conditions& conditions() const requires kVibration { return conditions_; }
  /// How the machine has differed from what was learned since evidence was last at rest; there, how the last window
  /// did.
  [[nodiscard]] const Changes& changes() const { return changes_; }
  /// A sentence about that for people, at most 90 bytes: worth its time at an alarm, not for each window.
  [[nodiscard]] Phrase phrase() const {
    return phrase_of(model_, changes_, fettle::explain(model_, changes_));
  }
  /// None: each window is judged by itself.
  [[nodiscard]] const std::optional<SequentialDecision>& decision() const { return sequential_; }

 private:
  template <typename OnStage = NoStages>
  std::optional<WindowResult> judge_if(bool complete, OnStage&& on_stage = {}) {
    gap_ = gap_ || front_.torn();
    if (front_.broken()) break_run();
    if (!complete) return std::nullopt;
    std::array<float, kMaxFeatures> buffer;
    const std::span<float> features(buffer.data(), model_.features.dimensions());
    WindowSummary summary;
    front_.finish(features, summary);
    on_stage(Stage::features);
    WindowResult result = judge(features, summary, gap_, front_.relative_rate(), on_stage);
    result.start_us = front_.start_us();
    gap_ = false;
    return result;
  }

  /// By itself, a window is as learned. No number is not.
  [[nodiscard]] bool is_normal(float score) const {
    if (!sequential_) return threshold_.judge(score) == Verdict::normal;
    const DecisionSettings& settings = sequential_->settings();
    return evidence_of(score, settings) < settings.reference;
  }

  Verdict decide(const Condition& condition, WindowResult& result) {
    if (!sequential_) {
      if (!condition.counts) return Verdict::cannot_judge;
      const Verdict verdict = threshold_.judge(result.score);
      return verdict == Verdict::normal && condition.reason != Reason::none ? Verdict::cannot_judge
                                                                            : verdict;
    }
    const DecisionSettings& settings = sequential_->settings();
    const float evidence = evidence_of(result.score, settings) - condition.margin;
    // Where a margin is allowed a window may accuse and never acquits: there, nobody has learned what is normal.
    const bool accuses = evidence > settings.reference;
    if (condition.counts && (accuses || !(condition.margin > 0.0F))) {
      sequential_->push(evidence);
      if (condition.reason == Reason::none) {
        result.evidence = evidence_of(result.score, *model_.decision);
      }
    } else {
      sequential_->fade();
    }
    result.share = sequential_->share();
    // An alarm stands until evidence says otherwise: a machine that was switched off is not mended.
    if (sequential_->level() == Level::alarm) return Verdict::alarm;
    if (condition.reason != Reason::none) return Verdict::cannot_judge;
    if constexpr (kVibration) {
      if (conditions_.mounting().moved()) return Verdict::sensor_moved;
    }
    return sequential_->level() == Level::warning ? Verdict::warning : Verdict::normal;
  }

  /// Remembers what an alarm would be explained by.
  void gather(const Condition& condition, const WindowResult& result, const WindowSummary& summary,
              std::span<const float> z) {
    if (!condition.counts) return;
    // Together are the windows of which evidence gathers, or a run of anomalies; others stand alone.
    const bool speaks = sequential_ ? sequential_->value() > 0.0F : raises(result.verdict);
    if (!speaks || !gathering_) changes_.restart();
    gathering_ = speaks;
    std::array<float, kMostAxisLevels> axes = summary.axis_level;
    std::size_t known = 0;
    if (const Baseline& baseline = model_.baseline; kVibration && baseline.points > 0) {
      known = model_.features.axis_levels();
      take_away_axes(baseline.point[condition.point], condition.speed_hz,
                     std::span(axes).first(known));
    }
    changes_.add(z, {axes.data(), known}, condition.point, condition.speed_hz > 0.0F);
  }

  const DetectorModel& model_;
  struct Nothing {
    Nothing(const Baseline&, const FeatureSpec&, const WindowShape&) {}
  };
  BasicFeaturePipeline<kBuilt> front_;
  [[no_unique_address]] std::conditional_t<kVibration, Conditions, Nothing> conditions_;
  ThresholdDecision threshold_;
  std::optional<SequentialDecision> sequential_;
  Changes changes_;
  bool gathering_ = false;  // the window before spoke for a change
  Alert alert_;
  bool gap_ = false;
};

using Pipeline = BasicPipeline<Built::for_all_sets>;

}  // namespace fettle
