// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

// IEEE 754 arithmetic in integers, round to nearest even, with subnormal numbers: what an lx106 has in
// its ROM, which an emulator does not. Any NaN that is made is the quiet one with the sign cleared.

namespace fettle::test::soft {

/// 64 bits by 64, the upper half and the lower, from products of 32 bits: these are instructions or
/// come from the caller's own helpers.
struct Wide {
  std::uint64_t high = 0, low = 0;
};
constexpr std::uint64_t product(std::uint32_t a, std::uint32_t b) {
  const std::uint32_t a0 = a & 0xFFFFU, a1 = a >> 16, b0 = b & 0xFFFFU, b1 = b >> 16;
  const std::uint32_t low = a0 * b0, x = a1 * b0, y = a0 * b1, high = a1 * b1;
  const std::uint32_t middle = (low >> 16) + (x & 0xFFFFU) + (y & 0xFFFFU);
  return static_cast<std::uint64_t>(high + (x >> 16) + (y >> 16) + (middle >> 16)) << 32 |
         (middle << 16 | (low & 0xFFFFU));
}
constexpr Wide wide_product(std::uint64_t a, std::uint64_t b) {
  const auto a0 = static_cast<std::uint32_t>(a), a1 = static_cast<std::uint32_t>(a >> 32);
  const auto b0 = static_cast<std::uint32_t>(b), b1 = static_cast<std::uint32_t>(b >> 32);
  const std::uint64_t x = product(a1, b0), y = product(a0, b1), low = product(a0, b0);
  const std::uint64_t middle = (low >> 32) + (x & 0xFFFFFFFFU) + (y & 0xFFFFFFFFU);
  return {product(a1, b1) + (x >> 32) + (y >> 32) + (middle >> 32),
          middle << 32 | (low & 0xFFFFFFFFU)};
}
constexpr std::uint64_t low_product(std::uint64_t a, std::uint64_t b) {
  const auto a0 = static_cast<std::uint32_t>(a), a1 = static_cast<std::uint32_t>(a >> 32);
  const auto b0 = static_cast<std::uint32_t>(b), b1 = static_cast<std::uint32_t>(b >> 32);
  return product(a0, b0) + (static_cast<std::uint64_t>(a1 * b0 + a0 * b1) << 32);
}

struct Quotient {
  std::uint64_t quotient = 0, rest = 0;
};
/// Bit by bit; a division by 0 gives all ones.
constexpr Quotient divide(std::uint64_t dividend, std::uint64_t divisor) {
  Quotient result;
  for (int i = 63; i >= 0; --i) {
    const bool carry = (result.rest >> 63) != 0;
    result.rest = result.rest << 1 | (dividend >> i & 1U);
    if (carry || result.rest >= divisor) {
      result.rest -= divisor;
      result.quotient |= std::uint64_t{1} << i;
    }
  }
  return result;
}

template <typename Bits, int kMantissa, int kExponent>
struct Format {
  using Word = Bits;
  static constexpr int mantissa_bits = kMantissa;
  static constexpr int largest = (1 << kExponent) - 1;  // exponent of infinity and NaN
  static constexpr int bias = largest >> 1;
  static constexpr Bits sign = Bits{1} << (kMantissa + kExponent);
  static constexpr Bits hidden = Bits{1} << kMantissa;
  static constexpr Bits infinity = static_cast<Bits>(Bits{largest} << kMantissa);
  static constexpr Bits nan = infinity | hidden >> 1;
};
using Single = Format<std::uint32_t, 23, 8>;
using Double = Format<std::uint64_t, 52, 11>;

/// A finite number that is not zero: (-1)^negative * mantissa * 2^(exponent - 63), mantissa with its
/// top bit set. A bit below the last one stands in bit 0 of it.
struct Number {
  bool negative = false;
  int exponent = 0;
  std::uint64_t mantissa = 0;
};

template <typename F>
constexpr bool is_nan(typename F::Word x) {
  return (x & ~F::sign) > F::infinity;
}
template <typename F>
constexpr Number unpack(typename F::Word x) {
  const int biased = static_cast<int>(x >> F::mantissa_bits) & F::largest;
  const std::uint64_t fraction = x & (F::hidden - 1);
  const std::uint64_t mantissa = biased == 0 ? fraction : fraction | F::hidden;
  const int shift = std::countl_zero(mantissa);
  return {(x & F::sign) != 0, (biased == 0 ? 1 : biased) - F::bias - F::mantissa_bits + 63 - shift,
          mantissa << shift};
}
template <typename F>
constexpr typename F::Word pack(const Number& n) {
  using Word = typename F::Word;
  const Word sign = n.negative ? F::sign : Word{0};
  int biased = n.exponent + F::bias;
  int drop = 63 - F::mantissa_bits;
  if (biased <= 0) {
    drop += 1 - biased;  // subnormal
    biased = 0;
  }
  if (drop > 64) return sign;
  const std::uint64_t kept = drop == 64 ? 0 : n.mantissa >> drop;
  const std::uint64_t half = std::uint64_t{1} << (drop - 1);
  const std::uint64_t rest = n.mantissa & (half | (half - 1));
  const bool up = rest > half || (rest == half && (kept & 1U) != 0);
  // A carry out of the mantissa goes into the exponent, where it belongs.
  std::uint64_t bits = kept + (up ? 1U : 0U);
  if (biased > 0) bits += static_cast<std::uint64_t>(biased - 1) << F::mantissa_bits;
  if (biased >= F::largest || bits >= F::infinity) bits = F::infinity;
  return sign | static_cast<Word>(bits);
}
/// n with bits below bit 0 of its mantissa, which need not be normal.
template <typename F>
constexpr typename F::Word normal(bool negative, int exponent, std::uint64_t mantissa) {
  const int shift = std::countl_zero(mantissa);
  return pack<F>({negative, exponent - shift, mantissa << shift});
}

template <typename F>
constexpr typename F::Word add(typename F::Word a, typename F::Word b) {
  const auto size_a = a & ~F::sign, size_b = b & ~F::sign;
  if (size_a > F::infinity || size_b > F::infinity) return F::nan;
  if (size_a == F::infinity) return size_b == F::infinity && a != b ? F::nan : a;
  if (size_b == F::infinity) return b;
  if (size_b == 0) return size_a == 0 ? a & b : a;  // -0 only of two of them
  if (size_a == 0) return b;
  Number large = unpack<F>(size_a >= size_b ? a : b);
  Number small = unpack<F>(size_a >= size_b ? b : a);
  // One bit of room for a carry; one bit below the last says whether anything was lost.
  large.mantissa >>= 1;
  small.mantissa >>= 1;
  const int apart = large.exponent - small.exponent;
  if (apart > 63) {
    small.mantissa = 1;
  } else if (apart > 0) {
    const bool lost = (small.mantissa & ((std::uint64_t{1} << apart) - 1)) != 0;
    small.mantissa = small.mantissa >> apart | (lost ? 1U : 0U);
  }
  const std::uint64_t sum = large.negative == small.negative ? large.mantissa + small.mantissa
                                                             : large.mantissa - small.mantissa;
  if (sum == 0) return 0;
  return normal<F>(large.negative, large.exponent + 1, sum);
}

template <typename F>
constexpr typename F::Word multiply(typename F::Word a, typename F::Word b) {
  const auto size_a = a & ~F::sign, size_b = b & ~F::sign;
  const auto sign = (a ^ b) & F::sign;
  if (size_a > F::infinity || size_b > F::infinity) return F::nan;
  if (size_a == F::infinity || size_b == F::infinity) {
    return size_a == 0 || size_b == 0 ? F::nan : sign | F::infinity;
  }
  if (size_a == 0 || size_b == 0) return sign;
  const Number x = unpack<F>(a), y = unpack<F>(b);
  const Wide wide = wide_product(x.mantissa, y.mantissa);
  return normal<F>(sign != 0, x.exponent + y.exponent + 1, wide.high | (wide.low != 0 ? 1U : 0U));
}

template <typename F>
constexpr typename F::Word divide(typename F::Word a, typename F::Word b) {
  const auto size_a = a & ~F::sign, size_b = b & ~F::sign;
  const auto sign = (a ^ b) & F::sign;
  if (size_a > F::infinity || size_b > F::infinity) return F::nan;
  if (size_a == F::infinity) return size_b == F::infinity ? F::nan : sign | F::infinity;
  if (size_b == 0) return size_a == 0 ? F::nan : sign | F::infinity;
  if (size_a == 0 || size_b == F::infinity) return sign;
  const Number x = unpack<F>(a), y = unpack<F>(b);
  // 64 bits of the quotient: the rest stays below the divisor.
  std::uint64_t quotient = 0;
  std::uint64_t rest = x.mantissa;
  for (int i = 0; i < 64; ++i) {
    const bool carry = i > 0 && (rest >> 63) != 0;
    if (i > 0) rest <<= 1;
    quotient <<= 1;
    if (carry || rest >= y.mantissa) {
      rest -= y.mantissa;
      quotient |= 1;
    }
  }
  return normal<F>(sign != 0, x.exponent - y.exponent, quotient | (rest != 0 ? 1U : 0U));
}

template <typename F>
constexpr typename F::Word from_integer(bool negative, std::uint64_t size) {
  return size == 0 ? typename F::Word{0} : normal<F>(negative, 63, size);
}

/// Towards zero. What does not fit is the nearest that does, and NaN is 0.
template <typename F>
constexpr std::int64_t to_integer(typename F::Word x, std::int64_t low, std::int64_t high) {
  if (is_nan<F>(x)) return 0;
  if ((x & ~F::sign) == 0) return 0;
  const Number n = unpack<F>(x);
  if (n.exponent < 0) return 0;
  if (n.exponent > 62) return n.negative ? low : high;
  const auto size = static_cast<std::int64_t>(n.mantissa >> (63 - n.exponent));
  const std::int64_t value = n.negative ? -size : size;
  return value < low ? low : (value > high ? high : value);
}

template <typename To, typename From>
constexpr typename To::Word convert(typename From::Word x) {
  const auto size = x & ~From::sign;
  const typename To::Word sign = (x & From::sign) != 0 ? To::sign : typename To::Word{0};
  if (size > From::infinity) return To::nan;
  if (size == From::infinity) return sign | To::infinity;
  if (size == 0) return sign;
  return pack<To>(unpack<From>(x));
}

}  // namespace fettle::test::soft
