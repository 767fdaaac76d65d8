// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "cli/recording_check.hpp"
#include "core/pipeline.hpp"
#include "host/dataset.hpp"
#include "host/error.hpp"
#include "host/learning.hpp"
#include "host/model_file.hpp"
#include "host/platform/interrupt.hpp"
#include "host/relabel.hpp"
#include "host/text.hpp"

namespace fettle::cli {
namespace {

using host::Error;
using host::ExitCode;

struct Options {
  std::string model, target;
  bool json = false;
};

constexpr const char* kHelp =
    "Say why there is an alarm: what has changed, on which axis, by how much\n"
    "\n"
    "For each alarm of a recording: when it began, a cautious guess at the kind of\n"
    "fault, and plain figures against what was learned. Without an alarm it is the\n"
    "moment at which most spoke for one. Of a data set, a line a session: recordings\n"
    "of one source follow each other, as files of a second each do.";

constexpr const char* kFooter =
    "What the words mean:\n"
    "  share        part of the score that is due to a feature or axis; all are 100 %\n"
    "  1x, 2x       lines at once and twice the running speed; half orders between\n"
    "  looks like   1: the change is just what this fault does to a machine; other:\n"
    "               what the nearest fault leaves over. A guess, not a diagnosis:\n"
    "               look at the machine\n"
    "\n"
    "Examples:\n"
    "  fettle explain model.tflite data/loose/fan.csv\n"
    "  fettle explain model.tflite data --json";

/// Tables printed for a recording; a model that judges single windows may raise hundreds.
constexpr std::size_t kMostTables = 3;

/// A moment that there is something to say of.
struct Moment {
  std::int64_t t_us = 0;  ///< since the recording began
  std::string recording;  ///< in which it is
  WindowResult result;
  Changes changes;
};

/// What became of a recording.
struct Judged {
  std::string name;  ///< of the first recording
  std::size_t recordings = 1;
  std::uint64_t windows = 0;
  std::uint64_t cannot_judge = 0;
  Reason reason = Reason::none;  ///< the last one for which it could not
  std::vector<Moment> alarms;
  std::optional<Moment> most;  ///< at which most spoke for an alarm
  bool at_rest =
      true;  ///< no evidence gathered, ever: `most` is where scores were highest for a while
};

/// How much speaks for an alarm: of the limit, or of the threshold.
float nearness(const DetectorModel& model, const WindowResult& result) {
  if (model.decision) return result.share;
  return result.threshold > 0.0F ? result.score / result.threshold : result.score;
}

/// The stretch of windows whose scores are highest on average: of a recording in which nothing else is to be seen.
class HighestStretch {
 public:
  /// @param moment  of a window that stands alone
  void add(const Moment& moment) {
    changes_.add(std::span(moment.changes.z()), moment.changes.axis(), moment.changes.point(),
                 moment.changes.clear() > 0.5F);
    const float weight = 1.0F / static_cast<float>(std::min(changes_.windows(), Changes::kReach));
    mean_ += weight * (moment.result.evidence - mean_);
    if (changes_.windows() < kFewest || (highest_ && mean_ <= highest_mean_)) return;
    highest_mean_ = mean_;
    highest_ = moment;
    highest_->changes = changes_;
  }
  [[nodiscard]] const std::optional<Moment>& highest() const { return highest_; }

 private:
  static constexpr std::uint32_t kFewest = 16;
  Changes changes_;
  float mean_ = 0.0F;
  float highest_mean_ = 0.0F;
  std::optional<Moment> highest_;
};

/// Windows of one session as they are judged.
class Judging {
 public:
  Judging(const DetectorModel& model, std::string name) : model_(&model), recording_(name) {
    judged_.name = std::move(name);
  }

  /// The session goes on in another recording.
  void go_on(std::string recording) {
    recording_ = std::move(recording);
    ++judged_.recordings;
  }

