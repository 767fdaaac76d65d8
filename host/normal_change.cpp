// SPDX-License-Identifier: Apache-2.0
#include "host/normal_change.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/learn/statistics.hpp"

namespace fettle::host {
namespace {

constexpr std::size_t kFewest = 20;

/// Sums of a feature and its squares over the windows before each.
struct Sums {
  std::vector<double> value, square;
};

/// Stretches are looked for at so many moments: their number grows with the square.
constexpr std::size_t kMoments = 120;

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
      // The windows from `from` to before `to`, beside all others.
      const auto compare = [&](std::size_t from, std::size_t to) {
        const auto inside = static_cast<double>(to - from);
        const auto outside = static_cast<double>(end - begin) - inside;
        const double sum = sums.value[end] - sums.value[begin];
        const double b = (sums.value[to] - sums.value[from]) / inside;
        const double a = (sum - (sums.value[to] - sums.value[from])) / outside;
        const double squares =
            sums.square[end] - sums.square[begin] - outside * a * a - inside * b * b;
        const double within = std::max(squares, 0.0) / (inside + outside);
        const double deviations = std::abs(b - a) / std::sqrt(within + least_variance);
        if (deviations <= best_.deviations) return;
        best_ = {};
        best_.feature = f;
        best_.before = a + origin;
        best_.after = b + origin;
        best_.deviations = deviations;
        at_ = from;
        until_ = to;
        end_ = end;
      };
      for (std::size_t at = begin + least; at + least <= end; ++at) compare(at, end);
      const std::size_t step = std::max<std::size_t>((end - begin) / kMoments, 1);
      for (std::size_t from = begin + step; from < end; from += step) {
        for (std::size_t to = from + least; to < end && end - begin - (to - from) >= least;
             to += step) {
          compare(from, to);
        }
      }
    }
  }

  [[nodiscard]] std::optional<NormalChange> result() {
    if (best_.deviations < kChangeMatters) return std::nullopt;
    best_.recording = table_.recording_of(at_).id();
    best_.at_s = table_.begin_s(at_);
    if (until_ < end_) {
      best_.seconds = static_cast<double>(until_ - at_) * table_.window.seconds();
    }
    return best_;
  }

 private:
  const WindowTable& table_;
  NormalChange best_;
  std::size_t at_ = 0, until_ = 0, end_ = 0;
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

std::optional<OddStretch> find_odd_stretch(const WindowTable& table,
                                           std::span<const std::uint32_t> rows,
                                           std::span<const float> scores) {
  constexpr std::size_t kFewestInARow = 3;
  if (scores.size() < kFewest) return std::nullopt;
  const auto median_of = [](std::span<const float> values) {
    std::vector<float> sorted(values.begin(), values.end());
    std::ranges::sort(sorted);
    return percentile_of_sorted(sorted, 50.0);
  };
  const float usual = median_of(scores);
  std::optional<OddStretch> strangest;
  for (std::size_t begin = 0, end = 0; begin < scores.size(); begin = std::max(end, begin + 1)) {
    const std::string& source = table.recording_of(rows[begin]).source;
    end = begin;
    while (end < scores.size() && scores[end] > kOdd * usual &&
           table.recording_of(rows[end]).source == source) {
      ++end;
    }
    if (end - begin < kFewestInARow) continue;
    const double times = static_cast<double>(median_of(scores.subspan(begin, end - begin))) /
                         static_cast<double>(usual);
    if (strangest && times <= strangest->times) continue;
    strangest = {table.recording_of(rows[begin]).id(), table.begin_s(rows[begin]),
                 static_cast<double>(end - begin) * table.window.seconds(), times};
  }
  return strangest;
}

}  // namespace fettle::host
