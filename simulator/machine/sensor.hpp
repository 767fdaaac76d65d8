// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>

#include "core/sensor/sample.hpp"
#include "simulator/machine/parameters.hpp"
#include "simulator/signal/filter.hpp"
#include "simulator/signal/random.hpp"

namespace fettle::simulator {

/// What an MPU6050 at +-2 g and +-250 deg/s with its low-pass at 94 Hz makes of true motion: low-pass,
/// mounting, offsets and their drift, noise, quantisation to 16 bits, rails. The short way, without
/// registers. What the low-pass leaves above half the rate folds back, as it does in the chip.
///
/// A value type without heap.
class SensorModel {
 public:
  /// @param rate_hz true or nominal rate of samples (1 % between them is nothing to the noise)
  /// @param step_hz rate at which filter() is called
  /// @param noise   as a part of the data sheet's
  SensorModel(double rate_hz, double step_hz, double noise, const Random& random);

  /// One step of the low-pass, along the machine's axes, in place.
  void filter(std::array<double, 6>& vibration) { low_pass_.step(vibration); }

  /// As many steps as the block is long.
  void filter(std::span<std::array<double, 6>> block) { low_pass_.run(block); }

  /// A sample now: of a vibration that went through filter(), g without gravity and deg/s.
  /// @param parameters offsets and their drift
  /// @param mounting   sensor = mounting * machine
  /// @param kelvin     off the usual temperature
  [[nodiscard]] Sample sample(const std::array<double, 6>& vibration,
                              const MachineParameters& parameters, const Rotation& mounting,
                              double kelvin);

 private:
  Random random_;
  BiquadBank<6> low_pass_;  // the chip's, still along the machine's axes
  BiquadBank<6> noise_pass_;
  bool shaped_ = false;  // the noise, by noise_pass_
  std::array<double, 6> noise_sigma_{};
};

}  // namespace fettle::simulator
