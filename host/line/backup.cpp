// SPDX-License-Identifier: Apache-2.0
#include "host/line/backup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/checksum.hpp"
#include "host/error.hpp"
#include "host/line/board_link.hpp"

namespace fettle::host {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr int kDeepest = 8;
constexpr std::size_t kLongestSetting = 200;
constexpr std::size_t kMostShown = 40;
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

/// How deep objects and lists lie in each other; what reads, writes and frees them calls itself.
int nesting(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

/// A piece of a strange file, fit to be shown on one line.
std::string shown(const std::string& text) {
  const std::string piece = one_line(text.substr(0, kMostShown));
  return piece + (text.size() > kMostShown ? "..." : "");
}

/// Reads the fields of a backup; each complaint says which one and what was expected.
class Fields {
 public:
  explicit Fields(const std::string& file) : file_(file) {}

  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(ExitCode::bad_input, fmt::format("{}: {}", file_, why));
  }
  [[nodiscard]] const Json& of(const Json& json, const char* key, const std::string& field) const {
    const auto found = json.find(key);
    if (found == json.end()) refuse(fmt::format("\"{}\" is missing", field));
    return *found;
  }
  [[nodiscard]] const Json& object(const Json& json, const char* key) const {
    const Json& value = of(json, key, key);
    if (!value.is_object()) wrong(key, "an object", value);
    return value;
  }
  [[nodiscard]] std::string text(const Json& value, const std::string& field) const {
    if (!value.is_string()) wrong(field, "text", value);
    return value.get<std::string>();
  }
  [[noreturn]] void wrong(const std::string& field, std::string_view expected,
                          const Json& found) const {
    refuse(fmt::format("\"{}\": expected {}, found {}", field, expected, kind(found)));
  }

 private:
  static std::string_view kind(const Json& value) {
    if (value.is_null()) return "null";
    if (value.is_boolean()) return "true or false";
    if (value.is_number()) return "a number";
    if (value.is_string()) return "text";
    return value.is_array() ? "a list" : "an object";
  }

  const std::string& file_;
};

BoardLearned parse_burn_in(const Fields& fields, const Json& json) {
  if (!json.is_object()) fields.wrong("burn_in", "null or an object", json);
  BoardLearned learned;
  const std::string crc =
      fields.text(fields.of(json, "model_crc32", "burn_in.model_crc32"), "burn_in.model_crc32");
  const auto [end, error] =
      std::from_chars(crc.data(), crc.data() + crc.size(), learned.model_crc32, 16);
  if (crc.size() != 8 || error != std::errc() || end != crc.data() + crc.size()) {
    fields.refuse("\"burn_in.model_crc32\": expected 8 hexadecimal digits");
  }
  const Json& hop = fields.of(json, "hop", "burn_in.hop");
  if (!hop.is_number_unsigned() || hop.get<std::uint64_t>() > 65535) {
    fields.wrong("burn_in.hop", "a whole number up to 65535", hop);
  }
  learned.hop = hop.get<std::uint16_t>();
  if (!from_base64(fields.text(fields.of(json, "base64", "burn_in.base64"), "burn_in.base64"),
                   learned.bytes) ||
      learned.bytes.empty() || learned.bytes.size() > protocol::kMostLearned) {
    fields.refuse(fmt::format("\"burn_in.base64\": expected base64 with padding of 1 to {} bytes",
                              protocol::kMostLearned));
  }
  return learned;
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
      {"model", nullptr},
      {"burn_in", nullptr}};
  for (const auto& [key, value] : backup.settings) json["settings"][key] = value;
  if (!backup.model.empty()) {
    json["model"] = {{"bytes", backup.model.size()}, {"base64", base64(backup.model)}};
  }
  if (!backup.burn_in.bytes.empty()) {
    json["burn_in"] = {{"model_crc32", fmt::format("{:08x}", backup.burn_in.model_crc32)},
                       {"hop", backup.burn_in.hop},
                       {"base64", base64(backup.burn_in.bytes)}};
  }
  json["crc32"] = crc_text(plain(json));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

BoardBackup parse_backup(const std::string& text, const std::string& name) {
  const Fields fields(name);
  if (text.size() > kMostBackupBytes) {
    fields.refuse(fmt::format("too large for a backup: {} bytes, expected at most {}", text.size(),
                              kMostBackupBytes));
  }
  if (const int depth = nesting(text); depth > kDeepest) {
    fields.refuse(fmt::format(
        "not a backup of a board: objects and lists lie {} deep in each other, expected at most {}",
        depth, kDeepest));
  }
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("fettle_backup")) {
    fields.refuse("not a backup of a board; expected a file made by 'fettle backup'");
  }
  if (json["fettle_backup"] != kFormat) {
    fields.refuse(fmt::format("a backup of format {}; this program reads {}",
                              shown(plain(json["fettle_backup"])), kFormat));
  }
  const Json crc = json.contains("crc32") ? json["crc32"] : Json();
  json.erase("crc32");
  if (crc != crc_text(plain(json))) {
    fields.refuse("its checksum does not match: the file was changed or is not whole");
  }
  BoardBackup backup;
  const Json& board = fields.object(json, "board");
  backup.board_id = fields.text(fields.of(board, "id", "board.id"), "board.id");
  backup.board_name = fields.text(fields.of(board, "name", "board.name"), "board.name");
  backup.firmware = fields.text(fields.of(board, "firmware", "board.firmware"), "board.firmware");
  for (const auto& [key, value] : fields.object(json, "settings").items()) {
    const std::string field = "settings." + shown(key);
    const std::string setting = fields.text(value, field);
    if (has_control(key) || has_control(setting)) {
      fields.refuse(
          fmt::format("\"{}\": expected a setting without control characters, found "
                      "\"{}\"; nothing was sent",
                      field, shown(setting)));
    }
    if (key.size() > kLongestSetting || setting.size() > kLongestSetting) {
      fields.refuse(fmt::format("\"{}\": expected at most {} bytes, found {}; nothing was sent",
                                field, kLongestSetting, std::max(key.size(), setting.size())));
    }
    backup.settings.emplace_back(key, setting);
  }
  // Backups of before boards learned have none.
  if (const auto burn_in = json.find("burn_in"); burn_in != json.end() && !burn_in->is_null()) {
    backup.burn_in = parse_burn_in(fields, *burn_in);
  }
  const Json& model = fields.of(json, "model", "model");
  if (model.is_null()) return backup;
  if (!model.is_object()) fields.wrong("model", "null or an object", model);
  const Json& bytes = fields.of(model, "bytes", "model.bytes");
  if (!bytes.is_number_unsigned()) fields.wrong("model.bytes", "a whole number", bytes);
  if (!from_base64(fields.text(fields.of(model, "base64", "model.base64"), "model.base64"),
                   backup.model)) {
    fields.refuse("\"model.base64\": expected base64 with padding");
  }
  if (backup.model.size() != bytes.get<std::size_t>()) {
    fields.refuse(fmt::format("the model's bytes are not whole: expected {}, found {}",
                              bytes.get<std::size_t>(), backup.model.size()));
  }
  return backup;
}

}  // namespace fettle::host
