// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/line.hpp"
#include "host/dataset.hpp"
#include "host/error.hpp"
#include "host/line/card.hpp"
#include "host/line/collector.hpp"
#include "host/platform/interrupt.hpp"
#include "host/text.hpp"

namespace fettle::cli {
namespace {

using host::CollectionCounts;
using host::Error;
using host::ExitCode;
using namespace std::chrono_literals;

constexpr const char* kFooter =
    "Time stamps and values are the board's, bit for bit, and a recording begins\n"
    "where a window of the board begins: 'fettle score' on it gives the board's own\n"
    "scores. Ctrl-C ends early and keeps what is there. A pulled cable is waited for.\n"
    "What a power cut or a full disk ends is taken in by the next command that opens\n"
    "DATA.\n"
    "\n"
    "Ten minutes of normal running are a good baseline; record them in several goes\n"
    "and at every speed and load that is normal. What is off, clipped or stuck is not\n"
    "called normal.\n"
    "\n"
    "Examples:\n"
    "  fettle collect --port /dev/ttyUSB0 --label normal --for 10min -o data\n"
    "  fettle collect --sd /media/card/fettle.log -o data";

constexpr std::int64_t kBaseline_us = 600'000'000;
constexpr std::uint64_t kEarlySeconds = 5;
constexpr int kMostParts = 10'000;
constexpr auto kRateWait = 3s;
constexpr auto kBetweenSyncs = 10s;  // what a power cut may take
constexpr auto kSilenceTold = 5s;
constexpr auto kSilenceEnds = 30s;

struct Options {
  LineOptions line;
  std::string card, label, duration = "10min", data, name;
  std::uint32_t window_samples = 128;
  bool force = false;
  bool json = false;
};

/// Minutes of the label that a data set has already.
std::int64_t recorded_before_us(const std::string& data, const std::string& label) {
  if (!host::DataSet::exists(data)) return 0;
  const host::DataSet set = host::DataSet::open(data);
  double seconds = 0;
  for (const host::RecordingEntry& entry : set.recordings()) {
    if (entry.label == label) seconds += static_cast<double>(entry.rows) / set.rate_hz();
  }
  return static_cast<std::int64_t>(seconds * 1e6);
}

std::string levels(const std::array<host::AxisLevel, kMaxAxes>& level) {
  return fmt::format("{:.0f} {:.0f} {:.0f} mg {:.1f} {:.1f} {:.1f} dps", level[0].deviation * 1e3,
                     level[1].deviation * 1e3, level[2].deviation * 1e3, level[3].deviation,
                     level[4].deviation, level[5].deviation);
}

std::uint64_t clipped_of(const CollectionCounts& counts) {
  std::uint64_t clipped = 0;
  for (const std::uint64_t count : counts.clipped) clipped += count;
  return clipped;
}

nlohmann::ordered_json json_of(const CollectionCounts& counts) {
  nlohmann::ordered_json json = {{"rows", counts.rows},
                                 {"seconds", static_cast<double>(counts.recorded_us) * 1e-6},
                                 {"rate_hz", counts.rate_hz},
                                 {"lost_by_sensor", counts.lost_by_sensor},
                                 {"sensor_gaps", counts.sensor_gaps},
                                 {"lost_on_line", counts.lost_on_line},
                                 {"line_gaps", counts.line_gaps},
                                 {"skipped", counts.skipped},
                                 {"clipped", counts.clipped},
                                 {"quiet_part", counts.quiet_part}};
  for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
    json["still_seconds"][axis] = counts.still[axis].seconds;
    json["level"][kAxisNames[axis]] = {{"mean", counts.level[axis].mean},
                                       {"deviation", counts.level[axis].deviation}};
  }
  return json;
}

void print_losses(const CollectionCounts& counts) {
  if (counts.lost_by_sensor > 0) {
    fmt::print(
        "  {} samples lost by the sensor in {} gaps: 'fettle command \"status\"' counts the "
        "causes\n",
        counts.lost_by_sensor, counts.sensor_gaps);
  }
  if (counts.lost_on_line > 0) {
    fmt::print(
        "  {} samples lost on the way from the board in {} gaps, {} more left out until its "
        "next window\n",
        counts.lost_on_line, counts.line_gaps, counts.skipped);
  }
  if (counts.lost_on_line == 0 && counts.skipped > 0) {
    fmt::print("  {} samples left out until a window of the board begins\n", counts.skipped);
  }
  for (const std::string& doubt : host::doubts(counts)) {
    fmt::print("  {}\n", host::wrapped("note: " + doubt, 4));
  }
}

/// One collection over the line.
class Collection {
 public:
  explicit Collection(const Options& options)
      : options_(options), wanted_us_(duration_us(options.duration, "--for")) {}

