// SPDX-License-Identifier: Apache-2.0
#include "core/features/speed.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/features/fourier.hpp"
#include "core/math.hpp"

namespace fettle {
namespace {

/// Bins 0 and 1 hold what a window's finite length makes of gravity and drift.
constexpr std::size_t kFirstBin = 2;
/// Peaks with less than this part of the largest amplitude are noise beside it.
constexpr float kSmallestPeak = 0.15F;
constexpr std::size_t kLongestSpectrum = kLongestFourier / 2 + 1;
// The background of a bin: so many bins to either side, without the line's own.
constexpr std::size_t kAround = 8;
constexpr std::size_t kOwn = 2;
/// Of the largest bin: what a background is at least, so that silence divides by something.
constexpr float kFaintest = 1e-6F;

constexpr float kCertain = 1e3F;

using Spectrum = std::array<float, kLongestSpectrum>;

/// Numbers in order, of which one comes and one goes at a time.
class SortedWindow {
 public:
  void insert(float value) {
    std::size_t i = size_++;
    for (; i > 0 && values_[i - 1] > value; --i) values_[i] = values_[i - 1];
    values_[i] = value;
  }
  /// @param value  which is there
  void remove(float value) {
    std::size_t i = 0;
    while (i + 1 < size_ && values_[i] != value) ++i;  // bounded: NaN is like nothing
    --size_;
    for (; i < size_; ++i) values_[i] = values_[i + 1];
  }
  [[nodiscard]] float median() const { return values_[size_ / 2]; }

 private:
  std::array<float, 2 * kAround + 1> values_{};
  std::size_t size_ = 0;
};

/// The median of the bins around each: from k - kAround to k + kAround without the 2 kOwn + 1 in the middle.
void find_background(std::span<const float> power, Spectrum& background) {
  float largest = 0.0F;
  for (std::size_t k = kFirstBin; k < power.size(); ++k) largest = std::max(largest, power[k]);
  SortedWindow near;
  for (std::size_t j = kFirstBin + kOwn + 1; j <= kFirstBin + kAround && j < power.size(); ++j) {
    near.insert(power[j]);
  }
  for (std::size_t k = kFirstBin; k < power.size(); ++k) {
    background[k] = std::max(near.median(), kFaintest * largest);
    // To the next: a bin comes on either side of the line's own, and one goes.
    if (k + kAround + 1 < power.size()) near.insert(power[k + kAround + 1]);
    if (k >= kFirstBin + kOwn) near.insert(power[k - kOwn]);
    if (k + kOwn + 1 < power.size()) near.remove(power[k + kOwn + 1]);
    if (k >= kFirstBin + kAround) near.remove(power[k - kAround]);
  }
}

/// Amplitude above the background, in its unit, of what lies within a bin of each.
void find_amplitudes(std::span<const float> power, const Spectrum& background,
                     Spectrum& amplitude) {
  for (std::size_t k = kFirstBin; k < power.size(); ++k) {
    float sum = 0.0F;
    for (std::size_t j = std::max(k - 1, kFirstBin); j <= k + 1 && j < power.size(); ++j) {
      sum += power[j] / background[j] - 1.0F;
    }
    amplitude[k] = square_root(std::max(sum, 0.0F));
  }
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

RunningSpeed estimate_speed(std::span<const float> power, float bin_hz,
                            std::span<const SpeedRange> learned, const SpeedBand& band) {
  const std::size_t last = power.size() - 1;
  const auto bin_of = [&](float hz) {
    return static_cast<std::size_t>(
        round_and_clamp(hz / bin_hz, 0, static_cast<std::int32_t>(last)));
  };
  const std::size_t low = std::max(bin_of(band.low_hz), kLowestBin);
  const std::size_t high = std::min(bin_of(band.high_hz), last - 1);
  Spectrum background{};
  Spectrum amplitude{};
  find_background(power, background);
  // Silence has no background to be above of.
  if (!(*std::max_element(background.begin(), background.end()) > 0.0F)) return {};
  find_amplitudes(power, background, amplitude);

  const auto is_peak = [&](std::size_t k) {
    return power[k] > power[k - 1] && power[k] >= power[k + 1];
  };
  float largest = 0.0F;
  for (std::size_t k = low; k <= high; ++k) {
    if (is_peak(k)) largest = std::max(largest, amplitude[k]);
  }
  float largest_plain = 0.0F;
  for (std::size_t k = low; k <= high; ++k) {
    if (is_peak(k)) largest_plain = std::max(largest_plain, power[k]);
  }
  float best = 0.0F;
  float position = 0.0F;
  for (std::size_t k = low; k <= high; ++k) {
    if (!is_peak(k)) continue;
    const bool large = power[k] >= kPlain * kPlain * largest_plain;
    if (amplitude[k] < kSmallestPeak * largest && !large) continue;
    const float candidate = position_of(power, k);
    float score = 0.0F;
    for (const float order : {1.0F, 2.0F, 3.0F}) {
      const auto bin = static_cast<std::size_t>(order * candidate + 0.5F);
      if (bin <= last) score += amplitude[bin] / order;
    }
    const float hz = candidate * bin_hz;
    const bool expected = std::any_of(learned.begin(), learned.end(), [&](const SpeedRange& range) {
      return hz >= range.low_hz && hz <= range.high_hz;
    });
    if (expected) score *= large ? kCertain : kFavour;
    if (score > best) {
      best = score;
      position = candidate;
    }
  }
  if (!(best > 0.0F)) return {};

  const auto centre = static_cast<std::size_t>(position + 0.5F);
  constexpr auto kReach = static_cast<std::size_t>(kLineReach_bins);
  float line = 0.0F;
  float around = 0.0F;
  for (std::size_t k = std::max(centre, kFirstBin + kReach) - kReach;
       k <= centre + kReach && k <= last; ++k) {
    line += power[k];
    around += background[k];
  }
  return {position * bin_hz, std::clamp(1.0F - around / line, 0.0F, 1.0F)};
}

}  // namespace fettle
