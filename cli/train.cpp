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

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "core/learn/statistics.hpp"
#include "host/error.hpp"
#include "host/learning.hpp"
#include "host/platform/files.hpp"
#include "host/text.hpp"
#include "version.hpp"

namespace fettle::cli {
namespace {

using host::Error;
using host::ExitCode;

struct Options {
  std::string data, output, normal = "normal", from, norm = "zscore";
  FeatureSet features = FeatureSet::tutorial;
  bool no_mean = false;
  bool verbose = false;
  bool json = false;
  std::uint32_t window = 128;
  std::optional<float> threshold;
  host::LearningSettings learning;
};

constexpr const char* kHelp =
    "Train a detector on normal running: one .tflite\n"
    "\n"
    "Each source (a recording session) is split by itself in time: 55 % training,\n"
    "10 % best epoch, 20 % threshold, 15 % left for 'fettle evaluate'. Only normal\n"
    "data are used; faults are never needed.";

constexpr const char* kFooter =
    "Examples:\n"
    "  fettle train data -o model.tflite\n"
    "  fettle train data -o model.tflite --no-mean      # blind to how it is mounted\n"
    "  fettle train data -o model.tflite --percentile 99.5 --seed 7 --verbose\n"
    "  fettle train data -o model.tflite --from keras.tflite --norm norm.json\n"
    "\n"
    "norm.json holds {\"mean\": [...], \"std\": [...]}, one number a feature, in the\n"
    "order of 'fettle info': mean, std, p2p of ax, then of ay, and so on.";

host::WindowTable normal_windows(const Options& options, const host::DataSet& data) {
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
  const WindowShape window{options.window, static_cast<float>(data.rate_hz())};
  return host::read_windows(data, spec, window,
                            [&](const std::string& label) { return label == options.normal; });
}

void refuse_too_few(const Options& options, const host::WindowTable& table,
                    const host::Split& split) {
  const bool percentile = !options.threshold.has_value();
  const bool enough = split.train.size() >= kFewestThresholdWindows &&
                      (!percentile || split.threshold.size() >= kFewestThresholdWindows);
  if (enough) return;
  // Five times as many windows as the threshold's 20 % must hold, and some to spare for rounding.
  const double minutes = 105.0 * table.window.seconds() / 60.0;
  throw Error(
      ExitCode::too_little_data,
      fmt::format(
          "{}: '{}' has {} whole windows of {} samples ({:.1f} min); training would get {} "
          "and the threshold {} of them, expected at least {} each. Record at least {:.1f} "
          "min without gaps, better ten ('fettle inspect {}' shows where windows are lost).",
          options.data, options.normal, table.size(), table.window.samples,
          static_cast<double>(table.size()) * table.window.seconds() / 60.0, split.train.size(),
          split.threshold.size(), kFewestThresholdWindows, minutes, options.data));
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
  host::Split split;
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
    fmt::print("{}\n", text_of(json));
    return;
  }
  fmt::print("windows    {} train, {} best epoch, {} threshold, {} left to evaluate\n",
             outcome.split.train.size(), outcome.split.best_epoch.size(),
             outcome.split.threshold.size(), outcome.split.evaluation.size());
  if (outcome.table.gaps > 0) {
    fmt::print("gaps       {} in time; no window crosses one\n", outcome.table.gaps);
  }
  if (!training.foreign) {
    fmt::print("training   loss {:.4f}, validation {:.4f} at epoch {} of {} (seed {})\n",
               static_cast<double>(training.train_loss),
               static_cast<double>(training.validation_loss), training.best_epoch, training.epochs,
               training.seed);
  }
  if (by_hand) {
    fmt::print("threshold  {:.6g}, given\n", static_cast<double>(threshold.value));
  } else {
    fmt::print("threshold  {:.6g}, the {:.4g}th percentile of {} later normal windows\n",
               static_cast<double>(threshold.value), static_cast<double>(threshold.percentile_used),
               threshold.windows);
    if (threshold.minutes_missing > 0.0F) {
      host::say(fmt::format(
          "Note: {} windows do not support the {:.4g}th percentile; the {:.4g}th is used.\n"
          "      Record {:.1f} more minutes of normal running for what was asked.\n",
          threshold.windows, static_cast<double>(threshold.percentile_asked),
          static_cast<double>(threshold.percentile_used),
          static_cast<double>(threshold.minutes_missing)));
    }
  }
  fmt::print("model      {}: {} int8\n           {} bytes, {} without metadata\n", options.output,
             outcome.shape, outcome.file.size(), outcome.bytes_without_metadata);
}

void describe_common(const Options& options, Outcome& outcome) {
  DetectorDescription& description = outcome.description;
  description.detector = options.learning.detector;
  description.features = outcome.table.spec;
  description.window = outcome.table.window;
  TrainingRecord& training = description.training;
  training.version = kVersion;
  training.normal_label = options.normal;
  training.windows_train = static_cast<std::uint32_t>(outcome.split.train.size());
  training.windows_best_epoch = static_cast<std::uint32_t>(outcome.split.best_epoch.size());
  training.windows_threshold = static_cast<std::uint32_t>(outcome.split.threshold.size());
}

void set_threshold(const Options& options, const Int8Network& network, Outcome& outcome) {
  ThresholdRecord& threshold = outcome.description.threshold;
  if (options.threshold.has_value()) {
    threshold.kind = ThresholdRecord::Kind::fixed;
    threshold.value = *options.threshold;
    return;
  }
  threshold = host::choose_threshold(host::int8_scores(network, outcome.description.normaliser,
                                                       outcome.table, outcome.split.threshold),
                                     options.learning.percentile, outcome.table.window);
}

void train_own(const Options& options, Outcome& outcome) {
  const auto learned =
      host::learn(outcome.table, outcome.split.train, outcome.split.best_epoch, options.learning,
                  options.verbose ? host::EpochListener(print_epoch) : host::EpochListener());
  DetectorDescription& description = outcome.description;
  description.normaliser = learned.normaliser;
  TrainingRecord& training = description.training;
  training.seed = options.learning.training.seed;
  training.epochs = options.learning.training.epochs;
  training.batch = options.learning.training.batch;
  training.learning_rate = options.learning.training.learning_rate;
  training.best_epoch = learned.progress.best_epoch;
  training.hidden = options.learning.hidden;
  training.weights = options.learning.weights;
  training.train_loss = learned.final_train_loss;
  training.validation_loss = learned.progress.best_validation_loss;

  auto plain = host::plain_file(learned.quantised);
  outcome.bytes_without_metadata = plain.size();
  const auto network = host::ModelFile::from_bytes(std::move(plain), "the new network", false);
  outcome.shape = shape_text(network->network());
  set_threshold(options, network->network(), outcome);
  outcome.file = host::detector_file(learned.quantised, description);
}

void pack_foreign(const Options& options, Outcome& outcome) {
  const auto foreign = host::ModelFile::open_network(options.from);
  const Int8Network& network = foreign->network();
  const std::size_t dimensions = outcome.table.spec.dimensions();
  if (network.inputs() != dimensions || network.outputs() != dimensions) {
    throw Error(
        ExitCode::bad_input,
        fmt::format("{}: {} inputs and {} outputs, expected {} of both for {} features of "
                    "{} axes{}. Train it on these features, or choose others (--no-mean).",
                    options.from, network.inputs(), network.outputs(), dimensions, "tutorial",
                    outcome.table.spec.axes, outcome.table.spec.with_mean ? "" : " without mean"));
  }
  DetectorDescription& description = outcome.description;
  description.normaliser = foreign_normaliser(options, outcome.table, outcome.split);
  description.normalisation = options.norm == "zscore" ? NormalisationSource::zscore
                              : options.norm == "none" ? NormalisationSource::none
                                                       : NormalisationSource::given;
  description.training.foreign = true;
  outcome.bytes_without_metadata = foreign->bytes().size();
  outcome.shape = shape_text(network);
  set_threshold(options, network, outcome);
  outcome.file = host::detector_file(*foreign, description);
}

void run(const Options& options) {
  // Range checks let a NaN pass.
  if (!std::isfinite(options.learning.percentile) ||
      (options.threshold && !std::isfinite(*options.threshold))) {
    throw Error(ExitCode::usage, "--percentile and --threshold want a finite number");
  }
  const std::filesystem::path index = std::filesystem::path(options.data) / "dataset.json";
  const std::array<std::filesystem::path, 3> inputs = {index, options.from, options.norm};
  host::platform::check_output(options.output, inputs);
  const auto data = host::DataSet::open(options.data);
  Outcome outcome;
  outcome.table = normal_windows(options, data);
  outcome.split = host::split_by_time(outcome.table);
  refuse_too_few(options, outcome.table, outcome.split);
  describe_common(options, outcome);
  const auto used = host::used_recordings(outcome.table, outcome.split);
  outcome.description.training.used = used;
  outcome.description.training.data_hash = host::data_hash(options.normal, used);
  if (options.from.empty()) {
    train_own(options, outcome);
  } else {
    pack_foreign(options, outcome);
  }
  // The door that every reader goes through, before anyone else meets the file.
  (void)host::ModelFile::from_bytes(outcome.file, options.output, true);
  host::platform::write_file_atomically(
      options.output, {reinterpret_cast<const char*>(outcome.file.data()), outcome.file.size()});
  report(options, outcome);
}

}  // namespace

