// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/learn/random.hpp"
#include "core/pipeline.hpp"
#include "host/training.hpp"
#include "simulator/machine/machine.hpp"

namespace fettle::test {

/// Samples of the same simulated machine on some day, with a fault or without.
inline std::vector<TimedSample> machine_running(std::size_t windows, std::uint64_t session,
                                                double imbalance = 0.0, double speed = 1.0) {
  simulator::MachineConfig config;
  config.session = session;
  config.speed = speed;
  config.faults.imbalance = imbalance;
  simulator::Machine machine(config, 7);
  std::vector<TimedSample> samples(windows * 128);
  for (TimedSample& sample : samples) sample = machine.next();
  return samples;
}

/// The same machine at rest: gravity and the noise of its sensor.
inline std::vector<TimedSample> machine_off(std::size_t windows) {
  const std::vector<TimedSample> running = machine_running(windows, 0);
  std::array<double, 6> mean{};
  for (const TimedSample& sample : running) {
    for (std::size_t a = 0; a < 6; ++a) {
      mean[a] += static_cast<double>(sample.sample.axis[a]) / static_cast<double>(running.size());
    }
  }
  std::vector<TimedSample> samples = running;
  Random random(9);
  for (TimedSample& sample : samples) {
    for (std::size_t a = 0; a < 6; ++a) {
      const float noise = a < 3 ? 0.005F : 0.1F;
      sample.sample.axis[a] =
          static_cast<float>(mean[a]) + noise * (2.0F * random.uniform() - 1.0F);
    }
  }
  return samples;
}

/// As `fettle train` builds it from one recording that is at hand.
inline host::WindowTable table_of(std::span<const TimedSample> samples, const FeatureSpec& spec,
                                  std::span<const SpeedRange> expected = {}) {
  host::WindowTable table;
  table.spec = spec;
  table.window = {128, 200.0F};
  table.recordings.push_back({"normal", "a", "a", "", 0, 0});
  table.began_us.push_back(0);
  FeaturePipeline front(spec, table.window);
  front.expect(expected);
  std::array<float, kMaxFeatures> features{};
  WindowSummary summary;
  std::uint32_t row = 0;
  for (const TimedSample& sample : samples) {
    ++row;
    if (!front.push(sample)) continue;
    front.finish(features, summary);
    table.features.insert(table.features.end(), features.begin(),
                          features.begin() + static_cast<std::ptrdiff_t>(spec.dimensions()));
    table.summaries.push_back(summary);
    table.origins.push_back({0, row, front.start_us(), row, false, front.relative_rate()});
  }
  return table;
}

/// A detector with a decision, learned from ten minutes of normal running.
struct Decided {
  host::TrainedDetector trained;
  std::unique_ptr<host::ModelFile> file;
  [[nodiscard]] const DetectorModel& model() const { return file->detector(); }
};
/// As `fettle train` learns from them.
inline host::WindowTable learned_table_of(const std::vector<TimedSample>& samples,
                                          const FeatureSpec& spec) {
  host::Hygiene hygiene;
  return host::learn_windows(
      [&](std::span<const SpeedRange> expected) { return table_of(samples, spec, expected); },
      hygiene);
}

inline Decided train_decided(const FeatureSpec& spec, double alarms_per_hour) {
  static const std::string label = "normal";
  const std::vector<TimedSample> samples = machine_running(940, 0);
  const host::WindowTable table = learned_table_of(samples, spec);
  host::LearningSettings settings;
  settings.detector = DetectorKind::mahalanobis;
  settings.alarms_per_hour = alarms_per_hour;
  Decided decided;
  decided.trained =
      host::train_detector(table, host::split_by_time(table), settings, false, label, "test");
  decided.file = host::ModelFile::from_bytes(decided.trained.file, "the test's", true);
  return decided;
}

}  // namespace fettle::test
