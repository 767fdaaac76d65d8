// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstring>
#include <memory>

#include "cli/command.hpp"
#include "host/error.hpp"
#include "host/model_file.hpp"
#include "host/npz.hpp"
#include "host/platform/files.hpp"
#include "host/progress.hpp"

namespace fettle::cli {
namespace {

using host::Error;
using host::ExitCode;

struct Options {
  std::string model, input, output;
};

constexpr const char* kHelp =
    "Run raw vectors through the int8 engine\n"
    "\n"
    "IN.npy holds one vector a row, [n, D]: int8, or float32 where the model starts\n"
    "with QUANTIZE. OUT.npy gets [n, outputs]: int8, or float32 where it ends with\n"
    "DEQUANTIZE. No features, no normalisation, no score: for comparing engines.";

void run(const Options& options) {
  const std::array<std::filesystem::path, 2> inputs = {options.model, options.input};
  host::platform::check_output(options.output, inputs);
  const auto file = host::ModelFile::open_network(options.model);
  const Int8Network& network = file->network();
  const host::NpyArray input = host::read_npy(options.input);
  const char* type = network.float_input() ? "<f4" : "|i1";
  if (input.type != type || input.shape.size() != 2 || input.shape[1] != network.inputs()) {
    throw Error(
        ExitCode::bad_input,
        fmt::format("{}: holds {} of shape [{}], expected {} of shape [n, {}]", options.input,
                    input.type, fmt::join(input.shape, ", "), type, network.inputs()));
  }
  const std::size_t rows = input.shape[0];
  const std::size_t in_bytes = network.inputs() * (network.float_input() ? 4 : 1);
  const std::size_t out_bytes = network.outputs() * (network.float_output() ? 4 : 1);
  host::NpyArray output{network.float_output() ? "<f4" : "|i1", {rows, network.outputs()}, {}};
  output.bytes.resize(rows * out_bytes);
  std::vector<std::int8_t> in(network.inputs());
  std::vector<std::int8_t> out(network.outputs());
  host::Progress progress("running", rows);
  for (std::size_t row = 0; row < rows; ++row) {
    const char* from = input.bytes.data() + row * in_bytes;
    char* to = output.bytes.data() + row * out_bytes;
    for (std::size_t i = 0; i < in.size(); ++i) {
      if (network.float_input()) {
        float value = 0.0F;
        std::memcpy(&value, from + 4 * i, 4);
        in[i] = network.input_scale().code(value);
      } else {
        in[i] = static_cast<std::int8_t>(from[i]);
      }
    }
    network.run(in, out);
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (network.float_output()) {
        const float value = network.output_scale().real(out[i]);
        std::memcpy(to + 4 * i, &value, 4);
      } else {
        to[i] = static_cast<char>(out[i]);
      }
    }
    progress.at(row + 1);
  }
  host::write_npy(options.output, output);
}

}  // namespace

void add_infer(CLI::App& program) {
  auto* command = program.add_subcommand("infer", kHelp);
  command->footer("Example:\n  fettle infer model.tflite codes.npy -o output.npy");
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "Any int8 .tflite of Dense layers")->required();
  command->add_option("input", options->input, "IN.npy")->required();
  command->add_option("-o,--output", options->output, "OUT.npy to write")->required();
  command->callback([options] { run(*options); });
}

}  // namespace fettle::cli
