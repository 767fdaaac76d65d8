// SPDX-License-Identifier: Apache-2.0
#include "core/learn/calibration.hpp"

#include <array>

#include "core/elementary.hpp"
#include "core/learn/limit_trial.hpp"
#include "core/learn/statistics.hpp"
#include "core/math.hpp"

namespace fettle {
namespace {

double square_root_of(double x) { return static_cast<double>(square_root(static_cast<float>(x))); }

/// The reference is as many standard deviations of sessions' levels: a session that drifts towards
/// an alarm by itself is then one in 30,000.
constexpr float kHealthyDeviations = 4.0F;
constexpr float kSmallestLimit = 0.25F;
constexpr float kNoCap = 50.0F;

// Levels that a session may have: a normal distribution in steps of a quarter deviation, from 0 to
// 3.75. What lies lower hardly alarms and is taken together, on the safe side.
constexpr double kLevelStep = 0.25;
constexpr int kLevels = 16;

Support support_of(const EvidenceModel& model, double windows, const CalibrationWish& wish) {
  const double supported = kRunLengthPerIndependentWindow * model.independent_windows;
  Support support;
  support.normal_hours = windows * wish.window_seconds / 3600.0;
  support.supported_per_hour = 3600.0 / (supported * wish.window_seconds);
  support.minutes_missing =
      std::max(0.0, wish.run_length() / supported - 1.0) * support.normal_hours * 60.0;
  return support;
}

}  // namespace

void Summariser::push(float evidence) {
  const double x = static_cast<double>(EvidenceSummary::held(evidence));
  ++summary_.counts[EvidenceSummary::bin_of(evidence)];
  ++summary_.windows;
  if (windows_ > 0) {
    ++summary_.pairs;
    summary_.products += x * before_;
  }
  before_ = x;
  sum_ += x;
  ++windows_;
}

void Summariser::end_session(bool counts) {
  if (windows_ == 0) return;
  if (counts) {
    const double mean = sum_ / windows_;
    ++summary_.sessions;
    summary_.session_means += mean;
    summary_.session_squares += mean * mean;
  }
  sum_ = 0.0;
  windows_ = 0;
}

double most_between_sessions(const EvidenceModel& model) {
  return model.upper_quantile(1e-4) / static_cast<double>(kHealthyDeviations);
}

Support support_of(const EvidenceSummary& summary, const CalibrationWish& wish) {
  EvidenceModel model;
  fit(summary, model);
  return support_of(model, summary.windows, wish);
}

Status Calibrator::begin(const EvidenceSummary& summary, float location, float scale,
                         const CalibrationWish& wish, std::span<float> memory) {
  search_ = Search::finished;
  if (!(wish.alarms_per_hour > 0.0) || !(wish.window_seconds > 0.0) ||
      !(wish.session_seconds > 0.0) || !(wish.between_sessions >= 0.0F) ||
      !is_valid(wish.decision) || !(scale > 0.0F) || !is_finite(scale) || !is_finite(location)) {
    return Status::bad_configuration;
  }
  if (summary.windows < kFewestCalibrationWindows) return Status::too_few_windows;
  const bool cusum = wish.decision.kind == DecisionKind::cusum;
  if (cusum ? memory.size() < run_length_floats(kFewestCells) : memory.size() < kTrialStretches) {
    return Status::workspace_too_small;
  }
  wish_ = wish;
  memory_ = memory;
  Calibration& calibration = calibration_;
  calibration = Calibration{};
  EvidenceModel& model = calibration.model;
  fit(summary, model);
  DecisionSettings& settings = calibration.settings;
  settings = wish.decision;
  settings.location = location + scale * static_cast<float>(model.centre);
  settings.scale = scale * static_cast<float>(model.spread);

  // Between sessions: the variance of their means less what sampling alone makes of it.
  const double variance = model.deviation * model.deviation;
  const double sessions = summary.sessions;
  double between = 0.0;
  if (summary.sessions >= 2) {
    const double mean = summary.session_means / sessions;
    const double of_means = (summary.session_squares / sessions - mean * mean) * sessions /
                            (sessions - 1.0) / (model.spread * model.spread);
    between = of_means - variance * sessions / model.independent_windows;
  }
  // Hours with and without a neighbour are no normal distribution of levels, and four of its deviations beyond
  // anything that single windows have shown would be a limit that no fault reaches.
  const double most = most_between_sessions(model);
  between = std::min(between, most * most);
  const double floor = static_cast<double>(wish.between_sessions);
  between = std::max(between, floor * floor);
  calibration.between_sessions = static_cast<float>(square_root_of(between));
  // The next session and those of these data both are samples of what sessions are like.
  const double of_level = between * (1.0 + 1.0 / std::max(sessions, 1.0));
  settings.reference = std::max(wish.decision.reference,
                                kHealthyDeviations * static_cast<float>(square_root_of(of_level)));
  settings.cap = std::max(settings.cap, settings.reference + 1.0F);

  // What the next session's level is known to: windows were a sample, too. An error of the scale by a share e moves the exponent of the
  // run length, 2 reference limit / scale^2, as a shift of 2 reference e does; and the correlation
  // r enters as (1 + r) / (1 - r) times the variance.
  const double n = model.independent_windows;
  const double r = model.correlation;
  const double of_mean = variance / n;
  const double of_scale =
      (model.kurtosis - 1.0) / (4.0 * n) + 1.0 / (summary.windows * (1.0 - r * r));
  const double reference = static_cast<double>(settings.reference);
  calibration.uncertainty = static_cast<float>(
      square_root_of(of_level + of_mean + 4.0 * reference * reference * of_scale));

  calibration.support = support_of(model, summary.windows, wish);
  if (cusum) {
    target_ = natural_log_f64(1.0 / wish_.run_length());
    low_ = static_cast<double>(kSmallestLimit);
    high_ = 6.0;
    at_low_ = natural_log_f64(1.0) - target_;
    search_ = Search::high;
    try_limit(high_);
    return Status::ok;
  }
  // Only sums need the cap: a single window or the k-th of some may reach any limit.
  const bool sums = settings.kind == DecisionKind::ewma || settings.kind == DecisionKind::glr;
  if (!sums) settings.cap = kNoCap;
  const float limit = limit_by_trial(model, settings, static_cast<double>(calibration.uncertainty),
                                     wish.run_length(), memory);
  settings.limit = std::max(limit, kSmallestLimit);
  calibration.rate_per_hour = wish.alarms_per_hour;
  return Status::ok;
}

// Bisects the logarithm of the limit by secants that keep the bracket (Illinois: Dowell and Jarratt,
// BIT 11, 1971, p. 168); the log rate is nearly straight.
bool Calibrator::step(std::int64_t work) {
  while (search_ != Search::finished) {
    if (!drifts_ && !chain_.step(calibration_.model, work)) return false;
    if (!add_level(drifts_ ? std::min(1.0, wish_.window_seconds / wish_.session_seconds)
                           : chain_.result().rate)) {
      begin_level();
    } else {
      on_rate(natural_log_f64(std::max(rate_, 1e-18)));
    }
    if (work <= 0) break;
  }
  return search_ == Search::finished;
}

/// Begins to compute the alarms per window that are to be expected with this limit, averaged over the
/// levels that a session may have.
void Calibrator::try_limit(double limit) {
  limit_ = limit;
  DecisionSettings& settings = calibration_.settings;
  settings.limit = static_cast<float>(limit);
  // A window has to be able to add something, whatever the sessions differ by.
  settings.cap = std::min(std::max(wish_.decision.cap, settings.reference + 1.0F),
                          settings.reference + kLargestStepOfLimit * settings.limit);
  rate_ = 0.0;
  above_ = 0.0;
  level_ = kLevels - 1;
  begin_level();
}

void Calibrator::begin_level() {
  const double from = level_ < 0 ? 1.0 : normal_upper_tail((level_ - 0.5) * kLevelStep);
  share_ = from - above_;
  above_ = from;
  const double shift = level_ * kLevelStep * static_cast<double>(calibration_.uncertainty);
  // Where a session as such drifts towards the limit the alarm is held throughout.
  const DecisionSettings& settings = calibration_.settings;
  drifts_ = calibration_.model.mean + shift >= static_cast<double>(settings.reference);
  if (drifts_) return;
  const auto wanted = static_cast<std::size_t>(std::clamp(limit_ * 4.0, 20.0, 120.0));
  chain_.begin(calibration_.model, settings, shift, wanted, memory_);
}

/// @return true if it was the last that matters: lower levels alarm less
bool Calibrator::add_level(double rate_of_level) {
  rate_ += share_ * rate_of_level;
  return (!drifts_ && (1.0 - above_) * rate_of_level < 0.01 * rate_) || --level_ < -1;
}

/// The rate of the limit on trial is known: which one is tried next?
void Calibrator::on_rate(double log_rate) {
  const double at = log_rate - target_;
  const auto largest = static_cast<double>(kLargestLimit);
  constexpr int kMostTries = 24;
  bool found = false;
  if (search_ == Search::high) {
    at_high_ = at;
    if (at > 0.0 && high_ < largest) {
      low_ = high_;
      at_low_ = at;
      high_ = std::min(high_ * 1.7, largest);
      return try_limit(high_);
    }
    search_ = Search::narrow;
    found = !(at_high_ < 0.0);
    tries_ = 0;
    side_ = 0;
  } else if (absolute(static_cast<float>(at)) < 0.02F) {
    found = true;
  } else if (at > 0.0) {
    low_ = limit_;
    at_low_ = at;
    if (side_ == 1) at_high_ *= 0.5;
    side_ = 1;
  } else {
    high_ = limit_;
    at_high_ = at;
    if (side_ == -1) at_low_ *= 0.5;
    side_ = -1;
  }
  if (!found && tries_ < kMostTries) {
    ++tries_;
    return try_limit(std::clamp((low_ * at_high_ - high_ * at_low_) / (at_high_ - at_low_),
                                low_ + 0.01 * (high_ - low_), high_ - 0.01 * (high_ - low_)));
  }
  search_ = Search::finished;
  calibration_.rate_per_hour = exponential(log_rate) * 3600.0 / wish_.window_seconds;
}

Status calibrate(const EvidenceSummary& summary, float location, float scale,
                 const CalibrationWish& wish, std::span<float> memory, Calibration& calibration) {
  Calibrator calibrator;
  const Status status = calibrator.begin(summary, location, scale, wish, memory);
  if (status != Status::ok) return status;
  while (!calibrator.step()) {
  }
  calibration = calibrator.result();
  return Status::ok;
}

Status calibrate(std::span<const float> scores, std::span<const std::uint32_t> sessions,
                 const CalibrationWish& wish, std::span<float> memory, Calibration& calibration) {
  const std::size_t n = scores.size();
  if (n < kFewestCalibrationWindows) return Status::too_few_windows;
  if (memory.size() < calibration_floats(n)) return Status::workspace_too_small;
  std::size_t windows = 0;
  for (const std::uint32_t session : sessions) windows += session;
  if (!sessions.empty() && windows != n) return Status::bad_configuration;

  const std::span<float> sorted = memory.first(n);
  for (std::size_t i = 0; i < n; ++i) {
    if (!is_finite(scores[i])) return Status::not_finite;
    sorted[i] = evidence_of(scores[i], 0.0F, 1.0F);
  }
  std::ranges::sort(sorted);
  const float location = percentile_of_sorted(sorted, 50.0);
  // Scores that never vary: a thousandth, so that evidence stays finite and a change is seen.
  constexpr float kSmallestScale = 1e-3F;
  const float scale = std::max(
      (percentile_of_sorted(sorted, 90.0) - percentile_of_sorted(sorted, 10.0)) / 2.5631031F,
      kSmallestScale);

  EvidenceSummary summary;
  Summariser summariser(summary);
  std::size_t session = 0;
  std::size_t left = sessions.empty() ? n : sessions[0];
  const auto counts = [&] {
    return sessions.empty() || is_session(sessions[session], n, sessions.size());
  };
  for (const float score : scores) {
    while (left == 0) {
      summariser.end_session(counts());
      left = sessions[++session];
    }
    summariser.push(evidence_of(score, location, scale));
    --left;
  }
  summariser.end_session(counts());
  return calibrate(summary, location, scale, wish, memory, calibration);
}

}  // namespace fettle
