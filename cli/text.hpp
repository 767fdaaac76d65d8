// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace fettle::cli {

/// Words broken into lines of at most `columns` characters.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t columns);

/// At most `columns` characters; what is cut off ends in "~".
[[nodiscard]] std::string shortened(std::string_view text, std::size_t columns);

}  // namespace fettle::cli
