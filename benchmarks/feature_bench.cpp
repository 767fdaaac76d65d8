// SPDX-License-Identifier: Apache-2.0
// What each group of vibration features brings, on one machine of the simulated fleet: the distance with and
// without it; and what others would that the set does without. A line of JSON; benchmarks/features.py makes the table.
//
//     fettle-feature-bench MACHINE PART
//
// PART of the severity at which velocity has risen by 0.7 mm/s.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/fleet_windows.hpp"
#include "core/learn/mahalanobis.hpp"
#include "host/alarm_rate.hpp"
#include "host/model_file.hpp"

namespace {

using namespace fettle;
using namespace fettle::bench;

constexpr std::size_t kD = kVibrationFeatures.size();
constexpr std::array<const char*, 5> kCandidates = {"kurtosis", "crest factor", "skewness",
                                                    "autocorrelation", "autocorrelation at a turn"};
using Row = std::array<double, kD + kCandidates.size()>;
using Chosen = std::vector<std::size_t>;

/// By what a feature measures: every group that DESIGN.md's table has a line for.
const char* group_of(const VibrationFeature& feature) {
  switch (feature.kind) {
    case VibrationKind::level: return "level";
    case VibrationKind::impulsiveness: return "impulsiveness";
    case VibrationKind::direction: return "direction";
    case VibrationKind::centroid: return "centroid";
    case VibrationKind::band: return "bands";
    case VibrationKind::rest: return "off orders";
    case VibrationKind::order: break;
  }
  if (feature.low == 0.5F) return "half orders";
  return feature.low == 1.0F ? "1x" : "2x and 3x";
}

/// What the set does without, of the accelerometer's way r about its mean, so that no direction counts: E|r|^4 /
/// (E|r|^2)^2 and max|r| / rms (logarithms), the norm of E[r r r] over rms^3 (logarithm; 0.01 is nothing), and
/// E[r(t) r(t - lag)] / E|r|^2 (Fisher's z) for a lag of one sample and of a turn.
std::array<double, kCandidates.size()> candidates(const std::vector<Sample>& samples,
                                                  double speed_hz) {
  const auto n = static_cast<double>(samples.size());
  std::array<double, 3> mean{};
  for (const Sample& s : samples) {
    for (std::size_t a = 0; a < 3; ++a) mean[a] += static_cast<double>(s.axis[a]) / n;
  }
  std::vector<std::array<double, 3>> r;
  for (const Sample& s : samples) {
    std::array<double, 3> way{};
    for (std::size_t a = 0; a < 3; ++a) way[a] = static_cast<double>(s.axis[a]) - mean[a];
    r.push_back(way);
  }
  const auto dot = [](const std::array<double, 3>& x, const std::array<double, 3>& y) {
    return x[0] * y[0] + x[1] * y[1] + x[2] * y[2];
  };
  double second = 0.0;
  double fourth = 0.0;
  double largest = 0.0;
  std::array<double, 27> third{};
  for (const auto& x : r) {
    const double square = dot(x, x);
    second += square / n;
    fourth += square * square / n;
    largest = std::max(largest, square);
    for (std::size_t i = 0; i < 27; ++i) third[i] += x[i / 9] * x[i / 3 % 3] * x[i % 3] / n;
  }
  double skew = 0.0;
  for (const double t : third) skew += t * t;
  const auto correlation = [&](std::size_t lag) {
    double sum = 0.0;
    for (std::size_t i = lag; i < r.size(); ++i) sum += dot(r[i], r[i - lag]);
    const double c = sum / second / static_cast<double>(r.size() - lag);
    return std::atanh(std::clamp(c, -0.99, 0.99));
  };
  const auto rate = static_cast<double>(kUsualWindow.rate_hz);
  const auto turn = static_cast<std::size_t>(std::lround(rate / std::max(speed_hz, 4.0)));
  return {std::log(fourth / (second * second)), 0.5 * std::log(largest / second),
          std::log(0.01 + std::sqrt(skew / (second * second * second))), correlation(1),
          correlation(turn)};
}

/// Candidates by operating point: what is learned of them is their mean.
using Means = std::array<std::array<double, kCandidates.size()>, kMostOperatingPoints>;

/// Windows that can be judged, less what was learned of their operating point.
std::vector<Row> rows_of(const DetectorModel& model, const simulator::FleetMachine& machine,
                         const simulator::FleetLife& life, const Means& means,
                         std::vector<std::uint8_t>* points = nullptr) {
  std::vector<Row> rows;
  Pipeline pipeline(model);
  live(machine, life, kUsualWindow, host::ranges_of(model.baseline),
       [&](const Window& window, std::int64_t) {
         std::array<float, kMaxFeatures> features = window.features;
         const WindowResult result =
             pipeline.judge(std::span(features).first(kD), window.summary, false, 1.0F);
         if (result.reason != Reason::none || !window.running) return true;
         features = window.features;
         take_away(model.baseline.point[result.point], kFeatures, result.speed_hz,
                   kUsualWindow.rate_hz, std::span(features).first(kD));
         Row row;
         std::copy_n(features.begin(), kD, row.begin());
         const auto others = candidates(window.samples, static_cast<double>(result.speed_hz));
         for (std::size_t i = 0; i < others.size(); ++i) {
           row[kD + i] = others[i] - means[result.point][i];
         }
         if (points != nullptr) points->push_back(result.point);
         rows.push_back(row);
         return true;
       });
  return rows;
}

/// Of a candidate between healthy hours: as of `impulsiveness`.
constexpr double kCandidateVariation = 0.05;

/// Mahalanobis' distance of the chosen features, as fit_mahalanobis() of all of them.
class Distance {
 public:
  /// @param moves  by neighbours, [n][kD]; what they do to candidates is not looked at
  Distance(const std::vector<Row>& normal, std::span<const float> moves, double weight,
           Chosen chosen)
      : chosen_(std::move(chosen)), factor_(chosen_.size() * chosen_.size()) {
    const std::size_t d = chosen_.size();
    const HealthyVariation variation;
    for (std::size_t i = 0; i < d; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = 0.0;
        for (const Row& row : normal) sum += row[chosen_[i]] * row[chosen_[j]];
        sum /= static_cast<double>(normal.size());
        if (i != j) sum *= 0.9;
        if (chosen_[i] < kD && chosen_[j] < kD) {
          sum += static_cast<double>(covariance(variation, kFeatures, chosen_[i], chosen_[j]));
          sum += weight * mean_product(moves, kD, chosen_[i], chosen_[j]);
        } else if (i == j) {
          sum += kCandidateVariation * kCandidateVariation;
        }
        for (std::size_t k = 0; k < j; ++k) sum -= factor_[i * d + k] * factor_[j * d + k];
        factor_[i * d + j] = i == j ? std::sqrt(sum) : sum / factor_[j * d + j];
      }
    }
  }

