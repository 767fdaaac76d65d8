// SPDX-License-Identifier: Apache-2.0
// The family of a fault on machines of the fleet, from ten minutes of normal running to the alarm. None of them is
// among those that the patterns were tuned on (0 to 24).
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simulator/fleet/fleet.hpp"
#include "simulator/fleet/stream.hpp"
#include "tests/support/decided.hpp"

namespace fettle {
namespace {

using simulator::FaultKind;
using simulator::FleetLife;
using simulator::FleetMachine;

const FeatureSpec kVibration{FeatureSet::vibration, 6, false};

std::vector<TimedSample> samples_of(const FleetMachine& machine, const FleetLife& life) {
  std::vector<TimedSample> samples;
  simulator::FleetStream stream(machine, life);
  simulator::FleetBlock block;
  while (stream.next(block)) {
    samples.insert(samples.end(), block.samples.begin(), block.samples.end());
  }
  return samples;
}

std::unique_ptr<host::ModelFile> learned(const FleetMachine& machine) {
  const auto samples = samples_of(machine, simulator::baseline(machine));
  const host::WindowTable table = test::learned_table_of(samples, kVibration);
  host::LearningSettings settings;
  settings.detector = DetectorKind::mahalanobis;
  settings.alarms_per_hour = 1.0 / 24.0;
  static const std::string label = "normal";
  auto trained =
      host::train_detector(table, host::split_by_time(table), settings, false, label, "test");
  return host::ModelFile::from_bytes(std::move(trained.file), "the test's", true);
}

/// The first family at the alarm of a fault that is there from the start, as bad as it may get. The machine runs at
/// its usual speed and nothing disturbs it: that the right name comes beside disturbances too, the benchmark shows.
FaultFamily family_at_alarm(const FleetMachine& machine, const DetectorModel& model, FaultKind kind,
                            std::string& phrase) {
  FleetLife life;
  life.duration_s = 300;
  life.session = 77;
  life.initial_speed =
      machine.set_point[static_cast<std::size_t>(machine.usual)].hz / machine.parameters.rated_hz;
  const auto defect = simulator::BearingDefect::inner_race;
  life.schedule.faults = {
      {.which = kind,
       .severity = machine.severity_at_rise(kind, defect, simulator::kRise_mm_s),
       .defect = defect}};
  Pipeline pipeline(model);
  for (const TimedSample& sample : samples_of(machine, life)) {
    const auto result = pipeline.push(sample);
    if (!result || !result->alarm) continue;
    phrase = std::string(pipeline.phrase().view());
    return explain(model, pipeline.changes()).families[0].family;
  }
  phrase = "no alarm";
  return FaultFamily::other;
}

TEST(FaultFamiliesOfTheFleet, AreNamedAtTheAlarm) {
  int right = 0;
  int all = 0;
  for (const int index : {25, 30, 35, 40}) {
    const FleetMachine machine = simulator::draw_machine(2026, index);
    const auto model = learned(machine);
    for (const auto& [kind, family] :
         {std::pair{FaultKind::imbalance, FaultFamily::imbalance},
          std::pair{FaultKind::misalignment, FaultFamily::misalignment},
          std::pair{FaultKind::loose, FaultFamily::looseness},
          std::pair{FaultKind::bearing, FaultFamily::bearing}}) {
      std::string phrase;
      const FaultFamily found = family_at_alarm(machine, model->detector(), kind, phrase);
      ++all;
      if (found == family) {
        ++right;
      } else {
        std::printf("machine %d, %s taken for %s: %s\n", index, name_of(family), name_of(found),
                    phrase.c_str());
      }
    }
  }
  EXPECT_GE(right, all - 3) << "of " << all;
}

}  // namespace
}  // namespace fettle
