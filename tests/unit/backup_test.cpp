// SPDX-License-Identifier: Apache-2.0
#include "host/line/backup.hpp"

#include <gtest/gtest.h>

#include "core/learn/random.hpp"
#include "tests/support/files.hpp"

namespace fettle::host {
namespace {

BoardBackup backup(std::size_t model) {
  BoardBackup backup{
      "0011223344556677", "Pumpe \xC3\xBC", "0.1.0", {{"name", "Pumpe"}, {"record", ""}}, {}};
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
  }
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

}  // namespace
}  // namespace fettle::host
