// SPDX-License-Identifier: Apache-2.0
// `fettle backup` and `fettle restore`: settings and model of a board as one file.
#include "host/line/backup.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/line.hpp"
#include "host/error.hpp"
#include "host/model_file.hpp"
#include "host/platform/files.hpp"
#include "host/text.hpp"

namespace fettle::cli {
namespace {

using host::Error;
using host::ExitCode;

constexpr const char* kBackupFooter =
    "The file is JSON: the board's settings, its model and what burn-in has learned\n"
    "(base64), with a checksum. 'fettle restore' puts them on this board or on one\n"
    "in its place.\n"
    "\n"
    "Example:\n"
    "  fettle backup --port /dev/ttyUSB0 -o pump3.json";
constexpr const char* kRestoreFooter =
    "The settings first, then the model, which has to prove itself as after 'fettle\n"
    "deploy', then its burn-in. What the board does not take is named, the rest set.\n"
    "\n"
    "Example:\n"
    "  fettle restore pump3.json --port /dev/ttyUSB0";

std::string settings_text(std::size_t count) {
  return fmt::format("{} setting{}", count, count == 1 ? "" : "s");
}

struct Options {
  LineOptions line;
  std::string file;
  bool json = false;
};

void run_backup(const Options& options) {
  host::platform::check_output(options.file, {});
  host::LiveLine live;
  const auto link = connect(options.line, &live);
  const host::BoardReply settings = link->command("settings");
  if (!settings.ok()) {
    throw Error(ExitCode::bad_input, fmt::format("{} does not list its settings: {}",
                                                 link->board().called(), settings.text));
  }
  host::BoardBackup backup;
  backup.board_id = link->board().id();
  backup.board_name = link->board().name;
  backup.firmware = link->board().firmware;
  backup.settings = host::parse_settings(settings.text);
  {
    host::Progress progress("Reading the model", link->board().hello.model_bytes);
    backup.model = link->read_model([&](std::size_t bytes) { progress.at(bytes); });
  }
  backup.burn_in = link->read_learned();
  const std::string text = host::backup_text(backup);
  if (text.size() > host::kMostBackupBytes) {
    throw Error(ExitCode::bad_input,
                fmt::format("{}: a model of {} bytes is too large for a backup",
                            link->board().called(), backup.model.size()));
  }
  host::platform::write_file_atomically(options.file, text);
  if (options.json) {
    fmt::print("{}\n", text_of({{"file", options.file},
                                {"board", backup.board_id},
                                {"name", backup.board_name},
                                {"settings", backup.settings.size()},
                                {"model_bytes", backup.model.size()},
                                {"burn_in", !backup.burn_in.bytes.empty()}}));
  } else {
    fmt::print(
        "{}: {} and {}{} of {}\n", options.file, settings_text(backup.settings.size()),
        backup.model.empty() ? "no model" : fmt::format("a model of {} bytes", backup.model.size()),
        backup.burn_in.bytes.empty() ? "" : " with its burn-in", describe(*link));
  }
}

std::string read_whole(const std::string& name) {
  host::platform::check_regular_file(name);
  host::platform::InputFile file(name);
  std::string text;
  std::vector<char> block(std::size_t{1} << 16);
  for (std::size_t size = 1; size > 0;) {
    size = file.read(block);
    text.append(block.data(), size);
    if (text.size() > host::kMostBackupBytes) {
      throw Error(
          ExitCode::bad_input,
          fmt::format("{}: too large for a backup: more than the {} bytes that one may have", name,
                      host::kMostBackupBytes));
    }
  }
  return text;
}

void run_restore(const Options& options) {
  const host::BoardBackup backup = host::parse_backup(read_whole(options.file), options.file);
  if (!backup.model.empty()) {
    static_cast<void>(
        host::ModelFile::from_bytes(backup.model, options.file + " (its model)", true));
  }
  host::LiveLine live;
  const auto link = connect(options.line, &live);
  const bool other = link->board().id() != backup.board_id;
  if (other) {
    host::say(host::wrapped(
                  fmt::format("Note: this backup is of {} ({}); it goes to {} ({}).",
                              host::one_line(backup.board_name), host::one_line(backup.board_id),
                              link->board().called(), link->board().id()),
                  2) +
              "\n");
  }
  std::string problems;
  for (const auto& [key, value] : backup.settings) {
    const host::BoardReply reply = link->command(fmt::format("set {} {}", key, value));
    if (!reply.ok()) {
      problems += fmt::format("\n  {}={}: {}", host::one_line(key), host::one_line(value),
                              host::one_line(reply.text));
    }
  }
  bool sent = false;
  if (!backup.model.empty()) {
    link->greet();
    const Deployment deployment = deploy_model(*link, backup.model);
    sent = deployment.sent;
    warn(deployment);
  }
  bool learned = false;
  if (!backup.burn_in.bytes.empty()) {
    const host::BoardReply reply = link->write_learned(backup.burn_in);
    learned = reply.ok();
    if (!learned) problems += fmt::format("\n  burn-in: {}", host::one_line(reply.text));
  }
  if (options.json) {
    fmt::print("{}\n", text_of({{"board", link->board().id()},
                                {"other_board", other},
                                {"settings", backup.settings.size()},
                                {"problems", problems},
                                {"model_bytes", backup.model.size()},
                                {"model_sent", sent},
                                {"burn_in", learned}}));
  }
  if (!problems.empty()) {
    throw Error(ExitCode::bad_input,
                fmt::format("{} did not take all of it; the rest is restored:{}",
                            link->board().called(), problems));
  }
  if (!options.json) {
    fmt::print("{} has {}{}{} of {}\n", link->board().called(),
               settings_text(backup.settings.size()), backup.model.empty() ? "" : " and the model",
               learned ? " with its burn-in" : "", options.file);
  }
}

}  // namespace

void add_backup(CLI::App& program) {
  auto* command = program.add_subcommand("backup", "Save a board's settings and model to a file");
  const auto options = std::make_shared<Options>();
  add_line_options(*command, options->line)->required();
  command->add_option("-o,--output", options->file, "The backup")->required()->type_name("FILE");
  command->add_flag("--json", options->json, "Print the summary as JSON");
  command->footer(kBackupFooter);
  command->callback([options] { run_backup(*options); });
}

void add_restore(CLI::App& program) {
  auto* command = program.add_subcommand("restore", "Put a backup's settings and model on a board");
  const auto options = std::make_shared<Options>();
  command->add_option("FILE", options->file, "A file made by 'fettle backup'")
      ->required()
      ->type_name("");
  add_line_options(*command, options->line)->required();
  command->add_flag("--json", options->json, "Print the summary as JSON");
  command->footer(kRestoreFooter);
  command->callback([options] { run_restore(*options); });
}

}  // namespace fettle::cli
