// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/features/feature_set.hpp"
#include "core/sensor/raw_sample.hpp"
#include "core/sensor/sample.hpp"

namespace fettle {

/// Features of one window in one pass, a sample at a time; the samples themselves are not kept.
///
/// Mean, population standard deviation (divided by n) and peak-to-peak of each axis, in g and deg/s.
///
/// A reading in deg/s is a rounded quotient; but where every reading of an axis in a window is the float
/// nearest to a whole number of steps of 1/131 deg/s, these numbers are summed. (In g readings are exact.)
/// So a chip that sums raw counts in integers, a handful of instructions an axis, and a PC that reads
/// physical units from a file get the same bits: of whole numbers float64 sums are exact, too (distances
/// are below 2^19, their squares below 2^38, 4096 of them below 2^50).
///
/// Sums are of distances to the window's first sample: that one is never further than sqrt(n - 1) standard
/// deviations from the mean, so the subtraction at the end costs a factor of n in precision at most, also
/// when the first sample is an outlier. Result: within 1e-5 of max(|value|, one sensor step) of a two-pass
/// computation, for any input and window (tests/property/features_test.cpp): of the readings or, where they
/// are whole numbers of steps, of these numbers.
class FeatureExtractor {
 public:
  FeatureExtractor() = default;
  explicit FeatureExtractor(const FeatureSpec& spec) : spec_(spec) {}

  [[nodiscard]] const FeatureSpec& spec() const { return spec_; }
  [[nodiscard]] std::uint32_t samples() const { return count_; }

  void add(const Sample& sample);
  /// The same as add(physical(raw, ranges)), for a fraction of the price: gyroscope ranges up to 500 deg/s
  /// are whole numbers of steps. Of others it is that call. A window that mixes the two calls, or ranges,
  /// is as exact, but its last bits may be others.
  void add(const RawSample& raw, const Ranges& ranges);

  /// Writes dimensions() features of the samples added since the last restart. Needs at least one
  /// sample; every input finite gives every feature finite as long as squares do not overflow
  /// (readings below 1e18).
  void finish(std::span<float> features) const;

  void restart() {
    count_ = 0;
    key_ = kNotCounting;
  }

 private:
  /// One axis in raw counts; at most 4096 of them.
  struct Counted {
    std::int64_t squares;
    std::int32_t sum;
    std::int16_t lowest, highest;
  };
  /// All axes, of any readings.
  struct Measured {
    std::array<float, kMaxAxes> first, lowest, highest;
    std::array<double, kMaxAxes> sum, squares;  ///< of distances to the first
    // The same of the gyroscope's readings in steps, rounded to whole numbers.
    std::array<float, 3> first_step;
    std::array<double, 3> step_sum, step_squares;
    std::array<std::uint32_t, 3>
        odd;  ///< bits in which readings differ from those of whole numbers
  };

  static constexpr std::uint16_t kNotCounting = 0xFFFF;

  void add_otherwise(const RawSample& raw, const Ranges& ranges);
  [[nodiscard]] Measured measured() const;

  FeatureSpec spec_;
  std::uint16_t key_ = kNotCounting;  ///< bits of the ranges that are being counted in
  std::uint32_t count_ = 0;
  RawSample first_{};
  union {
    std::array<Counted, kMaxAxes> counted_;
    Measured measured_{};
  };
};

}  // namespace fettle
