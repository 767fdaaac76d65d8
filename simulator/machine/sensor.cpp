// SPDX-License-Identifier: Apache-2.0
#include "simulator/machine/sensor.hpp"

#include <cstddef>
#include <cstdint>

namespace fettle::simulator {
namespace {

constexpr double kLowPass_hz = 94;  // RM-MPU-6000A rev 4.2, register 26, DLPF_CFG=2: 94 Hz, 3.0 ms
constexpr double kButterworth = 0.70710678118654752;
constexpr double kAccelerometerNoise_g = 400e-6;  // per sqrt(Hz): MPU-6000 PS rev 3.4, 6.2
constexpr double kGyroscopeNoise_dps = 0.005;     // per sqrt(Hz): MPU-6000 PS rev 3.4, 6.1

/// To the nearest step of the converter, halves away from zero; beyond the range it stays at the
/// rail.
float quantise(double value, float counts_per_unit) {
  double counts = value * static_cast<double>(counts_per_unit);
  if (counts > 32767.0) counts = 32767.0;
  if (counts < -32768.0) counts = -32768.0;
  const auto whole = static_cast<std::int32_t>(counts < 0 ? counts - 0.5 : counts + 0.5);
  return static_cast<float>(whole) / counts_per_unit;
}

}  // namespace

SensorModel::SensorModel(double rate_hz, double step_hz, double noise, const Random& random)
    : random_(random) {
  // The sensor's noise is white at the rate of samples, as far as the low-pass lets it: folding
  // back what lies above half the rate makes it white again at 200 Hz and below. White noise of
  // density d per sqrt(Hz) has d sqrt(rate / 2) at each sample, and d sqrt(1.11 corner) behind a
  // Butterworth low-pass of second order.
  shaped_ = rate_hz > 2.2 * kLowPass_hz;
  const double bandwidth_hz = shaped_ ? 0.5 * rate_hz : 1.11 * kLowPass_hz;
  for (std::size_t axis = 0; axis < 6; ++axis) {
    low_pass_.set(axis, SecondOrder(kLowPass_hz, kButterworth, step_hz).low_pass());
    if (shaped_) {
      noise_pass_.set(axis, SecondOrder(kLowPass_hz, kButterworth, rate_hz).low_pass());
    }
    noise_sigma_[axis] = noise * (axis < 3 ? kAccelerometerNoise_g : kGyroscopeNoise_dps) *
                         square_root(bandwidth_hz);
  }
}

Sample SensorModel::sample(const std::array<double, 6>& vibration,
                           const MachineParameters& parameters, const Rotation& mounting,
                           double kelvin) {
  std::array<double, 6> noise{};
  for (std::size_t axis = 0; axis < 6; ++axis) {
    noise[axis] = noise_sigma_[axis] * random_.gaussian();
  }
  if (shaped_) noise_pass_.step(noise);

  Sample sample;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::array<double, 3>& row = mounting[i];
    const auto along = [&row](double x, double y, double z) {
      return row[0] * x + row[1] * y + row[2] * z;
    };
    // Gravity is 1 g upwards at the sensor, wherever it looks.
    const double accel_g = along(vibration[0], vibration[1], vibration[2]) + row[2] + noise[i] +
                           parameters.offset[i] + kelvin * parameters.offset_per_kelvin[i];
    const double rate_dps = along(vibration[3], vibration[4], vibration[5]) + noise[i + 3] +
                            parameters.offset[i + 3] + kelvin * parameters.offset_per_kelvin[i + 3];
    sample.axis[i] = quantise(accel_g, 16384.0F);
    sample.axis[i + 3] = quantise(rate_dps, 131.0F);
  }
  return sample;
}

}  // namespace fettle::simulator
