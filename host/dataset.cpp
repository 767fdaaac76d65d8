// SPDX-License-Identifier: Apache-2.0
#include "host/dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "host/error.hpp"
#include "host/platform/files.hpp"
#include "host/platform/interrupt.hpp"
#include "host/text.hpp"

namespace fettle::host {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr std::size_t kLongestName = 200;  // most file systems allow 255 bytes with the suffix
constexpr std::uintmax_t kLargestJson = 256U << 20U;
constexpr const char* kIndex = "dataset.json";
constexpr std::uint64_t kMostLeastRows = 1'000'000;     // no window is longer
constexpr std::uint64_t kMostRows = 1'000'000'000'000;  // 158 years at 200 Hz
constexpr std::uintmax_t kLongestTornRow = 4096;
constexpr const char* kStaging = ".fettle-staging";     // and in it:
constexpr const char* kNew = "new";                     //   recordings on their way in
constexpr const char* kOld = "old";                     //   recordings on their way out
constexpr const char* kAdded = "added";                 //   label/name of each new one, one a line
constexpr const char* kUnfinished = "unfinished.json";  //   what to make of new/ when cut off
constexpr const char* kRemovable = "removable";         //   new/ can be had again, or was dropped

fs::path file_of(const fs::path& folder, const std::string& label, const std::string& name) {
  return folder / label / (name + ".csv");
}

[[noreturn]] void refuse_index(const fs::path& folder, std::string_view why) {
  throw Error(ExitCode::bad_input,
              fmt::format("{}: {}. Restore the file from a backup, or import the recordings into a "
                          "new data set",
                          (folder / kIndex).string(), why));
}

/// How far the rate of what is added may be away from that of the data set.
bool same_rate(double ours_hz, double other_hz) {
  return std::abs(ours_hz - other_hz) <= 0.02 * ours_hz;
}

struct Index {
  double rate_hz = 0;
  std::size_t axes = 0;
  std::vector<RecordingEntry> recordings;
};

std::string to_json(const Index& index) {
  Json json = {{"format", kFormat},
               {"rate_hz", index.rate_hz},
               {"axes", index.axes},
               {"units", {{"t", "us"}, {"acceleration", "g"}, {"rotation", "deg/s"}}},
               {"recordings", Json::array()}};
  for (const RecordingEntry& entry : index.recordings) {
    json["recordings"].push_back({{"label", entry.label},
                                  {"name", entry.name},
                                  {"source", entry.source},
                                  {"rows", entry.rows},
                                  {"hash", fmt::format("{:016x}", entry.hash)},
                                  {"provenance", entry.provenance}});
    for (const SeverityPoint& point : entry.severity) {
      json["recordings"].back()["severity"].push_back({point.t_s, point.severity});
    }
  }
  // A folder's name need not be UTF-8; what is not is shown as such.
  return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::uint64_t hash_from(const std::string& text) {
  std::uint64_t hash = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), hash, 16);
  if (text.size() != 16 || error != std::errc() || end != text.data() + text.size()) {
    throw std::invalid_argument("a hash is 16 hexadecimal digits, found \"" + text + "\"");
  }
  return hash;
}

std::vector<SeverityPoint> severity_from(const Json& json) {
  constexpr std::size_t kMostPoints = 1000;
  constexpr const char* kExpected =
      "severity is [[seconds, severity], ...] in order of time, none below 0";
  std::vector<SeverityPoint> points;
  if (!json.is_array() || json.size() > kMostPoints) throw std::invalid_argument(kExpected);
  for (const Json& pair : json) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number() || !pair[1].is_number()) {
      throw std::invalid_argument(fmt::format("{}, found {}", kExpected, pair.dump()));
    }
    const SeverityPoint point{pair[0].get<double>(), pair[1].get<double>()};
    const double before_s = points.empty() ? 0.0 : points.back().t_s;
    if (!(point.t_s >= before_s && point.t_s <= 1e9 && point.severity >= 0.0 &&
          point.severity <= 1e9)) {
      throw std::invalid_argument(fmt::format("{}, found {}", kExpected, pair.dump()));
    }
    points.push_back(point);
  }
  return points;
}

