// SPDX-License-Identifier: Apache-2.0
#include "host/rebase.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <numbers>

#include "core/learn/statistics.hpp"
#include "detector_generated.h"
#include "host/error.hpp"
#include "host/learning.hpp"
#include "host/normal_change.hpp"

namespace fettle::host {
namespace {

using Rows = std::vector<std::uint32_t>;

/// Of 60 s some windows are lost to a knock, or to where they begin.
constexpr double kEnough_s = 54.0;
/// Of neighbouring windows, which resemble each other, so many tell as much about a mean as one by itself.
constexpr double kIndependentShare = 0.25;
/// Tutorial features: vibration, whichever way the sensor is turned, that is so much stronger or weaker (natural
/// logarithm) is another machine, or a fault. Speed alone moves it by 0.2.
constexpr double kLevelChange = 0.4;
/// A limit is set so high that the share asked for lies above it in 19 of 20 machines.
constexpr double kConfidence = 0.95;
constexpr std::size_t kFolds = 5;

double percentile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  const double at = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

double normal_quantile(double share) {
  return boost::math::quantile(boost::math::normal(), std::clamp(share, 1e-6, 1.0 - 1e-6));
}

/// Centre and spread of log scores, as calibration measures them.
struct Spread {
  double location = 0.0;
  double scale = 1e-3;
};
Spread spread_of(const std::vector<double>& logs) {
  return {percentile(logs, 0.5),
          std::max((percentile(logs, 0.9) - percentile(logs, 0.1)) / 2.5631031, 1e-3)};
}

/// Values that tell as much about their mean as all of these, in order, do.
double independent(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0.0;
  for (const double x : values) mean += x / n;
  double square = 1e-12;
  double product = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    square += (values[i] - mean) * (values[i] - mean);
    if (i > 0) product += (values[i] - mean) * (values[i - 1] - mean);
  }
  const double r = std::clamp(product / square, 0.0, 0.9);
  return std::max(n * (1.0 - r) / (1.0 + r), 8.0);
}

/// A mean known from before and from now.
/// @param noise    variance between windows
/// @param healthy  variance of a healthy machine's mean over weeks, of which both means are one draw
/// @param before, now  independent windows that they rest on
double mean_between(double before_mean, double now_mean, double noise, double healthy,
                    double before, double now) {
  const double of_before = healthy + noise / before;
  const double of_now = healthy + noise / now;
  const double difference = now_mean - before_mean;
  const double by_remount = std::max(0.0, difference * difference - of_before - of_now);
  const double weight = (by_remount + of_before) / (by_remount + of_before + of_now);
  return before_mean + weight * difference;
}

class Rebase {
 public:
  Rebase(const ModelFile& model, const std::filesystem::path& data, const RebaseSettings& settings)
      : model_(model), detector_(model.detector()), settings_(settings), name_(data.string()) {
    refuse_without_statistics();
    read(data);
  }

  Rebased run() {
    choose_rows();
    refuse_too_little();
    refuse_moving_sensor();
    compare();
    fit();
    write();
    return std::move(result_);
  }

 private:
  [[nodiscard]] bool vibration() const { return detector_.features.set == FeatureSet::vibration; }
  [[nodiscard]] bool has_summaries() const { return summaries_.size() == table_.size(); }
  [[nodiscard]] double seconds(std::size_t windows) const {
    return static_cast<double>(windows) * detector_.window.seconds();
  }

  void refuse_without_statistics() const {
    if (model_.record().normalisation() != metadata::Normalisation::none) return;
    throw Error(ExitCode::bad_input,
                "this model was packed with --norm none, so it does not know what normal is: "
                "pack or train it anew on recordings from after the remount");
  }

  WindowTable read_as(const std::filesystem::path& data, const FeatureSpec& spec,
                      const std::optional<DataSet>& set) const {
    const auto expected = ranges_of(detector_.baseline);
    if (!set) return read_windows(data, spec, detector_.window, expected);
    return read_windows(
        *set, spec, detector_.window,
        [&](const std::string& label) { return label == settings_.normal; }, expected);
  }

