// SPDX-License-Identifier: Apache-2.0
#include "host/import.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/window/window_cutter.hpp"
#include "host/error.hpp"
#include "host/progress.hpp"
#include "host/table.hpp"

namespace fettle::host {
namespace {

namespace fs = std::filesystem;

constexpr double kUsualRate_hz = 200.0;
constexpr double kRateTolerance = 0.02;
/// Periods that are left out between two windows whose distance in time is unknown.
constexpr std::uint64_t kPeriodsApart = 10;
constexpr std::size_t kMostLabels = 64;

double median_of(std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Evenly spread values out of a stream of any length, in memory that does not grow.
class EvenSample {
 public:
  void add(double value) {
    if (seen_++ % stride_ != 0) return;
    values_.push_back(value);
    if (values_.size() < kMost) return;
    for (std::size_t i = 0; 2 * i < values_.size(); ++i) values_[i] = values_[2 * i];
    values_.resize((values_.size() + 1) / 2);
    stride_ *= 2;
  }
  [[nodiscard]] double median() { return median_of(values_); }

 private:
  static constexpr std::size_t kMost = 32768;
  std::vector<double> values_;
  std::uint64_t seen_ = 0;
  std::uint64_t stride_ = 1;
};

/// How often each distance between two time stamps occurs, in the file's unit.
class Steps {
 public:
  void add(double step) {
    if (step < 0 || !(step < 1e12)) return;
    const auto key = static_cast<std::int64_t>(std::llround(step * kScale));
    whole_ = whole_ && key % static_cast<std::int64_t>(kScale) == 0;
    if (const auto found = counts_.find(key); found != counts_.end()) {
      ++found->second;
    } else if (counts_.size() < kMost) {
      counts_.emplace(key, 1);
    }
  }
  [[nodiscard]] bool empty() const { return counts_.empty(); }

  [[nodiscard]] double median() const {
    const std::map<std::int64_t, std::uint64_t> sorted(counts_.begin(), counts_.end());
    std::uint64_t total = 0;
    for (const auto& [step, count] : sorted) total += count;
    std::uint64_t below = 0;
    for (const auto& [step, count] : sorted) {
      below += count;
      if (2 * below >= total) return static_cast<double>(step) / kScale;
    }
    return 0;
  }

  /// The mean of the steps that are no gaps. Time stamps in whole units of a slow clock round a
  /// step up or down by one.
  [[nodiscard]] double mean_without_gaps() const {
    const double middle = median();
    const double longest = std::max(1.5 * middle, middle + (whole_ ? 1.0 : 0.0));
    double sum = 0;
    double total = 0;
    for (const auto& [step, count] : counts_) {
      const double length = static_cast<double>(step) / kScale;
      if (length > longest) continue;
      sum += length * static_cast<double>(count);
      total += static_cast<double>(count);
    }
    return total > 0 ? sum / total : 0;
  }

 private:
  static constexpr double kScale = 1e6;
  static constexpr std::size_t kMost = 65536;
  std::unordered_map<std::int64_t, std::uint64_t> counts_;
  bool whole_ = true;
};

/// One file, and what is known about it after it was read once.
struct Source {
  fs::path file;
  std::string folder;  ///< name of the folder it is in
  TableLayout layout;
  std::vector<std::string> labels;  ///< in order of appearance
  std::vector<std::uint64_t> rows;  ///< for each label
  std::uint64_t bad_rows = 0;
  double step = 0;         ///< between time stamps, in the file's unit
  double median_step = 0;  ///< likewise
  double magnitude = 0;    ///< median of |a|, in the file's unit
  bool whole_numbers = true;
  double rate_hz = 0;

  [[nodiscard]] std::string short_name() const {
    return folder.empty() ? file.filename().string() : folder + "/" + file.filename().string();
  }
  /// What was recorded in one go: a file with time stamps stands for itself, files without are
  /// pieces of what their folder holds.
  [[nodiscard]] std::string session() const {
    return layout.has_time() || folder.empty() ? short_name() : folder;
  }
  [[nodiscard]] std::string recording_name() const {
    std::string name = (folder.empty() ? "" : folder + "_") + file.stem().string();
    for (char& c : name) {
      if (!is_name_character(c)) c = '-';
    }
    if (name.front() == '.') name.front() = '_';
    return name;
  }
};

/// Remarks about files, so that one that holds for hundreds of them is made once.
class Remarks {
 public:
  /// @param kind what makes two remarks the same where the text has numbers that differ
  void add(const Source& source, const std::string& text, const std::string& kind = {}) {
    const auto found = std::find_if(remarks_.begin(), remarks_.end(), [&](const Remark& remark) {
      return kind.empty() ? remark.text == text : remark.kind == kind;
    });
    if (found != remarks_.end()) {
      ++found->more;
    } else {
      remarks_.push_back({source.short_name(), text, kind, 0});
    }
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> all;
    for (const Remark& remark : remarks_) {
      all.push_back(remark.first +
                    (remark.more > 0 ? fmt::format(" and {} more", remark.more) : std::string()) +
                    ": " + remark.text);
    }
    return all;
  }

 private:
  struct Remark {
    std::string first;
    std::string text;
    std::string kind;
    std::size_t more;
  };
  std::vector<Remark> remarks_;
};

std::vector<Source> list_files(const std::vector<fs::path>& paths) {
  std::vector<Source> sources;
  const auto take = [&](const fs::path& file) {
    Source source;
    source.file = file;
    source.folder = fs::absolute(file).lexically_normal().parent_path().filename().string();
    sources.push_back(std::move(source));
  };
  for (const fs::path& path : paths) {
    if (!fs::exists(path))
      throw Error(ExitCode::io, path.string() + ": there is no such file or folder");
    if (!fs::is_directory(path)) {
      if (!fs::is_regular_file(path)) {
        throw Error(
            ExitCode::bad_input,
            path.string() + ": not a regular file; import reads it twice, so save it first");
      }
      take(path);
      continue;
    }
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(path)) {
      const std::string extension = entry.path().extension().string();
      const bool hidden = entry.path().filename().string().starts_with('.');
      if (entry.is_regular_file() && !hidden && (extension == ".csv" || extension == ".CSV")) {
        files.push_back(entry.path());
      }
    }
    if (files.empty()) {
      throw Error(ExitCode::bad_input, path.string() +
                                           ": no *.csv in this folder (folders in it are "
                                           "not looked into; name them)");
    }
    std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
      return natural_less(a.filename().string(), b.filename().string());
    });
    for (const fs::path& file : files) take(file);
  }
  return sources;
}

