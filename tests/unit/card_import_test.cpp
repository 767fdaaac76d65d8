// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>

#include "core/learn/random.hpp"
#include "host/line/card.hpp"
#include "protocol/card_record.hpp"
#include "tests/support/files.hpp"

namespace fettle::host {
namespace {

using protocol::CardRecordType;
using test::expect_error;

/// Writes a log as a board does.
class CardWriter {
 public:
  std::vector<std::uint8_t> bytes;
  std::array<std::uint8_t, 8> id = {1, 2, 3, 4, 5, 6, 7, 8};
  std::uint32_t boot = 1;
  std::uint32_t sequence = 0;
  float rate_hz = 200;
  std::vector<TimedSample> truth;  ///< every sample written

  void record(CardRecordType type, std::span<const std::uint8_t> payload) {
    std::array<std::uint8_t, protocol::kCardRecordBytes> one;
    ASSERT_TRUE(protocol::write_card_record({type, sequence++, boot, id}, payload, one));
    bytes.insert(bytes.end(), one.begin(), one.end());
  }
  void session(std::string_view label, std::string_view name = "pump") {
    protocol::CardSession session;
    session.label = label;
    session.name = name;
    session.firmware = "0.1.0";
    session.rate_hz = rate_hz;
    session.who_am_i = 0x68;
    session.hop = 128;
    std::array<std::uint8_t, 256> payload;
    const std::size_t size = encode(session, payload);
    record(CardRecordType::session, std::span(payload).first(size));
    phase_ = 0;
  }
  /// Records of two blocks of 16 samples.
  void samples(int records, int amplitude = 4000) {
    for (int i = 0; i < records; ++i) {
      protocol::CardSamples payload;
      for (int block = 0; block < 2; ++block) {
        protocol::SamplesMessage message;
        message.block.index = index_;
        message.block.t_us = static_cast<std::int64_t>(index_) * 5000 + 17;
        message.block.period_ns = 5'000'000;
        message.block.count = 16;
        for (auto& sample : message.block.samples) {
          for (auto& count : sample) {
            count = static_cast<std::int16_t>(
                static_cast<int>(random_.below(static_cast<std::uint32_t>(amplitude))) -
                amplitude / 2);
          }
        }
        message.phase = phase_;
        for (std::size_t k = 0; k < 16; ++k) truth.push_back(message.block.timed(k));
        index_ += 16;
        phase_ = static_cast<std::uint16_t>((phase_ + 16) % 128);
        ASSERT_TRUE(payload.add(message));
      }
      record(CardRecordType::samples, payload.payload());
    }
  }
  void end() {
    std::array<std::uint8_t, 64> payload;
    const std::size_t size = encode(protocol::CardEnd{}, payload);
    record(CardRecordType::end, std::span(payload).first(size));
  }
  void event() {
    std::array<std::uint8_t, 256> payload;
    const std::size_t size = encode(protocol::EventMessage{}, payload);
    record(CardRecordType::event, std::span(payload).first(size));
  }

 private:
  Random random_{5};
  std::uint64_t index_ = 0;
  std::uint16_t phase_ = 0;
};

class CardImport : public testing::Test {
 protected:
  CardReport import(const std::string& label = "", bool force = false) {
    std::ofstream(folder / "card.log", std::ios::binary)
        .write(reinterpret_cast<const char*>(card.bytes.data()),
               static_cast<std::streamsize>(card.bytes.size()));
    return import_card({folder / "card.log", folder / "data", label, force});
  }
  std::vector<TimedSample> rows(const CardReport& report, std::size_t which = 0) {
    const DataSet data = DataSet::open(folder / "data");
    std::vector<TimedSample> rows;
    RecordingReader reader = data.read(report.recordings[which].entry);
    for (auto block = reader.next_block(); !block.empty(); block = reader.next_block()) {
      rows.insert(rows.end(), block.begin(), block.end());
    }
    return rows;
  }

