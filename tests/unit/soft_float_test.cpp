// SPDX-License-Identifier: Apache-2.0
// The float helpers of the emulated lx106, against this processor's own arithmetic.
#include "tests/emulated/machines/soft_float.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace fettle::test::soft {
namespace {

template <typename F>
struct Native;
template <>
struct Native<Single> {
  using Real = float;
};
template <>
struct Native<Double> {
  using Real = double;
};

/// Edges, and random bits: exponents near each other, far apart, at both ends.
template <typename F>
std::vector<typename F::Word> operands() {
  using Word = typename F::Word;
  std::vector<Word> values = {0,
                              1,
                              F::hidden - 1,
                              F::hidden,
                              F::hidden + 1,
                              F::infinity - 1,
                              F::infinity,
                              F::nan,
                              std::bit_cast<Word>(static_cast<typename Native<F>::Real>(1)),
                              std::bit_cast<Word>(static_cast<typename Native<F>::Real>(3))};
  std::mt19937_64 random(1);
  for (int i = 0; i < 400; ++i) {
    const auto any = static_cast<Word>(random());
    values.push_back(any);
    values.push_back(static_cast<Word>(
        (any & (F::hidden - 1)) | static_cast<Word>(F::bias + i % 60 - 30) << F::mantissa_bits));
  }
  const std::size_t size = values.size();
  for (std::size_t i = 0; i < size; ++i) values.push_back(values[i] ^ F::sign);
  return values;
}

template <typename F>
bool same(typename F::Word ours, typename Native<F>::Real native) {
  if (std::isnan(native)) return is_nan<F>(ours);
  return ours == std::bit_cast<typename F::Word>(native);
}

template <typename F>
void compare() {
  using Real = typename Native<F>::Real;
  const auto values = operands<F>();
  for (const auto a : values) {
    const Real x = std::bit_cast<Real>(a);
    for (const auto b : values) {
      const Real y = std::bit_cast<Real>(b);
      ASSERT_TRUE(same<F>(add<F>(a, b), x + y)) << x << " + " << y;
      ASSERT_TRUE(same<F>(multiply<F>(a, b), x * y)) << x << " * " << y;
      ASSERT_TRUE(same<F>(divide<F>(a, b), x / y)) << x << " / " << y;
    }
  }
}

TEST(SoftFloat, SinglePrecisionIsTheProcessorsOwn) { compare<Single>(); }
TEST(SoftFloat, DoublePrecisionIsTheProcessorsOwn) { compare<Double>(); }

TEST(SoftFloat, ConversionsAreTheProcessorsOwn) {
  for (const std::uint64_t x : operands<Double>()) {
    const auto native = std::bit_cast<double>(x);
    ASSERT_TRUE(same<Single>(convert<Single, Double>(x), static_cast<float>(native))) << native;
    if (native > -2e9 && native < 2e9) {
      ASSERT_EQ(to_integer<Double>(x, INT32_MIN, INT32_MAX), static_cast<std::int32_t>(native));
    }
    const auto whole = static_cast<std::int32_t>(x >> 7);
    const std::uint64_t size =
        whole < 0 ? 0 - static_cast<std::uint64_t>(whole) : static_cast<std::uint64_t>(whole);
    ASSERT_TRUE(same<Single>(from_integer<Single>(whole < 0, size), static_cast<float>(whole)));
    ASSERT_TRUE(same<Double>(from_integer<Double>(whole < 0, size), static_cast<double>(whole)));
  }
  for (const std::uint32_t x : operands<Single>()) {
    const auto native = std::bit_cast<float>(x);
    ASSERT_TRUE(same<Double>(convert<Double, Single>(x), static_cast<double>(native))) << native;
  }
}

TEST(SoftFloat, IntegersToo) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t a = random() >> (i % 64);
    const std::uint64_t b = random() >> (i * 7 % 64);
    ASSERT_EQ(low_product(a, b), a * b);
    if (b == 0) continue;
    ASSERT_EQ(divide(a, b).quotient, a / b);
    ASSERT_EQ(divide(a, b).rest, a % b);
  }
}

}  // namespace
}  // namespace fettle::test::soft