std::string usable_label(std::string_view text) {
  std::string label(text);
  for (char& c : label) {
    if (!is_name_character(c)) c = '-';
  }
  if (label.front() == '.') label.front() = '_';
  return label;
}

/// The units that --units names, by what they measure.
struct GivenUnits {
  Unit acceleration, rotation, time;
};

GivenUnits read_units(const std::string& text) {
  GivenUnits units;
  std::size_t start = 0;
  while (start <= text.size() && !text.empty()) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    const std::string word = text.substr(start, comma - start);
    start = comma + 1;
    if (word.empty() || word == "-") continue;
    bool known = false;
    for (const auto& [quantity, place] :
         {std::pair{Quantity::acceleration, &units.acceleration},
          std::pair{Quantity::rotation, &units.rotation}, std::pair{Quantity::time, &units.time}}) {
      const Unit unit = unit_named(quantity, word);
      if (!unit.known()) continue;
      known = true;
      if (place->known()) {
        throw Error(ExitCode::usage, fmt::format("--units: {} and {} measure the same thing",
                                                 place->name, unit.name));
      }
      *place = unit;
    }
    if (!known) {
      throw Error(
          ExitCode::usage,
          fmt::format("--units: {} is not known; accelerometer: g, mg, ms2, lsb16384, lsb8192, "
                      "lsb4096, lsb2048; gyroscope: dps, mdps, rads, lsb131, lsb65.5, lsb32.8, "
                      "lsb16.4; time: us, ms, s, ns",
                      in_quotes(word)));
    }
  }
  return units;
}

