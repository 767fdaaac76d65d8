// SPDX-License-Identifier: Apache-2.0
#include "host/alarm_rate.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "host/error.hpp"

namespace fettle::host {
namespace {

struct Period {
  std::string_view name;
  std::array<std::string_view, 3> abbreviations;
  double hours;
};
// From short to long.
constexpr std::array<Period, 6> kPeriods = {{{"minute", {"min", "minutes", "min"}, 1.0 / 60.0},
                                             {"hour", {"h", "hr", "hours"}, 1.0},
                                             {"day", {"d", "days", "d"}, 24.0},
                                             {"week", {"w", "wk", "weeks"}, 168.0},
                                             {"month", {"mo", "months", "mo"}, 720.0},
                                             {"year", {"y", "yr", "years"}, 8760.0}}};
constexpr double kRarest = 1.0 / 8760.0;
constexpr double kMostOften = 60.0;

const Period* find_period(std::string_view name) {
  for (const Period& period : kPeriods) {
    if (name == period.name) return &period;
    for (const std::string_view abbreviation : period.abbreviations) {
      if (name == abbreviation) return &period;
    }
  }
  return nullptr;
}

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw Error(ExitCode::usage,
              fmt::format("alarm rate '{}': {}. Expected a number, a slash and a period, for "
                          "example 1/week, 2/day or /hour; periods are minute, hour, day, week, "
                          "month and year.",
                          text, why));
}

}  // namespace

double parse_alarm_rate(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) refuse(text, "there is no slash");
  const std::string_view number = text.substr(0, slash);
  double count = 1.0;
  if (!number.empty()) {
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), count);
    if (error != std::errc() || end != number.data() + number.size() || !std::isfinite(count)) {
      refuse(text, fmt::format("'{}' is not a number", number));
    }
    if (count <= 0.0) refuse(text, "the number must be above 0: no detector never errs");
  }
  const std::string_view name = text.substr(slash + 1);
  const Period* period = find_period(name);
  if (period == nullptr) {
    if (name == "s" || name == "sec" || name == "second" || name == "seconds") {
      refuse(text, "too often; the most is 60/hour");
    }
    refuse(text, name.empty() ? std::string("the period is missing")
                              : fmt::format("'{}' is not a period that is known; the rarest rate "
                                            "is 1/year",
                                            name));
  }
  const double per_hour = count / period->hours;
  // A little room, or 1/year would be refused for its last bit.
  if (per_hour < kRarest * (1.0 - 1e-9)) {
    refuse(text, "too rare to be checked by anybody; the rarest is 1/year");
  }
  if (per_hour > kMostOften * (1.0 + 1e-9)) refuse(text, "too often; the most is 60/hour");
  return per_hour;
}

std::string alarm_rate_text(double per_hour) {
  // 1/week is 0.00595 an hour, which times 168 need not be 1 to the last bit.
  constexpr double kRoom = 1e-6;
  for (const Period& period : kPeriods) {
    if (period.hours < 1.0) continue;  // rates are said by the hour at least
    const double count = per_hour * period.hours;
    if (count < 1.0 - kRoom) continue;
    const double digits = count < 10.0 ? 10.0 : 1.0;
    return fmt::format("{:g}/{}", std::ceil(count * digits - digits * kRoom * count) / digits,
                       period.name);
  }
  return "less than 1/year";
}

}  // namespace fettle::host