  test::TemporaryFolder folder;
  CardWriter card;
};

TEST_F(CardImport, IsBitForBit) {
  card.event();
  card.session("normal");
  card.samples(50);
  card.event();
  card.samples(10);
  card.end();
  const CardReport report = import();
  ASSERT_EQ(report.recordings.size(), 1U);
  EXPECT_TRUE(report.recordings[0].ended);
  EXPECT_EQ(report.recordings[0].entry.label, "normal");
  EXPECT_EQ(report.records, 64U);
  EXPECT_EQ(report.events, 2U);
  EXPECT_EQ(report.damaged, 0U);
  EXPECT_EQ(rows(report), card.truth);
  const RecordingEntry entry = DataSet::open(folder / "data").recordings().at(0);
  EXPECT_NE(entry.provenance.find("pump (0102030405060708)"), std::string::npos);
  EXPECT_EQ(entry.rows, 60U * 32U);
}

TEST_F(CardImport, TakesOnlyWhatIsNew) {
  card.session("normal");
  card.samples(20);
  card.end();
  card.session("loose");
  card.samples(20);  // still recording
  EXPECT_EQ(import().recordings.size(), 2U);
  const auto import_again = [&](const std::string& label = "") {
    const CardReport report = import(label);
    EXPECT_TRUE(report.left_out.empty());
    return report;
  };
  const std::vector<std::string> both = {"normal/card-05060708-boot1-0",
                                         "loose/card-05060708-boot1-22"};
  CardReport report = import_again();
  EXPECT_TRUE(report.recordings.empty());
  EXPECT_EQ(report.already, both);
  EXPECT_TRUE(report.notes.empty());
  // Under another label it is still the same.
  report = import_again("normal");
  EXPECT_TRUE(report.recordings.empty());
  EXPECT_EQ(report.already, both);
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_NE(report.notes[0].find("as loose/card-05060708-boot1-22"), std::string::npos);
  // The card has grown: the second one is longer, the third is new.
  card.samples(10);
  card.end();
  card.session("normal");
  card.samples(20);
  card.end();
  report = import_again();
  EXPECT_EQ(report.already, std::vector<std::string>{both[0]});
  ASSERT_EQ(report.recordings.size(), 2U);
  EXPECT_EQ(report.recordings[0].entry.id(), both[1] + "-2");
  EXPECT_EQ(report.recordings[0].entry.rows, 30U * 32U);
  EXPECT_EQ(report.recordings[1].entry.id(), "normal/card-05060708-boot1-54");
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_NE(report.notes[0].find("960 rows, is " + both[1] + "-2"), std::string::npos)
      << report.notes[0];
  // And now all of it is there.
  report = import_again();
  EXPECT_TRUE(report.recordings.empty());
  EXPECT_EQ(report.already.size(), 3U);
  const DataSet data = DataSet::open(folder / "data");
  EXPECT_EQ(data.recordings().size(), 4U);
  for (const RecordingEntry& entry : data.recordings()) {
    if (entry.label == "loose") {  // parts of one: never apart in training and test
      EXPECT_EQ(entry.source, "card-05060708-boot1-22");
    }
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "data" / ".fettle-staging"));
}

TEST_F(CardImport, KnowsTheSameRecordingOnOneCard) {
  card.session("normal");
  card.samples(20);
  card.end();
  const std::vector<std::uint8_t> once = card.bytes;
  card.bytes.insert(card.bytes.end(), once.begin(), once.end());
  const CardReport report = import();
  EXPECT_EQ(report.recordings.size(), 1U);
  EXPECT_EQ(report.already.size(), 1U);
}

TEST_F(CardImport, IgnoresARecordThatStandsThereTwice) {
  card.session("normal");
  card.samples(40);
  card.end();
  std::vector<std::uint8_t> twice;
  std::uint64_t records = 0;
  for (std::size_t at = 0; at < card.bytes.size(); at += protocol::kCardRecordBytes, ++records) {
    for (int i = 0; i < 2; ++i) {
      twice.insert(
          twice.end(), card.bytes.begin() + static_cast<std::ptrdiff_t>(at),
          card.bytes.begin() + static_cast<std::ptrdiff_t>(at + protocol::kCardRecordBytes));
    }
  }
  card.bytes = twice;
  const CardReport report = import();
  ASSERT_EQ(report.recordings.size(), 1U);
  EXPECT_EQ(report.recordings[0].counts.rows, card.truth.size());
  EXPECT_EQ(report.recordings[0].counts.skipped, 0U);
  EXPECT_TRUE(report.recordings[0].ended);
  EXPECT_EQ(report.repeated, records);
  EXPECT_EQ(report.damaged, 0U);
}

TEST_F(CardImport, SaysWhenRecordsGoBack) {
  card.session("normal");
  card.samples(40);
  const std::uint32_t sequence = card.sequence;
  card.sequence = 5;  // another one under an old number
  card.samples(1);
  card.sequence = sequence;
  card.samples(20);
  card.end();
  const CardReport report = import();
  EXPECT_EQ(report.repeated, 0U);
  EXPECT_EQ(report.damaged, 1U);
  ASSERT_FALSE(report.damage.empty());
  EXPECT_NE(report.damage[0].find("record 5 where 41 was expected"), std::string::npos)
      << report.damage[0];
}

TEST_F(CardImport, TakesAllSessionsOfSeveralBoards) {
  card.session("normal");
  card.samples(20);
  card.session("loose");  // the one before was cut off
  card.samples(20);
  card.end();
  card.id[7] = 99;
  card.sequence = 0;
  card.session("normal", "");
  card.samples(20);
  card.session("normal");
  card.samples(2);  // no window
  const CardReport report = import();
  ASSERT_EQ(report.recordings.size(), 3U);
  EXPECT_FALSE(report.recordings[0].ended);
  EXPECT_TRUE(report.recordings[1].ended);
  EXPECT_EQ(report.boards, (std::vector<std::string>{"pump (0102030405060708)", "0102030405060763",
                                                     "pump (0102030405060763)"}));
  ASSERT_EQ(report.left_out.size(), 1U);
  EXPECT_EQ(report.missing, 0U);
}

TEST_F(CardImport, SkipsAndNamesADamagedRecord) {
  card.session("normal");
  card.samples(40);
  card.end();
  card.bytes[5 * 512 + 100] ^= 1;
  const CardReport report = import();
  EXPECT_EQ(report.damaged, 1U);
  ASSERT_EQ(report.damage.size(), 2U);
  EXPECT_NE(report.damage[0].find("offset 2560"), std::string::npos);
  EXPECT_NE(report.damage[0].find("checksum"), std::string::npos);
  EXPECT_NE(report.damage[1].find("records 5 to 5 are missing"), std::string::npos);
  // 4 records before it; then from the start of the next window, 8 blocks after the first.
  std::vector<TimedSample> expected(card.truth.begin(), card.truth.begin() + 128);
  expected.insert(expected.end(), card.truth.begin() + 256, card.truth.end());
  EXPECT_EQ(rows(report), expected);
  EXPECT_EQ(report.recordings[0].counts.lost_on_line, 32U);
}

TEST_F(CardImport, ReadsOnAfterATornRecord) {
  for (const std::size_t cut : {1U, 100U, 511U}) {
    for (const bool padded : {true, false}) {
      test::TemporaryFolder fresh;
      CardWriter torn;
      torn.session("normal");
      torn.samples(20);
      torn.bytes.resize(torn.bytes.size() - cut);
      if (padded) torn.bytes.resize(torn.bytes.size() + cut);
      torn.boot = 2;
      --torn.sequence;
      torn.session("normal");
      torn.samples(20);
      std::ofstream(fresh / "card.log", std::ios::binary)
          .write(reinterpret_cast<const char*>(torn.bytes.data()),
                 static_cast<std::streamsize>(torn.bytes.size()));
      const CardReport report = import_card({fresh / "card.log", fresh / "data", "", false});
      ASSERT_EQ(report.recordings.size(), 2U) << cut << padded;
      EXPECT_EQ(report.recordings[0].entry.rows, 19U * 32U);
      EXPECT_EQ(report.recordings[1].entry.rows, 20U * 32U);
      EXPECT_EQ(report.damaged, 1U);
    }
  }
}

TEST_F(CardImport, EndsWhereTheFileEnds) {
  card.session("normal");
  card.samples(20);
  card.bytes.resize(card.bytes.size() - 7);
  const CardReport report = import();
  EXPECT_EQ(report.damaged, 1U);
  EXPECT_EQ(report.recordings[0].entry.rows, 19U * 32U);
}

TEST_F(CardImport, RefusesOtherFiles) {
  const auto refused = [&](const std::vector<std::uint8_t>& bytes, std::string_view why) {
    card.bytes = bytes;
    expect_error(ExitCode::bad_input, {"card.log", "offset 0", why},
                 [&] { static_cast<void>(import()); });
    EXPECT_FALSE(std::filesystem::exists(folder / "data"));
  };
  refused({}, "empty");
  refused(std::vector<std::uint8_t>(5000, 0xFF), "nothing was written");
  refused(std::vector<std::uint8_t>(20, 'x'), "not a card log");
  const std::string table = "t_us,ax_g,ay_g,az_g\n";
  std::vector<std::uint8_t> csv;
  for (int i = 0; i < 100; ++i) csv.insert(csv.end(), table.begin(), table.end());
  refused(csv, "fettle import");
}

TEST_F(CardImport, NeedsALabelAndOneRate) {
  card.session("");
  card.samples(20);
  expect_error(ExitCode::usage, {"offset 0", "--label"}, [&] { static_cast<void>(import()); });
  EXPECT_FALSE(std::filesystem::exists(folder / "data"));
  EXPECT_EQ(import("loose").recordings[0].entry.label, "loose");
  card.bytes.clear();
  card.rate_hz = 1000;
  card.session("");
  card.samples(20);
  expect_error(ExitCode::bad_input, {"card.log, offset 0", "1000 Hz", "data is at 200 Hz"},
               [&] { static_cast<void>(import("other")); });
}

TEST_F(CardImport, LeavesOutWhatCannotNameAFolder) {
  for (const char* label : {"../x", ".h", "a/b", "", "a\x1B[2Jb"}) {
    card.session(label);
    card.samples(20);
    card.end();
  }
  card.session("normal");
  card.samples(20);
  card.end();
  const CardReport report = import();
  ASSERT_EQ(report.recordings.size(), 1U);
  EXPECT_EQ(report.recordings[0].entry.label, "normal");
  EXPECT_EQ(report.recordings[0].entry.rows, 20U * 32U);
  EXPECT_EQ(report.damaged, 0U);
  ASSERT_EQ(report.left_out.size(), 5U);
  for (const std::string_view part : {"card.log", "offset 0:", "\"../x\"", "--label"}) {
    EXPECT_NE(report.left_out[0].find(part), std::string::npos) << report.left_out[0];
  }
  EXPECT_NE(report.left_out[1].find("offset 11264: a recording labelled \".h\""), std::string::npos)
      << report.left_out[1];
  EXPECT_EQ(report.left_out[4].find('\x1B'), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder / "x"));
  // Alone on a card, the label is what is missing.
  card.bytes.resize(22 * 512);
  expect_error(ExitCode::usage, {"\"../x\"", "--label"}, [&] { static_cast<void>(import()); });
}

