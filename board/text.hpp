// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/text.hpp"

namespace fettle::board {

using fettle::Text;

/// A rate of alarms for people, by the shortest period that has one or more: "2.5 an hour", "1 a week".
/// Two digits, rounded up: a rate is never said to be rarer than it is.
template <std::size_t Capacity>
void add_alarm_rate(Text<Capacity>& text, double per_hour) {
  struct Period {
    std::string_view name;
    double hours;
  };
  constexpr Period kPeriods[] = {
      {" an hour", 1}, {" a day", 24}, {" a week", 168}, {" a month", 720}, {" a year", 8760}};
  constexpr double kRoom = 1e-6;  // 1/168 times 168 need not be 1, in float32 even less
  for (const Period& period : kPeriods) {
    const double count = per_hour * period.hours;
    if (count < 1 - kRoom) continue;
    const double digits = count < 10 ? 10 : 1;
    const double scaled = count * digits * (1 - kRoom);
    auto rounded = static_cast<std::uint64_t>(scaled < 1e9 ? scaled : 1e9);
    if (static_cast<double>(rounded) < scaled) ++rounded;
    const bool whole = digits == 1 || rounded % 10 == 0;
    text.number(static_cast<double>(rounded) / digits, whole ? 0 : 1) << period.name;
    return;
  }
  text << "less than 1 a year";
}

/// The first `size` characters, or all. (std::string_view::substr may throw.)
[[nodiscard]] constexpr std::string_view head(std::string_view text, std::size_t size) {
  return {text.data(), size < text.size() ? size : text.size()};
}
/// What follows them.
[[nodiscard]] constexpr std::string_view tail(std::string_view text, std::size_t size) {
  const std::size_t skipped = size < text.size() ? size : text.size();
  return {text.data() + skipped, text.size() - skipped};
}
/// Takes the first line off a text, without its end.
[[nodiscard]] constexpr std::string_view take_line(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && text[end] != '\n') ++end;
  const std::string_view line = head(text, end);
  text = tail(text, end + 1);
  return line;
}

/// Whether a terminal would obey the byte there instead of showing it: a control character, also one
/// of the second set (C1, U+0080 to U+009F), as UTF-8 or alone.
[[nodiscard]] constexpr bool is_control(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x20 || byte == 0x7F) return true;
  const auto before = at == 0 ? 0U : static_cast<unsigned char>(text[at - 1]);
  return (byte & 0xE0U) == 0x80 && (before < 0x80 || before == 0xC2);
}

/// The first word of a line, taken off it; words are separated by spaces.
[[nodiscard]] constexpr std::string_view take_word(std::string_view& line) {
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  std::size_t size = 0;
  while (size < line.size() && line[size] != ' ') ++size;
  const std::string_view word = head(line, size);
  line = tail(line, size);
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  return word;
}

/// A whole number, nothing before or behind it.
template <std::integral T>
[[nodiscard]] bool parse(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

/// A decimal number such as 12, 0.5 or 1e-3, to within a rounding; not from the standard library for
/// the reason above.
[[nodiscard]] bool parse_number(std::string_view text, double& value);

/// A time such as "90s", "10min", "2h" or "1d" in microseconds, 1 s to 31 days. Minutes without a
/// unit.
[[nodiscard]] bool parse_duration(std::string_view text, std::int64_t& us);

}  // namespace fettle::board
