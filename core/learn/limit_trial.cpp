// SPDX-License-Identifier: Apache-2.0
#include "core/learn/limit_trial.hpp"

#include <algorithm>
#include <array>

#include "core/elementary.hpp"
#include "core/learn/random.hpp"
#include "core/math.hpp"

namespace fettle {
namespace {

/// Evidence as a function of the latent standard normal variable: linear in a table.
class EvidenceOfLatent {
 public:
  explicit EvidenceOfLatent(const EvidenceModel& model) {
    double low = -10.0;
    for (std::size_t i = 0; i < kPoints; ++i) {
      const double above = normal_upper_tail(kLowest + static_cast<double>(i) * kStep);
      low = model.upper_quantile(above, low);
      table_[i] = static_cast<float>(low);
    }
  }
  [[nodiscard]] float at(double latent) const {
    const double place = std::clamp((latent - kLowest) / kStep, 0.0, kPoints - 1.001);
    const auto i = static_cast<std::size_t>(place);
    const auto part = static_cast<float>(place - static_cast<double>(i));
    return table_[i] + part * (table_[i + 1] - table_[i]);
  }

 private:
  static constexpr std::size_t kPoints = 169;
  static constexpr double kLowest = -4.5;
  static constexpr double kStep = 1.0 / 16.0;
  std::array<float, kPoints> table_{};
};

double standard_normal(Random& random) {
  return normal_upper_quantile((static_cast<double>(random.next() >> 12) + 0.5) * 0x1p-52);
}

/// Value that a share `above` exceeds, below `edge_share`, by a generalised Pareto tail over the
/// descending values whose last is the edge (Hosking and Wallis 1987, p. 341).
double beyond(std::span<const float> descending, double above, double edge_share) {
  const auto n = static_cast<double>(descending.size());
  const double edge = static_cast<double>(descending.back());
  double a0 = 0.0;
  double a1 = 0.0;
  for (std::size_t i = 0; i < descending.size(); ++i) {
    const double y = static_cast<double>(descending[i]) - edge;
    a0 += y / n;
    a1 += y / n * (static_cast<double>(i) + 0.35) / n;
  }
  const double difference = a0 - 2.0 * a1;
  const double shape = std::clamp(difference > 0.0 ? 2.0 - a0 / difference : kThinnestTail,
                                  kThinnestTail, kHeaviestTail);
  const double ratio = natural_log_f64(edge_share / above);
  const bool exponential_tail = shape < 1e-6 && shape > -1e-6;
  return edge + a0 * (1.0 - shape) *
                    (exponential_tail ? ratio : (exponential(shape * ratio) - 1.0) / shape);
}

}  // namespace

float limit_by_trial(const EvidenceModel& model, const DecisionSettings& settings,
                     double uncertainty, double run_length, std::span<float> memory) {
  const EvidenceOfLatent evidence(model);
  DecisionSettings free = settings;
  free.limit = 1e6F;  // nothing is held down
  Statistic statistic(free);
  Random random(1);
  const double r = model.correlation;
  const double fresh = static_cast<double>(square_root(static_cast<float>(1.0 - r * r)));
  const std::span<float> largest = memory.first(kTrialStretches);
  for (float& most : largest) {
    statistic.restart();
    const auto level = static_cast<float>(uncertainty * standard_normal(random));
    double latent = standard_normal(random);
    for (std::size_t i = 0; i < kMostWindowsBack; ++i) {
      latent = r * latent + fresh * standard_normal(random);
      statistic.push(evidence.at(latent) + level);
    }
    most = 0.0F;
    for (std::size_t i = 0; i < kTrialWindows; ++i) {
      latent = r * latent + fresh * standard_normal(random);
      most = std::max(most, statistic.push(evidence.at(latent) + level));
    }
  }
  std::ranges::sort(largest, std::ranges::greater());
  const double share = 1.0 - exponential(-static_cast<double>(kTrialWindows) / run_length);
  constexpr std::size_t kFewest = 20;  // stretches above a limit that is read off
  const auto place = static_cast<std::size_t>(share * static_cast<double>(kTrialStretches));
  if (place >= kFewest) return largest[std::min(place, kTrialStretches - 1)];
  constexpr std::size_t kTail = kTrialStretches / 20;
  return static_cast<float>(beyond(largest.first(kTail), std::max(share, 1e-15), 0.05));
}

}  // namespace fettle