/// Everything that can be wrong in dataset.json is found here, so that nobody asks again.
Index read_index(const fs::path& folder) {
  const fs::path file = folder / kIndex;
  std::error_code error;
  const std::uintmax_t size = fs::file_size(file, error);
  if (error && fs::is_regular_file(folder)) {
    throw Error(ExitCode::io, folder.string() +
                                  ": expected a data set, which is a folder, found a file. Are the "
                                  "arguments in the right order?");
  }
  if (error) {
    throw Error(ExitCode::io,
                fmt::format("{}: no data set here ({}: {}). `fettle import` or `fettle simulate` "
                            "makes one",
                            folder.string(), kIndex, error.message()));
  }
  if (size > kLargestJson) refuse_index(folder, "larger than any data set that Fettle writes");
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) throw Error(ExitCode::io, file.string() + ": cannot read it");

  Index index;
  try {
    const Json json = Json::parse(text.str());
    if (const auto format = json.at("format").get<std::int64_t>(); format != kFormat) {
      refuse_index(folder, fmt::format("format {} is not known, this program reads {}; a newer "
                                       "Fettle wrote it",
                                       format, kFormat));
    }
    index.rate_hz = json.at("rate_hz").get<double>();
    index.axes = json.at("axes").get<std::size_t>();
    for (const Json& row : json.at("recordings")) {
      RecordingEntry entry;
      entry.label = row.at("label").get<std::string>();
      entry.name = row.at("name").get<std::string>();
      entry.source = row.at("source").get<std::string>();
      entry.provenance = row.at("provenance").get<std::string>();
      if (!row.at("rows").is_number_unsigned() || row.at("rows") > kMostRows) {
        throw std::invalid_argument("rows is " + row.at("rows").dump() + ", expected a count");
      }
      entry.rows = row.at("rows").get<std::uint64_t>();
      entry.hash = hash_from(row.at("hash").get<std::string>());
      if (row.contains("severity")) entry.severity = severity_from(row.at("severity"));
      index.recordings.push_back(std::move(entry));
    }
  } catch (const Json::exception& problem) {
    refuse_index(folder, fmt::format("damaged: {}", problem.what()));
  } catch (const std::invalid_argument& problem) {
    refuse_index(folder, fmt::format("damaged: {}", problem.what()));
  }
  if (!(index.rate_hz >= kLowestRate_hz && index.rate_hz <= kHighestRate_hz)) {
    refuse_index(folder, fmt::format("damaged: rate_hz is {}, expected {} to {}", index.rate_hz,
                                     kLowestRate_hz, kHighestRate_hz));
  }
  if (index.axes != 3 && index.axes != 6) {
    refuse_index(folder, fmt::format("damaged: axes is {}, expected 3 or 6", index.axes));
  }
  std::set<std::string> ids;
  for (const RecordingEntry& entry : index.recordings) {
    if (!is_plain_name(entry.label) || !is_plain_name(entry.name)) {
      refuse_index(folder, fmt::format("damaged: {:?} is no recording's name", entry.id()));
    }
    if (!ids.insert(entry.id()).second) {
      refuse_index(folder, fmt::format("damaged: it names {} twice", entry.id()));
    }
  }
  return index;
}

void sort_recordings(std::vector<RecordingEntry>& recordings) {
  std::sort(recordings.begin(), recordings.end(), [](const auto& a, const auto& b) {
    if (a.label != b.label) return a.label < b.label;
    if (a.source != b.source) return natural_less(a.source, b.source);
    return natural_less(a.name, b.name);
  });
}

/// A link in the place of a folder of ours could lead anywhere, and what is in it would be removed.
void refuse_link(const fs::path& folder) {
  if (!fs::is_symlink(fs::symlink_status(folder))) return;
  throw Error(ExitCode::bad_input,
              folder.string() + ": is a link, expected a folder of the data set. Remove the link");
}

/// What Fettle puts into its staging folder are files and folders. Anything else leads elsewhere or hangs.
void refuse_strange_things(const fs::path& staging) {
  for (const auto& entry : fs::recursive_directory_iterator(staging)) {
    const fs::file_status status = entry.symlink_status();
    if (fs::is_regular_file(status) || fs::is_directory(status)) continue;
    throw Error(ExitCode::bad_input,
                entry.path().string() +
                    ": expected a file or folder of Fettle's own, found a link or something else. "
                    "Remove it");
  }
}

