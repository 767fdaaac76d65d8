// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/line.hpp"
#include "core/decision/verdict.hpp"
#include "host/error.hpp"
#include "host/platform/interrupt.hpp"
#include "host/relabel.hpp"
#include "host/text.hpp"

namespace fettle::cli {
namespace {

using host::Error;
using host::ExitCode;
using namespace std::chrono_literals;

constexpr const char* kFooter =
    "A line for each window: the board's uptime, score, threshold, verdict; and one\n"
    "for each event: alarms, lost samples, a sensor that is gone. Until Ctrl-C, or\n"
    "for the time that --for says (of the board's clock). The number of an alarm is\n"
    "its ID for 'fettle feedback'.\n"
    "\n"
    "With --json a JSON object a line, told apart by \"type\": board, score, event,\n"
    "lost, reconnected. Lost frames are named, and scores in them are missing.\n"
    "\n"
    "Examples:\n"
    "  fettle watch --port /dev/ttyUSB0\n"
    "  fettle watch --port /dev/ttyUSB0 --json --for 1h > scores.ndjson";

struct Options {
  LineOptions line;
  std::string duration;
  bool json = false;
};

/// Why nothing is scored: there is no model, or there is one that the board does not run.
std::string why_no_scores(host::BoardLink& link) {
  // As its status says for a person: a line "model: none...", and the reason indented below it.
  const std::string status = link.command("status").text;
  const std::size_t line = status.find("\nmodel: none");
  const std::size_t line_end =
      line == std::string::npos ? std::string::npos : status.find('\n', line + 1);
  if (line_end == std::string::npos || status.compare(line_end, 3, "\n  ") != 0) {
    return "there is no model on it, so nothing is scored until 'fettle deploy'";
  }
  const std::size_t start = line_end + 3;
  return "it runs no model, so nothing is scored: " +
         status.substr(start, status.find('\n', start) - start);
}

/// What a board's alarm is like, for whoever comes later than the event.
struct AlarmState {
  explicit AlarmState(const protocol::StatusMessage& status)
      : on((status.flags & protocol::kStatusAlarm) != 0),
        acknowledged((status.flags & protocol::kStatusAcknowledged) != 0),
        muted((status.flags & protocol::kScoreMuted) != 0),
        maintenance((status.flags & protocol::kScoreMaintenance) != 0),
        id(status.alarm_id) {}

  bool on, acknowledged, muted, maintenance;
  std::uint32_t id;  ///< of the newest alarm; 0: none

  /// Empty if there is nothing that a person should know.
  [[nodiscard]] std::string text() const {
    std::string text;
    if (on) {
      text += fmt::format("an ALARM is on ({}){}", id != 0 ? fmt::format("ID {}", id) : "of before",
                          acknowledged ? ", acknowledged" : "");
    }
    if (muted) text += text.empty() ? "muted" : ", muted";
    if (maintenance) text += text.empty() ? "in maintenance" : ", in maintenance";
    return text;
  }
  void add_to(nlohmann::ordered_json& json) const {
    json["alarm"] = on;
    json["alarm_id"] = id;
    json["acknowledged"] = acknowledged;
    json["muted"] = muted;
    json["maintenance"] = maintenance;
  }
};

/// Prints what comes, and keeps the board's time.
class Watch {
 public:
  Watch(bool json, const std::string& who) : json_(json), who_(who) {}

  void operator()(const protocol::SamplesMessage& message) { at(message.block.t_us); }

  void operator()(const protocol::ScoreMessage& score) {
    at(score.t_us);
    ++windows_;
    const auto verdict = static_cast<Verdict>(score.verdict);
    const auto reason = static_cast<Reason>(score.reason);
    const bool alarm = (score.flags & protocol::kScoreAlarm) != 0;
    anomalies_ += raises(verdict) && reason == Reason::none ? 1U : 0U;
    if (json_) {
      nlohmann::ordered_json line = {
          {"type", "score"},
          {"index", score.index},
          {"t_us", score.t_us},
          {"score", nullptr},  // not a number: then the verdict is all that there is
          {"threshold", score.threshold},
          {"verdict", fettle::name_of(verdict)},
          {"reason", fettle::name_of(reason)},
          {"alarm", alarm},
          {"pin", (score.flags & protocol::kScorePin) != 0},
          {"muted", (score.flags & protocol::kScoreMuted) != 0},
          {"maintenance", (score.flags & protocol::kScoreMaintenance) != 0}};
      if (std::isfinite(score.score)) line["score"] = score.score;
      return print(line);
    }
    std::string marks;
    if (reason != Reason::none) {
      // An alarm stands while nothing can be said against it.
      marks += raises(verdict) && !alarm ? " is on; cannot judge: " : ": ";
      marks += describe(reason);
    }
    if (alarm) marks += "  ALARM";
    if ((score.flags & protocol::kScoreMuted) != 0) marks += "  muted";
    if ((score.flags & protocol::kScoreMaintenance) != 0) marks += "  maintenance";
    fmt::print("{}  score {:<9.4g} threshold {:<9.4g} {}{}\n", host::clock_text(score.t_us),
               static_cast<double>(score.score), static_cast<double>(score.threshold),
               verdict == Verdict::anomaly ? "ANOMALY" : fettle::name_of(verdict), marks);
  }

