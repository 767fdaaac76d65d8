// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "core/sensor/sample.hpp"
#include "simulator/machine/machine.hpp"

namespace fettle::test {

/// The first `count` samples of a simulated machine, quickly.
inline std::vector<TimedSample> simulated(std::size_t count,
                                          const simulator::MachineConfig& config = {},
                                          std::uint64_t seed = 1) {
  simulator::Machine machine(config, seed);
  std::vector<TimedSample> samples(count);
  for (TimedSample& sample : samples) sample = machine.next();
  return samples;
}

/// One axis of a recording.
inline std::vector<double> axis_of(std::span<const TimedSample> samples, std::size_t axis) {
  std::vector<double> values;
  values.reserve(samples.size());
  for (const TimedSample& s : samples) values.push_back(static_cast<double>(s.sample.axis[axis]));
  return values;
}

/// Root mean square of a signal within [low, high] Hz: a discrete Fourier transform, slow and plain,
/// of the signal under a Hann window.
inline double band_rms(std::span<const double> signal, double rate_hz, double low_hz,
                       double high_hz) {
  const auto n = static_cast<double>(signal.size());
  double mean = 0;
  for (const double x : signal) mean += x / n;
  double power = 0;
  const auto first = static_cast<std::size_t>(std::ceil(low_hz * n / rate_hz));
  const auto last = static_cast<std::size_t>(std::floor(high_hz * n / rate_hz));
  for (std::size_t bin = first; bin <= last; ++bin) {
    const std::complex<double> turn = std::polar(1.0, -2.0 * M_PI * static_cast<double>(bin) / n);
    std::complex<double> phasor = 1.0;
    std::complex<double> sum = 0.0;
    for (std::size_t i = 0; i < signal.size(); ++i) {
      const double hann = 0.5 - 0.5 * std::cos(2.0 * M_PI * static_cast<double>(i) / n);
      sum += (signal[i] - mean) * hann * phasor;
      phasor *= turn;
    }
    power += 2.0 * std::norm(sum) / (n * n * 0.375);  // 3/8: mean square of the window
  }
  return std::sqrt(power);
}

/// FNV-1a, 64 bits, over time stamps and axes as little-endian bytes: the same samples give the same
/// number on every processor.
class SampleDigest {
 public:
  void add(const TimedSample& sample) {
    add_bytes(static_cast<std::uint64_t>(sample.t_us), 8);
    for (const float value : sample.sample.axis) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, &value, sizeof bits);
      add_bytes(bits, 4);
    }
  }
  [[nodiscard]] std::uint64_t value() const { return hash_; }

 private:
  void add_bytes(std::uint64_t bits, int bytes) {
    for (int i = 0; i < bytes; ++i) {
      hash_ = (hash_ ^ ((bits >> (8 * i)) & 0xFFU)) * 0x100000001B3ULL;
    }
  }
  std::uint64_t hash_ = 0xCBF29CE484222325ULL;
};

}  // namespace fettle::test
