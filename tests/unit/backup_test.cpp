// SPDX-License-Identifier: Apache-2.0
#include "host/line/backup.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/checksum.hpp"
#include "core/learn/random.hpp"
#include "tests/support/files.hpp"

namespace fettle::host {
namespace {

BoardBackup backup(std::size_t model) {
  BoardBackup backup{
      "0011223344556677", "Pumpe \xC3\xBC", "0.1.0", {{"name", "Pumpe"}, {"record", ""}}, {}, {}};
  Random random(model);
  for (std::size_t i = 0; i < model; ++i) {
    backup.model.push_back(static_cast<std::uint8_t>(random.next()));
  }
  return backup;
}

TEST(Base64, IsThatOfTheStandard) {  // RFC 4648, section 10
  const std::pair<std::string_view, std::string_view> kVectors[] = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : kVectors) {
    const std::vector<std::uint8_t> bytes(plain.begin(), plain.end());
    EXPECT_EQ(base64(bytes), coded);
    std::vector<std::uint8_t> back;
    EXPECT_TRUE(from_base64(coded, back));
    EXPECT_EQ(back, bytes);
  }
  std::vector<std::uint8_t> bytes;
  for (const char* bad : {"Zg", "Zg=", "Z===", "Zg==Zg==", "Z*==", "Zg=A", "===="}) {
    EXPECT_FALSE(from_base64(bad, bytes)) << bad;
  }
}

TEST(Backup, ComesBack) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{3632}}) {
    const BoardBackup before = backup(size);
    const BoardBackup after = parse_backup(backup_text(before), "b.json");
    EXPECT_EQ(after.board_id, before.board_id);
    EXPECT_EQ(after.board_name, before.board_name);
    EXPECT_EQ(after.settings, before.settings);
    EXPECT_EQ(after.model, before.model);
    EXPECT_TRUE(after.burn_in.bytes.empty());
  }
}

TEST(Backup, CarriesWhatWasLearned) {
  BoardBackup before = backup(9);
  before.burn_in = {0x00C0FFEE, 64, std::vector<std::uint8_t>(protocol::kMostLearned, 7)};
  const BoardBackup after = parse_backup(backup_text(before), "b.json");
  EXPECT_EQ(after.burn_in.model_crc32, before.burn_in.model_crc32);
  EXPECT_EQ(after.burn_in.hop, before.burn_in.hop);
  EXPECT_EQ(after.burn_in.bytes, before.burn_in.bytes);
}

TEST(Backup, SettingsAreLines) {
  const auto settings = parse_settings("name=a=b\r\nrecord=\nno line\n=x\nhop=0");
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"name", "a=b"}, {"record", ""}, {"hop", "0"}};
  EXPECT_EQ(settings, expected);
}

TEST(Backup, RefusesOtherFilesAndChangedOnes) {
  const auto refused = [](const std::string& text, std::string_view why) {
    test::expect_error(ExitCode::bad_input, {"b.json", why},
                       [&] { static_cast<void>(parse_backup(text, "b.json")); });
  };
  refused("", "not a backup");
  refused("[1]", "not a backup");
  refused("{\"a\": 1}", "not a backup");
  refused("{\"fettle_backup\": 2}", "format 2");
  refused("{\"fettle_backup\": 1}", "checksum");
  std::string text = backup_text(backup(30));
  text.replace(text.find("Pumpe"), 5, "pumpe");
  refused(text, "checksum");
}