  void operator()(const host::BoardEvent& event) {
    at(event.message.uptime_us);
    alarms_ += event.message.kind == protocol::EventKind::alarm_began ? 1U : 0U;
    if (json_) {
      return print({{"type", "event"},
                    {"id", event.message.id},
                    {"kind", name_of(event.message.kind)},
                    {"boot", event.message.boot},
                    {"t_us", event.message.uptime_us},
                    {"utc_us", event.message.utc_us},
                    {"text", event.text}});
    }
    const bool alarm = event.message.kind == protocol::EventKind::alarm_began;
    fmt::print(
        "{}\n",
        host::wrapped(fmt::format("{}  * {}{}: {}", host::clock_text(event.message.uptime_us),
                                  name_of(event.message.kind),
                                  alarm ? fmt::format(" {}", event.message.id) : "", event.text),
                      6));
  }

  void operator()(const host::BoardLog&) {}

  void operator()(const host::LostFrames& lost) {
    if (json_) return print({{"type", "lost"}, {"first", lost.first}, {"count", lost.count}});
    fmt::print("  * {} frame{} of the line lost, from number {}\n", lost.count,
               lost.count == 1 ? "" : "s", lost.first);
  }

  void operator()(const host::Reconnected& reconnected) {
    if (reconnected.restarted) started_ = false;
    if (json_) return print({{"type", "reconnected"}, {"restarted", reconnected.restarted}});
    fmt::print("  * {} is back{}\n", who_,
               reconnected.restarted ? ", after a restart: its uptime begins anew" : "");
  }

  [[nodiscard]] std::int64_t watched_us() const { return before_us_ + now_us_ - first_us_; }
  [[nodiscard]] std::uint64_t windows() const { return windows_; }

  /// What the board's clock says while nothing comes.
  void at(std::int64_t t_us) {
    if (!started_) {
      before_us_ += now_us_ - first_us_;
      first_us_ = now_us_ = t_us;
      started_ = true;
    }
    now_us_ = std::max(now_us_, t_us);
  }

  void summary() const {
    if (json_) return;
    host::say(fmt::format("{} windows over {}: {} anomalies, {} alarms.\n", windows_,
                          host::duration_text(watched_us()), anomalies_, alarms_));
  }

 private:
  static void print(const nlohmann::ordered_json& line) { fmt::print("{}\n", text_of(line, -1)); }

  bool json_;
  std::string who_;
  bool started_ = false;
  std::int64_t before_us_ = 0;
  std::int64_t first_us_ = 0;
  std::int64_t now_us_ = 0;
  std::uint64_t windows_ = 0;
  std::uint64_t anomalies_ = 0;
  std::uint64_t alarms_ = 0;
};

void run(const Options& options) {
  const std::int64_t wanted_us =
      options.duration.empty() ? 0 : duration_us(options.duration, "--for");
  host::LiveLine live;
  // With a time to keep nobody waits for a board that does not come back.
  const auto link = connect(options.line, &live, wanted_us);
  const host::BoardInfo& board = link->board();
  const AlarmState state(link->status());
  if (options.json) {
    nlohmann::ordered_json line = {{"type", "board"},
                                   {"name", board.name},
                                   {"id", board.id()},
                                   {"firmware", board.firmware},
                                   {"boot", board.hello.boot},
                                   {"rate_hz", board.hello.rate_hz},
                                   {"model_crc32", fmt::format("{:08x}", board.hello.model_crc32)},
                                   {"window", board.hello.window_samples},
                                   {"hop", board.hello.hop}};
    state.add_to(line);
    fmt::print("{}\n", text_of(line, -1));
  } else {
    host::say(describe(*link) + "\n");
    if (const std::string text = state.text(); !text.empty()) {
      fmt::print("Already, before this began: {}.\n", text);
    }
  }
  if (board.hello.model_bytes == 0) {
    host::say(host::wrapped("Note: " + why_no_scores(*link) + ".", 2) + "\n");
  }
  link->stream(protocol::kStreamScores | protocol::kStreamEvents);
  Watch watch(options.json, board.called());
  auto heard = std::chrono::steady_clock::now();
  std::int64_t uptime_us = link->uptime_us();
  std::int64_t watched_us = 0;
  try {
    while (!host::platform::interrupted()) {
      const auto message = link->next(200ms);
      if (message) std::visit(watch, *message);
      // Without windows the board's clock is what it says when it is asked whether it is still there.
      if (!message && link->uptime_us() != uptime_us) watch.at(link->uptime_us());
      uptime_us = link->uptime_us();
      if (std::exchange(watched_us, watch.watched_us()) != watched_us) {
        heard = std::chrono::steady_clock::now();
      }
      if (std::fflush(stdout) != 0) {
        throw Error(ExitCode::io, "standard output cannot be written; is the disk full?");
      }
      // If the board's time does not go on, ours counts.
      const auto nothing = std::chrono::steady_clock::now() - heard;
      if (wanted_us > 0 &&
          (watch.watched_us() >= wanted_us || nothing >= std::chrono::microseconds(wanted_us))) {
        break;
      }
    }
  } catch (const Error& error) {
    if (error.code != ExitCode::interrupted) {
      live.clear();
      watch.summary();
      throw;
    }
  }
  live.clear();
  watch.summary();
  if (host::platform::interrupted()) throw Error(ExitCode::interrupted, "interrupted");
}

}  // namespace

void add_watch(CLI::App& program) {
  auto* command = program.add_subcommand("watch", "Show a board's scores and alarms as they come");
  const auto options = std::make_shared<Options>();
  add_line_options(*command, options->line)->required();
  command->add_option("--for", options->duration, "How long, such as 30s, 10min, 1.5h")
      ->type_name("TIME");
  command->add_flag("--json", options->json, "A JSON object a line");
  command->footer(kFooter);
  command->callback([options] { run(*options); });
}

}  // namespace fettle::cli
