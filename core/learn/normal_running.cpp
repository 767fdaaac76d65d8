// SPDX-License-Identifier: Apache-2.0
#include "core/learn/normal_running.hpp"

#include <algorithm>

#include "core/elementary.hpp"
#include "core/learn/statistics.hpp"
#include "core/math.hpp"

namespace fettle {
namespace {

constexpr std::size_t kAround = 8;  // windows to either side of one that may be a knock

bool broken(const WindowSummary& window) {
  return !window.finite || window.stuck_axes != 0 || window.clipped > 0;
}

/// The level that divides off from running; 0: nothing is off.
float off_level(std::span<const WindowSummary> windows, std::span<float> memory) {
  std::size_t n = 0;
  for (const WindowSummary& window : windows) {
    if (window.finite) memory[n++] = window.accelerometer_rms_g;
  }
  const auto sorted = memory.first(n);
  std::ranges::sort(sorted);
  float widest = 2.0F;
  float level = 0.0F;
  // Knocks are loud beside a quiet machine, which then is not off: running takes more windows than they do.
  const std::size_t least = std::max(std::clamp<std::size_t>(n / 4, 1, kSmallestGroup), n / 50);
  for (std::size_t i = 1; i + least <= n && sorted[i - 1] < kQuiet_g; ++i) {
    if (sorted[i] > widest * sorted[i - 1]) {
      widest = sorted[i] / sorted[i - 1];
      level = square_root(sorted[i] * sorted[i - 1]);
    }
  }
  return level;
}

float median_around(std::span<const WindowSummary> windows, std::size_t at) {
  std::array<float, 2 * kAround + 1> near;
  std::size_t n = 0;
  const std::size_t from = at < kAround ? 0 : at - kAround;
  for (std::size_t i = from; i <= at + kAround && i < windows.size(); ++i) {
    near[n++] = windows[i].accelerometer_rms_g;
  }
  std::nth_element(near.begin(), near.begin() + n / 2, near.begin() + n);
  return near[n / 2];
}

}  // namespace

void find_left_out(std::span<const WindowSummary> windows, std::span<LeftOut> left_out,
                   std::span<float> memory) {
  const std::size_t n = windows.size();
  const float off = off_level(windows, memory);
  for (std::size_t i = 0; i < n; ++i) {
    left_out[i] = LeftOut::no;
    if (broken(windows[i]))
      left_out[i] = LeftOut::broken;
    else if (windows[i].accelerometer_rms_g < off)
      left_out[i] = LeftOut::off;
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (left_out[i] != LeftOut::off) continue;
    const std::size_t from = i < kSettlingWindows ? 0 : i - kSettlingWindows;
    for (std::size_t k = from; k <= i + kSettlingWindows && k < n; ++k) {
      if (left_out[k] == LeftOut::no) left_out[k] = LeftOut::changing;
    }
  }
  std::size_t run = 0;
  for (std::size_t i = 0; i <= n; ++i) {
    const bool stands_out = i < n && left_out[i] == LeftOut::no &&
                            windows[i].accelerometer_rms_g > kKnock * median_around(windows, i);
    if (stands_out) {
      ++run;
      continue;
    }
    for (std::size_t k = i - run; run <= 2 && k < i; ++k) left_out[k] = LeftOut::knock;
    run = 0;
  }
}

SpeedsFound find_speeds(std::span<const WindowSummary> windows, std::span<const LeftOut> left_out,
                        std::span<std::uint8_t> point_of, std::span<float> memory) {
  const std::size_t n = windows.size();
  const auto log_speed = [&](std::size_t i) { return natural_log(windows[i].speed.hz); };
  const auto clear = [&](std::size_t i) {
    return left_out[i] == LeftOut::no && windows[i].speed.hz > 0.0F &&
           windows[i].speed.confidence >= kConfidentSpeed;
  };
  const auto near = [&](std::size_t i, std::size_t j) {
    return clear(j) && absolute(log_speed(i) - log_speed(j)) < kSteadySpeed;
  };
  const auto steady = [&](std::size_t i) {
    if (!clear(i)) return false;
    for (const std::size_t step : {1U, 2U}) {
      if (i >= step && !near(i, i - step)) return false;
      if (i + step < n && !near(i, i + step)) return false;
    }
    return true;
  };
  std::size_t counted = 0;
  std::size_t size = 0;
  for (std::size_t i = 0; i < n; ++i) {
    point_of[i] = kNoPoint;
    if (left_out[i] == LeftOut::no) ++counted;
    if (steady(i)) memory[size++] = log_speed(i);
  }
  const auto sorted = memory.first(size);
  std::ranges::sort(sorted);

  SpeedsFound found;
  std::array<SpeedRange, kMostOperatingPoints> groups;  // of logarithms, without margin
  std::size_t held = 0;
  std::size_t begin = 0;
  for (std::size_t i = 1; i <= size; ++i) {
    if (i < size && sorted[i] - sorted[i - 1] <= kSpeedGap) continue;
    const std::size_t in_group = i - begin;
    if (in_group >= kSmallestGroup && 25 * in_group >= counted &&
        found.points < kMostOperatingPoints) {
      const auto group = sorted.subspan(begin, in_group);
      const auto at = [&](double percentile) {
        return static_cast<double>(percentile_of_sorted(group, percentile));
      };
      const double margin = static_cast<double>(kSpeedMargin);
      groups[found.points] = {group.front(), group.back()};
      found.point[found.points++] = {{static_cast<float>(exponential(at(1.0) - margin)),
                                      static_cast<float>(exponential(at(99.0) + margin))},
                                     static_cast<float>(exponential(at(50.0))),
                                     0};
    }
    begin = i;
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (!clear(i)) continue;
    const float speed = log_speed(i);
    for (std::uint8_t p = 0; p < found.points; ++p) {
      if (speed >= groups[p].low_hz && speed <= groups[p].high_hz) {
        ++held;
        break;
      }
    }
  }
  if (2 * held < counted) return {};
  for (std::size_t i = 0; i < n; ++i) {
    if (!steady(i)) continue;
    const float speed = log_speed(i);
    for (std::uint8_t p = 0; p < found.points; ++p) {
      if (speed < groups[p].low_hz || speed > groups[p].high_hz) continue;
      point_of[i] = p;
      ++found.point[p].windows;
    }
  }
  return found;
}

}  // namespace fettle
