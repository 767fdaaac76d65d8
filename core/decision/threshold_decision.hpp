// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/decision/verdict.hpp"

namespace fettle {

/// Judges each window by itself: above the threshold is an anomaly. A score that is not a number is
/// one too: what cannot be computed must not read as healthy.
class ThresholdDecision {
 public:
  constexpr explicit ThresholdDecision(float threshold) : threshold_(threshold) {}

  [[nodiscard]] constexpr Verdict judge(float score) const {
    return score <= threshold_ ? Verdict::normal : Verdict::anomaly;
  }
  [[nodiscard]] constexpr float threshold() const { return threshold_; }

 private:
  float threshold_;
};

}  // namespace fettle
