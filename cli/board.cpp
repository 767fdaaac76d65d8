// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/checks.hpp"
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "host/error.hpp"
#include "host/platform/files.hpp"
#include "host/platform/interrupt.hpp"
#include "simulator/scheduled_source.hpp"
#include "simulator/virtual_board/pseudo_terminal.hpp"
#include "simulator/virtual_board/virtual_board.hpp"
#include "version.hpp"

namespace fettle::cli {
namespace {

using host::Error;
using host::ExitCode;
namespace sim = simulator;

struct Options {
  std::string machine = "fan";
  std::uint64_t seed = 1;
  std::uint64_t session = 0;
  std::vector<std::string> faults, events, injections;
  std::string speed = "1x";
  std::string storage = "virtual-board";
  std::string duration;
  std::string link;
  std::string clone;
  std::uint32_t baud = 921'600;
  bool no_card = false;
  bool no_interrupt = false;
  bool no_pull_ups = false;
  std::uint32_t i2c_hz = sim::ChipBus::kUsual_hz;
  bool hold = false;
  bool json = false;
};

[[noreturn]] void refuse(const std::string& message) { throw Error(ExitCode::usage, message); }

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

/// "90s", "10min", "2h", "1d"; seconds without a unit.
double parse_seconds(std::string_view text, const char* option) {
  struct Unit {
    std::string_view name;
    double seconds;
  };
  constexpr Unit kUnits[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}, {"", 1}};
  const std::size_t end = std::min(text.find_first_not_of("0123456789.eE+-"), text.size());
  for (const Unit& unit : kUnits) {
    if (text.substr(end) != unit.name) continue;
    const auto value = parse_number(text.substr(0, end));
    constexpr double kMost_s = 1e9;  // 31 years
    if (value && *value >= 0 && *value * unit.seconds <= kMost_s) return *value * unit.seconds;
  }
  refuse(
      fmt::format("{}: expected a time such as 60s, 10min, 2h or 1d, found \"{}\"", option, text));
}

/// KIND[:VALUE[:VALUE...]][@FROM[..UNTIL]][~RAMP], which every option about the scenario is written in.
struct Happening {
  std::string kind;
  std::vector<double> values;
  double from_s = 0;
  double until_s = sim::kNever_s;
  double ramp_s = 0;
  bool timed = false;

  [[nodiscard]] double value(std::size_t index, double otherwise) const {
    return index < values.size() ? values[index] : otherwise;
  }
};

/// More values than a kind has are a mistake, not to be swallowed.
void expect_values(const Happening& happening, std::size_t most, const char* option) {
  if (happening.values.size() <= most) return;
  refuse(fmt::format("{}: {} takes at most {} value{} behind a colon, found {}", option,
                     happening.kind, most, most == 1 ? "" : "s", happening.values.size()));
}

Happening parse_happening(std::string_view text, const char* option) {
  Happening result;
  std::string_view rest = text;
  if (const std::size_t ramp = rest.find('~'); ramp != std::string_view::npos) {
    result.ramp_s = parse_seconds(rest.substr(ramp + 1), option);
    rest = rest.substr(0, ramp);
  }
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    std::string_view times = rest.substr(at + 1);
    rest = rest.substr(0, at);
    result.timed = true;
    if (const std::size_t dots = times.find(".."); dots != std::string_view::npos) {
      result.until_s = parse_seconds(times.substr(dots + 2), option);
      times = times.substr(0, dots);
    }
    result.from_s = parse_seconds(times, option);
    if (result.until_s <= result.from_s) {
      refuse(fmt::format("{}: \"{}\" ends before it begins", option, text));
    }
  }
  const std::size_t colon = rest.find(':');
  result.kind = rest.substr(0, colon);
  while (rest.find(':') != std::string_view::npos) {
    rest = rest.substr(rest.find(':') + 1);
    const std::string_view piece = rest.substr(0, rest.find(':'));
    const auto value = parse_number(piece);
    if (!value) {
      refuse(fmt::format("{}: expected a number behind the colon, found \"{}\" in \"{}\"", option,
                         piece, text));
    }
    result.values.push_back(*value);
  }
  return result;
}

