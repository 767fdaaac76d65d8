// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace fettle::host {

struct Interval {
  double low = 0.0;
  double high = 0.0;
};

/// Area under the ROC curve: the probability that an anomalous window scores above a normal one, ties
/// counted half (Mann-Whitney U / (n m)). A NaN score counts as the highest. 0.5 if either is empty.
[[nodiscard]] double roc_auc(std::span<const float> normal, std::span<const float> anomalous);

/// 95 % interval of roc_auc by a circular block bootstrap (Politis and Romano 1992): neighbouring
/// windows resemble each other, so whole stretches are drawn, of about sqrt(n) windows. Percentile
/// method, fixed seed: the same scores give the same interval.
[[nodiscard]] Interval auc_interval(std::span<const float> normal,
                                    std::span<const float> anomalous);

/// Upper end of the one-sided 95 % confidence interval of a Poisson mean after `events` (Garwood
/// 1936): what so few hours allow.
[[nodiscard]] double poisson_upper95(std::uint64_t events);
/// Both ends of the two-sided 95 % interval, likewise.
[[nodiscard]] Interval poisson_interval95(std::uint64_t events);

}  // namespace fettle::host
