// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace fettle::host {

/// How often the user accepts a false alarm, as text: a number above 0, a slash, and minute, hour,
/// day, week, month (30 days) or year (365 days), or its first letters ("min", "h", "d", "w", "mo",
/// "y"). The number may be left out: "1/week", "/day", "2/day", "0.5/hour".
/// From 1/year to 60/hour: rarer cannot be checked by anybody, and more often is no alarm.
/// @return alarms per hour. Throws Error(usage) that says what is understood.
[[nodiscard]] double parse_alarm_rate(std::string_view text);

/// The same as text, by the shortest period that has one alarm or more: "1/week", "2.5/day". Two
/// digits, rounded up: a rate is never said to be rarer than it is.
/// @param per_hour  above 0; rarer than once a year is said as "less than 1/year"
[[nodiscard]] std::string alarm_rate_text(double per_hour);

}  // namespace fettle::host