/// Reads the whole file once: finds every bad row before anything is written, and what the units
/// are guessed from.
void survey(Source& source, const ImportOptions& options, Remarks& remarks, Progress& progress,
            std::uint64_t bytes_before) {
  TableReader table(source.file, source.layout, options.skip_bad_rows);
  EvenSample magnitudes;
  Steps steps;
  TableRow row;
  TableRow last;
  std::string last_label;
  while (table.next(row)) {
    std::size_t label = 0;
    if (source.layout.has_label()) {
      while (label < source.labels.size() && source.labels[label] != row.label) ++label;
    }
    if (label == source.rows.size()) {
      if (label == kMostLabels) {
        table.refuse(
            fmt::format("more than {} different labels; is column {} really the label? Name "
                        "the columns with --columns",
                        kMostLabels, source.layout.label + 1));
      }
      source.labels.emplace_back(row.label);
      source.rows.push_back(0);
    }
    const bool neighbours = source.rows[label] > 0 && row.index == last.index + 1;
    if (source.layout.has_time() && neighbours) steps.add(row.time - last.time);
    ++source.rows[label];
    magnitudes.add(std::hypot(row.axis[0], row.axis[1], row.axis[2]));
    for (std::size_t axis = 0; axis < 3; ++axis) {
      source.whole_numbers = source.whole_numbers && row.axis[axis] == std::floor(row.axis[axis]);
    }
    last = row;
    progress.at(bytes_before + table.bytes_read());
  }
  source.bad_rows = table.bad_rows();
  source.magnitude = magnitudes.median();
  source.step = steps.mean_without_gaps();
  source.median_step = steps.median();
  if (table.ended_without_newline()) {
    remarks.add(source, "the last line has no newline; it is as long as the others and was kept");
  }
}

/// The unit in which a sensor that feels mostly gravity shows these numbers; unknown if none fits.
Unit guess_acceleration(const Source& source) {
  const auto near = [&](double one_g) {
    return source.magnitude > 0.7 * one_g && source.magnitude < 1.4 * one_g;
  };
  if (source.magnitude > 0.5 && source.magnitude < 2.0)
    return unit_named(Quantity::acceleration, "g");
  if (source.magnitude > 5.0 && source.magnitude < 20.0) {
    return unit_named(Quantity::acceleration, "ms2");
  }
  if (source.whole_numbers) {
    for (const char* counts : {"lsb2048", "lsb4096", "lsb8192", "lsb16384"}) {
      const Unit unit = unit_named(Quantity::acceleration, counts);
      if (near(1.0 / unit.factor)) return unit;
    }
  }
  return near(1000.0) ? unit_named(Quantity::acceleration, "mg") : Unit{};
}

/// The unit that makes the rate plausible; unknown if none does, or two do.
Unit guess_time(const Source& source) {
  Unit guess;
  for (const char* name : {"s", "ms", "us", "ns"}) {
    const Unit unit = unit_named(Quantity::time, name);
    const double rate_hz = 1e6 / (source.median_step * unit.factor);
    if (!(rate_hz >= 5.0 && rate_hz <= 10000.0)) continue;
    if (guess.known()) return {};
    guess = unit;
  }
  return guess;
}

[[noreturn]] void ask_for_unit(const Source& source, std::string_view why,
                               std::string_view example) {
  throw Error(ExitCode::bad_input, fmt::format("{}: {}. Say it, for example --units {}",
                                               source.file.string(), why, example));
}