  /// Of each window.
  [[nodiscard]] std::vector<double> of(const std::vector<Row>& rows) const {
    const std::size_t d = chosen_.size();
    std::vector<double> distances;
    std::vector<double> z(d);
    for (const Row& row : rows) {
      double square = 0.0;
      for (std::size_t i = 0; i < d; ++i) {
        double x = row[chosen_[i]];
        for (std::size_t k = 0; k < i; ++k) x -= factor_[i * d + k] * z[k];
        z[i] = x / factor_[i * d + i];
        square += z[i] * z[i];
      }
      distances.push_back(square);
    }
    return distances;
  }

 private:
  Chosen chosen_;
  std::vector<double> factor_;  // lower triangle, Cholesky's
};

nlohmann::json run(int index, double part) {
  const simulator::FleetMachine machine = simulator::draw_machine(kFleet, index);
  std::size_t left_out = 0;
  const host::WindowTable table = learned_table(machine, kUsualWindow, left_out);
  const auto model = host::ModelFile::from_bytes(
      train_distance(table, host::parse_alarm_rate("1/week")).file, "bench", true);
  const DetectorModel& detector = model->detector();

  Means means{};
  std::vector<std::uint8_t> points;
  std::vector<Row> learned =
      rows_of(detector, machine, simulator::baseline(machine), means, &points);
  for (std::size_t i = 0; i < kCandidates.size(); ++i) {
    std::array<double, kMostOperatingPoints> count{};
    for (std::size_t n = 0; n < learned.size(); ++n) {
      means[points[n]][i] += learned[n][kD + i];
      ++count[points[n]];
    }
    for (std::size_t p = 0; p < count.size(); ++p) means[p][i] /= std::max(count[p], 1.0);
    for (std::size_t n = 0; n < learned.size(); ++n) learned[n][kD + i] -= means[points[n]][i];
  }
  const std::vector<Row> later =
      rows_of(detector, machine, simulator::normal(machine, 1.0 / 7.0), means);
  std::vector<std::pair<std::string, std::vector<Row>>> faults;
  for (const auto& [name, kind] : kFaults) {
    simulator::FleetLife life = simulator::normal(machine, 90.0 / simulator::kWeek_s);
    simulator::FaultEvent fault;
    fault.which = kind;
    fault.severity = part * machine.severity_at_rise(kind, fault.defect, simulator::kRise_mm_s);
    life.schedule.faults.push_back(fault);
    faults.emplace_back(name, rows_of(detector, machine, life, means));
  }

  std::vector<std::pair<std::string, Chosen>> sets(1, {"all", {}});
  const auto set_named = [&](const std::string& name) -> Chosen& {
    for (auto& [known, chosen] : sets) {
      if (known == name) return chosen;
    }
    return sets.emplace_back(name, Chosen{}).second;
  };
  for (std::size_t i = 0; i < kD; ++i) {
    set_named("all").push_back(i);
    const std::string group = group_of(kVibrationFeatures[i]);
    const std::string sensor = kVibrationFeatures[i].gyroscope ? "gyroscope" : "accelerometer";
    for (const std::string& of : {group, sensor}) set_named("only " + of).push_back(i);
  }
  for (std::size_t s = 1, n = sets.size(); s < n; ++s) {
    const auto [name, only] = sets[s];
    for (std::size_t i = 0; i < kD; ++i) {
      if (std::ranges::find(only, i) == only.end()) {
        set_named("without" + name.substr(4)).push_back(i);
      }
    }
  }

  for (std::size_t i = 0; i < kCandidates.size(); ++i) {
    Chosen with = set_named("all");
    with.push_back(kD + i);
    sets.emplace_back(std::string("only ") + kCandidates[i], Chosen{kD + i});
    sets.emplace_back(std::string("with ") + kCandidates[i], with);
  }

  const host::WindowTable around = host::centred(table, detector.baseline);
  std::vector<std::uint32_t> every(table.size());
  std::iota(every.begin(), every.end(), 0U);
  const double weight = host::choose_neighbours(around, every, {});
  nlohmann::json json = {{"machine", index}, {"part", part}};
  for (const auto& [name, chosen] : sets) {
    const Distance distance(learned, around.neighbour_moves, weight, chosen);
    std::vector<double> healthy = distance.of(later);
    std::ranges::sort(healthy);
    if (healthy.empty()) return json;
    const double limit = healthy[(healthy.size() - 1) * 999 / 1000];
    for (const auto& [fault, rows] : faults) {
      const std::vector<double> sick = distance.of(rows);
      const auto over = std::ranges::count_if(sick, [&](double x) { return x > limit; });
      json["sets"][name][fault] =
          sick.empty() ? 0.0 : static_cast<double>(over) / static_cast<double>(sick.size());
    }
  }
  return json;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: fettle-feature-bench MACHINE PART\n");
    return 2;
  }
  try {
    fmt::print("{}\n", run(std::atoi(argv[1]), std::atof(argv[2])).dump());
  } catch (const std::exception& error) {
    fmt::print(stderr, "machine {}: {}\n", argv[1], error.what());
    return 1;
  }
  return 0;
}