  void read(const std::filesystem::path& data) {
    std::optional<DataSet> set;
    if (std::filesystem::is_directory(data)) {
      set = DataSet::open(data);
      host::refuse_other_rate(name_, set->rate_hz(), detector_.window);
      std::string labels;
      bool found = false;
      for (const auto& entry : set->recordings()) {
        found = found || entry.label == settings_.normal;
        if (labels.find(entry.label) == std::string::npos) {
          labels += (labels.empty() ? "" : ", ") + entry.label;
        }
      }
      if (!found) {
        throw Error(ExitCode::bad_input,
                    fmt::format("{}: no recordings labelled '{}'; there are: {}. Name the normal "
                                "label with --normal.",
                                name_, settings_.normal, labels.empty() ? "none" : labels));
      }
    }
    table_ = read_as(data, detector_.features, set);
    // Hygiene looks at what the vibration set says beside its features, where windows allow it.
    const FeatureSpec beside{FeatureSet::vibration, detector_.features.axes, false};
    if (vibration()) {
      summaries_ = table_.summaries;
    } else if (beside.supports_window(detector_.window.samples)) {
      summaries_ = read_as(data, beside, set).summaries;
    }
    if (!set && table_.size() > 0) {
      std::vector<double> rates;
      for (const auto& origin : table_.origins) rates.push_back(static_cast<double>(origin.rate));
      // A sensor's own clock may be off by 5 %.
      const double rate = percentile(rates, 0.5);
      if (std::abs(rate - 1.0) > 0.06) {
        host::refuse_other_rate(name_, rate * static_cast<double>(detector_.window.rate_hz),
                                detector_.window);
      }
    }
  }

  /// Recordings that training has seen were made before the remount.
  [[nodiscard]] std::vector<bool> seen_in_training() const {
    std::vector<bool> seen(table_.recordings.size());
    const auto* used = model_.record().training()->used();
    for (const WindowOrigin& origin : table_.origins) {
      for (const auto* recording : *used) {
        if (recording->rows() == origin.end_row && recording->hash() == origin.prefix_hash) {
          seen[origin.recording] = true;
        }
      }
    }
    return seen;
  }

  void choose_rows() {
    const std::size_t n = table_.size();
    const std::vector<bool> seen = seen_in_training();
    result_.seen_before = static_cast<std::size_t>(std::ranges::count(seen, true));
    result_.recordings = seen.size() - result_.seen_before;
    std::vector<LeftOut> left_out(n, LeftOut::no);
    std::vector<float> memory(n);
    for (std::size_t begin = 0, end = 0; has_summaries() && begin < n; begin = end) {
      const std::uint32_t recording = table_.origins[begin].recording;
      while (end < n && table_.origins[end].recording == recording) ++end;
      find_left_out(std::span(summaries_).subspan(begin, end - begin),
                    std::span(left_out).subspan(begin, end - begin), memory);
    }
    table_.points.assign(n, 0);
    const Baseline& baseline = detector_.baseline;
    const WindowShape& window = detector_.window;
    const float bin_hz = window.rate_hz / static_cast<float>(window.samples);
    float before_hz = 0.0F;
    for (std::uint32_t i = 0; i < n; ++i) {
      const WindowOrigin& origin = table_.origins[i];
      if (seen[origin.recording]) continue;
      if (origin.gap || (i > 0 && table_.origins[i - 1].recording != origin.recording)) {
        before_hz = 0.0F;
      }
      ++windows_;
      // A machine that is off throughout has no loud windows beside which these would be quiet.
      if (left_out[i] == LeftOut::no && baseline.points > 0 &&
          summaries_[i].accelerometer_rms_g < baseline.off_g) {
        left_out[i] = LeftOut::off;
      }
      if (left_out[i] == LeftOut::no && !finite(i)) left_out[i] = LeftOut::broken;
      if (left_out[i] == LeftOut::no && baseline.knows_speed()) {
        const RunningSpeed& speed = summaries_[i].speed;
        const bool clear = speed.hz > 0.0F && speed.confidence >= baseline.confidence;
        const Place place = clear ? place_of(baseline, speed.hz) : Place{};
        const bool changes =
            clear && speeds_differ(speed.hz, before_hz, baseline.steady_ratio, bin_hz);
        before_hz = clear ? speed.hz : 0.0F;
        if (!clear || changes) {
          left_out[i] = LeftOut::changing;
        } else if (place.outside > 1.0F) {
          ++result_.other_speed;
          speeds_.push_back(static_cast<double>(speed.hz));
          continue;
        }
        table_.points[i] = place.point;
      }
      ++result_.left_out[static_cast<std::size_t>(left_out[i])];
      if (left_out[i] == LeftOut::no) rows_.push_back(i);
    }
    result_.left_out[0] = 0;
    result_.windows = rows_.size();
    result_.seconds = seconds(rows_.size());
  }