/// Settles the units of every file: from --units, the header, the numbers, in this order.
void settle_units(std::vector<Source>& sources, const GivenUnits& given, Remarks& remarks,
                  Remarks& warnings) {
  std::optional<Unit> common;
  for (const Source& source : sources) {
    const Unit guess = guess_acceleration(source);
    if (guess.known() && (!common || common->name == guess.name)) common = guess;
  }
  for (Source& source : sources) {
    TableLayout& layout = source.layout;
    const auto prefer_given = [&](Unit& unit, const Unit& wanted) {
      if (!wanted.known()) return;
      if (unit.known() && unit.name != wanted.name) {
        remarks.add(source, fmt::format("the header says {}, --units says {}: took {}", unit.name,
                                        wanted.name, wanted.name));
      }
      unit = wanted;
    };
    prefer_given(layout.acceleration, given.acceleration);
    prefer_given(layout.rotation, given.rotation);
    prefer_given(layout.time_unit, given.time);

    if (!layout.acceleration.known()) {
      layout.acceleration = guess_acceleration(source);
      // One file among many may shake more than it weighs.
      if (!layout.acceleration.known() && common) layout.acceleration = *common;
      if (!layout.acceleration.known()) {
        ask_for_unit(
            source,
            fmt::format("the unit of the accelerometer is not stated, and its usual magnitude, "
                        "{:.4g}, is 1 g in none that Fettle knows",
                        source.magnitude),
            "ms2,rads,ms");
      }
      remarks.add(source, fmt::format("accelerometer taken as {} (that makes its usual magnitude "
                                      "about 1 g; --units says otherwise)",
                                      layout.acceleration.name));
    }
    if (layout.axes == 6 && !layout.rotation.known()) {
      const bool counts = layout.acceleration.name.starts_with("lsb");
      const bool si = layout.acceleration.name == "ms2";
      layout.rotation = unit_named(Quantity::rotation, counts ? "lsb131" : si ? "rads" : "dps");
      warnings.add(
          source,
          fmt::format(
              "THE UNIT OF THE GYROSCOPE IS A GUESS: {}\n"
              "  The file does not say it. Taken because the accelerometer is in {}.\n"
              "  {}\n"
              "  If the guess is wrong, say so: --units {},{}",
              layout.rotation.name, layout.acceleration.name,
              counts ? "At a wider range than +-250 deg/s all rotation is wrong by 2, 4 or 8."
                     : "deg/s and rad/s differ by a factor of 57.3: all rotation would be wrong.",
              layout.acceleration.name,
              counts ? "lsb65.5"
              : si   ? "dps"
                     : "rads"));
    }
    if (const double g = source.magnitude * layout.acceleration.factor; g < 0.5 || g > 2.0) {
      const std::string advice = g > 7 && g < 14 ? "It looks like m/s2 taken for g: --units ms2."
                                                 : "A wrong unit or range would look like this.";
      if (!given.acceleration.known()) {
        throw Error(ExitCode::bad_input,
                    fmt::format("{}: the accelerometer shows {:.3g} g where a sensor feels 1 g "
                                "(taken as {}, from the header). {} If the machine really shakes "
                                "that much, say --units {}.",
                                source.file.string(), g, layout.acceleration.name, advice,
                                layout.acceleration.name));
      }
      warnings.add(
          source,
          fmt::format("THE ACCELEROMETER SHOWS {:.3g} g WHERE A SENSOR FEELS 1 g\n"
                      "  Taken as {}. {}\n"
                      "  Set it right with --units, unless the machine really shakes that much.",
                      g, layout.acceleration.name, advice),
          "magnitude");
    }
    if (layout.has_time() && !layout.time_unit.known()) {
      if (!(source.median_step > 0)) {
        ask_for_unit(source,
                     "the time stamps do not advance from row to row, so they give no rate; "
                     "leave the column out (-) and give --rate",
                     "g,dps,ms");
      }
      layout.time_unit = guess_time(source);
      if (!layout.time_unit.known()) {
        ask_for_unit(
            source,
            fmt::format("the unit of the time stamps is not stated, and steps of {:.6g} are 5 Hz "
                        "to 10 kHz in none of s, ms, us, ns",
                        source.median_step),
            "g,dps,us");
      }
      remarks.add(source,
                  fmt::format("time stamps taken as {} (steps of {:.4g})", layout.time_unit.name,
                              source.median_step),
                  fmt::format("time {}", layout.time_unit.name));
    }
  }
}

