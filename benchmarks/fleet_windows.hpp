// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/pipeline.hpp"
#include "host/learning.hpp"
#include "host/training.hpp"
#include "simulator/fleet/fleet.hpp"
#include "simulator/fleet/stream.hpp"

// Windows of the simulated fleet, for the benches of detection and of features.
namespace fettle::bench {

/// The fleet that detection was tuned on; any other number draws other machines.
inline constexpr std::uint64_t kFleet = 2026;
inline constexpr FeatureSpec kFeatures{FeatureSet::vibration, 6, false};
inline constexpr WindowShape kUsualWindow{128, 200.0F};

/// A window with what is true about it.
struct Window {
  std::array<float, kMaxFeatures> features{};
  WindowSummary summary;
  std::vector<Sample> samples;  // that it was made of
  simulator::FleetTruth truth;  // at its end
  bool running = true;          // all the time, at one set point
};

/// Calls `on_window` for each window of a life until it returns false.
template <typename OnWindow>
void live(const simulator::FleetMachine& machine, const simulator::FleetLife& life,
          const WindowShape& shape, std::span<const SpeedRange> expected, OnWindow&& on_window) {
  simulator::FleetStream stream(machine, life, {.rate_hz = static_cast<double>(shape.rate_hz)});
  FeaturePipeline front(kFeatures, shape);
  front.expect(expected);
  simulator::FleetBlock block;
  Window window;
  while (stream.next(block)) {
    if (block.truth.state != simulator::RunState::running) window.running = false;
    for (const TimedSample& sample : block.samples) {
      window.samples.push_back(sample.sample);
      if (!front.push(sample)) continue;
      front.finish(window.features, window.summary);
      window.truth = block.truth;
      if (!on_window(window, front.start_us())) return;
      window.running = block.truth.state == simulator::RunState::running;
      window.samples.clear();
    }
  }
}

inline host::WindowTable normal_table(const simulator::FleetMachine& machine,
                                      const WindowShape& shape,
                                      std::span<const SpeedRange> expected) {
  host::WindowTable table;
  table.spec = kFeatures;
  table.window = shape;
  table.recordings.push_back({"normal", "baseline", "normal/baseline", "", 0, 0});
  table.began_us.push_back(0);
  std::uint32_t rows = 0;
  live(machine, simulator::baseline(machine), shape, expected,
       [&](const Window& window, std::int64_t start_us) {
         rows += shape.samples;
         table.features.insert(
             table.features.end(), window.features.begin(),
             window.features.begin() + static_cast<std::ptrdiff_t>(kFeatures.dimensions()));
         table.summaries.push_back(window.summary);
         table.origins.push_back({0, rows, start_us, rows, false, 1.0F});
         return true;
       });
  return table;
}

/// Ten minutes of normal running as `fettle train` learns from them.
/// @param left_out  windows that are no steady normal running
inline host::WindowTable learned_table(const simulator::FleetMachine& machine,
                                       const WindowShape& shape, std::size_t& left_out) {
  host::Hygiene hygiene;
  host::WindowTable table = host::learn_windows(
      [&](std::span<const SpeedRange> expected) { return normal_table(machine, shape, expected); },
      hygiene);
  left_out = hygiene.total();
  return table;
}

/// What `fettle train` makes of it. @param alarms_per_hour  that are accepted
inline host::TrainedDetector train_distance(const host::WindowTable& table,
                                            double alarms_per_hour) {
  host::LearningSettings settings;
  settings.detector = DetectorKind::mahalanobis;
  settings.alarms_per_hour = alarms_per_hour;
  static const std::string label = "normal";
  return host::train_detector(table, host::split_by_time(table), settings, false, label, "bench");
}

struct NamedFault {
  const char* name;
  simulator::FaultKind kind;
};
inline constexpr std::array<NamedFault, 4> kFaults = {{
    {"imbalance", simulator::FaultKind::imbalance},
    {"loose", simulator::FaultKind::loose},
    {"misalignment", simulator::FaultKind::misalignment},
    {"bearing", simulator::FaultKind::bearing},
}};

}  // namespace fettle::bench
