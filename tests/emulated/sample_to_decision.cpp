// SPDX-License-Identifier: Apache-2.0
// The smallest product: a detector with tutorial features from a model in flash, samples in, a decision
// out. What it needs of code and RAM is measured on the linked image.
#include <array>
#include <cstddef>
#include <cstdint>

#include "core/pipeline.hpp"
#include "tests/emulated/console.hpp"
#include "tests/emulated/journey_data.hpp"

namespace fettle::test {
namespace {

DetectorModel model;
alignas(4) std::array<std::byte, 1024> workspace;
alignas(Pipeline) std::byte pipeline_memory[sizeof(Pipeline)];

}  // namespace

int program() {
  if (!load_detector(tutorial_model(), workspace, model).ok()) return 1;
  auto& pipeline = *new (pipeline_memory) Pipeline(model);
  std::uint32_t alarms = 0;
  TimedSample sample;
  for (std::uint32_t i = 0; i < 1280; ++i) {
    sample.t_us = std::int64_t{5000} * i;
    for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
      sample.sample.axis[axis] =
          static_cast<float>((i * 37 + axis * 11) % 64) * (i / 640 == 0 ? 0.01F : 0.5F);
    }
    const auto result = pipeline.push(sample);
    if (result && result->alarm) ++alarms;
  }
  print("alarms ");
  print_number(alarms);
  print("\n");
  return alarms == 1 ? 0 : 1;
}

}  // namespace fettle::test