/// A rate people would write: 200 for 199.9988.
double round_rate(double rate_hz) {
  const double scale = std::pow(10.0, std::floor(std::log10(rate_hz)) - 1.0);
  const double two_digits = std::round(rate_hz / scale) * scale;
  if (std::abs(two_digits - rate_hz) < 0.005 * rate_hz) return two_digits;
  return std::round(rate_hz * 100.0) / 100.0;
}

/// Settles the rate of every file, and returns that of the whole.
double settle_rate(std::vector<Source>& sources, const ImportOptions& options,
                   const std::optional<DataSet>& existing, Remarks& remarks) {
  for (Source& source : sources) {
    if (!source.layout.has_time()) {
      source.rate_hz = options.rate_hz > 0 ? options.rate_hz
                       : existing          ? existing->rate_hz()
                                           : kUsualRate_hz;
      if (options.rate_hz <= 0) {
        remarks.add(source,
                    fmt::format("no time stamps: {:g} Hz assumed{} (--rate says otherwise)",
                                source.rate_hz, existing ? ", the rate of the data set" : ""));
      }
      continue;
    }
    if (!(source.step > 0)) {
      throw Error(
          ExitCode::bad_input,
          fmt::format("{}: the time stamps do not advance from row to row, so they give no rate; "
                      "leave the column out (-) with --columns and give --rate",
                      source.file.string()));
    }
    source.rate_hz = 1e6 / (source.step * source.layout.time_unit.factor);
    if (options.rate_hz > 0 &&
        std::abs(source.rate_hz - options.rate_hz) > kRateTolerance * options.rate_hz) {
      throw Error(
          ExitCode::bad_input,
          fmt::format("{}: --rate says {:g} Hz and the time stamps say {:.4g} Hz (as {}). Leave "
                      "--rate out, or set the time unit with --units",
                      source.file.string(), options.rate_hz, source.rate_hz,
                      source.layout.time_unit.name));
    }
  }
  const Source& first = sources.front();
  for (const Source& source : sources) {
    if (std::abs(source.rate_hz - first.rate_hz) > kRateTolerance * first.rate_hz) {
      throw Error(
          ExitCode::bad_input,
          fmt::format("{} has {:.4g} Hz and {} has {:.4g} Hz; a data set has one rate (within "
                      "2 %), because a detector's window is a number of samples. Import them "
                      "into data sets of their own",
                      first.file.string(), first.rate_hz, source.file.string(), source.rate_hz));
    }
    if (source.layout.axes != first.layout.axes) {
      throw Error(
          ExitCode::bad_input,
          fmt::format("{} has {} axes and {} has {}; a data set has one number of axes. Leave the "
                      "gyroscope out with --columns, or use data sets of their own",
                      first.file.string(), first.layout.axes, source.file.string(),
                      source.layout.axes));
    }
  }
  if (options.rate_hz > 0) return options.rate_hz;
  // A rate that is only assumed or stated is not to be beautified.
  return first.layout.has_time() ? round_rate(first.rate_hz) : first.rate_hz;
}

/// Settles which label the rows get: --label, or the column.
void settle_labels(std::vector<Source>& sources, const ImportOptions& options, Remarks& remarks) {
  for (Source& source : sources) {
    if (!source.layout.has_label()) {
      if (options.label.empty()) {
        throw Error(ExitCode::usage,
                    fmt::format("{}: no label column, so say what it shows: --label normal",
                                source.file.string()));
      }
      source.labels = {options.label};
      continue;
    }
    for (const std::string& label : source.labels) {
      const std::string usable = usable_label(label);
      if (usable != label) {
        remarks.add(source, fmt::format("label {} becomes {}", in_quotes(label), usable));
      }
      if (!options.label.empty() && usable != options.label && label != options.label) {
        throw Error(
            ExitCode::usage,
            fmt::format("{}: its label column says {} and --label says {}. Leave --label out, or "
                        "leave the column out with --columns",
                        source.file.string(), in_quotes(label), in_quotes(options.label)));
      }
    }
  }
}

