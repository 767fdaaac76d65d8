// SPDX-License-Identifier: Apache-2.0
#include "host/text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <utility>

namespace fettle::host {

namespace {

unsigned byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
}

/// Bytes of the control character that begins there; 0 if none does.
std::size_t control_at(std::string_view text, std::size_t at) {
  const unsigned byte = byte_at(text, at);
  if (byte < 0x20 || byte == 0x7F) return 1;
  // U+0080 to U+009F, which terminals obey as they obey escape, are two bytes of UTF-8.
  const bool c1_follows = (byte_at(text, at + 1) & 0xE0U) == 0x80;
  if (byte == 0xC2 && c1_follows) return 2;
  // Without the start of a letter before it, it is one for a terminal that does not read UTF-8.
  return (byte & 0xE0U) == 0x80 && (at == 0 || byte_at(text, at - 1) < 0x80) ? 1 : 0;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t control = text[i] == '\n' || text[i] == '\t' ? 0 : control_at(text, i);
    result += control > 0 ? '?' : text[i];
    if (control > 1) i += control - 1;
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
      result += text[i];
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
    if (unit == name) return static_cast<std::int64_t>(value * seconds * 1e6);
  }
  return -1;
}

std::string duration_text(std::int64_t us) {
  const std::int64_t seconds = us / 1'000'000;
  if (seconds < 3600) return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
  return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace fettle::host
