// SPDX-License-Identifier: Apache-2.0
#include "host/line/collector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "host/text.hpp"

namespace fettle::host {
namespace {

/// Standard deviation of an MPU6050 at rest: 400 ug/sqrt(Hz) and 0.005 deg/s/sqrt(Hz) (MPU-6000 PS rev
/// 3.4, 6.1 and 6.2) over the 94 Hz low-pass, and half as much again for a bad specimen.
constexpr double kQuiet_g = 1.5 * 400e-6 * 10.8;
constexpr double kQuiet_dps = 1.5 * 0.005 * 10.8;
constexpr double kQuietRefused = 0.5;
constexpr double kQuietDoubted = 0.02;
constexpr double kStillRefused = 0.1;
constexpr double kClippedRefused = 0.01;
constexpr std::uint64_t kFewestSeconds = 2;
constexpr std::uint64_t kShortestWindow = 64;

/// Of the seconds, those in which the axis did not change.
double still_part(const CollectionCounts& counts, std::size_t axis) {
  if (counts.seconds == 0) return 0;
  return static_cast<double>(counts.still[axis].seconds) / static_cast<double>(counts.seconds);
}

}  // namespace

Collector::Collector(double rate_hz, std::uint16_t hop) : period_us_(1e6 / rate_hz), hop_(hop) {}

void Collector::restart() {
  started_ = aligned_ = any_ = false;
  in_second_ = in_a_row_ = 0;
}

MissingSamples Collector::add(const protocol::SamplesMessage& message, const Write& write) {
  const SampleBlock& block = message.block;
  MissingSamples missing;
  if (started_) {
    if (block.index < next_index_) {
      ++counts_.repeated;
      return {};
    }
    const std::uint64_t between = block.index - next_index_;
    const std::uint64_t on_line = between - std::min<std::uint64_t>(between, block.lost_before);
    if (on_line > 0) {
      missing = {next_index_, on_line};
      counts_.lost_on_line += on_line;
      ++counts_.line_gaps;
      aligned_ = false;
    }
    if (block.lost_before > 0) {
      counts_.lost_by_sensor += std::min<std::uint64_t>(between, block.lost_before);
      ++counts_.sensor_gaps;
    }
  }
  started_ = true;
  next_index_ = block.index + block.count;

  for (std::size_t i = 0; i < block.count; ++i) {
    if (!aligned_) {
      const bool window_starts =
          hop_ == 0 ? message.phase + i == 0 : (message.phase + i) % hop_ == 0;
      if (!window_starts) {
        ++counts_.skipped;
        continue;
      }
      aligned_ = true;
    }
    const TimedSample sample = block.timed(i);
    write(sample);
    measure(block.samples[i], sample);
  }
  return missing;
}

void Collector::measure(const RawSample& raw, const TimedSample& sample) {
  const auto step_us = static_cast<double>(sample.t_us - last_us_);
  const std::int64_t recorded_before_us = counts_.recorded_us;
  const bool follows = any_ && step_us > 0 && step_us <= 1.5 * period_us_;
  if (follows) {
    ++steps_;
    steps_us_ += sample.t_us - last_us_;
    counts_.recorded_us += sample.t_us - last_us_;
  } else {
    counts_.recorded_us += static_cast<std::int64_t>(period_us_);
    in_a_row_ = 0;
  }
  counts_.longest_run = std::max(counts_.longest_run, ++in_a_row_);
  if (counts_.rows++ == 0) first_ = raw;
  any_ = true;
  last_us_ = sample.t_us;

  if (in_second_ == 0) {
    origin_ = sample.sample;
    raw_origin_ = raw;
    changed_.fill(false);
    second_from_us_ = recorded_before_us;
    sum_.fill(0);
    squares_.fill(0);
  }
  for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
    counts_.clipped[axis] += clipped(raw[axis]) ? 1U : 0U;
    counts_.moved[axis] = counts_.moved[axis] || raw[axis] != first_[axis];
    changed_[axis] = changed_[axis] || raw[axis] != raw_origin_[axis];
    const double value =
        static_cast<double>(sample.sample.axis[axis]) - static_cast<double>(origin_.axis[axis]);
    sum_[axis] += value;
    squares_[axis] += value * value;
  }
  ++in_second_;
  if (static_cast<double>(in_second_) * period_us_ >= 1e6) end_second();
}

