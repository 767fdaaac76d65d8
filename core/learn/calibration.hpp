// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/decision/evidence_summary.hpp"
#include "core/decision/sequential.hpp"
#include "core/learn/evidence_model.hpp"
#include "core/learn/limit_trial.hpp"
#include "core/status.hpp"

namespace fettle {

/// What the user wishes, and what is assumed where the data cannot say.
struct CalibrationWish {
  double alarms_per_hour = 1.0 / 168.0;  ///< false ones, above 0
  double window_seconds = 0.64;          ///< from one window to the next
  /// Kind, k, n, lambda and cap are taken over; the reference is the least that may be chosen.
  DecisionSettings decision;
  /// Least standard deviation between the mean evidence of healthy sessions. The default is what
  /// two recordings of one healthy motor differed by, 0.3 to 0.45 of a deviation, over sqrt(2).
  /// The reference follows: 4 deviations, so 1 where many sessions were seen and 1.4 after one.
  float between_sessions = 0.25F;
  double session_seconds = 8.0 * 3600.0;  ///< how long one lasts: an alarm that a session as such
                                          ///< raises comes once in it
  [[nodiscard]] constexpr double run_length() const {
    return 3600.0 / (alarms_per_hour * window_seconds);
  }
};

/// How far gathering normal evidence has come.
struct Support {
  double normal_hours = 0.0;        ///< of running that was taken for normal
  double supported_per_hour = 0.0;  ///< the fewest false alarms that so much data can vouch for
  double minutes_missing = 0.0;     ///< of normal running until the wish is supported; 0: it is
};

struct Calibration {
  DecisionSettings settings;
  EvidenceModel model;            ///< in units of settings.location and scale
  float between_sessions = 0.0F;  ///< standard deviation used, at least the wished floor
  float uncertainty = 0.0F;       ///< of what the next session's level is, all in: deviations
  double rate_per_hour = 0.0;     ///< false alarms expected with these settings
  Support support;
};

/// What sessions may be taken to differ by, in units of the model's spread: the reference, four of that, then lies no further
/// out than one window in 10,000.
[[nodiscard]] double most_between_sessions(const EvidenceModel& model);

/// Data vouch for a run length of up to this many times their independent windows. More than 1 is
/// honest because an alarm is an accumulation of windows that are each not rare: what must be known
/// is the body and the near tail, not a window that was never seen. At 20, of 200 simulated machines
/// each (normal, correlated and exponential evidence, 500 independent windows) the false alarms were
/// 0.6 to 0.8 of those wished, and 19 of 20 machines stayed below 3 times the wish; at 100 it is 5.
/// See tests/property/run_length_test.cpp.
inline constexpr double kRunLengthPerIndependentWindow = 20.0;

/// A wish that would need a larger limit gets this one; rate_per_hour says what it is worth.
inline constexpr float kLargestLimit = 200.0F;

/// Most of the limit that one window may add to a cusum. A knock spans two windows and must not raise an alarm from
/// rest, however small the limit: five windows are needed.
inline constexpr float kLargestStepOfLimit = 0.25F;

/// Fewest windows that a calibration may rest on.
inline constexpr std::size_t kFewestCalibrationWindows = 20;

/// Floats of memory that calibrate() needs for n scores, at its most exact. Evidence gathered elsewhere
/// is content with less if its decision is a cusum: run_length_floats(kFewestCells) at least; what a
/// coarser lattice costs is measured in tests/property/run_length_test.cpp.
[[nodiscard]] constexpr std::size_t calibration_floats(std::size_t n) {
  return std::max({n, kRunLengthFloats, kTrialStretches});
}

/// Cheap beside calibrate(), so that a device can say it at any time.
/// @param summary  of at least one window
[[nodiscard]] Support support_of(const EvidenceSummary& summary, const CalibrationWish& wish);

/// Settings for a wish from scores of normal windows, in order of time and later than training.
/// @param scores    [n], n at least kFewestCalibrationWindows, 0 or above
/// @param sessions  windows of each session, in order, summing to n; empty: it was one
/// @param memory    calibration_floats(n)
/// Work: cusum some 10 to 100 million multiplications, other kinds see limit_by_trial().
/// @return too_few_windows, not_finite, bad_configuration, workspace_too_small or ok
[[nodiscard]] Status calibrate(std::span<const float> scores,
                               std::span<const std::uint32_t> sessions, const CalibrationWish& wish,
                               std::span<float> memory, Calibration& calibration);

/// Finds the settings in pieces of bounded work, from evidence gathered elsewhere (burn-in). For a
/// device that must go on sampling; calibrate() below is the loop over it.
class Calibrator {
 public:
  /// What may be spent in a piece: some milliseconds of a microcontroller, in multiplications.
  static constexpr std::int64_t kWork = 200'000;

  /// The summary is not needed any more afterwards.
  /// @param location, scale  units of the summary
  /// @param memory  see calibration_floats(); in use until step() has said true. Kinds of decision
  ///                other than cusum are done here, in one go.
  /// @return too_few_windows, bad_configuration, workspace_too_small or ok
  [[nodiscard]] Status begin(const EvidenceSummary& summary, float location, float scale,
                             const CalibrationWish& wish, std::span<float> memory);
  /// Goes on for about so much work, at most 0.9 million more. The result does not depend on it.
  /// @return true when result() is there
  bool step(std::int64_t work = kWork);
  [[nodiscard]] const Calibration& result() const { return calibration_; }

 private:
  enum class Search : std::uint8_t { high, narrow, finished };
  void try_limit(double limit);
  void on_rate(double log_rate);
  void begin_level();
  bool add_level(double rate_of_level);

  Calibration calibration_;
  CalibrationWish wish_;
  std::span<float> memory_;
  RunLengthChain chain_;
  Search search_ = Search::finished;
  // The bracket, with the logarithm of the rate there less that of the wish.
  double target_ = 0.0;
  double low_ = 0.0;
  double high_ = 0.0;
  double at_low_ = 0.0;
  double at_high_ = 0.0;
  int side_ = 0;
  int tries_ = 0;
  // The limit on trial, and the session level that its rate is being computed for.
  double limit_ = 0.0;
  int level_ = 0;
  bool drifts_ = false;
  double share_ = 0.0;
  double rate_ = 0.0;
  double above_ = 0.0;  // share of sessions at higher levels
};

/// The same from evidence gathered elsewhere (burn-in), which is in units of location and scale.
[[nodiscard]] Status calibrate(const EvidenceSummary& summary, float location, float scale,
                               const CalibrationWish& wish, std::span<float> memory,
                               Calibration& calibration);

/// The mean of a few windows is not what sessions differ by: one has at least half of the average of all.
[[nodiscard]] constexpr bool is_session(std::size_t windows, std::size_t all,
                                        std::size_t sessions) {
  return 2 * windows * sessions >= all;
}

/// Evidence of consecutive windows for a summary; where a session ends its mean is noted.
class Summariser {
 public:
  explicit Summariser(EvidenceSummary& summary) : summary_(summary) {}
  void push(float evidence);
  /// @param counts  long enough for its mean to say what sessions differ by
  void end_session(bool counts = true);

 private:
  EvidenceSummary& summary_;
  double sum_ = 0.0;
  std::uint32_t windows_ = 0;
  double before_ = 0.0;
};

}  // namespace fettle
