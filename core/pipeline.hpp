// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/alert/alert.hpp"
#include "core/decision/threshold_decision.hpp"
#include "core/features/extractor.hpp"
#include "core/features/vibration.hpp"
#include "core/model/detector_model.hpp"
#include "core/score/reconstruction.hpp"
#include "core/sensor/sample.hpp"
#include "core/window/window_cutter.hpp"

namespace fettle {

/// The first half of the journey, which training and judging share: samples in, features of complete
/// windows out.
///
///     sample -> window -> features
class FeaturePipeline {
 public:
  /// The window's overlap() must not be 0, and the features must support its length.
  FeaturePipeline(const FeatureSpec& features, const WindowShape& window)
      : cutter_(window), overlap_(window.overlap()), vibration_(features, window) {
    extractors_.fill(FeatureExtractor(features));
  }

  /// Takes the next sample. True when it completed a window: finish() then gives its features.
  bool push(const TimedSample& sample) {
    const WindowCutter::Cut cut = cutter_.push(sample.t_us);
    if (cut == WindowCutter::Cut::gap) ++gaps_;
    if (cut == WindowCutter::Cut::backwards) ++backwards_;
    broken_ = cut == WindowCutter::Cut::gap || cut == WindowCutter::Cut::backwards;
    if (features().set == FeatureSet::vibration) {
      vibration_.add(sample.sample);
      return cut == WindowCutter::Cut::complete;
    }
    if (cutter_.began()) extractors_[cutter_.newest()].restart();
    // Windows dropped by a gap are fed on until their place is taken: nobody asks for them.
    for (std::uint32_t i = 0; i < overlap_; ++i) extractors_[i].add(sample.sample);
    return cut == WindowCutter::Cut::complete;
  }

  /// Features of the window that push() just completed, [D].
  void finish(std::span<float> features) const {
    WindowSummary summary;
    finish(features, summary);
  }
  /// With what the window says beside them, of which the tutorial set knows nothing.
  void finish(std::span<float> features, WindowSummary& summary) const {
    if (this->features().set == FeatureSet::vibration) {
      vibration_.finish(features, summary);
      return;
    }
    summary = {};
    extractors_[cutter_.completed()].finish(features);
  }

  /// Time was missing before the sample pushed last.
  [[nodiscard]] bool broken() const { return broken_; }

  /// Another recording begins: no window crosses over.
  void restart() { cutter_.restart(); }

  [[nodiscard]] const FeatureSpec& features() const { return extractors_[0].spec(); }
  [[nodiscard]] std::int64_t start_us() const { return cutter_.start_us(); }
  /// Samples since a window began last, 0 to hop - 1; 0: the next sample begins one.
  [[nodiscard]] std::uint32_t phase() const { return cutter_.phase(); }
  [[nodiscard]] std::uint64_t gaps() const { return gaps_; }
  [[nodiscard]] std::uint64_t backwards() const { return backwards_; }

 private:
  WindowCutter cutter_;
  std::uint32_t overlap_;
  // The tutorial set sums as samples come, one extractor a window under way; the vibration set keeps
  // samples, and all windows share them.
  std::array<FeatureExtractor, kMaxOverlap> extractors_;
  VibrationExtractor vibration_;
  bool broken_ = false;
  std::uint64_t gaps_ = 0;
  std::uint64_t backwards_ = 0;
};

/// One judged window.
struct WindowResult {
  std::int64_t start_us = 0;
  float score = 0.0F;
  float threshold = 0.0F;
  Verdict verdict = Verdict::normal;
  bool alarm = false;  ///< this window raised the alert line
};

/// The whole journey, from a sample to an alarm. The same class runs on the microcontroller, in the
/// simulator and in the command line program; it allocates nothing and reads no clock.
///
///     sample -> window -> features -> model -> score -> decision -> alert
class Pipeline {
 public:
  /// The model's file and workspace must outlive the pipeline.
  explicit Pipeline(const DetectorModel& model) : Pipeline(model, model.window) {}

  /// With windows that begin more often than those of training.
  /// @param window  of the model's samples and rate; its overlap() must not be 0
  Pipeline(const DetectorModel& model, const WindowShape& window)
      : model_(model), front_(model.features, window), decision_(model.threshold) {}

  /// Takes the next sample; gives a result when it completes a window.
  std::optional<WindowResult> push(const TimedSample& sample) {
    const bool complete = front_.push(sample);
    if (front_.broken()) alert_.restart();
    if (!complete) return std::nullopt;
    std::array<float, kMaxFeatures> buffer;
    const std::span<float> z(buffer.data(), model_.features.dimensions());
    front_.finish(z);
    WindowResult result = judge(z);
    result.start_us = front_.start_us();
    return result;
  }

  /// The second half alone, for features computed before. Overwrites them with their z-scores.
  WindowResult judge(std::span<float> features) {
    model_.normaliser.apply(features, features);
    WindowResult result;
    result.score = reconstruction_error(model_.network, features);
    result.threshold = decision_.threshold();
    result.verdict = decision_.judge(result.score);
    result.alarm = alert_.update(result.verdict);
    return result;
  }

  /// Another threshold from the next window on.
  void set_threshold(float threshold) { decision_ = ThresholdDecision(threshold); }

  /// Another recording begins.
  void restart() {
    front_.restart();
    alert_.restart();
  }

  [[nodiscard]] const FeaturePipeline& front() const { return front_; }
  [[nodiscard]] const Alert& alert() const { return alert_; }

 private:
  const DetectorModel& model_;
  FeaturePipeline front_;
  ThresholdDecision decision_;
  Alert alert_;
};

}  // namespace fettle
