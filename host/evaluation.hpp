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
  double recall = 0.0;  ///< share of windows above the threshold
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
  bool available = false;  ///< false when the windows of training are not in the data
  double auc = 0.0;
  double recall = 0.0;
  double false_positive_rate = 0.0;
};

struct Evaluation {
  std::string normal_label;
  std::uint64_t normal_windows = 0;    ///< evaluated
  std::uint64_t windows_left_out = 0;  ///< used for training or threshold
  bool training_recognised = false;    ///< some of the data are what the model was trained on
  float threshold = 0.0F;
  double normal_hours = 0.0;
  double auc = 0.0;
  Interval auc_interval;
  double false_positive_rate = 0.0;
  std::uint64_t alarms = 0;  ///< runs of normal windows above the threshold
  double alarms_per_hour = 0.0;
  double alarms_per_hour_upper95 = 0.0;
  std::map<std::string, ClassResult> classes;
  QuantisationResult int8;
  WithoutMeanResult without_mean;
  double mean_share = 0.0;  ///< share of the fault windows' score that mean features contribute
  std::string tilt_sentence;
};

/// Judges a model on recordings. Windows that took part in training or threshold, recognised by the
/// hash of their samples, are left out; unknown recordings are used whole.
/// Throws Error(bad_input) when rate or axes do not fit, Error(too_little_data) when no normal or no
/// other window is left.
[[nodiscard]] Evaluation evaluate(const ModelFile& model, const DataSet& data);

}  // namespace fettle::host
