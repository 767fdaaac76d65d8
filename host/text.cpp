// SPDX-License-Identifier: Apache-2.0
#include "host/text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <sstream>
#include <utility>

namespace fettle::host {

namespace {

unsigned byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
}

/// Bytes of the letter that begins there; 0 for what is no UTF-8 (RFC 3629, section 4).
std::size_t letter_at(std::string_view text, std::size_t at) {
  const unsigned first = byte_at(text, at);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte_at(text, at + i) & 0xC0U) != 0x80) return 0;
  }
  const unsigned second = byte_at(text, at + 1);
  const bool too_long = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool none = (first == 0xED && second >= 0xA0) || (first == 0xF4 && second >= 0x90);
  return too_long || none ? 0 : size;
}

/// Bytes that a terminal might obey instead of showing them: control characters, U+0080 to U+009F among
/// them, marks that turn the direction of writing, and whatever is no UTF-8; 0 if there is a letter.
std::size_t control_at(std::string_view text, std::size_t at) {
  const unsigned byte = byte_at(text, at);
  if (byte < 0x20 || byte == 0x7F) return 1;
  const std::size_t size = letter_at(text, at);
  if (size == 0) return 1;
  if (byte == 0xC2 && byte_at(text, at + 1) < 0xA0) return size;
  if (byte != 0xE2) return 0;
  const unsigned second = byte_at(text, at + 1);
  const unsigned third = byte_at(text, at + 2);
  // U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069.
  const bool turns =
      (second == 0x80 && (third == 0x8E || third == 0x8F || (third >= 0xA8 && third <= 0xAE))) ||
      (second == 0x81 && third >= 0xA6 && third <= 0xA9);
  return turns ? size : 0;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t control = text[i] == '\n' || text[i] == '\t' ? 0 : control_at(text, i);
    if (control > 0) {
      result += '?';
      i += control - 1;
    } else {
      const std::size_t size = letter_at(text, i);
      result += text.substr(i, size);
      i += size - 1;
    }
  }
  return result;
}

std::string one_line(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') {
      result += "\\n";
    } else if (text[i] == '\t') {
      result += "\\t";
    } else if (const std::size_t control = control_at(text, i); control > 0) {
      for (std::size_t k = 0; k < control; ++k) {
        result += fmt::format("\\x{:02x}", byte_at(text, i + k));
      }
      i += control - 1;
    } else {
      const std::size_t size = letter_at(text, i);
      result += text.substr(i, size);
      i += size - 1;
    }
  }
  return result;
}

std::string wrapped(std::string_view text, std::size_t indent) {
  std::string result;
  std::size_t column = 0;
  while (!text.empty()) {
    const std::size_t space = text.find(' ', 1);  // a word with the space before it
    std::string_view word = text.substr(0, space);
    text.remove_prefix(word.size());
    if (column > 0 && column + word.size() > kTextColumns) {
      result += '\n' + std::string(indent, ' ');
      column = indent;
      while (word.starts_with(' ')) word.remove_prefix(1);
    }
    result += word;
    column += word.size();
  }
  return result;
}

std::string wrapped_lines(const std::string& text, std::size_t indent) {
  std::string result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!result.empty()) result += '\n';
    result += wrapped(line, indent);
  }
  return result;
}

std::string more_time_text(double minutes) {
  return minutes < 90.0 ? fmt::format("{:.0f} minutes", std::ceil(minutes))
                        : fmt::format("{:.1f} hours", minutes / 60.0);
}

void say(const std::string& text) { (void)std::fputs(text.c_str(), stderr); }

std::int64_t parse_duration_us(std::string_view text) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || !(value > 0) || value > 1e9) return -1;
  const std::string_view unit(parsed.ptr,
                              static_cast<std::size_t>(text.data() + text.size() - parsed.ptr));
  constexpr std::pair<std::string_view, double> kUnits[] = {{"", 1},   {"s", 1},    {"min", 60},
                                                            {"m", 60}, {"h", 3600}, {"d", 86400}};
  for (const auto& [name, seconds] : kUnits) {
    if (unit != name) continue;
    const auto us = static_cast<std::int64_t>(value * seconds * 1e6);
    return us > 0 ? us : -1;
  }
  return -1;
}

std::string duration_text(std::int64_t us) {
  const std::int64_t seconds = us / 1'000'000;
  if (seconds < 3600) return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
  return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace fettle::host
