// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/checks.hpp"
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "core/window/window_cutter.hpp"
#include "host/dataset.hpp"
#include "host/error.hpp"
#include "host/progress.hpp"
#include "simulator/machine/machine.hpp"
#include "version.hpp"

namespace fettle::cli {
namespace {

using host::Error;
using host::ExitCode;
using simulator::Faults;

/// What can be simulated: the name of the folder, and the fault behind it. The order numbers the
/// sessions, so that a label's recording does not depend on which others are made.
struct LabelChoice {
  std::string_view name;
  double Faults::*fault;    ///< null: none
  double default_severity;  ///< an early fault: hardly more than the healthy machine shows
};
constexpr LabelChoice kLabels[] = {
    {"normal", nullptr, 0},
    {"bearing", &Faults::bearing, 0.5},
    {"imbalance", &Faults::imbalance, 0.1},
    {"loose", &Faults::loose, 0.4},
    {"misalignment", &Faults::misalignment, 0.4},
};
constexpr const char* kLabelNames = "normal, bearing, imbalance, loose, misalignment";
constexpr double kMostMinutes = 100'000;  // 69 days

struct Options {
  std::string machine = "fan";
  std::string data;
  std::string minutes = "normal=10,bearing=5,imbalance=5,loose=5";
  std::string severity;
  std::string bearing_defect = "outer";
  std::uint64_t seed = 1;
  double rate_hz = 200;
  int axes = 6;
  bool grow = false;
  bool json = false;
};

/// One recording to be made.
struct Session {
  const LabelChoice* label = nullptr;
  std::uint64_t number = 0;
  double minutes = 0;
  double severity = 0;
  std::uint64_t rows = 0;
  std::uint64_t hash = 0;
};

[[noreturn]] void refuse(const std::string& message) { throw Error(ExitCode::usage, message); }

std::size_t find_label(std::string_view name, const char* option) {
  for (std::size_t i = 0; i < std::size(kLabels); ++i) {
    if (kLabels[i].name == name) return i;
  }
  refuse(fmt::format("{}: there is no label \"{}\" to simulate; choose from {}", option, name,
                     kLabelNames));
}

struct Assignment {
  std::size_t label;
  double value;
};

/// "normal=10,loose=0.5" in pieces, each label at most once.
std::vector<Assignment> parse_assignments(std::string_view text, const char* option) {
  std::vector<Assignment> assignments;
  std::string_view rest = text;
  for (bool more = true; more;) {
    const std::size_t comma = rest.find(',');
    const std::string_view piece = rest.substr(0, comma);
    more = comma != std::string_view::npos;
    rest.remove_prefix(more ? comma + 1 : rest.size());

    const std::size_t equals = piece.find('=');
    if (equals == std::string_view::npos) {
      refuse(fmt::format("{}: expected LABEL=NUMBER, separated by commas, found \"{}\" in \"{}\"",
                         option, piece, text));
    }
    const std::size_t label = find_label(piece.substr(0, equals), option);
    const std::string_view number = piece.substr(equals + 1);
    double value = 0;
    const char* end = number.data() + number.size();
    const auto parsed = std::from_chars(number.data(), end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(value)) {
      refuse(fmt::format("{}: expected a number after \"{}=\", found \"{}\"", option,
                         kLabels[label].name, number));
    }
    for (const Assignment& earlier : assignments) {
      if (earlier.label == label) {
        refuse(fmt::format("{}: {} is named twice", option, kLabels[label].name));
      }
    }
    assignments.push_back({label, value});
  }
  return assignments;
}

std::vector<Session> plan(const Options& options) {
  std::vector<Session> sessions;
  for (const Assignment& a : parse_assignments(options.minutes, "--minutes")) {
    const LabelChoice& label = kLabels[a.label];
    if (a.value <= 0 || a.value > kMostMinutes) {
      refuse(fmt::format(
          "--minutes: {}={} is not above 0 and at most {}; leave out a label to make none of it",
          label.name, a.value, kMostMinutes));
    }
    const auto rows = static_cast<std::uint64_t>(std::llround(a.value * 60.0 * options.rate_hz));
    const WindowShape window;
    if (rows < window.samples) {
      throw Error(ExitCode::too_little_data,
                  fmt::format("--minutes: {}={} gives {} rows at {} Hz, but a window needs {}; ask "
                              "for {:.2g} minutes at least",
                              label.name, a.value, rows, options.rate_hz, window.samples,
                              1.05 * window.samples / options.rate_hz / 60.0));
    }
    sessions.push_back({&label, a.label, a.value, label.default_severity, rows, 0});
  }
  if (options.severity.empty()) return sessions;
  for (const Assignment& a : parse_assignments(options.severity, "--severity")) {
    const LabelChoice& label = kLabels[a.label];
    if (label.fault == nullptr) refuse("--severity: normal is the machine without a fault");
    if (a.value < 0 || a.value > 1) {
      refuse(fmt::format("--severity: {}={} is not from 0 to 1", label.name, a.value));
    }
    Session* found = nullptr;
    for (Session& session : sessions) {
      if (session.label == &label) found = &session;
    }
    if (found == nullptr) {
      refuse(
          fmt::format("--severity: {} is not among the --minutes {}", label.name, options.minutes));
    }
    found->severity = a.value;
  }
  return sessions;
}

simulator::BearingDefect find_defect(const std::string& name) {
  if (name == "outer") return simulator::BearingDefect::outer_race;
  if (name == "inner") return simulator::BearingDefect::inner_race;
  if (name == "ball") return simulator::BearingDefect::ball;
  refuse(fmt::format("--bearing-defect: \"{}\" is none of outer, inner, ball", name));
}

simulator::Machine make_machine(const Options& options, const Session& session) {
  simulator::MachineConfig config;
  config.rate_hz = options.rate_hz;
  config.session = session.number;
  config.faults.defect = find_defect(options.bearing_defect);
  if (session.label->fault != nullptr && !options.grow) {
    config.faults.*session.label->fault = session.severity;
  }
  return simulator::Machine(config, options.seed);
}

std::string provenance(const Options& options, const Session& session) {
  std::string fault = "no fault";
  if (session.label->fault != nullptr) {
    fault = fmt::format("{} {} severity {}", session.label->name,
                        options.grow ? "growing from 0 to" : "at", session.severity);
    if (session.label->name == "bearing") {
      fault += fmt::format(" ({})", options.bearing_defect);
    }
  }
  return fmt::format("simulated {}, {}, seed {}, {} minutes at {} Hz, fettle {}", options.machine,
                     fault, options.seed, session.minutes, options.rate_hz, kVersion);
}

/// What dataset.json says of how bad the fault is; nothing of a healthy machine.
std::vector<host::SeverityPoint> severity_of(const Options& options, const Session& session) {
  if (session.label->fault == nullptr) return {};
  if (!options.grow) return {{0.0, session.severity}};
  return {{0.0, 0.0}, {static_cast<double>(session.rows) / options.rate_hz, session.severity}};
}

/// How often a growing fault is made a little worse.
constexpr std::uint64_t kGrowthRows = 32;

void print_json(const Options& options, const std::string& name,
                const std::vector<Session>& sessions) {
  nlohmann::ordered_json json;
  json["data"] = options.data;
  json["machine"] = options.machine;
  json["seed"] = options.seed;
  json["rate_hz"] = options.rate_hz;
  json["axes"] = options.axes;
  for (const Session& session : sessions) {
    json["recordings"].push_back({{"label", session.label->name},
                                  {"name", name},
                                  {"minutes", session.minutes},
                                  {"severity", session.severity},
                                  {"grows", options.grow && session.label->fault != nullptr},
                                  {"rows", session.rows},
                                  {"hash", fmt::format("{:016x}", session.hash)}});
  }
  fmt::print("{}\n", text_of(json));
}

void print_summary(const Options& options, const std::string& name,
                   const std::vector<Session>& sessions) {
  const simulator::MachineParameters machine(options.seed);
  fmt::print("A {} (seed {}): shaft {:.1f} Hz, {} blades; {} axes at {} Hz.\n\n", options.machine,
             options.seed, machine.rated_hz, machine.blades, options.axes, options.rate_hz);
  fmt::print("  {:<14}{:>9}{:>11}{:>12}\n", "label", "minutes", "severity", "rows");
  for (const Session& session : sessions) {
    const bool healthy = session.label->fault == nullptr;
    fmt::print("  {:<14}{:>9g}{:>11}{:>12}\n", session.label->name, session.minutes,
               healthy ? "-" : fmt::format("{}{:g}", options.grow ? "0 to " : "", session.severity),
               session.rows);
  }
  fmt::print("\nEach is {}/<label>/{}.csv.\nNext: fettle inspect {}\n", options.data, name,
             options.data);
}

void run(const Options& options) {
  if (options.machine != "fan") {
    refuse(fmt::format("--machine: there is no \"{}\"; choose from fan", options.machine));
  }
  if (!(options.rate_hz >= 20 && options.rate_hz <= 8000)) {
    refuse(fmt::format("--rate: {} Hz is not from 20 to 8000", options.rate_hz));
  }
  if (options.axes != 3 && options.axes != 6) {
    refuse(fmt::format("--axes: {} is neither 3 (accelerometer) nor 6 (with gyroscope)",
                       options.axes));
  }
  find_defect(options.bearing_defect);
  std::vector<Session> sessions = plan(options);

  const std::string name = fmt::format("simulated-{}-seed{}", options.machine, options.seed);
  std::uint64_t total = 0;
  std::uint64_t done = 0;
  for (const Session& session : sessions) total += session.rows;

  host::DataSetUpdate update(options.data, options.rate_hz, static_cast<std::size_t>(options.axes));
  host::Progress progress("Simulating", total);
  for (Session& session : sessions) {
    simulator::Machine machine = make_machine(options, session);
    host::RecordingWriter& writer =
        update.begin(std::string(session.label->name), name, name, provenance(options, session),
                     severity_of(options, session));
    simulator::Faults faults;
    faults.defect = find_defect(options.bearing_defect);
    const bool grows = options.grow && session.label->fault != nullptr;
    for (std::uint64_t row = 0; row < session.rows; ++row) {
      if (grows && row % kGrowthRows == 0) {
        faults.*session.label->fault =
            session.severity * static_cast<double>(row) / static_cast<double>(session.rows);
        machine.set_faults(faults);
      }
      writer.write(machine.next());
      if (++done % 4096 == 0) progress.at(done);
    }
    session.hash = writer.hash();
    update.end();
  }
  update.commit();

  if (options.json) {
    print_json(options, name, sessions);
  } else {
    print_summary(options, name, sessions);
  }
}

constexpr const char* kMore =
    R"(The machine is a small fan on rubber feet with an MPU6050 screwed to it. Its
seed decides speed, blades, balance and how the sensor sits. Each label is
another session of the same machine: other noise, a slightly other speed, the
sensor untouched. Samples are in g and deg/s, quantised as the chip does it at
+-2 g and +-250 deg/s, behind its low-pass at 94 Hz. The same command makes the
same numbers on every computer.

Labels:                                                minutes   severity
  normal        the machine without a fault                 10          -
  imbalance     more mass on one side of the rotor           5        0.1
  bearing       a pit in the bearing                         5        0.5
  loose         a mount that is not tight                    5        0.4
  misalignment  motor and rotor not in line                  -        0.4
Severity 1 is due for repair today; the defaults are early faults that hardly
show. With --minutes only the labels named there are made.

With --grow each fault grows evenly from nothing to its severity. dataset.json
says so, and 'fettle evaluate' then tells at which severity it is caught.

Recordings are added to an existing data set; one that is there already is never
overwritten.

Examples:
  fettle simulate -o data
  fettle simulate -o data --seed 2 --minutes normal=30,loose=2
  fettle simulate -o hard --severity imbalance=0.05,bearing=0.3,loose=0.2
  fettle simulate -o slow --grow --minutes normal=10,bearing=30
  fettle simulate -o fast --rate 1000 --axes 3 --minutes normal=5,bearing=2)";

}  // namespace

