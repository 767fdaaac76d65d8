// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/decision/verdict.hpp"
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
/// @param patience_us how long a board that is gone is waited for; 0: for ever
[[nodiscard]] std::unique_ptr<host::BoardLink> connect(const LineOptions& options,
                                                       host::LiveLine* live = nullptr,
                                                       std::int64_t patience_us = 0);

/// "fan (0011223344556677) at /dev/ttyUSB0, firmware 0.1.0"
[[nodiscard]] std::string describe(const host::BoardLink& link);

/// What became of a model.
struct Deployment {
  bool sent = false;  ///< false: it ran already
  // Windows that the board has judged by it meanwhile, at least the three of its trial.
  std::uint64_t windows = 0;
  std::uint64_t anomalies = 0;
  // Of the last window. Evidence gathers over more windows than a trial has, so it tells more than the
  // count of alarms.
  Verdict verdict = Verdict::normal;
  Reason reason = Reason::none;
  float score = 0.0F;
  float threshold = 0.0F;

  [[nodiscard]] bool above() const { return reason == Reason::none && !(score <= threshold); }
  /// It runs, but this machine may not be what it has learned.
  [[nodiscard]] bool doubtful() const {
    // One normal window in a hundred is above the threshold; far above is none.
    return 2 * anomalies > windows || (above() && !(score <= 2.0F * threshold));
  }
};
/// "the model runs and is kept; 1 of its first 3 windows was an anomaly"
[[nodiscard]] std::string describe(const Deployment& deployment);
/// Says on standard error what to do about a doubtful one.
void warn(const Deployment& deployment);

/// Sends a model, unless it runs already, and waits until it has run. Throws Error.
Deployment deploy_model(host::BoardLink& link, const std::vector<std::uint8_t>& file);

/// A duration of the command line, "10min". Throws Error(usage).
[[nodiscard]] std::int64_t duration_us(const std::string& text, const char* option);

[[nodiscard]] const char* name_of(protocol::SensorState state);
[[nodiscard]] const char* name_of(protocol::ModelState state);
[[nodiscard]] const char* name_of(protocol::EventKind kind);

}  // namespace fettle::cli
