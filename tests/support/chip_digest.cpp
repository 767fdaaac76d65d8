// SPDX-License-Identifier: Apache-2.0
// Prints a digest of what the bus of some chips on scheduled machines carries. Needs nothing but the
// simulator, so that every processor with a compiler and an emulator can run it.
#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <utility>

#include "simulator/mpu6050_chip/chip.hpp"
#include "simulator/scheduled_source.hpp"

namespace {

using namespace fettle::simulator;
using Kind = ChipFault::Kind;

Schedule eventful() {
  Schedule schedule;
  schedule.speeds = {{.at_s = 6, .speed = 0, .ramp_s = 3}, {.at_s = 10, .speed = 1.3, .ramp_s = 2}};
  schedule.loads = {{.at_s = 3, .load = 1.5, .ramp_s = 1}};
  schedule.faults = {
      {.which = FaultKind::imbalance, .from_s = 1, .ramp_s = 4},
      {.which = FaultKind::bearing, .from_s = 2, .defect = BearingDefect::inner_race},
      {.which = FaultKind::loose, .from_s = 3},
      {.which = FaultKind::misalignment, .from_s = 4}};
  schedule.neighbours = {{.from_s = 1, .until_s = 8}};
  schedule.knocks = {{.at_s = 2.5}};
  schedule.temperatures = {{.at_s = 0, .celsius = 20}, {.at_s = 15, .celsius = 45}};
  schedule.remounts = {{.at_s = 5, .x_deg = 30, .y_deg = 20, .z_deg = 10}};
  return schedule;
}

std::uint64_t digest(std::uint64_t seed, std::uint8_t dlpf, std::uint8_t divider, bool faulty) {
  MachineConfig machine;
  machine.session = seed;
  ScheduledSource source(machine, seed, eventful());
  ChipConfig config = typical_chip(seed);
  config.collect_violations = true;
  Mpu6050Chip chip(config, source);
  if (faulty) {
    chip.inject({.kind = Kind::nack, .probability = 0.01});
    chip.inject({.kind = Kind::stuck_axis, .from_us = 3'000'000, .probability = 0.5, .axis = 2});
    chip.inject({.kind = Kind::fifo_corruption, .probability = 0.01});
    chip.inject({.kind = Kind::torn_read, .probability = 0.1});
  }
  chip.advance_to(100'000);
  const auto write = [&chip](std::uint8_t reg, std::uint8_t value) {
    while (chip.write(0x68, reg, value) != BusAnswer::ok) {
    }
  };
  write(0x6B, 0x01);
  write(0x1A, dlpf);
  write(0x19, divider);
  write(0x38, 0x01);
  write(0x23, 0xF8);
  write(0x6A, 0x40);

  std::uint64_t hash = 0xCBF29CE484222325ULL;
  const auto add = [&hash](std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001B3ULL;
  };
  std::array<std::uint8_t, 256> bytes{};
  for (std::int64_t t_us = 100'000; t_us < 15'000'000; t_us += 10'000) {
    chip.advance_to(t_us);
    const std::span<std::uint8_t> measurements = std::span(bytes).first(14);
    if (chip.read(0x68, 0x3B, measurements) == BusAnswer::ok) add(measurements);
    while (chip.fifo_bytes() > 0) {
      const auto packet = std::span(bytes).first(std::min<std::size_t>(chip.fifo_bytes(), 256));
      if (chip.read(0x68, 0x74, packet) == BusAnswer::ok) add(packet);
    }
  }
  const std::uint32_t interrupts = chip.interrupt().count;
  return (hash ^ interrupts) * 0x100000001B3ULL;
}

}  // namespace

int main() {
  std::puts("# chip_digest: seed dlpf divider faulty digest");
  for (const std::uint64_t seed : {0ULL, 1ULL, 0xFFFFFFFFFFFFFFFFULL}) {
    for (const auto& [dlpf, divider] : {std::pair<int, int>{2, 4}, {0, 7}, {6, 0}}) {
      for (const bool faulty : {false, true}) {
        std::printf("%" PRIu64 " %d %d %d %016" PRIx64 "\n", seed, dlpf, divider, faulty,
                    digest(seed, static_cast<std::uint8_t>(dlpf),
                           static_cast<std::uint8_t>(divider), faulty));
      }
    }
  }
  return 0;
}
