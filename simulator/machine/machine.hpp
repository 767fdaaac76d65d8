// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "core/sensor/sample.hpp"
#include "simulator/machine/motion.hpp"
#include "simulator/machine/sensor.hpp"

namespace fettle::simulator {

/// A small fan on rubber feet with an MPU6050 screwed to it: an endless stream of what the sensor
/// would deliver at +-2 g and +-250 deg/s with its low-pass at 94 Hz, quantised to 16 bits,
/// saturating at the rails, without gaps.
///
/// The machine moves as a rigid body on its mount, driven by the forces of rotor, flow and motor;
/// its frame rings besides. Forces are computed at the first multiple of the rate that is 1000 Hz
/// or more, as the chip itself filters 1000 samples a second; what the low-pass leaves above half
/// the rate folds back, as it does in the chip. The sensor is never remounted: no fault turns
/// gravity.
///
/// A value type without heap. The same seed and configuration give the same bits on every
/// processor.
class Machine {
 public:
  explicit Machine(const MachineConfig& config, std::uint64_t seed);

  /// The next sample. Time stamps begin at 0 and keep the nominal grid, rounded to a microsecond;
  /// the chip's real clock is off by parameters().clock_error, so that every frequency seems lower
  /// by it.
  [[nodiscard]] TimedSample next();
  /// From the next block of samples on, a few in a turn of the shaft.
  void set_faults(const Faults& faults);

  [[nodiscard]] const MachineParameters& parameters() const { return motion_.parameters(); }
  /// Shaft speed now, in true Hz.
  [[nodiscard]] double shaft_hz() const { return motion_.shaft_hz(); }
  /// Mean shaft speed of this session as a spectrum of the samples shows it, Hz.
  [[nodiscard]] double apparent_shaft_hz() const;

 private:
  /// How the steps of the motion lie in the samples.
  struct Grid {
    int steps = 1;          // inner steps for each sample
    double step_hz = 0;     // true
    int block_samples = 1;  // samples between updates of what changes slowly
    Grid(const MachineConfig& config, double clock_error);
  };

  MachineConfig config_;
  Grid grid_;
  MachineMotion motion_;
  SensorModel sensor_;
  std::int64_t index_ = 0;
};

}  // namespace fettle::simulator