  [[nodiscard]] bool finite(std::size_t i) const {
    return std::ranges::all_of(table_.row(i), [](float x) { return std::isfinite(x); });
  }

  void refuse_too_little() const {
    if (result_.seconds >= kEnough_s) return;
    std::string text = fmt::format(
        "{}: {:.0f} s of normal running can be used, expected {:.0f} s: {:.0f} s are missing.",
        name_, result_.seconds, kRebase_s, std::ceil(kRebase_s - result_.seconds));
    if (result_.seen_before > 0) {
      text += fmt::format(
          "\n{} recordings are those that the model was trained on, from before the remount.",
          result_.seen_before);
    }
    const auto& out = result_.left_out;
    const auto add = [&](std::size_t windows, const std::string& what) {
      if (windows > 0) text += fmt::format("\n{:.0f} s: {}.", seconds(windows), what);
    };
    const auto of = [&](LeftOut why) { return out[static_cast<std::size_t>(why)]; };
    add(of(LeftOut::off), "the machine is off");
    add(of(LeftOut::changing), "the running speed changes or cannot be made out");
    add(of(LeftOut::knock), "knocks");
    add(of(LeftOut::broken), "the sensor clips or is stuck");
    if (!speeds_.empty()) {
      const double hz = percentile(speeds_, 0.5);
      add(result_.other_speed,
          fmt::format("at {:.1f} Hz, a speed that was not learned; train anew for that", hz));
    }
    text += "\nLet the machine run as it always does and record a minute or two.";
    throw Error(ExitCode::too_little_data, text);
  }

  void refuse_moving_sensor() const {
    if (!has_summaries()) return;
    std::array<double, 3> sum{};
    std::size_t n = 0;
    for (const std::uint32_t i : rows_) {
      const WindowSummary& window = summaries_[i];
      if (!(window.gravity_size_g > 0.1F)) continue;
      ++n;
      for (std::size_t a = 0; a < 3; ++a) {
        sum[a] += static_cast<double>(window.gravity_g[a] / window.gravity_size_g);
      }
    }
    if (std::hypot(sum[0], sum[1], sum[2]) >= kSameGravity * static_cast<double>(n)) return;
    throw Error(
        ExitCode::bad_input,
        fmt::format("{}: the sensor did not sit the same way all the time. Give a recording from "
                    "after the remount alone (a CSV file, or a data set of its own), made once it "
                    "sits where it shall stay.",
                    name_));
  }

  // ---- how far from what was learned -------------------------------------------------------------

  /// Level of one sensor's three axes together from means and spreads of tutorial features.
  static double tutorial_level(const FeatureSpec& spec, const Normaliser& n, std::size_t sensor) {
    double square = 0.0;
    for (std::size_t axis = 3 * sensor; axis < 3 * sensor + 3; ++axis) {
      const std::size_t at = axis * spec.per_axis() + (spec.with_mean ? 1 : 0);
      const auto mean = static_cast<double>(n.mean[at]);
      const auto scale = static_cast<double>(n.scale[at]);
      square += mean * mean + scale * scale;
    }
    return std::sqrt(square);
  }

