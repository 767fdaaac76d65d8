// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fettle::host {

/// Width that everything printed for people keeps to.
inline constexpr std::size_t kTextColumns = 80;

/// Breaks a paragraph at spaces into lines of at most kTextColumns; lines from the second on are
/// indented. No newline at the end.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t indent);
/// Each line of a text likewise.
[[nodiscard]] std::string wrapped_lines(const std::string& text, std::size_t indent);

/// Text from outside without what a terminal would obey: control characters, also those above 0x7F (C1,
/// as UTF-8 or alone), become '?'. Line ends and tabs stay.
[[nodiscard]] std::string printable(std::string_view text);

/// The same for what is one line: line ends, tabs and control characters are written as in C, "\\n",
/// "\\x1b".
[[nodiscard]] std::string one_line(std::string_view text);

/// Microseconds of "90", "90s", "10min", "1.5h", "2d"; negative if it is none of them, or not above 0.
[[nodiscard]] std::int64_t parse_duration_us(std::string_view text);
/// "3:07" or "1:02:03".
[[nodiscard]] std::string duration_text(std::int64_t us);
/// How much more has to be recorded: whole minutes, or hours from one and a half on.
[[nodiscard]] std::string more_time_text(double minutes);

/// Writes to standard error. What a person cannot be told, on a full disk or a closed terminal, must
/// not end the work itself: nothing is thrown.
void say(const std::string& text);

}  // namespace fettle::host
