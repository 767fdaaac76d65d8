// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/decision/mounting.hpp"
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
  Conditions(const Baseline& baseline, const FeatureSpec& spec, const WindowShape& window)
      : baseline_(baseline),
        spec_(spec),
        rate_hz_(window.rate_hz),
        bin_hz_(window.rate_hz / static_cast<float>(window.samples)),
        mounting_(baseline, spec) {}

  /// @param[in,out] features  [D] of the vibration set; out: what is left when the operating point is taken away
  /// @param gap   time was missing since the window before
  /// @param rate  of the window's samples by their time stamps, as a part of the nominal one
  Condition look(const WindowSummary& window, std::span<float> features, bool gap, float rate);

  /// What the score says of the window that look() saw last: by itself, it is as learned.
  void scored(bool normal) {
    if (comparable_ && normal) machine_ = Machine::normal;
  }

  /// Another recording: what was seen last is nobody's neighbour. Where the sensor sits stays.
  void restart() {
    speeds_.fill(0.0F);
    waiting_ = 0;
    weak_ = 0;
    ran_ = false;
    machine_ = Machine::unknown;
    leaving_ = 0;
    comparable_ = false;
    unclear_ = 0;
    gaps_ = 0;
  }

  [[nodiscard]] const Mounting& mounting() const { return mounting_; }

 private:
  /// Windows back to which a speed is compared: a machine that coasts slowly looks steady from one to the next.
  static constexpr std::size_t kFarBack = 8;
  enum class Machine : std::uint8_t {
    unknown,
    normal,
    away,  // it was normal, left its speed for long enough, and has not been normal since
  };

  [[nodiscard]] Condition of_sensor(const WindowSummary& window, float rate);
  void of_machine(const WindowSummary& window, std::span<float> features, Condition& condition);
  void wait_for(Condition& condition);
  [[nodiscard]] float known_hz() const;
  [[nodiscard]] bool weaker(std::span<const float> features, bool confident, bool clear) const;

  const Baseline& baseline_;
  FeatureSpec spec_;
  float rate_hz_;
  float bin_hz_;
  Mounting mounting_;
  std::uint8_t point_ = 0;
  std::array<float, kFarBack> speeds_{};  // of the windows before, the newest first; 0: not known
  std::uint32_t waiting_ = 0;             // windows until the machine is taken to be itself again
  std::uint32_t weak_ = 0;                // windows in a row that were
  std::uint32_t unclear_ = 0;             // windows in a row whose speed could not be made out
  bool ran_ = false;                      // a window was judged: what is weak now may coast
  Machine machine_ = Machine::unknown;
  std::uint32_t leaving_ = 0;  // windows in a row that were off, weak, changing or at another speed
  bool comparable_ = false;    // the last window counts, or would if nothing were waited for
  std::uint32_t gaps_ = 0;     // rises with each gap, falls with each window
};

}  // namespace fettle
