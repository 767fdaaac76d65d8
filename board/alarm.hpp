// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/decision/verdict.hpp"

namespace fettle::board {

/// What a verdict did.
enum class AlarmChange : std::uint8_t { none, began, ended };

/// From verdicts to the alert pin, with what people do about it. The pin is high from an anomaly to
/// the next window that can be judged and is none; with `latch`, until somebody has acknowledged it.
/// Times are uptime, in microseconds.
class Alarm {
 public:
  explicit Alarm(bool latch = false) : latch_(latch) {}

  /// A window was judged. In maintenance nothing is an alarm.
  AlarmChange update(Verdict verdict, std::int64_t now_us) {
    // A machine that was switched off is not mended.
    if (verdict == Verdict::cannot_judge && !maintenance(now_us)) return AlarmChange::none;
    anomalous_ = raises(verdict) && !maintenance(now_us);
    if (anomalous_) {
      if (active_ && !restored_) return AlarmChange::none;
      restored_ = false;
      active_ = true;
      acknowledged_ = false;
      ++alarms_;
      return AlarmChange::began;
    }
    if (!active_ || (latch_ && !acknowledged_)) return AlarmChange::none;
    active_ = false;
    return AlarmChange::ended;
  }

  /// Somebody has seen it: the pin goes low, and stays low until the machine was normal again.
  /// @return false if there was nothing to acknowledge
  bool acknowledge() {
    if (!active_ || acknowledged_) return false;
    acknowledged_ = true;
    // A latched alarm whose cause has gone is over.
    if (!anomalous_) active_ = false;
    return true;
  }
  /// A latched alarm of before a restart, which nobody has acknowledged yet. An anomaly from now on is another.
  void restore() { active_ = restored_ = true; }
  /// Holds the pin low until then; alarms are noted all the same. 0: no longer.
  void mute_until(std::int64_t t_us) { muted_until_us_ = t_us; }
  /// "I am servicing it": nothing is judged until then. 0: no longer.
  void maintain_until(std::int64_t t_us) { maintenance_until_us_ = t_us; }
  /// Whatever was judged before no longer counts: another model, or maintenance.
  /// @return true if an alarm ended by it
  bool clear() {
    const bool ended = active_;
    active_ = anomalous_ = acknowledged_ = restored_ = false;
    return ended;
  }
  /// The pin goes high for a moment, whatever else there is.
  void test_until(std::int64_t t_us) { test_until_us_ = t_us; }
  void set_latch(bool latch) { latch_ = latch; }

  [[nodiscard]] bool muted(std::int64_t now_us) const { return now_us < muted_until_us_; }
  [[nodiscard]] bool maintenance(std::int64_t now_us) const {
    return now_us < maintenance_until_us_;
  }
  [[nodiscard]] bool active() const { return active_; }
  [[nodiscard]] bool acknowledged() const { return active_ && acknowledged_; }
  [[nodiscard]] bool pin(std::int64_t now_us) const {
    return (active_ && !acknowledged_ && !muted(now_us)) || now_us < test_until_us_;
  }
  [[nodiscard]] std::uint32_t alarms() const { return alarms_; }
  [[nodiscard]] std::int64_t muted_until_us() const { return muted_until_us_; }
  [[nodiscard]] std::int64_t maintenance_until_us() const { return maintenance_until_us_; }

 private:
  bool latch_;
  bool anomalous_ = false;     // the last window
  bool active_ = false;        // an alarm is on
  bool acknowledged_ = false;  // ... and somebody has seen it
  bool restored_ = false;      // ... which is one of before the restart
  std::int64_t muted_until_us_ = 0;
  std::int64_t maintenance_until_us_ = 0;
  std::int64_t test_until_us_ = 0;
  std::uint32_t alarms_ = 0;
};

}  // namespace fettle::board
