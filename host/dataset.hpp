// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/recording.hpp"

namespace fettle::host {

/// Whether a label or the name of a recording may contain it: letters, digits and "-_.+".
[[nodiscard]] bool is_name_character(char c);

/// Whether a string may be a label or a name: one path component that no system mistakes.
[[nodiscard]] bool is_plain_name(std::string_view name);

/// The order in which people number files: runs of digits by value, so that 2 comes before 10.
[[nodiscard]] bool natural_less(std::string_view a, std::string_view b);

/// Rates that a data set may have.
inline constexpr double kLowestRate_hz = 0.1;
inline constexpr double kHighestRate_hz = 100'000.0;

/// How bad a fault is at a moment of a recording, in whatever unit; 0 is none.
struct SeverityPoint {
  double t_s = 0.0;  ///< since the recording's first row
  double severity = 0.0;
  friend bool operator==(const SeverityPoint&, const SeverityPoint&) = default;
};
/// Straight lines between points; none before the first, as at the last behind it.
/// @param points  in order of time; two at one time are a jump
[[nodiscard]] double severity_at(const std::vector<SeverityPoint>& points, double t_s);
/// When it begins: the last moment before which there is none. Without points 0.
[[nodiscard]] double onset_of(const std::vector<SeverityPoint>& points);
/// The same fault in what is left of a recording when its first `t_s` are cut off.
[[nodiscard]] std::vector<SeverityPoint> severity_from(const std::vector<SeverityPoint>& points,
                                                       double t_s);

/// One row of dataset.json.
struct RecordingEntry {
  std::string label;       ///< folder below the data set
  std::string name;        ///< file name without ".csv"
  std::string source;      ///< what was imported as one session: "folder" or "folder/file"
  std::string provenance;  ///< how it came here: "import motor.csv (accel m/s2 -> g ...)",
                           ///< "simulate fan ..."
  std::uint64_t rows = 0;
  std::uint64_t hash = 0;                    ///< SampleHash over all rows
  std::vector<SeverityPoint> severity = {};  ///< empty: not known

  /// "label/name", how people and messages name a recording.
  [[nodiscard]] std::string id() const { return label + "/" + name; }
};

/// A folder DATA/<label>/<recording>.csv with DATA/dataset.json (FORMATS.md).
class DataSet {
 public:
  /// Opens an existing data set. Throws Error(io) if there is none, Error(bad_input) if
  /// dataset.json is damaged or names a file that is not there. CSV files that dataset.json does
  /// not name are listed by `strangers()`, never silently used.
  [[nodiscard]] static DataSet open(const std::filesystem::path& folder);
  /// Whether there is one, also if it has yet to be made of a collection that was cut off.
  [[nodiscard]] static bool exists(const std::filesystem::path& folder);

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] double rate_hz() const { return rate_hz_; }
  [[nodiscard]] std::size_t axes() const { return axes_; }
  /// In order of label, source, then the order of recording (name order inside a source).
  [[nodiscard]] const std::vector<RecordingEntry>& recordings() const { return recordings_; }
  [[nodiscard]] std::filesystem::path path_of(const RecordingEntry& entry) const;
  /// Opens a recording. Throws what RecordingReader throws, and Error(bad_input) if the file has
  /// another number of axes than the data set.
  [[nodiscard]] RecordingReader read(const RecordingEntry& entry) const;
  /// Throws Error(bad_input) unless what was read of a recording is what dataset.json describes.
  void check_unchanged(const RecordingEntry& entry, std::uint64_t rows, std::uint64_t hash) const;
  [[nodiscard]] const std::vector<std::string>& strangers() const { return strangers_; }

 private:
  friend class DataSetUpdate;
  std::filesystem::path folder_;
  double rate_hz_ = 0;
  std::size_t axes_ = 0;
  std::vector<RecordingEntry> recordings_;
  std::vector<std::string> strangers_;
};

/// Adds recordings to a new or an existing data set: all or nothing. Recordings are written to a
/// staging folder inside the data set and moved in place by commit(); dataset.json is replaced
/// last. Whatever interrupts it, a full disk or kill -9, the data set is what it was before: the
/// next DataSet::open or DataSetUpdate takes away what is left over. One update at a time: a second
/// one is an Error(exists).
///
/// What cannot be had a second time, a collection, may be kept instead: then the next DataSet::open or
/// DataSetUpdate adds the whole rows that are there, as the recordings that they were going to be, and
/// says so in a note on standard error.
class DataSetUpdate {
 public:
  /// What becomes of recordings that commit() does not reach.
  enum class Unfinished : std::uint8_t { removed, kept };

  /// @param rate_hz nominal rate of everything added; an existing data set of another rate (more
  /// than
  ///        2 % away) or another number of axes is an Error(bad_input).
  /// @param least_rows of a recording that is worth keeping, if they are kept
  DataSetUpdate(const std::filesystem::path& folder, double rate_hz, std::size_t axes,
                Unfinished unfinished = Unfinished::removed, std::uint64_t least_rows = 1);
  ~DataSetUpdate();
  DataSetUpdate(const DataSetUpdate&) = delete;
  DataSetUpdate& operator=(const DataSetUpdate&) = delete;

  /// Starts a recording. Label and name must be one path component of letters, digits and "-_.+"
  /// (not starting with a dot). Throws Error(exists) if the data set has label/name already.
  [[nodiscard]] RecordingWriter& begin(const std::string& label, const std::string& name,
                                       const std::string& source, const std::string& provenance,
                                       const std::vector<SeverityPoint>& severity = {});
  /// Takes the recording begun last into the update.
  void end();
  /// Another recording of the data set with the very rows of the one that end() took last.
  [[nodiscard]] std::optional<std::string> copy_of_last() const;
  /// Forgets the recording begun last (too few rows).
  void discard();
  /// What was written so far is still where the next command looks for it.
  [[nodiscard]] bool is_there() const;
  /// Keeps nothing of this update after all.
  void abandon();
  /// Removes an existing recording in the same transaction (`fettle label` replaces by parts).
  void remove(const RecordingEntry& entry);
  /// Makes it all visible. Throws Error(io), or Error(exists) if a file has appeared where a recording
  /// was to be; the data set is then as it was. Recordings that are to be kept find a free name instead.
  /// @return what was added, under the names that it has
  std::vector<RecordingEntry> commit();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fettle::host
