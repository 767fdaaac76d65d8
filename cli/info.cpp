// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "detector_generated.h"
#include "host/alarm_rate.hpp"
#include "host/model_file.hpp"
#include "host/text.hpp"

namespace fettle::cli {
namespace {

struct Options {
  std::string model;
  bool json = false;
};

constexpr const char* kHelp = "Show what a model is and where it comes from";

std::string layer_text(const Int8Network::Layer& layer) {
  using Layer = Int8Network::Layer;
  constexpr std::array<const char*, 3> activations = {"", " relu", " relu6"};
  const char* activation = activations[static_cast<std::size_t>(layer.activation)];
  if (layer.kind != Layer::Kind::fully_connected) return activation + 1;
  return fmt::format("{}-{}{}, {}", layer.inputs, layer.outputs, activation,
                     layer.per_channel ? "per channel" : "per tensor");
}

const char* detector_name(DetectorKind kind) {
  switch (kind) {
    case DetectorKind::autoencoder: return "autoencoder";
    case DetectorKind::mahalanobis: return "Mahalanobis distance";
  }
  return "?";
}

const char* feature_set_name(FeatureSet set) {
  switch (set) {
    case FeatureSet::tutorial: return "tutorial";
    case FeatureSet::vibration: return "vibration";
  }
  return "?";
}

std::string feature_name(const FeatureSpec& spec, std::size_t i) {
  return fmt::format("{}_{}", feature_source(spec, i), feature_kind(spec, i));
}

/// Behind a number; logarithms and shares have none.
const char* feature_unit(const FeatureSpec& spec, std::size_t i) {
  if (spec.set == FeatureSet::vibration) return "";
  return feature_axis(spec, i) < 3 ? "  g" : "  deg/s";
}

void print_network(const host::ModelFile& file) {
  const Int8Network& network = file.network();
  fmt::print("file        {} bytes, {} multiplications an inference\n", file.bytes().size(),
             network.multiplications());
  fmt::print("network     {} inputs ({}), {} outputs ({})\n", network.inputs(),
             network.float_input() ? "float32" : "int8", network.outputs(),
             network.float_output() ? "float32" : "int8");
  for (const auto& layer : network.layers()) fmt::print("            {}\n", layer_text(layer));
}

/// How evidence of windows is gathered.
std::string gathering_text(const DecisionSettings& s) {
  const auto reference = static_cast<double>(s.reference);
  const auto limit = static_cast<double>(s.limit);
  switch (s.kind) {
    case DecisionKind::threshold: break;
    case DecisionKind::cusum:
      return fmt::format("evidence above {:.2f} deviations gathers, alarm at {:.3g}", reference,
                         limit);
    case DecisionKind::ewma:
      return fmt::format("ewma: the mean of late evidence, alarm at {:.3g} deviations", limit);
    case DecisionKind::glr:
      return fmt::format("glr of {} windows: evidence above {:.2f} deviations, alarm at {:.3g}",
                         s.n, reference, limit);
    case DecisionKind::k_of_n:
      return fmt::format("k-of-n: alarm where {} of {} windows exceed {:.3g} deviations", s.k, s.n,
                         limit);
  }
  return fmt::format("each window by itself, alarm at {:.3g} deviations", limit);
}

void print_decision(const DetectorModel& model, const metadata::DetectorRecord& record) {
  const auto* decision = record.decision();
  if (decision == nullptr) return;
  const auto text = [](float per_hour) {
    return host::alarm_rate_text(static_cast<double>(per_hour));
  };
  fmt::print("decision    over windows: false alarms {} asked, {} stated\n",
             text(decision->asked_per_hour()), text(decision->stated_per_hour()));
  fmt::print("            {}\n", gathering_text(*model.decision));
  if (decision->minutes_missing() > 0.0F) {
    fmt::print("            {} of normal running more are needed for what was asked\n",
               host::more_time_text(static_cast<double>(decision->minutes_missing())));
  }
}

void print_baseline(const DetectorModel& model, const metadata::DetectorRecord& record) {
  const Baseline& baseline = model.baseline;
  if (baseline.points == 0) return;
  for (std::size_t i = 0; i < baseline.points; ++i) {
    const std::uint32_t windows =
        record.baseline()->points()->Get(static_cast<std::uint32_t>(i))->windows();
    if (!baseline.knows_speed()) {
      fmt::print("baseline    at any speed, {} windows\n", windows);
    } else {
      fmt::print("{}    {:.1f} to {:.1f} Hz, {} windows\n", i == 0 ? "baseline" : "        ",
                 static_cast<double>(baseline.point[i].low_hz),
                 static_cast<double>(baseline.point[i].high_hz), windows);
    }
  }
  fmt::print(
      "            off below {:.3g} g; gravity {}\n", static_cast<double>(baseline.off_g),
      baseline.gravity == std::array<float, 3>{}
          ? "not the same in all recordings: a moved sensor is not noticed"
          : fmt::format("along {:.2f}, {:.2f}, {:.2f}", static_cast<double>(baseline.gravity[0]),
                        static_cast<double>(baseline.gravity[1]),
                        static_cast<double>(baseline.gravity[2])));
}

void print_detector(const host::ModelFile& file) {
  const DetectorModel& model = file.detector();
  const auto& record = file.record();
  const auto& threshold = *record.threshold();
  const auto& training = *record.training();
  fmt::print("detector    {}, features '{}'{}, {} axes\n", detector_name(model.detector),
             feature_set_name(model.features.set), model.features.with_mean ? "" : " without mean",
             model.features.axes);
  fmt::print("window      {} samples at {:.6g} Hz ({:.3f} s)\n", model.window.samples,
             static_cast<double>(model.window.rate_hz), model.window.seconds());
  if (record.rebase() != nullptr) {
    fmt::print("threshold   {:.6g}, as rebased\n", static_cast<double>(threshold.value()));
  } else if (threshold.kind() == metadata::ThresholdKind::fixed) {
    fmt::print("threshold   {:.6g}, given by hand\n", static_cast<double>(threshold.value()));
  } else {
    fmt::print("threshold   {:.6g}, {:.4g}th percentile of {} held-out normal windows\n",
               static_cast<double>(threshold.value()),
               static_cast<double>(threshold.percentile_used()), threshold.windows());
    if (threshold.minutes_missing() > 0.0F) {
      fmt::print("            {:.4g}th was asked: {:.1f} more minutes of normal are needed\n",
                 static_cast<double>(threshold.percentile_asked()),
                 static_cast<double>(threshold.minutes_missing()));
    }
  }
  print_decision(model, record);
  print_baseline(model, record);
  if (const auto* rebase = record.rebase(); rebase != nullptr) {
    fmt::print("rebased     on {} windows of '{}' ({:.0f} s) after a remount{}\n",
               rebase->windows(), rebase->normal_label()->str(),
               rebase->windows() * model.window.seconds(),
               rebase->forced() ? ", with --force" : "");
    fmt::print("            'fettle rebase --undo' gives back the trained file, {} bytes\n",
               rebase->base_bytes());
  }
  if (training.foreign()) {
    fmt::print("training    by another tool; calibrated on '{}'\n", training.normal_label()->str());
  } else {
    if (model.detector == DetectorKind::mahalanobis) {
      fmt::print("training    '{}': {} windows\n", training.normal_label()->str(),
                 training.windows_train());
    } else {
      fmt::print("training    '{}': {} windows, {} epochs (best {}), batch {}, seed {}\n",
                 training.normal_label()->str(), training.windows_train(), training.epochs(),
                 training.best_epoch(), training.batch(), training.seed());
      fmt::print("            loss {:.4f}, validation {:.4f}\n",
                 static_cast<double>(training.train_loss()),
                 static_cast<double>(training.validation_loss()));
    }
  }
  fmt::print("data        {} recordings, hash {:016x}; Fettle {}\n", training.used()->size(),
             training.data_hash(), training.version()->str());
  const int width = model.features.set == FeatureSet::vibration ? 20 : 8;
  fmt::print("\n{:<{}}    mean         scale\n", "feature", width + 3);
  for (std::size_t i = 0; i < model.features.dimensions(); ++i) {
    fmt::print("{:<{}}{:>11.5g}   {:>11.5g}{}\n", feature_name(model.features, i), width,
               static_cast<double>(model.normaliser.mean[i]),
               static_cast<double>(model.normaliser.scale[i]), feature_unit(model.features, i));
  }
}

nlohmann::json to_json(const host::ModelFile& file) {
  const Int8Network& network = file.network();
  nlohmann::json json;
  json["bytes"] = file.bytes().size();
  json["network"] = {{"inputs", network.inputs()},
                     {"outputs", network.outputs()},
                     {"float_input", network.float_input()},
                     {"float_output", network.float_output()},
                     {"multiplications", network.multiplications()},
                     {"input_scale", network.input_scale().scale},
                     {"input_zero_point", network.input_scale().zero_point},
                     {"output_scale", network.output_scale().scale},
                     {"output_zero_point", network.output_scale().zero_point}};
  for (const auto& layer : network.layers()) json["network"]["layers"].push_back(layer_text(layer));
  json["detector"] = file.detector().record != nullptr;
  if (file.detector().record == nullptr) return json;

  const DetectorModel& model = file.detector();
  const auto& record = file.record();
  const auto& threshold = *record.threshold();
  const auto& training = *record.training();
  json["kind"] = detector_name(model.detector);
  json["features"] = {{"set", feature_set_name(model.features.set)},
                      {"axes", model.features.axes},
                      {"with_mean", model.features.with_mean}};
  for (std::size_t i = 0; i < model.features.dimensions(); ++i) {
    json["features"]["names"].push_back(feature_name(model.features, i));
    json["features"]["mean"].push_back(model.normaliser.mean[i]);
    json["features"]["scale"].push_back(model.normaliser.scale[i]);
  }
  json["window"] = {{"samples", model.window.samples}, {"rate_hz", model.window.rate_hz}};
  json["threshold"] = {
      {"value", threshold.value()},
      {"kind", threshold.kind() == metadata::ThresholdKind::fixed ? "fixed" : "percentile"},
      {"percentile_asked", threshold.percentile_asked()},
      {"percentile_used", threshold.percentile_used()},
      {"windows", threshold.windows()},
      {"minutes_missing", threshold.minutes_missing()}};
  if (const auto* decision = record.decision(); decision != nullptr) {
    json["decision"] = {{"kind", name_of(model.decision->kind)},
                        {"asked_per_hour", decision->asked_per_hour()},
                        {"stated_per_hour", decision->stated_per_hour()},
                        {"supported_per_hour", decision->supported_per_hour()},
                        {"normal_hours", decision->normal_hours()},
                        {"minutes_missing", decision->minutes_missing()},
                        {"location", decision->settings()->location()},
                        {"scale", decision->settings()->scale()},
                        {"reference", decision->settings()->reference()},
                        {"cap", decision->settings()->cap()},
                        {"limit", decision->settings()->limit()}};
  }
  for (std::size_t i = 0; i < model.baseline.points; ++i) {
    const OperatingPoint& point = model.baseline.point[i];
    json["operating_points"].push_back({{"low_hz", point.low_hz},
                                        {"high_hz", point.high_hz},
                                        {"centre_hz", point.centre_hz},
                                        {"mean", point.mean}});
  }
  if (const auto* rebase = record.rebase(); rebase != nullptr) {
    json["rebased"] = {{"windows", rebase->windows()},
                       {"seconds", rebase->windows() * model.window.seconds()},
                       {"normal_label", rebase->normal_label()->str()},
                       {"change", rebase->change()},
                       {"forced", rebase->forced()},
                       {"version", rebase->version()->str()},
                       {"bytes_before", rebase->base_bytes()}};
  }
  json["training"] = {{"version", training.version()->str()},
                      {"normal_label", training.normal_label()->str()},
                      {"foreign", training.foreign()},
                      {"seed", training.seed()},
                      {"epochs", training.epochs()},
                      {"batch", training.batch()},
                      {"best_epoch", training.best_epoch()},
                      {"windows_train", training.windows_train()},
                      {"windows_best_epoch", training.windows_best_epoch()},
                      {"windows_threshold", training.windows_threshold()},
                      {"train_loss", training.train_loss()},
                      {"validation_loss", training.validation_loss()},
                      {"data_hash", fmt::format("{:016x}", training.data_hash())},
                      {"recordings", training.used()->size()}};
  return json;
}

/// A detector with everything, or a plain network; damage is an error in both.
std::unique_ptr<host::ModelFile> open(const std::string& name) {
  auto plain = host::ModelFile::open_network(name);
  if (plain->detector().record == nullptr) return plain;
  return host::ModelFile::open_detector(name);
}

}  // namespace

void add_info(CLI::App& program) {
  auto* command = program.add_subcommand("info", kHelp);
  command->footer("Works on any int8 .tflite of Dense layers, not only on Fettle's own.");
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, ".tflite file")->required();
  command->add_flag("--json", options->json, "Report as JSON on standard output");
  command->callback([options] {
    const auto file = open(options->model);
    if (options->json) {
      fmt::print("{}\n", text_of(to_json(*file)));
      return;
    }
    print_network(*file);
    if (file->detector().record != nullptr) {
      print_detector(*file);
    } else {
      fmt::print("detector    none: a plain network ('fettle train --from' makes one of it)\n");
    }
  });
}

}  // namespace fettle::cli
