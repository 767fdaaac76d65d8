// SPDX-License-Identifier: Apache-2.0
// Prints a digest of what some simulated machines deliver; with a file, compares and says so. Needs
// nothing but the machine, so that every processor with a compiler and an emulator can run it.
//
//   machine_digest [tests/support/machine_digest.txt]
#include <cinttypes>
#include <cstdio>
#include <string>

#include "tests/support/simulated.hpp"

namespace {

using namespace fettle;

std::string digests() {
  std::string lines = "# machine_digest: rate seed session fault digest\n";
  const auto add = [&lines](double rate_hz, std::uint64_t seed, std::uint64_t session,
                            const char* name, const simulator::Faults& faults) {
    simulator::MachineConfig config;
    config.rate_hz = rate_hz;
    config.session = session;
    config.faults = faults;
    simulator::Machine machine(config, seed);
    test::SampleDigest digest;
    for (int i = 0; i < 4000; ++i) digest.add(machine.next());
    char line[96];
    std::snprintf(line, sizeof line, "%g %" PRIu64 " %" PRIu64 " %s %016" PRIx64 "\n", rate_hz,
                  seed, session, name, digest.value());
    lines += line;
  };
  using simulator::BearingDefect;
  for (const std::uint64_t seed : {0ULL, 1ULL, 0xFFFFFFFFFFFFFFFFULL}) {
    add(200, seed, 0, "none", {});
    add(200, seed, 1, "imbalance", {.imbalance = 1});
    add(200, seed, 2, "outer", {.bearing = 1});
    add(200, seed, 3, "inner", {.bearing = 1, .defect = BearingDefect::inner_race});
    add(200, seed, 4, "ball", {.bearing = 1, .defect = BearingDefect::ball});
    add(200, seed, 5, "loose", {.loose = 1});
    add(200, seed, 6, "misalignment", {.misalignment = 1});
    add(1000, seed, 7, "all", {1, 1, 1, 1});
    add(31.25, seed, 8, "all", {1, 1, 1, 1});
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
    std::fprintf(stderr, "machine_digest: cannot read %s\n", argv[1]);
    return 2;
  }
  std::string expected(found.size() + 1, '\0');
  expected.resize(std::fread(expected.data(), 1, expected.size(), file));
  std::fclose(file);
  if (expected == found) return 0;
  std::fprintf(stderr, "machine_digest: the machine's bits changed.\nExpected:\n%s\nFound:\n%s",
               expected.c_str(), found.c_str());
  return 1;
}
