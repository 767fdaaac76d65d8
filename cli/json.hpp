// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace fettle::cli {

/// JSON as text. A file's name need not be UTF-8; JSON must be, so what is not is shown as such.
[[nodiscard]] inline std::string text_of(const nlohmann::json& json, int indent = 2) {
  return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace fettle::cli
