// SPDX-License-Identifier: Apache-2.0
#include "core/learn/statistics.hpp"

#include "core/math.hpp"

namespace fettle {

Status fit_normaliser(const FeatureSpec& spec, std::span<const float> rows,
                      Normaliser& normaliser) {
  const std::size_t dimensions = spec.dimensions();
  const std::size_t count = rows.size() / dimensions;
  if (count == 0) return Status::too_few_windows;
  for (std::size_t i = 0; i < dimensions; ++i) {
    double sum = 0.0;
    for (std::size_t row = 0; row < count; ++row) {
      sum += static_cast<double>(rows[row * dimensions + i]);
    }
    const double mean = sum / static_cast<double>(count);
    double squares = 0.0;
    for (std::size_t row = 0; row < count; ++row) {
      const double distance = static_cast<double>(rows[row * dimensions + i]) - mean;
      squares += distance * distance;
    }
    const auto variance = static_cast<float>(squares / static_cast<double>(count));
    if (!is_finite(static_cast<float>(mean)) || !is_finite(variance)) return Status::not_finite;
    const float floor = feature_resolution(spec, i);
    const float deviation = square_root(variance);
    normaliser.mean[i] = static_cast<float>(mean);
    normaliser.scale[i] = deviation > floor ? deviation : floor;
  }
  return Status::ok;
}

float percentile_of_sorted(std::span<const float> sorted, double percentile) {
  const double position = percentile / 100.0 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  if (below + 1 >= sorted.size()) return sorted.back();
  const double part = position - static_cast<double>(below);
  const auto low = static_cast<double>(sorted[below]);
  const auto high = static_cast<double>(sorted[below + 1]);
  return static_cast<float>(low + part * (high - low));
}

std::size_t windows_for_percentile(double percentile) {
  // Rounded up, but 100 / (100 - 99) must not become 101 by a last bit.
  const double needed = 100.0 / (100.0 - percentile) * (1.0 - 1e-9);
  return static_cast<std::size_t>(needed) + 1;
}

}  // namespace fettle
