// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "core/learn/normal_running.hpp"

namespace fettle::cli {

/// JSON as text. A file's name need not be UTF-8; JSON must be, so what is not is shown as such.
[[nodiscard]] inline std::string text_of(const nlohmann::json& json, int indent = 2) {
  return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Adds windows that were left out to an object, by why.
inline void add_left_out(nlohmann::json& to,
                         const std::array<std::size_t, kLeftOutKinds>& windows) {
  constexpr std::array<const char*, kLeftOutKinds> keys = {"",      "off",    "changing",
                                                           "knock", "broken", "neighbour"};
  for (std::size_t why = 1; why < windows.size(); ++why) to[keys[why]] = windows[why];
}

}  // namespace fettle::cli
