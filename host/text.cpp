// SPDX-License-Identifier: Apache-2.0
#include "host/text.hpp"

#include <cstdio>

namespace fettle::host {

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

}  // namespace fettle::host