  /// @param t_us  since the recording began
  void add(std::int64_t t_us, const WindowResult& result, const Changes& changes) {
    ++judged_.windows;
    if (result.reason != Reason::none) {
      ++judged_.cannot_judge;
      judged_.reason = result.reason;
    }
    const Moment moment{t_us, recording_, result, changes};
    if (result.alarm) judged_.alarms.push_back(moment);
    const float near = nearness(*model_, result);
    if (near > nearest_ && changes.windows() > 0) {
      nearest_ = near;
      judged_.most = moment;
      judged_.at_rest = false;
    }
    if (judged_.at_rest && std::isfinite(result.evidence)) stretch_.add(moment);
  }

  [[nodiscard]] Judged result() const {
    Judged judged = judged_;
    if (!judged.most) judged.most = stretch_.highest();
    return judged;
  }

 private:
  const DetectorModel* model_;
  std::string recording_;
  Judged judged_;
  float nearest_ = 0.0F;
  HighestStretch stretch_;
};

Judged judge(const DetectorModel& model, const std::string& model_name, const std::string& name,
             host::RecordingReader& reader) {
  check_axes(reader, name, model, model_name);
  RateCheck rate(model.window.rate_hz, name);
  Pipeline pipeline(model);
  Judging judging(model, name);
  std::optional<std::int64_t> first_us;
  for (auto block = reader.next_block(); !block.empty(); block = reader.next_block()) {
    for (const TimedSample& sample : block) {
      if (!first_us) first_us = sample.t_us;
      rate.add(sample.t_us);
      const auto result = pipeline.push(sample);
      if (result) judging.add(result->start_us - *first_us, *result, pipeline.changes());
    }
    host::platform::throw_if_interrupted();
  }
  Judged judged = judging.result();
  if (judged.windows == 0) {
    throw Error(ExitCode::too_little_data,
                fmt::format("{}: too short or torn for a window of {} samples at {:.6g} Hz. Is it "
                            "recorded at that rate?",
                            name, model.window.samples, static_cast<double>(model.window.rate_hz)));
  }
  return judged;
}

const char* unit_of(const DetectorModel& model, std::size_t feature) {
  if (model.features.set == FeatureSet::vibration) {
    switch (kVibrationFeatures[feature].kind) {
      case VibrationKind::impulsiveness:
      case VibrationKind::direction: return "";
      case VibrationKind::centroid: return "Hz";
      default: break;
    }
  }
  return feature_axis(model.features, feature) < 3 ? "g" : "deg/s";
}

nlohmann::ordered_json json_of(const Figure& figure, const char* unit) {
  nlohmann::ordered_json json = {{"before", figure.before}, {"now", figure.now}, {"unit", unit}};
  if (std::isfinite(figure.times()) && figure.before > 0.0F) json["times"] = figure.times();
  return json;
}

/// Names for programs, as `info` has them.
std::string name_of_feature(const FeatureSpec& spec, std::size_t feature) {
  return fmt::format("{}_{}", feature_source(spec, feature), feature_kind(spec, feature));
}

nlohmann::ordered_json json_of(const DetectorModel& model, const Moment& moment) {
  const FeatureSpec& spec = model.features;
  const Changes& changes = moment.changes;
  const Explanation why = explain(model, changes);
  nlohmann::ordered_json json = {{"recording", moment.recording},
                                 {"t_us", moment.result.start_us},
                                 {"verdict", name_of(moment.result.verdict)},
                                 {"windows", changes.windows()},
                                 {"phrase", std::string(phrase_of(model, changes, why).view())}};
  if (moment.result.reason != Reason::none) json["reason"] = name_of(moment.result.reason);
  if (std::isfinite(moment.result.score)) json["score"] = moment.result.score;
  if (model.decision) json["share_of_limit"] = moment.result.share;
  if (moment.result.speed_hz > 0.0F) json["speed_hz"] = moment.result.speed_hz;
  if (spec.set == FeatureSet::vibration) {
    for (const FamilyScore& family : why.families) {
      json["families"].push_back({{"family", name_of(family.family)}, {"score", family.score}});
    }
  }
  for (std::size_t i = 0; i < spec.dimensions(); ++i) {
    nlohmann::ordered_json row = {{"name", name_of_feature(spec, i)}, {"share", why.share[i]}};
    if (is_seen(model, changes, i)) {
      row.update(json_of(figure_of(model, changes, i), unit_of(model, i)));
    }
    json["features"].push_back(row);
  }
  for (std::size_t axis = 0; axis < spec.axes; ++axis) {
    if (spec.set == FeatureSet::vibration && !knows_axes(model)) break;
    nlohmann::ordered_json row = {{"name", kAxisNames[axis]}, {"share", why.axis_share[axis]}};
    if (knows_axes(model)) {
      const char* unit = axis < 3 ? "g" : "deg/s";
      row["all"] = json_of(figure_of(model, changes, axis, AxisMeasure::level), unit);
      if (model.baseline.knows_speed()) {  // otherwise there is nothing to be once of
        row["1x"] = json_of(figure_of(model, changes, axis, AxisMeasure::first), unit);
        row["2x"] = json_of(figure_of(model, changes, axis, AxisMeasure::second), unit);
      }
    }
    json["axes"].push_back(row);
  }
  return json;
}

nlohmann::ordered_json json_of(const DetectorModel& model, const Judged& judged) {
  nlohmann::ordered_json json = {{"recording", judged.name},
                                 {"recordings", judged.recordings},
                                 {"windows", judged.windows},
                                 {"cannot_judge", judged.cannot_judge},
                                 {"alarms", nlohmann::ordered_json::array()}};
  if (judged.alarms.empty()) json["evidence"] = !judged.at_rest;
  for (const Moment& alarm : judged.alarms) json["alarms"].push_back(json_of(model, alarm));
  if (judged.reason != Reason::none) json["reason"] = name_of(judged.reason);
  if (judged.alarms.empty() && judged.most) json["nearest"] = json_of(model, *judged.most);
  return json;
}

std::string times_text(const Figure& figure) {
  const auto times = static_cast<double>(figure.times());
  if (!(figure.before > 0.0F) || !std::isfinite(times)) return "";
  return times < 9.95 ? fmt::format("{:.1f} times", times) : fmt::format("{:.0f} times", times);
}

double rounded(float value) { return static_cast<double>(value); }

void print_features(const DetectorModel& model, const Changes& changes, const Explanation& why) {
  const FeatureSpec& spec = model.features;
  fmt::print("\n{:<32}{:>9}    {:<15}{:>11}{:>8}\n", "", "learned", "now", "", "share");
  for (std::size_t i = 0; i < spec.dimensions(); ++i) {
    const std::string name =
        fmt::format("{} {}", feature_source(spec, i), plain_name(model, i).view());
    if (!is_seen(model, changes, i)) {
      fmt::print("{:<32}{:>9}\n", name, "beyond half the sampling rate");
      continue;
    }
    const Figure figure = figure_of(model, changes, i);
    const std::string now = fmt::format("{:.3g} {}", rounded(figure.now), unit_of(model, i));
    fmt::print("{:<32}{:>9.3g} -> {:<15}{:>11}{:>6.0f} %\n", name, rounded(figure.before), now,
               times_text(figure), 100.0 * rounded(why.share[i]));
  }
}

void print_axes(const DetectorModel& model, const Changes& changes, const Explanation& why) {
  if (!knows_axes(model)) return;
  const auto cell = [](const Figure& figure) {
    const float times = figure.times();
    return fmt::format("{:>7.3g}->{:<7.3g}", rounded(figure.before), rounded(figure.now)) +
           (std::isfinite(times) ? fmt::format("{:>4.{}f}x", rounded(times), times < 9.95F ? 1 : 0)
                                 : "");
  };
  const auto line = [&](std::size_t axis, AxisMeasure measure) {
    return model.baseline.knows_speed() ? cell(figure_of(model, changes, axis, measure)) : "";
  };
  fmt::print("\n{:<4}{:^23}{:^23}{:^23}{:>7}\n", "", "all", "1x", "2x", "share");
  for (std::size_t axis = 0; axis < model.features.axes; ++axis) {
    fmt::print("{:<4}{:<23}{:<23}{:<23}{:>4.0f} %\n", kAxisNames[axis],
               cell(figure_of(model, changes, axis, AxisMeasure::level)),
               line(axis, AxisMeasure::first), line(axis, AxisMeasure::second),
               100.0 * rounded(why.axis_share[axis]));
  }
  fmt::print("a in g, g in deg/s (RMS)\n");
}

std::string verdict_text(const DetectorModel& model, const Moment& moment) {
  const WindowResult& result = moment.result;
  std::string text = result.alarm ? "ALARM" : name_of(result.verdict);
  if (result.reason != Reason::none) text += fmt::format(" ({})", describe(result.reason));
  if (model.decision) {
    text += fmt::format(", {:.0f} % of the limit {} {} window{}{}", 100.0 * rounded(result.share),
                        result.share > 0.0F ? "after" : "in the mean of", moment.changes.windows(),
                        moment.changes.windows() == 1 ? "" : "s",
                        result.share > 0.0F ? " of evidence" : "");
  } else {
    text += fmt::format(", score {:.4g} at a threshold of {:.4g}", rounded(result.score),
                        rounded(result.threshold));
  }
  if (result.speed_hz > 0.0F) text += fmt::format(", {:.1f} Hz", rounded(result.speed_hz));
  return text;
}

void print_moment(const DetectorModel& model, const Moment& moment) {
  const Explanation why = explain(model, moment.changes);
  fmt::print("\n{}\n", host::wrapped(fmt::format("{}  {}", host::clock_text(moment.t_us),
                                                 verdict_text(model, moment)),
                                     2));
  fmt::print("{}\n", host::wrapped(phrase_of(model, moment.changes, why).view(), 2));
  if (model.features.set == FeatureSet::vibration) {
    std::string text = "looks like";
    for (const FamilyScore& family : why.families) {
      text += fmt::format(" {} {:.2f},", name_of(family.family), rounded(family.score));
    }
    text.pop_back();
    fmt::print("{}\n", host::wrapped(text, 2));
  }
  print_features(model, moment.changes, why);
  print_axes(model, moment.changes, why);
}

std::string nothing_text(const Judged& judged) {
  if (2 * judged.cannot_judge > judged.windows) {
    return fmt::format("{} of {} windows cannot be judged: {}", judged.cannot_judge, judged.windows,
                       describe(judged.reason));
  }
  return "too few windows, none of which speaks for a change";
}

void print_details(const DetectorModel& model, const Judged& judged) {
  fmt::print("{}: {} windows, {} alarm{}\n", host::one_line(judged.name), judged.windows,
             judged.alarms.size(), judged.alarms.size() == 1 ? "" : "s");
  for (std::size_t i = 0; i < judged.alarms.size() && i < kMostTables; ++i) {
    print_moment(model, judged.alarms[i]);
  }
  if (judged.alarms.size() > kMostTables) {
    fmt::print("\n{} more alarms: --json has all of them.\n", judged.alarms.size() - kMostTables);
  }
  if (!judged.alarms.empty()) return;
  if (!judged.most) {
    fmt::print("{}\n",
               host::wrapped(fmt::format("Nothing to explain: {}.", nothing_text(judged)), 2));
    return;
  }
  fmt::print("{}\n", judged.at_rest
                         ? "No alarm, and nothing gathers for one; where scores are highest:"
                         : "No alarm; where most spoke for one:");
  print_moment(model, *judged.most);
}

void print_line(const DetectorModel& model, const Judged& judged) {
  const auto place = [&](const Moment& moment) {
    return host::clock_text(moment.t_us) +
           (judged.recordings > 1 ? " of " + host::one_line(moment.recording) : "");
  };
  std::string text;
  if (!judged.alarms.empty()) {
    const Moment& first = judged.alarms.front();
    text = fmt::format(
        "ALARM at {}{}: {}", place(first),
        judged.alarms.size() == 1 ? "" : fmt::format(" and {} more", judged.alarms.size() - 1),
        phrase_of(model, first.changes, explain(model, first.changes)).view());
  } else if (judged.most) {
    text = fmt::format(
        "no alarm; {} at {}: {}", judged.at_rest ? "highest scores" : "nearest",
        place(*judged.most),
        phrase_of(model, judged.most->changes, explain(model, judged.most->changes)).view());
  } else {
    text = "nothing to explain: " + nothing_text(judged);
  }
  const std::string more =
      judged.recordings > 1 ? fmt::format(" and {} more", judged.recordings - 1) : "";
  fmt::print("{}{}\n{}\n", host::one_line(judged.name), more, host::wrapped("  " + text, 4));
}

/// The sessions of a data set, in its order: recordings of one source and label follow each other, as for
/// 'fettle evaluate'.
std::vector<Judged> judge_sessions(const DetectorModel& model, const host::WindowTable& table) {
  std::vector<std::uint32_t> rows(table.size());
  std::iota(rows.begin(), rows.end(), 0U);
  const host::SourceGroups sources(table);
  std::vector<Judged> sessions;
  std::optional<Judging> judging;
  std::optional<std::uint32_t> before;
  host::judge_windows(model, table, rows,
                      [&](std::uint32_t row, const WindowResult& result, const Pipeline& after) {
                        const std::uint32_t recording = table.origins[row].recording;
                        if (!before || !sources.same_session(*before, row)) {
                          if (judging) sessions.push_back(judging->result());
                          judging.emplace(model, table.recordings[recording].id());
                        } else if (table.origins[*before].recording != recording) {
                          judging->go_on(table.recordings[recording].id());
                        }
                        before = row;
                        judging->add(result.start_us - table.began_us[recording], result,
                                     after.changes());
                      });
  if (judging) sessions.push_back(judging->result());
  return sessions;
}

void explain_data(const DetectorModel& model, const Options& options) {
  const host::DataSet data = host::DataSet::open(options.target);
  host::refuse_other_rate(data.folder().string(), data.rate_hz(), model.window);
  const host::WindowTable table = host::read_windows(
      data, model.features, model.window, [](const std::string& /*label*/) { return true; },
      host::ranges_of(model.baseline));
  if (table.size() == 0) {
    throw Error(ExitCode::too_little_data,
                fmt::format("{}: no recording has a window of {} samples", options.target,
                            model.window.samples));
  }
  nlohmann::ordered_json json = {{"recordings", nlohmann::ordered_json::array()}};
  for (const Judged& judged : judge_sessions(model, table)) {
    if (options.json) {
      json["recordings"].push_back(json_of(model, judged));
    } else {
      print_line(model, judged);
    }
  }
  if (options.json) fmt::print("{}\n", text_of(json));
}

void run(const Options& options) {
  const auto file = host::ModelFile::open_detector(options.model);
  const DetectorModel& model = file->detector();
  if (std::filesystem::is_directory(options.target)) return explain_data(model, options);
  host::RecordingReader reader(options.target);
  const Judged judged = judge(model, options.model, options.target, reader);
  if (options.json) {
    fmt::print("{}\n", text_of(json_of(model, judged)));
  } else {
    print_details(model, judged);
  }
}

}  // namespace

void add_explain(CLI::App& program) {
  auto* command = program.add_subcommand("explain", kHelp);
  command->footer(kFooter);
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "Detector made by 'fettle train'")->required();
  command->add_option("file", options->target, "Recording, '-' for standard input, or a data set")
      ->required()
      ->type_name("FILE|DATA");
  command->add_flag("--json", options->json, "Report as JSON on standard output");
  command->callback([options] { run(*options); });
}

}  // namespace fettle::cli
