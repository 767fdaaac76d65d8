// SPDX-License-Identifier: Apache-2.0
#include "cli/text.hpp"

#include <sstream>

namespace fettle::cli {

std::string wrapped(std::string_view text, std::size_t columns) {
  std::istringstream words{std::string(text)};
  std::string result;
  std::string word;
  std::size_t line = 0;
  while (words >> word) {
    if (line > 0 && line + 1 + word.size() > columns) {
      result += '\n';
      line = 0;
    } else if (line > 0) {
      result += ' ';
      ++line;
    }
    result += word;
    line += word.size();
  }
  return result;
}

std::string shortened(std::string_view text, std::size_t columns) {
  if (text.size() <= columns) return std::string(text);
  return std::string(text.substr(0, columns - 1)) + "~";
}

}  // namespace fettle::cli
