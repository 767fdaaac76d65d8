// SPDX-License-Identifier: Apache-2.0
#include "core/features/fourier.hpp"

#include <utility>

namespace fettle {
namespace {

/// Complex transform of m = z.size() / 2 numbers (real, imaginary) in place.
void complex_fourier(std::span<float> z) {
  const std::size_t m = z.size() / 2;
  // Sort by mirrored binary index.
  for (std::size_t i = 1, mirrored = 0; i < m; ++i) {
    std::size_t bit = m >> 1;
    while ((mirrored & bit) != 0) {
      mirrored ^= bit;
      bit >>= 1;
    }
    mirrored |= bit;
    if (i < mirrored) {
      std::swap(z[2 * i], z[2 * mirrored]);
      std::swap(z[2 * i + 1], z[2 * mirrored + 1]);
    }
  }
  for (std::size_t length = 2; length <= m; length *= 2) {
    const std::size_t half = length / 2;
    for (std::size_t j = 0; j < half; ++j) {
      const float c = kTurns.cosine[j * (kLongestFourier / length)];
      const float s = kTurns.sine[j * (kLongestFourier / length)];
      for (std::size_t a = j; a < m; a += length) {
        const std::size_t b = a + half;
        const float real = c * z[2 * b] + s * z[2 * b + 1];
        const float imaginary = c * z[2 * b + 1] - s * z[2 * b];
        z[2 * b] = z[2 * a] - real;
        z[2 * b + 1] = z[2 * a + 1] - imaginary;
        z[2 * a] += real;
        z[2 * a + 1] += imaginary;
      }
    }
  }
}

}  // namespace

void real_fourier(std::span<float> x) {
  const std::size_t n = x.size();
  const std::size_t m = n / 2;
  // Even samples as real, odd ones as imaginary parts: half the work, and taken apart afterwards.
  complex_fourier(x);
  const float first = x[0];
  x[0] = first + x[1];
  x[1] = first - x[1];
  for (std::size_t k = 1; k <= m / 2; ++k) {
    const std::size_t other = m - k;
    const float even_real = 0.5F * (x[2 * k] + x[2 * other]);
    const float even_imaginary = 0.5F * (x[2 * k + 1] - x[2 * other + 1]);
    const float odd_real = 0.5F * (x[2 * k + 1] + x[2 * other + 1]);
    const float odd_imaginary = 0.5F * (x[2 * other] - x[2 * k]);
    const float c = kTurns.cosine[k * (kLongestFourier / n)];
    const float s = kTurns.sine[k * (kLongestFourier / n)];
    const float real = c * odd_real + s * odd_imaginary;
    const float imaginary = c * odd_imaginary - s * odd_real;
    x[2 * k] = even_real + real;
    x[2 * k + 1] = even_imaginary + imaginary;
    x[2 * other] = even_real - real;
    x[2 * other + 1] = imaginary - even_imaginary;
  }
}

}  // namespace fettle