TEST_F(CardImport, LeavesOutImpossibleAndOtherRates) {
  const auto session = [&](float rate_hz, int records) {
    card.rate_hz = rate_hz;
    card.session("normal");
    card.samples(records);
    card.end();
  };
  session(1e30F, 20);
  session(0.5F, 20);
  session(20'000, 20);
  session(1000, 1);  // no window: it does not decide
  session(200, 20);
  session(400, 20);
  session(201, 20);
  const CardReport report = import();
  ASSERT_EQ(report.recordings.size(), 2U);
  EXPECT_EQ(report.damaged, 0U);
  EXPECT_EQ(DataSet::open(folder / "data").rate_hz(), 200);
  ASSERT_EQ(report.left_out.size(), 5U);
  EXPECT_NE(report.left_out[0].find("1e+30 Hz"), std::string::npos) << report.left_out[0];
  EXPECT_NE(report.left_out[1].find("0.5 Hz"), std::string::npos) << report.left_out[1];
  EXPECT_NE(report.left_out[2].find("expected 1 to 10000 Hz"), std::string::npos);
  EXPECT_NE(report.left_out[4].find("400 Hz"), std::string::npos) << report.left_out[4];
  EXPECT_NE(report.left_out[4].find("first one is at 200 Hz"), std::string::npos);
  // The data set decides, where there is one.
  card.bytes.clear();
  session(400, 20);
  session(200, 20);
  const CardReport more = import();
  EXPECT_EQ(more.recordings.size(), 1U);
  ASSERT_EQ(more.left_out.size(), 1U);
  EXPECT_NE(more.left_out[0].find("data is at 200 Hz"), std::string::npos) << more.left_out[0];
}

TEST_F(CardImport, CallsNoStandstillNormal) {
  card.session("normal");
  card.samples(20, 16);
  card.samples(20, 16);
  expect_error(ExitCode::too_little_data, {"cannot be called normal", "off", "--force"},
               [&] { static_cast<void>(import()); });
  EXPECT_EQ(import("", true).recordings.size(), 1U);
}

}  // namespace
}  // namespace fettle::host
