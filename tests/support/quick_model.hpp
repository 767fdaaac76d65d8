// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "simulator/mpu6050_chip/motion.hpp"
#include "tests/support/trained.hpp"

namespace fettle::test {

/// A detector for a simulated machine, as bytes of a file, in a few milliseconds: whoever starts
/// often, or under an emulator, needs one without waiting for a virtual board to record.
inline std::vector<std::uint8_t> quick_model(std::uint64_t seed = 1, float threshold = 3.0F) {
  Trained trained;
  trained.spec = {FeatureSet::tutorial, 6, false};  // sensors are mounted anyhow
  trained.window = {128, 200.0F};
  const auto features = simulated_features(trained.spec, trained.window, 60, seed);
  TrainingSettings settings;
  settings.epochs = 5;
  settings.seed = seed;
  train(trained, features, settings);
  return detector_bytes(trained.quantised, describe_trained(trained, {}, threshold));
}

/// A sensor at rest, shaken as hard as `level`: cheap, so that a run is spent on the board.
class Trembling final : public simulator::MotionSource {
 public:
  double level = 0;
  simulator::Motion next(double) override {
    sign_ = -sign_;
    simulator::Motion motion;
    motion.axis = {0.02 * level * sign_, 0.01 * level * sign_, 1, level * sign_, 0, 0};
    return motion;
  }

 private:
  double sign_ = 1;
};

}  // namespace fettle::test