/// Undoes an update that was cut off before its commit point, the renaming of the staged dataset.json.
/// May itself be cut off anywhere, and be done again.
/// @pre the staging folder is locked by this process.
void undo(const fs::path& folder) {
  const fs::path staging = folder / kStaging;
  if (!fs::exists(staging / kIndex)) return;
  const bool kept = fs::exists(staging / kUnfinished);
  {
    // Only what the update had listed was put in place by it.
    std::ifstream added(staging / kAdded);
    for (std::string label, name; std::getline(added, label, '/') && std::getline(added, name);) {
      if (!is_plain_name(label) || !is_plain_name(name)) continue;
      std::error_code ignored;
      refuse_link(folder / label);
      const fs::path in_place = file_of(folder, label, name);
      const fs::path staged = file_of(staging / kNew, label, name);
      // What was not moved yet is still in the staging folder, and a recording of the same name is
      // the old one.
      if (!fs::exists(staged) && fs::exists(in_place)) {
        if (kept) {
          platform::replace_file(in_place, staged);
        } else {
          fs::remove(in_place, ignored);
        }
      }
      fs::remove(folder / label, ignored);  // refused by the system unless it is empty
    }
  }
  // Before anything old is back in place that has the name of something new.
  fs::remove(staging / kAdded);
  if (fs::exists(staging / kOld)) {
    for (const auto& label : fs::directory_iterator(staging / kOld)) {
      platform::create_folders(folder / label.path().filename());
      for (const auto& file : fs::directory_iterator(label.path())) {
        platform::replace_file(file.path(),
                               folder / label.path().filename() / file.path().filename());
      }
    }
  }
  fs::remove(staging / kIndex);
}

/// Puts in place what stands in new/ of the staging folder.
/// @pre the staging folder is locked by this process.
void carry_out(const fs::path& folder, const Index& before,
               const std::vector<RecordingEntry>& added,
               const std::vector<RecordingEntry>& removed) {
  const fs::path staging = folder / kStaging;
  Index after = before;
  std::erase_if(after.recordings, [&](const RecordingEntry& entry) {
    return std::any_of(removed.begin(), removed.end(),
                       [&](const RecordingEntry& gone) { return gone.id() == entry.id(); });
  });
  after.recordings.insert(after.recordings.end(), added.begin(), added.end());
  sort_recordings(after.recordings);
  std::string names;
  for (const RecordingEntry& entry : added) names += entry.id() + "\n";

  platform::throw_if_interrupted();
  // From here to the renaming of dataset.json either everything happens or undo() takes it back: in
  // this process or, should it be killed, in the next one that opens the data set.
  const platform::InterruptsWait wait;
  platform::write_file_atomically(staging / kAdded, names);
  platform::write_file_atomically(staging / kIndex, to_json(after));
  platform::sync_filesystem(folder);
  try {
    for (const RecordingEntry& entry : removed) {
      platform::create_folders(staging / kOld / entry.label);
      platform::replace_file(file_of(folder, entry.label, entry.name),
                             file_of(staging / kOld, entry.label, entry.name));
    }
    for (const RecordingEntry& entry : added) {
      platform::create_folders(folder / entry.label);
      platform::move_file(file_of(staging / kNew, entry.label, entry.name),
                          file_of(folder, entry.label, entry.name));
    }
    platform::replace_file(staging / kIndex, folder / kIndex);
  } catch (...) {
    undo(folder);
    throw;
  }
  platform::sync_filesystem(folder);
  for (const RecordingEntry& entry : removed) {
    std::error_code ignored;
    fs::remove(folder / entry.label, ignored);  // refused by the system unless it is empty
  }
}

/// unfinished.json: what an update that keeps its recordings was going to make of them.
struct Plan {
  double rate_hz = 0;
  std::size_t axes = 0;
  std::uint64_t least_rows = 0;
  std::vector<RecordingEntry> recordings;  ///< all that were begun; rows and hash are not known
};

