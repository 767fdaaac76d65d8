// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/features/feature_set.hpp"
#include "core/model/detector_model.hpp"

namespace fettle {

/// How badly an autoencoder reproduces a window: mean over D of (z - dequantised output)^2, in
/// float32, summed in order. `z` is the unquantised z-score, so a feature far outside the int8 range
/// keeps its full weight even though its input code saturates.
/// @param[in] z  [D] z-scores  @return 0 or above; NaN if a z is NaN, infinite if a z is
[[nodiscard]] inline float reconstruction_error(const Int8Network& network,
                                                std::span<const float> z) {
  std::array<std::int8_t, kMaxFeatures> input;
  std::array<std::int8_t, kMaxFeatures> output;
  const TensorScale in = network.input_scale();
  const TensorScale out = network.output_scale();
  for (std::size_t i = 0; i < z.size(); ++i) input[i] = in.code(z[i]);
  network.run({input.data(), z.size()}, {output.data(), z.size()});
  float sum = 0.0F;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const float difference = z[i] - out.real(output[i]);
    sum += difference * difference;
  }
  return sum / static_cast<float>(z.size());
}

/// Mean over the outputs of (dequantised output)^2, in float32, summed in order. Of a layer that makes
/// z-scores independent and of variance 1 that is Mahalanobis' distance squared, divided by D
/// (Mahalanobis, Proc. Nat. Inst. Sci. India 2, 1936, p. 49).
/// @param[in] z  [D] z-scores  @return 0 or above; NaN if a z is NaN or infinite
[[nodiscard]] inline float output_mean_square(const Int8Network& network,
                                              std::span<const float> z) {
  std::array<std::int8_t, kMaxFeatures> input;
  std::array<std::int8_t, kMaxFeatures> output;
  const TensorScale in = network.input_scale();
  const TensorScale out = network.output_scale();
  float beyond = 0.0F;
  for (std::size_t i = 0; i < z.size(); ++i) {
    input[i] = in.code(z[i]);
    // 0 unless z is infinite or NaN, which a code cannot say.
    beyond += z[i] - z[i];
  }
  network.run({input.data(), z.size()}, {output.data(), z.size()});
  float sum = beyond;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const float y = out.real(output[i]);
    sum += y * y;
  }
  return sum / static_cast<float>(z.size());
}

/// The score of a window's z-scores by the model's own rule.
[[nodiscard]] inline float score_of(ScoreKind kind, const Int8Network& network,
                                    std::span<const float> z) {
  return kind == ScoreKind::output_mean_square ? output_mean_square(network, z)
                                               : reconstruction_error(network, z);
}

}  // namespace fettle
