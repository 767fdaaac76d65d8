// SPDX-License-Identifier: Apache-2.0
// Times parts of Fettle from the inside, for benchmarks/bench.py, one core, CPU time:
//   fettle-bench csv RECORDING            {"megabytes_per_second": ...}
//   fettle-bench score MODEL RECORDING    {"times_real_time": ..., "windows_per_second": ...}
//   fettle-bench judge MODEL RECORDING PASSES   {"windows": ...}: so much work and no more, for whoever
//                                               counts instructions
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/pipeline.hpp"
#include "host/model_file.hpp"
#include "host/recording.hpp"

namespace fettle {
namespace {

/// Long enough that the clock's step does not matter.
constexpr double kAtLeast_s = 1.0;

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

std::vector<TimedSample> read(const std::filesystem::path& file) {
  std::vector<TimedSample> samples;
  host::RecordingReader reader(file);
  for (auto block = reader.next_block(); !block.empty(); block = reader.next_block()) {
    samples.insert(samples.end(), block.begin(), block.end());
  }
  return samples;
}

/// Reading as `fettle train` does it: every row validated, samples handed on in blocks. The file is
/// in the page cache after the first pass, which is not counted.
void csv(const std::filesystem::path& file) {
  double checksum = static_cast<double>(read(file).size());
  std::size_t passes = 0;
  const double start = cpu_seconds();
  double spent = 0.0;
  do {
    host::RecordingReader reader(file);
    for (auto block = reader.next_block(); !block.empty(); block = reader.next_block()) {
      checksum += static_cast<double>(block.back().sample.axis[0]);
    }
    ++passes;
    spent = cpu_seconds() - start;
  } while (spent < kAtLeast_s);
  const double megabytes =
      static_cast<double>(std::filesystem::file_size(file)) * static_cast<double>(passes) / 1e6;
  std::printf("{\"megabytes_per_second\": %.6g, \"checksum\": %.6g}\n", megabytes / spent,
              checksum);
}

/// Samples in memory to verdicts: windows, features, network, score, decision, alarm line.
void score(const std::filesystem::path& model_path, const std::filesystem::path& file) {
  const auto model = host::ModelFile::open_detector(model_path);
  const auto samples = read(file);
  const WindowShape window = model->detector().window;
  std::size_t windows = 0;
  double checksum = 0.0;  // keeps the work from being optimised away
  const double start = cpu_seconds();
  double spent = 0.0;
  do {
    Pipeline pipeline(model->detector());
    for (const TimedSample& sample : samples) {
      if (const auto result = pipeline.push(sample)) {
        checksum += static_cast<double>(result->score);
        ++windows;
      }
    }
    spent = cpu_seconds() - start;
  } while (spent < kAtLeast_s);
  const double rate = static_cast<double>(windows) / spent;
  std::printf("{\"times_real_time\": %.6g, \"windows_per_second\": %.6g, \"checksum\": %.6g}\n",
              rate * window.seconds(), rate, checksum);
}

void judge(const std::filesystem::path& model_path, const std::filesystem::path& file, int passes) {
  const auto model = host::ModelFile::open_detector(model_path);
  const auto samples = read(file);
  std::size_t windows = 0;
  double checksum = 0.0;
  for (int pass = 0; pass < passes; ++pass) {
    Pipeline pipeline(model->detector());
    for (const TimedSample& sample : samples) {
      if (const auto result = pipeline.push(sample)) {
        checksum += static_cast<double>(result->score);
        ++windows;
      }
    }
  }
  std::printf("{\"windows\": %zu, \"checksum\": %.6g}\n", windows, checksum);
}

}  // namespace
}  // namespace fettle

int main(int count, char** arguments) {
  try {
    const std::string_view what = count > 1 ? arguments[1] : "";
    if (what == "csv" && count == 3) {
      fettle::csv(arguments[2]);
    } else if (what == "score" && count == 4) {
      fettle::score(arguments[2], arguments[3]);
    } else if (what == "judge" && count == 5) {
      fettle::judge(arguments[2], arguments[3], std::atoi(arguments[4]));
    } else {
      std::fputs(
          "fettle-bench csv RECORDING | score MODEL RECORDING | judge MODEL RECORDING PASSES\n",
          stderr);
      return 2;
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fettle-bench: %s\n", error.what());
    return 3;
  }
}
