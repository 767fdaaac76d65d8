// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "host/dataset.hpp"

namespace fettle::host {

/// What `fettle import` was asked for.
struct ImportOptions {
  std::vector<std::filesystem::path> sources;  ///< files, and folders of *.csv
  std::filesystem::path data;                  ///< the data set, made if there is none
  std::string label;                           ///< empty: from a label column
  double rate_hz = 0;  ///< 0: from the time stamps; without those the data set's, or 200
  std::string
      columns;        ///< roles of the file's columns in order, "t,ax,ay,az,-,label"; empty: guess
  std::string units;  ///< "g,dps,us" in any order, any number; what is missing is guessed
  bool skip_bad_rows = false;
  std::uint32_t window_samples = 128;  ///< a recording with fewer rows is left out
};

/// What it did.
struct ImportReport {
  std::vector<RecordingEntry> recordings;  ///< those added, in order of import
  double rate_hz = 0;                      ///< the data set's
  std::size_t axes = 0;
  std::uint64_t files = 0;
  std::uint64_t rows = 0;
  std::uint64_t windows = 0;
  std::uint64_t bad_rows = 0;          ///< left out by --skip-bad-rows
  std::vector<std::string> too_short;  ///< recordings with fewer rows than a window
  std::vector<std::string> notes;      ///< what was taken for what
  std::vector<std::string> warnings;   ///< guesses that change the physics; several lines each
};

/// Reads tables as people have them (see `fettle import --help` and FORMATS.md) and adds them to a
/// data set: all of them or, with an Error, none. Throws Error(bad_input) with file and line,
/// Error(usage) for options that contradict each other or the files, Error(exists),
/// Error(too_little_data) when no file holds a window, Error(io).
[[nodiscard]] ImportReport import_recordings(const ImportOptions& options);

}  // namespace fettle::host