  void run() {
    before_us_ = recorded_before_us(options_.data, options_.label);
    link_ = connect(options_.line, &live_);
    const host::BoardInfo& board = link_->board();
    const protocol::StatusMessage status = settled_status();
    rate_hz_ = static_cast<double>(board.hello.rate_hz);
    describe_board(status);
    collector_.emplace(rate_hz_, board.hello.hop);
    // From here on Ctrl-C means: that is enough.
    const host::platform::InterruptsWait wait;
    update_ = std::make_unique<host::DataSetUpdate>(options_.data, rate_hz_, kMaxAxes,
                                                    host::DataSetUpdate::Unfinished::kept,
                                                    options_.window_samples);
    begin_recording();
    if (!options_.json) host::say(describe(*link_) + "\n");
    link_->stream(protocol::kStreamSamples | protocol::kStreamEvents);
    std::optional<Error> trouble;
    try {
      gather();
    } catch (const Error& error) {
      if (error.code != ExitCode::interrupted) trouble = error;
      if (refused_ || disk_failed_) throw;
    }
    live_.clear();
    finish(trouble);
  }

 private:
  /// The rate is known, and samples flow. A board that has just started needs a moment for both.
  protocol::StatusMessage settled_status() {
    const auto began = std::chrono::steady_clock::now();
    protocol::StatusMessage status = link_->status();
    const auto streaming = [&] { return status.sensor == protocol::SensorState::streaming; };
    while (!(streaming() && status.rate_hz > 0) &&
           std::chrono::steady_clock::now() - began < kRateWait) {
      std::this_thread::sleep_for(100ms);
      status = link_->status();
    }
    if (!streaming()) {
      throw Error(
          ExitCode::io,
          fmt::format("{}: {} has no samples: its sensor is {}. 'fettle selftest --port {}' says "
                      "what to check",
                      options_.line.port, link_->board().called(), name_of(status.sensor),
                      options_.line.port));
    }
    return status;
  }

  void describe_board(const protocol::StatusMessage& status) {
    const host::BoardInfo& board = link_->board();
    provenance_ = fmt::format(
        "collected from {} ({}), firmware {}, sensor 0x{:02x} at +-{} g and +-{} deg/s, {:.2f} Hz "
        "measured ({:g} nominal), boot {}",
        board.called(), board.id(), board.firmware, status.who_am_i,
        2 << static_cast<int>(board.hello.ranges.accelerometer),
        250 << static_cast<int>(board.hello.ranges.gyroscope), static_cast<double>(status.rate_hz),
        static_cast<double>(board.hello.rate_hz), board.hello.boot);
    name_ = options_.name;
    if (!name_.empty()) return;
    // Names a recording the same way each time and never twice: a board has one uptime a boot.
    for (const char c : board.called()) name_ += host::is_name_character(c) ? c : '_';
    if (name_.starts_with('.')) name_.front() = '_';
    name_ += fmt::format("-boot{}-{}s", board.hello.boot, status.uptime_us / 1'000'000);
  }

  /// Work on the disk. If that fails nothing more is written: what is there is the next command's to
  /// take in.
  template <typename Work>
  void on_disk(const Work& work) {
    try {
      work();
    } catch (const Error& error) {
      if (error.code != ExitCode::io) throw;
      disk_failed_ = true;
      if (recorded_us_ == 0) throw;
      if (!update_->is_there()) {
        throw Error(
            ExitCode::io,
            fmt::format("{}.\n  Where {} was, nothing is kept of the {} recorded. If the folder "
                        "was moved, 'fettle inspect' on it at its new place takes them in",
                        error.what(), options_.data, host::duration_text(recorded_us_)));
      }
      throw Error(ExitCode::io,
                  fmt::format("{}.\n  What is there is kept, {} of {}: the next command that opens "
                              "{}, such as 'fettle inspect {}', takes it in when there is room",
                              error.what(), host::duration_text(recorded_us_),
                              host::duration_text(wanted_us_), options_.data, options_.data));
    }
  }

  void begin_recording() {
    for (;;) {
      ++parts_;
      const std::string name = parts_ == 1 ? name_ : fmt::format("{}-{}", name_, parts_);
      try {
        on_disk([&] { writer_ = &update_->begin(options_.label, name, name_, provenance_); });
      } catch (const Error& error) {
        // Nobody is there to think of a name for a later part.
        if (parts_ == 1 || parts_ > kMostParts || error.code != ExitCode::exists) throw;
        continue;
      }
      names_.push_back(name);
      rows_.push_back(0);
      return;
    }
  }

