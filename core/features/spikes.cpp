// SPDX-License-Identifier: Apache-2.0
#include "core/features/spikes.hpp"

#include <algorithm>
#include <array>

#include "core/math.hpp"

namespace fettle {
namespace {

constexpr float kRemarkable = 6.0F;
constexpr float kSmallest_steps = 12.0F;
constexpr float kUnremarkable = 3.0F;
constexpr float kLeftOver = 1.0F / 6.0F;

/// How far sample i lies off the middle of its neighbours, which it must have.
float bend(std::span<const float> x, std::size_t i) {
  return x[i] - (0.5F * x[i - 1] + 0.5F * x[i + 1]);
}

/// What sample i would be if its neighbours tell.
float from_neighbours(std::span<const float> x, std::size_t i) {
  if (i == 0) return x[1] + (x[1] - x[2]);
  if (i + 1 == x.size()) return x[i - 1] + (x[i - 1] - x[i - 2]);
  return 0.5F * x[i - 1] + 0.5F * x[i + 1];
}

/// The largest bend of the samples up to two away from i, itself left out.
float bend_around(std::span<const float> x, std::size_t i) {
  const std::size_t first = i < 3 ? 1 : i - 2;
  const std::size_t last = std::min(i + 2, x.size() - 2);
  float largest = 0.0F;
  for (std::size_t k = first; k <= last; ++k) {
    if (k != i) largest = std::max(largest, absolute(bend(x, k)));
  }
  return largest;
}

}  // namespace

std::uint32_t repair_spikes(std::span<float> x, float step) {
  std::array<float, kLongestRepair> bends{};
  const std::size_t count = x.size() - 2;
  for (std::size_t i = 0; i < count; ++i) bends[i] = absolute(bend(x, i + 1));
  const std::size_t quartile = count * 3 / 4;
  // Most windows have no sample to look at, which a count tells without sorting: nothing lies off its neighbours by
  // more than the largest bend, but for rounding.
  constexpr float kRounding = 1.001F;
  const float largest = kRounding * *std::max_element(bends.begin(), bends.begin() + count);
  std::size_t high = 0;
  for (std::size_t i = 0; i < count; ++i) high += kRemarkable * bends[i] >= largest ? 1U : 0U;
  if (high >= count - quartile || largest <= kSmallest_steps * step) return 0;
  std::nth_element(bends.begin(), bends.begin() + quartile, bends.begin() + count);
  const float usual = std::max(bends[quartile], step);
  const float limit = std::max(kRemarkable * usual, kSmallest_steps * step);

  std::uint32_t repaired = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float seen = x[i];
    const float likely = from_neighbours(x, i);
    // At the ends the line through the next two swings twice as far as a middle of neighbours.
    const bool at_an_end = i == 0 || i + 1 == x.size();
    const float off = (at_an_end ? 0.5F : 1.0F) * absolute(seen - likely);
    if (!(off > limit)) continue;
    x[i] = likely;
    if (bend_around(x, i) < std::min(kUnremarkable * usual, kLeftOver * off)) {
      ++repaired;
    } else {
      x[i] = seen;
    }
  }
  return repaired;
}

}  // namespace fettle
