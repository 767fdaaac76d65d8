// SPDX-License-Identifier: Apache-2.0
// The PC itself, with which the bare machines are compared. Files are read from the current folder.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "tests/emulated/console.hpp"
#include "tests/emulated/journey_data.hpp"
#include "tests/support/hand_made.hpp"

namespace fettle::test {
namespace {

std::span<const std::uint8_t> bytes_of(const std::string& file) {
  static std::map<std::string, AlignedBytes> files;
  const auto known = files.find(file);
  if (known != files.end()) return known->second.view();
  std::ifstream in(file, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
  if (bytes.empty()) {
    std::fprintf(stderr, "%s is not here: record_journey writes it\n", file.c_str());
    std::exit(1);
  }
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return files.emplace(file, AlignedBytes({data, bytes.size()})).first->second.view();
}

}  // namespace

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

std::span<const std::uint8_t> tutorial_model() { return bytes_of("tutorial.tflite"); }
std::span<const std::uint8_t> tutorial_recording() { return bytes_of("tutorial.recording"); }
std::span<const std::uint8_t> vibration_model() { return bytes_of("vibration.tflite"); }
std::span<const std::uint8_t> vibration_recording() { return bytes_of("vibration.recording"); }

}  // namespace fettle::test

int main() { return fettle::test::program(); }
