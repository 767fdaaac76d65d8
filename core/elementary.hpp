// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

namespace fettle {

// Logarithm, exponential and the normal distribution from the four basic operations in float64,
// which IEEE 754 defines to the last bit: the same bits on every processor, with or without FPU.
// They are called once a window or less, so float64 in software does not matter.

/// Natural logarithm of x > 0 in float64 (in float32: core/math.hpp), relative error below 1e-14. Zero
/// and below give that of the smallest normal double (-708.4); NaN and +infinity come back unchanged.
[[nodiscard]] constexpr double natural_log_f64(double x) {
  if (!(x <= 1.7976931348623157e308)) return x;
  if (x < 2.2250738585072014e-308) x = 2.2250738585072014e-308;
  const auto bits = std::bit_cast<std::uint64_t>(x);
  auto exponent = static_cast<std::int32_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffU) | 0x3ff0000000000000U);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  // log m = 2 artanh(s), |s| < 0.172: twelve terms leave less than 1e-19.
  const double s = (m - 1.0) / (m + 1.0);
  const double s2 = s * s;
  double sum = 0.0;
  for (int n = 23; n >= 1; n -= 2) sum = sum * s2 + 1.0 / n;
  return 2.0 * s * sum + static_cast<double>(exponent) * 0.6931471805599453;
}

/// e to the x, relative error below 1e-13; 0 below -700, held at e^700 above.
[[nodiscard]] constexpr double exponential(double x) {
  if (!(x > -700.0)) return 0.0;
  if (x > 700.0) x = 700.0;
  const double halves = x * 1.4426950408889634;
  const auto k = static_cast<std::int32_t>(halves + (halves < 0.0 ? -0.5 : 0.5));
  // ln 2 in two parts: the first has so few digits that its product with k is exact.
  const double r = x - k * 0.693147180369123816490 - k * 1.90821492927058770002e-10;
  double sum = 1.0;
  for (int n = 14; n >= 1; --n) sum = 1.0 + sum * r / n;
  return sum * std::bit_cast<double>(static_cast<std::uint64_t>(k + 1023) << 52);
}

/// P(Z > z) for a standard normal Z. Taylor series about 0 (Marsaglia, Evaluating the normal
/// distribution, J. Stat. Software 11(4), 2004) up to |z| = 3, absolute error below 1e-14; beyond
/// it Laplace's continued fraction, relative error below 1e-8.
[[nodiscard]] constexpr double normal_upper_tail(double z) {
  const double a = z < 0.0 ? -z : z;
  const double density = 0.3989422804014327 * exponential(-0.5 * a * a);
  double above = 0.0;
  if (a <= 3.0) {
    double term = a;
    double sum = a;
    for (int n = 3; n < 90 && term > 1e-17; n += 2) {
      term *= a * a / n;
      sum += term;
    }
    above = 0.5 - density * sum;
  } else {
    double fraction = a;
    for (int n = 40; n >= 1; --n) fraction = a + n / fraction;
    above = density / fraction;
  }
  return z < 0.0 ? 1.0 - above : above;
}

/// z with P(Z > z) = p, 0 < p < 1 (held at 1e-300 from 0 and at 1e-16 from 1). Wichura, Algorithm
/// AS 241, Applied Statistics 37, 1988, p. 477, routine PPND7: relative error about 1e-7.
[[nodiscard]] constexpr double normal_upper_quantile(double p) {
  const double q = 0.5 - p;
  if (q <= 0.425 && q >= -0.425) {
    const double r = 0.180625 - q * q;
    return q * (((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179) /
           (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0);
  }
  double tail = q < 0.0 ? 1.0 - p : p;
  if (tail < 1e-300) tail = 1e-300;
  // Newton's square root; the start is above every root asked for, so it only falls.
  const double square = -natural_log_f64(tail);
  double r = 27.0;
  for (int i = 0; i < 12; ++i) r = 0.5 * (r + square / r);
  double z = 0.0;
  if (r <= 5.0) {
    r -= 1.6;
    z = (((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777) /
        ((0.12021132975 * r + 0.73700164250) * r + 1.0);
  } else {
    r -= 5.0;
    z = (((0.017337203997 * r + 0.42868294337) * r + 3.0812263860) * r + 6.6579051150) /
        ((0.012258202635 * r + 0.24197894225) * r + 1.0);
  }
  return q < 0.0 ? -z : z;
}

}  // namespace fettle
