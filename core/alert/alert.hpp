// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/decision/verdict.hpp"

namespace fettle {

/// The alert line follows the verdict. An alarm is an entry: a run of windows that raise counts once, and what cannot
/// be judged does not end it, as on a board (board/alarm.hpp), where nothing calls restart(): its pin stays high over a
/// gap.
class Alert {
 public:
  /// @return true if this verdict raised the line
  constexpr bool update(Verdict verdict) {
    if (verdict == Verdict::cannot_judge) return false;
    const bool raised = raises(verdict) && !active_;
    active_ = raises(verdict);
    if (raised) ++alarms_;
    return raised;
  }
  /// A break in the recording ends a run.
  constexpr void restart() { active_ = false; }

  [[nodiscard]] constexpr bool active() const { return active_; }
  [[nodiscard]] constexpr std::uint32_t alarms() const { return alarms_; }

 private:
  bool active_ = false;
  std::uint32_t alarms_ = 0;
};

}  // namespace fettle