void add_fault(const std::string& text, sim::Schedule& schedule) {
  constexpr const char* kOption = "--fault";
  const Happening happening = parse_happening(text, kOption);
  sim::FaultEvent fault;
  if (happening.kind == "imbalance") {
    fault.which = sim::FaultKind::imbalance;
  } else if (happening.kind == "bearing") {
    fault.which = sim::FaultKind::bearing;
  } else if (happening.kind == "loose") {
    fault.which = sim::FaultKind::loose;
  } else if (happening.kind == "misalignment") {
    fault.which = sim::FaultKind::misalignment;
  } else {
    refuse(
        fmt::format("{}: there is no \"{}\"; choose from imbalance, bearing, loose, misalignment",
                    kOption, happening.kind));
  }
  expect_values(happening, 1, kOption);
  fault.severity = happening.value(0, 1.0);
  if (fault.severity < 0 || fault.severity > 1) {
    refuse(fmt::format("{}: the severity {} is not from 0 to 1", kOption, fault.severity));
  }
  fault.from_s = happening.from_s;
  fault.until_s = happening.until_s;
  fault.ramp_s = happening.ramp_s;
  schedule.faults.push_back(fault);
}

/// What happens to the card at a time.
struct CardEvent {
  double at_s = 0;
  bool inserted = false;
};

void add_event(const std::string& text, sim::Schedule& schedule, std::vector<CardEvent>& cards) {
  constexpr const char* kOption = "--event";
  constexpr double kRunUp_s = 5;
  const Happening h = parse_happening(text, kOption);
  const auto within = [&](double value, double low, double high) {
    if (value >= low && value <= high) return value;
    refuse(fmt::format("{}: {} in \"{}\" is not from {} to {}", kOption, value, text, low, high));
  };
  const bool alone = h.kind == "stop" || h.kind == "card-out" || h.kind == "card-in";
  expect_values(h, alone ? 0 : h.kind == "remount" ? 3 : h.kind == "knock" ? 2 : 1, kOption);
  const double ramp_s = h.ramp_s > 0 ? h.ramp_s : kRunUp_s;
  if (h.kind == "stop") {
    schedule.speeds.push_back({h.from_s, 0, ramp_s});
  } else if (h.kind == "start") {
    schedule.speeds.push_back({h.from_s, within(h.value(0, 1), 0.1, 2), ramp_s});
  } else if (h.kind == "speed") {
    schedule.speeds.push_back({h.from_s, within(h.value(0, 1), 0.1, 2), ramp_s});
  } else if (h.kind == "load") {
    schedule.loads.push_back({h.from_s, within(h.value(0, 1.2), 0, 3), ramp_s});
  } else if (h.kind == "knock") {
    sim::KnockEvent knock;
    knock.at_s = h.from_s;
    knock.peak_g = within(h.value(0, 1), 0, 16);
    knock.duration_s = within(h.value(1, 0.05), 0.001, 1);
    schedule.knocks.push_back(knock);
  } else if (h.kind == "neighbour") {
    sim::NeighbourEvent neighbour;
    neighbour.from_s = h.from_s;
    neighbour.until_s = h.until_s;
    neighbour.level_g = within(h.value(0, 0.02), 0, 1);
    schedule.neighbours.push_back(neighbour);
  } else if (h.kind == "remount") {
    const double angle = within(h.value(0, 15), -180, 180);
    schedule.remounts.push_back(
        {h.from_s, angle, within(h.value(1, 0), -180, 180), within(h.value(2, 0), -180, 180)});
  } else if (h.kind == "temperature") {
    schedule.temperatures.push_back({h.from_s, within(h.value(0, 35), -40, 85)});
  } else if (h.kind == "card-out" || h.kind == "card-in") {
    cards.push_back({h.from_s, h.kind == "card-in"});
  } else {
    refuse(
        fmt::format("{}: there is no \"{}\"; choose from stop, start, speed, load, knock, "
                    "neighbour, remount, temperature, card-out, card-in",
                    kOption, h.kind));
  }
}

