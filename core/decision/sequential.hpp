// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/elementary.hpp"
#include "core/math.hpp"
#include "core/model/decision_settings.hpp"

namespace fettle {

/// What the stream of windows says now.
enum class Level : std::uint8_t { normal, warning, alarm };

[[nodiscard]] constexpr const char* name_of(Level level) {
  switch (level) {
    case Level::normal: return "normal";
    case Level::warning: return "warning";
    case Level::alarm: return "alarm";
  }
  return "unknown";
}

/// Evidence of one window: how many standard deviations its log score lies above the centre. A
/// score of zero or below counts as the smallest positive one; NaN stays NaN.
/// @param score  any  @param location, scale  as in DecisionSettings
[[nodiscard]] constexpr float evidence_of(float score, float location, float scale) {
  constexpr float kSmallest = 1.17549435e-38F;
  if (score < kSmallest) score = kSmallest;
  return (static_cast<float>(natural_log_f64(static_cast<double>(score))) - location) / scale;
}
[[nodiscard]] constexpr float evidence_of(float score, const DecisionSettings& settings) {
  return evidence_of(score, settings.location, settings.scale);
}

/// The number that a decision compares with its limit. Allocates nothing; a few additions a window
/// (glr and k_of_n: a loop over n).
class Statistic {
 public:
  /// The settings must be valid.
  constexpr explicit Statistic(const DecisionSettings& settings) : settings_(settings) {
    restart();
  }

  /// Takes one window's evidence. NaN is the most evidence there is: what cannot be computed must
  /// not read as healthy. @return value()
  constexpr float push(float evidence) {
    const float cap = settings_.cap;
    const float x = evidence <= cap ? std::max(evidence, -cap) : cap;
    switch (settings_.kind) {
      case DecisionKind::threshold: value_ = x; break;
      case DecisionKind::cusum: value_ = std::max(0.0F, value_ + (x - settings_.reference)); break;
      case DecisionKind::ewma:
        value_ = std::max(0.0F, value_ + settings_.lambda * (x - value_));
        break;
      case DecisionKind::glr:
        remember(x);
        value_ = greatest_mean_shift();
        break;
      case DecisionKind::k_of_n:
        remember(x);
        value_ = kth_largest();
        break;
    }
    // How long an alarm takes to end must not depend on how long the fault lasted.
    value_ = std::min(value_, 2.0F * settings_.limit);
    return value_;
  }

  /// A window went by that could not be judged: sums lose a part of the limit, so that what was gathered before is
  /// forgotten after kRemembersWindows of them. What looks back over n windows does not move.
  constexpr void fade() {
    if (settings_.kind != DecisionKind::cusum && settings_.kind != DecisionKind::ewma) return;
    value_ = std::max(0.0F, value_ - settings_.limit / kRemembersWindows);
  }

  constexpr void restart() {
    value_ = 0.0F;
    newest_ = 0;
    last_.fill(-settings_.cap);
  }
  /// Goes on with better settings of the same kind. The share of the limit stays.
  constexpr void adopt(const DecisionSettings& settings) {
    value_ *= settings.limit / settings_.limit;
    settings_ = settings;
  }
  [[nodiscard]] constexpr float value() const { return value_; }
  [[nodiscard]] constexpr const DecisionSettings& settings() const { return settings_; }

  static constexpr float kRemembersWindows = 12.0F;

 private:
  constexpr void remember(float x) {
    newest_ = static_cast<std::uint8_t>(newest_ + 1U < settings_.n ? newest_ + 1U : 0U);
    last_[newest_] = x;
  }

  /// The largest over w = 1 to n of (sum of the last w evidences above the reference) / sqrt(w):
  /// twice its square is the log likelihood ratio of a shift w windows ago. Places not yet filled
  /// hold -cap and never make a sum larger.
  [[nodiscard]] constexpr float greatest_mean_shift() const {
    float sum = 0.0F;
    float greatest = 0.0F;
    std::uint32_t at = newest_;
    for (std::uint32_t w = 0; w < settings_.n; ++w) {
      sum += last_[at] - settings_.reference;
      greatest = std::max(greatest, sum * kInverseRoot[w]);
      at = at == 0 ? settings_.n - 1U : at - 1U;
    }
    return greatest;
  }

