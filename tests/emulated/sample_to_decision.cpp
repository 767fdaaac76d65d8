// SPDX-License-Identifier: Apache-2.0
// The smallest product: a detector with tutorial features as constants in flash, samples in, a decision out.
// What it needs of code and RAM is measured on the linked image.
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

#include "core/pipeline.hpp"
#include "tests/emulated/console.hpp"
#include "tutorial_tables.hpp"

namespace fettle::test {
namespace {

DetectorModel model;
std::array<std::int8_t, tutorial_tables::scratch_bytes> scratch;
using TutorialPipeline = BasicPipeline<Built::for_tutorial_set>;
alignas(TutorialPipeline) std::byte pipeline_memory[sizeof(TutorialPipeline)];

}  // namespace

int program() {
  if (!tutorial_tables::assemble(scratch, model)) return 1;
  auto& pipeline = *new (pipeline_memory) TutorialPipeline(model);
  std::uint32_t alarms = 0;
  RawSample raw{};
  for (std::uint32_t i = 0; i < 1280; ++i) {
    // Ten windows, of which the machine goes mad in the second half.
    const std::uint32_t loud = i < 640 ? 1 : 64;
    for (std::uint32_t axis = 0; axis < kMaxAxes; ++axis) {
      raw[axis] = static_cast<std::int16_t>((i * 37 + axis * 11) % 64 * loud);
    }
    const auto result = pipeline.push(std::int64_t{5000} * i, raw, {});
    if (result && result->alarm) ++alarms;
  }
  print("alarms ");
  print_number(alarms);
  print("\n");
  return alarms == 1 ? 0 : 1;
}

}  // namespace fettle::test
