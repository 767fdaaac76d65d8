// SPDX-License-Identifier: Apache-2.0
#include "simulator/machine/machine.hpp"

#include "simulator/machine/streams.hpp"

namespace fettle::simulator {
namespace {

constexpr double kInnerRate_hz = 1000;  // MPU-6000 PS rev 3.4, 6.2: the accelerometer's output rate
constexpr double kLowPass_hz = 94;  // RM-MPU-6000A rev 4.2, register 26, DLPF_CFG=2: 94 Hz, 3.0 ms
constexpr double kButterworth = 0.70710678118654752;
constexpr double kAccelerometerNoise_g = 400e-6;  // per sqrt(Hz): MPU-6000 PS rev 3.4, 6.2
constexpr double kGyroscopeNoise_dps = 0.005;     // per sqrt(Hz): MPU-6000 PS rev 3.4, 6.1
constexpr double kBlock_s = 0.04;                 // between updates of what changes slowly
constexpr double kWarmUp_s = 1.5;  // until the filters have forgotten that they began at rest

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

Machine::Grid::Grid(const MachineConfig& config, double clock_error)
    : block_samples(1 + static_cast<int>(kBlock_s * config.rate_hz)) {
  while (steps * config.rate_hz < kInnerRate_hz) ++steps;
  step_hz = steps * config.rate_hz * (1.0 + clock_error);
}

Machine::Machine(const MachineConfig& config, std::uint64_t seed)
    : config_(config),
      grid_(config, MachineParameters(seed).clock_error),
      motion_(config, seed, grid_.step_hz, config.rate_hz / grid_.block_samples,
              grid_.block_samples * grid_.steps),
      sensor_(session_random(seed, config, kSensor)) {
  // The sensor's noise is white at the rate of samples, as far as the low-pass lets it: folding
  // back what lies above half the rate makes it white again at 200 Hz and below. White noise of
  // density d per sqrt(Hz) has d sqrt(rate / 2) at each sample, and d sqrt(1.11 corner) behind a
  // Butterworth low-pass of second order.
  const bool shaped = config_.rate_hz > 2.2 * kLowPass_hz;
  const double bandwidth_hz = shaped ? 0.5 * config_.rate_hz : 1.11 * kLowPass_hz;
  for (std::size_t axis = 0; axis < 6; ++axis) {
    low_pass_.set(axis, SecondOrder(kLowPass_hz, kButterworth, grid_.step_hz).low_pass());
    if (shaped) {
      noise_pass_.set(axis, SecondOrder(kLowPass_hz, kButterworth, config_.rate_hz).low_pass());
    }
    noise_sigma_[axis] =
        (axis < 3 ? kAccelerometerNoise_g : kGyroscopeNoise_dps) * square_root(bandwidth_hz);
  }

  const auto warm_up = static_cast<std::int64_t>(kWarmUp_s * config.rate_hz);
  for (std::int64_t i = 0; i < warm_up; ++i) static_cast<void>(next());
  index_ = 0;
}

double Machine::apparent_shaft_hz() const {
  return motion_.session_hz() / (1.0 + parameters().clock_error);
}

TimedSample Machine::next() {
  std::array<double, 6> vibration{};
  for (int i = 0; i < grid_.steps; ++i) {
    vibration = motion_.step();
    low_pass_.step(vibration);
  }

  std::array<double, 6> noise{};
  for (std::size_t axis = 0; axis < 6; ++axis) {
    noise[axis] = noise_sigma_[axis] * sensor_.gaussian();
  }
  noise_pass_.step(noise);

  const MachineParameters& parameters = motion_.parameters();
  const double kelvin = motion_.kelvin();
  TimedSample timed;
  timed.t_us =
      static_cast<std::int64_t>(static_cast<double>(index_++) * 1e6 / config_.rate_hz + 0.5);
  for (std::size_t i = 0; i < 3; ++i) {
    const std::array<double, 3>& row = parameters.mounting[i];
    const auto along = [&row](double x, double y, double z) {
      return row[0] * x + row[1] * y + row[2] * z;
    };
    // Gravity is 1 g upwards at the sensor, wherever it looks.
    const double accel_g = along(vibration[0], vibration[1], vibration[2]) + row[2] + noise[i] +
                           parameters.offset[i] + kelvin * parameters.offset_per_kelvin[i];
    const double rate_dps = along(vibration[3], vibration[4], vibration[5]) + noise[i + 3] +
                            parameters.offset[i + 3] + kelvin * parameters.offset_per_kelvin[i + 3];
    timed.sample.axis[i] = quantise(accel_g, 16384.0F);
    timed.sample.axis[i + 3] = quantise(rate_dps, 131.0F);
  }
  return timed;
}

}  // namespace fettle::simulator
