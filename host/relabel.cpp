// SPDX-License-Identifier: Apache-2.0
#include "host/relabel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "host/error.hpp"
#include "host/progress.hpp"

namespace fettle::host {
namespace {

const RecordingEntry& find_recording(const DataSet& data, const std::string& name) {
  std::vector<const RecordingEntry*> found;
  for (const RecordingEntry& entry : data.recordings()) {
    if (entry.name == name || entry.id() == name) found.push_back(&entry);
  }
  if (found.size() == 1) return *found.front();
  std::string choices;
  for (const RecordingEntry& entry : data.recordings()) {
    if (!found.empty() && entry.name != name) continue;
    choices += "\n  " + entry.id();
    if (std::count(choices.begin(), choices.end(), '\n') == 20) {
      choices += "\n  ...";
      break;
    }
  }
  throw Error(ExitCode::usage,
              fmt::format("{} has {} recording {:?}; {}:{}", data.folder().string(),
                          found.empty() ? "no" : "more than one", name,
                          found.empty() ? "it has" : "give the label too", choices));
}

/// The moment of time since the first row of each row; a clock that runs backwards does not move
/// it.
class Elapsed {
 public:
  std::int64_t operator()(std::int64_t t_us) {
    if (!started_) first_us_ = latest_us_ = t_us;
    started_ = true;
    latest_us_ = std::max(latest_us_, t_us);
    return latest_us_ - first_us_;
  }

 private:
  bool started_ = false;
  std::int64_t first_us_ = 0;
  std::int64_t latest_us_ = 0;
};

}  // namespace

std::int64_t parse_clock_us(const std::string& text) {
  std::array<std::int64_t, 3> parts{};  // hours, minutes, seconds; the last number is the seconds
  std::size_t colons = 0;
  std::size_t digits = 0;
  std::int64_t fraction_us = 0;
  std::int64_t unit_us = 0;  // of the next digit behind the point
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      ++digits;
      if (unit_us > 0) {
        unit_us /= 10;
        fraction_us += (c - '0') * unit_us;
        if (unit_us == 0) return -1;
      } else {
        parts[2] = parts[2] * 10 + (c - '0');
        if (parts[2] > 1'000'000) return -1;
      }
    } else if (c == ':' && colons < 2 && digits > 0 && unit_us == 0) {
      parts = {parts[1], parts[2], 0};
      ++colons;
      digits = 0;
    } else if (c == '.' && digits > 0 && unit_us == 0) {
      unit_us = 1'000'000;
      digits = 0;
    } else {
      return -1;
    }
  }
  if (digits == 0 || (colons > 0 && parts[2] > 59) || (colons > 1 && parts[1] > 59)) return -1;
  return ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1'000'000 + fraction_us;
}

std::string clock_text(std::int64_t t_us) {
  const std::int64_t ms = t_us / 1000;
  return fmt::format("{:02}:{:02}:{:02}.{:03}", ms / 3'600'000, ms / 60'000 % 60, ms / 1000 % 60,
                     ms % 1000);
}

std::vector<RecordingPart> relabel(const std::filesystem::path& folder,
                                   const std::string& recording, std::int64_t from_us,
                                   std::int64_t to_us, const std::string& label) {
  if (from_us >= to_us) {
    throw Error(ExitCode::usage, fmt::format("--from {} is not before --to {}", clock_text(from_us),
                                             clock_text(to_us)));
  }
  const DataSet data = DataSet::open(folder);
  const RecordingEntry original = find_recording(data, recording);
  if (original.label == label) {
    throw Error(ExitCode::usage,
                fmt::format("{} has the label {} already; nothing to do", original.id(), label));
  }

  // The parts' names. What is before keeps the old one, unless there is nothing before.
  std::set<std::string> taken;
  for (const RecordingEntry& entry : data.recordings()) taken.insert(entry.id());
  for (const std::string& stranger : data.strangers()) taken.insert(stranger);
  taken.erase(original.id());
  const auto free_name = [&](const std::string& in_label) {
    std::string name = original.name;
    for (int number = 2; taken.contains(fmt::format("{}/{}", in_label, name)); ++number) {
      name = fmt::format("{}-{}", original.name, number);
    }
    taken.insert(fmt::format("{}/{}", in_label, name));
    return name;
  };

  std::vector<RecordingPart> parts;
  DataSetUpdate update(folder, data.rate_hz(), data.axes());
  update.remove(original);
  RecordingReader reader = data.read(original);
  SampleHash hash(reader.axes());
  std::uint64_t rows = 0;
  Progress progress("labelling", std::filesystem::file_size(data.path_of(original)));
  RecordingWriter* writer = nullptr;
  std::size_t current = 0;
  Elapsed elapsed;
  std::int64_t last_us = 0;
  const auto finish_part = [&] {
    if (writer == nullptr) return;
    parts.back().entry.rows = writer->rows();
    parts.back().entry.hash = writer->hash();
    update.end();
  };
  for (auto block = reader.next_block(); !block.empty(); block = reader.next_block()) {
    for (const TimedSample& sample : block) {
      last_us = elapsed(sample.t_us);
      const std::size_t part = last_us < from_us ? 0 : last_us < to_us ? 1 : 2;
      if (writer == nullptr || part != current) {
        finish_part();
        RecordingPart next{original, last_us};
        next.entry.label = part == 1 ? label : original.label;
        next.entry.name = free_name(next.entry.label);
        next.entry.provenance += fmt::format("; cut by label at {}", clock_text(last_us));
        writer = &update.begin(
            next.entry.label, next.entry.name, next.entry.source, next.entry.provenance,
            severity_from(original.severity, static_cast<double>(last_us) / 1e6));
        parts.push_back(next);
        current = part;
      }
      writer->write(sample);
    }
    hash.add(block);
    rows += block.size();
    progress.at(reader.bytes_read());
  }
  data.check_unchanged(original, rows, hash.value());
  finish_part();
  if (std::none_of(parts.begin(), parts.end(),
                   [&](const RecordingPart& part) { return part.entry.label == label; })) {
    throw Error(ExitCode::usage,
                fmt::format("{} has no row between {} and {}; it is {} long", original.id(),
                            clock_text(from_us), clock_text(to_us), clock_text(last_us)));
  }
  update.commit();
  return parts;
}

}  // namespace fettle::host
