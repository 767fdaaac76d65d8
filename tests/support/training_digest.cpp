// SPDX-License-Identifier: Apache-2.0
// Prints digests of each stage from samples to scores, for several seeds: the same text on every
// processor, or training is not reproducible. Core and simulated machine alone, no libm.
#include <bit>
#include <cinttypes>
#include <cstdio>

#include "core/score/reconstruction.hpp"
#include "tests/support/hand_made.hpp"
#include "tests/support/trained.hpp"

namespace {

using namespace fettle;

/// FNV-1a, 64 bits, over values as little-endian bytes.
class Digest {
 public:
  void byte(std::uint32_t value) { hash_ = (hash_ ^ (value & 0xFFU)) * 0x100000001B3ULL; }
  void add(std::span<const float> values) {
    for (const float value : values) {
      const auto bits = std::bit_cast<std::uint32_t>(value);
      for (int i = 0; i < 4; ++i) byte(bits >> (8 * i));
    }
  }
  void add(std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t value : bytes) byte(value);
  }
  [[nodiscard]] std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xCBF29CE484222325ULL;
};

template <typename Values>
std::uint64_t digest(const Values& values) {
  Digest result;
  result.add(std::span(values));
  return result.value();
}

void report(const FeatureSpec& spec, std::vector<std::uint16_t> hidden, std::uint64_t seed,
            WeightScales scales) {
  const WindowShape window{128, 200.0F};
  const auto features = test::simulated_features(spec, window, 100, seed);
  test::Trained trained;
  trained.spec = spec;
  trained.window = window;
  trained.hidden = std::move(hidden);
  TrainingSettings settings;
  settings.epochs = 20;
  settings.seed = seed;
  test::train(trained, features, settings, scales);
  const UsedRecording used[] = {{0x123456789ABCDEF0U, 12800, 10240, 12800}};
  const auto file = test::detector_bytes(trained.quantised, test::describe_trained(trained, used));

  const test::AlignedBytes aligned(file);
  std::vector<std::byte> workspace(Int8Network::workspace_bytes(aligned.view()));
  DetectorModel model;
  if (!load_detector(aligned.view(), workspace, model).ok()) {
    std::printf("seed %" PRIu64 ": the file does not load\n", seed);
    return;
  }
  Pipeline pipeline(model);
  std::vector<float> scores;
  simulator::MachineConfig config;
  config.session = 1;
  config.faults.loose = 0.3;
  simulator::Machine machine(config, seed);
  while (scores.size() < 30) {
    if (const auto result = pipeline.push(machine.next())) scores.push_back(result->score);
  }
  std::printf("seed %" PRIu64 " D %zu features %016" PRIx64 " z %016" PRIx64 " weights %016" PRIx64
              " file %016" PRIx64 " (%zu bytes) scores %016" PRIx64 "\n",
              seed, spec.dimensions(), digest(features), digest(trained.z),
              digest(trained.network().parameters()), digest(file), file.size(), digest(scores));
}

}  // namespace

int main() {
  const FeatureSpec six{FeatureSet::tutorial, 6, true};
  const FeatureSpec six_without{FeatureSet::tutorial, 6, false};
  const FeatureSpec three{FeatureSet::tutorial, 3, true};
  for (const std::uint64_t seed : {0ULL, 1ULL, 2ULL, 0xFFFFFFFFFFFFFFFFULL}) {
    report(six, {12, 8, 12}, seed, WeightScales::per_channel);
  }
  report(six, {12, 8, 12}, 3, WeightScales::per_tensor);
  report(six_without, {7, 3, 9}, 4, WeightScales::per_channel);
  report(three, {13}, 5, WeightScales::per_channel);
  report(three, {32, 16, 5, 2, 5, 16, 32}, 6, WeightScales::per_tensor);
  report({FeatureSet::vibration, 6, false}, {12, 8, 12}, 7, WeightScales::per_channel);
  report({FeatureSet::vibration, 3, false}, {12, 8, 12}, 8, WeightScales::per_channel);
  return 0;
}
