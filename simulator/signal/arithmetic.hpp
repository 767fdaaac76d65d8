// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace fettle::simulator {

// Sine, exponential, logarithm and root without the C library, whose last bits differ from one
// system to the next. Only + - * / in a fixed order: the same bits on every IEEE 754 processor.

inline constexpr double kPi = 3.14159265358979323846;

struct SineCosine {
  double sine;
  double cosine;
};

/// Sine and cosine of an angle in turns, |turns| < 1e9; error below 1e-15 for |turns| <= 4.
/// Reduced to an eighth of a turn around the nearest quarter, then the Taylor series to the 15th
/// and 16th power (remainder (pi/4)^17 / 17! = 5e-17).
[[nodiscard]] constexpr SineCosine sine_cosine_turns(double turns) {
  const double quarters = turns * 4.0;
  const auto nearest = static_cast<std::int64_t>(quarters < 0 ? quarters - 0.5 : quarters + 0.5);
  const double x = (quarters - static_cast<double>(nearest)) * (kPi / 2.0);
  const double x2 = x * x;
  const double sine =
      x * (1.0 +
           x2 * (-1.0 / 6.0 +
                 x2 * (1.0 / 120.0 +
                       x2 * (-1.0 / 5040.0 + x2 * (1.0 / 362880.0 +
                                                   x2 * (-1.0 / 39916800.0 +
                                                         x2 * (1.0 / 6227020800.0 +
                                                               x2 * (-1.0 / 1307674368000.0))))))));
  const double cosine =
      1.0 +
      x2 * (-1.0 / 2.0 +
            x2 * (1.0 / 24.0 +
                  x2 * (-1.0 / 720.0 + x2 * (1.0 / 40320.0 +
                                             x2 * (-1.0 / 3628800.0 +
                                                   x2 * (1.0 / 479001600.0 +
                                                         x2 * (-1.0 / 87178291200.0 +
                                                               x2 * (1.0 / 20922789888000.0))))))));
  // The lowest two bits of a two's complement number are its remainder modulo 4, negative or not.
  // Selected without branches: the quarter is as good as random to a branch predictor.
  const auto quarter = static_cast<std::uint64_t>(nearest);
  const bool swap = (quarter & 1U) != 0;
  const double sine_sign = (quarter & 2U) != 0 ? -1.0 : 1.0;
  const double cosine_sign = ((quarter + 1U) & 2U) != 0 ? -1.0 : 1.0;
  return {sine_sign * (swap ? cosine : sine), cosine_sign * (swap ? sine : cosine)};
}

/// 0! to 14!, exact.
inline constexpr std::array<double, 15> kFactorial = [] {
  std::array<double, 15> factorial{1.0};
  for (std::size_t n = 1; n < factorial.size(); ++n) {
    factorial[n] = factorial[n - 1] * static_cast<double>(n);
  }
  return factorial;
}();

/// e to the power of x, -700 <= x <= 700; relative error below 1e-15 for |x| <= 10.
[[nodiscard]] constexpr double exponential(double x) {
  constexpr double kLn2 = 0.693147180559945309417;
  const double scaled = x / kLn2;
  const auto power = static_cast<std::int64_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  const double r = x - static_cast<double>(power) * kLn2;
  double sum = 0;  // the Taylor series; remainder (ln 2 / 2)^15 / 15! = 1e-19
  for (std::size_t n = kFactorial.size(); n-- > 0;) sum = sum * r + 1.0 / kFactorial[n];
  return sum * std::bit_cast<double>(static_cast<std::uint64_t>(1023 + power) << 52U);
}

/// Natural logarithm of a normal number x > 0; absolute error below 1e-15 for 1e-3 <= x <= 1e3.
[[nodiscard]] constexpr double natural_logarithm(double x) {
  constexpr double kLn2 = 0.693147180559945309417;
  const auto bits = std::bit_cast<std::uint64_t>(x);
  auto power = static_cast<std::int64_t>(bits >> 52U) - 1023;
  double mantissa = std::bit_cast<double>((bits & 0x000FFFFFFFFFFFFFULL) | 0x3FF0000000000000ULL);
  if (mantissa > 1.4142135623730951) {
    mantissa *= 0.5;
    ++power;
  }
  const double s = (mantissa - 1.0) / (mantissa + 1.0);  // ln m = 2 artanh(s), |s| <= 0.172
  const double s2 = s * s;
  double sum = 0;
  for (int n = 21; n >= 1; n -= 2) sum = sum * s2 + 1.0 / n;
  return static_cast<double>(power) * kLn2 + 2.0 * s * sum;
}

/// Square root of x >= 0 by Heron's method, at compile time or where speed does not matter.
[[nodiscard]] constexpr double square_root(double x) {
  if (x <= 0) return 0;
  double root = x > 1 ? x : 1.0;
  for (int i = 0; i < 2000; ++i) {
    const double next = 0.5 * (root + x / root);
    if (next >= root) break;
    root = next;
  }
  return root;
}

}  // namespace fettle::simulator
