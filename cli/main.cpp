// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <system_error>

#include "cli/command.hpp"
#include "cli/help.hpp"
#include "host/error.hpp"
#include "host/platform/interrupt.hpp"
#include "host/platform/terminal.hpp"
#include "host/text.hpp"
#include "version.hpp"

namespace {

using fettle::host::Error;
using fettle::host::ExitCode;

constexpr const char* kDescription =
    "Fettle: a machine that tells you it is getting sick.\n"
    "Record ten minutes of normal running, train a detector, and put it on a board.";

constexpr const char* kFooter =
    "A first try without hardware:\n"
    "  fettle simulate --machine fan -o data\n"
    "  fettle train data -o model.tflite\n"
    "  fettle evaluate model.tflite data\n"
    "\n"
    "'fettle COMMAND --help' explains a command. Exit status: 0 done, 1 defect in\n"
    "Fettle, 2 wrong command line, 3 bad input, 4 too little data, 5 file cannot be\n"
    "read or written, 6 something is in the way, 130 interrupted.";

/// A person gets lines that fit the screen; a program gets them whole.
int fail(ExitCode code, const std::string& message) {
  // It may quote what others have written: names of files, answers of boards.
  std::string text = "fettle: " + fettle::host::printable(message);
  if (fettle::host::platform::stderr_is_terminal()) text = fettle::host::wrapped_lines(text, 2);
  fettle::host::say(fmt::format("{}\n", text));
  return static_cast<int>(code);
}

/// A full disk behind standard output is an error even when all else went well.
int finish(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  return fail(ExitCode::io, "standard output cannot be written; is the disk full?");
}

}  // namespace

int main(int argc, char** argv) {
  fettle::host::platform::occupy_standard_streams();
  fettle::host::platform::catch_interrupts();
  CLI::App program(kDescription, "fettle");
  program.footer(kFooter);
  program.set_version_flag("--version", fettle::kVersion);
  program.require_subcommand(1);
  program.formatter(std::make_shared<fettle::cli::HelpFormatter>());
  fettle::cli::add_simulate(program);
  fettle::cli::add_board(program);
  fettle::cli::add_import(program);
  fettle::cli::add_label(program);
  fettle::cli::add_inspect(program);
  fettle::cli::add_train(program);
  fettle::cli::add_evaluate(program);
  fettle::cli::add_rebase(program);
  fettle::cli::add_score(program);
  fettle::cli::add_explain(program);
  fettle::cli::add_info(program);
  fettle::cli::add_infer(program);
  fettle::cli::add_export(program);
  fettle::cli::add_ports(program);
  fettle::cli::add_collect(program);
  fettle::cli::add_flash(program);
  fettle::cli::add_deploy(program);
  fettle::cli::add_watch(program);
  fettle::cli::add_feedback(program);
  fettle::cli::add_selftest(program);
  fettle::cli::add_command(program);
  fettle::cli::add_backup(program);
  fettle::cli::add_restore(program);
  try {
    // Without this the answer to a slip is that a command is required.
    const std::string first = argc > 1 ? argv[1] : "-";
    const auto commands = program.get_subcommands([](const CLI::App* /*any*/) { return true; });
    const bool known = std::any_of(commands.begin(), commands.end(), [&](const CLI::App* command) {
      return command->get_name() == first;
    });
    if (!first.starts_with('-') && !known) {
      throw Error(ExitCode::usage, fmt::format("there is no command \"{}\"; 'fettle --help' lists "
                                               "them",
                                               first));
    }
    program.parse(argc, argv);
    return finish(0);
  } catch (const CLI::ParseError& error) {
    // --help and --version arrive here too, as success.
    return finish(program.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage));
  } catch (const Error& error) {
    std::fflush(stdout);
    return fail(error.code, error.what());
  } catch (const std::system_error& error) {
    return fail(ExitCode::io, error.what());
  } catch (const std::bad_alloc&) {
    return fail(ExitCode::io, "out of memory");
  } catch (const std::exception& error) {
    return fail(ExitCode::internal,
                fmt::format("{} (a defect in Fettle: please report it with the command line)",
                            error.what()));
  }
}
