// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "cli/checks.hpp"
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "core/features/speed.hpp"
#include "core/learn/neighbour.hpp"
#include "core/learn/statistics.hpp"
#include "host/alarm_rate.hpp"
#include "host/error.hpp"
#include "host/normal_change.hpp"
#include "host/platform/files.hpp"
#include "host/text.hpp"
#include "host/training.hpp"
#include "version.hpp"

namespace fettle::cli {
namespace {

using host::Error;
using host::ExitCode;

struct Options {
  std::string data, output, normal = "normal", from, norm = "zscore";
  FeatureSet features = FeatureSet::vibration;
  bool features_asked = false;
  bool no_mean = false;
  bool keep_all = false;
  bool choose_detector = false;
  bool percentile_asked = false;
  bool decision_asked = false;
  std::string false_alarms, detector;
  bool verbose = false;
  bool json = false;
  std::vector<std::string> of_network;  ///< options given that are of a network that is trained
  std::uint32_t window = 0;             ///< samples; 0: usual_window()
  host::LearningSettings learning;
};

constexpr const char* kHelp =
    "Train a detector on normal running: one .tflite\n"
    "\n"
    "Each source (a recording session) is split by itself in time: the first 85 %\n"
    "are learned from, 15 % are left for 'fettle evaluate'. With vibration features\n"
    "each window is scored by a detector that was trained without it; the tutorial's\n"
    "way keeps parts apart: 55 % training, 10 % best epoch, 20 % threshold. Only\n"
    "normal data are used; faults are never needed.\n"
    "\n"
    "You say how many false alarms you accept (--false-alarms). If the recording is\n"
    "too short for that, the model says which rate it supports, and how much more\n"
    "normal running is needed.";

constexpr const char* kFooter =
    "Examples:\n"
    "  fettle train data -o model.tflite\n"
    "  fettle train data -o model.tflite --false-alarms 1/day\n"
    "  fettle train data -o model.tflite --features tutorial --percentile 99.5\n"
    "  fettle train data -o model.tflite --from keras.tflite --norm norm.json\n"
    "\n"
    "norm.json holds {\"mean\": [...], \"std\": [...]}, one number a feature, in the\n"
    "order of 'fettle info': mean, std, p2p of ax, then of ay, and so on.";

WindowShape window_of(const Options& options, double rate_hz) {
  WindowShape window = host::usual_window(options.features, rate_hz);
  if (options.window != 0) window.samples = options.window;
  return window;
}

host::WindowTable normal_windows(const Options& options, const host::DataSet& data,
                                 std::span<const SpeedRange> expected) {
  std::set<std::string> labels;
  for (const auto& recording : data.recordings()) labels.insert(recording.label);
  if (!labels.contains(options.normal)) {
    throw Error(ExitCode::bad_input,
                fmt::format("{}: no recordings labelled '{}'; there are: {}. Name the normal label "
                            "with --normal.",
                            options.data, options.normal,
                            labels.empty() ? "none" : fmt::format("{}", fmt::join(labels, ", "))));
  }
  const FeatureSpec spec{options.features, static_cast<std::uint8_t>(data.axes()),
                         options.features == FeatureSet::tutorial && !options.no_mean};
  return host::read_windows(
      data, spec, window_of(options, data.rate_hz()),
      [&](const std::string& label) { return label == options.normal; }, expected);
}

const char* name_of(LeftOut why) {
  switch (why) {
    case LeftOut::no: return "";
    case LeftOut::off: return "machine off";
    case LeftOut::changing: return "speed changing or unclear";
    case LeftOut::knock: return "knocked";
    case LeftOut::broken: return "clipped or stuck sensor";
    case LeftOut::neighbour: return "shaken by a neighbour";
  }
  return "";
}

/// How many windows are not there, and why.
std::string left_out_text(const host::Hygiene& hygiene) {
  if (hygiene.total() == 0) return "";
  std::string text = " Left out:";
  for (std::size_t why = 1; why < hygiene.windows.size(); ++why) {
    if (hygiene.windows[why] == 0) continue;
    text += fmt::format(" {} {},", hygiene.windows[why], name_of(static_cast<LeftOut>(why)));
  }
  text.back() = '.';
  return text;
}

void refuse_too_few(const Options& options, const host::WindowTable& table,
                    const host::Split& split, const host::Hygiene& hygiene) {
  const bool percentile = !options.learning.threshold.has_value();
  const bool enough = split.train.size() >= kFewestThresholdWindows &&
                      (!percentile || split.threshold.size() >= kFewestThresholdWindows);
  if (enough) return;
  // Five times as many windows as the threshold's 20 % must hold, and some to spare for rounding.
  const double minutes = 105.0 * table.window.seconds() / 60.0;
  throw Error(
      ExitCode::too_little_data,
      fmt::format("{}: '{}' has {} whole windows of {} samples ({:.1f} min); training would get {} "
                  "and the threshold {} of them, expected at least {} each. Record at least {:.1f} "
                  "min without gaps{} ('fettle inspect {}' shows where windows are lost).{}",
                  options.data, options.normal, table.size(), table.window.samples,
                  static_cast<double>(table.size()) * table.window.seconds() / 60.0,
                  split.train.size(), split.threshold.size(), kFewestThresholdWindows, minutes,
                  minutes < 10.0 ? ", better ten" : "", options.data, left_out_text(hygiene)));
}

Normaliser normaliser_from(const std::string& file, const FeatureSpec& spec) {
  std::ifstream stream(file);
  if (!stream || std::filesystem::is_directory(file)) {
    throw Error(ExitCode::io, fmt::format("{}: cannot be read as a file", file));
  }
  const auto refuse = [&](const std::string& what) {
    throw Error(ExitCode::bad_input,
                fmt::format("{}: {}; expected {{\"mean\": [{} numbers], \"std\": [{} numbers above "
                            "zero]}}",
                            file, what, spec.dimensions(), spec.dimensions()));
  };
  const auto json = nlohmann::json::parse(stream, nullptr, false);
  if (!json.is_object()) refuse("not a JSON object");
  Normaliser normaliser;
  const auto read = [&](const char* key, auto& values) {
    if (!json.contains(key) || !json[key].is_array() || json[key].size() != spec.dimensions()) {
      refuse(fmt::format("no array \"{}\" of {} numbers", key, spec.dimensions()));
    }
    for (std::size_t i = 0; i < spec.dimensions(); ++i) {
      if (!json[key][i].is_number()) refuse(fmt::format("\"{}\"[{}] is not a number", key, i));
      values[i] = json[key][i].get<float>();
    }
  };
  read("mean", normaliser.mean);
  read("std", normaliser.scale);
  for (std::size_t i = 0; i < spec.dimensions(); ++i) {
    // Bounds far outside any sensor, so that no z-score leaves float32.
    if (!(normaliser.scale[i] >= 1e-9F && normaliser.scale[i] <= 1e9F)) {
      refuse(fmt::format("\"std\"[{}] is not between 1e-9 and 1e9", i));
    }
    if (!(std::abs(normaliser.mean[i]) <= 1e9F))
      refuse(fmt::format("\"mean\"[{}] is too large", i));
  }
  return normaliser;
}

Normaliser foreign_normaliser(const Options& options, const host::WindowTable& table,
                              const host::Split& split) {
  Normaliser normaliser;
  normaliser.scale.fill(1.0F);
  if (options.norm == "none") return normaliser;
  if (options.norm != "zscore") return normaliser_from(options.norm, table.spec);
  std::vector<float> rows;
  for (const std::uint32_t i : split.train) {
    rows.insert(rows.end(), table.row(i).begin(), table.row(i).end());
  }
  if (fit_normaliser(table.spec, rows, normaliser) != Status::ok) {
    throw Error(ExitCode::too_little_data, "no training windows to take the z-score from");
  }
  return normaliser;
}

void print_epoch(const Trainer::Progress& progress) {
  if (progress.epoch == 1) host::say("epoch  training loss  validation loss\n");
  host::say(fmt::format("{:5}  {:13.6f}  {:15.6f}{}\n", progress.epoch,
                        static_cast<double>(progress.train_loss),
                        static_cast<double>(progress.validation_loss),
                        progress.best_epoch == progress.epoch ? "  best so far" : ""));
}

/// What train reports, as text and as JSON.
struct Outcome {
  host::WindowTable table;
  host::Hygiene hygiene;
  std::optional<host::DetectorChoice> choice;
  std::optional<host::NormalChange> change;
  std::optional<host::OddStretch> odd;
  host::LearnedBaseline baseline;
  double neighbours = 0.0;
  host::Split split;
  std::vector<UsedRecording> used;
  DetectorDescription description;
  std::vector<std::uint8_t> file;
  std::size_t bytes_without_metadata = 0;
  std::string shape;
};

std::string shape_text(const Int8Network& network) {
  std::string text = std::to_string(network.inputs());
  for (const auto& layer : network.layers()) {
    if (layer.kind == Int8Network::Layer::Kind::fully_connected) {
      text += fmt::format("-{}", layer.outputs);
    }
  }
  return text;
}

void report_hygiene(const Options& options, const host::Hygiene& hygiene) {
  if (hygiene.total() == 0) return;
  for (std::size_t why = 1; why < hygiene.windows.size(); ++why) {
    if (hygiene.windows[why] == 0) continue;
    fmt::print("left out   {} windows: {}\n", hygiene.windows[why],
               name_of(static_cast<LeftOut>(why)));
  }
  if (hygiene.windows[static_cast<std::size_t>(LeftOut::neighbour)] > 0) {
    fmt::print(
        "           The gyroscope hardly feels what shakes there: not this machine.\n"
        "           If it ran meanwhile, record that speed again without the neighbour.\n");
  }
  constexpr std::size_t kFew = 5;
  const std::size_t shown =
      options.verbose ? hygiene.stretches.size() : std::min(kFew, hygiene.stretches.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& stretch = hygiene.stretches[i];
    fmt::print("{}\n",
               host::wrapped(fmt::format("           {}: {:.0f} to {:.0f} s {}", stretch.recording,
                                         stretch.from_s, stretch.to_s, name_of(stretch.why)),
                             13));
  }
  if (shown < hygiene.stretches.size()) {
    fmt::print("           and {} more (--verbose; --keep-all learns from them)\n",
               hygiene.stretches.size() - shown);
  }
}

void report_baseline(const host::LearnedBaseline& learned) {
  if (learned.baseline.points == 0) return;
  if (!learned.baseline.knows_speed()) {
    fmt::print("speed      no clear line from 13 to 95 Hz: windows are compared at any speed\n");
    return;
  }
  std::string text;
  for (std::size_t i = 0; i < learned.baseline.points; ++i) {
    text += fmt::format("{}{:.1f} to {:.1f} Hz", i == 0 ? "" : ", ",
                        static_cast<double>(learned.baseline.point[i].low_hz),
                        static_cast<double>(learned.baseline.point[i].high_hz));
  }
  fmt::print("speed      {}\n", text);
}

/// A sensor's own noise, three axes together, is 0.007 g at 200 Hz, and twice that of a clone.
constexpr float kOnlyNoise_g = 0.009F;

/// All that the accelerometer feels of a window, three axes together.
float level_of(const host::WindowTable& table, std::size_t window) {
  if (table.spec.set == FeatureSet::vibration) return table.summaries[window].accelerometer_rms_g;
  float square = 0.0F;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::size_t at = axis * table.spec.per_axis() + (table.spec.with_mean ? 1 : 0);
    square += table.row(window)[at] * table.row(window)[at];
  }
  return std::sqrt(square);
}

void warn_if_off(const Options& options, const host::WindowTable& table) {
  if (table.speeds.points > 0) return;
  std::vector<float> levels;
  for (std::size_t i = 0; i < table.size(); ++i) levels.push_back(level_of(table, i));
  if (levels.empty()) return;
  std::ranges::nth_element(levels, levels.begin() + static_cast<std::ptrdiff_t>(levels.size() / 2));
  const float median = levels[levels.size() / 2];
  if (median > kOnlyNoise_g) return;
  host::say(
      fmt::format("WARNING: '{}' shakes by {:.4f} g, which is the sensor's own noise{}.\n"
                  "         Was the machine off? Then this model is of no use: record it while it\n"
                  "         runs, with the sensor fixed to it.\n",
                  options.normal, static_cast<double>(median),
                  table.spec.set == FeatureSet::vibration ? ", without speed" : ""));
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<long>(seconds);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

/// What a change is, in words.
std::string change_text(const FeatureSpec& spec, const host::NormalChange& change) {
  const std::string name = fmt::format("{}_{}", feature_source(spec, change.feature),
                                       feature_kind(spec, change.feature));
  if (change.speed_after_hz > 0.0) {
    return fmt::format(
        "it seems to run at {:.1f} Hz as well as at {:.1f} Hz, as a loose mount does",
        change.speed_after_hz, change.speed_before_hz);
  }
  const double difference = change.after - change.before;
  if (spec.set == FeatureSet::vibration && kVibrationFeatures[change.feature].slope > 0.0F) {
    return fmt::format("{} is {:.2g} times what it was", name, std::exp(difference));
  }
  const bool counts = spec.set == FeatureSet::tutorial && !feature_is_mean(spec, change.feature);
  if (counts && change.before > 0.0) {
    return fmt::format("{} is {:.2g} times what it was", name, change.after / change.before);
  }
  return fmt::format("{} has moved by {:.3g}", name, difference);
}

/// Half a fault in a normal set would make the fault normal. It is reported, never removed: only a person knows.
void warn_of_change(const Options& options, const FeatureSpec& spec,
                    const std::optional<host::NormalChange>& change) {
  if (!change) return;
  host::say(
      host::wrapped(
          fmt::format(
              "WARNING: '{}' falls into two groups: from {} of {} on{} {}{}. Is a fault "
              "in it, another speed, or was the sensor moved? All of it was learned "
              "as normal. If it is not, cut it out ('fettle label'; 'fettle inspect' "
              "shows drift) and train again.",
              options.normal, clock_text(change->at_s), change->recording,
              change->seconds > 0.0 ? fmt::format(", for {} min,", clock_text(change->seconds))
                                    : "",
              change_text(spec, *change),
              change->deviations > 0.0 ? fmt::format(" ({:.1f} deviations)", change->deviations)
                                       : ""),
          9) +
      "\n");
}

void warn_of_turned_sensor(const Outcome& outcome) {
  const Baseline& baseline = outcome.baseline.baseline;
  if (baseline.points == 0 || baseline.gravity != std::array<float, 3>{}) return;
  host::say(
      host::wrapped("WARNING: gravity is not the same in all recordings: the sensor was moved "
                    "between them, or they are of two machines. Both are learned as one, and "
                    "that the sensor is moved later will not be noticed.",
                    9) +
      "\n");
}

void warn_of_stretch(const Options& options, const std::optional<host::OddStretch>& odd) {
  if (!odd) return;
  host::say(host::wrapped(
                fmt::format("WARNING: '{}' is not all alike: {:.0f} s from {} of {} on differ from "
                            "the rest, {:.0f} times as much as usual. They were learned as normal, "
                            "and a fault has to exceed them. If they are none, cut them out "
                            "('fettle label') and train again.",
                            options.normal, odd->seconds, clock_text(odd->at_s), odd->recording,
                            odd->times),
                9) +
            "\n");
}

void report_decision(const DetectorDescription& description) {
  if (!description.decision) return;
  const DecisionRecord& decision = *description.decision;
  const bool refined = decision.settings.kind == DecisionKind::cusum;
  if (!refined) fmt::print("decision   by {}\n", name_of(decision.settings.kind));
  fmt::print("{}   false alarms {} asked, {} stated, from {:.2g} h of normal\n",
             refined ? "decision" : "        ",
             host::alarm_rate_text(static_cast<double>(decision.asked_per_hour)),
             host::alarm_rate_text(static_cast<double>(decision.stated_per_hour)),
             static_cast<double>(decision.normal_hours));
  if (decision.minutes_missing > 0.0F) {
    host::say(
        host::wrapped(
            fmt::format(
                "Note: so little running does not support {}. {} more of it does: record it{}.",
                host::alarm_rate_text(static_cast<double>(decision.asked_per_hour)),
                host::more_time_text(static_cast<double>(decision.minutes_missing)),
                refined ? ", or let the board learn it while it watches (burn-in)"
                        : "; a board refines '--decision cusum' only"),
            6) +
        "\n");
  }
}

void report(const Options& options, const Outcome& outcome) {
  const ThresholdRecord& threshold = outcome.description.threshold;
  const TrainingRecord& training = outcome.description.training;
  const bool by_hand = threshold.kind == ThresholdRecord::Kind::fixed;
  if (options.json) {
    nlohmann::json json;
    json["model"] = options.output;
    json["bytes"] = outcome.file.size();
    json["bytes_without_metadata"] = outcome.bytes_without_metadata;
    json["network"] = outcome.shape;
    json["windows"] = {{"train", outcome.split.train.size()},
                       {"best_epoch", outcome.split.best_epoch.size()},
                       {"threshold", outcome.split.threshold.size()},
                       {"evaluation", outcome.split.evaluation.size()}};
    json["training"] = {{"train_loss", training.train_loss},
                        {"validation_loss", training.validation_loss},
                        {"best_epoch", training.best_epoch},
                        {"epochs", training.epochs},
                        {"seed", training.seed}};
    json["threshold"] = {{"value", threshold.value},
                         {"kind", by_hand ? "fixed" : "percentile"},
                         {"percentile_asked", threshold.percentile_asked},
                         {"percentile_used", threshold.percentile_used},
                         {"windows", threshold.windows},
                         {"minutes_missing", threshold.minutes_missing}};
    json["detector"] =
        outcome.description.detector == DetectorKind::mahalanobis ? "mahalanobis" : "autoencoder";
    if (outcome.choice) {
      json["stands_out_times"] = {{"mahalanobis", outcome.choice->mahalanobis},
                                  {"autoencoder", outcome.choice->autoencoder}};
    }
    if (outcome.odd) {
      json["odd_stretch"] = {{"recording", outcome.odd->recording},
                             {"at_s", outcome.odd->at_s},
                             {"seconds", outcome.odd->seconds},
                             {"times", outcome.odd->times}};
    }
    if (outcome.change) {
      json["change"] = {
          {"recording", outcome.change->recording},
          {"at_s", outcome.change->at_s},
          {"feature",
           fmt::format("{}_{}", feature_source(outcome.table.spec, outcome.change->feature),
                       feature_kind(outcome.table.spec, outcome.change->feature))},
          {"seconds", outcome.change->seconds},
          {"before", outcome.change->before},
          {"after", outcome.change->after},
          {"deviations", outcome.change->deviations},
          {"speed_before_hz", outcome.change->speed_before_hz},
          {"speed_after_hz", outcome.change->speed_after_hz}};
    }
    add_left_out(json["left_out"], outcome.hygiene.windows);
    json["neighbour_weight"] = outcome.neighbours;
    if (const auto& decision = outcome.description.decision) {
      json["decision"] = {{"kind", name_of(decision->settings.kind)},
                          {"asked_per_hour", decision->asked_per_hour},
                          {"stated_per_hour", decision->stated_per_hour},
                          {"supported_per_hour", decision->supported_per_hour},
                          {"normal_hours", decision->normal_hours},
                          {"minutes_missing", decision->minutes_missing},
                          {"reference", decision->settings.reference},
                          {"limit", decision->settings.limit}};
    }
    fmt::print("{}\n", text_of(json));
    return;
  }
  if (outcome.split.threshold.empty()) {
    fmt::print("windows    {} learned from, {} left to evaluate\n", outcome.split.train.size(),
               outcome.split.evaluation.size());
  } else {
    fmt::print("windows    {} train, {} best epoch, {} threshold, {} left to evaluate\n",
               outcome.split.train.size(), outcome.split.best_epoch.size(),
               outcome.split.threshold.size(), outcome.split.evaluation.size());
  }
  report_hygiene(options, outcome.hygiene);
  report_baseline(outcome.baseline);
  if (outcome.neighbours > 0.0) {
    fmt::print(
        "neighbour  one nearby with {:g} of this machine's vibration could alarm: what it\n"
        "           would change counts less, in faults too (weight {:g} of {:g} at most)\n",
        kNeighbourLevel, outcome.neighbours, host::kMostNeighbours);
  }
  if (outcome.table.gaps > 0) {
    fmt::print("gaps       {} in time; no window crosses one\n", outcome.table.gaps);
  }
  if (outcome.choice) {
    const host::DetectorChoice& choice = *outcome.choice;
    const bool distance = choice.detector == DetectorKind::mahalanobis;
    const auto from = [](double times) {
      return times < host::DetectorChoice::kMost ? fmt::format("{:.1f} times", times)
                                                 : "400 times or more";
    };
    fmt::print(
        "detector   {}: a made-up change of one feature stands out\n"
        "           from {} on (median), by the {} from {}\n",
        distance ? "Mahalanobis distance" : "autoencoder",
        from(std::min(choice.mahalanobis, choice.autoencoder)),
        distance ? "autoencoder" : "distance",
        from(std::max(choice.mahalanobis, choice.autoencoder)));
  }
  if (!training.foreign && training.best_epoch > 0) {
    fmt::print("training   loss {:.4f}, validation {:.4f} at epoch {} of {} (seed {})\n",
               static_cast<double>(training.train_loss),
               static_cast<double>(training.validation_loss), training.best_epoch, training.epochs,
               training.seed);
  }
  if (by_hand) {
    fmt::print("threshold  {:.6g}, given\n", static_cast<double>(threshold.value));
  } else {
    // Cross-fitting leaves each window out in turn; otherwise a later part is held out.
    const bool in_turn = threshold.windows != outcome.split.threshold.size();
    fmt::print("threshold  {:.5g}, {:.4g}th percentile of {} {}normal windows{}\n",
               static_cast<double>(threshold.value), static_cast<double>(threshold.percentile_used),
               threshold.windows, in_turn ? "" : "later ", in_turn ? ", each left out" : "");
    if (threshold.minutes_missing > 0.0F) {
      host::say(fmt::format(
          "Note: {} windows do not support the {:.4g}th percentile; the {:.4g}th is used.\n"
          "      Record {:.1f} more minutes of normal running for what was asked.\n",
          threshold.windows, static_cast<double>(threshold.percentile_asked),
          static_cast<double>(threshold.percentile_used),
          static_cast<double>(threshold.minutes_missing)));
    }
  }
  report_decision(outcome.description);
  fmt::print("model      {}: {} int8\n           {} bytes, {} without metadata\n", options.output,
             outcome.shape, outcome.file.size(), outcome.bytes_without_metadata);
}

void train_own(const Options& options, Outcome& outcome) {
  host::TrainedDetector trained = host::train_detector(
      outcome.table, outcome.split, options.learning, options.choose_detector, options.normal,
      kVersion, options.verbose ? host::EpochListener(print_epoch) : host::EpochListener());
  const auto network = host::ModelFile::from_bytes(trained.file, options.output, true);
  outcome.shape = shape_text(network->network());
  outcome.split = std::move(trained.split);
  outcome.choice = trained.choice;
  outcome.odd = trained.odd;
  outcome.baseline = std::move(trained.baseline);
  outcome.neighbours = trained.neighbours;
  outcome.used = std::move(trained.used);
  outcome.description = trained.description;
  outcome.bytes_without_metadata = trained.bytes_without_metadata;
  outcome.file = std::move(trained.file);
}

/// A network whose score is its output's distance from nothing reconstructs nothing.
void refuse_distance(const std::string& file) {
  std::unique_ptr<host::ModelFile> detector;
  try {
    detector = host::ModelFile::open_detector(file);
  } catch (const Error&) {
    return;  // a plain network, or what open_network() says more of
  }
  if (detector->detector().score == ScoreKind::reconstruction_mse) return;
  throw Error(
      ExitCode::bad_input,
      fmt::format(
          "{}: a detector by Mahalanobis distance, expected an autoencoder. It needs no packing: "
          "'fettle rebase' fits it to a remount, 'fettle train' to other data.",
          file));
}

void pack_foreign(const Options& options, Outcome& outcome) {
  refuse_distance(options.from);
  const auto foreign = host::ModelFile::open_network(options.from);
  const Int8Network& network = foreign->network();
  const std::size_t dimensions = outcome.table.spec.dimensions();
  if (network.inputs() != dimensions || network.outputs() != dimensions) {
    throw Error(
        ExitCode::bad_input,
        fmt::format("{}: {} inputs and {} outputs, expected {} of both for {} features of "
                    "{} axes{}. Train it on these features, or choose others (--no-mean).",
                    options.from, network.inputs(), network.outputs(), dimensions,
                    outcome.table.spec.set == FeatureSet::vibration ? "vibration" : "tutorial",
                    outcome.table.spec.axes,
                    outcome.table.spec.set == FeatureSet::vibration || outcome.table.spec.with_mean
                        ? ""
                        : " without mean"));
  }
  DetectorDescription& description = outcome.description;
  description.features = outcome.table.spec;
  description.window = outcome.table.window;
  outcome.used = host::used_recordings(outcome.table, outcome.split);
  TrainingRecord& training = description.training;
  training.used = outcome.used;
  training.data_hash = host::data_hash(options.normal, outcome.used);
  training.version = kVersion;
  training.normal_label = options.normal;
  training.windows_train = static_cast<std::uint32_t>(outcome.split.train.size());
  training.windows_best_epoch = static_cast<std::uint32_t>(outcome.split.best_epoch.size());
  training.windows_threshold = static_cast<std::uint32_t>(outcome.split.threshold.size());
  training.foreign = true;
  description.normaliser = foreign_normaliser(options, outcome.table, outcome.split);
  description.normalisation = options.norm == "zscore" ? NormalisationSource::zscore
                              : options.norm == "none" ? NormalisationSource::none
                                                       : NormalisationSource::given;
  outcome.bytes_without_metadata = foreign->bytes().size();
  outcome.shape = shape_text(network);
  if (options.learning.threshold) {
    description.threshold.kind = ThresholdRecord::Kind::fixed;
    description.threshold.value = *options.learning.threshold;
  } else {
    description.threshold = host::choose_threshold(
        host::int8_scores(description.score, network, description.normaliser, outcome.table,
                          outcome.split.threshold),
        options.learning.percentile, outcome.table.window, host::kThresholdShare);
  }
  outcome.file = host::detector_file(*foreign, description);
}

/// What was not said follows from what was.
void complete(Options& options) {
  // Networks of others take the tutorial's features, and only these have means to leave out.
  if (!options.features_asked && (!options.from.empty() || options.no_mean)) {
    options.features = FeatureSet::tutorial;
  }
  const bool vibration = options.features == FeatureSet::vibration;
  const bool by_window =
      options.percentile_asked || options.learning.threshold.has_value() || !options.from.empty();
  if (!options.false_alarms.empty()) {
    if (options.learning.threshold || !options.from.empty()) {
      throw Error(ExitCode::usage,
                  "--false-alarms decides over many windows: it goes neither with --threshold, "
                  "which judges each by itself, nor with --from");
    }
    options.learning.alarms_per_hour = host::parse_alarm_rate(options.false_alarms);
  } else if (vibration && !by_window) {
    options.learning.alarms_per_hour = host::parse_alarm_rate("1/week");
  }
  if (options.decision_asked && !options.learning.alarms_per_hour) {
    throw Error(
        ExitCode::usage,
        "--decision says how evidence of windows is gathered, and here each window is judged by "
        "itself: give --false-alarms RATE with it");
  }
  options.choose_detector = options.detector == "auto";
  const bool distance =
      options.detector == "mahalanobis" || (options.detector.empty() && vibration);
  options.learning.detector = distance ? DetectorKind::mahalanobis : DetectorKind::autoencoder;
}

/// Vibration features stand on the running speed, which has to lie in what a window shows.
void warn_of_speeds(const Options& options, const WindowShape& window) {
  constexpr float kSlow_hz = 25.0F;  // most motors turn faster
  constexpr float kQuick_hz = 50.0F;
  if (options.features != FeatureSet::vibration) return;
  const float bin_hz = window.rate_hz / static_cast<float>(window.samples);
  const float slowest_hz = std::max(SpeedBand{}.low_hz, static_cast<float>(kLowestBin) * bin_hz);
  const float fastest_hz = std::min(SpeedBand{}.high_hz, 0.5F * window.rate_hz);
  if (slowest_hz <= kSlow_hz && fastest_hz >= kQuick_hz) return;
  const std::string seen =
      slowest_hz + 1.0F < fastest_hz
          ? fmt::format("running speeds from {:.0f} to {:.0f} Hz only", slowest_hz, fastest_hz)
          : "no running speed";
  const bool longer = window.samples < 256 && slowest_hz > kSlow_hz &&
                      static_cast<float>(kLowestBin) * window.rate_hz / 256.0F <= kSlow_hz;
  host::say(host::wrapped(
                fmt::format("Note: at {:g} Hz windows of {} samples show {}; a machine "
                            "that turns at another is judged without it, or by a "
                            "multiple of it. Record at 200 Hz, or at up to 1000 Hz for bearings{}.",
                            window.rate_hz, window.samples, seen,
                            longer ? ", or take longer windows (--window 256)" : ""),
                6) +
            "\n");
}

/// What was asked for and has nothing to act on.
void note_of_idle_options(const Options& options) {
  const bool trains =
      options.from.empty() &&
      (options.choose_detector || options.learning.detector == DetectorKind::autoencoder);
  if (trains || options.of_network.empty()) return;
  host::say(
      host::wrapped(
          fmt::format(
              "Note: {} had no effect: {}", fmt::join(options.of_network, ", "),
              options.from.empty()
                  ? "Mahalanobis distance is not trained in epochs; '--detector autoencoder' is."
                  : "with --from the network stays as it is."),
          6) +
      "\n");
}

void run(const Options& options) {
  const std::filesystem::path index = std::filesystem::path(options.data) / "dataset.json";
  const std::array<std::filesystem::path, 3> inputs = {index, options.from, options.norm};
  host::platform::check_output(options.output, inputs);
  const auto data = host::DataSet::open(options.data);
  Outcome outcome;
  outcome.table = host::learn_windows(
      [&](std::span<const SpeedRange> expected) { return normal_windows(options, data, expected); },
      outcome.hygiene, options.keep_all);
  warn_if_off(options, outcome.table);
  outcome.split = host::split_by_time(outcome.table);
  refuse_too_few(options, outcome.table, outcome.split, outcome.hygiene);
  if (options.from.empty()) {
    train_own(options, outcome);
  } else {
    pack_foreign(options, outcome);
  }
  // The door that every reader goes through, before anyone else meets the file.
  (void)host::ModelFile::from_bytes(outcome.file, options.output, true);
  outcome.change = host::find_change(host::centred(outcome.table, outcome.baseline.baseline));
  host::platform::write_file_atomically(
      options.output, {reinterpret_cast<const char*>(outcome.file.data()), outcome.file.size()});
  report(options, outcome);
  note_of_idle_options(options);
  warn_of_speeds(options, outcome.table.window);
  warn_of_change(options, outcome.table.spec, outcome.change);
  warn_of_stretch(options, outcome.odd);
  warn_of_turned_sensor(outcome);
}

}  // namespace

void add_train(CLI::App& program) {
  auto* command = program.add_subcommand("train", kHelp);
  command->footer(kFooter);
  auto options = std::make_shared<Options>();
  command->add_option("data", options->data, "Data set to learn from")->required();
  command->add_option("-o,--output", options->output, "Model file to write")
      ->required()
      ->check(not_empty("a file"));
  command->add_option("--normal", options->normal, "Label of normal running")
      ->check(not_empty("a label"))
      ->capture_default_str();
  auto* features = command->add_option(
      "--features", options->features,
      "Features: 'vibration' (levels, bands, multiples of the running speed; blind to how it is "
      "mounted) or 'tutorial' (mean, std, peak-to-peak of each axis; the default with --from and "
      "--no-mean)");
  features
      ->transform(choice<FeatureSet>(
          {{"vibration", FeatureSet::vibration}, {"tutorial", FeatureSet::tutorial}}))
      ->option_text("NAME [vibration]");
  command->add_option("--window", options->window, "Samples in a window: 64, 128 or 256")
      ->check(one_of({"64", "128", "256"}))
      ->option_text("N [128; 256 for vibration above 250 Hz]");
  command->add_flag("--no-mean", options->no_mean,
                    "Leave out the mean of each axis, which is gravity: how the sensor is mounted");
  command->add_flag("--keep-all", options->keep_all,
                    "Learn also from start-ups, stops, knocks and neighbours in normal recordings");
  command
      ->add_option("--detector", options->detector,
                   "'mahalanobis' (distance from normal; the default with vibration features), "
                   "'autoencoder' (the default with tutorial features) or 'auto', the one that "
                   "sees smaller changes, made up in held-out normal windows")
      ->check(one_of({"mahalanobis", "autoencoder", "auto"}))
      ->option_text("NAME");
  command->add_option("--hidden", options->learning.hidden, "Units of the hidden layers")
      ->delimiter(',')
      ->transform(whole_number(1, kMaxUnits))
      ->option_text("N,N,... [12,8,12]");
  auto& training = options->learning.training;
  command->add_option("--epochs", training.epochs, "Passes over the training windows")
      ->transform(whole_number(1, 100'000))
      ->option_text("N [50]");
  command->add_option("--batch", training.batch, "Windows in one step of the optimiser")
      ->transform(whole_number(1, 65'536))
      ->option_text("N [32]");
  command->add_option("--seed", training.seed, "Start of all random choices")
      ->transform(whole_number(0, UINT64_MAX))
      ->option_text("N [1]");
  command->add_option("--learning-rate", training.learning_rate, "Step size of Adam")
      ->check(number(1e-7, 1.0))
      ->option_text("X [0.001]");
  auto* percentile =
      command
          ->add_option("--percentile", options->learning.percentile,
                       "Threshold: this percentile of scores of later normal windows; each window "
                       "is judged by itself (the default with tutorial features)")
          ->check(number(50.0, 99.9999))
          ->option_text("P [99]");
  command
      ->add_option("--false-alarms", options->false_alarms,
                   "False alarms that you accept, such as 1/week or 2/day; evidence of windows is "
                   "gathered until it suffices (the default with vibration features)")
      ->excludes(percentile)
      ->check(not_empty("a rate such as 1/week"))
      ->option_text("RATE [1/week]");
  command
      ->add_option(
          "--decision", options->learning.decision,
          "How evidence is gathered for --false-alarms: 'cusum' (finds small changes soonest, "
          "and a board goes on refining it), or 'ewma', 'k-of-n' (3 of 5 windows) or 'glr' "
          "(which a single knock may alarm), which stay as they were trained")
      ->excludes(percentile)
      ->transform(choice<DecisionKind>({{"cusum", DecisionKind::cusum},
                                        {"ewma", DecisionKind::ewma},
                                        {"glr", DecisionKind::glr},
                                        {"k-of-n", DecisionKind::k_of_n}}))
      ->option_text("KIND [cusum]");
  command->add_option("--threshold", options->learning.threshold, "Threshold given by hand")
      ->excludes(percentile)
      ->check(number_above_zero())
      ->option_text("X");
  command
      ->add_option("--weights", options->learning.weights,
                   "int8 weight scales: one an output, or one a layer")
      ->transform(choice<WeightScales>(
          {{"per-channel", WeightScales::per_channel}, {"per-tensor", WeightScales::per_tensor}}))
      ->option_text("KIND [per-channel]");
  auto* from = command
                   ->add_option("--from", options->from,
                                "Keep the network of this int8 .tflite (Keras and the TFLite "
                                "converter); calibrate and pack it")
                   ->check(not_empty("a file"));
  command
      ->add_option("--norm", options->norm,
                   "With --from: normalisation before it, 'zscore' (from the data), 'none', or a "
                   "JSON file")
      ->needs(from)
      ->check(not_empty("zscore, none or a file"))
      ->option_text("FILE|zscore|none");
  command->add_flag("--verbose", options->verbose, "A line for each epoch");
  command->add_flag("--json", options->json, "Report as JSON on standard output");
  command->callback([command, options, percentile, features] {
    options->percentile_asked = percentile->count() > 0;
    for (const char* name : {"--hidden", "--epochs", "--batch", "--learning-rate"}) {
      if (command->count(name) > 0) options->of_network.emplace_back(name);
    }
    options->decision_asked = command->count("--decision") > 0;
    options->features_asked = features->count() > 0;
    complete(*options);
    run(*options);
  });
}

}  // namespace fettle::cli