sim::ChipFault injection(const std::string& text) {
  constexpr const char* kOption = "--inject";
  struct Kind {
    std::string_view name;
    sim::ChipFault::Kind kind;
    double probability;  // without one given
  };
  using Fault = sim::ChipFault::Kind;
  constexpr Kind kKinds[] = {
      {"nack", Fault::nack, 0.01},
      {"timeout", Fault::timeout, 0.01},
      {"stuck", Fault::stuck_sda, 0.01},
      {"brownout", Fault::brown_out, 1},
      {"torn", Fault::torn_read, 0.01},
      {"stuck-axis", Fault::stuck_axis, 1},
      {"no-interrupt", Fault::dropped_interrupt, 1},
      {"fifo", Fault::fifo_corruption, 0.0001},
  };
  const Happening h = parse_happening(text, kOption);
  std::string names;
  for (const Kind& kind : kKinds) {
    if (h.kind == kind.name) {
      const bool axis = kind.kind == Fault::stuck_axis;
      expect_values(h, 1, kOption);
      const double value = h.value(0, axis ? -1 : kind.probability);
      sim::ChipFault fault;
      fault.kind = kind.kind;
      fault.probability = axis ? 1 : value;
      if (fault.probability < 0 || fault.probability > 1) {
        refuse(fmt::format("{}: the probability {} is not from 0 to 1", kOption, value));
      }
      if (axis) {
        if (!h.values.empty() && (value < 0 || value > 5 || value != std::floor(value))) {
          refuse(fmt::format("{}: axis {} is not 0 to 5", kOption, value));
        }
        fault.axis = static_cast<int>(value);
      }
      fault.from_us = static_cast<std::int64_t>(h.from_s * 1e6);
      if (h.until_s < 1e12) {
        fault.until_us = static_cast<std::int64_t>(h.until_s * 1e6);
      } else if (fault.kind == Fault::brown_out) {
        fault.until_us = fault.from_us;
      }
      return fault;
    }
    names += (names.empty() ? "" : ", ") + std::string(kind.name);
  }
  refuse(fmt::format("{}: there is no \"{}\"; choose from {}", kOption, h.kind, names));
}

/// Simulated seconds a second; none: as fast as this computer can.
std::optional<double> parse_speed(const std::string& text) {
  if (text == "max") return std::nullopt;
  std::string_view number = text;
  if (number.ends_with('x')) number.remove_suffix(1);
  const auto speed = parse_number(number);
  if (!speed || *speed < 0.01 || *speed > 1e5) {
    refuse(fmt::format("--speed: expected 0.01x to 100000x or max, found \"{}\"", text));
  }
  return speed;
}

sim::Storage open_storage(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw Error(ExitCode::io,
                fmt::format("{}: {}; choose another --storage", folder, error.message()));
  }
  const std::filesystem::path path(folder);
  return {sim::in_file(path / "card.log"), sim::in_file(path / "flash.bin"),
          sim::in_file(path / "settings.bin"), sim::in_file(path / "learned.bin"),
          sim::in_file(path / "events.bin")};
}

/// A name for the pseudo terminal that scripts know beforehand; gone when the board stops.
class Link {
 public:
  Link(const std::string& path, const std::string& target) : path_(path), target_(target) {
    if (path_.empty()) return;
    std::error_code error;
    // What another board left, or still has, gives way; a link to anything else is somebody's.
    const std::filesystem::path before = std::filesystem::read_symlink(path_, error);
    if (!error && (before.parent_path() == std::filesystem::path(target).parent_path() ||
                   !std::filesystem::exists(path_, error))) {
      std::filesystem::remove(path_, error);
    }
    std::filesystem::create_symlink(target, path_, error);
    if (error) {
      const std::string failed = std::exchange(path_, {});
      throw Error(ExitCode::io, fmt::format("--link: {}: {}", failed, error.message()));
    }
  }
  ~Link() {
    std::error_code ignored;
    // Another board may have it by now.
    if (path_.empty() || std::filesystem::read_symlink(path_, ignored) != target_) return;
    std::filesystem::remove(path_, ignored);
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

 private:
  std::string path_, target_;
};

void show(const Options& options, std::int64_t now_us, const nlohmann::ordered_json& json,
          const std::string& text) {
  if (options.json) {
    nlohmann::ordered_json line = {{"t_us", now_us}};
    line.update(json);
    fmt::print("{}\n", text_of(line, -1));
  } else {
    fmt::print("[{:10.2f} s] {}\n", static_cast<double>(now_us) * 1e-6, text);
  }
  std::fflush(stdout);
}

sim::Observer observer(const Options& options) {
  sim::Observer result;
  result.pin = [&options](std::int64_t now_us, bool high) {
    show(options, now_us, {{"pin", high}}, high ? "alert pin HIGH" : "alert pin low");
  };
  result.log = [&options](std::int64_t now_us, board::LogLevel level, std::string_view tag,
                          std::string_view text) {
    constexpr const char* kLevels[] = {"error", "warning", "info"};
    const char* name = kLevels[static_cast<std::size_t>(level)];
    show(options, now_us, {{"level", name}, {"tag", tag}, {"text", text}},
         fmt::format("{} {}: {}", static_cast<char>(std::toupper(name[0])), tag, text));
  };
  return result;
}

/// Keeps simulated time in step with the wall's, or ahead of it.
class Pace {
 public:
  explicit Pace(std::optional<double> speed) : speed_(speed) {}
  /// Simulated microseconds until which the board may run now.
  [[nodiscard]] std::int64_t until(std::int64_t now_us) const {
    constexpr std::int64_t kSlice_us = 100'000;
    if (!speed_) return now_us + kSlice_us;
    const std::chrono::duration<double, std::micro> wall = Clock::now() - start_;
    const auto due_us = origin_us_ + static_cast<std::int64_t>(wall.count() * *speed_);
    return std::min(due_us, now_us + kSlice_us);
  }
  /// Time stood still until now.
  void restart(std::int64_t now_us) {
    start_ = Clock::now();
    origin_us_ = now_us;
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::optional<double> speed_;
  Clock::time_point start_ = Clock::now();
  std::int64_t origin_us_ = 0;
};

void run(const Options& options) {
  if (options.machine != "fan") {
    refuse(fmt::format("--machine: there is no \"{}\"; choose from fan", options.machine));
  }
  sim::Schedule schedule;
  std::vector<CardEvent> cards;
  for (const std::string& text : options.faults) add_fault(text, schedule);
  for (const std::string& text : options.events) add_event(text, schedule, cards);
  std::vector<sim::ChipFault> injections;
  for (const std::string& text : options.injections) injections.push_back(injection(text));
  std::sort(cards.begin(), cards.end(),
            [](const CardEvent& a, const CardEvent& b) { return a.at_s < b.at_s; });
  const std::int64_t end_us =
      options.duration.empty()
          ? INT64_MAX
          : static_cast<std::int64_t>(parse_seconds(options.duration, "--for") * 1e6);
  const Pace paced(parse_speed(options.speed));
  Pace pace = paced;

  sim::VirtualBoardConfig config;
  config.chip = sim::typical_chip(options.seed);
  if (!options.clone.empty()) {
    unsigned id = 0;
    const std::string_view digits =
        std::string_view(options.clone).substr(options.clone.starts_with("0x") ? 2 : 0);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id, 16);
    if (error != std::errc() || end != digits.data() + digits.size() || id > 0xFF) {
      refuse(fmt::format("--clone: expected an id such as 0x98, found \"{}\"", options.clone));
    }
    config.chip.who_am_i = static_cast<std::uint8_t>(id);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    config.id[4 + i] = static_cast<std::uint8_t>(options.seed >> (8 * i) & 0xFFU);
  }
  config.firmware = kVersion;
  config.card = !options.no_card;
  config.interrupt = !options.no_interrupt;
  config.pull_ups = !options.no_pull_ups;
  config.i2c_hz = options.i2c_hz;
  config.baud = options.baud;

