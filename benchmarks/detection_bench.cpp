// SPDX-License-Identifier: Apache-2.0
// One machine of the simulated fleet, from ten minutes of normal running to what a detector makes of its
// later life: a line of JSON. benchmarks/detection.py runs the fleet and makes the tables.
//
//     fettle-detection-bench FLEET MACHINE DAYS DISTURBANCE FAULTS RATE
//
// FLEET is the seed that machines are drawn by. FAULTS is "all", "none", "one" (another one for each machine) or the name
// of one; windows are those that `fettle train` takes at this RATE.
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "benchmarks/fleet_windows.hpp"
#include "core/learn/refinement.hpp"
#include "host/alarm_rate.hpp"
#include "host/error.hpp"

namespace {

using namespace fettle;
using namespace fettle::bench;
using simulator::FleetLife;
using simulator::FleetMachine;
using simulator::RunState;

constexpr double kBurnIn_s = simulator::kDay_s;

/// A model with one wish, watching a machine.
class Watcher {
 public:
  Watcher(const FleetMachine& machine, const WindowShape& shape, double alarms_per_hour) {
    const host::WindowTable table = learned_table(machine, shape, hygiene_);
    host::TrainedDetector trained = train_distance(table, alarms_per_hour);
    stated_per_hour_ = static_cast<double>(trained.description.decision->stated_per_hour);
    points_ = table.speeds.points;
    model_ = host::ModelFile::from_bytes(std::move(trained.file), "bench", true);
    pipeline_ = std::make_unique<Pipeline>(model_->detector());
    refinement_ = std::make_unique<Refinement>(model_->detector());
  }

  WindowResult judge(const Window& window, bool learn) {
    std::array<float, kMaxFeatures> features = window.features;
    const WindowResult result = pipeline_->judge(std::span(features).first(kFeatures.dimensions()),
                                                 window.summary, false, 1.0F);
    if (learn) {
      refinement_->push(result);
      if (refinement_->due() && refinement_->refine(*pipeline_, memory_) != Status::ok) {
        throw host::Error(host::ExitCode::bad_input, "burn-in found no limit");
      }
    }
    return result;
  }
  void restart() { pipeline_->restart(); }
  [[nodiscard]] const WindowShape& shape() const { return model_->detector().window; }
  [[nodiscard]] std::vector<SpeedRange> expected() const {
    return host::ranges_of(model_->detector().baseline);
  }
  /// What the alarm that the last window raised looks like.
  [[nodiscard]] Explanation explain() const {
    return fettle::explain(model_->detector(), pipeline_->changes());
  }
  [[nodiscard]] std::string phrase() const { return std::string(pipeline_->phrase().view()); }
  [[nodiscard]] const Refinement& refinement() const { return *refinement_; }
  [[nodiscard]] const DecisionSettings& settings() const {
    return pipeline_->decision()->settings();
  }
  [[nodiscard]] double stated_per_hour() const { return stated_per_hour_; }
  [[nodiscard]] int points() const { return points_; }
  [[nodiscard]] std::size_t hygiene() const { return hygiene_; }

 private:
  std::unique_ptr<host::ModelFile> model_;
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<Refinement> refinement_;
  Refinement::Memory memory_;  // the same lattice as on the board
  double stated_per_hour_ = 0;
  int points_ = 0;
  std::size_t hygiene_ = 0;
};

/// What a watcher said in one part of a life.
struct Tally {
  std::uint64_t windows = 0, running = 0, cannot = 0, alarms = 0, moved = 0;
  std::array<std::uint64_t, kReasons> reasons{};