void write_unfinished(const fs::path& file, const Plan& unfinished) {
  Json json = {{"format", kFormat},
               {"rate_hz", unfinished.rate_hz},
               {"axes", unfinished.axes},
               {"least_rows", unfinished.least_rows},
               {"recordings", Json::array()}};
  for (const RecordingEntry& entry : unfinished.recordings) {
    json["recordings"].push_back({{"label", entry.label},
                                  {"name", entry.name},
                                  {"source", entry.source},
                                  {"provenance", entry.provenance}});
  }
  platform::write_file_atomically(
      file, json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

/// A collection that was cut off and cannot be taken in stays where it is: only a person can tell what
/// it is worth.
[[noreturn]] void refuse_unfinished(const fs::path& folder, const std::string& why) {
  const fs::path staging = folder / kStaging;
  throw Error(ExitCode::bad_input,
              fmt::format("{}: a collection that was cut off cannot be taken in: {}. Nothing of it "
                          "was deleted: move the recordings in {} elsewhere (`fettle import` reads "
                          "them), then remove {}",
                          folder.string(), why, (staging / kNew).string(), staging.string()));
}

Plan read_unfinished(const fs::path& folder) {
  std::ifstream stream(folder / kStaging / kUnfinished, std::ios::binary);
  Plan unfinished;
  std::set<std::string> ids;
  try {
    const Json json = Json::parse(stream);
    if (const auto format = json.at("format").get<std::int64_t>(); format != kFormat) {
      refuse_unfinished(folder, fmt::format("format {} of {} is not known, this program reads {}",
                                            format, kUnfinished, kFormat));
    }
    unfinished.rate_hz = json.at("rate_hz").get<double>();
    unfinished.axes = json.at("axes").get<std::size_t>();
    const Json& least_rows = json.at("least_rows");
    if (!least_rows.is_number_unsigned() || least_rows > kMostLeastRows) {
      refuse_unfinished(folder, fmt::format("{} is damaged: least_rows is {}, expected 0 to {}",
                                            kUnfinished, least_rows.dump(), kMostLeastRows));
    }
    unfinished.least_rows = least_rows.get<std::uint64_t>();
    for (const Json& row : json.at("recordings")) {
      RecordingEntry entry;
      entry.label = row.at("label").get<std::string>();
      entry.name = row.at("name").get<std::string>();
      entry.source = row.at("source").get<std::string>();
      entry.provenance = row.at("provenance").get<std::string>();
      if (!is_plain_name(entry.label) || !is_plain_name(entry.name)) {
        refuse_unfinished(
            folder, fmt::format("{:?} in {} is no recording's name", entry.id(), kUnfinished));
      }
      // Named twice it is still one.
      if (ids.insert(entry.id()).second) unfinished.recordings.push_back(std::move(entry));
    }
  } catch (const Json::exception& problem) {
    refuse_unfinished(folder, fmt::format("{} is damaged: {}", kUnfinished, problem.what()));
  }
  if (!(unfinished.rate_hz >= kLowestRate_hz && unfinished.rate_hz <= kHighestRate_hz) ||
      (unfinished.axes != 3 && unfinished.axes != 6)) {
    refuse_unfinished(folder, fmt::format("{} is damaged: {} Hz and {} axes", kUnfinished,
                                          unfinished.rate_hz, unfinished.axes));
  }
  return unfinished;
}

/// The recordings that lie in new/, as "label/name".
std::set<std::string> staged_recordings(const fs::path& folder) {
  std::set<std::string> ids;
  const fs::path staged = folder / kStaging / kNew;
  if (!fs::exists(staged)) return ids;
  for (const auto& entry : fs::recursive_directory_iterator(staged)) {
    if (!entry.is_regular_file()) continue;
    fs::path id = entry.path().lexically_relative(staged);
    if (id.extension() == ".csv") id.replace_extension();
    ids.insert(id.string());
  }
  return ids;
}

/// Gives a recording in new/ another name, if a file has come to stand where it was to be.
/// @param unfinished says at any moment what the file is called, should this be the last
void find_free_name(const fs::path& folder, Plan& unfinished, RecordingEntry& entry) {
  const fs::path staged = folder / kStaging / kNew;
  if (!fs::exists(file_of(folder, entry.label, entry.name))) return;
  RecordingEntry other = entry;
  const std::string base = entry.name.substr(0, kLongestName - 8);
  for (int i = 2; fs::exists(file_of(folder, other.label, other.name)) ||
                  fs::exists(file_of(staged, other.label, other.name));
       ++i) {
    other.name = fmt::format("{}-{}", base, i);
  }
  unfinished.recordings.push_back(other);
  write_unfinished(folder / kStaging / kUnfinished, unfinished);
  platform::replace_file(file_of(staged, entry.label, entry.name),
                         file_of(staged, other.label, other.name));
  entry = other;
}

/// Whether a file holds nothing but zeros from there on, as a power cut leaves behind what was written.
bool zeros_from(const fs::path& file, std::uintmax_t offset) {
  std::ifstream stream(file, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(offset));
  std::array<char, 4096> bytes{};
  while (stream) {
    stream.read(bytes.data(), bytes.size());
    if (std::any_of(bytes.begin(), bytes.begin() + stream.gcount(),
                    [](char c) { return c != 0; })) {
      return false;
    }
  }
  return true;
}

/// Adds what is whole of the recordings that an update was to keep. If that fails they stay. More than a
/// torn last row and zeros behind it is damage, and not cut away.
/// @pre the staging folder is locked by this process, and nothing is to be undone.
void take_in(const fs::path& folder) {
  const fs::path staging = folder / kStaging;
  Plan unfinished = read_unfinished(folder);
  std::set<std::string> not_named = staged_recordings(folder);
  for (const RecordingEntry& entry : unfinished.recordings) not_named.erase(entry.id());
  if (!not_named.empty()) {
    refuse_unfinished(folder, fmt::format("{} does not name {}", kUnfinished, *not_named.begin()));
  }
  Index before;
  before.rate_hz = unfinished.rate_hz;
  before.axes = unfinished.axes;
  if (fs::exists(folder / kIndex)) before = read_index(folder);
  if (before.axes != unfinished.axes || !same_rate(before.rate_hz, unfinished.rate_hz)) {
    refuse_unfinished(
        folder, fmt::format("it has {} axes at {:g} Hz, and the data set {} at {:g} Hz",
                            unfinished.axes, unfinished.rate_hz, before.axes, before.rate_hz));
  }
  std::vector<RecordingEntry> added;
  std::vector<std::string> notes;
  const std::vector<RecordingEntry> begun = unfinished.recordings;
  for (RecordingEntry entry : begun) {
    fs::path file = file_of(staging / kNew, entry.label, entry.name);
    if (!fs::exists(file)) continue;  // discarded, or in its place since the commit point
    const WholeRows whole = whole_rows(file, unfinished.axes);
    if (!zeros_from(file, whole.bytes + kLongestTornRow)) {
      refuse_unfinished(
          folder, fmt::format("{} is damaged at byte {} of {}, behind {} whole rows", entry.id(),
                              whole.bytes, fs::file_size(file), whole.rows));
    }
    if (whole.rows < unfinished.least_rows) {
      notes.push_back(
          fmt::format("{}, a collection that was cut off after {} samples, no window "
                      "of {}, was dropped",
                      entry.id(), whole.rows, unfinished.least_rows));
      continue;
    }
    refuse_link(folder / entry.label);
    if (const std::string was = entry.id(); fs::exists(file_of(folder, entry.label, entry.name))) {
      find_free_name(folder, unfinished, entry);
      file = file_of(staging / kNew, entry.label, entry.name);
      notes.push_back(fmt::format("there is another {} now, so what was collected is called {}",
                                  was, entry.id()));
    }
    if (fs::file_size(file) != whole.bytes) fs::resize_file(file, whole.bytes);
    entry.rows = whole.rows;
    entry.hash = whole.hash;
    entry.provenance += "; cut off, and taken in afterwards";
    notes.push_back(fmt::format("{}, {} of a collection that was cut off, was taken in", entry.id(),
                                duration_text(static_cast<std::int64_t>(
                                    static_cast<double>(entry.rows) * 1e6 / unfinished.rate_hz))));
    added.push_back(std::move(entry));
  }
  if (!added.empty()) {
    try {
      carry_out(folder, before, added, {});
    } catch (const Error& error) {
      throw Error(
          error.code,
          fmt::format("{}. This was to take in a collection that was cut off; nothing of it "
                      "is lost, the next command tries again",
                      error.what()));
    }
  }
  for (const std::string& note : notes) say("note: " + note + "\n");
}

/// Says that nobody will miss what is in new/.
void mark_removable(const fs::path& staging) { std::ofstream mark(staging / kRemovable); }

/// Empties the staging folder.
void clear(const fs::path& staging) {
  // First, so that nobody takes in or keeps what this leaves behind when it is killed.
  mark_removable(staging);
  fs::remove(staging / kUnfinished);
  for (const auto& entry : fs::directory_iterator(staging)) {
    if (entry.path().filename() != kRemovable) fs::remove_all(entry.path());
  }
  fs::remove(staging / kRemovable);
}

/// Makes the data set whole and leaves the staging folder empty.
/// @pre the staging folder is locked by this process.
void settle(const fs::path& folder) {
  refuse_strange_things(folder / kStaging);
  undo(folder);
  if (fs::exists(folder / kStaging / kUnfinished)) {
    take_in(folder);
  } else if (!fs::exists(folder / kStaging / kRemovable)) {
    if (const auto ids = staged_recordings(folder); !ids.empty()) {
      refuse_unfinished(folder,
                        fmt::format("{} is missing, and {} is there", kUnfinished, *ids.begin()));
    }
  }
  clear(folder / kStaging);
}

/// Takes up what a killed program left behind, if it did.
void recover(const fs::path& folder) {
  const fs::path staging = folder / kStaging;
  refuse_link(staging);
  if (!fs::exists(staging)) return;
  platform::FolderLock lock;
  if (!lock.try_lock(staging)) return;
  settle(folder);
  fs::remove(staging);
}

}  // namespace

double severity_at(const std::vector<SeverityPoint>& points, double t_s) {
  double severity = 0.0;
  const SeverityPoint* before = nullptr;
  for (const SeverityPoint& point : points) {
    if (point.t_s > t_s) {
      if (before == nullptr) break;
      const double share = (t_s - before->t_s) / (point.t_s - before->t_s);
      return severity + share * (point.severity - severity);
    }
    severity = point.severity;
    before = &point;
  }
  return severity;
}

double onset_of(const std::vector<SeverityPoint>& points) {
  double onset_s = 0.0;
  for (const SeverityPoint& point : points) {
    onset_s = point.t_s;
    if (point.severity > 0.0) {
      const auto at = static_cast<std::size_t>(&point - points.data());
      return at == 0 ? onset_s : points[at - 1].t_s;
    }
  }
  return onset_s;
}

std::vector<SeverityPoint> severity_from(const std::vector<SeverityPoint>& points, double t_s) {
  if (points.empty() || t_s <= 0.0) return points;
  std::vector<SeverityPoint> rest = {{0.0, severity_at(points, t_s)}};
  for (const SeverityPoint& point : points) {
    if (point.t_s > t_s) rest.push_back({point.t_s - t_s, point.severity});
  }
  return rest;
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '+';
}

bool is_plain_name(std::string_view name) {
  if (name.empty() || name.front() == '.' || name.size() > kLongestName) return false;
  if (name == kIndex) return false;  // a label is a folder beside it
  return std::all_of(name.begin(), name.end(), is_name_character);
}

bool natural_less(std::string_view a, std::string_view b) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
      continue;
    }
    // Numbers compare by value: without leading zeros the longer one is larger.
    const auto number = [&](std::string_view text, std::size_t& at) {
      while (at < text.size() && text[at] == '0') ++at;
      const std::size_t start = at;
      while (at < text.size() && is_digit(text[at])) ++at;
      return text.substr(start, at - start);
    };
    const std::string_view x = number(a, i);
    const std::string_view y = number(b, j);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
  }
  if (i < a.size() || j < b.size()) return j < b.size();
  return a < b;  // "01" and "1": equal by value, yet different names
}

