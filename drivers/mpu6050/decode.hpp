// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/sensor/raw_sample.hpp"
#include "drivers/mpu6050/registers.hpp"

/// What the chip's bytes mean. Pure functions.
namespace fettle::mpu6050 {

/// Two bytes, high one first, as a two's complement number (RM 4.17 to 4.19, p. 29 to 31).
[[nodiscard]] constexpr std::int16_t signed_word(std::uint8_t high, std::uint8_t low) {
  return static_cast<std::int16_t>(static_cast<std::uint16_t>(high << 8 | low));
}

/// FIFO_COUNT: two bytes, high one first, of a number without sign (RM 4.30, p. 43).
[[nodiscard]] constexpr std::uint16_t unsigned_word(std::uint8_t high, std::uint8_t low) {
  return static_cast<std::uint16_t>(high << 8 | low);
}

/// One sample of the FIFO: ax, ay, az, gx, gy, gz, in the order of their registers (RM 4.31, p. 44).
[[nodiscard]] constexpr RawSample decode_sample(std::span<const std::uint8_t, kSampleBytes> bytes) {
  RawSample sample{};
  for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
    sample[axis] = signed_word(bytes[2 * axis], bytes[2 * axis + 1]);
  }
  return sample;
}

/// TEMP_OUT in degrees Celsius (RM 4.18, p. 30).
[[nodiscard]] constexpr float celsius(std::int16_t counts) {
  return static_cast<float>(counts) / 340.0F + 36.53F;
}

/// The six 5-bit codes of SELF_TEST_X, _Y, _Z and _A, in the order of the axes (RM 4.1, p. 9): an
/// accelerometer's upper three bits stand above its gyroscope's five, its lower two in _A.
[[nodiscard]] constexpr std::array<std::uint8_t, kMaxAxes> self_test_codes(
    std::span<const std::uint8_t, 4> registers) {
  std::array<std::uint8_t, kMaxAxes> codes{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::uint8_t low = static_cast<std::uint8_t>(registers[3] >> (4 - 2 * axis) & 0x03);
    codes[axis] = static_cast<std::uint8_t>((registers[axis] >> 5) << 2 | low);
    codes[axis + 3] = static_cast<std::uint8_t>(registers[axis] & 0x1F);
  }
  return codes;
}

namespace detail {

[[nodiscard]] constexpr double power(double base, unsigned exponent) {
  double product = 1;
  for (unsigned i = 0; i < exponent; ++i) product *= base;
  return product;
}

/// The n-th root of x > 1, by halving the interval: at compile time nobody waits.
[[nodiscard]] constexpr double root(double x, unsigned n) {
  double low = 1;
  double high = x;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (power(middle, n) < x ? low : high) = middle;
  }
  return low;
}

/// 25 * 131 * 1.046^(code - 1) (RM 4.1, p. 10), at +-250 deg/s.
[[nodiscard]] constexpr std::array<float, 32> gyroscope_trims() {
  std::array<float, 32> trims{};
  for (unsigned code = 1; code < trims.size(); ++code) {
    trims[code] = static_cast<float>(25.0 * 131.0 * power(1.046, code - 1));
  }
  return trims;
}

/// 4096 * 0.34 * (0.92 / 0.34)^((code - 1) / (2^5 - 2)) (RM 4.1, p. 11), at +-8 g.
[[nodiscard]] constexpr std::array<float, 32> accelerometer_trims() {
  const double step = root(0.92 / 0.34, 30);
  std::array<float, 32> trims{};
  for (unsigned code = 1; code < trims.size(); ++code) {
    trims[code] = static_cast<float>(4096.0 * 0.34 * power(step, code - 1));
  }
  return trims;
}

inline constexpr std::array<float, 32> kGyroscopeTrims = gyroscope_trims();
inline constexpr std::array<float, 32> kAccelerometerTrims = accelerometer_trims();

}  // namespace detail

/// Response of the self-test when the chip left the factory, counts at +-8 g and +-250 deg/s.
/// @param axis  0 to 5: ax, ay, az, gx, gy, gz
/// @param code  of self_test_codes(), 0 to 31
/// @return 0 if the code is 0: the chip does not say. Negative for gy (RM 4.1, p. 10).
[[nodiscard]] constexpr float factory_trim(std::size_t axis, std::uint8_t code) {
  if (axis < 3) return detail::kAccelerometerTrims[code & 0x1FU];
  const float trim = detail::kGyroscopeTrims[code & 0x1FU];
  return axis == 4 ? -trim : trim;
}

/// A response within this part of the factory's passes (PS 6.1 and 6.2, p. 12 and 13).
inline constexpr float kSelfTestLimit = 0.14F;

/// Divider that comes nearest to a rate: rate = 1000 / (1 + SMPLRT_DIV) while the low-pass filter is
/// on (RM 4.2, p. 12).
/// @param rate_hz  4 to 1000, beyond is limited
[[nodiscard]] constexpr std::uint8_t sample_rate_divider(std::uint16_t rate_hz) {
  const unsigned rate = rate_hz < 4 ? 4U : rate_hz > 1000 ? 1000U : rate_hz;
  const unsigned periods = (1000 + rate / 2) / rate;
  return static_cast<std::uint8_t>((periods > 256 ? 256 : periods) - 1);
}

/// DLPF_CFG (RM 4.3, p. 13) for a divider: the widest filter whose edge lies below half the rate, for
/// both sensors where possible. At 200 Hz: 2, 94 Hz (accelerometer) and 98 Hz (gyroscope). At
/// 1000 Hz: 1, 184 and 188 Hz; 0 would give 260 and 256 Hz, still below 500, but turns the
/// gyroscope's filter off and its rate to 8 kHz, so that the two sensors' samples would no longer
/// be filtered and delayed alike.
[[nodiscard]] constexpr std::uint8_t low_pass_setting(std::uint8_t divider) {
  struct Edge {
    std::uint8_t setting;
    unsigned hz;  ///< the higher of both sensors
  };
  constexpr std::array<Edge, 6> edges = {{{1, 188}, {2, 98}, {3, 44}, {4, 21}, {5, 10}, {6, 5}}};
  const unsigned half_millihertz = 500'000U / (1U + divider);
  for (const Edge& edge : edges) {
    if (edge.hz * 1000U <= half_millihertz) return edge.setting;
  }
  return 6;
}

}  // namespace fettle::mpu6050
