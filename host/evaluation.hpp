// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/dataset.hpp"
#include "host/model_file.hpp"
#include "host/statistics.hpp"

namespace fettle::host {

/// One fault label, by window.
struct ClassResult {
  std::uint64_t windows = 0;
  double auc = 0.0;  ///< against the evaluated normal windows
  Interval auc_interval;
  /// Share of windows that raise the alert line; those that cannot be judged count as missed.
  double recall = 0.0;
  double cannot_judge = 0.0;  ///< share of windows
  /// Sessions of this fault. It is there from their first window on, or from when dataset.json says.
  std::uint64_t onsets = 0;
  std::vector<double> delays_s;  ///< from onset to alarm, of those that were alarmed, ascending
  std::uint64_t before_onset =
      0;                      ///< windows left out: dataset.json says that there is no fault yet
  std::uint64_t growing = 0;  ///< sessions whose severity grows
  std::vector<double> severities;  ///< at the alarm, of growing ones that were alarmed, ascending
  [[nodiscard]] double severity_median() const;
  [[nodiscard]] double delay_percentile_s(double percentile) const;
};

/// What replacing float by int8 changed, on the evaluated windows.
struct QuantisationResult {
  bool retrained =
      false;  ///< the float network was trained again from the stored settings; else it
              ///< is the int8 network's own weights in float arithmetic
  double auc_float = 0.0;
  double auc_change = 0.0;  ///< int8 minus float
  /// Mean of |int8 - float| / float. Faulty windows differ more: they lie where int8 saturates.
  double score_change_normal = 0.0;
  double score_change_faults = 0.0;
  double score_change_largest = 0.0;
  std::uint64_t decisions_changed = 0;  ///< windows judged otherwise
  double microseconds = 0.0;            ///< one int8 inference on this computer
  double microseconds_float = 0.0;
  std::uint64_t bytes = 0;  ///< weights and biases
  std::uint64_t bytes_float = 0;
};

/// The same without the features that carry gravity.
struct WithoutMeanResult {
  bool retrained =
      false;  ///< trained again without them; else their terms are left out of the score
  double auc = 0.0;
  /// At a threshold of its own; absent when it was not retrained or too few windows carry one.
  std::optional<double> recall;
  std::optional<double> false_positive_rate;
};

struct Evaluation {
  std::string normal_label;
  std::uint64_t normal_windows = 0;             ///< evaluated
  std::uint64_t windows_left_out = 0;           ///< used for training or threshold
  std::uint64_t training_recordings = 0;        ///< that the model was trained on
  std::uint64_t training_recordings_found = 0;  ///< of those, recognised in the data
  float threshold = 0.0F;
  double normal_hours = 0.0;  ///< of windows that could be judged
  double auc = 0.0;
  Interval auc_interval;
  double false_positive_rate = 0.0;  ///< share of the normal windows that can be judged
  bool decides = false;      ///< windows are decided together; otherwise each by the threshold
  std::uint64_t alarms = 0;  ///< times that the alert line went up on normal windows
  double alarms_per_hour = 0.0;
  Interval alarms_per_hour_interval;  ///< 95 %, exact (Poisson)
  double cannot_judge = 0.0;          ///< share of normal windows
  std::uint64_t sensor_moved = 0;     ///< normal windows
  double alarms_per_hour_upper95 = 0.0;
  std::map<std::string, ClassResult> classes;  ///< none: nothing below, and no AUC, is known
  QuantisationResult int8;
  std::optional<WithoutMeanResult> without_mean;  ///< of a model that has mean features
  double mean_share = 0.0;  ///< share of the fault windows' score that mean features contribute
  std::string tilt_sentence;
};

/// Judges a model on recordings. Windows that took part in training or threshold, recognised by the
/// hash of their samples, are left out; unknown recordings are used whole.
/// Throws Error(bad_input) when rate or axes do not fit, Error(too_little_data) when no normal window
/// is left.
[[nodiscard]] Evaluation evaluate(const ModelFile& model, const DataSet& data);

}  // namespace fettle::host
