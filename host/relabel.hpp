// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "host/dataset.hpp"

namespace fettle::host {

/// Microseconds of "HH:MM:SS[.mmm]", "MM:SS[.mmm]" or "SS[.mmm]"; negative if it is none of them.
[[nodiscard]] std::int64_t parse_clock_us(const std::string& text);
/// "HH:MM:SS.mmm"
[[nodiscard]] std::string clock_text(std::int64_t t_us);

/// A recording and where its first row was in the one that it was cut from.
struct RecordingPart {
  RecordingEntry entry;
  std::int64_t from_us = 0;
};

/// Cuts the rows from `from_us` up to but not including `to_us` (since the first row) out of a
/// recording and puts them under another label: up to three recordings, none of the rows lost, all
/// or nothing. What is before keeps the name; the others get "-2", "-3" where a name is taken.
/// @param recording "name" or "label/name"
/// @return the parts in order of time
/// Throws Error(usage) if the recording is not known or not unique, or the times make no sense.
[[nodiscard]] std::vector<RecordingPart> relabel(const std::filesystem::path& folder,
                                                 const std::string& recording, std::int64_t from_us,
                                                 std::int64_t to_us, const std::string& label);

}  // namespace fettle::host
