// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/learn/calibration.hpp"
#include "tests/support/hand_made.hpp"
#include "tests/support/virtual_rig.hpp"

namespace fettle::test {

/// As shaker_model(), but it decides over windows, calibrated on the 150 that it was trained on: it can
/// state a false alarm every half an hour.
/// @param asked_per_hour  false alarms
inline std::vector<std::uint8_t> deciding_model(double asked_per_hour, std::uint64_t seed = 1) {
  static const std::vector<protocol::SamplesMessage> samples = [] {
    VirtualRig rig;
    rig.power_on();
    rig.connect(protocol::kStreamSamples);
    rig.run(100);
    return rig.samples;
  }();
  Trained trained;
  FeaturePipeline pipeline(trained.spec, trained.window);
  std::vector<float> features;
  for (const protocol::SamplesMessage& message : samples) {
    for (std::size_t i = 0; i < message.block.count; ++i) {
      if (!pipeline.push(message.block.timed(i))) continue;
      features.resize(features.size() + trained.spec.dimensions());
      pipeline.finish(std::span(features).last(trained.spec.dimensions()));
    }
  }
  TrainingSettings settings;
  settings.seed = seed;
  train(trained, features, settings);
  DetectorDescription description = describe_trained(trained, {}, 3.0F);

  // Its own scores, as the file computes them.
  const AlignedBytes plain(detector_bytes(trained.quantised, description));
  std::vector<std::byte> workspace(Int8Network::workspace_bytes(plain.view()));
  DetectorModel model;
  if (!load_detector(plain.view(), workspace, model).ok()) __builtin_trap();
  Pipeline judge(model);
  std::vector<float> scores;
  for (const protocol::SamplesMessage& message : samples) {
    for (std::size_t i = 0; i < message.block.count; ++i) {
      if (const auto result = judge.push(message.block.timed(i))) scores.push_back(result->score);
    }
  }
  CalibrationWish wish;
  wish.window_seconds = trained.window.seconds();
  wish.alarms_per_hour = 2.0;
  std::vector<float> memory(calibration_floats(scores.size()));
  Calibration found;
  if (calibrate(scores, {}, wish, memory, found) != Status::ok) __builtin_trap();
  DecisionRecord& decision = description.decision.emplace();
  decision.settings = found.settings;
  decision.asked_per_hour = static_cast<float>(asked_per_hour);
  decision.stated_per_hour = static_cast<float>(found.support.supported_per_hour);
  decision.supported_per_hour = static_cast<float>(found.support.supported_per_hour);
  decision.normal_hours = static_cast<float>(found.support.normal_hours);
  decision.minutes_missing = 60.0F;
  return detector_bytes(trained.quantised, description);
}

}  // namespace fettle::test