/// Turns a row into our units.
TimedSample converted(const TableRow& row, const Source& source, std::uint32_t window_samples,
                      const TableReader& table) {
  const TableLayout& layout = source.layout;
  TimedSample sample;
  for (std::size_t axis = 0; axis < layout.axes; ++axis) {
    const double factor = axis < 3 ? layout.acceleration.factor : layout.rotation.factor;
    sample.sample.axis[axis] = static_cast<float>(row.axis[axis] * factor);
    if (!(std::abs(sample.sample.axis[axis]) <= kLargestReading)) {
      table.refuse(
          fmt::format("{} is {:g}, too large for any sensor", kAxisNames[axis], row.axis[axis]));
    }
  }
  double t_us = row.time * layout.time_unit.factor;
  if (!layout.has_time()) {
    std::uint64_t periods = row.index;
    if (layout.windows_apart) periods += row.index / window_samples * kPeriodsApart;
    t_us = static_cast<double>(periods) * 1e6 / source.rate_hz;
  }
  if (!(std::abs(t_us) <= static_cast<double>(kLargestTime_us)))
    table.refuse(fmt::format("the time {:g} is out of range", row.time));
  sample.t_us = std::llround(t_us);
  return sample;
}

std::string provenance(const Source& source, const ImportOptions& options) {
  const TableLayout& layout = source.layout;
  std::string text =
      fmt::format("import {}: accelerometer {}", source.short_name(), layout.acceleration.name);
  if (layout.axes == 6) text += fmt::format(", gyroscope {}", layout.rotation.name);
  text += layout.has_time() ? fmt::format(", time {}", layout.time_unit.name)
                            : fmt::format(", no time stamps, {:g} Hz", source.rate_hz);
  if (layout.windows_apart) text += fmt::format(", every {} rows apart", options.window_samples);
  if (source.bad_rows > 0) text += fmt::format(", {} bad rows left out", source.bad_rows);
  return text;
}

/// Writes the rows of one label.
void write_recording(const Source& source, const std::string& label, const ImportOptions& options,
                     DataSetUpdate& update, ImportReport& report, Progress& progress,
                     std::uint64_t bytes_before) {
  const std::string folder = usable_label(label);
  RecordingWriter& writer =
      update.begin(folder, source.recording_name(), source.session(), provenance(source, options));
  TableReader table(source.file, source.layout, options.skip_bad_rows);
  TableRow row;
  WindowCutter cutter({options.window_samples, static_cast<float>(report.rate_hz)});
  const auto longest_step_us = static_cast<std::int64_t>(1.5e6 / report.rate_hz);
  std::optional<std::int64_t> last_us;
  bool other_label_between = false;
  while (table.next(row)) {
    if (source.layout.has_label() && row.label != label) {
      other_label_between = true;
      continue;
    }
    const TimedSample sample = converted(row, source, options.window_samples, table);
    // Rows of another label leave a gap; where a jittery clock closes it, this row goes as well, so
    // that no window reaches across a change of label.
    if (std::exchange(other_label_between, false) && last_us && sample.t_us >= *last_us &&
        sample.t_us - *last_us <= longest_step_us) {
      other_label_between = true;
      continue;
    }
    last_us = sample.t_us;
    writer.write(sample);
    if (cutter.push(sample.t_us) == WindowCutter::Cut::complete) ++report.windows;
    progress.at(bytes_before + table.bytes_read());
  }
  report.rows += writer.rows();
  report.recordings.push_back({folder, source.recording_name(), source.session(),
                               provenance(source, options), writer.rows(), writer.hash()});
  update.end();
  // What a recording seems to prove about normal running a second time is not there.
  if (const auto other = update.copy_of_last()) {
    throw Error(
        ExitCode::exists,
        fmt::format("{}: has the same rows as {}, which is there already; a recording counts "
                    "once. Leave it out; nothing was changed",
                    source.file.string(), *other));
  }
}

}  // namespace

