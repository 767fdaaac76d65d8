// SPDX-License-Identifier: Apache-2.0
#include "cli/help.hpp"

#include <fmt/format.h>

#include "host/text.hpp"

namespace fettle::cli {
namespace {

constexpr std::size_t kLeft = 26;  // columns of names, the two spaces before them included

std::string two_columns(const std::string& left, const std::string& right) {
  // wrapped() fills whole lines, so the description wraps as if the names stood before it.
  const std::string padding(kLeft, '.');
  std::string text = host::wrapped(padding + right, kLeft).substr(kLeft);
  const std::string name = "  " + left;
  if (right.empty()) return name + "\n";
  if (name.size() + 1 > kLeft) return fmt::format("{}\n{:{}}{}\n", name, "", kLeft, text);
  return fmt::format("{:<{}}{}\n", name, kLeft, text);
}

}  // namespace

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  return two_columns(make_option_name(option, is_positional) + make_option_opts(option),
                     make_option_desc(option));
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  const std::string description = command->get_description();
  return two_columns(command->get_name(), description.substr(0, description.find('\n')));
}

}  // namespace fettle::cli
