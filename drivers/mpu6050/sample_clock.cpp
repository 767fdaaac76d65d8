// SPDX-License-Identifier: Apache-2.0
#include "drivers/mpu6050/sample_clock.hpp"

#include "core/math.hpp"

namespace fettle::mpu6050 {

// The two-state filter with a random walk of the period (Bar-Shalom, Li and Kirubarajan, Estimation
// with Applications to Tracking and Navigation, Wiley 2001, 6.2.2 continuous white-noise
// acceleration model): `ahead` samples take the place of time.
void SampleClock::update(std::int64_t index, double t_us, double variance) {
  if (!has_phase_) {
    has_phase_ = true;
    anchor_ = index;
    anchor_us_ = t_us;
    variance_time_ = variance;
    variance_both_ = 0;
    return;
  }
  if (index < anchor_) return;
  const auto ahead = static_cast<double>(index - anchor_);
  const double walk = drift_ * drift_ * period_us_ * period_us_ * period_us_ * 1e-6;
  anchor_ = index;
  anchor_us_ += ahead * period_us_;
  variance_time_ +=
      ahead * (2 * variance_both_ + ahead * variance_period_) + walk * ahead * ahead * ahead / 3;
  variance_both_ += ahead * variance_period_ + walk * ahead * ahead / 2;
  variance_period_ += walk * ahead;

  const double innovation = t_us - anchor_us_;
  const double total = variance_time_ + variance;
  const double gain_time = variance_time_ / total;
  const double gain_period = variance_both_ / total;
  anchor_us_ += gain_time * innovation;
  period_us_ += gain_period * innovation;
  variance_period_ -= gain_period * variance_both_;
  variance_both_ -= gain_time * variance_both_;
  variance_time_ -= gain_time * variance_time_;

  // No chip is further off, so no run of bad luck may carry the estimate there.
  const double most = nominal_us_ / (1 - kWorstRate) * 1.002;
  const double least = nominal_us_ / (1 + kWorstRate) * 0.998;
  if (period_us_ > most) period_us_ = most;
  if (period_us_ < least) period_us_ = least;
}

double SampleClock::period_error() const {
  return static_cast<double>(square_root(static_cast<float>(variance_period_))) / period_us_;
}

double SampleClock::position_error(double t_us) const {
  double ahead = (t_us - anchor_us_) / period_us_;
  if (ahead < 0) ahead = 0;
  const double walk = drift_ * drift_ * period_us_ * period_us_ * period_us_ * 1e-6;
  const double variance = variance_time_ + ahead * (2 * variance_both_ + ahead * variance_period_) +
                          walk * ahead * ahead * ahead / 3;
  return static_cast<double>(square_root(static_cast<float>(variance))) / period_us_;
}

}  // namespace fettle::mpu6050
