// SPDX-License-Identifier: Apache-2.0
#include "cli/line.hpp"

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <thread>

#include "cli/checks.hpp"
#include "core/checksum.hpp"
#include "host/error.hpp"
#include "host/platform/interrupt.hpp"
#include "host/platform/serial_port.hpp"
#include "host/text.hpp"

namespace fettle::cli {
namespace {

using host::Error;
using host::ExitCode;
using namespace std::chrono_literals;

constexpr auto kBetweenLooks = 300ms;
constexpr auto kWithoutWindows = 30s;

constexpr std::uint64_t kTrialWindows = 3;
constexpr auto kWithoutProof = 60s;

/// Waits until a model has proved itself. On trial until it has judged three windows: until then it is
/// started up to three times, and after that the one before runs again.
/// @param runs     whether the board has last said that this model runs
/// @param judged   counts the windows that it judges; those of an attempt that was cut off are not there
///                 any more
void await_proof(host::BoardLink& link, const std::function<bool()>& runs, Deployment& judged) {
  protocol::StatusMessage first = link.status();
  std::uint64_t windows = first.windows;
  const auto began = std::chrono::steady_clock::now();
  auto changed = began;
  for (;;) {
    const protocol::StatusMessage status = link.status();
    if (status.boot != first.boot || status.windows < first.windows) {
      first = {};
      first.boot = status.boot;
    }
    judged.windows = status.windows - first.windows;
    judged.anomalies = status.anomalies - first.anomalies;
    judged.verdict = static_cast<Verdict>(status.verdict);
    judged.reason = static_cast<Reason>(status.reason);
    judged.score = status.score;
    judged.threshold = status.threshold;
    const bool enough = !judged.sent || judged.windows >= kTrialWindows;
    if (enough && (status.model == protocol::ModelState::proven ||
                   status.model == protocol::ModelState::built_in)) {
      link.greet();
      if (runs()) return;
      throw Error(
          ExitCode::bad_input,
          fmt::format("{}: {} has gone back to the model before (CRC-32 {:08x}): the new one "
                      "did not run. 'fettle command \"events\"' may say why",
                      link.port(), link.board().called(), link.board().hello.model_crc32));
    }
    const auto now = std::chrono::steady_clock::now();
    if (status.windows != windows) changed = now;
    windows = status.windows;
    if (judged.windows > kTrialWindows && now - began > kWithoutProof) {
      throw Error(
          ExitCode::io,
          fmt::format("{}: the model has judged {} windows on {} and is still on trial: its "
                      "flash memory may not take the mark. 'fettle command \"status\"' says "
                      "more",
                      link.port(), judged.windows, link.board().called()));
    }
    if (now - changed > kWithoutWindows) {
      throw Error(
          ExitCode::io,
          fmt::format("{}: the model is on the board, on trial, but it gets no windows to judge "
                      "(the sensor is {}). It is started up to three times without; after that the "
                      "one before runs again. 'fettle selftest' says what to check",
                      link.port(), name_of(status.sensor)));
    }
    if (host::platform::interrupted()) {
      throw Error(ExitCode::interrupted, "interrupted");
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

}  // namespace

CLI::Option* add_line_options(CLI::App& command, LineOptions& options,
                              const std::string& port_help) {
  command.add_option("--baud", options.baud, "Speed of the line")
      ->transform(whole_number(300, 12'000'000))
      ->capture_default_str();
  return command.add_option("--port", options.port, port_help + "; 'fettle ports' lists them")
      ->type_name("PORT");
}

std::unique_ptr<host::BoardLink> connect(const LineOptions& options, host::LiveLine* live,
                                         std::int64_t patience_us) {
  host::BoardLink::Options link;
  link.patience = std::chrono::microseconds(patience_us);
  link.utc_us = [] {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  if (live != nullptr) {
    link.notice = [live](const std::string& text) {
      live->note(host::wrapped(text.empty() ? "The board is back." : text, 2));
    };
  }
  return std::make_unique<host::BoardLink>(host::platform::serial_line(options.port, options.baud),
                                           options.port, std::move(link));
}

std::string describe(const host::BoardLink& link) {
  const host::BoardInfo& board = link.board();
  return fmt::format("{} ({}) at {}, firmware {}", board.called(), board.id(), link.port(),
                     board.firmware);
}

std::string describe(const Deployment& deployment) {
  if (!deployment.sent) return "runs this model already";
  std::string last;
  if (deployment.reason != Reason::none) {
    last = fmt::format("; cannot judge now: {}", describe(deployment.reason));
  } else if (deployment.above()) {
    last = fmt::format("; the last one: {}, score {:.3g}, threshold {:.3g}",
                       name_of(deployment.verdict), static_cast<double>(deployment.score),
                       static_cast<double>(deployment.threshold));
  }
  return fmt::format("the model runs and is kept; {} of its first {} windows {}{}",
                     deployment.anomalies == 0 ? "none" : std::to_string(deployment.anomalies),
                     deployment.windows,
                     deployment.anomalies <= 1 ? "is an anomaly" : "are anomalies", last);
}

void warn(const Deployment& deployment) {
  if (!deployment.sent || !deployment.doubtful()) return;
  host::say(
      host::wrapped(
          fmt::format("WARNING: {} of {} windows are anomalies{}. Either the machine is not well "
                      "now, or the model has learned another machine, speed or mounting: then "
                      "'fettle collect' here, 'fettle train', and deploy that.",
                      deployment.anomalies, deployment.windows,
                      deployment.above() ? ", and the last is above the model's threshold" : ""),
          2) +
      "\n");
}

Deployment deploy_model(host::BoardLink& link, const std::vector<std::uint8_t>& file) {
  Crc32 crc;
  crc.add(file);
  const auto runs = [&] {
    const protocol::HelloReply& hello = link.board().hello;
    return hello.model_crc32 == crc.value() && hello.model_bytes == file.size();
  };
  Deployment deployment;
  deployment.sent = !runs();
  if (deployment.sent) {
    if (file.size() > link.board().hello.slot_bytes) {
      throw Error(
          ExitCode::bad_input,
          fmt::format("{}: the model has {} bytes, and {} has room for {}. Train with fewer or "
                      "smaller hidden layers (--hidden)",
                      link.port(), file.size(), link.board().called(),
                      link.board().hello.slot_bytes));
    }
    host::Progress progress("Sending", file.size());
    link.send_model(file, [&](std::size_t bytes) { progress.at(bytes); });
  }

  try {
    await_proof(link, runs, deployment);
  } catch (const Error& error) {
    if (error.code != ExitCode::interrupted) throw;
    throw Error(
        ExitCode::interrupted,
        fmt::format(
            "{}: interrupted while the new model is on trial on {}. It runs, and stays once "
            "it has judged three windows; should the board restart before that, it is "
            "started up to three times, and then the one before runs again. 'fettle "
            "command \"status\" --port {}' shows which",
            link.port(), link.board().called(), link.port()));
  }
  return deployment;
}

std::int64_t duration_us(const std::string& text, const char* option) {
  const std::int64_t us = host::parse_duration_us(text);
  if (us < 0) {
    throw Error(
        ExitCode::usage,
        fmt::format("{}: expected a time such as 30s, 10min or 1.5h, found \"{}\"", option, text));
  }
  return us;
}

const char* name_of(protocol::SensorState state) {
  using protocol::SensorState;
  switch (state) {
    case SensorState::probing: return "probing";
    case SensorState::resetting: return "resetting";
    case SensorState::configuring: return "configuring";
    case SensorState::verifying: return "verifying";
    case SensorState::streaming: return "streaming";
    case SensorState::recovering: return "recovering";
    case SensorState::self_test: return "in its self-test";
  }
  return "unknown";
}

const char* name_of(protocol::ModelState state) {
  using protocol::ModelState;
  switch (state) {
    case ModelState::none: return "none";
    case ModelState::built_in: return "built_in";
    case ModelState::trial: return "trial";
    case ModelState::proven: return "proven";
  }
  return "unknown";
}

const char* name_of(protocol::EventKind kind) {
  using protocol::EventKind;
  switch (kind) {
    case EventKind::boot: return "boot";
    case EventKind::alarm_began: return "alarm_began";
    case EventKind::alarm_ended: return "alarm_ended";
    case EventKind::acknowledged: return "acknowledged";
    case EventKind::muted: return "muted";
    case EventKind::unmuted: return "unmuted";
    case EventKind::maintenance_began: return "maintenance_began";
    case EventKind::maintenance_ended: return "maintenance_ended";
    case EventKind::sensor_lost: return "sensor_lost";
    case EventKind::sensor_back: return "sensor_back";
    case EventKind::samples_lost: return "samples_lost";
    case EventKind::card_failed: return "card_failed";
    case EventKind::model_changed: return "model_changed";
    case EventKind::clock_set: return "clock_set";
    case EventKind::self_test: return "self_test";
    case EventKind::feedback: return "feedback";
    case EventKind::condition: return "condition";
  }
  return "unknown";
}

}  // namespace fettle::cli
