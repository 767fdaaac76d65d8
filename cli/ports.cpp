// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "host/platform/serial_port.hpp"

namespace fettle::cli {
namespace {

constexpr const char* kFooter =
    "Names in /dev/serial/by-id stay the same wherever a board is plugged in; they\n"
    "serve as --port as well. So do pseudo terminals (/dev/pts/N, of 'fettle\n"
    "board'), but they are not listed.";

void run(bool json) {
  const auto ports = host::platform::list_ports();
  if (json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const auto& port : ports) {
      list.push_back({{"port", port.path},
                      {"by_id", port.by_id},
                      {"what", port.what},
                      {"allowed", port.allowed}});
    }
    fmt::print("{}\n", text_of(list));
    return;
  }
  if (ports.empty()) fmt::print("{}\n", host::platform::ports_as_text(ports));
  for (const auto& port : ports) {
    fmt::print("{:<14}{}{}\n", port.path, port.what,
               port.allowed ? "" : "  (not allowed: sudo usermod -aG dialout $USER)");
    if (!port.by_id.empty()) fmt::print("  {}\n", port.by_id);
  }
}

}  // namespace

void add_ports(CLI::App& program) {
  auto* command = program.add_subcommand("ports", "List the serial ports that a board may be at");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print the list as JSON");
  command->footer(kFooter);
  command->callback([json] { run(*json); });
}

}  // namespace fettle::cli
