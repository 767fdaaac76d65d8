// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "core/decision/sequential.hpp"
#include "core/learn/evidence_model.hpp"

namespace fettle {

/// Stretches that limit_by_trial() tries, and the floats of memory it needs.
inline constexpr std::size_t kTrialStretches = 8192;
/// Windows of each that count; as many as fill the longest memory come before.
inline constexpr std::size_t kTrialWindows = 128;

/// A limit for a kind of decision whose run length no chain computes: the decision's own code runs
/// over 8192 stretches of simulated healthy evidence, each of another session's level, and the
/// largest statistic of each is noted. A run length L means that a share 1 - exp(-128 / L) of the
/// stretches exceeds the limit. Beyond one stretch in 400 a generalised Pareto tail goes on.
/// Fixed seed: the same model gives the same limit. About 1.3 million windows of work.
/// @param settings    the cap is used as it is; the limit is not looked at
/// @param uncertainty standard deviation of the sessions' levels  @param run_length  in windows
/// @param memory      kTrialStretches floats
[[nodiscard]] float limit_by_trial(const EvidenceModel& model, const DecisionSettings& settings,
                                   double uncertainty, double run_length, std::span<float> memory);

}  // namespace fettle
