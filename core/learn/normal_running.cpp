// SPDX-License-Identifier: Apache-2.0
#include "core/learn/normal_running.hpp"

#include <algorithm>

#include "core/elementary.hpp"
#include "core/learn/statistics.hpp"
#include "core/math.hpp"

namespace fettle {
namespace {

constexpr std::size_t kAround = 8;  // windows to either side that one is compared with

bool broken(const WindowSummary& window) {
  return !window.finite || window.stuck_axes != 0 || window.clipped > 0;
}

/// The level that divides off from running; 0: nothing is off.
float off_level(std::span<const WindowSummary> windows, std::span<float> memory) {
  std::size_t n = 0;
  for (const WindowSummary& window : windows) {
    // The sign says that it has a line.
    const bool line = window.speed.confidence >= kConfidentSpeed;
    const float level = window.accelerometer_rms_g;
    if (!broken(window)) memory[n++] = line ? -level : level;
  }
  const auto sorted = memory.first(n);
  std::ranges::sort(sorted, {}, absolute);
  const auto level_at = [&](std::size_t i) { return absolute(sorted[i]); };
  // Knocks are loud beside a quiet machine, which then is not off: running takes more windows than they do.
  const std::size_t least = std::max(std::clamp<std::size_t>(n / 4, 1, kSmallestGroup), n / 50);
  float level = 0.0F;
  float fewest = 1.0F / 20.0F;
  float widest = 1.0F;
  std::size_t loud = 0;   // the first that is loud beside the quiet ones
  std::size_t lines = 0;  // of the quiet ones
  for (std::size_t quiet = 1; quiet < n && level_at(quiet - 1) < kQuiet_g; ++quiet) {
    if (sorted[quiet - 1] < 0.0F) ++lines;
    while (loud < n && !(level_at(loud) > 2.0F * level_at(quiet - 1))) ++loud;
    if (loud + least > n) break;
    // Where nothing is between, the quiet may have the line of a neighbour; otherwise it is that of the machine.
    if (loud > quiet && 4 * lines > quiet) continue;
    const float between =
        static_cast<float>(loud - quiet) / static_cast<float>(std::min(quiet, n - loud));
    const float apart = level_at(loud) / level_at(quiet - 1);
    if (between > fewest || (between == fewest && apart <= widest)) continue;
    fewest = between;
    widest = apart;
    level = square_root(level_at(loud) * level_at(quiet - 1));
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

namespace {

/// Speeds that are believed, in order of time.
class ClearSpeeds {
 public:
  ClearSpeeds(std::span<const WindowSummary> windows, std::span<const LeftOut> left_out)
      : windows_(windows), left_out_(left_out) {}

  [[nodiscard]] std::size_t size() const { return windows_.size(); }
  [[nodiscard]] bool counts(std::size_t i) const {
    return left_out_.empty() || left_out_[i] == LeftOut::no;
  }
  [[nodiscard]] bool clear(std::size_t i) const {
    return counts(i) && windows_[i].speed.hz > 0.0F &&
           windows_[i].speed.confidence >= kConfidentSpeed;
  }
  [[nodiscard]] float log_speed(std::size_t i) const { return natural_log(windows_[i].speed.hz); }
  [[nodiscard]] bool within(std::size_t i, std::size_t j, float reach) const {
    return clear(j) && absolute(log_speed(i) - log_speed(j)) < reach;
  }
  /// Over five windows.
  [[nodiscard]] bool steady(std::size_t i) const {
    if (!clear(i)) return false;
    for (const std::size_t step : {1U, 2U}) {
      if (i >= step && !within(i, i - step, kSteadySpeed)) return false;
      if (i + step < size() && !within(i, i + step, kSteadySpeed)) return false;
    }
    return true;
  }
  /// Seen again and again: a line comes back where it was, what rocks comes back beside it.
  [[nodiscard]] bool comes_back(std::size_t i) const {
    if (!clear(i)) return false;
    std::size_t same = 0;
    std::size_t beside = 0;
    for (std::size_t j = i > kAround ? i - kAround : 0; j < size() && j <= i + kAround; ++j) {
      if (j == i) continue;
      if (within(i, j, kSteadySpeed)) {
        ++same;
      } else if (within(i, j, 4.0F * kSteadySpeed)) {
        ++beside;
      }
    }
    return same >= 2 && same >= 4 * beside;
  }

 private:
  std::span<const WindowSummary> windows_;
  std::span<const LeftOut> left_out_;  // empty: none is
};

/// Cuts sorted logarithms of speeds where they are kSpeedGap apart, and hands over the groups that are large
/// enough as (group, range with its margin), until kMostOperatingPoints were taken.
/// @param on_group  returns whether it takes a group
template <typename OnGroup>
void cut(std::span<const float> sorted, std::size_t smallest, OnGroup&& on_group) {
  std::size_t begin = 0;
  std::size_t groups = 0;
  for (std::size_t i = 1; i <= sorted.size(); ++i) {
    if (i < sorted.size() && sorted[i] - sorted[i - 1] <= kSpeedGap) continue;
    const auto group = sorted.subspan(begin, i - begin);
    begin = i;
    if (group.size() < std::max(kSmallestGroup, smallest) || groups == kMostOperatingPoints) {
      continue;
    }
    const auto edge = [&](double percentile, double margin) {
      return static_cast<float>(
          exponential(static_cast<double>(percentile_of_sorted(group, percentile)) + margin));
    };
    constexpr double kMargin = static_cast<double>(kSpeedMargin);
    if (on_group(group, SpeedRange{edge(1.0, -kMargin), edge(99.0, kMargin)})) ++groups;
  }
}

float middle_of(const SpeedRange& range) { return 0.5F * (range.low_hz + range.high_hz); }

/// Twice or three times the other, within 5 %.
bool is_harmonic(float hz, float of_hz) {
  const float times = hz / of_hz;
  return absolute(times - 2.0F) < 0.1F || absolute(times - 3.0F) < 0.15F;
}

}  // namespace

SpeedsFound find_speeds(std::span<const WindowSummary> windows, std::span<const LeftOut> left_out,
                        std::span<std::uint8_t> point_of, std::span<float> memory) {
  const ClearSpeeds speeds(windows, left_out);
  const std::size_t n = windows.size();
  std::size_t counted = 0;
  std::size_t size = 0;
  for (std::size_t i = 0; i < n; ++i) {
    point_of[i] = kNoPoint;
    if (speeds.counts(i)) ++counted;
    if (speeds.steady(i)) memory[size++] = speeds.log_speed(i);
  }
  std::ranges::sort(memory.first(size));

  SpeedsFound found;
  std::array<SpeedRange, kMostOperatingPoints> groups;  // of logarithms, without margin
  cut(memory.first(size), (counted + 24) / 25,
      [&](std::span<const float> group, const SpeedRange& range) {
        groups[found.points] = {group.front(), group.back()};
        const auto middle = static_cast<double>(percentile_of_sorted(group, 50.0));
        found.point[found.points++] = {range, static_cast<float>(exponential(middle)), 0};
        return true;
      });
  const auto group_of = [&](std::size_t i) {
    const float speed = speeds.log_speed(i);
    for (std::uint8_t p = 0; p < found.points; ++p) {
      if (speed >= groups[p].low_hz && speed <= groups[p].high_hz) return p;
    }
    return kNoPoint;
  };
  std::size_t held = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (speeds.clear(i) && group_of(i) != kNoPoint) ++held;
  }
  if (2 * held < counted) return {};
  for (std::size_t i = 0; i < n; ++i) {
    if (!speeds.steady(i)) continue;
    const std::uint8_t p = group_of(i);
    if (p == kNoPoint) continue;
    point_of[i] = p;
    ++found.point[p].windows;
  }
  return found;
}

namespace {

/// Power of a window's line as all axes of a sensor feel it, noise included.
float line_power(const WindowSummary& window, std::size_t sensor) {
  double power = 0.0;
  for (std::size_t axis = 3 * sensor; axis < 3 * sensor + 3; ++axis) {
    const float level = window.axis_level[axis_level_index(axis, AxisMeasure::first)];
    power += exponential(2.0 * static_cast<double>(level));
  }
  return static_cast<float>(power);
}

}  // namespace

std::size_t leave_out_neighbours(std::span<const WindowSummary> windows, const WindowShape& shape,
                                 SpeedsFound& found, std::span<std::uint8_t> point_of,
                                 std::span<LeftOut> left_out) {
  struct Line {
    float turned = 0.0F;    // mean power, dps^2
    float velocity = 0.0F;  // mean power of acceleration over frequency squared, (g/Hz)^2
  };
  std::array<Line, kMostOperatingPoints> line{};
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const std::uint8_t p = point_of[i];
    if (p == kNoPoint) continue;
    if (!(windows[i].gyroscope_rms_dps > 0.0F)) return 0;
    const SetPointFound& point = found.point[p];
    const auto n = static_cast<float>(point.windows);
    line[p].turned += line_power(windows[i], 1) / n;
    line[p].velocity += line_power(windows[i], 0) / (n * point.centre_hz * point.centre_hz);
  }
  const float bin_hz = shape.rate_hz / static_cast<float>(shape.samples);
  // Twice: what the sensor has of it, and what was added so that silence has a logarithm.
  const float noise =
      2.0F * 3.0F * kGyroscopeNoise_dps_rtHz * kGyroscopeNoise_dps_rtHz * kLineWidth_bins * bin_hz;
  const auto felt = [&](std::size_t p) { return line[p].turned >= kFelt * kFelt * noise; };
  std::size_t own = 0;
  for (std::size_t p = 1; p < found.points; ++p) {
    if (line[p].turned > line[own].turned) own = p;
  }
  if (!felt(own)) return 0;
  const auto is_neighbours = [&](std::size_t p) {
    // Of the machine's own, read at twice or three times its speed, the gyroscope may feel nothing.
    for (std::size_t q = 0; q < found.points; ++q) {
      if (felt(q) && is_harmonic(found.point[p].centre_hz, found.point[q].centre_hz)) return false;
    }
    // Were it the machine's.
    const float expected = (line[own].turned - noise) * line[p].velocity / line[own].velocity;
    return !felt(p) && line[p].velocity < line[own].velocity && expected > noise &&
           line[p].turned < noise + expected / (kTurnsLess * kTurnsLess);
  };
  std::array<std::uint8_t, kMostOperatingPoints> now{};  // number of a point that stays
  SpeedsFound stay;
  for (std::uint8_t p = 0; p < found.points; ++p) {
    now[p] = is_neighbours(p) ? kNoPoint : stay.points;
    if (now[p] != kNoPoint) stay.point[stay.points++] = found.point[p];
  }
  std::size_t count = 0;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    if (point_of[i] == kNoPoint) continue;
    point_of[i] = now[point_of[i]];
    if (point_of[i] != kNoPoint) continue;
    left_out[i] = LeftOut::neighbour;
    ++count;
  }
  found = stay;
  return count;
}

std::size_t suggest_speeds(std::span<const WindowSummary> windows,
                           std::span<SpeedRange, kMostOperatingPoints> ranges,
                           std::span<float> memory) {
  const ClearSpeeds speeds(windows, {});
  std::size_t size = 0;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    if (speeds.comes_back(i)) memory[size++] = speeds.log_speed(i);
  }
  std::ranges::sort(memory.first(size));
  std::size_t suggested = 0;
  cut(memory.first(size), windows.size() / 50,
      [&](std::span<const float>, const SpeedRange& range) {
        // From the slowest on: what turns twice or three times as fast is taken for its harmonic.
        const bool harmonic =
            std::ranges::any_of(ranges.first(suggested), [&](const SpeedRange& slower) {
              return is_harmonic(middle_of(range), middle_of(slower));
            });
        if (!harmonic) ranges[suggested++] = range;
        return !harmonic;
      });
  return suggested;
}

}  // namespace fettle
