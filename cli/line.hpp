// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "host/line/board_link.hpp"
#include "host/progress.hpp"

namespace fettle::cli {

// What the commands that talk to a board have in common.

struct LineOptions {
  std::string port;
  std::uint32_t baud = 921'600;
};

/// --port and --baud.
CLI::Option* add_line_options(CLI::App& command, LineOptions& options,
                              const std::string& port_help = "The board's serial port");

/// Opens the port and greets the board. What it has to say while it waits goes to `live`, if given.
[[nodiscard]] std::unique_ptr<host::BoardLink> connect(const LineOptions& options,
                                                       host::LiveLine* live = nullptr);

/// "fan (0011223344556677) at /dev/ttyUSB0, firmware 0.1.0"
[[nodiscard]] std::string describe(const host::BoardLink& link);

/// Sends a model, unless it runs already, and waits until it has proved itself. Throws Error.
/// @return whether it was sent
bool deploy_model(host::BoardLink& link, const std::vector<std::uint8_t>& file);

/// A duration of the command line, "10min". Throws Error(usage).
[[nodiscard]] std::int64_t duration_us(const std::string& text, const char* option);

[[nodiscard]] const char* name_of(protocol::SensorState state);
[[nodiscard]] const char* name_of(protocol::ModelState state);
[[nodiscard]] const char* name_of(protocol::EventKind kind);

}  // namespace fettle::cli