/// A backup with something put in the place of a field, and the checksum that fits.
std::string with(const std::string& where, const nlohmann::ordered_json& what) {
  auto json = nlohmann::ordered_json::parse(backup_text(backup(3)));
  json[nlohmann::ordered_json::json_pointer(where)] = what;
  json.erase("crc32");
  const std::string text = json.dump();
  Crc32 crc;
  crc.add({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  json["crc32"] = fmt::format("{:08x}", crc.value());
  return json.dump();
}

TEST(Backup, SaysWhichFieldIsNotWhatItShouldBe) {
  using Json = nlohmann::ordered_json;
  const auto refused = [](const std::string& text, std::initializer_list<std::string_view> why) {
    try {
      static_cast<void>(parse_backup(text, "b.json"));
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, ExitCode::bad_input);
      const std::string_view message = error.what();
      for (const std::string_view part : why) {
        EXPECT_NE(message.find(part), std::string_view::npos) << message;
      }
      EXPECT_EQ(message.find("json.exception"), std::string_view::npos) << message;
      EXPECT_EQ(message.find_first_of("\x1B\n\r\t"), std::string_view::npos) << message;
    }
  };
  EXPECT_EQ(parse_backup(with("/settings/hop", "0"), "b.json").settings.size(), 3U);
  EXPECT_EQ(parse_backup(with("/settings/hop", std::string(200, 'x')), "b.json").settings.size(),
            3U);
  refused(with("/settings", Json::array({"a", "b"})), {"\"settings\"", "an object", "a list"});
  refused(with("/settings", "x"), {"\"settings\"", "an object", "text"});
  refused(with("/settings/hop", 7), {"\"settings.hop\"", "expected text", "a number"});
  refused(with("/settings/hop", "1\nset name x"), {"settings.hop", "control", "1\\nset name x"});
  refused(with("/settings/a\x1B[2J", "1"), {"settings.a\\x1b[2J", "control"});
  refused(with("/settings/hop", "\x7F"), {"settings.hop", "control"});
  refused(with("/settings/hop", std::string(201, 'x')), {"settings.hop", "at most 200", "201"});
  refused(with("/settings/" + std::string(201, 'k'), "1"), {"settings.kkk", "at most 200", "201"});
  refused(with("/board", nullptr), {"\"board\"", "an object", "null"});
  refused(with("/board", Json::object()), {"\"board.id\" is missing"});
  refused(with("/board/name", true), {"\"board.name\"", "expected text"});
  refused(with("/model", 1), {"\"model\"", "null or an object", "a number"});
  refused(with("/model/bytes", -1), {"\"model.bytes\"", "a whole number"});
  refused(with("/model/bytes", 4), {"not whole", "expected 4, found 3"});
  refused(with("/model/base64", "*"), {"\"model.base64\"", "base64"});
  refused(with("/burn_in", 1), {"\"burn_in\"", "null or an object", "a number"});
  const auto burn_in = [](const char* crc, const Json& hop, const std::string& base64) {
    return with("/burn_in", {{"model_crc32", crc}, {"hop", hop}, {"base64", base64}});
  };
  EXPECT_EQ(parse_backup(burn_in("00c0ffee", 128, "AAAA"), "b.json").burn_in.bytes.size(), 3U);
  refused(burn_in("c0ffee", 128, "AAAA"), {"burn_in.model_crc32", "8 hexadecimal"});
  refused(burn_in("xxc0ffee", 128, "AAAA"), {"burn_in.model_crc32", "8 hexadecimal"});
  refused(burn_in("00c0ffee", -1, "AAAA"), {"burn_in.hop", "whole number"});
  refused(burn_in("00c0ffee", 70000, "AAAA"), {"burn_in.hop", "whole number"});
  refused(burn_in("00c0ffee", 128, ""), {"burn_in.base64"});
  refused(burn_in("00c0ffee", 128, "AAA"), {"burn_in.base64"});
  refused(burn_in("00c0ffee", 128, base64(std::vector<std::uint8_t>(481))), {"burn_in.base64"});
  refused(with("/model/base64", Json::array()), {"\"model.base64\"", "expected text", "a list"});
}

TEST(Backup, RefusesWhatIsFarTooDeepOrTooLarge) {
  const auto refused = [](const std::string& text, std::string_view why) {
    test::expect_error(ExitCode::bad_input, {"b.json", why},
                       [&] { static_cast<void>(parse_backup(text, "b.json")); });
  };
  const auto nested = [](std::size_t depth) {
    return "{\"fettle_backup\":1,\"x\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  refused(nested(7), "checksum");
  refused(nested(8), "9 deep");
  refused(nested(200'000), "deep");
  refused("{\"fettle_backup\":1,\"x\":" + std::string(200'000, '['), "deep");
  refused(std::string(200'000, '['), "deep");
  // Brackets in text are text.
  refused("{\"fettle_backup\":1,\"x\":\"\\\"[[[[[[[[[[[[[[[[[[\"}", "checksum");
  refused(std::string((std::size_t{1} << 20) + 1, ' '), "too large");
}

}  // namespace
}  // namespace fettle::host