  sim::MachineConfig machine;
  machine.session = options.session;
  sim::ScheduledSource motion(machine, options.seed, schedule);
  sim::Storage storage = open_storage(options.storage);
  host::platform::FolderLock lock;
  if (!lock.try_lock(options.storage)) {
    throw Error(ExitCode::exists,
                fmt::format("{}: another virtual board has its storage there; stop it, or give "
                            "this one a --storage of its own",
                            options.storage));
  }
  sim::Operations operations;
  sim::PseudoTerminal terminal;
  const Link link(options.link, terminal.path());
  if (options.json) {
    fmt::print("{}\n", text_of({{"port", terminal.path()}, {"storage", options.storage}}, -1));
  } else {
    fmt::print("port {}\n", terminal.path());
    fmt::print("card, model and settings in {}/ (fettle collect --sd {}/card.log)\n",
               options.storage, options.storage);
  }
  std::fflush(stdout);

  sim::VirtualBoard board(config, motion, storage, operations, observer(options));
  for (const sim::ChipFault& fault : injections) board.chip().inject(fault);

  pace.restart(0);
  std::size_t next_card = 0;
  std::vector<std::uint8_t> arrived;
  while (board.now_us() < end_us && !host::platform::interrupted()) {
    if (options.hold && !terminal.connected()) {
      terminal.wait(2);
      pace.restart(board.now_us());
      continue;
    }
    arrived.clear();
    terminal.read(arrived);
    auto& to_board = board.line().to_board;
    // What a UART's driver would hold; of a flood the rest is lost, as on the chip.
    constexpr std::size_t kMostWaiting = 16'384;
    if (to_board.size() < kMostWaiting) {
      to_board.insert(to_board.end(), arrived.begin(), arrived.end());
    }

    while (next_card < cards.size() &&
           cards[next_card].at_s * 1e6 <= static_cast<double>(board.now_us())) {
      board.card().inserted = cards[next_card++].inserted;
    }
    const std::int64_t until_us = std::min(pace.until(board.now_us()), end_us);
    if (until_us <= board.now_us()) {
      terminal.wait(1);
      continue;
    }
    board.run_until(until_us);

    // Simulated time waits for a slow reader: a real line would lose bytes instead.
    auto& from_board = board.line().from_board;
    std::size_t sent = 0;
    while (sent < from_board.size() && terminal.connected() && !host::platform::interrupted()) {
      sent += terminal.write(std::span<const std::uint8_t>(from_board).subspan(sent), 100);
    }
    from_board.clear();
  }
  const protocol::StatusMessage status = board.board().status();
  show(options, board.now_us(),
       {{"stopped", true},
        {"samples", status.samples},
        {"lost", status.lost},
        {"windows", status.windows},
        {"alarms", status.alarms}},
       fmt::format("stopped: {} samples, {} lost, {} windows, {} alarms", status.samples,
                   status.lost, status.windows, status.alarms));
}

constexpr const char* kMore =
    R"(The board's firmware logic runs on this computer: the same sources as on the
chip, with a simulated MPU6050 behind simulated I2C and a machine under it. The
first line printed is the port, which other commands take as --port; a terminal
program opens it too (type help). Ctrl-C stops the board like pulling its plug.

The folder of --storage holds the SD card's log (card.log), the model slots
(flash.bin), the settings (settings.bin), what burn-in has learned (learned.bin)
and the log of events (events.bin); they are there at the next start.

What happens is written KIND[:VALUE][@FROM[..UNTIL]][~RAMP], and may be given
several times; times as in 60s, 10min, 2h, 1d of simulated time.
  --fault   imbalance, bearing, loose, misalignment; VALUE: its severity, 0 to 1
  --event   stop, start, speed:PART, load:PART, knock:G[:SECONDS], neighbour:G,
            remount:DEGREES[:Y[:Z]], temperature:C, card-out, card-in
  --inject  nack, timeout, stuck, torn, fifo (VALUE: probability of each),
            brownout, stuck-axis[:0 to 5], no-interrupt

Examples:
  fettle board
  fettle board --fault imbalance@60s --speed 100x
  fettle board --fault bearing:0.5@10min~1h --event knock:1@5min --speed max
  fettle board --inject nack:0.01 --inject brownout@30s --clone 0x98)";

}  // namespace

