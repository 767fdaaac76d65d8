// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace fettle::mpu6050 {

/// When the chip made which sample: a straight line through the times of all samples, by the board's
/// clock. The chip's clock runs free and may be off by 5 %; without knowing its true rate nobody can
/// say how many samples are missing after a second of silence.
///
/// Sample i is made at time(i) = time(anchor) + (i - anchor) * period. Both are estimated by a Kalman
/// filter whose state is that line. Without drift its gains are those of the expanding-memory
/// polynomial filter of first degree, alpha = 2(2n-1)/(n(n+1)), beta = 6/(n(n+1)) for the n-th of
/// evenly spaced observations (Brookner, Tracking and Kalman Filtering Made Easy, Wiley 1998, 1.2.10,
/// least-squares fading into fixed gains); unlike these it takes observations at any distance and of
/// any quality, and knows its own error. The assumed drift lets it forget: about the last 20 seconds
/// count.
///
/// Two kinds of observations:
/// - a pulse: sample i was made at t, give or take an interrupt's latency (tens of microseconds);
/// - a count: at t the samples before `made` had been made and the next one had not. That leaves the
///   phase anywhere within one period, a uniform error of variance period^2/12, which averages out
///   when the times of counting are spread evenly over the period (the driver sees to that).
class SampleClock {
 public:
  /// Time from the beginning of a read of FIFO_COUNT to the moment the chip latches it: start, two
  /// addresses, a register, 4 x 9 bits at 400 kHz, less what a slower start hides.
  static constexpr double kLatchDelay_us = 90;
  static constexpr double kPulseSigma_us = 60;    ///< spread of an interrupt's latency
  static constexpr double kCountJitter_us = 300;  ///< spread of a step's beginning
  static constexpr double kWorstRate = 0.05;      ///< PS-MPU-6000A-00 rev 3.4, 6.6, p. 17
  /// Assumed wandering of the oscillator, as a part of the period a root of a second.
  static constexpr double kDrift = 1e-5;

  /// @param nominal_us  period by the data sheet, microseconds
  /// @param drift       part of the period by which it may wander in a second
  explicit SampleClock(double nominal_us, double drift = kDrift)
      : nominal_us_(nominal_us), drift_(drift), period_us_(nominal_us) {
    // Uniform within the limits of the data sheet.
    variance_period_ = kWorstRate * nominal_us * kWorstRate * nominal_us / 3;
  }

  /// The chip was restarted: its phase is new, its oscillator is the same.
  void restart() {
    has_phase_ = false;
    // The PLL may lock a little beside where it was.
    variance_period_ += 1e-6 * nominal_us_ * nominal_us_;
    variance_both_ = 0;
  }

  /// The line does not quite fit: from now on the period may be off by `part` of itself, and a sample
  /// by a tenth of a period.
  void loosen(double part) {
    variance_period_ += part * part * nominal_us_ * nominal_us_;
    variance_time_ += 0.01 * nominal_us_ * nominal_us_;
  }

  /// All numbers of samples change by `difference`, their times do not.
  void renumber(std::int64_t difference) { anchor_ += difference; }

  [[nodiscard]] bool has_phase() const { return has_phase_; }
  [[nodiscard]] double nominal_us() const { return nominal_us_; }
  [[nodiscard]] double period_us() const { return period_us_; }

  /// Sample `index` was made at t_us.
  void observe_pulse(std::int64_t index, std::int64_t t_us) {
    update(index, static_cast<double>(t_us), kPulseSigma_us * kPulseSigma_us);
  }

  /// A sample was made at t_us, whichever it was. Only for a settled clock.
  /// @return false if no sample was due near that time: nothing is learnt
  bool observe_pulse(std::int64_t t_us) {
    const double where = position(static_cast<double>(t_us));
    const std::int64_t index = nearest(where);
    const double off = where - static_cast<double>(index);
    if (index < anchor_ || off > 0.25 || off < -0.25) return false;
    observe_pulse(index, t_us);
    return true;
  }

  /// A read of FIFO_COUNT that began at t_us found that all samples before `made` had been made.
  void observe_count(std::int64_t made, std::int64_t t_us) {
    update(made - 1, static_cast<double>(t_us) + kLatchDelay_us - period_us_ / 2,
           period_us_ * period_us_ / 12 + kCountJitter_us * kCountJitter_us);
  }

  /// Number of the sample that is made at a time, with its fraction: at x.0 sample x is made.
  [[nodiscard]] double position(double t_us) const {
    return static_cast<double>(anchor_) + (t_us - anchor_us_) / period_us_;
  }
  /// How many samples had been made at a read of FIFO_COUNT that began at t_us, less one half: a
  /// count that fits is within +-0.5 of it.
  [[nodiscard]] double expected(std::int64_t t_us) const {
    return position(static_cast<double>(t_us) + kLatchDelay_us) + 0.5;
  }
  /// When a sample is, was or will be made, microseconds.
  [[nodiscard]] double time_us(double index) const {
    return anchor_us_ + (index - static_cast<double>(anchor_)) * period_us_;
  }

  /// Standard deviation of the period, as a part of it.
  [[nodiscard]] double period_error() const;
  /// Standard deviation of position(t_us), in samples.
  [[nodiscard]] double position_error(double t_us) const;
  /// Good enough to say how many samples a full FIFO would have held, and to place one more count.
  [[nodiscard]] bool settled() const {
    return has_phase_ && variance_time_ < 0.0144 * period_us_ * period_us_ &&
           period_error() < 0.0024;
  }
  /// Good enough to say now which sample is which, four times out of five at the least; what it does
  /// not know it can learn.
  [[nodiscard]] bool places(std::int64_t t_us) const {
    return has_phase_ && position_error(static_cast<double>(t_us)) < 0.35;
  }
  /// Good enough to say how many samples are missing after a second.
  [[nodiscard]] bool precise() const { return settled() && period_error() < 0.0005; }

 private:
  [[nodiscard]] static std::int64_t nearest(double x) {
    const auto whole = static_cast<std::int64_t>(x);
    const double rest = x - static_cast<double>(whole);
    if (rest >= 0.5) return whole + 1;
    if (rest <= -0.5) return whole - 1;
    return whole;
  }
  void update(std::int64_t index, double t_us, double variance);

  double nominal_us_;
  double drift_;
  bool has_phase_ = false;
  std::int64_t anchor_ = 0;  ///< a sample's number ...
  double anchor_us_ = 0;     ///< ... and its time
  double period_us_;
  double variance_time_ = 0;  ///< covariance of anchor_us_ and period_us_, us^2
  double variance_both_ = 0;
  double variance_period_ = 0;
};

}  // namespace fettle::mpu6050
