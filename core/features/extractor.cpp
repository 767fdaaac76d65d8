// SPDX-License-Identifier: Apache-2.0
#include "core/features/extractor.hpp"

#include "core/math.hpp"

namespace fettle {

void FeatureExtractor::add(const Sample& sample) {
  if (count_ == 0) {
    first_ = sample.axis;
    sum_ = sample.axis;
    lowest_ = sample.axis;
    highest_ = sample.axis;
    sum_error_ = {};
    squares_ = {};
    squares_error_ = {};
    count_ = 1;
    return;
  }
  ++count_;
  // Always all six axes: a fixed length becomes vector instructions, and spare axes hold zeros.
  for (std::size_t i = 0; i < kMaxAxes; ++i) {
    const float x = sample.axis[i];
    const float sum = sum_[i] + x;
    const float x_part = sum - sum_[i];
    sum_error_[i] += (sum_[i] - (sum - x_part)) + (x - x_part);
    sum_[i] = sum;

    const float distance = x - first_[i];
    const float square = distance * distance;
    const float squares = squares_[i] + square;
    squares_error_[i] += square - (squares - squares_[i]);
    squares_[i] = squares;

    lowest_[i] = x < lowest_[i] ? x : lowest_[i];
    highest_[i] = x > highest_[i] ? x : highest_[i];
  }
}

void FeatureExtractor::finish(std::span<float> features) const {
  const double n = static_cast<double>(count_);
  std::size_t next = 0;
  for (std::size_t i = 0; i < spec_.axes; ++i) {
    const double mean = (static_cast<double>(sum_[i]) + static_cast<double>(sum_error_[i])) / n;
    const double shift = mean - static_cast<double>(first_[i]);
    const double square_mean =
        (static_cast<double>(squares_[i]) + static_cast<double>(squares_error_[i])) / n;
    const double variance = square_mean - shift * shift;
    if (spec_.with_mean) features[next++] = static_cast<float>(mean);
    features[next++] = variance > 0.0 ? square_root(static_cast<float>(variance)) : 0.0F;
    features[next++] = highest_[i] - lowest_[i];
  }
}

}  // namespace fettle
