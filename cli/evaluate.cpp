// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.hpp"
#include "cli/json.hpp"
#include "host/evaluation.hpp"
#include "host/text.hpp"

namespace fettle::cli {
namespace {

struct Options {
  std::string model, data;
  bool json = false;
};

constexpr const char* kHelp =
    "Judge a model: does it find faults, does it stay quiet?\n"
    "\n"
    "Windows that the model was trained on are recognised by their samples and left\n"
    "out, so false alarms are counted on later normal running only. Unknown\n"
    "recordings are used whole.";

constexpr const char* kFooter =
    "What the words mean:\n"
    "  AUC       chance that a faulty window scores above a normal one; 0.5 is a coin\n"
    "  recall    share of a fault's windows during which the alert line is up, as it\n"
    "            stays while the machine is off; what cannot be judged before that\n"
    "            counts as missed\n"
    "  alarm     the alert line goes up: windows above the threshold, or evidence\n"
    "            that has gathered over windows, if the model decides so\n"
    "  grows     dataset.json says how bad the fault is when (FORMATS.md); delays\n"
    "            count from where it begins\n"
    "  [a, b]    95 % interval; few hours of normal running allow wide ones only";

constexpr std::size_t kLabelColumns = 17;

/// A label that fits its column; what is cut off ends in "~".
std::string shortened(const std::string& label) {
  if (label.size() <= kLabelColumns) return label;
  return fmt::format("{:.{}}~", label, kLabelColumns - 1);
}

nlohmann::json to_json(const host::Evaluation& e) {
  nlohmann::json json;
  if (!e.classes.empty()) {
    json["auc"] = e.auc;
    json["auc_interval"] = {{"low", e.auc_interval.low}, {"high", e.auc_interval.high}};
  }
  json["threshold"] = e.threshold;
  json["false_positive_rate"] = e.false_positive_rate;
  json["alarms"] = e.alarms;
  json["alarms_per_hour"] = e.alarms_per_hour;
  json["alarms_per_hour_upper95"] = e.alarms_per_hour_upper95;
  json["normal_hours"] = e.normal_hours;
  json["alarms_per_hour_interval"] = {{"low", e.alarms_per_hour_interval.low},
                                      {"high", e.alarms_per_hour_interval.high}};
  json["cannot_judge"] = e.cannot_judge;
  json["sensor_moved_windows"] = e.sensor_moved;
  json["windows"][e.normal_label] = e.normal_windows;
  json["windows_left_out"] = e.windows_left_out;
  json["training_recordings"] = {{"listed", e.training_recordings},
                                 {"found", e.training_recordings_found}};
  if (e.classes.empty()) return json;
  for (const auto& [label, fault] : e.classes) {
    json["auc_by_class"][label] = fault.auc;
    json["auc_interval_by_class"][label] = {{"low", fault.auc_interval.low},
                                            {"high", fault.auc_interval.high}};
    json["recall"][label] = fault.recall;
    json["windows"][label] = fault.windows;
    json["onsets"][label] = fault.onsets;
    json["alarmed"][label] = fault.delays_s.size();
    json["delay_median_s"][label] = nullptr;
    json["delay_95_s"][label] = nullptr;
    if (!fault.delays_s.empty()) {
      json["delay_median_s"][label] = fault.delay_percentile_s(50.0);
      json["delay_95_s"][label] = fault.delay_percentile_s(95.0);
    }
    json["cannot_judge_by_class"][label] = fault.cannot_judge;
    if (fault.before_onset > 0) json["windows_before_onset"][label] = fault.before_onset;
    if (fault.growing > 0) {
      json["growing"][label] = fault.growing;
      json["growing_alarmed"][label] = fault.severities.size();
      json["severity_at_alarm_median"][label] = nullptr;
      if (!fault.severities.empty()) {
        json["severity_at_alarm_median"][label] = fault.severity_median();
      }
    }
  }
  json["int8"] = {{"auc_change", e.int8.auc_change},
                  {"auc_float", e.int8.auc_float},
                  {"decisions_changed", e.int8.decisions_changed},
                  {"score_change_normal", e.int8.score_change_normal},
                  {"score_change_faults", e.int8.score_change_faults},
                  {"score_change_largest", e.int8.score_change_largest},
                  {"microseconds", e.int8.microseconds},
                  {"microseconds_float", e.int8.microseconds_float},
                  {"bytes", e.int8.bytes},
                  {"bytes_float", e.int8.bytes_float},
                  {"retrained", e.int8.retrained}};
  if (e.without_mean) {
    json["without_mean"] = {{"auc", e.without_mean->auc}, {"retrained", e.without_mean->retrained}};
    if (e.without_mean->recall) json["without_mean"]["recall"] = *e.without_mean->recall;
    if (e.without_mean->false_positive_rate) {
      json["without_mean"]["false_positive_rate"] = *e.without_mean->false_positive_rate;
    }
  }
  json["mean_share"] = e.mean_share;
  json["tilt"] = e.tilt_sentence;
  return json;
}

/// Does it find faults?
void print_faults(const host::Evaluation& e) {
  fmt::print("{:<18}{:>8}  {:<24}{:>8}\n", "label", "windows", "AUC [95 % interval]", "recall");
  for (const auto& [label, fault] : e.classes) {
    fmt::print("{:<18}{:>8}  {:<24}{:>7.1f} %\n", shortened(label), fault.windows,
               fmt::format("{:.4f} [{:.3f}, {:.3f}]", fault.auc, fault.auc_interval.low,
                           fault.auc_interval.high),
               100.0 * fault.recall);
  }
  fmt::print("{:<18}{:>8}  {:.4f} [{:.3f}, {:.3f}]\n\n", "all faults", "", e.auc,
             e.auc_interval.low, e.auc_interval.high);
  for (const auto& [label, fault] : e.classes) {
    const std::string delays =
        fault.delays_s.empty()
            ? ""
            : fmt::format(", after {:.1f} s (median), {:.1f} s (95 %)",
                          fault.delay_percentile_s(50.0), fault.delay_percentile_s(95.0));
    fmt::print("{}\n",
               host::wrapped(fmt::format("{:<18}alarm in {} of {} sessions{}", shortened(label),
                                         fault.delays_s.size(), fault.onsets, delays),
                             18));
    if (fault.cannot_judge > 0.0) {
      fmt::print("{:<18}cannot judge {:.1f} %\n", "", 100.0 * fault.cannot_judge);
    }
    if (fault.growing == 0) continue;
    const std::size_t missed = fault.growing - fault.severities.size();
    fmt::print("{:<18}grows in {}{}{}\n", "", fault.growing,
               fault.severities.empty()
                   ? ""
                   : fmt::format(": caught at severity {:.2g} (median)", fault.severity_median()),
               missed == 0 ? "" : fmt::format("; {} never caught", missed));
  }
  fmt::print("\n");
}

/// Does it stay quiet?
void print_normal(const host::Evaluation& e) {
  fmt::print("later '{}'  {} windows, {:.1f} min; {} windows seen in training left out\n",
             e.normal_label, e.normal_windows, 60.0 * e.normal_hours, e.windows_left_out);
  fmt::print("false alarms    {} alarm{}, {:.3g} an hour\n", e.alarms, e.alarms == 1 ? "" : "s",
             e.alarms_per_hour);
  fmt::print("                so little running allows {:.3g} to {:.3g} an hour (95 %)\n",
             e.alarms_per_hour_interval.low, e.alarms_per_hour_interval.high);
  fmt::print("                single windows above the threshold: {:.2f} %{}\n",
             100.0 * e.false_positive_rate, e.decides ? " (alone no alarm)" : "");
  if (e.cannot_judge > 0.0 || e.sensor_moved > 0) {
    fmt::print("cannot judge    {:.2f} % of these windows; 'sensor moved' on {}\n",
               100.0 * e.cannot_judge, e.sensor_moved);
  }
  fmt::print("threshold       {:.6g}\n", static_cast<double>(e.threshold));
}

/// What int8, and the sensor's tilt, have to do with it.
void print_network(const host::Evaluation& e) {
  std::uint64_t windows = e.normal_windows;
  for (const auto& [label, fault] : e.classes) windows += fault.windows;
  fmt::print("int8 for float  AUC {:+.4f}, {} of {} decisions changed\n", e.int8.auc_change,
             e.int8.decisions_changed, windows);
  fmt::print("                score {:.1f} % off on normal windows, {:.1f} % on faulty ones\n",
             100.0 * e.int8.score_change_normal, 100.0 * e.int8.score_change_faults);
  fmt::print("                {} bytes of weights for {}; {:.2f} us a window for {:.2f}\n",
             e.int8.bytes, e.int8.bytes_float, e.int8.microseconds, e.int8.microseconds_float);
  if (!e.int8.retrained) {
    fmt::print("                (float: the int8 weights, because training cannot be repeated)\n");
  }
  if (e.without_mean) {
    fmt::print("without mean    AUC {:.4f}", e.without_mean->auc);
    if (e.without_mean->recall && e.without_mean->false_positive_rate) {
      fmt::print(", recall {:.1f} %, false alarms {:.2f} % of windows",
                 100.0 * *e.without_mean->recall, 100.0 * *e.without_mean->false_positive_rate);
    }
    fmt::print("{}\n", e.without_mean->retrained ? "" : " (their terms left out; not retrained)");
  }
  fmt::print("\n{}\n", host::wrapped(e.tilt_sentence, 0));
}

void print_text(const host::Evaluation& e) {
  if (e.training_recordings_found < e.training_recordings) {
    const std::string text = fmt::format(
        "Note: {} of the {} recordings that the model was trained on are recognised here. If parts "
        "of "
        "the others are here, cut by 'fettle label' or edited since, they are judged as if they "
        "were "
        "new and the figures below are too good: train again.",
        e.training_recordings_found, e.training_recordings);
    fmt::print("{}\n\n", host::wrapped(text, 2));
  }
  if (!e.classes.empty()) print_faults(e);
  print_normal(e);
  if (!e.classes.empty()) {
    print_network(e);
  } else {
    fmt::print("\n{}\n", host::wrapped("Nothing is labelled as a fault, so whether faults would be "
                                       "found is not known: 'fettle label', or 'fettle simulate'.",
                                       0));
  }
  if (!e.decides && e.false_positive_rate > 0.1) {
    fmt::print("{}\n",
               host::wrapped("More than a tenth of later normal running is called anomalous: this "
                             "detector is of no use yet. 'fettle inspect' shows whether speed "
                             "or level drift; record normal running as it varies.",
                             0));
  }
}

}  // namespace

void add_evaluate(CLI::App& program) {
  auto* command = program.add_subcommand("evaluate", kHelp);
  command->footer(kFooter);
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "Detector made by 'fettle train'")->required();
  command
      ->add_option("data", options->data,
                   "Data set with normal recordings, and faulty ones if there are")
      ->required();
  command->add_flag("--json", options->json, "Report as JSON on standard output");
  command->callback([options] {
    const auto model = host::ModelFile::open_detector(options->model);
    const auto result = host::evaluate(*model, host::DataSet::open(options->data));
    if (options->json) {
      fmt::print("{}\n", text_of(to_json(result)));
    } else {
      print_text(result);
    }
  });
}

}  // namespace fettle::cli
