// SPDX-License-Identifier: Apache-2.0
#include "core/features/extractor.hpp"

#include "core/math.hpp"

namespace fettle {

void FeatureExtractor::add(const Sample& sample) {
  if (count_ == 0) {
    first_ = sample.axis;
    lowest_ = sample.axis;
    highest_ = sample.axis;
    sum_ = {};
    squares_ = {};
  }
  ++count_;
  // Always all six axes: a fixed length becomes vector instructions, and spare axes hold zeros.
  for (std::size_t i = 0; i < kMaxAxes; ++i) {
    const float x = sample.axis[i];
    const double distance = static_cast<double>(x) - static_cast<double>(first_[i]);
    sum_[i] += distance;
    squares_[i] += distance * distance;
    lowest_[i] = x < lowest_[i] ? x : lowest_[i];
    highest_[i] = x > highest_[i] ? x : highest_[i];
  }
}

void FeatureExtractor::finish(std::span<float> features) const {
  const double n = static_cast<double>(count_);
  std::size_t next = 0;
  for (std::size_t i = 0; i < spec_.axes; ++i) {
    const double shift = sum_[i] / n;
    const double variance = squares_[i] / n - shift * shift;
    if (spec_.with_mean) {
      features[next++] = static_cast<float>(static_cast<double>(first_[i]) + shift);
    }
    features[next++] = variance > 0.0 ? square_root(static_cast<float>(variance)) : 0.0F;
    features[next++] = highest_[i] - lowest_[i];
  }
}

}  // namespace fettle
