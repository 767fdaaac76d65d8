// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/sensor/raw_sample.hpp"
#include "core/sensor/sample.hpp"

namespace fettle {

/// Most samples that travel together from the driver to the detector, the line and the card.
inline constexpr std::size_t kMaxBlockSamples = 16;

/// Consecutive samples as the driver delivers them, without a gap inside. What the detector judges,
/// what goes over the line and what is written to the card are these same blocks, so all of them
/// see the same counts and the same time stamps.
struct SampleBlock {
  /// Number of the first sample: counts every sample that the sensor made, or should have made, since
  /// the board's first one, delivered or not. index = the index after the block before +
  /// lost_before.
  std::uint64_t index = 0;
  /// When the first sample was made, microseconds of the board's uptime.
  std::int64_t t_us = 0;
  /// Time from sample to sample by the board's clock as estimated now, nanoseconds.
  std::uint32_t period_ns = 0;
  /// Samples missing between the block before and this one. Any number above 0 is a gap, and then
  /// t_us is at least two nominal periods after the sample before.
  std::uint32_t lost_before = 0;
  /// lost_before is right to within one only: the sensor was restarted before this block and made
  /// nothing for a while, or its clock was not known well enough to count across the gap. Always set
  /// on the first block, which has lost nothing.
  bool restarted = false;
  std::uint8_t count = 0;  ///< samples in `samples`, 1 to kMaxBlockSamples
  Ranges ranges;
  std::array<RawSample, kMaxBlockSamples> samples{};

  /// When sample i of this block was made, microseconds of uptime, rounded to nearest.
  [[nodiscard]] constexpr std::int64_t time_us(std::size_t i) const {
    return t_us +
           static_cast<std::int64_t>((static_cast<std::uint64_t>(i) * period_ns + 500) / 1000);
  }
  [[nodiscard]] constexpr TimedSample timed(std::size_t i) const {
    return {time_us(i), physical(samples[i], ranges)};
  }
};

}  // namespace fettle
