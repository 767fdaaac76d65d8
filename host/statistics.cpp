// SPDX-License-Identifier: Apache-2.0
#include "host/statistics.hpp"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/learn/random.hpp"

namespace fettle::host {
namespace {

/// Every score replaced by its place among the distinct scores of both classes: ranks are all that
/// the area depends on, and counting them is linear.
struct Ranks {
  std::vector<std::uint32_t> normal, anomalous;
  std::size_t distinct = 0;
};

Ranks rank(std::span<const float> normal, std::span<const float> anomalous) {
  const auto number = [](float x) {
    return std::isnan(x) ? std::numeric_limits<float>::infinity() : x;
  };
  std::vector<float> values;
  values.reserve(normal.size() + anomalous.size());
  for (const float x : normal) values.push_back(number(x));
  for (const float x : anomalous) values.push_back(number(x));
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
  const auto places = [&](std::span<const float> scores) {
    std::vector<std::uint32_t> result;
    result.reserve(scores.size());
    for (const float x : scores) {
      result.push_back(
          static_cast<std::uint32_t>(std::ranges::lower_bound(values, number(x)) - values.begin()));
    }
    return result;
  };
  return {places(normal), places(anomalous), values.size()};
}

/// From how many of each class have each rank.
double area(std::span<const std::uint32_t> normal, std::span<const std::uint32_t> anomalous) {
  double below = 0.0;
  double wins = 0.0;
  double n = 0.0;
  double m = 0.0;
  for (std::size_t r = 0; r < normal.size(); ++r) {
    wins += anomalous[r] * (below + 0.5 * normal[r]);
    below += normal[r];
    n += normal[r];
    m += anomalous[r];
  }
  return n > 0.0 && m > 0.0 ? wins / (n * m) : 0.5;
}

std::vector<std::uint32_t> counts(std::span<const std::uint32_t> ranks, std::size_t distinct) {
  std::vector<std::uint32_t> result(distinct);
  for (const std::uint32_t r : ranks) ++result[r];
  return result;
}

void draw_blocks(std::span<const std::uint32_t> ranks, Random& random,
                 std::vector<std::uint32_t>& result) {
  std::ranges::fill(result, 0U);
  const auto n = static_cast<std::uint32_t>(ranks.size());
  const auto block = static_cast<std::uint32_t>(std::max(1.0, std::round(std::sqrt(n))));
  for (std::uint32_t drawn = 0; drawn < n;) {
    const std::uint32_t start = random.below(n);
    for (std::uint32_t i = 0; i < block && drawn < n; ++i, ++drawn) {
      ++result[ranks[(start + i) % n]];
    }
  }
}

}  // namespace

double roc_auc(std::span<const float> normal, std::span<const float> anomalous) {
  const Ranks ranks = rank(normal, anomalous);
  return area(counts(ranks.normal, ranks.distinct), counts(ranks.anomalous, ranks.distinct));
}

Interval auc_interval(std::span<const float> normal, std::span<const float> anomalous) {
  if (normal.empty() || anomalous.empty()) return {0.0, 1.0};
  const Ranks ranks = rank(normal, anomalous);
  // Fewer draws where there are so many windows that the interval is narrow anyhow.
  const std::size_t windows = normal.size() + anomalous.size();
  const std::size_t draws = std::clamp<std::size_t>(20'000'000 / windows, 200, 1000);
  Random random(1);
  std::vector<std::uint32_t> some_normal(ranks.distinct);
  std::vector<std::uint32_t> some_anomalous(ranks.distinct);
  std::vector<double> areas;
  for (std::size_t i = 0; i < draws; ++i) {
    draw_blocks(ranks.normal, random, some_normal);
    draw_blocks(ranks.anomalous, random, some_anomalous);
    areas.push_back(area(some_normal, some_anomalous));
  }
  std::ranges::sort(areas);
  const auto at = [&](double share) {
    return areas[static_cast<std::size_t>(share * static_cast<double>(draws - 1))];
  };
  return {at(0.025), at(0.975)};
}

double poisson_upper95(std::uint64_t events) {
  const boost::math::chi_squared distribution(2.0 * (static_cast<double>(events) + 1.0));
  return 0.5 * boost::math::quantile(distribution, 0.95);
}

Interval poisson_interval95(std::uint64_t events) {
  const double n = static_cast<double>(events);
  const auto half_chi_squared = [](double freedom, double probability) {
    return 0.5 * boost::math::quantile(boost::math::chi_squared(freedom), probability);
  };
  return {events == 0 ? 0.0 : half_chi_squared(2.0 * n, 0.025),
          half_chi_squared(2.0 * n + 2.0, 0.975)};
}

}  // namespace fettle::host
