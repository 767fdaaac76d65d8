// SPDX-License-Identifier: Apache-2.0
#include "core/features/extractor.hpp"

#include <array>
#include <bit>

#include "core/math.hpp"

namespace fettle {
namespace {

constexpr std::size_t kGyroscope = 3;  // its first axis
constexpr float kSteps = 131.0F;       // in a deg/s, in the most sensitive range
constexpr float kMost_dps = 65'536.0F / kSteps;

/// The nearest whole number of steps: adding 1.5 * 2^23 leaves no bits behind the point. Within kMost_dps
/// the product is off by less than 1/100.
float nearest_step(float x) {
  constexpr float kRounder = 12582912.0F;
  return (x * kSteps + kRounder) - kRounder;
}

/// Steps in one count; 0 if that is no whole number.
std::int32_t steps_in_count(std::size_t axis, const Ranges& ranges) {
  if (axis < 3) return std::int32_t{1} << static_cast<int>(ranges.accelerometer);
  switch (ranges.gyroscope) {
    case GyroscopeRange::dps250: return 1;
    case GyroscopeRange::dps500: return 2;
    default: return 0;
  }
}

std::uint16_t key_of(const Ranges& ranges) { return std::bit_cast<std::uint16_t>(ranges); }

}  // namespace

void FeatureExtractor::add(const Sample& sample) {
  Measured& all = measured_;
  if (count_ == 0) {
    all = {};
    all.first = all.lowest = all.highest = sample.axis;
    for (std::size_t i = 0; i < 3; ++i)
      all.first_step[i] = nearest_step(sample.axis[kGyroscope + i]);
  } else if (key_ != kNotCounting) {
    all = measured();
  }
  key_ = kNotCounting;
  ++count_;
  // Always all six axes: a fixed length becomes vector instructions, and spare axes hold zeros.
  for (std::size_t i = 0; i < kMaxAxes; ++i) {
    const float x = sample.axis[i];
    const double distance = static_cast<double>(x) - static_cast<double>(all.first[i]);
    all.sum[i] += distance;
    all.squares[i] += distance * distance;
    all.lowest[i] = x < all.lowest[i] ? x : all.lowest[i];
    all.highest[i] = x > all.highest[i] ? x : all.highest[i];
  }
  for (std::size_t i = 0; i < 3; ++i) {
    const float x = sample.axis[kGyroscope + i];
    const float step = nearest_step(x);
    const auto distance = static_cast<double>(step - all.first_step[i]);
    all.step_sum[i] += distance;
    all.step_squares[i] += distance * distance;
    all.odd[i] |= std::bit_cast<std::uint32_t>(step / kSteps) ^ std::bit_cast<std::uint32_t>(x);
  }
}

void FeatureExtractor::add(const RawSample& raw, const Ranges& ranges) {
  if (key_of(ranges) != key_) {
    add_otherwise(raw, ranges);
    return;
  }
  ++count_;
#pragma GCC unroll 6
  for (std::size_t i = 0; i < kMaxAxes; ++i) {
    Counted& axis = counted_[i];
    const std::int16_t x = raw[i];
    axis.sum += x;
    axis.squares += std::int32_t{x} * x;
    if (x < axis.lowest) axis.lowest = x;
    if (x > axis.highest) axis.highest = x;
  }
}

/// The first of a window, and what cannot be counted.
void FeatureExtractor::add_otherwise(const RawSample& raw, const Ranges& ranges) {
  if (count_ != 0 || steps_in_count(kGyroscope, ranges) == 0) {
    add(physical(raw, ranges));
    return;
  }
  key_ = key_of(ranges);
  count_ = 1;
  first_ = raw;
  for (std::size_t i = 0; i < kMaxAxes; ++i) {
    counted_[i] = {std::int32_t{raw[i]} * raw[i], raw[i], raw[i], raw[i]};
  }
}

/// What add(Sample) would have made of the counts, but that gyroscope readings are not rounded: whole
/// numbers below 2^53, for the accelerometer divided by a power of two.
FeatureExtractor::Measured FeatureExtractor::measured() const {
  if (key_ == kNotCounting) return measured_;
  const auto ranges = std::bit_cast<Ranges>(key_);
  const auto n = static_cast<std::int64_t>(count_);
  Measured result{};
  RawSample lowest;
  RawSample highest;
  for (std::size_t i = 0; i < kMaxAxes; ++i) {
    const Counted& axis = counted_[i];
    const std::int64_t step = steps_in_count(i, ranges);
    const std::int64_t first = first_[i];
    lowest[i] = axis.lowest;
    highest[i] = axis.highest;
    const auto sum = static_cast<double>(step * (axis.sum - n * first));
    const auto squares = static_cast<double>(
        step * step * (axis.squares - 2 * first * axis.sum + n * first * first));
    const double unit = i < kGyroscope ? 1.0 / 16384.0 : 1.0 / static_cast<double>(kSteps);
    result.sum[i] = sum * unit;
    result.squares[i] = squares * (unit * unit);
    if (i < kGyroscope) continue;
    result.first_step[i - kGyroscope] = static_cast<float>(step * first);
    result.step_sum[i - kGyroscope] = sum;
    result.step_squares[i - kGyroscope] = squares;
  }
  result.first = physical(first_, ranges).axis;
  result.lowest = physical(lowest, ranges).axis;
  result.highest = physical(highest, ranges).axis;
  return result;
}

void FeatureExtractor::finish(std::span<float> features) const {
  const Measured all = measured();
  const double one_nth = 1.0 / static_cast<double>(count_);
  std::size_t next = 0;
  for (std::size_t i = 0; i < spec_.axes; ++i) {
    auto first = static_cast<double>(all.first[i]);
    double shift = all.sum[i] * one_nth;
    double mean_square = all.squares[i] * one_nth;
    double unit = 1.0;
    if (const std::size_t k = i - kGyroscope; i >= kGyroscope && all.odd[k] == 0 &&
                                              all.lowest[i] >= -kMost_dps &&
                                              all.highest[i] <= kMost_dps) {
      first = static_cast<double>(all.first_step[k]);
      shift = all.step_sum[k] * one_nth;
      mean_square = all.step_squares[k] * one_nth;
      unit = 1.0 / static_cast<double>(kSteps);
    }
    const double variance = (mean_square - shift * shift) * (unit * unit);
    if (spec_.with_mean) features[next++] = static_cast<float>((first + shift) * unit);
    // A NaN stays one: what cannot be computed must not look like standing still.
    features[next++] = variance <= 0.0 ? 0.0F : square_root(static_cast<float>(variance));
    features[next++] = all.highest[i] - all.lowest[i];
  }
}

}  // namespace fettle