void add_train(CLI::App& program) {
  auto* command = program.add_subcommand("train", kHelp);
  command->footer(kFooter);
  auto options = std::make_shared<Options>();
  command->add_option("data", options->data, "Data set to learn from")->required();
  command->add_option("-o,--output", options->output, "Model file to write")->required();
  command->add_option("--normal", options->normal, "Label of normal running")
      ->capture_default_str();
  command
      ->add_option("--features", options->features,
                   "Features: 'tutorial' (mean, std, peak-to-peak of each axis) or 'vibration' "
                   "(levels, bands, multiples of the running speed; blind to how it is mounted)")
      ->transform(CLI::CheckedTransformer(std::map<std::string, FeatureSet>{
          {"tutorial", FeatureSet::tutorial}, {"vibration", FeatureSet::vibration}}))
      ->option_text("NAME [tutorial]");
  command->add_flag("--no-mean", options->no_mean,
                    "Leave out the mean of each axis, which is gravity: how the sensor is mounted");
  command->add_option("--detector", options->learning.detector, "Detector: 'autoencoder'")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, DetectorKind>{{"autoencoder", DetectorKind::autoencoder}}))
      ->option_text("NAME [autoencoder]");
  command->add_option("--hidden", options->learning.hidden, "Units of the hidden layers")
      ->delimiter(',')
      ->check(CLI::Range(1, static_cast<int>(kMaxUnits)))
      ->option_text("N,N,... [12,8,12]");
  auto& training = options->learning.training;
  command->add_option("--epochs", training.epochs, "Passes over the training windows")
      ->check(CLI::Range(1, 100000))
      ->option_text("N [50]");
  command->add_option("--batch", training.batch, "Windows in one step of the optimiser")
      ->check(CLI::Range(1, 65536))
      ->option_text("N [32]");
  command->add_option("--seed", training.seed, "Start of all random choices")
      ->check(CLI::Validator(
          [](const std::string& text) {
            const bool digits = !text.empty() && text.size() <= 19 &&
                                text.find_first_not_of("0123456789") == std::string::npos;
            return digits ? std::string() : "expected a whole number of at most 19 digits";
          },
          ""))
      ->option_text("N [1]");
  command->add_option("--learning-rate", training.learning_rate, "Step size of Adam")
      ->check(CLI::Range(1e-7, 1.0))
      ->option_text("X [0.001]");
  auto* percentile =
      command
          ->add_option("--percentile", options->learning.percentile,
                       "Threshold: this percentile of scores of later normal windows")
          ->check(CLI::Range(50.0, 99.9999))
          ->option_text("P [99]");
  command->add_option("--threshold", options->threshold, "Threshold given by hand")
      ->excludes(percentile)
      ->check(CLI::Range(0.0F, 1e30F))
      ->option_text("X");
  command
      ->add_option("--weights", options->learning.weights,
                   "int8 weight scales: one an output, or one a layer")
      ->transform(CLI::CheckedTransformer(std::map<std::string, WeightScales>{
          {"per-channel", WeightScales::per_channel}, {"per-tensor", WeightScales::per_tensor}}))
      ->option_text("KIND [per-channel]");
  auto* from = command->add_option("--from", options->from,
                                   "Keep the network of this int8 .tflite (Keras and the TFLite "
                                   "converter); calibrate and pack it");
  command
      ->add_option("--norm", options->norm,
                   "With --from: normalisation before it, 'zscore' (from the data), 'none', or a "
                   "JSON file")
      ->needs(from)
      ->option_text("FILE|zscore|none");
  command->add_flag("--verbose", options->verbose, "A line for each epoch");
  command->add_flag("--json", options->json, "Report as JSON on standard output");
  command->callback([options] { run(*options); });
}

}  // namespace fettle::cli
