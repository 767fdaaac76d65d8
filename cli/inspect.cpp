// SPDX-License-Identifier: Apache-2.0
#include "host/inspect.hpp"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "host/learning.hpp"
#include "host/text.hpp"

namespace fettle::cli {
namespace {

constexpr const char* kExamples =
    R"help(What is looked at, for each source (with --verbose, for each recording):
  the measured rate and its jitter; gaps and the windows they cost; rows that
  repeat the one before; axes that stand still; samples at the sensor's rail;
  single samples that jump out (torn reads); drift of the vibration's level and
  of its main frequency, the speed, from the first tenth to the last.
Below the table stands what matters, and what to do about it.

Examples:
  fettle inspect fan
  fettle inspect fan --json | jq '.findings[] | select(.matters)')help";

struct Options {
  std::string data;
  bool each_recording = false;
  bool json = false;
};

nlohmann::ordered_json drift_json(const host::Drift& drift) {
  return {{"first", drift.first},
          {"last", drift.last},
          {"lowest", drift.lowest},
          {"highest", drift.highest}};
}

void print_json(const host::DataSet& data, const host::Inspection& inspection) {
  using Json = nlohmann::ordered_json;
  Json json = {{"rate_hz", data.rate_hz()},
               {"axes", data.axes()},
               {"recordings", data.recordings().size()},
               {"parts", Json::array()},
               {"findings", Json::array()}};
  for (const host::Health& part : inspection.parts) {
    const auto by_axis = [&](const std::array<std::uint64_t, 6>& counts) {
      Json axes;
      for (std::size_t axis = 0; axis < data.axes(); ++axis) axes[kAxisNames[axis]] = counts[axis];
      return axes;
    };
    json["parts"].push_back({{"label", part.label},
                             {"name", part.name},
                             {"recordings", part.recordings},
                             {"rows", part.rows},
                             {"seconds", part.seconds},
                             {"windows", part.windows},
                             {"windows_lost", part.windows_lost},
                             {"rate_hz", part.rate_hz},
                             {"jitter_us", part.jitter_us},
                             {"longest_step_us", part.longest_step_us},
                             {"gaps", part.gaps},
                             {"missing_s", part.missing_s},
                             {"longest_gap_s", part.longest_gap_s},
                             {"backwards", part.backwards},
                             {"repeated_rows", part.repeated_rows},
                             {"still_rows", by_axis(part.still)},
                             {"clipped", by_axis(part.clipped)},
                             {"spikes", by_axis(part.spikes)},
                             {"magnitude_g", part.magnitude_g},
                             {"level_g", drift_json(part.level_g)},
                             {"speed_hz", drift_json(part.speed_hz)}});
  }
  for (const host::Finding& finding : inspection.findings) {
    json["findings"].push_back(
        {{"matters", finding.matters}, {"where", finding.where}, {"text", finding.text}});
  }
  fmt::print("{}\n", text_of(json));
}

/// What tells recordings of one board apart stands at the end of their names.
std::string cut(const std::string& text, std::size_t width) {
  if (text.size() <= width) return text;
  const std::size_t tail = (width - 2) * 2 / 3;
  return text.substr(0, width - 2 - tail) + ".." + text.substr(text.size() - tail);
}

std::uint64_t sum(const std::array<std::uint64_t, 6>& counts) {
  std::uint64_t all = 0;
  for (const std::uint64_t count : counts) all += count;
  return all;
}

/// "39.1>29.4": from the first tenth to the last.
std::string drift_text(const host::Drift& drift, int digits) {
  if (drift.first <= 0) return "-";
  return fmt::format("{:.{}f}>{:.{}f}", drift.first, digits, drift.last, digits);
}

void print_table(const host::DataSet& data, const host::Inspection& inspection) {
  const auto print_row = [](const std::string& name, const auto&... cells) {
    fmt::print("{:<22} {:>6} {:>7} {:>5} {:>4} {:>4} {:>4} {:>11} {:>9}\n", cut(name, 22),
               cells...);
  };
  fmt::print("{}: {} recordings, {} axes, {:g} Hz\n\n", host::one_line(data.folder().string()),
             data.recordings().size(), data.axes(), data.rate_hz());
  print_row("", "", "", "", "", "", "", "vibration", "speed");
  print_row("", "min", "windows", "Hz", "gaps", "clip", "torn", "g", "Hz");
  std::string label;
  for (const host::Health& part : inspection.parts) {
    if (std::exchange(label, part.label) != part.label) {
      double seconds = 0;
      std::uint64_t windows = 0;
      for (const host::Health& other : inspection.parts) {
        if (other.label != label) continue;
        seconds += other.seconds;
        windows += other.windows;
      }
      print_row(host::one_line(label), fmt::format("{:.1f}", seconds / 60), windows, "", "", "", "",
                "", "");
    }
    print_row("  " + host::one_line(part.name), fmt::format("{:.1f}", part.seconds / 60),
              part.windows, fmt::format("{:.1f}", part.rate_hz), part.gaps, sum(part.clipped),
              sum(part.spikes), drift_text(part.level_g, 3), drift_text(part.speed_hz, 1));
  }
  bool heading_due[2] = {true, true};
  for (const host::Finding& finding : inspection.findings) {
    if (std::exchange(heading_due[finding.matters ? 1 : 0], false)) {
      fmt::print("\n{}\n", finding.matters ? "What matters:" : "Good to know:");
    }
    fmt::print("{}\n",
               host::wrapped("  " + host::one_line(finding.where) + ": " + finding.text + ".", 4));
  }
  if (heading_due[1]) fmt::print("\nNothing found that would matter for training.\n");
}

void run(const Options& options) {
  const host::DataSet data = host::DataSet::open(options.data);
  const host::Inspection inspection =
      host::inspect(data, host::usual_window(FeatureSet::vibration, data.rate_hz()).samples,
                    options.each_recording);
  options.json ? print_json(data, inspection) : print_table(data, inspection);
}

}  // namespace

void add_inspect(CLI::App& program) {
  CLI::App* command =
      program.add_subcommand("inspect", "Report what a data set is like, and what in it matters");
  const auto options = std::make_shared<Options>();
  command->add_option("DATA", options->data, "The data set")->required();
  command->add_flag("--verbose", options->each_recording,
                    "A line for each recording instead of each source");
  command->add_flag("--json", options->json, "Print everything as JSON");
  command->footer(kExamples);
  command->callback([options] { run(*options); });
}

}  // namespace fettle::cli
