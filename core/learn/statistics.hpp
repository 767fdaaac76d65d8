// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/features/feature_set.hpp"
#include "core/features/normaliser.hpp"
#include "core/status.hpp"

namespace fettle {

/// Mean and population standard deviation of each feature over training windows, two passes in
/// float64. A scale is never below feature_resolution(), a tenth of a sensor step: a feature that stood still in training
/// divides by that, so it neither divides by zero nor hides a change.
/// @param rows  [n][D] features, n at least 1
/// @return too_few_windows, not_finite or ok
[[nodiscard]] Status fit_normaliser(const FeatureSpec& spec, std::span<const float> rows,
                                    Normaliser& normaliser);

/// Percentile of sorted values by linear interpolation between order statistics (Hyndman and Fan
/// 1996, definition 7; NumPy's default). @param sorted  ascending, not empty  @param percentile 0-100
[[nodiscard]] float percentile_of_sorted(std::span<const float> sorted, double percentile);

/// The highest percentile that n values support: one value at least lies above it.
[[nodiscard]] constexpr double highest_percentile(std::size_t n) {
  return 100.0 * (1.0 - 1.0 / static_cast<double>(n));
}

/// Values that a percentile below 100 needs so that one of them lies above it.
[[nodiscard]] std::size_t windows_for_percentile(double percentile);

/// Fewest held-out windows that a threshold may rest on.
inline constexpr std::size_t kFewestThresholdWindows = 20;

}  // namespace fettle
