// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "simulator/signal/arithmetic.hpp"

namespace fettle::simulator {

/// b0 + b1 z^-1 + b2 z^-2 over 1 + a1 z^-1 + a2 z^-2.
struct BiquadCoefficients {
  double b0 = 1, b1 = 0, b2 = 0, a1 = 0, a2 = 0;
};

/// The mechanics of one degree of freedom, s / (s^2 + 2 damping w s + w^2) and its relatives, made
/// digital with the bilinear transform (Oppenheim and Schafer, Discrete-Time Signal
/// Processing, 7.2), prewarped so that the digital filter has its corner or peak at `hz` exactly.
struct SecondOrder {
  double w = 0;      ///< tan(pi hz / rate): the warped frequency
  double scale = 0;  ///< 1 / (1 + 2 damping w + w^2)
  double a1 = 0, a2 = 0;

  /// @param hz above 0 and below half of `rate_hz`
  SecondOrder(double hz, double damping, double rate_hz) {
    const SineCosine angle = sine_cosine_turns(0.5 * hz / rate_hz);
    w = angle.sine / angle.cosine;
    scale = 1.0 / (1.0 + 2.0 * damping * w + w * w);
    a1 = 2.0 * (w * w - 1.0) * scale;
    a2 = (1.0 - 2.0 * damping * w + w * w) * scale;
  }
  /// w^2 / (...): 1 at 0 Hz.
  [[nodiscard]] BiquadCoefficients low_pass() const {
    const double b = w * w * scale;
    return {b, 2.0 * b, b, a1, a2};
  }
  /// s^2 / (...): 0 at 0 Hz, 1 far above `hz`.
  [[nodiscard]] BiquadCoefficients high_pass() const {
    return {scale, -2.0 * scale, scale, a1, a2};
  }
  /// w s / (...): 1 / (2 damping) at `hz`.
  [[nodiscard]] BiquadCoefficients band_pass() const {
    const double b = w * scale;
    return {b, 0.0, -b, a1, a2};
  }
};

/// Biquads side by side, one a lane, in transposed direct form II. A lane that is not set changes
/// nothing.
template <std::size_t kLanes>
class BiquadBank {
 public:
  BiquadBank() { b0_.fill(1.0); }
  void set(std::size_t lane, const BiquadCoefficients& c) {
    b0_[lane] = c.b0;
    b1_[lane] = c.b1;
    b2_[lane] = c.b2;
    a1_[lane] = c.a1;
    a2_[lane] = c.a2;
  }
  /// One step of every lane, in place.
  void step(std::array<double, kLanes>& signal) {
    for (std::size_t i = 0; i < kLanes; ++i) {
      const double x = signal[i];
      const double y = b0_[i] * x + s1_[i];
      s1_[i] = b1_[i] * x - a1_[i] * y + s2_[i];
      s2_[i] = b2_[i] * x - a2_[i] * y;
      signal[i] = y;
    }
  }

  /// As many steps as the block is long, in place: the bits of step() by step. The copy is in nobody
  /// else's reach, so that it can stay in registers.
  void run(std::span<std::array<double, kLanes>> block) {
    BiquadBank bank = *this;
    for (std::array<double, kLanes>& signal : block) bank.step(signal);
    *this = bank;
  }

 private:
  std::array<double, kLanes> b0_{}, b1_{}, b2_{}, a1_{}, a2_{}, s1_{}, s2_{};
};

}  // namespace fettle::simulator
