// SPDX-License-Identifier: Apache-2.0
// Prints a digest of what some machines of the simulated fleet deliver, and of the truth about it;
// with a file, compares and says so. The fleet on which detectors are judged does not change unseen.
//
//   fleet_digest [tests/support/fleet_digest.txt]
#include <cinttypes>
#include <cstdio>
#include <string>

#include "simulator/fleet/stream.hpp"
#include "tests/support/simulated.hpp"

namespace {

using namespace fettle;
using namespace fettle::simulator;

std::string digests() {
  std::string lines = "# fleet_digest: machine disturbance rate life base digest\n";
  const auto add = [&lines](int index, double disturbance, double rate_hz, const char* name,
                            auto life_of) {
    const FleetMachine machine = draw_machine(1, index, disturbance);
    FleetLife life = life_of(machine);
    FleetStream stream(machine, life, {.rate_hz = rate_hz});
    test::SampleDigest digest;
    FleetBlock block;
    for (int i = 0; i < 15'000 && stream.next(block); ++i) {  // ten minutes
      for (const TimedSample& sample : block.samples) digest.add(sample);
      const FleetTruth& is = block.truth;
      TimedSample truth;
      truth.t_us = static_cast<std::int64_t>(is.state) * 64 + is.set_point * 16 + is.remounts * 4 +
                   is.knock * 2 + is.neighbour;
      truth.sample.axis = {static_cast<float>(is.shaft_hz), static_cast<float>(is.load),
                           static_cast<float>(is.trend),    static_cast<float>(is.severity),
                           static_cast<float>(is.celsius),  static_cast<float>(is.time_s)};
      digest.add(truth);
    }
    char line[96];
    std::snprintf(line, sizeof line, "%d %g %g %s %.12g %016" PRIx64 "\n", index, disturbance,
                  rate_hz, name, machine.set_point[0].base_mm_s, digest.value());
    lines += line;
  };
  add(0, 1, 200, "baseline", baseline);
  add(1, 1, 200, "normal", [](const FleetMachine& m) { return normal(m, 0.01); });
  add(3, 2, 200, "normal", [](const FleetMachine& m) { return normal(m, 0.01); });
  add(7, 1, 1000, "baseline", baseline);
  add(8, 1, 200, "remounted", [](const FleetMachine& m) { return remounted(m, 0.001); });
  // Days are pressed into minutes, or the fault would not be seen.
  for (const FaultKind fault :
       {FaultKind::imbalance, FaultKind::bearing, FaultKind::loose, FaultKind::misalignment}) {
    add(4, 1, 200, "growing", [fault](const FleetMachine& m) {
      FleetLife life = growing(m, fault);
      life.schedule.faults[0].from_s = 60;
      life.schedule.faults[0].ramp_s = 400;
      return life;
    });
  }
  return lines;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string found = digests();
  if (argc < 2) {
    std::fputs(found.c_str(), stdout);
    return 0;
  }
  std::FILE* file = std::fopen(argv[1], "rb");
  if (file == nullptr) {
    std::fprintf(stderr, "fleet_digest: cannot read %s\n", argv[1]);
    return 2;
  }
  std::string expected(found.size() + 1, '\0');
  expected.resize(std::fread(expected.data(), 1, expected.size(), file));
  std::fclose(file);
  if (expected == found) return 0;
  std::fprintf(stderr, "fleet_digest: the fleet's bits changed.\nExpected:\n%s\nFound:\n%s",
               expected.c_str(), found.c_str());
  return 1;
}