bool DataSet::exists(const fs::path& folder) {
  recover(folder);
  return fs::exists(folder / kIndex);
}

DataSet DataSet::open(const fs::path& folder) {
  recover(folder);
  DataSet data;
  data.folder_ = folder;
  Index index = read_index(folder);
  data.rate_hz_ = index.rate_hz;
  data.axes_ = index.axes;
  data.recordings_ = std::move(index.recordings);
  sort_recordings(data.recordings_);

  std::set<std::string> known;
  for (const RecordingEntry& entry : data.recordings_) {
    if (!fs::is_regular_file(data.path_of(entry))) {
      refuse_index(folder, fmt::format("it names {}, but there is no file {}", entry.id(),
                                       data.path_of(entry).string()));
    }
    known.insert(entry.id());
  }
  for (const auto& label : fs::directory_iterator(folder)) {
    if (!label.is_directory() || label.path().filename().string().starts_with('.')) continue;
    for (const auto& file : fs::directory_iterator(label.path())) {
      const std::string id = label.path().filename().string() + "/" + file.path().stem().string();
      if (file.path().extension() == ".csv" && !known.contains(id)) data.strangers_.push_back(id);
    }
  }
  std::sort(data.strangers_.begin(), data.strangers_.end(), natural_less);
  return data;
}