  void add(const Window& window, const WindowResult& result) {
    ++windows;
    if (result.alarm) ++alarms;
    if (result.verdict == Verdict::sensor_moved) ++moved;
    if (!window.running) return;
    ++running;
    if (result.verdict != Verdict::cannot_judge) return;
    ++cannot;
    ++reasons[static_cast<std::size_t>(result.reason)];
  }
  [[nodiscard]] nlohmann::json json(const WindowShape& shape) const {
    return {{"hours", static_cast<double>(windows) * shape.seconds() / 3600.0},
            {"running_windows", running},
            {"cannot_judge", cannot},
            {"reasons", reasons},
            {"sensor_moved", moved},
            {"alarms", alarms}};
  }
};

/// @param learn  burn-in goes on meanwhile
nlohmann::json watch_fault(Watcher& watcher, const FleetMachine& machine, simulator::FaultKind kind,
                           bool learn) {
  const FleetLife life = simulator::growing(machine, kind);
  double begin_s = -1.0;
  double alarm_s = -1.0;
  double severity = 0.0;
  std::uint64_t before = 0;
  nlohmann::json looks_like;
  watcher.restart();
  double last_s = 0.0;
  live(machine, life, watcher.shape(), watcher.expected(), [&](const Window& window, std::int64_t) {
    last_s = window.truth.time_s;
    const WindowResult result = watcher.judge(window, learn);
    if (window.truth.severity > 0.0 && begin_s < 0.0) begin_s = last_s;
    if (!result.alarm) return true;
    if (begin_s < 0.0) {
      ++before;
      return true;
    }
    alarm_s = last_s;
    severity = window.truth.severity;
    const Explanation why = watcher.explain();
    looks_like = {{"phrase", watcher.phrase()},
                  // An alarm of a machine at rest is a false one, whatever else is wrong with it.
                  {"running", window.truth.state == RunState::running}};
    for (const FamilyScore& family : why.families) {
      looks_like["families"].push_back({name_of(family.family), family.score});
    }
    return false;
  });
  return {{"begin_s", begin_s},
          {"looks_like", looks_like},
          {"limit_s", life.limit_s},
          {"alarm_s", alarm_s},
          {"false_alarms_before", before},
          {"severity_at_alarm", severity},
          {"severity_at_limit", life.severity_at_limit}};
}

nlohmann::json watch_remounts(Watcher& watcher, const FleetMachine& machine, double weeks) {
  constexpr int kTimes = 3;
  const FleetLife life = simulator::remounted(machine, weeks, kTimes);
  watcher.restart();
  std::array<bool, kTimes + 1> said{};
  std::array<bool, kTimes + 1> there{};
  std::uint64_t alarms = 0;
  live(machine, life, watcher.shape(), watcher.expected(), [&](const Window& window, std::int64_t) {
    const WindowResult result = watcher.judge(window, false);
    const auto n = static_cast<std::size_t>(window.truth.remounts);
    there[n] = true;
    if (result.verdict == Verdict::sensor_moved) said[n] = true;
    if (result.alarm) ++alarms;
    return true;
  });
  nlohmann::json remounts = nlohmann::json::array();
  for (std::size_t n = 1; n <= kTimes; ++n) {
    if (there[n]) remounts.push_back(said[n]);
  }
  return {{"said_moved", remounts}, {"said_before", said[0]}, {"alarms", alarms}};
}

nlohmann::json run(std::uint64_t fleet, int index, double days, double disturbance,
                   const std::string& faults, float rate_hz) {
  const FleetMachine machine = simulator::draw_machine(fleet, index, disturbance);
  const WindowShape shape = host::usual_window(FeatureSet::vibration, static_cast<double>(rate_hz));
  Watcher weekly(machine, shape, host::parse_alarm_rate("1/week"));
  Watcher daily(machine, shape, host::parse_alarm_rate("1/day"));
  Watcher unlearning(machine, shape,
                     host::parse_alarm_rate("1/week"));  // ten minutes are all it knows
  weekly.restart();
  Tally alone, burning, week, day;
  live(machine, simulator::normal(machine, days / 7.0), shape, weekly.expected(),
       [&](const Window& window, std::int64_t) {
         const bool burnt_in = window.truth.time_s > kBurnIn_s;
         alone.add(window, unlearning.judge(window, false));
         (burnt_in ? week : burning).add(window, weekly.judge(window, true));
         const WindowResult of_day = daily.judge(window, true);
         if (burnt_in) day.add(window, of_day);
         return true;
       });
  nlohmann::json json = {
      {"fleet", fleet},
      {"machine", index},
      {"days", days},
      {"disturbance", disturbance},
      {"base_mm_s", machine.base_mm_s},
      {"set_points", machine.set_points},
      {"points_found", weekly.points()},
      {"left_out", weekly.hygiene()},
      {"clone", machine.clone},
      {"ten_minutes", alone.json(shape)},
      {"burn_in", burning.json(shape)},
      {"week", week.json(shape)},
      {"day", day.json(shape)},
  };
  json["ten_minutes"]["stated_per_hour"] = unlearning.stated_per_hour();
  json["ten_minutes"]["reference"] = unlearning.settings().reference;
  json["ten_minutes"]["limit"] = unlearning.settings().limit;
  for (const auto& [name, watcher] : {std::pair{"week", &weekly}, std::pair{"day", &daily}}) {
    json[name]["stated_per_hour"] = watcher->refinement().stated_per_hour();
    json[name]["reference"] = watcher->settings().reference;
    json[name]["limit"] = watcher->settings().limit;
    json[name]["discarded"] = watcher->refinement().burn_in().discarded();
  }
  json["remounts"] = watch_remounts(weekly, machine, 0.25 / 7.0);
  if (faults == "none") return json;
  for (std::size_t i = 0; i < kFaults.size(); ++i) {
    const bool its_own = i == static_cast<std::size_t>(index) % kFaults.size();
    if (faults != "all" && faults != kFaults[i].name && !(faults == "one" && its_own)) continue;
    json["faults"][kFaults[i].name] = watch_fault(weekly, machine, kFaults[i].kind, false);
    if (!its_own) continue;
    Watcher fresh(machine, shape, host::parse_alarm_rate("1/week"));
    json["faults_in_burn_in"][kFaults[i].name] = watch_fault(fresh, machine, kFaults[i].kind, true);
  }
  return json;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    fmt::print(stderr,
               "usage: fettle-detection-bench FLEET MACHINE DAYS DISTURBANCE FAULTS RATE\n");
    return 2;
  }
  try {
    fmt::print("{}\n",
               run(std::strtoull(argv[1], nullptr, 10), std::atoi(argv[2]), std::atof(argv[3]),
                   std::atof(argv[4]), argv[5], static_cast<float>(std::atof(argv[6])))
                   .dump());
  } catch (const std::exception& error) {
    fmt::print(stderr, "machine {}: {}\n", argv[2], error.what());
    return 1;
  }
  return 0;
}