void Collector::end_second() {
  const auto n = static_cast<double>(in_second_);
  bool quiet = true;
  for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
    const double mean = sum_[axis] / n;
    const double variance = std::max(0.0, squares_[axis] / n - mean * mean);
    last_second_[axis] = {mean + static_cast<double>(origin_.axis[axis]), std::sqrt(variance)};
    mean_sum_[axis] += last_second_[axis].mean;
    variance_sum_[axis] += variance;
    if (!changed_[axis]) {
      StillSeconds& still = counts_.still[axis];
      if (still.seconds++ == 0) still.from_us = second_from_us_;
    }
    quiet = quiet && last_second_[axis].deviation < (axis < 3 ? kQuiet_g : kQuiet_dps);
  }
  quiet_ += quiet ? 1U : 0U;
  ++counts_.seconds;
  in_second_ = 0;
}

CollectionCounts Collector::counts() const {
  CollectionCounts counts = counts_;
  if (steps_ >= 100) {
    counts.rate_hz = 1e6 * static_cast<double>(steps_) / static_cast<double>(steps_us_);
  }
  if (counts.seconds > 0) {
    const auto n = static_cast<double>(counts.seconds);
    for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
      counts.level[axis] = {mean_sum_[axis] / n, std::sqrt(variance_sum_[axis] / n)};
    }
    counts.quiet_part = static_cast<double>(quiet_) / n;
  }
  return counts;
}

std::vector<std::string> objections(const CollectionCounts& counts) {
  std::vector<std::string> reasons;
  if (counts.seconds < kFewestSeconds) return reasons;
  if (counts.longest_run < kShortestWindow) {
    reasons.push_back(fmt::format(
        "never more than {} samples came without a gap, so it has no window of {}: the board "
        "samples "
        "at another rate than it says, or the line or the bus loses samples all the time. See "
        "'fettle selftest', and 'fettle command status' for the causes.",
        counts.longest_run, kShortestWindow));
  }
  std::string stuck;
  for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
    if (!counts.moved[axis])
      stuck += fmt::format("{}{}", stuck.empty() ? "" : ", ", kAxisNames[axis]);
  }
  if (!stuck.empty()) {
    reasons.push_back(fmt::format(
        "{} never changed, not even by noise: the sensor is stuck. Take its power away and give it "
        "back, then 'fettle selftest'.",
        stuck));
  }
  for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
    const StillSeconds& still = counts.still[axis];
    if (!counts.moved[axis] || still_part(counts, axis) <= kStillRefused) continue;
    reasons.push_back(
        fmt::format("{} did not change, not even by noise, for {} s of {} s, first at {}: the "
                    "sensor gets stuck. "
                    "Take its power away and give it back, then 'fettle selftest'.",
                    kAxisNames[axis], still.seconds, counts.seconds, duration_text(still.from_us)));
  }
  if (counts.quiet_part > kQuietRefused) {
    reasons.push_back(
        fmt::format("for {:.0f} % of the time nothing vibrates above the sensor's own noise: the "
                    "machine is off, "
                    "or the sensor is not on it. Start the machine, and screw or glue the sensor "
                    "to metal near a "
                    "bearing.",
                    100 * counts.quiet_part));
  }
  for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
    const double part =
        static_cast<double>(counts.clipped[axis]) / static_cast<double>(counts.rows);
    if (part <= kClippedRefused) continue;
    reasons.push_back(fmt::format(
        "{:.1f} % of {} lie at the end of the sensor's range, so the true values are unknown. "
        "Choose a "
        "larger one: fettle command \"set {} {}\"",
        100 * part, kAxisNames[axis], axis < 3 ? "accel_g" : "gyro_dps", axis < 3 ? "8" : "1000"));
  }
  return reasons;
}

std::vector<std::string> doubts(const CollectionCounts& counts) {
  std::vector<std::string> reasons;
  if (counts.seconds >= kFewestSeconds && counts.quiet_part > kQuietDoubted &&
      counts.quiet_part <= kQuietRefused) {
    reasons.push_back(
        fmt::format("for {:.0f} % of the time nothing vibrates above the sensor's noise: was the "
                    "machine stopped? "
                    "'fettle label' puts such a part under another label",
                    100 * counts.quiet_part));
  }
  for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
    const StillSeconds& still = counts.still[axis];
    if (still.seconds == 0 || still_part(counts, axis) > kStillRefused) continue;
    reasons.push_back(fmt::format("{} did not change, not even by noise, for {} s, first at {}",
                                  kAxisNames[axis], still.seconds, duration_text(still.from_us)));
  }
  for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
    if (counts.clipped[axis] == 0) continue;
    const double part =
        static_cast<double>(counts.clipped[axis]) / static_cast<double>(counts.rows);
    if (part > kClippedRefused) continue;
    reasons.push_back(fmt::format("{} samples of {} lie at the end of the sensor's range",
                                  counts.clipped[axis], kAxisNames[axis]));
  }
  return reasons;
}

std::string rate_text(const CollectionCounts& counts) {
  return counts.rate_hz > 0 ? fmt::format("{:.2f} Hz", counts.rate_hz) : "-- Hz";
}

}  // namespace fettle::host
