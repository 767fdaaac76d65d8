// SPDX-License-Identifier: Apache-2.0
// The helpers that GCC calls on an lx106 and Debian's libgcc leaves to the chip's ROM. Compiled for that
// machine alone; tests/unit/soft_float_test.cpp compares the arithmetic with the PC's.
#include "tests/emulated/machines/soft_float.hpp"

namespace {

using namespace fettle::test::soft;
std::uint32_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }
std::uint64_t bits(double x) { return std::bit_cast<std::uint64_t>(x); }
float single(std::uint32_t x) { return std::bit_cast<float>(x); }
double twice(std::uint64_t x) { return std::bit_cast<double>(x); }
std::uint64_t size_of(std::int64_t x) {
  return x < 0 ? ~static_cast<std::uint64_t>(x) + 1U : static_cast<std::uint64_t>(x);
}
std::int64_t with_sign(bool negative, std::uint64_t size) {
  return static_cast<std::int64_t>(negative ? ~size + 1U : size);
}
constexpr std::int64_t kLow = -2'147'483'648LL, kHigh = 2'147'483'647LL,
                       kUnsigned = 4'294'967'295LL;

}  // namespace

extern "C" {

float __addsf3(float a, float b) { return single(add<Single>(bits(a), bits(b))); }
float __subsf3(float a, float b) { return single(add<Single>(bits(a), bits(b) ^ Single::sign)); }
float __mulsf3(float a, float b) { return single(multiply<Single>(bits(a), bits(b))); }
double __adddf3(double a, double b) { return twice(add<Double>(bits(a), bits(b))); }
double __subdf3(double a, double b) { return twice(add<Double>(bits(a), bits(b) ^ Double::sign)); }
double __muldf3(double a, double b) { return twice(multiply<Double>(bits(a), bits(b))); }
double __divdf3(double a, double b) { return twice(divide<Double>(bits(a), bits(b))); }
double __extendsfdf2(float x) { return twice(convert<Double, Single>(bits(x))); }
float __truncdfsf2(double x) { return single(convert<Single, Double>(bits(x))); }

float __floatsisf(std::int32_t x) { return single(from_integer<Single>(x < 0, size_of(x))); }
float __floatunsisf(std::uint32_t x) { return single(from_integer<Single>(false, x)); }
double __floatsidf(std::int32_t x) { return twice(from_integer<Double>(x < 0, size_of(x))); }
double __floatunsidf(std::uint32_t x) { return twice(from_integer<Double>(false, x)); }
std::int32_t __fixsfsi(float x) {
  return static_cast<std::int32_t>(to_integer<Single>(bits(x), kLow, kHigh));
}
std::int32_t __fixdfsi(double x) {
  return static_cast<std::int32_t>(to_integer<Double>(bits(x), kLow, kHigh));
}
std::uint32_t __fixunssfsi(float x) {
  return static_cast<std::uint32_t>(to_integer<Single>(bits(x), 0, kUnsigned));
}
std::uint32_t __fixunsdfsi(double x) {
  return static_cast<std::uint32_t>(to_integer<Double>(bits(x), 0, kUnsigned));
}

std::uint64_t __umulsidi3(std::uint32_t a, std::uint32_t b) { return product(a, b); }
std::uint64_t __muldi3(std::uint64_t a, std::uint64_t b) { return low_product(a, b); }
std::uint64_t __udivdi3(std::uint64_t a, std::uint64_t b) { return divide(a, b).quotient; }
std::uint64_t __umoddi3(std::uint64_t a, std::uint64_t b) { return divide(a, b).rest; }
std::int64_t __divdi3(std::int64_t a, std::int64_t b) {
  return with_sign((a < 0) != (b < 0), divide(size_of(a), size_of(b)).quotient);
}
std::uint32_t __udivsi3(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::uint32_t>(divide(std::uint64_t{a}, b).quotient);
}
std::uint32_t __umodsi3(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::uint32_t>(divide(std::uint64_t{a}, b).rest);
}
std::int32_t __divsi3(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(
      with_sign((a < 0) != (b < 0), divide(size_of(a), size_of(b)).quotient));
}

}  // extern "C"
