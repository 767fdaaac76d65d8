// SPDX-License-Identifier: Apache-2.0
// `fettle feedback`: says what an alarm was.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/checks.hpp"
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/line.hpp"
#include "host/error.hpp"
#include "host/text.hpp"

namespace fettle::cli {
namespace {

using host::Error;
using host::ExitCode;

constexpr const char* kFooter =
    "'fettle watch' shows an alarm's ID, and so do the board's 'events' and 'status'.\n"
    "Only the newest alarm can be judged, also when it is over.\n"
    "\n"
    "false: the machine is well. What led to the alarm counts as normal running,\n"
    "and the limit is raised so far that it would have raised none, to twice the\n"
    "calibrated one at most: a fault still alarms, and takes at most twice as long.\n"
    "true: nothing is learned of it, nor of anything else until 'maintenance' is\n"
    "over or the machine was normal for an hour.\n"
    "Either also acknowledges the alarm. The other answer about the same alarm takes\n"
    "the first one back. A model that cannot learn takes no answer: 'ack'.\n"
    "\n"
    "Example:\n"
    "  fettle feedback --port /dev/ttyUSB0 --alarm 17 false";

struct Options {
  LineOptions line;
  std::uint32_t alarm = 0;
  std::string answer;
  bool json = false;
};

void run(const Options& options) {
  const auto link = connect(options.line);
  const host::BoardReply reply =
      link->command(fmt::format("ack {} {}", options.answer, options.alarm));
  if (options.json) {
    const protocol::StatusMessage status = link->status();
    fmt::print("{}\n", text_of({{"board", link->board().id()},
                                {"name", link->board().name},
                                {"alarm", options.alarm},
                                {"fault", options.answer == "true"},
                                {"learned", reply.ok()},
                                {"newest_alarm", status.alarm_id},
                                {"raise", status.raise},
                                {"text", reply.text}}));
  }
  if (!reply.ok()) {
    throw Error(ExitCode::bad_input,
                fmt::format("{} says: {}", link->board().called(), reply.text));
  }
  if (!options.json) fmt::print("{}\n", host::wrapped(reply.text, 2));
}

}  // namespace

void add_feedback(CLI::App& program) {
  auto* command = program.add_subcommand("feedback", "Say whether an alarm of a board was true");
  const auto options = std::make_shared<Options>();
  add_line_options(*command, options->line)->required();
  command->add_option("--alarm", options->alarm, "The alarm's ID")
      ->required()
      ->transform(whole_number(1, UINT32_MAX))
      ->type_name("ID");
  command->add_option("true|false", options->answer, "true: a fault; false: the machine is well")
      ->required()
      ->check(one_of({"true", "false"}))
      ->type_name("");
  command->add_flag("--json", options->json, "Print the answer as JSON");
  command->footer(kFooter);
  command->callback([options] { run(*options); });
}

}  // namespace fettle::cli
