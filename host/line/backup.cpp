// SPDX-License-Identifier: Apache-2.0
#include "host/line/backup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/checksum.hpp"
#include "host/error.hpp"

namespace fettle::host {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string crc_text(const std::string& text) {
  Crc32 crc;
  crc.add({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  return fmt::format("{:08x}", crc.value());
}

/// What the checksum is over: everything else, written without spaces.
std::string plain(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string base64(const std::vector<std::uint8_t>& bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0U);
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= count ? kDigits[group >> (18 - 6 * k) & 63U] : '=';
    }
  }
  return text;
}

bool from_base64(std::string_view text, std::vector<std::uint8_t>& bytes) {
  bytes.clear();
  if (text.size() % 4 != 0) return false;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::size_t padding = 0;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const char c = text[i + k];
      const std::size_t digit = kDigits.find(c);
      if (c == '=' && k >= 2 && i + 4 == text.size()) {
        ++padding;
      } else if (digit == std::string_view::npos || padding > 0) {
        return false;
      }
      group = group << 6 | (c == '=' ? 0U : static_cast<std::uint32_t>(digit));
    }
    for (std::size_t k = 0; k < 3 - padding; ++k) {
      bytes.push_back(static_cast<std::uint8_t>(group >> (16 - 8 * k) & 0xFFU));
    }
  }
  return true;
}

std::vector<std::pair<std::string, std::string>> parse_settings(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> settings;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    settings.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  return settings;
}

std::string backup_text(const BoardBackup& backup) {
  Json json = {
      {"fettle_backup", kFormat},
      {"board",
       {{"id", backup.board_id}, {"name", backup.board_name}, {"firmware", backup.firmware}}},
      {"settings", Json::object()},
      {"model", nullptr}};
  for (const auto& [key, value] : backup.settings) json["settings"][key] = value;
  if (!backup.model.empty()) {
    json["model"] = {{"bytes", backup.model.size()}, {"base64", base64(backup.model)}};
  }
  json["crc32"] = crc_text(plain(json));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

BoardBackup parse_backup(const std::string& text, const std::string& name) {
  const auto refuse = [&name](const std::string& why) {
    throw Error(ExitCode::bad_input, fmt::format("{}: {}", name, why));
  };
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("fettle_backup")) {
    refuse("not a backup of a board; expected a file made by 'fettle backup'");
  }
  if (json["fettle_backup"] != kFormat) {
    refuse(fmt::format("a backup of format {}; this program reads {}",
                       plain(json["fettle_backup"]).substr(0, 20), kFormat));
  }
  const Json crc = json.contains("crc32") ? json["crc32"] : Json();
  json.erase("crc32");
  if (crc != crc_text(plain(json))) {
    refuse("its checksum does not match: the file was changed or is not whole");
  }
  BoardBackup backup;
  try {
    const Json& board = json.at("board");
    backup.board_id = board.at("id").get<std::string>();
    backup.board_name = board.at("name").get<std::string>();
    backup.firmware = board.at("firmware").get<std::string>();
    for (const auto& [key, value] : json.at("settings").items()) {
      backup.settings.emplace_back(key, value.get<std::string>());
    }
    const Json& model = json.at("model");
    if (!model.is_null() && (!from_base64(model.at("base64").get<std::string>(), backup.model) ||
                             backup.model.size() != model.at("bytes").get<std::size_t>())) {
      refuse("the model's bytes are not whole");
    }
  } catch (const nlohmann::json::exception& error) {
    refuse(fmt::format("something is missing or of the wrong kind: {}", error.what()));
  }
  return backup;
}

}  // namespace fettle::host
