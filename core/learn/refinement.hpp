// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "core/decision/burn_in.hpp"
#include "core/learn/calibration.hpp"
#include "core/model/detector_model.hpp"
#include "core/pipeline.hpp"

namespace fettle {

/// Burn-in at work: what a machine says of itself while it runs normally makes the decision of its model
/// better, until the rate of false alarms that was wished for is supported by what was seen. The model's
/// file stays as it is; what was learned is 440 bytes in BurnIn::accepted().
class Refinement {
 public:
  /// About an hour of windows of 0.64 s: what happens within it is one session.
  static constexpr std::uint32_t kQuarantine = 5625;

  /// @param model  with a decision; must outlive this
  explicit Refinement(const DetectorModel& model);

  /// Takes what was said of a window.
  void push(const WindowResult& result) {
    if (result.evidence == result.evidence) {
      burn_in_.push(result.evidence, result.verdict == Verdict::alarm     ? Level::alarm
                                     : result.verdict == Verdict::warning ? Level::warning
                                                                          : Level::normal);
    } else {
      burn_in_.restart();
    }
  }

  /// So much has come together since the last time that refine() is worth its work.
  [[nodiscard]] bool due() const;

  /// Finds better settings and gives them to the pipeline. Where less was seen than the model itself rests
  /// on, nothing changes.
  /// @param memory  calibration_floats(0)
  /// @return what calibrate() returns; ok too when nothing changed
  Status refine(Pipeline& pipeline, std::span<float> memory);

  [[nodiscard]] const BurnIn& burn_in() const { return burn_in_; }
  [[nodiscard]] BurnIn& burn_in() { return burn_in_; }
  /// How far it has come, by the model's file until more was seen on site.
  [[nodiscard]] const Support& support() const { return support_; }
  [[nodiscard]] double asked_per_hour() const { return wish_.alarms_per_hour; }
  /// False alarms to be expected now.
  [[nodiscard]] double stated_per_hour() const {
    return std::max(wish_.alarms_per_hour, support_.supported_per_hour);
  }

 private:
  const DetectorModel& model_;
  BurnIn burn_in_{kQuarantine};
  CalibrationWish wish_;
  Support support_;
  std::uint32_t refined_at_ = 0;  // accepted windows then
};

}  // namespace fettle
