// SPDX-License-Identifier: Apache-2.0
#include "host/c_array.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "detector_generated.h"
#include "host/error.hpp"

namespace fettle::host {
namespace {

/// Words of C11 or C++20 that look like a name and are none.
bool is_keyword(std::string_view name) {
  constexpr auto kWords = std::to_array<std::string_view>({"alignas",
                                                           "alignof",
                                                           "and",
                                                           "and_eq",
                                                           "asm",
                                                           "auto",
                                                           "bitand",
                                                           "bitor",
                                                           "bool",
                                                           "break",
                                                           "case",
                                                           "catch",
                                                           "char",
                                                           "char16_t",
                                                           "char32_t",
                                                           "char8_t",
                                                           "class",
                                                           "co_await",
                                                           "co_return",
                                                           "co_yield",
                                                           "compl",
                                                           "concept",
                                                           "const",
                                                           "const_cast",
                                                           "consteval",
                                                           "constexpr",
                                                           "constinit",
                                                           "continue",
                                                           "decltype",
                                                           "default",
                                                           "delete",
                                                           "do",
                                                           "double",
                                                           "dynamic_cast",
                                                           "else",
                                                           "enum",
                                                           "explicit",
                                                           "export",
                                                           "extern",
                                                           "false",
                                                           "float",
                                                           "for",
                                                           "friend",
                                                           "goto",
                                                           "if",
                                                           "inline",
                                                           "int",
                                                           "long",
                                                           "mutable",
                                                           "namespace",
                                                           "new",
                                                           "noexcept",
                                                           "not",
                                                           "not_eq",
                                                           "nullptr",
                                                           "operator",
                                                           "or",
                                                           "or_eq",
                                                           "private",
                                                           "protected",
                                                           "public",
                                                           "register",
                                                           "reinterpret_cast",
                                                           "requires",
                                                           "restrict",
                                                           "return",
                                                           "short",
                                                           "signed",
                                                           "sizeof",
                                                           "static",
                                                           "static_assert",
                                                           "static_cast",
                                                           "struct",
                                                           "switch",
                                                           "template",
                                                           "this",
                                                           "thread_local",
                                                           "throw",
                                                           "true",
                                                           "try",
                                                           "typedef",
                                                           "typeid",
                                                           "typename",
                                                           "union",
                                                           "unsigned",
                                                           "using",
                                                           "virtual",
                                                           "void",
                                                           "volatile",
                                                           "wchar_t",
                                                           "while",
                                                           "xor",
                                                           "xor_eq",
                                                           "_Alignas",
                                                           "_Alignof",
                                                           "_Atomic",
                                                           "_Bool",
                                                           "_Complex",
                                                           "_Generic",
                                                           "_Imaginary",
                                                           "_Noreturn",
                                                           "_Static_assert",
                                                           "_Thread_local"});
  return std::ranges::find(kWords, name) != kWords.end();
}

bool is_identifier(const std::string& name) {
  const auto letter = [](unsigned char c) { return std::isalpha(c) != 0 || c == '_'; };
  return !name.empty() && !is_keyword(name) && letter(static_cast<unsigned char>(name[0])) &&
         std::ranges::all_of(name, [&](char c) {
           const auto u = static_cast<unsigned char>(c);
           return letter(u) || std::isdigit(u) != 0;
         });
}

/// A float literal that reads back to the same float32, with a point as C wants it.
std::string literal(float value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text + "f";
}

template <typename Values>
std::string floats(const std::string& name, const Values& values, std::size_t count) {
  std::string text = fmt::format("static const float {}[{}] = {{", name, count);
  for (std::size_t i = 0; i < count; ++i) {
    text += fmt::format("{}{},", i % 6 == 0 ? "\n  " : " ", literal(values[i]));
  }
  return text + "\n};\n";
}

void expect_identifier(const std::string& name) {
  if (is_identifier(name)) return;
  throw Error(ExitCode::usage,
              fmt::format("--name '{}': expected a C identifier: letters, digits and _, not "
                          "starting with a digit, and no word of the language",
                          name));
}

template <typename Value>
std::string numbers(const char* type, const std::string& name, const Value* values,
                    std::size_t count) {
  std::string text = fmt::format("inline constexpr {} {}[] = {{", type, name);
  for (std::size_t i = 0; i < count; ++i) {
    text += fmt::format("{}{},", i % 12 == 0 ? "\n    " : " ", static_cast<long long>(values[i]));
  }
  return text + "};\n";
}

std::string tensor_scale(const TensorScale& scale) {
  return fmt::format("{{{}, {}}}", literal(scale.scale), scale.zero_point);
}

}  // namespace

std::string c_array(const ModelFile& model, const std::string& symbol) {
  expect_identifier(symbol);
  const DetectorModel& detector = model.detector();
  const std::size_t dimensions = detector.features.dimensions();
  std::string text = fmt::format(
      "// Fettle detector, made by 'fettle export --c-array'. Do not edit.\n"
      "//\n"
      "// The array is the whole .tflite file, metadata included. Who runs it with\n"
      "// TensorFlow Lite Micro by hand needs the constants below as well:\n"
      "//   z[i]    = (feature[i] - mean[i]) / scale[i]\n"
      "//   code[i] = clamp(round(z[i] / input_scale) + input_zero_point, -128, 127)\n"
      "//   out[i]  = output_scale * (output_code[i] - output_zero_point)\n"
      "//   score   = mean over i of (z[i] - out[i])^2; an anomaly above the threshold\n"
      "// Clamp before the cast to int8: a cast alone wraps, which fakes and hides faults.\n"
      "#pragma once\n\n"
      "#ifdef __cplusplus\n"
      "#define FETTLE_ALIGNAS_16 alignas(16)\n"
      "#else\n"
      "#define FETTLE_ALIGNAS_16 _Alignas(16)\n"
      "#endif\n\n");
  text += fmt::format("FETTLE_ALIGNAS_16 const unsigned char {}[] = {{", symbol);
  for (std::size_t i = 0; i < model.bytes().size(); ++i) {
    text += fmt::format("{}0x{:02x},", i % 12 == 0 ? "\n  " : " ", model.bytes()[i]);
  }
  text += fmt::format("\n}};\nconst unsigned int {}_len = {};\n\n#undef FETTLE_ALIGNAS_16\n\n",
                      symbol, model.bytes().size());

  text += fmt::format("#define {}_FEATURES {}\n", symbol, dimensions);
  text += fmt::format("#define {}_WINDOW_SAMPLES {}\n", symbol, detector.window.samples);
  text += fmt::format("static const float {}_rate_hz = {};\n", symbol,
                      literal(detector.window.rate_hz));
  text += fmt::format("static const char* const {}_feature_names[{}] = {{", symbol, dimensions);
  for (std::size_t i = 0; i < dimensions; ++i) {
    text += fmt::format("{}\"{}_{}\",", i % 6 == 0 ? "\n  " : " ",
                        feature_source(detector.features, i), feature_kind(detector.features, i));
  }
  text += "\n};\n";
  text += floats(symbol + "_feature_mean", detector.normaliser.mean, dimensions);
  text += floats(symbol + "_feature_scale", detector.normaliser.scale, dimensions);
  const auto quantisation = [&](const char* which, const TensorScale& scale) {
    text +=
        fmt::format("static const float {}_{}_scale = {};\n", symbol, which, literal(scale.scale));
    text +=
        fmt::format("static const int {}_{}_zero_point = {};\n", symbol, which, scale.zero_point);
  };
  quantisation("input", detector.network.input_scale());
  quantisation("output", detector.network.output_scale());
  text +=
      fmt::format("static const float {}_threshold = {};\n", symbol, literal(detector.threshold));
  return text;
}

std::string c_tables(const ModelFile& model, const std::string& name) {
  expect_identifier(name);
  const DetectorModel& detector = model.detector();
  if (detector.features.set != FeatureSet::tutorial) {
    throw Error(ExitCode::bad_input,
                "--c-tables is for models with tutorial features, and this one has vibration "
                "features: use --c-array, whose file the firmware reads");
  }
  std::string text = fmt::format(
      "// Fettle detector, made by 'fettle export --c-tables'. Do not edit.\n"
      "#pragma once\n\n"
      "#include <cstddef>\n#include <cstdint>\n#include <span>\n\n"
      "#include \"core/model/detector_model.hpp\"\n\n"
      "namespace {} {{\n\n",
      name);
  std::string layers;
  std::size_t widest = detector.network.inputs();
  for (std::size_t k = 0; k < detector.network.layers().size(); ++k) {
    const Int8Network::Layer& layer = detector.network.layers()[k];
    using Kind = Int8Network::Layer::Kind;
    const bool dense = layer.kind == Kind::fully_connected;
    const std::size_t rows = dense ? layer.outputs : (layer.kind == Kind::relu ? 1 : 0);
    widest = std::max<std::size_t>(widest, layer.outputs);
    const char* const kind = dense ? "fully_connected" : (rows == 1 ? "relu" : "clamp");
    std::string pointers;
    if (dense) {
      text += numbers("std::int8_t", fmt::format("weights{}", k), layer.weights,
                      std::size_t{layer.inputs} * layer.outputs);
      text += numbers("std::int32_t", fmt::format("bias{}", k), layer.bias, rows);
      pointers += fmt::format(", .weights = weights{0}, .bias = bias{0}", k);
    }
    if (rows > 0) {
      text += numbers("std::int32_t", fmt::format("fractions{}", k), layer.fractions, rows);
      text += numbers("std::int8_t", fmt::format("shifts{}", k), layer.shifts, rows);
      pointers += fmt::format(", .fractions = fractions{0}, .shifts = shifts{0}", k);
    }
    layers += fmt::format(
        "    {{.kind = fettle::Int8Network::Layer::Kind::{}, .inputs = {}, .outputs = {}, "
        ".lowest = {}, .highest = {}, .in = {}, .out = {}{}}},\n",
        kind, layer.inputs, layer.outputs, layer.lowest, layer.highest, tensor_scale(layer.in),
        tensor_scale(layer.out), pointers);
  }
  text += fmt::format("inline constexpr fettle::Int8Network::Layer layers[] = {{\n{}}};\n", layers);
  text += fmt::format("inline constexpr std::size_t scratch_bytes = {};\n\n", 2 * widest);
  const std::size_t dimensions = detector.features.dimensions();
  text += floats("mean", detector.normaliser.mean, dimensions);
  text += floats("scale", detector.normaliser.scale, dimensions);
  text += fmt::format(
      "\n/// Fills in a model; false if this version of Fettle has no room for its layers.\n"
      "/// @param scratch  scratch_bytes\n"
      "inline bool assemble(std::span<std::int8_t> scratch, fettle::DetectorModel& model) {{\n"
      "  model.detector = fettle::DetectorKind{{{}}};\n"
      "  model.features = {{fettle::FeatureSet::tutorial, {}, {}}};\n"
      "  model.window = {{{}, {}}};\n"
      "  model.score = fettle::ScoreKind{{{}}};\n"
      "  model.threshold = {};\n"
      "  for (std::size_t i = 0; i < {}; ++i) {{\n"
      "    model.normaliser.mean[i] = mean[i];\n"
      "    model.normaliser.scale[i] = scale[i];\n"
      "  }}\n",
      static_cast<int>(detector.detector), detector.features.axes, detector.features.with_mean,
      detector.window.samples, literal(detector.window.rate_hz), static_cast<int>(detector.score),
      literal(detector.threshold), dimensions);
  if (detector.decision) {
    const DecisionSettings& d = *detector.decision;
    text += fmt::format(
        "  model.decision = fettle::DecisionSettings{{.kind = fettle::DecisionKind{{{}}}, .k = {}, "
        ".n = {}, .location = {}, .scale = {}, .cap = {}, .reference = {}, .limit = {}, "
        ".lambda = {}}};\n",
        static_cast<int>(d.kind), d.k, d.n, literal(d.location), literal(d.scale), literal(d.cap),
        literal(d.reference), literal(d.limit), literal(d.lambda));
  }
  text += fmt::format(
      "  return fettle::Int8Network::assemble(layers, scratch, model.network);\n}}\n\n"
      "}}  // namespace {}\n",
      name);
  return text;
}

}  // namespace fettle::host
