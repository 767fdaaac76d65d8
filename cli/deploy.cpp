// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/line.hpp"
#include "core/checksum.hpp"
#include "host/error.hpp"
#include "host/model_file.hpp"
#include "host/platform/files.hpp"
#include "host/platform/serial_port.hpp"
#include "host/text.hpp"

namespace fettle::cli {
namespace {

using host::Error;
using host::ExitCode;

constexpr const char* kFooter =
    "The file is checked here first, then by the board: size, checksum, network and\n"
    "the answers that it must give. The model that ran before stays in its slot until\n"
    "the new one has judged three windows. Until then the new one is started up to\n"
    "three times; if it has not got there by then, or does not run at all, the old\n"
    "one is back. No firmware is flashed.\n"
    "\n"
    "Examples:\n"
    "  fettle deploy model.tflite --port /dev/ttyUSB0\n"
    "  fettle deploy model.tflite --port all          # every board at this computer";

struct Options {
  LineOptions line;
  std::string model;
  bool json = false;
};

struct Deployed {
  std::string port, board, id, problem;
  Deployment model;
  ExitCode code = ExitCode::ok;
};

Deployed deploy(const Options& options, const std::string& port, const host::ModelFile& model) {
  LineOptions line = options.line;
  line.port = port;
  host::LiveLine live;
  const auto link = connect(line, &live);
  const host::BoardInfo& board = link->board();
  const float rate_hz = model.detector().window.rate_hz;
  if (rate_hz < 0.98F * board.hello.rate_hz || rate_hz > 1.02F * board.hello.rate_hz) {
    throw Error(
        ExitCode::bad_input,
        fmt::format("{}: {} samples at {:g} Hz, and {} was trained at {:g} Hz. Change the board "
                    "(fettle command \"set rate_hz {:.0f}\") or train on recordings of its rate",
                    port, board.called(), static_cast<double>(board.hello.rate_hz), options.model,
                    static_cast<double>(rate_hz), static_cast<double>(rate_hz)));
  }
  Deployed done{port, board.called(), board.id(), {}, {}, ExitCode::ok};
  done.model = deploy_model(*link, {model.bytes().begin(), model.bytes().end()});
  return done;
}

void run(const Options& options) {
  host::platform::check_regular_file(options.model);
  const auto model = host::ModelFile::open_detector(options.model);
  std::vector<std::string> ports = {options.line.port};
  const bool all = options.line.port == "all";
  if (all) {
    ports.clear();
    const auto list = host::platform::list_ports();
    for (const auto& port : list) ports.push_back(port.path);
    if (ports.empty()) throw Error(ExitCode::io, host::platform::ports_as_text(list));
  }
  std::vector<Deployed> results;
  for (const std::string& port : ports) {
    try {
      results.push_back(deploy(options, port, *model));
    } catch (const Error& error) {
      // One board is an error; of several, the others still get theirs.
      if (!all || error.code == ExitCode::interrupted) throw;
      results.push_back({port, "", "", error.what(), {}, error.code});
    }
    const Deployed& done = results.back();
    if (options.json || !done.problem.empty()) continue;
    fmt::print("{}\n", host::wrapped(fmt::format("{} ({}) at {}: {}", done.board, done.id,
                                                 done.port, describe(done.model)),
                                     2));
    warn(done.model);
  }
  Crc32 crc;
  crc.add(model->bytes());
  std::string problems;
  ExitCode code = ExitCode::ok;
  nlohmann::ordered_json json = {{"model", options.model},
                                 {"bytes", model->bytes().size()},
                                 {"crc32", fmt::format("{:08x}", crc.value())},
                                 {"boards", nlohmann::ordered_json::array()}};
  for (const Deployed& done : results) {
    json["boards"].push_back({{"port", done.port},
                              {"name", done.board},
                              {"id", done.id},
                              {"sent", done.model.sent},
                              {"trial_windows", done.model.sent ? done.model.windows : 0},
                              {"trial_anomalies", done.model.sent ? done.model.anomalies : 0},
                              {"running", done.problem.empty()},
                              {"problem", done.problem}});
    if (done.problem.empty()) continue;
    code = done.code;
    problems += "\n" + done.problem;
  }
  if (options.json) fmt::print("{}\n", text_of(json));
  if (code != ExitCode::ok)
    throw Error(code, "not every port has a board that runs it:" + problems);
}

}  // namespace

void add_deploy(CLI::App& program) {
  auto* command = program.add_subcommand("deploy", "Put a detector on a board, or on all of them");
  const auto options = std::make_shared<Options>();
  command->add_option("MODEL", options->model, "Detector made by 'fettle train'")
      ->required()
      ->type_name("");
  add_line_options(*command, options->line, "The board's serial port, or 'all'")->required();
  command->add_flag("--json", options->json, "Print the result as JSON");
  command->footer(kFooter);
  command->callback([options] { run(*options); });
}

}  // namespace fettle::cli
