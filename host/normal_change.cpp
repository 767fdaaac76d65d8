// SPDX-License-Identifier: Apache-2.0
#include "host/normal_change.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace fettle::host {
namespace {

constexpr std::size_t kFewest = 20;

/// Sums of a feature and its squares over the windows before each.
struct Sums {
  std::vector<double> value, square;
};

Sums sums_of(const WindowTable& table, std::size_t feature) {
  Sums sums{{0.0}, {0.0}};
  // About the first window, so that squares lose nothing to gravity.
  const auto origin = table.size() > 0 ? static_cast<double>(table.row(0)[feature]) : 0.0;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const double x = static_cast<double>(table.row(i)[feature]) - origin;
    sums.value.push_back(sums.value.back() + x);
    sums.square.push_back(sums.square.back() + x * x);
  }
  return sums;
}

class Search {
 public:
  explicit Search(const WindowTable& table) : table_(table) {}

  /// Windows from `begin` to before `end`.
  void look(std::size_t begin, std::size_t end) {
    const std::size_t least = std::max(kFewest, (end - begin) / 10);
    if (end - begin < 2 * least) return;
    for (std::size_t f = 0; f < table_.spec.dimensions(); ++f) {
      const Sums sums = sums_of(table_, f);
      const HealthyVariation healthy;
      const auto resolution = static_cast<double>(feature_resolution(table_.spec, f));
      const double least_variance =
          static_cast<double>(covariance(healthy, table_.spec, f, f)) + resolution * resolution;
      const auto origin = static_cast<double>(table_.row(0)[f]);
      for (std::size_t at = begin + least; at + least <= end; ++at) {
        const auto before = static_cast<double>(at - begin);
        const auto after = static_cast<double>(end - at);
        const double a = (sums.value[at] - sums.value[begin]) / before;
        const double b = (sums.value[end] - sums.value[at]) / after;
        const double squares =
            sums.square[end] - sums.square[begin] - before * a * a - after * b * b;
        const double within = std::max(squares, 0.0) / (before + after);
        const double deviations = std::abs(b - a) / std::sqrt(within + least_variance);
        if (deviations <= best_.deviations) continue;
        best_ = {};
        best_.feature = f;
        best_.before = a + origin;
        best_.after = b + origin;
        best_.deviations = deviations;
        at_ = at;
      }
    }
  }

  [[nodiscard]] std::optional<NormalChange> result() {
    if (best_.deviations < kChangeMatters) return std::nullopt;
    best_.recording = table_.recording_of(at_).id();
    best_.at_s = table_.begin_s(at_);
    return best_;
  }

 private:
  const WindowTable& table_;
  NormalChange best_;
  std::size_t at_ = 0;
};

constexpr std::array<double, 3> kParts = {1.0 / 2.0, 1.0 / 3.0, 2.0 / 3.0};
/// How far a ratio may be off, natural logarithm: set points are means of speeds that wander.
constexpr double kNearPart = 0.03;

bool are_parts(double a_hz, double b_hz) {
  const double ratio = std::log(std::min(a_hz, b_hz) / std::max(a_hz, b_hz));
  return std::ranges::any_of(
      kParts, [&](double part) { return std::abs(ratio - std::log(part)) < kNearPart; });
}

std::optional<NormalChange> find_parts_of_speed(const WindowTable& table) {
  const auto first_of = [&](std::size_t point) {
    return static_cast<std::size_t>(std::ranges::find(table.points, point) - table.points.begin());
  };
  for (std::size_t a = 0; a < table.speeds.points; ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      const auto hz = [&](std::size_t p) {
        return static_cast<double>(table.speeds.point[p].centre_hz);
      };
      const std::size_t at = std::max(first_of(a), first_of(b));
      if (!are_parts(hz(a), hz(b)) || at >= table.size()) continue;
      NormalChange change;
      change.recording = table.recording_of(at).id();
      change.at_s = table.begin_s(at);
      change.speed_after_hz = at == first_of(a) ? hz(a) : hz(b);
      change.speed_before_hz = at == first_of(a) ? hz(b) : hz(a);
      return change;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<NormalChange> find_change(const WindowTable& table) {
  if (auto change = find_parts_of_speed(table)) return change;
  Search search(table);
  search.look(0, table.size());
  for (std::size_t begin = 0, end = 0; begin < table.size(); begin = end) {
    const std::string& source = table.recording_of(begin).source;
    while (end < table.size() && table.recording_of(end).source == source) ++end;
    if (begin > 0 || end < table.size()) search.look(begin, end);
  }
  return search.result();
}

}  // namespace fettle::host
