// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "host/dataset.hpp"
#include "host/line/collector.hpp"

namespace fettle::host {

struct CardOptions {
  std::filesystem::path file;  ///< the log, copied from the card or on it
  std::filesystem::path data;  ///< the data set, made if there is none
  std::string label;           ///< for all recordings; empty: as each was labelled on the board
  bool force = false;          ///< also what cannot be called normal
  std::uint32_t window_samples = 128;  ///< a recording with fewer rows is left out
};

struct CardRecording {
  RecordingEntry entry;
  std::string board;  ///< name and id
  CollectionCounts counts;
  bool ended = false;  ///< with an end record; otherwise power or card was lost
};

struct CardReport {
  std::vector<CardRecording> recordings;
  std::vector<std::string> boards;  ///< name and id of each
  std::uint64_t records = 0;        ///< whole ones
  std::uint64_t events = 0;
  std::uint64_t repeated = 0;         ///< that stand there a second time in a row: ignored
  std::uint64_t damaged = 0;          ///< places where no record could be read
  std::uint64_t missing = 0;          ///< records that the sequence numbers say there should be
  std::vector<std::string> damage;    ///< the first of them, by offset and reason
  std::vector<std::string> already;   ///< ids of those that the data set has, bit for bit
  std::vector<std::string> notes;     ///< what else should be known, a sentence each
  std::vector<std::string> left_out;  ///< recordings that were not imported, each with its reason
};

/// Reads a card's log (FORMATS.md) and adds the recordings on it to a data set, all of these or none.
/// What is torn or damaged is skipped and named. A recording is left out and named if its label
/// cannot name a folder, or its rate is impossible, or another than that of the data set or of the
/// first recording. What the data set has already is skipped; a recording of the same name with other
/// rows, read while it was still being made, comes in under a name of its own. Throws Error(bad_input) with the offset if this is no log of Fettle or one of
/// another version; with nothing to import Error(usage) if a label is all that is missing,
/// Error(bad_input) for rates, Error(too_little_data) without a whole window.
[[nodiscard]] CardReport import_card(const CardOptions& options);

/// "off, clipped or stuck" as one error: what was found, and what to do. Empty if nothing.
[[nodiscard]] std::string refusal(const std::string& what, const CollectionCounts& counts);

}  // namespace fettle::host
