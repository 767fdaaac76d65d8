// SPDX-License-Identifier: Apache-2.0
// Any bytes as a model file: refused, or they run. Inputs with Fettle's marks are sealed again after
// each mutation, so that what lies behind the checksum is reached as well.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/learn/model_writer.hpp"
#include "core/pipeline.hpp"
#include "detector_generated.h"
#include "tests/support/hand_made.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  const std::size_t result = LLVMFuzzerMutate(data, size, most);
  if (seed % 8 != 0) {
    fettle::test::AlignedBytes file(std::span<const std::uint8_t>(data, result));
    if (fettle::seal(file.edit())) std::ranges::copy(file.view(), data);
  }
  return result;
}

namespace {

using namespace fettle;

void run(const Int8Network& network, std::uint64_t seed) {
  std::vector<std::int8_t> input(network.inputs());
  std::vector<std::int8_t> output(network.outputs());
  Random random(seed);
  for (int row = 0; row < 3; ++row) {
    for (auto& code : input) {
      const int any = static_cast<int>(random.below(256)) - 128;
      code = static_cast<std::int8_t>(row == 0 ? -128 : row == 1 ? 127 : any);
    }
    network.run(input, output);
  }
  for (const auto& layer : network.layers()) {
    if (layer.lowest < -128 || layer.outputs == 0) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const test::AlignedBytes file(std::span<const std::uint8_t>(data, size));
  const std::size_t needed = Int8Network::workspace_bytes(file.view());
  if (needed > kMostWorkspace) __builtin_trap();
  std::vector<std::byte> workspace(needed);

  const metadata::DetectorRecord* record = nullptr;
  const Fault record_fault = find_record(file.view(), record);
  Int8Network network;
  const Fault fault = Int8Network::load(file.view(), workspace, network);
  if (fault.status == Status::workspace_too_small) __builtin_trap();  // it is an upper bound
  if (fault.offset > size || record_fault.offset > size) __builtin_trap();
  if (fault.ok()) run(network, size);

  DetectorModel model;
  if (!load_detector(file.view(), workspace, model).ok()) return 0;
  // A file that passes the door judges a stream without a second look.
  Pipeline pipeline(model);
  for (int i = 0; i < 300; ++i) {
    TimedSample sample;
    sample.t_us = static_cast<std::int64_t>(i) * 5000;
    sample.sample.axis = {0.1F, -0.2F, 1.0F, 3.0F, static_cast<float>(i), -250.0F};
    (void)pipeline.push(sample);
  }
  const auto& training = *model.record->training();
  std::uint64_t sum = training.version()->size() + training.normal_label()->size();
  for (const auto* used : *training.used()) sum += used->hash() + used->rows();
  for (const std::uint16_t units : *training.hidden()) sum += units;
  return sum == 0x123456789ABCDEFU ? 1 : 0;
}
