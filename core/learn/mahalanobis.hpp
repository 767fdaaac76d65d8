// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "core/features/feature_set.hpp"
#include "core/learn/float_network.hpp"
#include "core/status.hpp"

namespace fettle {

/// What ten minutes cannot show of how a healthy machine varies, as standard deviations: of each feature by itself
/// (speed, temperature, what runs beside it), and of all levels together (load, trend) except the lines of the shaft's
/// own speed, which hardly follow the load. Natural logarithms for levels, shares for what is a share. Chosen on
/// simulated machines; halved or doubled they cost little (DESIGN.md).
struct HealthyVariation {
  std::array<float, kVibrationFeatures.size()> own = {0.1F,  0.05F, 0.05F, 0.05F, 0.3F, 0.3F, 0.3F,
                                                      0.3F,  0.4F,  0.07F, 0.15F, 0.1F, 0.2F, 0.15F,
                                                      0.05F, 0.05F, 0.3F,  0.07F, 0.2F, 0.2F};
  float common = 0.15F;
  friend bool operator==(const HealthyVariation&, const HealthyVariation&) = default;
};

/// True for features that HealthyVariation::common moves.
[[nodiscard]] constexpr bool follows_load(const FeatureSpec& spec, std::size_t index) {
  if (spec.set != FeatureSet::vibration) return false;
  const VibrationFeature& feature = kVibrationFeatures[index];
  switch (feature.kind) {
    case VibrationKind::impulsiveness:
    case VibrationKind::direction:
    case VibrationKind::centroid: return false;
    case VibrationKind::order: return feature.low != 1.0F;
    default: return true;
  }
}

/// Their covariance. Tutorial features have none.
[[nodiscard]] constexpr float covariance(const HealthyVariation& variation, const FeatureSpec& spec,
                                         std::size_t i, std::size_t j) {
  if (spec.set != FeatureSet::vibration) return 0.0F;
  const float shared =
      follows_load(spec, i) && follows_load(spec, j) ? variation.common * variation.common : 0.0F;
  return i == j ? shared + variation.own[i] * variation.own[i] : shared;
}

/// Mean over the rows of a table, [n][d], of column i times column j; 0 if it has none. Summed in float64, in order.
[[nodiscard]] double mean_product(std::span<const float> rows, std::size_t d, std::size_t i,
                                  std::size_t j);

/// Numbers of memory that fit_mahalanobis() needs.
[[nodiscard]] constexpr std::size_t mahalanobis_doubles(std::size_t dimensions) {
  return 2 * dimensions * dimensions;
}

/// One linear layer whose mean squared output is Mahalanobis' distance squared, divided by D: the
/// inverse of the Cholesky factor of the correlation matrix. float64 in a fixed order.
///
/// The covariance is that of `rows` about zero, a tenth of what lies beside its diagonal taken off (shrinkage:
/// Ledoit and Wolf, J. Multivariate Anal. 88, 2004, p. 365), plus HealthyVariation. It is never singular.
/// @param rows    [n][D] features less the mean of their operating point
/// @param moves   [m][D] how neighbours move them (core/learn/neighbour.hpp); may be empty
/// @param weight  of the mean product of moves: the more, the less a neighbour moves the distance
/// @param scale   [D] out: what z-scores divide by, the root of the variances without what neighbours do: a change in
///                deviations then means the same on every machine
/// @param memory  mahalanobis_doubles(D)
/// @param layer   of shape D-D, one layer
/// @return too_few_windows, not_finite, bad_configuration (layer's shape), workspace_too_small or ok
[[nodiscard]] Status fit_mahalanobis(const FeatureSpec& spec, std::span<const float> rows,
                                     std::span<const float> moves, double weight,
                                     const HealthyVariation& variation, std::span<double> memory,
                                     std::span<float> scale, FloatNetwork& layer);

}  // namespace fettle
