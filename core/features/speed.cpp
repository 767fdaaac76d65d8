// SPDX-License-Identifier: Apache-2.0
#include "core/features/speed.hpp"

#include <algorithm>
#include <cstdint>

#include "core/math.hpp"

namespace fettle {
namespace {

/// Lines below this many bins blur with their own halves and with what is left of a drift.
constexpr std::size_t kLowestBin = 4;
/// Peaks with less than this part of the largest peak's power are noise beside it.
constexpr float kSmallestPeak = 0.04F;

struct Line {
  float power = 0.0F;
  std::size_t bins = 0;
};

/// What lies within `reach` bins of the bin nearest to `position`; nothing beyond the last bin.
Line line_at(std::span<const float> power, float position, std::size_t reach) {
  const auto centre = static_cast<std::size_t>(position + 0.5F);
  Line line;
  for (std::size_t k = centre - reach; k <= centre + reach && k < power.size(); ++k) {
    line.power += power[k];
    ++line.bins;
  }
  return line;
}

/// A peak's place between bins.
float position_of(std::span<const float> power, std::size_t peak) {
  const bool upwards = power[peak + 1] > power[peak - 1];
  const float neighbour = upwards ? power[peak + 1] : power[peak - 1];
  const float ratio = square_root(neighbour / power[peak]);
  // Noise may put a line a little beyond its own bin, but a neighbour's share cannot be negative.
  const float between = std::max((2.0F * ratio - 1.0F) / (ratio + 1.0F), 0.0F);
  const auto bin = static_cast<float>(peak);
  return upwards ? bin + between : bin - between;
}

}  // namespace

RunningSpeed estimate_speed(std::span<const float> power, float bin_hz, const SpeedBand& band) {
  const std::size_t last = power.size() - 1;
  const auto bin_of = [&](float hz) {
    return static_cast<std::size_t>(
        round_and_clamp(hz / bin_hz, 0, static_cast<std::int32_t>(last)));
  };
  const std::size_t low = std::max(bin_of(band.low_hz), kLowestBin);
  const std::size_t high = std::min(bin_of(band.high_hz), last - 1);

  const auto is_peak = [&](std::size_t k) {
    return power[k] > power[k - 1] && power[k] >= power[k + 1];
  };
  float largest = 0.0F;
  for (std::size_t k = low; k <= high; ++k) {
    if (is_peak(k)) largest = std::max(largest, power[k]);
  }
  float best = 0.0F;
  float position = 0.0F;
  for (std::size_t k = low; k <= high; ++k) {
    if (!is_peak(k) || power[k] < kSmallestPeak * largest) continue;
    const float candidate = position_of(power, k);
    float score = 0.0F;
    for (const float order : {1.0F, 2.0F, 3.0F}) {
      score += square_root(line_at(power, order * candidate, 1).power) / order;
    }
    if (score > best) {
      best = score;
      position = candidate;
    }
  }
  if (!(best > 0.0F)) return {};

  // Bins 0 and 1 hold what a window's finite length makes of gravity and drift.
  float total = 0.0F;
  for (std::size_t k = 2; k <= last; ++k) total += power[k];
  Line lines;
  for (const float order : {1.0F, 2.0F, 3.0F}) {
    const Line line = line_at(power, order * position, static_cast<std::size_t>(kLineReach_bins));
    lines.power += line.power;
    lines.bins += line.bins;
  }
  const float by_chance = static_cast<float>(lines.bins) / static_cast<float>(last - 1);
  const float share = lines.power / total;
  const float confidence = (share - by_chance) / (1.0F - by_chance);
  return {position * bin_hz, std::clamp(confidence, 0.0F, 1.0F)};
}

}  // namespace fettle
