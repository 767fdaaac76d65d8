// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace fettle {

/// What is said of a window. The values go over the line and into files.
enum class Verdict : std::uint8_t {
  normal = 0,
  anomaly = 1,       ///< this window by itself is above the threshold (models without a decision)
  warning = 2,       ///< evidence has gathered, not yet enough for an alarm
  alarm = 3,         ///< enough evidence has gathered that the machine has changed
  cannot_judge = 4,  ///< see Reason
  sensor_moved = 5,  ///< gravity has turned, and vibration is as it was learned
};
inline constexpr std::uint8_t kVerdicts = 6;

/// Why a window cannot be judged. The values go over the line.
enum class Reason : std::uint8_t {
  none = 0,
  off = 1,             ///< the machine does not run
  changing = 2,        ///< it starts, stops or goes to another speed
  speed = 3,           ///< it runs steadily at a speed that was not learned
  stuck = 4,           ///< an axis of the sensor does not change
  clipped = 5,         ///< readings are at the end of the sensor's range
  losing_samples = 6,  ///< samples are missing again and again
  wrong_rate = 7,      ///< samples do not come at the rate that was learned
  not_a_number = 8,    ///< a reading was none
  unclear = 9,         ///< its running speed cannot be made out
  weak = 10,           ///< it shakes much less than it was learned to: not running as it did
};
inline constexpr std::uint8_t kReasons = 11;

/// The alert line is up.
[[nodiscard]] constexpr bool raises(Verdict verdict) {
  return verdict == Verdict::anomaly || verdict == Verdict::alarm;
}

[[nodiscard]] constexpr const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::normal: return "normal";
    case Verdict::anomaly: return "anomaly";
    case Verdict::warning: return "warning";
    case Verdict::alarm: return "alarm";
    case Verdict::cannot_judge: return "cannot judge";
    case Verdict::sensor_moved: return "sensor moved";
  }
  return "unknown";
}

/// A clause for people; empty for none.
[[nodiscard]] constexpr const char* describe(Reason reason) {
  switch (reason) {
    case Reason::none: return "";
    case Reason::off: return "the machine is off";
    case Reason::changing: return "the machine is starting, stopping or changing its speed";
    case Reason::speed: return "it runs at a speed that was not learned";
    case Reason::stuck: return "an axis of the sensor is stuck";
    case Reason::clipped: return "readings are at the end of the sensor's range";
    case Reason::losing_samples: return "samples are being lost";
    case Reason::wrong_rate: return "samples do not come at the rate that was learned";
    case Reason::not_a_number: return "a reading is not a number";
    case Reason::unclear: return "its running speed cannot be made out";
    case Reason::weak: return "it shakes much less than it was learned to";
  }
  return "unknown";
}

/// One word for programs; empty for none.
[[nodiscard]] constexpr const char* name_of(Reason reason) {
  switch (reason) {
    case Reason::none: return "";
    case Reason::off: return "off";
    case Reason::changing: return "changing";
    case Reason::speed: return "speed";
    case Reason::stuck: return "stuck";
    case Reason::clipped: return "clipped";
    case Reason::losing_samples: return "losing_samples";
    case Reason::wrong_rate: return "wrong_rate";
    case Reason::not_a_number: return "not_a_number";
    case Reason::unclear: return "unclear_speed";
    case Reason::weak: return "weak";
  }
  return "unknown";
}

}  // namespace fettle
