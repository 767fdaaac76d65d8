// SPDX-License-Identifier: Apache-2.0
#include "host/rebase.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/checks.hpp"
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "detector_generated.h"
#include "host/error.hpp"
#include "host/platform/files.hpp"
#include "host/text.hpp"
#include "version.hpp"

namespace fettle::cli {
namespace {

using host::Error;
using host::ExitCode;

struct Options {
  std::string model, data, output, normal = "normal";
  bool undo = false, force = false, json = false;
};

constexpr const char* kHelp =
    "Fit a model to a sensor that was taken off and put back\n"
    "\n"
    "DATA is a minute or two of normal running after the remount: a recording (CSV),\n"
    "or a data set, of which recordings labelled normal are used that the model has\n"
    "not been trained on. Means, gravity, the level of 'off' and limits are fitted;\n"
    "the network stays. Limits and spreads only ever grow: ten minutes have shown\n"
    "more of them than one.";

constexpr const char* kFooter =
    "Data that look like a fault or a machine of another speed are refused. A weak\n"
    "fault, or another machine of that speed and level, cannot be told from a\n"
    "remount: it becomes part of normal, and one twice as strong may then be missed.\n"
    "So look at machine and mount first. A model that was rebased before is rebased\n"
    "from how it was trained, so small steps never add up to a fault. --undo gives\n"
    "back the trained file, byte for byte. A board takes a rebased model for another\n"
    "one: its burn-in begins anew.\n"
    "\n"
    "Examples:\n"
    "  fettle collect --port /dev/ttyUSB0 --label normal --for 70s -o remounted\n"
    "  fettle rebase model.tflite remounted\n"
    "  fettle deploy model.tflite --port /dev/ttyUSB0\n"
    "  fettle rebase --undo model.tflite";

void write(const Options& options, std::span<const std::uint8_t> file) {
  host::platform::write_file_atomically(options.output,
                                        {reinterpret_cast<const char*>(file.data()), file.size()});
}

void undo(const Options& options) {
  const auto model = host::ModelFile::open_detector(options.model);
  const auto before = host::without_rebase(*model, options.model);
  write(options, before->bytes());
  if (options.json) {
    fmt::print("{}\n", text_of(nlohmann::json{{"model", options.output},
                                              {"bytes", before->bytes().size()},
                                              {"undone", true}}));
    return;
  }
  fmt::print("undone     a rebase on {} windows\nmodel      {}: as it was trained, {} bytes\n",
             model->record().rebase()->windows(), options.output, before->bytes().size());
}

void report_json(const Options& options, const host::Rebased& result) {
  nlohmann::json json = {
      {"model", options.output},
      {"bytes", result.file.size()},
      {"windows", result.windows},
      {"seconds", result.seconds},
      {"recordings", result.recordings},
      {"recordings_seen_in_training", result.seen_before},
      {"change", result.change},
      {"change_allowed", result.allowed},
      {"forced", result.change > result.allowed},
      {"replaced", result.replaced},
      {"threshold", {{"before", result.threshold_before}, {"after", result.threshold_after}}},
      {"left_out", {{"other_speed", result.other_speed}}}};
  add_left_out(json["left_out"], result.left_out);
  if (result.gravity_turn_deg) json["gravity_turn_deg"] = *result.gravity_turn_deg;
  fmt::print("{}\n", text_of(json));
}

void report(const Options& options, const host::Rebased& result, const DetectorModel& before) {
  const bool tutorial = before.features.set == FeatureSet::tutorial;

  std::size_t left_out = result.other_speed;
  for (const std::size_t windows : result.left_out) left_out += windows;
  fmt::print("rebased    on {} windows ({:.0f} s) of normal running{}\n", result.windows,
             result.seconds,
             left_out > 0 ? fmt::format("; {} left out as no steady running", left_out) : "");
  if (result.seen_before > 0) {
    fmt::print("           {} recordings of training left out\n", result.seen_before);
  }
  if (tutorial) {
    fmt::print(
        "change     shakes {:.2f} times as strongly; {:.2f} to {:.2f} is taken for a remount\n",
        std::exp(result.change), std::exp(-result.allowed), std::exp(result.allowed));
  } else if (before.decision) {
    fmt::print(
        "change     usual scores {:.2f} deviations {} than learned; up to {:.2f} more is a\n"
        "           remount\n",
        std::abs(result.change), result.change < 0 ? "less" : "more", result.allowed);
  } else {
    fmt::print("change     usual score {:.2g} times the threshold; up to 1 is a remount\n",
               std::exp(result.change));
  }
  if (result.gravity_turn_deg) {
    fmt::print("gravity    turned by {:.1f} degrees\n", *result.gravity_turn_deg);
  }
  fmt::print("threshold  {:.6g}{}, was {:.6g}\n", static_cast<double>(result.threshold_after),
             before.decision ? " of a window by itself" : "",
             static_cast<double>(result.threshold_before));
  constexpr float kMuch = 3.0F;
  // Where evidence is gathered that threshold decides nothing.
  if (!before.decision && result.threshold_after > kMuch * result.threshold_before) {
    host::say(
        host::wrapped(
            fmt::format("Note: the threshold of a window grew {:.1f} times, so a fault "
                        "has to be that much clearer. Is it the same machine, and "
                        "does it run as it did?",
                        static_cast<double>(result.threshold_after / result.threshold_before)),
            2) +
        "\n");
  }
  if (left_out > result.windows) {
    host::say(
        host::wrapped(fmt::format("Note: {} of {} windows were left out, more than were used: "
                                  "did the machine run as usual?",
                                  left_out, left_out + result.windows),
                      2) +
        "\n");
  }
  if (result.replaced) fmt::print("           in the place of an earlier rebase\n");
  if (before.decision && before.decision->kind == DecisionKind::cusum) {
    host::say(
        "Note: for a board this is another model: its burn-in begins anew, and 'ack\n"
        "      false' is forgotten.\n");
  }
  fmt::print("model      {}: {} bytes\nUndo: fettle rebase --undo {}\n", options.output,
             result.file.size(), options.output);
}

void run(Options& options) {
  if (options.undo != options.data.empty()) {
    throw Error(ExitCode::usage, options.undo ? "rebase --undo takes a model and no data"
                                              : "rebase: name the recordings from after the "
                                                "remount, or --undo");
  }
  if (options.output.empty()) options.output = options.model;
  std::array<std::filesystem::path, 1> inputs;
  if (!options.data.empty()) {
    const std::filesystem::path data(options.data);
    inputs[0] = std::filesystem::is_directory(data) ? data / "dataset.json" : data;
  }
  host::platform::check_output(options.output, inputs);
  if (options.undo) {
    undo(options);
    return;
  }
  const auto model = host::ModelFile::open_detector(options.model);
  const host::Rebased result =
      host::rebase(*model, options.data, {options.normal, options.force, kVersion});
  write(options, result.file);
  if (options.json) {
    report_json(options, result);
  } else {
    report(options, result, model->detector());
  }
}

}  // namespace

void add_rebase(CLI::App& program) {
  auto* command = program.add_subcommand("rebase", kHelp);
  command->footer(kFooter);
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "Detector made by 'fettle train'")->required();
  command->add_option("data", options->data, "Normal running after the remount");
  command->add_option("-o,--output", options->output, "Model file to write")
      ->check(not_empty("a file"))
      ->option_text("FILE [the model itself]");
  command->add_option("--normal", options->normal, "Label of normal running")
      ->capture_default_str();
  command->add_flag("--force", options->force,
                    "Also if it looks like a fault: you have looked at machine and mount");
  command->add_flag("--undo", options->undo, "Give back the file as it was trained");
  command->add_flag("--json", options->json, "Report as JSON on standard output");
  command->callback([options] { run(*options); });
}

}  // namespace fettle::cli