  [[nodiscard]] constexpr float kth_largest() const {
    std::array<float, kMostWindowsBack> sorted = last_;
    for (std::uint32_t i = 1; i < settings_.n; ++i) {
      const float x = sorted[i];
      std::uint32_t j = i;
      for (; j > 0 && sorted[j - 1] < x; --j) sorted[j] = sorted[j - 1];
      sorted[j] = x;
    }
    return sorted[settings_.k - 1U];
  }

  static constexpr std::array<float, kMostWindowsBack> kInverseRoot = [] {
    std::array<float, kMostWindowsBack> roots{};
    for (std::uint32_t w = 0; w < kMostWindowsBack; ++w) {
      roots[w] = 1.0F / square_root_by_integers(static_cast<float>(w + 1));
    }
    return roots;
  }();

  DecisionSettings settings_;
  float value_ = 0.0F;
  std::uint8_t newest_ = 0;
  std::array<float, kMostWindowsBack> last_{};
};

/// Quickest change detection on a stream of windows: an alarm as soon as the evidence gathered
/// exceeds a limit, and the limit is what sets the average run length to a false alarm (Lorden,
/// Ann. Math. Statist. 42, 1971, p. 1897; Basseville and Nikiforov, Detection of Abrupt Changes,
/// 1993, section 2.2).
///
/// Above half the limit is a warning. An alarm is held until the statistic has come down below half
/// the limit; the statistic never exceeds twice the limit, so for cusum that takes at most
/// 1.5 limit / (reference - x) windows of evidence x. A break in the recording is no evidence: whoever meets
/// one calls nothing. A window that is there and cannot be judged is told by fade().
class SequentialDecision {
 public:
  /// Of the limit: evidence of so much is a warning, and an alarm ends below it.
  static constexpr float kWarns = 0.5F;

  /// The settings must be valid.
  constexpr explicit SequentialDecision(const DecisionSettings& settings) : statistic_(settings) {}

  /// Takes one window's evidence.
  constexpr Level push(float evidence) {
    const float value = statistic_.push(evidence);
    const float limit = settings().limit;
    const bool above_half = value > kWarns * limit;
    if (value > limit || (level_ == Level::alarm && above_half)) {
      level_ = Level::alarm;
    } else {
      level_ = above_half ? Level::warning : Level::normal;
    }
    return level_;
  }

  /// A window could not be judged. Odd moments of a machine at rest must not add up over hours; an alarm stands,
  /// because a machine that was switched off is not mended.
  constexpr void fade() {
    if (level_ == Level::alarm) return;
    statistic_.fade();
    if (!(value() > kWarns * settings().limit)) level_ = Level::normal;
  }

  /// Another machine or another model: what was gathered does not count any more.
  constexpr void restart() {
    statistic_.restart();
    level_ = Level::normal;
  }
  /// Better settings of the same kind for the same machine: refining neither raises an alarm nor
  /// ends one, because the share of the limit that was reached stays.
  constexpr void adopt(const DecisionSettings& settings) { statistic_.adopt(settings); }

  [[nodiscard]] constexpr Level level() const { return level_; }
  [[nodiscard]] constexpr float value() const { return statistic_.value(); }
  /// How near the alarm is: 0 at rest, 1 at the limit, at most 2.
  [[nodiscard]] constexpr float share() const {
    return std::max(0.0F, value() / settings().limit);  // the k-th largest may be below 0
  }
  [[nodiscard]] constexpr const DecisionSettings& settings() const { return statistic_.settings(); }

 private:
  Statistic statistic_;
  Level level_ = Level::normal;
};

}  // namespace fettle