  void compare() {
    if (vibration()) {
      const auto scores =
          log_scores(int8_scores(detector_.score, model_.network(), detector_.normaliser,
                                 centred(table_, detector_.baseline), rows_));
      const double median = percentile(scores, 0.5);
      if (detector_.decision) {
        result_.change = (median - static_cast<double>(detector_.decision->location)) /
                         static_cast<double>(detector_.decision->scale);
        result_.allowed = static_cast<double>(detector_.decision->reference);
      } else {
        result_.change =
            median - std::log(std::max(static_cast<double>(detector_.threshold), 1e-30));
      }
    } else {
      const Normaliser now = statistics(rows_);
      for (std::size_t sensor = 0; 3 * sensor < detector_.features.axes; ++sensor) {
        const double ratio = std::log(
            tutorial_level(detector_.features, now, sensor) /
            std::max(tutorial_level(detector_.features, detector_.normaliser, sensor), 1e-9));
        if (std::abs(ratio) > std::abs(result_.change)) result_.change = ratio;
      }
      result_.allowed = kLevelChange;
    }
    const double far = vibration() ? result_.change : std::abs(result_.change);
    forced_ = far > result_.allowed;
    if (settings_.force) return;
    if (!forced_) {
      refuse_two_groups();
      refuse_alarm();
      return;
    }
    const std::string how =
        !vibration()
            ? fmt::format(
                  "they shake {:.2f} times as strongly, whichever way the sensor "
                  "is turned; between {:.2f} and {:.2f} is taken for a remount",
                  std::exp(result_.change), std::exp(-kLevelChange), std::exp(kLevelChange))
        : detector_.decision ? fmt::format(
                                   "the usual window is {:.1f} deviations from what was learned, "
                                   "and up to {:.1f} is taken for a remount",
                                   result_.change, result_.allowed)
                             : fmt::format("the usual window scores {:.1f} times the threshold",
                                           std::exp(result_.change));
    refuse_fault(fmt::format("these recordings look like a fault or another machine: {}", how));
  }

  /// Something that begins on the way moves the median too late.
  void refuse_two_groups() const {
    WindowTable used;
    used.spec = table_.spec;
    used.window = table_.window;
    used.recordings = table_.recordings;
    for (RecordingEntry& entry : used.recordings) {
      if (entry.label.empty()) entry.label = "recording";  // it is in no data set
    }
    used.began_us = table_.began_us;
    const WindowTable around = centred(table_, detector_.baseline);
    for (const std::uint32_t i : rows_) {
      used.features.insert(used.features.end(), around.row(i).begin(), around.row(i).end());
      used.origins.push_back(table_.origins[i]);
    }
    const auto change = find_change(used);
    if (!change) return;
    refuse_fault(
        fmt::format("they fall into two groups: from {:.0f} s of {} on {}_{} is another "
                    "({:.1f} deviations)",
                    change->at_s, change->recording, feature_source(table_.spec, change->feature),
                    feature_kind(table_.spec, change->feature), change->deviations));
  }
  void refuse_alarm() const {
    if (!vibration() || !detector_.decision) return;
    for (const WindowResult& window : judge_windows(detector_, table_, rows_)) {
      if (!raises(window.verdict)) continue;
      refuse_fault("the model raises an alarm on them, and not because the sensor was turned");
    }
  }

  [[noreturn]] void refuse_fault(const std::string& what) const {
    throw Error(ExitCode::bad_input,
                fmt::format("{}: {}.\nA remount must not teach a fault: look at machine and mount. "
                            "If they are in order, train anew; --force rebases all the same.",
                            name_, what));
  }

  // ---- what is learned ---------------------------------------------------------------------------

