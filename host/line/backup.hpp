// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/line/board_link.hpp"

namespace fettle::host {

/// A larger file is none of ours.
inline constexpr std::size_t kMostBackupBytes = std::size_t{1} << 20;

/// What `fettle backup` keeps of a board.
struct BoardBackup {
  std::string board_id;  ///< 16 hexadecimal digits
  std::string board_name;
  std::string firmware;
  std::vector<std::pair<std::string, std::string>> settings;  ///< as the board lists them
  std::vector<std::uint8_t> model;                            ///< empty: none
  BoardLearned burn_in;                                       ///< no bytes: nothing was learned
};

/// The lines "key=value" of the board's command `settings`; others are ignored.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> parse_settings(
    std::string_view text);

/// One JSON file (FORMATS.md).
[[nodiscard]] std::string backup_text(const BoardBackup& backup);
/// Throws Error(bad_input): not a backup, of another format, changed, or with a setting that no line
/// can carry.
[[nodiscard]] BoardBackup parse_backup(const std::string& text, const std::string& name);

[[nodiscard]] std::string base64(const std::vector<std::uint8_t>& bytes);
/// @return false if the text is not base64 with padding
[[nodiscard]] bool from_base64(std::string_view text, std::vector<std::uint8_t>& bytes);

}  // namespace fettle::host