RecordingReader DataSet::read(const RecordingEntry& entry) const {
  RecordingReader reader(path_of(entry));
  if (reader.axes() != axes_) {
    throw Error(
        ExitCode::bad_input,
        fmt::format("{}: has {} axes, expected the {} that dataset.json says. Import it into "
                    "a data set of its own",
                    path_of(entry).string(), reader.axes(), axes_));
  }
  return reader;
}

void DataSet::check_unchanged(const RecordingEntry& entry, std::uint64_t rows,
                              std::uint64_t hash) const {
  if (rows == entry.rows && hash == entry.hash) return;
  throw Error(
      ExitCode::bad_input,
      fmt::format("{}: expected {} rows as dataset.json describes them, found {} rows{}. The "
                  "file was changed after it was imported: import it again, into a new data "
                  "set",
                  path_of(entry).string(), entry.rows, rows,
                  rows == entry.rows ? " with other values" : ""));
}

fs::path DataSet::path_of(const RecordingEntry& entry) const {
  return file_of(folder_, entry.label, entry.name);
}

struct DataSetUpdate::Impl {
  fs::path folder;
  fs::path staging;
  bool folder_is_new = false;
  platform::FolderLock lock;
  Index before;
  std::vector<RecordingEntry> added;
  std::vector<RecordingEntry> removed;
  std::optional<RecordingWriter> writer;
  RecordingEntry current;
  std::optional<Plan> unfinished;  ///< if recordings are kept that commit() does not reach
  bool finished = false;