  [[nodiscard]] Normaliser statistics(std::span<const std::uint32_t> rows) const {
    std::vector<float> features;
    for (const std::uint32_t i : rows) {
      features.insert(features.end(), table_.row(i).begin(), table_.row(i).end());
    }
    Normaliser normaliser;
    if (fit_normaliser(table_.spec, features, normaliser) != Status::ok) {
      throw Error(
          ExitCode::bad_input,
          fmt::format("{}: features that are no numbers; 'fettle inspect' shows where", name_));
    }
    return normaliser;
  }

  /// What some windows make of the model.
  struct Fit {
    LearnedBaseline baseline;
    Normaliser normaliser;
  };

  [[nodiscard]] Fit fitted(std::span<const std::uint32_t> rows) const {
    const std::size_t d = detector_.features.dimensions();
    const double now = std::max(kIndependentShare * static_cast<double>(rows.size()), 1.0);
    Fit fit;
    fit.normaliser = detector_.normaliser;
    if (detector_.baseline.points == 0) {
      const double before =
          std::max(kIndependentShare * model_.record().training()->windows_train(), 1.0);
      const Normaliser fresh = statistics(rows);
      for (std::size_t f = 0; f < d; ++f) {
        const auto scale = static_cast<double>(detector_.normaliser.scale[f]);
        fit.normaliser.mean[f] = static_cast<float>(
            mean_between(static_cast<double>(detector_.normaliser.mean[f]),
                         static_cast<double>(fresh.mean[f]), scale * scale, 0.0, before, now));
        fit.normaliser.scale[f] = std::max(detector_.normaliser.scale[f], fresh.scale[f]);
      }
      return fit;
    }
    const HealthyVariation variation;
    fit.baseline = learn_baseline(table_, rows);
    Baseline& baseline = fit.baseline.baseline;
    for (std::size_t p = 0; p < baseline.points; ++p) {
      const OperatingPoint& old = detector_.baseline.point[p];
      std::vector<float>& mean = fit.baseline.means[p];
      const auto windows = static_cast<double>(fit.baseline.windows[p]);
      const double before = std::max(
          kIndependentShare *
              model_.record().baseline()->points()->Get(static_cast<std::uint32_t>(p))->windows(),
          1.0);
      for (std::size_t f = 0; f < d; ++f) {
        if (windows < kSmallestGroup) {  // not seen, or a moment only
          mean[f] = old.mean[f];
          continue;
        }
        const auto scale = static_cast<double>(detector_.normaliser.scale[f]);
        const auto healthy = static_cast<double>(covariance(variation, table_.spec, f, f));
        mean[f] = static_cast<float>(
            mean_between(static_cast<double>(old.mean[f]), static_cast<double>(mean[f]),
                         std::max(scale * scale - healthy, 0.0), healthy, before,
                         std::max(kIndependentShare * windows, 1.0)));
      }
      baseline.point[p].mean = mean;
    }
    return fit;
  }

  [[nodiscard]] std::vector<float> scores_with(const Fit& fit, const WindowTable& table,
                                               std::span<const std::uint32_t> rows) const {
    return int8_scores(detector_.score, model_.network(), fit.normaliser,
                       centred(table, fit.baseline.baseline), rows);
  }

