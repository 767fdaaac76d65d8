// SPDX-License-Identifier: Apache-2.0
// The int8 engine alone, on the tables of the tutorial's network; what it needs of code and RAM is measured
// on the linked image. That its outputs are those of the file's network is bench.cpp's business.
#include <array>
#include <cstddef>
#include <cstdint>

#include "tests/emulated/console.hpp"
#include "tutorial_tables.hpp"

namespace fettle::test {
namespace {

std::array<std::int8_t, tutorial_tables::scratch_bytes> scratch;

}  // namespace

int program() {
  std::array<std::int8_t, 18> input{};
  std::array<std::int8_t, 18> output{};
  for (int run = 0; run < 3; ++run) {
    for (std::size_t i = 0; i < input.size(); ++i) {
      input[i] = static_cast<std::int8_t>(static_cast<int>(i) * 37 + run * 91);
    }
    Int8Network::run(tutorial_tables::layers, scratch, input, output);
    for (const std::int8_t code : output) print_hex(static_cast<std::uint8_t>(code), 2);
    print("\n");
  }
  return 0;
}

}  // namespace fettle::test