void add_simulate(CLI::App& program) {
  CLI::App* command = program.add_subcommand(
      "simulate", "Make labelled recordings of a machine model, to try Fettle without hardware");
  const auto options = std::make_shared<Options>();
  command->add_option("--machine", options->machine, "What to simulate: fan")
      ->capture_default_str();
  command->add_option("-o,--output", options->data, "Folder of the data set, new or existing")
      ->required()
      ->type_name("DATA");
  command->add_option("--minutes", options->minutes, "Minutes of each label")
      ->type_name("LABEL=X,...");
  command->add_option("--severity", options->severity, "How bad each fault is, 0 to 1")
      ->type_name("LABEL=X,...");
  command
      ->add_option("--bearing-defect", options->bearing_defect,
                   "What is pitted: outer, inner (race) or ball")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Which of the many machines")
      ->transform(whole_number(0, UINT64_MAX))
      ->capture_default_str();
  command->add_option("--rate", options->rate_hz, "Samples a second, 20 to 8000")
      ->capture_default_str();
  command->add_option("--axes", options->axes, "6, or 3 for the accelerometer alone")
      ->capture_default_str();
  command->add_flag("--grow", options->grow, "Faults grow from nothing over the recording");
  command->add_flag("--json", options->json, "Print the summary as JSON");
  command->footer(kMore);
  command->callback([options] { run(*options); });
}

}  // namespace fettle::cli