void add_board(CLI::App& program) {
  CLI::App* command =
      program.add_subcommand("board", "Start a virtual board on a simulated machine");
  const auto options = std::make_shared<Options>();
  command->add_option("--machine", options->machine, "What to simulate: fan")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Which of the many machines and sensors")
      ->transform(whole_number(0, UINT32_MAX))  // a board's id holds 32 bits of it
      ->capture_default_str();
  command
      ->add_option("--session", options->session,
                   "The same machine on another day: other noise, slightly other speed")
      ->transform(whole_number(0, UINT32_MAX))
      ->capture_default_str();
  command->add_option("--fault", options->faults, "A fault of the machine, from when")
      ->type_name("KIND...");
  command->add_option("--event", options->events, "Something else that happens to it")
      ->type_name("KIND...");
  command->add_option("--inject", options->injections, "A fault of sensor or bus")
      ->type_name("KIND...");
  command
      ->add_option("--speed", options->speed,
                   "Simulated time against real time: 1x, 100x ... or max")
      ->capture_default_str();
  command->add_option("--storage", options->storage, "Folder of card, flash and settings")
      ->capture_default_str();
  command->add_option("--for", options->duration, "Stop after this much simulated time")
      ->check(not_empty("a time such as 60s, 10min, 2h or 1d"))
      ->type_name("TIME");
  command->add_option("--link", options->link, "Make a symbolic link to the port here")
      ->check(not_empty("a path"))
      ->type_name("PATH");
  command->add_option("--clone", options->clone, "What the sensor answers as WHO_AM_I")
      ->check(not_empty("an id such as 0x98"))
      ->type_name("ID");
  command->add_option("--baud", options->baud, "What the serial line carries, bits a second")
      ->transform(whole_number(1200, 4'000'000))
      ->capture_default_str();
  command->add_flag("--no-card", options->no_card, "There is no SD card");
  command->add_flag("--no-interrupt", options->no_interrupt, "The interrupt wire is missing");
  command->add_flag("--no-pull-ups", options->no_pull_ups, "The I2C bus has no resistors");
  command->add_option("--i2c-hz", options->i2c_hz, "What the I2C bus manages, Hz")
      ->transform(whole_number(40'000, 400'000))
      ->capture_default_str();
  command->add_flag("--hold", options->hold, "Time stands still while nobody is connected");
  command->add_flag("--json", options->json, "A JSON object a line");
  command->footer(kMore);
  command->callback([options] { run(*options); });
}

}  // namespace fettle::cli
