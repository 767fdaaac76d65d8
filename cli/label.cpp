// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "host/error.hpp"
#include "host/relabel.hpp"

namespace fettle::cli {
namespace {

constexpr const char* kExamples =
    R"help(Times count from the first row of the recording: HH:MM:SS[.mmm], MM:SS or
seconds; --from is the first moment that gets the label, --to the first that no
longer does. The recording is cut into what is before, the part, and what is
after; no row is lost. What is before keeps its name, the others get -2 or -3
behind the name where it is taken.

Example:
  The bearing started to fail after four minutes and ten seconds:
    fettle label pump pump_monday --from 00:04:10 --to 00:09:00 bearing)help";

struct Options {
  std::string data, recording, from, to, label;
  bool json = false;
};

std::int64_t clock_option(const char* name, const std::string& text) {
  const std::int64_t t_us = host::parse_clock_us(text);
  if (t_us >= 0) return t_us;
  throw host::Error(
      host::ExitCode::usage,
      fmt::format("{}: expected HH:MM:SS, for example 00:04:10.500, found {:?}", name, text));
}

void run(const Options& options) {
  const auto parts =
      host::relabel(options.data, options.recording, clock_option("--from", options.from),
                    clock_option("--to", options.to), options.label);
  if (options.json) {
    nlohmann::ordered_json json = {{"parts", nlohmann::ordered_json::array()}};
    for (const host::RecordingPart& part : parts) {
      json["parts"].push_back({{"label", part.entry.label},
                               {"name", part.entry.name},
                               {"rows", part.entry.rows},
                               {"from_s", static_cast<double>(part.from_us) * 1e-6}});
    }
    fmt::print("{}\n", text_of(json));
    return;
  }
  for (const host::RecordingPart& part : parts) {
    fmt::print("  from {}  {}  {} rows\n", host::clock_text(part.from_us), part.entry.id(),
               part.entry.rows);
  }
  fmt::print("{} is now {} recording{}.\n", options.recording, parts.size(),
             parts.size() > 1 ? "s" : "");
}

}  // namespace

void add_label(CLI::App& program) {
  CLI::App* command = program.add_subcommand("label", "Give a part of a recording another label");
  const auto options = std::make_shared<Options>();
  command->add_option("DATA", options->data, "The data set")->required();
  command->add_option("RECORDING", options->recording, "Its name, or label/name")->required();
  command->add_option("--from", options->from, "Where the part begins")
      ->required()
      ->type_name("HH:MM:SS");
  command->add_option("--to", options->to, "Where it ends")->required()->type_name("HH:MM:SS");
  command->add_option("NAME", options->label, "The new label")->required();
  command->add_flag("--json", options->json, "Print the parts as JSON");
  command->footer(kExamples);
  command->callback([options] { run(*options); });
}

}  // namespace fettle::cli
