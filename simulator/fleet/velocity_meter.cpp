// SPDX-License-Identifier: Apache-2.0
#include "simulator/fleet/velocity_meter.hpp"

#include <cstddef>

namespace fettle::simulator {
namespace {

constexpr double kGravity_mm_s2 = 9806.65;
// Damping of the two pairs of poles of a Butterworth filter of 4th order: sin(22.5), sin(67.5 deg).
constexpr double kInnerDamping = 0.38268343236508977;
constexpr double kOuterDamping = 0.92387953251128674;
// (1 - sqrt(2/3)) / 2, the root of 2 b (1 - b) = 1/6.
constexpr double kLag = 0.091751709536136983;

}  // namespace

VelocityMeter::VelocityMeter(double rate_hz)
    : settle_(static_cast<std::int64_t>(kSettle_s * rate_hz)) {
  BiquadCoefficients integrated = SecondOrder(kLow_hz, kOuterDamping, rate_hz).high_pass();
  // A high-pass has (1 - 1/z)^2 above; the integrator divides by one of them.
  const double gain = integrated.b0 * kGravity_mm_s2 / rate_hz;
  integrated.b0 = gain * (1.0 - kLag);
  integrated.b1 = gain * (kLag - (1.0 - kLag));
  integrated.b2 = -gain * kLag;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    high_.set(axis, SecondOrder(kLow_hz, kInnerDamping, rate_hz).high_pass());
    integrated_.set(axis, integrated);
    low_.set(axis, SecondOrder(kHigh_hz, kInnerDamping, rate_hz).low_pass());
    lower_.set(axis, SecondOrder(kHigh_hz, kOuterDamping, rate_hz).low_pass());
  }
}

void VelocityMeter::add(const std::array<double, 3>& acceleration_g) {
  std::array<double, 3> signal = acceleration_g;
  high_.step(signal);
  integrated_.step(signal);
  low_.step(signal);
  lower_.step(signal);
  if (settle_ > 0) {
    --settle_;
    return;
  }
  sum_ += signal[0] * signal[0] + signal[1] * signal[1] + signal[2] * signal[2];
  ++count_;
}

double VelocityMeter::mean_square() const {
  return count_ > 0 ? sum_ / static_cast<double>(count_) : 0.0;
}

double VelocityMeter::rms_mm_s() const { return square_root(mean_square()); }

void VelocityMeter::restart() {
  sum_ = 0;
  count_ = 0;
}

}  // namespace fettle::simulator
