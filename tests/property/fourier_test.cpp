// SPDX-License-Identifier: Apache-2.0
// The fast transform against the sum of its definition in long double.
#include "core/features/fourier.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "core/learn/random.hpp"

namespace fettle {
namespace {

using Complex = std::complex<long double>;

std::vector<Complex> by_definition(const std::vector<float>& x) {
  const std::size_t n = x.size();
  std::vector<Complex> roots(n);
  for (std::size_t i = 0; i < n; ++i) {
    const long double turns = static_cast<long double>(i) / static_cast<long double>(n);
    roots[i] = std::polar(1.0L, -2 * std::numbers::pi_v<long double> * turns);
  }
  std::vector<Complex> result(n / 2 + 1);
  for (std::size_t k = 0; k < result.size(); ++k) {
    for (std::size_t i = 0; i < n; ++i) {
      result[k] += static_cast<long double>(x[i]) * roots[i * k % n];
    }
  }
  return result;
}

Complex at(const std::vector<float>& x, std::size_t k) {
  if (k == 0) return x[0];
  if (k == x.size() / 2) return x[1];
  return {x[2 * k], x[2 * k + 1]};
}

void expect_transform(const std::vector<float>& x) {
  const std::vector<Complex> expected = by_definition(x);
  std::vector<float> found = x;
  real_fourier(found);
  long double largest = 0;
  for (const Complex& value : expected) largest = std::max(largest, std::abs(value));
  for (std::size_t k = 0; k < expected.size(); ++k) {
    ASSERT_LE(std::abs(at(found, k) - expected[k]), 1e-6L * largest)
        << "X[" << k << "] of " << x.size();
  }
}

TEST(Fourier, IsItsDefinitionForNoiseLinesAndImpulses) {
  Random random(5);
  for (const std::size_t n : {64U, 128U, 256U}) {
    ASSERT_TRUE(fourier_length(n));
    std::vector<float> x(n);
    for (int repeat = 0; repeat < 20; ++repeat) {
      for (float& value : x) value = 2.0F * random.uniform() - 1.0F;
      expect_transform(x);
    }
    for (std::size_t k = 0; k <= n / 2; k += 3) {
      for (std::size_t i = 0; i < n; ++i) {
        const auto turns = static_cast<float>(i * k % n) / static_cast<float>(n);
        x[i] = 100.0F * std::cos(6.2831853F * turns + 0.3F);
      }
      expect_transform(x);
    }
    for (std::size_t i = 0; i < n; i += 5) {
      std::fill(x.begin(), x.end(), 0.0F);
      x[i] = 16.0F;
      expect_transform(x);
    }
    if (HasFatalFailure()) return;
  }
}

TEST(Fourier, KeepsTheEnergy) {
  Random random(6);
  std::vector<float> x(128);
  double before = 0;
  for (float& value : x) {
    value = random.uniform() - 0.5F;
    before += static_cast<double>(value) * static_cast<double>(value);
  }
  real_fourier(x);
  double after = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    after += (i < 2 ? 1.0 : 2.0) * static_cast<double>(x[i]) * static_cast<double>(x[i]) / 128.0;
  }
  EXPECT_NEAR(after, before, 1e-5 * before);
}

TEST(Fourier, TablesAndWindowAreExactWhereTheyCanBe) {
  EXPECT_EQ(kTurns.cosine[0], 1.0F);
  EXPECT_EQ(kTurns.cosine[64], 0.0F);
  EXPECT_EQ(kTurns.cosine[128], -1.0F);
  EXPECT_EQ(kTurns.sine[64], 1.0F);
  for (std::size_t k = 0; k <= 128; ++k) {
    const long double angle = std::numbers::pi_v<long double> * static_cast<long double>(k) / 128;
    if (k != 64) {
      EXPECT_EQ(kTurns.cosine[k], static_cast<float>(std::cos(angle))) << k;
    }
    if (k != 128) {
      EXPECT_EQ(kTurns.sine[k], static_cast<float>(std::sin(angle))) << k;
    }
  }
  for (const std::size_t n : {64U, 128U, 256U}) {
    double squares = 0;
    for (std::size_t i = 0; i < n; ++i) {
      squares += static_cast<double>(hann(i, n)) * static_cast<double>(hann(i, n));
      if (i > 0) {
        EXPECT_EQ(hann(i, n), hann(n - i, n));
      }
    }
    EXPECT_EQ(hann(0, n), 0.0F);
    EXPECT_EQ(hann(n / 2, n), 1.0F);
    EXPECT_NEAR(squares, 3.0 * static_cast<double>(n) / 8, 1e-5);
  }
  EXPECT_FALSE(fourier_length(32));
  EXPECT_FALSE(fourier_length(100));
  EXPECT_FALSE(fourier_length(512));
}

}  // namespace
}  // namespace fettle
