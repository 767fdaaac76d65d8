// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/checks.hpp"
#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/recording_check.hpp"
#include "core/pipeline.hpp"
#include "host/error.hpp"
#include "host/model_file.hpp"
#include "host/platform/interrupt.hpp"
#include "host/recording.hpp"
#include "host/text.hpp"

namespace fettle::cli {
namespace {

using host::Error;
using host::ExitCode;

struct Options {
  std::string model, file;
  std::uint32_t hop = 0;
  bool json = false;
};

constexpr const char* kHelp =
    "Judge every window of a recording, one CSV row each\n"
    "\n"
    "Columns: t_us (start of the window, microseconds), score, threshold, verdict:\n"
    "normal, warning, alarm, cannot judge, sensor moved; 'anomaly' with a threshold\n"
    "by hand or tutorial features; and the reason of 'cannot judge': off, changing,\n"
    "speed (not learned), unclear_speed, weak (shakes much less than learned), stuck,\n"
    "clipped, losing_samples, wrong_rate, not_a_number. Read from standard input with\n"
    "'-': rows are judged as they come.";

constexpr const char* kFooter =
    "FILE is a recording of a data set, with the header t_us,ax_g,ay_g,az_g and, for\n"
    "six axes, gx_dps,gy_dps,gz_dps. Anything else becomes one by 'fettle import'.\n"
    "\n"
    "Examples:\n"
    "  fettle score model.tflite data/normal/fan.csv\n"
    "  fettle score model.tflite data/normal/fan.csv --json   # a line a window\n"
    "  tail -f live.csv | fettle score model.tflite -";

std::string shortest(float value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end.ptr};
}

void print(const Pipeline& pipeline, const WindowResult& result, bool json) {
  if (json) {
    // JSON has no word for a score that is not finite; the verdict still stands.
    nlohmann::json line = {{"t_us", result.start_us},
                           {"threshold", result.threshold},
                           {"verdict", name_of(result.verdict)}};
    if (std::isfinite(result.score)) line["score"] = result.score;
    if (result.reason != Reason::none) line["reason"] = name_of(result.reason);
    if (std::isfinite(result.evidence)) line["evidence"] = result.evidence;
    if (result.share > 0.0F) line["share_of_limit"] = result.share;
    if (result.speed_hz > 0.0F) line["speed_hz"] = result.speed_hz;
    if (result.alarm) {
      line["alarm"] = true;
      line["phrase"] = std::string(pipeline.phrase().view());
    }
    fmt::print("{}\n", text_of(line, -1));
  } else {
    fmt::print("{},{},{},{},{}\n", result.start_us, shortest(result.score),
               shortest(result.threshold), name_of(result.verdict), name_of(result.reason));
  }
}

void run(const Options& options) {
  const auto model = host::ModelFile::open_detector(options.model);
  const DetectorModel& detector = model->detector();
  host::RecordingReader reader(options.file);
  check_axes(reader, options.file, detector, options.model);
  WindowShape window = detector.window;
  if (options.hop != 0) window.hop = options.hop;
  if (options.hop > window.samples || window.overlap() == 0) {
    throw Error(ExitCode::usage,
                fmt::format("--hop: {} is not {}, or a half, a third or a quarter of it",
                            options.hop, window.samples));
  }
  if (window.overlap() > 1 && detector.decision) {
    throw Error(
        ExitCode::usage,
        fmt::format("--hop: {} gathers evidence over windows that follow each other, here as on a "
                    "board; --hop is for models that judge each window by itself (train "
                    "--percentile or --threshold)",
                    options.model));
  }
  Pipeline pipeline(detector, window);
  RateCheck rate(detector.window.rate_hz, options.file);
  if (!options.json) fmt::print("t_us,score,threshold,verdict,reason\n");
  std::uint64_t samples = 0;
  std::uint64_t windows = 0;
  std::int64_t first_us = 0;
  std::int64_t last_us = 0;
  for (auto block = reader.next_block(); !block.empty(); block = reader.next_block()) {
    if (samples == 0) first_us = block.front().t_us;
    for (const TimedSample& sample : block) {
      rate.add(sample.t_us);
      const auto result = pipeline.push(sample);
      if (!result) continue;
      print(pipeline, *result, options.json);
      ++windows;
    }
    samples += block.size();
    last_us = block.back().t_us;
    if (std::fflush(stdout) != 0) {
      throw Error(ExitCode::io, "standard output cannot be written; is the disk full?");
    }
    host::platform::throw_if_interrupted();
  }
  const FeaturePipeline& front = pipeline.front();
  if (front.gaps() + front.backwards() > 0) {
    host::say(fmt::format("Note: {} gaps in time and {} jumps backwards; no window crosses one.\n",
                          front.gaps(), front.backwards()));
  }
  if (windows == 0) {
    const double seconds = static_cast<double>(last_us - first_us) / 1e6;
    throw Error(
        ExitCode::too_little_data,
        fmt::format(
            "{}: {} samples over {:.3g} s give no window of {} samples at {:.6g} Hz without "
            "a gap. Is it recorded at that rate?",
            options.file, samples, seconds, detector.window.samples,
            static_cast<double>(detector.window.rate_hz)));
  }
}

}  // namespace

void add_score(CLI::App& program) {
  auto* command = program.add_subcommand("score", kHelp);
  command->footer(kFooter);
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "Detector made by 'fettle train'")->required();
  command->add_option("file", options->file, "Recording, or '-' for standard input")->required();
  command
      ->add_option("--hop", options->hop,
                   "Samples from one window's start to the next, for windows that overlap: half,"
                   " a third or a quarter of a window, as the board can be set to; of models that"
                   " judge each window by itself")
      ->transform(whole_number(1, 4096))
      ->type_name("SAMPLES");
  command->add_flag("--json", options->json, "A JSON object a line instead of CSV");
  command->callback([options] { run(*options); });
}

}  // namespace fettle::cli
