// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/model/detector_model.hpp"
#include "core/pipeline.hpp"

namespace fettle::board {

/// Memory for a network's prepared numbers: what a model of format 1 with layers of up to 100
/// outputs needs.
inline constexpr std::size_t kWorkspaceBytes = 4096;

/// The model that runs, with the journey of core/pipeline.hpp behind it; or none, and then it only
/// cuts windows. Holds references into itself: never copied or moved.
class Detector {
 public:
  Detector() = default;
  Detector(const Detector&) = delete;
  Detector& operator=(const Detector&) = delete;

  /// Loads a detector from bytes that must stay where they are, 16-byte aligned. After a refusal
  /// there is no model.
  /// @return Status::workspace_too_small for one that this build has no room for
  [[nodiscard]] Fault load(std::span<const std::uint8_t> file) {
    unload();
    if (Int8Network::workspace_bytes(file) > workspace_.size()) {
      return {Status::workspace_too_small, 0, 0};
    }
    const Fault fault = load_detector(file, workspace_, model_);
    if (fault.ok() && model_.record == nullptr) return {Status::no_metadata, 0, 0};
    if (fault.ok()) {
      file_ = file;
      by_hand_.reset();
      refined_.reset();
      start({});
    }
    return fault;
  }
  /// Lets another engine run the model that was loaded, if it gives its golden output.
  [[nodiscard]] EngineResult use(NetworkEngine& engine) {
    return use_engine(engine, file_, model_);
  }
  [[nodiscard]] bool delegates() const { return loaded() && model_.network.delegates(); }
  /// One inference of the golden input: by the engine that runs, or by the board's own.
  void try_network(bool own) const {
    std::array<std::int8_t, kMaxFeatures> output;
    const std::span<const std::int8_t> input = golden_input(model_);
    const std::span<std::int8_t> to(output.data(), model_.network.outputs());
    own ? model_.network.run_here(input, to) : model_.network.run(input, to);
  }
  void unload() {
    pipeline_.reset();
    file_ = {};
  }

  /// Windows at this hop; none if it does not go into the window, or the model gathers evidence, which windows that
  /// follow each other give.
  /// @param hop  samples from window to window; 0 as the model says
  [[nodiscard]] std::optional<WindowShape> shape(std::uint32_t hop) const {
    WindowShape wanted = loaded() ? model_.window : WindowShape{.rate_hz = window_.rate_hz};
    if (hop != 0) wanted.hop = hop;
    const bool fits = wanted.overlap() == 1 || (wanted.overlap() != 0 && !gathers());
    return fits ? std::optional(wanted) : std::nullopt;
  }
  /// Begins anew, with the next sample as the first of a window.
  /// @return false if there is no shape() with this hop: then it is as the model says
  bool start(std::uint32_t hop) {
    const std::optional<WindowShape> wanted = shape(hop);
    window_ = wanted ? *wanted : *shape(0);
    cutter_.emplace(window_);
    if (loaded()) {
      pipeline_.emplace(model_, window_);
      pipeline_->set_threshold(by_hand_);
      if (refined_) pipeline_->adopt(*refined_);
    }
    return wanted.has_value();
  }
  /// Without a model: the rate that windows are cut at.
  void set_rate(float rate_hz) { window_.rate_hz = rate_hz; }

  /// Each window by this threshold, whatever the model says; 0 as the model says.
  void set_threshold(float threshold) {
    if (!loaded()) return;
    const std::optional<float> by_hand = threshold > 0 ? std::optional(threshold) : std::nullopt;
    // Another setting was changed: an alarm stands, and evidence goes on gathering.
    if (by_hand == by_hand_) return;
    by_hand_ = by_hand;
    if (!pipeline_) return;
    pipeline_->set_threshold(by_hand_);
    if (refined_) pipeline_->adopt(*refined_);
  }
  [[nodiscard]] bool by_hand() const { return by_hand_.has_value(); }
  /// The model decides by the evidence of many windows.
  [[nodiscard]] bool gathers() const { return loaded() && model_.decision.has_value(); }

  /// Settings of the model's decision as burn-in has refined them, until another model is loaded.
  void adopt(const DecisionSettings& settings) {
    refined_ = settings;
    if (pipeline_) pipeline_->adopt(settings);
  }
  /// The alarm that stands is none.
  void forget_evidence() {
    if (pipeline_) pipeline_->forget_evidence();
  }
  [[nodiscard]] bool moved() const {
    return pipeline_ && pipeline_->conditions().mounting().moved();
  }

  /// Takes the next sample. @return a result if it completed a window and there is a model
  /// @param on_stage  called with the end of each Stage of such a window
  template <typename OnStage>
  std::optional<WindowResult> push(std::int64_t t_us, const RawSample& raw, const Ranges& ranges,
                                   OnStage&& on_stage) {
    static_cast<void>(cutter_->push(t_us));
    if (!pipeline_) return std::nullopt;
    return pipeline_->push(t_us, raw, ranges, on_stage);
  }

  /// Why the last window raised an alarm, for people.
  [[nodiscard]] Phrase phrase() const { return pipeline_ ? pipeline_->phrase() : Phrase(); }
  /// Samples since a window began last: where the next sample stands in its window, 0 to hop - 1.
  [[nodiscard]] std::uint32_t phase() const { return cutter_->phase(); }
  [[nodiscard]] const WindowShape& window() const { return window_; }
  [[nodiscard]] bool loaded() const { return !file_.empty(); }
  [[nodiscard]] const DetectorModel& model() const { return model_; }
  [[nodiscard]] std::span<const std::uint8_t> file() const { return file_; }
  [[nodiscard]] float threshold() const {
    return loaded() ? by_hand_.value_or(model_.threshold) : 0.0F;
  }

 private:
  alignas(16) std::array<std::byte, kWorkspaceBytes> workspace_;
  DetectorModel model_;
  std::span<const std::uint8_t> file_;
  WindowShape window_;
  std::optional<float> by_hand_;  // a threshold in place of what the model says
  std::optional<DecisionSettings> refined_;
  std::optional<WindowCutter> cutter_{WindowCutter(WindowShape{})};
  std::optional<Pipeline> pipeline_;
};

}  // namespace fettle::board
