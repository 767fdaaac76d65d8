// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "core/math.hpp"

namespace fettle {

/// The longest transform, samples.
inline constexpr std::size_t kLongestFourier = 256;

/// Lengths that real_fourier() takes.
[[nodiscard]] constexpr bool fourier_length(std::size_t samples) {
  return samples == 64 || samples == 128 || samples == 256;
}

/// cos and sin of k / 256 turns, k from 0 to 128, computed by the compiler in float64 and rounded once.
struct TurnTable {
  std::array<float, kLongestFourier / 2 + 1> cosine{}, sine{};
};
inline constexpr TurnTable kTurns = [] {
  TurnTable table;
  for (std::size_t k = 0; k < table.cosine.size(); ++k) {
    const double turns = static_cast<double>(k) / static_cast<double>(kLongestFourier);
    table.cosine[k] = cosine_of_turns(turns);
    table.sine[k] = sine_of_turns(turns);
  }
  return table;
}();

/// Hann's window as Fourier transforms want it, periodic in n: 0.5 - 0.5 cos(2 pi i / n). The sum of
/// its squares is 3 n / 8 (Harris 1978).
[[nodiscard]] constexpr float hann(std::size_t i, std::size_t n) {
  const std::size_t mirrored = i <= n / 2 ? i : n - i;
  return 0.5F - 0.5F * kTurns.cosine[mirrored * (kLongestFourier / n)];
}

/// The Fourier transform X[k] = sum of x[i] exp(-2 pi j i k / n), in place, of n = x.size() real numbers;
/// n is one of fourier_length(). float32, radix 2 over n/2 complex numbers (Cooley and Tukey 1965), always in
/// the same order. Error below 1e-6 of the largest |X[k]| (tests/property/fourier_test.cpp).
///
/// @param[in,out] x  [n] in; out: X[0], X[n/2] (both real), then real and imaginary part of X[1] to
///                   X[n/2 - 1]
void real_fourier(std::span<float> x);

}  // namespace fettle
