// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/decision/verdict.hpp"
#include "core/features/baseline.hpp"
#include "core/features/vibration.hpp"

namespace fettle {

/// Whether a window can be judged, and by what.
struct Condition {
  Reason reason = Reason::none;
  /// Its evidence counts, lowered by `margin`; otherwise the decision does not hear of it.
  bool counts = true;
  float margin = 0.0F;
  std::uint8_t point = 0;  ///< operating point that it was compared with
  float speed_hz = 0.0F;   ///< its running speed if that is clear, otherwise 0
};

/// Finds out from what a window says beside its features whether the machine is where it was when
/// normal running was learned: on, steady, at a learned speed, under a sensor that works and sits as
/// it did. Keeps a few numbers, so it must see all windows in order.
class Conditions {
 public:
  /// The baseline must outlive this. Without operating points only the sensor is looked at.
  Conditions(const Baseline& baseline, const FeatureSpec& spec, float rate_hz)
      : baseline_(baseline), spec_(spec), rate_hz_(rate_hz) {}

  /// @param[in,out] features  [D] of the vibration set; out: what is left when the operating point is taken away
  /// @param gap   time was missing since the window before
  /// @param rate  of the window's samples by their time stamps, as a part of the nominal one
  Condition look(const WindowSummary& window, std::span<float> features, bool gap, float rate);

  /// Another recording: what was seen last is nobody's neighbour. Where gravity points stays.
  void restart() {
    before_hz_ = 0.0F;
    waiting_ = 0;
    unclear_ = 0;
    gaps_ = 0;
  }

  /// Gravity has turned by more than the baseline allows.
  [[nodiscard]] bool moved() const { return moved_; }
  /// Smoothed over some 64 windows, length about 1; all 0 before the first window.
  [[nodiscard]] const std::array<float, 3>& gravity() const { return gravity_; }
  /// The sensor is where it should be: what it sees now is taken for the baseline's gravity.
  void settle_moved() {
    reference_ = gravity_;
    moved_ = false;
  }

 private:
  void follow_gravity(const WindowSummary& window);
  [[nodiscard]] Condition of_sensor(const WindowSummary& window, float rate);
  void of_machine(const WindowSummary& window, std::span<float> features, Condition& condition);
  [[nodiscard]] bool weaker(std::span<const float> features) const;

  const Baseline& baseline_;
  FeatureSpec spec_;
  float rate_hz_;
  std::array<float, 3> gravity_{};
  std::array<float, 3> reference_{};
  bool moved_ = false;
  std::uint8_t point_ = 0;
  float before_hz_ = 0.0F;     // speed of the window before; 0: not known
  std::uint32_t waiting_ = 0;  // windows until the machine is taken to be itself again
  std::uint32_t unclear_ = 0;  // windows in a row whose speed could not be made out
  std::uint32_t gaps_ = 0;     // rises with each gap, falls with each window
};

}  // namespace fettle