  void fit() {
    // learn_baseline() takes set points from the table: they are the model's.
    const Baseline& old = detector_.baseline;
    if (old.knows_speed()) {
      table_.speeds.points = old.points;
      for (std::size_t p = 0; p < old.points; ++p) {
        table_.speeds.point[p] = {
            {old.point[p].low_hz, old.point[p].high_hz}, old.point[p].centre_hz, 0};
      }
    }
    fit_ = fitted(rows_);
    // Scores of windows by means that do not know them: fifths in one piece are left out in turn.
    const auto draws = variation_draws(table_.spec, HealthyVariation{});
    std::vector<float> scores;
    std::vector<float> varied;
    for (std::size_t k = 0; k < kFolds; ++k) {
      Rows others;
      Rows held_out;
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        (i * kFolds / rows_.size() == k ? held_out : others).push_back(rows_[i]);
      }
      const Fit fold = fitted(others);
      const auto plain = scores_with(fold, table_, held_out);
      scores.insert(scores.end(), plain.begin(), plain.end());
      for (const auto& draw : draws) {
        WindowTable moved = table_;
        for (std::size_t i = 0; i < moved.features.size(); ++i) {
          moved.features[i] += draw[i % draw.size()];
        }
        const auto more = scores_with(fold, moved, held_out);
        varied.insert(varied.end(), more.begin(), more.end());
      }
    }
    const std::vector<double> logs = log_scores(scores);
    independent_ = independent(logs);
    of_windows_ = spread_of(logs);
    of_weeks_ = varied.empty() ? of_windows_ : spread_of(log_scores(varied));
    largest_ = *std::ranges::max_element(scores);
  }

  /// Where the decision takes the centre and spread of normal scores to be: never nearer than before.
  [[nodiscard]] Spread limits() const {
    Spread now = of_weeks_;
    // So few windows know the centre to this; where it is too low by chance, alarms are false for months.
    now.location += of_windows_.scale / std::sqrt(independent_);
    now.location = std::max(now.location, static_cast<double>(detector_.decision->location));
    now.scale = std::max(now.scale, static_cast<double>(detector_.decision->scale));
    return now;
  }

  [[nodiscard]] float threshold() const {
    const auto& record = *model_.record().threshold();
    if (record.kind() == metadata::ThresholdKind::fixed) return record.value();
    // Tolerance limit of a normal distribution of log scores (Natrella, Experimental Statistics, NBS Handbook 91,
    // 1963, p. A-15), windows counted as far as they are independent.
    const double n = independent_;
    const double z = normal_quantile(static_cast<double>(record.percentile_asked()) / 100.0);
    const double sure = normal_quantile(kConfidence);
    const double a = 1.0 - sure * sure / (2.0 * (n - 1.0));
    const double b = z * z - sure * sure / n;
    const double k = (z + std::sqrt(std::max(z * z - a * b, 0.0))) / a;
    // Where windows are decided together it is a figure to look at, and weeks of healthy running stay below; where
    // each is judged by it, what it lets pass is missed.
    const Spread& spread = detector_.decision ? of_weeks_ : of_windows_;
    const double limit = std::exp(spread.location + k * spread.scale);
    return std::max({record.value(), largest_, static_cast<float>(std::min(limit, 1e30))});
  }

  void write() {
    std::unique_ptr<metadata::DetectorRecordT> record(model_.record().UnPack());
    result_.threshold_before = detector_.threshold;
    result_.threshold_after = record->threshold->value = threshold();
    const std::size_t d = detector_.features.dimensions();
    record->mean.assign(fit_.normaliser.mean.begin(),
                        fit_.normaliser.mean.begin() + static_cast<std::ptrdiff_t>(d));
    record->scale.assign(fit_.normaliser.scale.begin(),
                         fit_.normaliser.scale.begin() + static_cast<std::ptrdiff_t>(d));
    if (detector_.decision) {
      const Spread spread = limits();
      const metadata::Sequential& s = *record->decision->settings;
      result_.location_before = s.location();
      result_.location_after = static_cast<float>(spread.location);
      *record->decision->settings =
          metadata::Sequential(result_.location_after, static_cast<float>(spread.scale), s.cap(),
                               s.reference(), s.limit(), s.lambda(), s.kind(), s.k(), s.n());
    }
    result_.points = 1;
    if (record->baseline) write_baseline(*record->baseline);

    Split split;
    split.train = rows_;
    record->rebase = std::make_unique<metadata::RebaseT>();
    metadata::RebaseT& to = *record->rebase;
    const RecordBase base = base_of(model_);
    to.base_bytes = base.bytes;
    to.base_record = base.record;
    to.windows = static_cast<std::uint32_t>(rows_.size());
    to.points = static_cast<std::uint8_t>(result_.points);
    to.forced = forced_;
    to.change = static_cast<float>(std::clamp(result_.change, -1e6, 1e6));
    to.version = settings_.version;
    to.normal_label = settings_.normal;
    for (const UsedRecording& used : used_recordings(table_, split)) {
      to.used.emplace_back(used.hash, used.rows, used.rows, used.rows);
    }
    result_.file = with_record(model_, *record);
  }

