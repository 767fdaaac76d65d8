// SPDX-License-Identifier: Apache-2.0
#include "board/text.hpp"

namespace fettle::board {
namespace {

bool take_digit(std::string_view& text, unsigned& digit) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return false;
  digit = static_cast<unsigned>(text.front() - '0');
  text.remove_prefix(1);
  return true;
}

}  // namespace

bool parse_number(std::string_view text, double& value) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  double mantissa = 0;
  int exponent = 0;
  int digits = 0;
  unsigned digit = 0;
  for (; take_digit(text, digit); ++digits) mantissa = mantissa * 10 + digit;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    for (; take_digit(text, digit); ++digits, --exponent) mantissa = mantissa * 10 + digit;
  }
  if (digits == 0 || digits > 30) return false;
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+')) text.remove_prefix(1);
    int shift = 0;
    if (!parse(text, shift) || shift < -60 || shift > 60) return false;
    exponent += shift;
    text = {};
  }
  if (!text.empty()) return false;
  double power = 1;
  for (int i = exponent < 0 ? -exponent : exponent; i > 0; --i) power *= 10;
  value = exponent < 0 ? mantissa / power : mantissa * power;
  if (negative) value = -value;
  return true;
}

bool parse_duration(std::string_view text, std::int64_t& us) {
  struct Unit {
    std::string_view name;
    std::int64_t us;
  };
  constexpr std::int64_t kSecond_us = 1'000'000;
  constexpr Unit kUnits[] = {
      {"s", kSecond_us},        {"min", 60 * kSecond_us},      {"m", 60 * kSecond_us},
      {"h", 3600 * kSecond_us}, {"d", 24 * 3600 * kSecond_us}, {"", 60 * kSecond_us}};
  std::size_t end = 0;
  while (end < text.size() && ((text[end] >= '0' && text[end] <= '9') || text[end] == '.')) ++end;
  double value = 0;
  if (!parse_number(head(text, end), value)) return false;
  for (const Unit& unit : kUnits) {
    if (tail(text, end) != unit.name) continue;
    const double wanted = value * static_cast<double>(unit.us);
    if (wanted < 1e6 || wanted > 31.0 * 24 * 3600e6) return false;
    us = static_cast<std::int64_t>(wanted);
    return true;
  }
  return false;
}

}  // namespace fettle::board
