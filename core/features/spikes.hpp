// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace fettle {

/// The longest window that repair_spikes() takes, samples.
inline constexpr std::size_t kLongestRepair = 256;

/// Replaces single samples that no vibration explains, such as a reading torn between two samples: one
/// that lies off the middle of its neighbours (half the second difference) by more than 6 times what
/// three quarters of the window's samples do, and without which the two samples on either side are
/// unremarkable: off by less than 3 times the same, and by less than a sixth of the spike. It becomes the
/// middle of its neighbours, at the window's ends the line through the next two. In the spirit of Hampel's
/// filter (Hampel 1974; Pearson 2002), with two differences that vibration asks for:
///
/// - The scale is the upper quartile, not the median: of a sine at a quarter of the sampling rate half
///   the second differences may be zero.
/// - The second condition lets an impulse live that rings for a sample or more: there the neighbours stay
///   remarkable. A spike beside another one, closer than four samples, stays as well.
///
/// No sine of any frequency and phase is touched, nor Gaussian noise below some 8 standard deviations.
/// @param[in,out] x  [n] samples of one axis, all finite, 5 to kLongestRepair
/// @param step  one step of the sensor, in the unit of x: less than 12 of them is never a spike
/// @return number of samples replaced
std::uint32_t repair_spikes(std::span<float> x, float step);

}  // namespace fettle
