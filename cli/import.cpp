// SPDX-License-Identifier: Apache-2.0
#include "host/import.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "host/text.hpp"

namespace fettle::cli {
namespace {

constexpr const char* kExamples = R"help(What is read:
  Tables of numbers with or without a header; between the columns a comma,
  semicolon, tab or spaces; decimal points. The header says which column is what
  (t_us, timestamp, ax, accX, Ax_Raw, accel_x, gx, gyro_x, label, class ...) and
  perhaps the unit (acc_x_g, "Acceleration x (m/s^2)"). Without a header:
    3 columns  ax ay az               4 columns  time ax ay az
    6 columns  ax ay az gx gy gz, every 128 rows a window (tutorial)
    7 columns  the same with the time first or the label last
  What has to be guessed is said; what may change the physics is said loudly.
  A file in which one row is torn is refused, and with it the whole import.

Examples:
  One recording per file, all in a folder, sampled at 200 Hz:
    fettle import low-normal --label normal --rate 200 -o fan
  Labels in the file, time in milliseconds, all found from the header:
    fettle import motor/*.csv -o motor
  Raw counts at +-2 g and +-250 deg/s, a column left out:
    fettle import log.txt --label normal -o pump \
        --columns t,ax,ay,az,-,gx,gy,gz --units lsb16384,lsb131,us)help";

struct Options {
  host::ImportOptions import;
  bool json = false;
};

void print_json(const host::ImportReport& report) {
  nlohmann::ordered_json json = {
      {"files", report.files},       {"recordings", nlohmann::ordered_json::array()},
      {"rows", report.rows},         {"windows", report.windows},
      {"rate_hz", report.rate_hz},   {"axes", report.axes},
      {"bad_rows", report.bad_rows}, {"too_short", report.too_short},
      {"notes", report.notes},       {"warnings", report.warnings}};
  for (const host::RecordingEntry& entry : report.recordings) {
    json["recordings"].push_back({{"label", entry.label},
                                  {"name", entry.name},
                                  {"source", entry.source},
                                  {"rows", entry.rows}});
  }
  fmt::print("{}\n", text_of(json));
}

/// One line for each source and label: hundreds of files of a second are one.
void print_recordings(const host::ImportReport& report) {
  const auto& recordings = report.recordings;
  for (std::size_t i = 0; i < recordings.size();) {
    const std::size_t first = i;
    std::uint64_t rows = 0;
    for (; i < recordings.size() && recordings[i].label == recordings[first].label &&
           recordings[i].source == recordings[first].source;
         ++i) {
      rows += recordings[i].rows;
    }
    const std::string id = recordings[first].id();
    fmt::print("  {}{}: {} rows, {:.1f} min\n", id,
               i - first > 1 ? fmt::format(" and {} more", i - first - 1) : std::string(), rows,
               static_cast<double>(rows) / report.rate_hz / 60.0);
  }
}

void run(const Options& options) {
  const host::ImportReport report = host::import_recordings(options.import);
  for (const std::string& note : report.notes) {
    host::say(fmt::format("{}\n", host::wrapped("note: " + host::one_line(note), 2)));
  }
  for (const std::string& warning : report.warnings) {
    host::say(fmt::format("\nWARNING: {}\n\n", host::printable(warning)));
  }
  if (!report.too_short.empty()) {
    const std::string more = report.too_short.size() > 1
                                 ? fmt::format(" and {} more", report.too_short.size() - 1)
                                 : std::string();
    fmt::print(stderr, "{}\n",
               host::wrapped(fmt::format("note: left out, fewer rows than the {} of a window: {}{}",
                                         options.import.window_samples,
                                         host::one_line(report.too_short.front()), more),
                             2));
  }
  if (report.bad_rows > 0) {
    host::say(fmt::format("note: {} bad rows left out\n", report.bad_rows));
  }
  if (options.json) return print_json(report);
  print_recordings(report);
  fmt::print(
      "{}\n",
      host::wrapped(
          fmt::format(
              "Imported {} recordings from {} files: {} rows, {} windows of {}, {:g} Hz, {} axes.",
              report.recordings.size(), report.files, report.rows, report.windows,
              options.import.window_samples, report.rate_hz, report.axes),
          2));
  fmt::print("Next: fettle inspect {}\n", options.import.data.string());
}

}  // namespace

void add_import(CLI::App& program) {
  CLI::App* command = program.add_subcommand(
      "import", "Add recordings from CSV files to a data set, all of them or none");
  const auto options = std::make_shared<Options>();
  host::ImportOptions& import = options->import;
  command->add_option("SRC", import.sources, "Files, and folders of *.csv")->required();
  command
      ->add_option("--label", import.label,
                   "What the recordings show, for example normal; not needed with a label column")
      ->type_name("NAME");
  command->add_option("-o,--output", import.data, "The data set: a folder, made if there is none")
      ->required()
      ->type_name("DATA");
  command
      ->add_option("--rate", import.rate_hz,
                   "Samples a second; default: from the time stamps, without those 200")
      ->type_name("HZ");
  command
      ->add_option("--columns", import.columns,
                   "What the columns are, in order: t,ax,ay,az,gx,gy,gz,label; - leaves one out")
      ->type_name("ROLES");
  command
      ->add_option("--units", import.units,
                   "Units of accelerometer (g, mg, ms2, lsb16384/8192/4096/2048), gyroscope (dps, "
                   "mdps, rads, lsb131/65.5/32.8/16.4) and time (us, ms, s, ns)")
      ->type_name("A,G,T");
  command->add_flag("--skip-bad-rows", import.skip_bad_rows,
                    "Leave out rows that cannot be read, and count them");
  command->add_flag("--json", options->json, "Print the summary as JSON");
  command->footer(kExamples);
  command->callback([options] { run(*options); });
}

}  // namespace fettle::cli
