// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/features/feature_set.hpp"
#include "core/sensor/sample.hpp"

namespace fettle {

/// Features of one window in one pass, a sample at a time; the samples themselves are not kept.
///
/// Mean, population standard deviation (divided by n) and peak-to-peak of each axis, in g and deg/s.
/// float32 sums lose small vibration on top of gravity, so every sum carries its rounding error along
/// (TwoSum: Knuth, The Art of Computer Programming vol. 2, 4.2.2, theorem B; FastTwoSum: Dekker 1971)
/// and squares are taken of the distance to the window's first sample, which is never further than
/// sqrt(n - 1) standard deviations from the mean. Result: within 1e-5 of max(|value|, one sensor
/// step) of a two-pass computation in float64, for any input (tests/property/features_test.cpp).
/// Once a window the sums are put together in float64.
class FeatureExtractor {
 public:
  explicit FeatureExtractor(const FeatureSpec& spec) : spec_(spec) {}

  [[nodiscard]] const FeatureSpec& spec() const { return spec_; }
  [[nodiscard]] std::uint32_t samples() const { return count_; }

  void add(const Sample& sample);

  /// Writes dimensions() features of the samples added since the last restart. Needs at least one
  /// sample; every input finite gives every feature finite as long as squares do not overflow
  /// (readings below 1e18).
  void finish(std::span<float> features) const;

  void restart() { count_ = 0; }

 private:
  using PerAxis = std::array<float, kMaxAxes>;

  FeatureSpec spec_;
  std::uint32_t count_ = 0;
  PerAxis first_{};
  PerAxis sum_{}, sum_error_{};
  PerAxis squares_{}, squares_error_{};
  PerAxis lowest_{}, highest_{};
};

}  // namespace fettle
