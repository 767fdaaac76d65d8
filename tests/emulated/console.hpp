// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// What a machine has to offer to a program under test: a way to print. Each machine of machines/ implements
// that, calls program() when memory is ready, and ends with what it returns, 0 for success.

namespace fettle::test {

int program();
void print(std::string_view text);

inline void print_hex(std::uint64_t value, int digits) {
  char text[16];
  for (int i = 0; i < digits; ++i) {
    text[i] = "0123456789abcdef"[value >> (4 * (digits - 1 - i)) & 15U];
  }
  print({text, static_cast<std::size_t>(digits)});
}

inline void print_number(std::int64_t value) {
  char text[20];
  std::size_t at = sizeof text;
  auto rest = static_cast<std::uint64_t>(value < 0 ? -value : value);
  do {
    text[--at] = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  if (value < 0) print("-");
  print({text + at, sizeof text - at});
}

}  // namespace fettle::test
