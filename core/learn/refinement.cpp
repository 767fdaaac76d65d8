// SPDX-License-Identifier: Apache-2.0
#include "core/learn/refinement.hpp"

#include <algorithm>

#include "detector_generated.h"

namespace fettle {
namespace {

/// Deviations of evidence, above the reference, that an alarm takes at least.
constexpr float kSmallestLimit = 4.0F;

}  // namespace

Refinement::Refinement(const DetectorModel& model) : model_(model) {
  const metadata::Decision& record = *model.record->decision();
  wish_.alarms_per_hour = static_cast<double>(record.asked_per_hour());
  wish_.window_seconds = model.window.seconds();
  // Kind and form stay; reference and cap are found anew.
  wish_.decision = *model.decision;
  wish_.decision.reference = DecisionSettings{}.reference;
  wish_.decision.cap = DecisionSettings{}.cap;
  support_ = {static_cast<double>(record.normal_hours()),
              static_cast<double>(record.supported_per_hour()),
              static_cast<double>(record.minutes_missing())};
}

bool Refinement::due() const {
  const std::uint32_t accepted = burn_in_.accepted().windows;
  return accepted >= kQuarantine && accepted >= refined_at_ + refined_at_ / 4;
}

Status Refinement::refine(Pipeline& pipeline, std::span<float> memory) {
  const EvidenceSummary& seen = burn_in_.accepted();
  refined_at_ = seen.windows;
  const Support support = support_of(seen, wish_);
  if (support.normal_hours <= support_.normal_hours) return Status::ok;
  CalibrationWish wish = wish_;
  wish.alarms_per_hour = std::max(wish_.alarms_per_hour, support.supported_per_hour);
  Calibration found;
  const Status status =
      calibrate(seen, model_.decision->location, model_.decision->scale, wish, memory, found);
  if (status != Status::ok) return status;
  support_ = support;
  // Ten minutes say how a healthy machine may vary; a quiet time does not make what is usual suspicious.
  DecisionSettings& settings = found.settings;
  settings.location = std::max(settings.location, model_.decision->location);
  settings.scale = std::max(settings.scale, model_.decision->scale);
  settings.limit = std::max(settings.limit, kSmallestLimit);
  pipeline.adopt(settings);
  return Status::ok;
}

}  // namespace fettle
