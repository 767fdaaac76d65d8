// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <memory>

#include "cli/command.hpp"
#include "core/features/extractor.hpp"
#include "host/c_array.hpp"
#include "host/error.hpp"
#include "host/npz.hpp"
#include "host/platform/files.hpp"

namespace fettle::cli {
namespace {

struct Options {
  std::string source, c_array, c_tables, npz;
  std::string symbol = host::kDefaultSymbol;
};

constexpr const char* kHelp = "Write a model as a C array, or windows for NumPy";

constexpr const char* kFooter =
    "Examples:\n"
    "  fettle export model.tflite --c-array model_data.h\n"
    "  fettle export model.tflite --c-array pump.h --name pump_model\n"
    "  fettle export model.tflite --c-tables tables.hpp --name pump\n"
    "  fettle export data --npz windows.npz";

void run(const Options& options) {
  const std::filesystem::path source = options.source;
  const std::array<std::filesystem::path, 2> inputs = {source, source / "dataset.json"};
  if (!options.c_array.empty()) {
    host::platform::check_output(options.c_array, inputs);
    const auto model = host::ModelFile::open_detector(options.source);
    host::platform::write_file_atomically(options.c_array, host::c_array(*model, options.symbol));
    fmt::print("{}: {} bytes of model as {}[]\n", options.c_array, model->bytes().size(),
               options.symbol);
    return;
  }
  if (!options.c_tables.empty()) {
    host::platform::check_output(options.c_tables, inputs);
    const auto model = host::ModelFile::open_detector(options.source);
    host::platform::write_file_atomically(options.c_tables, host::c_tables(*model, options.symbol));
    fmt::print("{}: the detector as constants, {}::assemble() makes a model of them\n",
               options.c_tables, options.symbol);
    return;
  }
  if (options.npz.empty()) {
    throw host::Error(
        host::ExitCode::usage,
        "export: expected --c-array or --c-tables FILE for a model, or --npz FILE for a data set");
  }
  host::platform::check_output(options.npz, inputs);
  const auto data = host::DataSet::open(options.source);
  const FeatureSpec spec{FeatureSet::tutorial, static_cast<std::uint8_t>(data.axes()), true};
  FeatureExtractor extractor(spec);
  const auto compute = [&](std::span<const Sample> window, std::span<float> features) {
    extractor.restart();
    for (const Sample& sample : window) extractor.add(sample);
    extractor.finish(features);
  };
  const auto windows =
      host::export_npz(data, WindowShape{}.samples, {spec.dimensions(), compute}, options.npz);
  fmt::print("{}: {} windows\n", options.npz, windows);
}

}  // namespace

void add_export(CLI::App& program) {
  auto* command = program.add_subcommand("export", kHelp);
  command->footer(kFooter);
  auto options = std::make_shared<Options>();
  command->add_option("source", options->source, "Model file, or data set folder")->required();
  auto* c_array =
      command->add_option("--c-array", options->c_array, "Write the model as a C and C++ header");
  auto* c_tables = command->add_option(
      "--c-tables", options->c_tables,
      "Write it as a C++ header of constants, for products with no room to read a file");
  c_tables->excludes(c_array);
  auto* npz =
      command->add_option("--npz", options->npz, "Write windows, features, labels and times")
          ->excludes(c_array)
          ->excludes(c_tables);
  command->add_option("--name", options->symbol, "Name of the array, or of the tables' namespace")
      ->excludes(npz)
      ->option_text("SYMBOL");
  command->callback([options] { run(*options); });
}

}  // namespace fettle::cli
