// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "core/decision/changes.hpp"
#include "core/decision/fault_family.hpp"
#include "core/model/detector_model.hpp"
#include "core/text.hpp"

namespace fettle {

/// A level as it was learned and as it is.
struct Figure {
  float before = 0.0F;
  float now = 0.0F;
  /// Infinite where there was nothing before.
  [[nodiscard]] float times() const {
    if (before != 0.0F) return now / before;
    return now > 0.0F ? std::numeric_limits<float>::infinity() : 0.0F;
  }
};

/// Why there is an alarm: what of the distance comes from where, and what that looks like.
struct Explanation {
  /// Part of the score that each feature is behind, [D]; they add up to 1. All 0: nothing has changed.
  std::array<float, kMostExplained> share{};
  /// Likewise of each axis, [axes]. Of vibration features without axes in the model all 0.
  std::array<float, kMaxAxes> axis_share{};
  Families families;  ///< the likeliest first
  /// The running speed was clear, or was not when normal running was learned either: lines say something.
  bool clear = true;
  std::uint8_t lead = 0;        ///< feature that the phrase is about
  std::uint8_t axis = kNoAxis;  ///< on which it is
  static constexpr std::uint8_t kNoAxis = 255;
};

/// @param changes  of this model's windows; at least one
///
/// A feature's share is Shapley's value of the score to first order: the mean of what the score loses when this
/// feature is as learned, and of what it gains when only this one is not (Shapley, Contributions to the Theory of
/// Games II, 1953, p. 307). Of a distance z' P z that is z_i (P z)_i, exactly, and adds up to all of it. What
/// lowers the score counts as 0. Asks the network 2 D + 2 times: nothing for every window.
///
/// A feature of the vibration set is of three axes. Its share goes to them by the power that each gained: of the
/// line itself where it is once or twice the speed, otherwise of all that moves.
[[nodiscard]] Explanation explain(const DetectorModel& model, const Changes& changes);

/// A feature's change in its own unit: natural logarithm of a level, or what VibrationKind and the tutorial say.
[[nodiscard]] float change_of(const DetectorModel& model, const Changes& changes,
                              std::size_t feature);
/// A feature in plain figures: g or deg/s of a level; of the others what they are. Speeds are the operating point's.
[[nodiscard]] Figure figure_of(const DetectorModel& model, const Changes& changes,
                               std::size_t feature);
/// False for a line that lies beyond the spectrum at the operating point: figure_of() has nothing to say of it.
[[nodiscard]] bool is_seen(const DetectorModel& model, const Changes& changes, std::size_t feature);
/// RMS of an axis, g or deg/s.  @pre the model has axes: knows_axes()
[[nodiscard]] Figure figure_of(const DetectorModel& model, const Changes& changes, std::size_t axis,
                               AxisMeasure measure);
[[nodiscard]] bool knows_axes(const DetectorModel& model);

/// A sentence for people, cautious: "1x running speed on Y grew 8 times: perhaps imbalance". At most 90 bytes.
using Phrase = Text<96>;
[[nodiscard]] Phrase phrase_of(const DetectorModel& model, const Changes& changes,
                               const Explanation& explanation);
/// What a feature is called there: "1x running speed", "25 to 50 Hz", "std".
using PlainName = Text<32>;
[[nodiscard]] PlainName plain_name(const DetectorModel& model, std::size_t feature);

}  // namespace fettle
