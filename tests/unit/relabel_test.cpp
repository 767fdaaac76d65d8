// SPDX-License-Identifier: Apache-2.0
#include "host/relabel.hpp"

#include <gtest/gtest.h>

#include "tests/support/files.hpp"

namespace fettle::host {
namespace {

using test::expect_error;
using test::TemporaryFolder;

constexpr std::int64_t kSecond = 1'000'000;

TEST(Clock, ReadsHoursMinutesAndSeconds) {
  EXPECT_EQ(parse_clock_us("00:04:10"), 250 * kSecond);
  EXPECT_EQ(parse_clock_us("01:00:00.5"), 3600 * kSecond + 500'000);
  EXPECT_EQ(parse_clock_us("4:10"), 250 * kSecond);
  EXPECT_EQ(parse_clock_us("90.25"), 90 * kSecond + 250'000);
  EXPECT_EQ(parse_clock_us("0"), 0);
  EXPECT_EQ(parse_clock_us("100:00:00"), 360'000 * kSecond);
  for (const char* bad : {"", ":", "1:", ":1", "1:60", "1:60:00", "1:2:3:4", "-1", "1.", "1.5:00",
                          "a", "1h", "99999999999999999999", "1.1234567"}) {
    EXPECT_LT(parse_clock_us(bad), 0) << bad;
  }
  EXPECT_EQ(clock_text(parse_clock_us("12:34:56.789")), "12:34:56.789");
}

class Relabel : public testing::Test {
 protected:
  Relabel() {
    DataSetUpdate update(data(), 1, 3);
    // 100 s, a row a second, starting at an odd time; the row's number is in ax.
    for (const char* label : {"normal", "other"}) {
      RecordingWriter& writer = update.begin(label, label[0] == 'n' ? "run" : "twin", "s", "made");
      for (int i = 0; i < 100; ++i) {
        writer.write({777 + i * kSecond, {{static_cast<float>(i), 0, 1}}});
      }
      update.end();
    }
    update.commit();
  }
  [[nodiscard]] std::filesystem::path data() const { return folder_ / "data"; }
  [[nodiscard]] std::vector<float> numbers(const std::string& id) const {
    RecordingReader reader(data() / (id + ".csv"));
    std::vector<float> all;
    for (auto block = reader.next_block(); !block.empty(); block = reader.next_block()) {
      for (const TimedSample& sample : block) all.push_back(sample.sample.axis[0]);
    }
    return all;
  }
  TemporaryFolder folder_;
};

TEST_F(Relabel, CutsIntoThreeAndLosesNothing) {
  const auto parts = relabel(data(), "run", 10 * kSecond, 30 * kSecond, "bearing");
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].entry.id(), "normal/run");
  EXPECT_EQ(parts[1].entry.id(), "bearing/run");
  EXPECT_EQ(parts[2].entry.id(), "normal/run-2");
  std::vector<float> all;
  for (const auto& [id, first, count] : {std::tuple{"normal/run", 0.0F, 10U},
                                         {"bearing/run", 10.0F, 20U},
                                         {"normal/run-2", 30.0F, 70U}}) {
    const std::vector<float> part = numbers(id);
    ASSERT_EQ(part.size(), count);
    EXPECT_EQ(part.front(), first);
    all.insert(all.end(), part.begin(), part.end());
  }
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(all[i], static_cast<float>(i));
  const DataSet after = DataSet::open(data());
  EXPECT_EQ(after.recordings().size(), 4U);
  for (const RecordingEntry& entry : after.recordings()) EXPECT_EQ(entry.source, "s");
}

TEST_F(Relabel, TheWholeAndTheEnds) {
  EXPECT_EQ(relabel(data(), "normal/run", 0, 20 * kSecond, "x").size(), 2U);
  EXPECT_EQ(numbers("normal/run").front(), 20.0F);
  EXPECT_EQ(relabel(data(), "normal/run", 50 * kSecond, 5000 * kSecond, "x").size(), 2U);
  EXPECT_EQ(numbers("x/run-2").size(), 30U) << "x/run was taken";
  EXPECT_EQ(relabel(data(), "normal/run", 0, 5000 * kSecond, "y").size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(data() / "normal"));
}

TEST_F(Relabel, WhatMakesNoSenseChangesNothing) {
  const std::string before = test::read_text(data() / "dataset.json");
  const auto refused = [&](std::initializer_list<std::string_view> pieces, const char* name,
                           std::int64_t from_us, std::int64_t to_us, const char* label) {
    expect_error(ExitCode::usage, pieces,
                 [&] { (void)relabel(data(), name, from_us, to_us, label); });
  };
  refused({"no recording", "normal/run"}, "nothing", 0, kSecond, "x");
  refused({"not before"}, "run", kSecond, kSecond, "x");
  refused({"already"}, "run", 0, kSecond, "normal");
  refused({"no row between", "00:01:39"}, "run", 200 * kSecond, 300 * kSecond, "x");
  refused({"letters"}, "run", 0, kSecond, "../x");
  (void)relabel(data(), "twin", 0, 5 * kSecond, "third");
  refused({"more than one", "other/twin", "third/twin"}, "twin", 0, kSecond, "x");
  EXPECT_NE(test::read_text(data() / "dataset.json"), before);
  EXPECT_EQ(numbers("normal/run").size(), 100U);
}

}  // namespace
}  // namespace fettle::host