  [[nodiscard]] bool has(const std::string& label, const std::string& name) const {
    const auto same = [&](const RecordingEntry& entry) {
      return entry.label == label && entry.name == name;
    };
    if (std::any_of(added.begin(), added.end(), same)) return true;
    if (std::any_of(removed.begin(), removed.end(), same)) return false;
    return std::any_of(before.recordings.begin(), before.recordings.end(), same) ||
           fs::exists(file_of(folder, label, name));
  }
};

DataSetUpdate::DataSetUpdate(const fs::path& folder, double rate_hz, std::size_t axes,
                             Unfinished unfinished, std::uint64_t least_rows)
    : impl_(std::make_unique<Impl>()) {
  Impl& impl = *impl_;
  impl.folder = folder;
  impl.staging = folder / kStaging;
  if (unfinished == Unfinished::kept) {
    impl.unfinished.emplace();
    impl.unfinished->rate_hz = rate_hz;
    impl.unfinished->axes = axes;
    impl.unfinished->least_rows = least_rows;
  }
  if (!(rate_hz >= kLowestRate_hz && rate_hz <= kHighestRate_hz) || (axes != 3 && axes != 6)) {
    throw Error(
        ExitCode::bad_input,
        fmt::format("a data set has {} to {} Hz and 3 or 6 axes, not {:g} Hz and {}. By the "
                    "time stamps? Then name their unit (--units)",
                    kLowestRate_hz, kHighestRate_hz, rate_hz, axes));
  }
  recover(folder);
  // The staging folder of another update is no reason to refuse; anything else is somebody's.
  if (fs::exists(folder) && !fs::exists(folder / kIndex) &&
      (!fs::is_directory(folder) ||
       std::any_of(fs::directory_iterator(folder), fs::directory_iterator(),
                   [](const auto& entry) { return entry.path().filename() != kStaging; }))) {
    throw Error(ExitCode::exists,
                fmt::format("{} exists and is no data set (it has no {}); give a new or an empty "
                            "folder",
                            folder.string(), kIndex));
  }
  impl.folder_is_new = platform::create_folders(folder);
  refuse_link(impl.staging);
  platform::create_folders(impl.staging);
  if (!impl.lock.try_lock(impl.staging)) {
    impl.finished = true;  // the staging folder is another's
    throw Error(
        ExitCode::exists,
        fmt::format("{}: another fettle is changing this data set; wait for it", folder.string()));
  }
  settle(folder);
  if (!impl.unfinished) mark_removable(impl.staging);
  if (!fs::exists(folder / kIndex)) {
    impl.before.rate_hz = rate_hz;
    impl.before.axes = axes;
    return;
  }
  try {
    impl.before = read_index(folder);
    if (impl.before.axes != axes) {
      throw Error(ExitCode::bad_input,
                  fmt::format("{} holds recordings of {} axes and this has {}; a data set has one "
                              "number of axes. Use another folder, or leave out columns with "
                              "--columns",
                              folder.string(), impl.before.axes, axes));
    }
    if (!same_rate(impl.before.rate_hz, rate_hz)) {
      throw Error(
          ExitCode::bad_input,
          fmt::format("{} holds recordings at {:g} Hz and this is {:g} Hz; a data set has one "
                      "rate (within 2 %), because a detector's window is a number of samples. "
                      "Use another folder",
                      folder.string(), impl.before.rate_hz, rate_hz));
    }
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(impl.staging, ignored);
    throw;
  }
}

