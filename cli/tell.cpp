// SPDX-License-Identifier: Apache-2.0
// `fettle command` and `fettle selftest`: text commands of a board.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/line.hpp"
#include "host/error.hpp"
#include "host/platform/interrupt.hpp"
#include "host/text.hpp"

namespace fettle::cli {
namespace {

using host::Error;
using host::ExitCode;
using namespace std::chrono_literals;

constexpr const char* kCommandFooter =
    "The same commands can be typed in any serial terminal; 'help' lists them.\n"
    "\n"
    "Examples:\n"
    "  fettle command --port /dev/ttyUSB0 status\n"
    "  fettle command --port /dev/ttyUSB0 \"set accel_g 4\"\n"
    "  fettle command --port /dev/ttyUSB0 \"mute 10min\"";

constexpr const char* kSelftestFooter =
    "The sensor moves its masses itself and compares with what was measured at the\n"
    "factory; rate and jitter of the interrupt, speed and pull-ups of the I2C bus and\n"
    "the card are tried, and the alert pin goes high for a second. Let the machine\n"
    "rest meanwhile. Exit status 3 if anything failed.";

constexpr int kMostLooks = 60;

struct Options {
  LineOptions line;
  std::vector<std::string> words;
  bool json = false;
};

const char* word_of(protocol::ReplyStatus status) {
  using protocol::ReplyStatus;
  switch (status) {
    case ReplyStatus::ok: return "ok";
    case ReplyStatus::unknown_command: return "unknown_command";
    case ReplyStatus::bad_value: return "bad_value";
    case ReplyStatus::not_now: return "not_now";
    case ReplyStatus::does_not_fit: return "does_not_fit";
    case ReplyStatus::storage: return "storage";
    case ReplyStatus::bad_model: return "bad_model";
    case ReplyStatus::bad_frame: return "bad_frame";
    case ReplyStatus::wrong_version: return "wrong_version";
  }
  return "unknown";
}

void run_command(const Options& options) {
  std::string line;
  for (const std::string& word : options.words) line += (line.empty() ? "" : " ") + word;
  const auto link = connect(options.line);
  const host::BoardReply reply = link->command(line);
  if (options.json) {
    fmt::print(
        "{}\n",
        text_of({{"command", line}, {"status", word_of(reply.status)}, {"text", reply.text}}));
  }
  if (!reply.ok()) {
    throw Error(ExitCode::bad_input,
                fmt::format("{} says: {}", link->board().called(), reply.text));
  }
  if (!options.json) {
    fmt::print("{}\n", reply.text.empty() ? "ok" : host::wrapped_lines(reply.text, 4));
  }
}

void run_selftest(const Options& options) {
  const auto link = connect(options.line);
  host::BoardReply reply = link->command("selftest");
  if (!reply.ok()) {
    throw Error(ExitCode::bad_input,
                fmt::format("{} says: {}", link->board().called(), reply.text));
  }
  int looks = 0;
  do {
    if (host::platform::interrupted()) throw Error(ExitCode::interrupted, "interrupted");
    std::this_thread::sleep_for(250ms);
    reply = link->command("selftest result");
  } while (reply.status == protocol::ReplyStatus::not_now && ++looks < kMostLooks);
  if (!reply.ok()) {
    throw Error(ExitCode::io, fmt::format("{} has no result after {} s: {}", link->board().called(),
                                          kMostLooks / 4, reply.text));
  }
  int failed = 0;
  nlohmann::ordered_json lines = nlohmann::ordered_json::array();
  for (std::size_t at = 0; at < reply.text.size();) {
    const std::size_t end = std::min(reply.text.find('\n', at), reply.text.size());
    const std::string line = reply.text.substr(at, end - at);
    failed += line.starts_with("FAIL") ? 1 : 0;
    lines.push_back(line);
    at = end + 1;
  }
  if (options.json) {
    fmt::print("{}\n", text_of({{"board", link->board().id()},
                                {"name", link->board().name},
                                {"passed", failed == 0},
                                {"lines", lines}}));
  } else {
    fmt::print("{}\n{}\n", describe(*link), reply.text);
  }
  if (failed > 0) {
    throw Error(ExitCode::bad_input, fmt::format("self-test of {}: {} of its checks failed",
                                                 link->board().called(), failed));
  }
}

}  // namespace

void add_command(CLI::App& program) {
  auto* command =
      program.add_subcommand("command", "Give a board a text command and show its answer");
  const auto options = std::make_shared<Options>();
  add_line_options(*command, options->line)->required();
  command->add_option("TEXT", options->words, "The command, in one argument or several")
      ->required()
      ->type_name("");
  command->add_flag("--json", options->json, "Print the answer as JSON");
  command->footer(kCommandFooter);
  command->callback([options] { run_command(*options); });
}

void add_selftest(CLI::App& program) {
  auto* command =
      program.add_subcommand("selftest", "Try a board's sensor, wires, card and alert pin");
  const auto options = std::make_shared<Options>();
  add_line_options(*command, options->line)->required();
  command->add_flag("--json", options->json, "Print the result as JSON");
  command->footer(kSelftestFooter);
  command->callback([options] { run_selftest(*options); });
}

}  // namespace fettle::cli
