// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/learning.hpp"
#include "host/normal_change.hpp"

namespace fettle::host {

/// A detector as `fettle train` makes it, with what there is to say about how it came to be.
struct TrainedDetector {
  Split split;  ///< of the windows; train may hold all that was learned from
  std::vector<std::uint32_t>
      calibration;  ///< windows scored by cross-fitting; empty: the threshold part
  std::optional<DetectorChoice> choice;  ///< where it was to be chosen
  LearnedBaseline baseline;
  std::optional<OddStretch> odd;  ///< that cross-fitting finds
  double neighbours = 0.0;        ///< as choose_neighbours() has it; 0 of an autoencoder
  std::vector<UsedRecording> used;
  DetectorDescription description;  ///< points into this
  std::vector<std::uint8_t> file;
  std::size_t bytes_without_metadata = 0;
};

/// Trains, calibrates and packs a detector from windows of normal running, hygiene already done.
///
/// A Mahalanobis distance, and any detector that decides over windows, is calibrated on cross-fitted scores: no
/// window is judged by what learned from it, and none is lost for learning.
/// @param choose  which detector is found by choose_detector(); settings.detector then does not matter
/// @param label, version  for provenance; must outlive the result
/// Throws Error(too_little_data) or Error(bad_input).
[[nodiscard]] TrainedDetector train_detector(const WindowTable& table, Split split,
                                             LearningSettings settings, bool choose,
                                             const std::string& label, std::string_view version,
                                             const EpochListener& on_epoch = {});

}  // namespace fettle::host