DataSetUpdate::~DataSetUpdate() {
  Impl& impl = *impl_;
  if (impl.finished) return;
  if (impl.unfinished && (!impl.added.empty() ||
                          (impl.writer && impl.writer->rows() >= impl.unfinished->least_rows))) {
    return;  // for the next one to take in
  }
  std::error_code ignored;
  impl.writer.reset();
  try {
    clear(impl.staging);
  } catch (const std::exception&) {  // the next command clears it
  }
  fs::remove(impl.staging, ignored);
  if (impl.folder_is_new) fs::remove(impl.folder, ignored);
}

RecordingWriter& DataSetUpdate::begin(const std::string& label, const std::string& name,
                                      const std::string& source, const std::string& provenance,
                                      const std::vector<SeverityPoint>& severity) {
  Impl& impl = *impl_;
  for (const std::string& part : {label, name}) {
    if (!is_plain_name(part)) {
      throw Error(
          ExitCode::usage,
          fmt::format("{:?} cannot name a label or recording: letters, digits and -_.+ only, "
                      "not starting with a dot, at most {}",
                      part, kLongestName));
    }
  }
  if (impl.has(label, name)) {
    throw Error(
        ExitCode::exists,
        fmt::format("{} has a recording {}/{} already, and none is ever overwritten; nothing "
                    "was changed. Import into another folder, or rename the file",
                    impl.folder.string(), label, name));
  }
  impl.current = {label, name, source, provenance, 0, 0, severity};
  platform::create_folders(impl.staging / kNew / label);
  if (impl.unfinished) {
    impl.unfinished->recordings.push_back(impl.current);
    write_unfinished(impl.staging / kUnfinished, *impl.unfinished);
  }
  impl.writer.emplace(file_of(impl.staging / kNew, label, name), impl.before.axes,
                      impl.unfinished ? Durability::kept : Durability::later);
  if (impl.unfinished) platform::sync_filesystem(impl.folder);  // the names of all that is new
  return *impl.writer;
}

void DataSetUpdate::end() {
  Impl& impl = *impl_;
  impl.writer->commit();
  impl.current.rows = impl.writer->rows();
  impl.current.hash = impl.writer->hash();
  impl.added.push_back(impl.current);
  impl.writer.reset();
}

std::optional<std::string> DataSetUpdate::copy_of_last() const {
  const Impl& impl = *impl_;
  const RecordingEntry& last = impl.added.back();
  for (const auto* list : {&impl.before.recordings, &impl.added}) {
    for (const RecordingEntry& other : *list) {
      if (&other != &last && other.hash == last.hash && other.rows == last.rows) return other.id();
    }
  }
  return std::nullopt;
}

void DataSetUpdate::discard() {
  Impl& impl = *impl_;
  impl.writer.reset();
  std::error_code ignored;
  fs::remove(file_of(impl.staging / kNew, impl.current.label, impl.current.name), ignored);
}

bool DataSetUpdate::is_there() const {
  std::error_code ignored;
  return fs::exists(impl_->staging, ignored);
}

void DataSetUpdate::abandon() { impl_->unfinished.reset(); }

void DataSetUpdate::remove(const RecordingEntry& entry) { impl_->removed.push_back(entry); }

std::vector<RecordingEntry> DataSetUpdate::commit() {
  Impl& impl = *impl_;
  if (impl.unfinished) {
    for (RecordingEntry& entry : impl.added) find_free_name(impl.folder, *impl.unfinished, entry);
  }
  carry_out(impl.folder, impl.before, impl.added, impl.removed);
  impl.folder_is_new = false;
  impl.unfinished.reset();  // all of it is in place
  return impl.added;
}

}  // namespace fettle::host