ImportReport import_recordings(const ImportOptions& options) {
  if (options.rate_hz != 0 &&
      !(options.rate_hz >= kLowestRate_hz && options.rate_hz <= kHighestRate_hz)) {
    throw Error(ExitCode::usage, fmt::format("--rate: expected {} to {} Hz, found {}",
                                             kLowestRate_hz, kHighestRate_hz, options.rate_hz));
  }
  if (!options.label.empty() &&
      (usable_label(options.label) != options.label || !is_plain_name(options.label))) {
    throw Error(
        ExitCode::usage,
        fmt::format("--label: {} would name a folder; letters, digits and -_.+ only, not starting "
                    "with a dot, and not the name of the data set's index",
                    in_quotes(options.label)));
  }
  const GivenUnits units = read_units(options.units);
  std::vector<Source> sources = list_files(options.sources);
  std::uint64_t bytes = 0;
  for (const Source& source : sources) bytes += fs::file_size(source.file);

  ImportReport report;
  report.files = sources.size();
  Remarks remarks;
  Remarks warnings;
  {
    Progress progress("reading", bytes);
    std::uint64_t done = 0;
    for (Source& source : sources) {
      std::vector<std::string> notes;
      source.layout = find_layout(source.file, options.columns, notes);
      for (const std::string& note : notes) remarks.add(source, note);
      if (source.layout.columns > 0) survey(source, options, remarks, progress, done);
      done += fs::file_size(source.file);
      report.bad_rows += source.bad_rows;
    }
  }
  const auto count_rows = [](const Source& source) {
    std::uint64_t rows = 0;
    for (const std::uint64_t count : source.rows) rows = std::max(rows, count);
    return rows;
  };
  // A file too short for anything must not stop the others with questions about its units.
  for (const Source& source : sources) {
    if (count_rows(source) < options.window_samples) {
      report.too_short.push_back(
          fmt::format("{} ({} rows)", source.short_name(), count_rows(source)));
    }
  }
  std::erase_if(sources,
                [&](const Source& source) { return count_rows(source) < options.window_samples; });
  if (sources.empty()) {
    throw Error(ExitCode::too_little_data,
                fmt::format("{}{}: fewer rows than the {} of a window; nothing was imported",
                            report.too_short.front(),
                            report.too_short.size() > 1
                                ? fmt::format(" and {} more files", report.too_short.size() - 1)
                                : std::string(),
                            options.window_samples));
  }

  std::optional<DataSet> existing;
  if (DataSet::exists(options.data)) existing = DataSet::open(options.data);
  settle_labels(sources, options, remarks);
  settle_units(sources, units, remarks, warnings);
  const double rate_hz = settle_rate(sources, options, existing, remarks);
  report.axes = sources.front().layout.axes;

  DataSetUpdate update(options.data, rate_hz, report.axes);
  report.rate_hz = existing ? existing->rate_hz() : rate_hz;
  Progress progress("writing", bytes);
  std::uint64_t done = 0;
  for (const Source& source : sources) {
    for (std::size_t i = 0; i < source.labels.size(); ++i) {
      if (source.rows[i] < options.window_samples) {
        report.too_short.push_back(fmt::format("{}, label {} ({} rows)", source.short_name(),
                                               in_quotes(source.labels[i]), source.rows[i]));
        continue;
      }
      write_recording(source, source.labels[i], options, update, report, progress, done);
    }
    done += fs::file_size(source.file);
  }
  update.commit();
  report.notes = remarks.lines();
  report.warnings = warnings.lines();
  return report;
}

}  // namespace fettle::host
