// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "host/dataset.hpp"

namespace fettle::host {

/// How a quantity moved from the start of a recording to its end. All zero where it cannot be told.
struct Drift {
  double first = 0;   ///< over the first tenth
  double last = 0;    ///< over the last tenth
  double lowest = 0;  ///< of smoothed values along the way
  double highest = 0;
};

/// What one recording is like, or several of one session in order.
struct Health {
  std::string label;
  std::string name;  ///< recording, or source where there are several
  std::uint64_t recordings = 0;
  std::uint64_t rows = 0;
  double seconds = 0;  ///< rows at the nominal rate
  std::uint64_t windows = 0;

  double rate_hz = 0;          ///< 1 / mean step without gaps
  double jitter_us = 0;        ///< standard deviation of those steps
  double longest_step_us = 0;  ///< of those steps
  std::uint64_t gaps = 0;      ///< steps of more than 1.5 periods within a recording
  double missing_s = 0;        ///< time lost in them
  std::int64_t first_gap_row = -1;
  double longest_gap_s = 0;
  std::uint64_t backwards = 0;     ///< steps back in time
  std::uint64_t windows_lost = 0;  ///< to gaps and steps back

  std::uint64_t repeated_rows = 0;         ///< all axes as in the row before
  std::array<std::uint64_t, 6> still{};    ///< longest run of one value on an axis, rows
  std::array<std::uint64_t, 6> clipped{};  ///< samples at the rail
  std::array<double, 2> rail{};            ///< full scale met, g and deg/s; 0: not met
  std::array<std::uint64_t, 6> spikes{};   ///< single samples far from agreeing neighbours
  double magnitude_g = 0;                  ///< median of |a|
  Drift level_g;                           ///< root mean square of the vibration
  Drift speed_hz;                          ///< strongest frequency of the vibration
};

/// Something that a person should know before training on the data.
struct Finding {
  bool matters = false;  ///< it changes what a detector learns; otherwise a remark
  std::string where;     ///< label/name
  std::string text;      ///< what was found, and what to do
};

struct Inspection {
  std::vector<Health> parts;      ///< one for each label and source, or for each recording
  std::vector<Finding> findings;  ///< those that matter first
};

/// Reads every recording of a data set once; memory does not grow with them (16 bytes for each 1024
/// rows). @param each_recording one part for each recording instead of each source
/// Throws what RecordingReader throws. A recording that is not what dataset.json says (rows, hash) is
/// a finding.
[[nodiscard]] Inspection inspect(const DataSet& data, std::uint32_t window_samples,
                                 bool each_recording);

}  // namespace fettle::host
