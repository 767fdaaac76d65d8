// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace fettle {

/// What calibration needs to know of the evidence of normal running, in 440 bytes however long that
/// was: a histogram, how neighbouring windows resemble each other, and how sessions differ.
struct EvidenceSummary {
  static constexpr std::size_t kBins = 96;
  static constexpr float kLow = -4.0F;  ///< the first bin holds everything below, too
  static constexpr float kWidth = 0.125F;
  static constexpr float kHigh = 8.0F;  ///< the last bin holds everything above, too

  std::array<std::uint32_t, kBins> counts{};
  std::uint32_t windows = 0;  ///< sum of counts
  std::uint32_t pairs = 0;    ///< windows whose neighbour before is known
  double products = 0.0;  ///< sum over pairs of x times the x before, both held in [kLow, kHigh]
  std::uint32_t sessions = 0;
  double session_means = 0.0;    ///< sum of sessions' mean x
  double session_squares = 0.0;  ///< sum of their squares

  /// NaN counts as high: it is evidence when judging, so it is none of health here.
  [[nodiscard]] static constexpr float held(float x) {
    return x <= kHigh ? std::max(x, kLow) : kHigh;
  }
  [[nodiscard]] static constexpr std::size_t bin_of(float x) {
    const auto bin = static_cast<std::size_t>((held(x) - kLow) / kWidth);
    return std::min(bin, kBins - 1);
  }
  friend bool operator==(const EvidenceSummary&, const EvidenceSummary&) = default;
};

/// Evidence taken together from both, in the same units.
constexpr void merge(EvidenceSummary& into, const EvidenceSummary& from) {
  for (std::size_t i = 0; i < EvidenceSummary::kBins; ++i) into.counts[i] += from.counts[i];
  into.windows += from.windows;
  into.pairs += from.pairs;
  into.products += from.products;
  into.sessions += from.sessions;
  into.session_means += from.session_means;
  into.session_squares += from.session_squares;
}

}  // namespace fettle
