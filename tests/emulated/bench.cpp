// SPDX-License-Identifier: Apache-2.0
// Counts instructions on a Cortex-M4: QEMU with `-icount shift=6` lets each take 64 ns of virtual time, which
// the SysTick timer counts in steps of 40 ns (25 MHz). A call is made many times and the empty loop taken off.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/features/extractor.hpp"
#include "core/model/detector_model.hpp"
#include "core/sensor/raw_sample.hpp"
#include "tests/emulated/console.hpp"
#include "tests/emulated/journey_data.hpp"
#include "tutorial_tables.hpp"

namespace fettle::test {
namespace {

volatile std::uint32_t& at(std::uintptr_t address) {
  return *reinterpret_cast<volatile std::uint32_t*>(address);
}
constexpr std::uintptr_t kControl = 0xE000E010;  // ARMv7-M, B3.3
constexpr std::uintptr_t kReload = 0xE000E014;
constexpr std::uintptr_t kValue = 0xE000E018;
constexpr std::uint32_t kMost = 0xFFFFFF;

/// Instructions of so many calls, with those of the loop.
template <typename Prepare, typename Call>
[[gnu::noinline]] std::uint64_t instructions(std::uint32_t calls, Prepare prepare, Call call) {
  at(kReload) = kMost;
  at(kValue) = 0;
  at(kControl) = 5;  // on, processor's clock
  const std::uint32_t before = at(kValue);
  for (std::uint32_t i = 0; i < calls; ++i) {
    prepare(i);
    asm volatile("" : : : "memory");
    call();
  }
  const std::uint32_t after = at(kValue);
  return std::uint64_t{(before - after) & kMost} * 40 / 64;
}

/// Prints what one call takes, in tenths, rounded up.
template <typename Prepare, typename Call>
void report(std::string_view what, std::uint32_t calls, Prepare prepare, Call call) {
  const std::uint64_t without = instructions(calls, prepare, [] {});
  const std::uint64_t all = instructions(calls, prepare, call);
  const auto tenths = static_cast<std::int64_t>(((all - without) * 10 + calls - 1) / calls);
  print(what);
  print(" ");
  print_number(tenths / 10);
  print(".");
  print_number(tenths % 10);
  print("\n");
}

DetectorModel model;
alignas(4) std::array<std::byte, 1024> workspace;

}  // namespace

int program() {
  if (!load_detector(tutorial_model(), workspace, model).ok()) return 1;
  // What export --c-tables writes is what the file's network computes.
  std::array<std::int8_t, tutorial_tables::scratch_bytes> scratch;
  for (std::uint32_t run = 0; run < 200; ++run) {
    std::array<std::int8_t, 18> in;
    std::array<std::int8_t, 18> of_tables;
    std::array<std::int8_t, 18> of_file;
    for (std::uint32_t i = 0; i < 18; ++i) in[i] = static_cast<std::int8_t>(run * 29 + i * i * 7);
    Int8Network::run(tutorial_tables::layers, scratch, in, of_tables);
    model.network.run(in, of_file);
    if (of_tables != of_file) return 1;
  }

  // The clock itself: these are a hundred.
  report(
      "hundred", 1000, [](std::uint32_t) {}, [] { asm volatile(".rept 100\n nop\n .endr"); });
  std::array<std::int8_t, 18> input{};
  std::array<std::int8_t, 18> output{};
  report(
      "inference", 1000, [&](std::uint32_t i) { input[i % 18] = static_cast<std::int8_t>(i * 41); },
      [&] { model.network.run(input, output); });

  FeatureExtractor extractor(model.features);
  RawSample raw{};
  std::array<float, 18> features{};
  report(
      "sample", 4000,
      [&](std::uint32_t i) {
        raw[i % 6] = static_cast<std::int16_t>(i * 4711);
        if (i % 128 == 0) extractor.restart();
      },
      [&] { extractor.add(raw, {}); });
  report(
      "window", 100, [](std::uint32_t) {}, [&] { extractor.finish(features); });
  return 0;
}

}  // namespace fettle::test