  void begin_another() {
    live_.note("The board has restarted: another recording begins.");
    end_recording();
    collector_->restart();
    begin_recording();
  }

  void end_recording() {
    rows_.back() = writer_->rows();
    if (writer_->rows() >= options_.window_samples) {
      on_disk([&] { update_->end(); });
    } else {
      update_->discard();
      names_.pop_back();
      rows_.pop_back();
    }
    writer_ = nullptr;
  }

  void gather() {
    bool looked = false;
    auto synced = std::chrono::steady_clock::now();
    sampled_ = synced;
    while (!host::platform::interrupted()) {
      const auto message = link_->next(200ms);
      if (message) std::visit(*this, *message);
      watch_silence();
      if (const auto now = std::chrono::steady_clock::now(); now - synced > kBetweenSyncs) {
        synced = now;
        on_disk([&] { writer_->sync(); });
      }
      if (live_.due() && recorded_us_ > 0) show(collector_->counts());
      if (recorded_us_ >= wanted_us_) return;
      if (!looked && seconds_due()) {
        looked = true;
        check(collector_->counts());
      }
    }
  }

  /// A line that is there and a board that answers are not yet samples. A line that is gone is waited
  /// for elsewhere.
  void watch_silence() {
    const auto now = std::chrono::steady_clock::now();
    if (std::exchange(connection_, link_->reconnections()) != link_->reconnections()) {
      sampled_ = now;
    }
    const auto silence = now - sampled_;
    const bool ends = silence >= kSilenceEnds;
    if (silence < kSilenceTold || (silence_told_ && !ends)) return;
    protocol::StatusMessage status;
    try {
      status = link_->status();
    } catch (const Error& error) {
      if (error.code != ExitCode::io || ends) throw;
      return;  // no answer: the link finds out whether the line is gone
    }
    if (link_->reconnections() != connection_) return;
    silence_told_ = true;
    const std::string what = fmt::format(
        "{} has sent no new samples for {} s: its sensor is {}", link_->board().called(),
        std::chrono::duration_cast<std::chrono::seconds>(silence).count(), name_of(status.sensor));
    if (ends) {
      throw Error(ExitCode::io, fmt::format("{}. 'fettle selftest --port {}' says what to check",
                                            what, options_.line.port));
    }
    live_.note(
        host::wrapped(fmt::format("{}. After {} s this collection ends and keeps what is there.",
                                  what, std::chrono::seconds(kSilenceEnds).count()),
                      2));
  }

  [[nodiscard]] bool seconds_due() const {
    return recorded_us_ >= static_cast<std::int64_t>(kEarlySeconds) * 1'000'000 + 1'000'000;
  }

  void check(const CollectionCounts& counts) {
    if (options_.label != "normal" || options_.force) return;
    const std::string why = host::refusal("This", counts);
    if (why.empty()) return;
    refused_ = true;
    update_->abandon();
    throw Error(ExitCode::bad_input, why + "\n  Nothing was kept.");
  }

  void show(const CollectionCounts& counts) {
    std::string line = fmt::format(
        "{}/{} {} {} gaps {} clip {}", host::duration_text(counts.recorded_us),
        host::duration_text(wanted_us_), host::rate_text(counts), levels(collector_->now()),
        counts.sensor_gaps + counts.line_gaps, clipped_of(counts));
    if (options_.label == "normal") {
      const std::int64_t covered_us = before_us_ + counts.recorded_us;
      line += fmt::format(" baseline {} %",
                          std::min<std::int64_t>(100, 100 * covered_us / kBaseline_us));
    }
    live_.show(line);
  }

