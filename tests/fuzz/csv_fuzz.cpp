// SPDX-License-Identifier: Apache-2.0
// Any bytes as a recording and as a table to import: an Error or samples, never anything else.
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "host/error.hpp"
#include "host/recording.hpp"
#include "host/table.hpp"

namespace {

using namespace fettle;
using namespace fettle::host;

void require(bool condition) {
  if (!condition) std::abort();
}

void read_recording(const std::filesystem::path& file) {
  try {
    RecordingReader reader(file);
    require(reader.axes() == 3 || reader.axes() == 6);
    SampleHash hash(reader.axes());
    for (auto block = reader.next_block(); !block.empty(); block = reader.next_block()) {
      hash.add(block);
      for (const TimedSample& row : block) {
        for (const float value : row.sample.axis) require(std::isfinite(value));
      }
    }
  } catch (const Error& error) {
    require(error.code == ExitCode::bad_input);
  }
}

void read_table(const std::filesystem::path& file, const char* columns, bool skip_bad_rows) {
  try {
    std::vector<std::string> notes;
    const TableLayout layout = find_layout(file, columns, notes);
    if (layout.columns == 0) return;
    TableReader table(file, layout, skip_bad_rows);
    TableRow row;
    while (table.next(row)) {
      require(std::isfinite(row.time));
      for (std::size_t axis = 0; axis < layout.axes; ++axis) require(std::isfinite(row.axis[axis]));
      require(!layout.has_label() || !row.label.empty());
    }
  } catch (const Error& error) {
    require(error.code == ExitCode::bad_input || error.code == ExitCode::usage);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A file in memory, under a name that the readers can open.
  static const int file = memfd_create("csv_fuzz", 0);
  static const std::string name = "/proc/self/fd/" + std::to_string(file);
  require(ftruncate(file, 0) == 0);
  require(pwrite(file, data, size, 0) == static_cast<ssize_t>(size));
  read_recording(name);
  read_table(name, "", false);
  read_table(name, "", true);
  read_table(name, "t,ax,ay,az,-,label", true);
  return 0;
}
