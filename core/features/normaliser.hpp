// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "core/features/feature_set.hpp"

namespace fettle {

/// z = (feature - mean) / scale, for each feature by itself. Without it the gyroscope's large
/// numbers swamp the loss and int8 input keeps one or two codes for small features.
struct Normaliser {
  std::array<float, kMaxFeatures> mean{};
  std::array<float, kMaxFeatures> scale{};

  /// @param[in] features  [D] physical units   @param[out] z  [D], may be the same memory
  void apply(std::span<const float> features, std::span<float> z) const {
    for (std::size_t i = 0; i < features.size(); ++i) z[i] = (features[i] - mean[i]) / scale[i];
  }
};

}  // namespace fettle