 public:
  // What the line brings.
  void operator()(const protocol::SamplesMessage& message) {
    if (collector_->goes_back(message.block)) begin_another();
    host::MissingSamples missing;
    on_disk([&] {
      missing = collector_->add(message, [this](const TimedSample& row) { writer_->write(row); });
      // Each block, because nobody knows whether there will be another.
      writer_->flush();
    });
    // Samples of which none becomes a row are as good as none.
    if (std::exchange(recorded_us_, collector_->recorded_us()) != recorded_us_) {
      sampled_ = std::chrono::steady_clock::now();
      silence_told_ = false;
    }
    if (missing.count == 0) return;
    live_.note(fmt::format("Lost on the line: samples {} to {}.", missing.first,
                           missing.first + missing.count - 1));
  }
  void operator()(const host::LostFrames& lost) {
    live_.note(fmt::format("Lost on the line: {} frame{} from number {}.", lost.count,
                           lost.count == 1 ? "" : "s", lost.first));
  }
  void operator()(const host::BoardEvent& event) {
    using protocol::EventKind;
    switch (event.message.kind) {
      case EventKind::sensor_lost:
      case EventKind::sensor_back:
      case EventKind::samples_lost:
      case EventKind::card_failed:
        live_.note(fmt::format("The board says: {}: {}", name_of(event.message.kind), event.text));
        break;
      case EventKind::model_changed:
        // Another model may have other windows.
        link_->greet();
        collector_->set_hop(link_->board().hello.hop);
        collector_->interrupt();
        break;
      default: break;
    }
  }
  void operator()(const host::Reconnected& reconnected) {
    sampled_ = std::chrono::steady_clock::now();
    const protocol::HelloReply& hello = link_->board().hello;
    if (std::abs(static_cast<double>(hello.rate_hz) - rate_hz_) > 0.02 * rate_hz_) {
      throw Error(ExitCode::bad_input,
                  fmt::format("the board samples at {:g} Hz now, and this data set is at {:g} Hz",
                              static_cast<double>(hello.rate_hz), rate_hz_));
    }
    collector_->set_hop(hello.hop);
    if (reconnected.restarted) begin_another();
  }
  void operator()(const host::BoardLog&) {}
  void operator()(const protocol::ScoreMessage&) {}

 private:
  void finish(const std::optional<Error>& trouble) {
    if (writer_ != nullptr) end_recording();  // null: another part could not begin
    const CollectionCounts counts = collector_->counts();
    if (names_.empty()) {
      if (trouble) throw Error(trouble->code, trouble->what());
      if (host::platform::interrupted()) {
        throw Error(ExitCode::interrupted, "interrupted before the first window: nothing was kept");
      }
      throw Error(ExitCode::too_little_data,
                  fmt::format("{} samples in {} are no window of {}: nothing was kept", counts.rows,
                              host::duration_text(counts.recorded_us), options_.window_samples));
    }
    check(counts);
    std::vector<host::RecordingEntry> added;
    on_disk([&] { added = update_->commit(); });
    for (std::size_t i = 0; i < added.size(); ++i) {
      if (names_[i] == added[i].name) continue;
      host::say(fmt::format("note: another {}/{} has appeared meanwhile; this one is {}\n",
                            options_.label, names_[i], added[i].id()));
      names_[i] = added[i].name;
    }
    const std::string early =
        counts.recorded_us >= wanted_us_
            ? std::string()
            : fmt::format("ended early, {} of {}", host::duration_text(counts.recorded_us),
                          host::duration_text(wanted_us_));
    if (options_.json) {
      nlohmann::ordered_json json = {{"data", options_.data},
                                     {"label", options_.label},
                                     {"board", link_->board().id()},
                                     {"name", link_->board().name},
                                     {"recordings", nlohmann::ordered_json::array()}};
      for (std::size_t i = 0; i < names_.size(); ++i) {
        json["recordings"].push_back({{"name", names_[i]}, {"rows", rows_[i]}});
      }
      json["complete"] = counts.recorded_us >= wanted_us_;
      json["frames_lost"] = link_->lost_frames();
      json["reconnections"] = link_->reconnections();
      json.update(json_of(counts));
      fmt::print("{}\n", text_of(json));
    } else {
      fmt::print("{}/{}{}: {} rows, {}, {}\n", options_.label, names_.front(),
                 names_.size() > 1 ? fmt::format(" and {} more", names_.size() - 1) : std::string(),
                 counts.rows, host::duration_text(counts.recorded_us), host::rate_text(counts));
      if (!early.empty()) fmt::print("  {}\n", early);
      fmt::print("  vibration {} (standard deviation)\n", levels(counts.level));
      print_losses(counts);
      fmt::print("Next: fettle inspect {}\n", options_.data);
    }
    if (trouble) {
      throw Error(trouble->code, fmt::format("{}; what was there is kept: {}",
                                             early.empty() ? "ended" : early, trouble->what()));
    }
    if (!early.empty()) {
      throw Error(ExitCode::interrupted, "interrupted; what was there is kept");
    }
  }

