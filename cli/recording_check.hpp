// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "core/model/detector_model.hpp"
#include "host/error.hpp"
#include "host/recording.hpp"

namespace fettle::cli {

/// Throws Error(bad_input) for three axes where the model was trained on six.
inline void check_axes(const host::RecordingReader& reader, const std::string& file,
                       const DetectorModel& detector, const std::string& model) {
  if (reader.axes() >= detector.features.axes) return;
  throw host::Error(
      host::ExitCode::bad_input,
      fmt::format("{}: has {} axes, but {} was trained on {}. Record the gyroscope too.", file,
                  reader.axes(), model, detector.features.axes));
}

/// A model judges windows of a rate; at another rate every verdict is wrong. Steps of up to 1.5
/// periods, which windows are made of, must be one period on average. The sensor's own clock may be off
/// by 5 % (MPU-6000 PS rev 3.4, 6.6, internal oscillator), and a model is made for a nominal rate.
class RateCheck {
 public:
  RateCheck(float rate_hz, const std::string& file)
      : period_us_(1e6 / static_cast<double>(rate_hz)), file_(file) {}

  /// Throws Error(bad_input) once enough steps have been seen.
  void add(std::int64_t t_us) {
    const auto step_us = static_cast<double>(t_us - last_us_);
    if (started_ && step_us >= 0.0 && step_us <= 1.5 * period_us_) {
      sum_us_ += step_us;
      ++steps_;
    }
    started_ = true;
    last_us_ = t_us;
    if (steps_ < kEnough) return;
    const double mean_us = sum_us_ / static_cast<double>(steps_);
    if (mean_us < 0.94 * period_us_ || mean_us > 1.06 * period_us_) {
      throw host::Error(
          host::ExitCode::bad_input,
          fmt::format("{}: recorded at {:.4g} Hz, but the model was trained at {:.4g} Hz. "
                      "Record at the model's rate, or train on such recordings.",
                      file_, 1e6 / mean_us, 1e6 / period_us_));
    }
    steps_ = 0;
    sum_us_ = 0.0;
  }

 private:
  static constexpr int kEnough = 127;  // the steps inside a first window
  double period_us_;
  std::string file_;
  bool started_ = false;
  std::int64_t last_us_ = 0;
  double sum_us_ = 0.0;
  int steps_ = 0;
};

}  // namespace fettle::cli