  void write_baseline(metadata::BaselineT& baseline) {
    const Baseline& fresh = fit_.baseline.baseline;
    bool all = true;
    result_.points = 0;
    for (std::size_t p = 0; p < fresh.points; ++p) {
      const bool seen = fit_.baseline.windows[p] >= kSmallestGroup;
      all = all && seen;
      if (!seen) continue;
      result_.points |= 1U << p;
      baseline.points[p]->mean = fit_.baseline.means[p];
    }
    if (result_.points != 0) turn_axes(baseline);
    // What is quieter than all that was seen now may be a set point that was not.
    baseline.off_g = all ? fresh.off_g : std::min(fresh.off_g, detector_.baseline.off_g);
    const auto& was = detector_.baseline.gravity;
    if (was != std::array<float, 3>{} && fresh.gravity != std::array<float, 3>{}) {
      const double cosine = static_cast<double>(
          was[0] * fresh.gravity[0] + was[1] * fresh.gravity[1] + was[2] * fresh.gravity[2]);
      result_.gravity_turn_deg =
          std::acos(std::clamp(cosine, -1.0, 1.0)) * 180.0 / std::numbers::pi;
    }
    baseline.gravity.assign(fresh.gravity.begin(), fresh.gravity.end());
  }

  /// What each axis feels now. A set point that was not seen is taken to have turned as those that were.
  void turn_axes(metadata::BaselineT& baseline) const {
    const Baseline& fresh = fit_.baseline.baseline;
    std::vector<float> turned(detector_.features.axis_levels());
    float seen = 0.0F;
    for (std::size_t p = 0; p < fresh.points; ++p) {
      if ((result_.points & (1U << p)) == 0) continue;
      seen += 1.0F;
      const auto& now = fit_.baseline.axis_means[p];
      const auto was = detector_.baseline.point[p].axis_mean;
      for (std::size_t i = 0; i < turned.size(); ++i) turned[i] += now[i] - was[i];
    }
    for (std::size_t p = 0; p < fresh.points; ++p) {
      std::vector<float>& mean = baseline.points[p]->axis_mean;
      const bool known = (result_.points & (1U << p)) != 0;
      for (std::size_t i = 0; i < mean.size(); ++i) {
        mean[i] = known ? fit_.baseline.axis_means[p][i] : mean[i] + turned[i] / seen;
      }
    }
  }

  const ModelFile& model_;
  const DetectorModel& detector_;
  const RebaseSettings& settings_;
  std::string name_;
  WindowTable table_;
  std::vector<WindowSummary> summaries_;  // of the same windows; empty where there are none
  Rows rows_;                             // that count
  std::vector<double> speeds_;            // of windows at other speeds
  std::size_t windows_ = 0;
  bool forced_ = false;
  Fit fit_;
  // Of scores by means that did not know them, and the same with what weeks bring.
  Spread of_windows_, of_weeks_;
  double independent_ = 1.0;  // of these scores
  float largest_ = 0.0F;
  Rebased result_;
};

}  // namespace

Rebased rebase(const ModelFile& model, const std::filesystem::path& data,
               const RebaseSettings& settings) {
  if (model.record().rebase() == nullptr) return Rebase(model, data, settings).run();
  const auto trained = without_rebase(model, "the model");
  Rebased result = Rebase(*trained, data, settings).run();
  result.replaced = true;
  return result;
}

}  // namespace fettle::host