  const Options& options_;
  std::int64_t wanted_us_;
  std::int64_t before_us_ = 0;
  std::int64_t recorded_us_ = 0;
  double rate_hz_ = 0;
  host::LiveLine live_;
  std::unique_ptr<host::BoardLink> link_;
  std::optional<host::Collector> collector_;
  std::unique_ptr<host::DataSetUpdate> update_;
  host::RecordingWriter* writer_ = nullptr;
  std::string name_, provenance_;
  std::vector<std::string> names_;
  std::vector<std::uint64_t> rows_;
  int parts_ = 0;
  bool refused_ = false;
  bool disk_failed_ = false;
  bool silence_told_ = false;
  int connection_ = 0;
  std::chrono::steady_clock::time_point sampled_;  ///< when samples came last
};

void run_card(const Options& options) {
  host::CardOptions card;
  card.file = options.card;
  card.data = options.data;
  card.label = options.label;
  card.force = options.force;
  card.window_samples = options.window_samples;
  const host::CardReport report = host::import_card(card);
  if (options.json) {
    nlohmann::ordered_json json = {
        {"data", options.data},      {"records", report.records},
        {"events", report.events},   {"repeated", report.repeated},
        {"damaged", report.damaged}, {"missing", report.missing},
        {"damage", report.damage},   {"left_out", report.left_out},
        {"already", report.already}, {"notes", report.notes},
        {"boards", report.boards},   {"recordings", nlohmann::ordered_json::array()}};
    for (const host::CardRecording& recording : report.recordings) {
      nlohmann::ordered_json one = {{"label", recording.entry.label},
                                    {"name", recording.entry.name},
                                    {"board", recording.board},
                                    {"ended", recording.ended}};
      one.update(json_of(recording.counts));
      json["recordings"].push_back(one);
    }
    fmt::print("{}\n", text_of(json));
    return;
  }
  for (const std::string& line : report.damage) host::say(fmt::format("note: {}\n", line));
  if (report.damage.size() < report.damaged) {
    host::say(fmt::format("note: {} damaged places in all\n", report.damaged));
  }
  if (report.repeated > 0) {
    host::say(
        host::wrapped(fmt::format("note: {} records stand there twice; the second of each was "
                                  "ignored",
                                  report.repeated),
                      2) +
        "\n");
  }
  for (const std::string& line : report.left_out) host::say(fmt::format("left out: {}\n", line));
  for (const std::string& note : report.notes) {
    host::say(host::wrapped("note: " + note, 2) + "\n");
  }
  if (report.boards.size() > 1) {
    std::string boards;
    for (const std::string& board : report.boards) boards += (boards.empty() ? "" : ", ") + board;
    host::say(
        host::wrapped(
            fmt::format("note: recordings of {} boards: {}", report.boards.size(), boards), 2) +
        "\n");
  }
  for (const host::CardRecording& recording : report.recordings) {
    fmt::print("  {}: {} rows, {}, {}, of {}{}\n", recording.entry.id(), recording.counts.rows,
               host::duration_text(recording.counts.recorded_us), host::rate_text(recording.counts),
               recording.board, recording.ended ? "" : " (cut off)");
    print_losses(recording.counts);
  }
  if (const std::size_t count = report.already.size(); count > 0) {
    fmt::print("{} recording{} there already.\n", count, count == 1 ? " was" : "s were");
  }
  fmt::print("{} recordings from {} records.\nNext: fettle inspect {}\n", report.recordings.size(),
             report.records, options.data);
}

void run(const Options& options) {
  if (!options.card.empty()) {
    if (!options.line.port.empty() || !options.name.empty()) {
      throw Error(ExitCode::usage, "--sd imports a card: --port and --name do not go with it");
    }
    return run_card(options);
  }
  if (options.line.port.empty()) {
    throw Error(ExitCode::usage,
                "say where the samples come from: --port PORT ('fettle ports' lists "
                "them), or --sd FILE for a card");
  }
  if (options.label.empty()) {
    throw Error(ExitCode::usage,
                "say what the machine does now: --label normal, or the name of a fault");
  }
  Collection(options).run();
}

}  // namespace

void add_collect(CLI::App& program) {
  auto* command = program.add_subcommand(
      "collect", "Record from a board, or import its SD card, into a data set");
  const auto options = std::make_shared<Options>();
  add_line_options(*command, options->line);
  command->add_option("--sd", options->card, "Import this card log instead")->type_name("FILE");
  command->add_option("--label", options->label, "What the machine does, for example normal")
      ->type_name("NAME");
  command->add_option("--for", options->duration, "How long, in the board's time")
      ->type_name("TIME")
      ->capture_default_str();
  command->add_option("-o,--output", options->data, "The data set: a folder, made if there is none")
      ->required()
      ->type_name("DATA");
  command->add_option("--name", options->name, "Of the recording; default: board, boot and uptime")
      ->type_name("NAME");
  command->add_flag("--force", options->force,
                    "Call it normal although it is off, clipped or stuck");
  command->add_flag("--json", options->json, "Print the summary as JSON");
  command->footer(kFooter);
  command->callback([options] { run(*options); });
}

}  // namespace fettle::cli
