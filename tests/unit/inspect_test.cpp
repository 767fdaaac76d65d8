// SPDX-License-Identifier: Apache-2.0
// A clean machine of known numbers, and one defect at a time: each is found, and nothing else.
#include "host/inspect.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <random>

#include "tests/support/files.hpp"

namespace fettle::host {
namespace {

using test::TemporaryFolder;

constexpr int kRows = 40'960;  // 204.8 s at 200 Hz, 40 blocks

/// Turns at 30 Hz, 0.3 g in x and y, a little noise in all axes.
std::vector<TimedSample> clean() {
  std::mt19937 random(5);
  std::normal_distribution<float> noise(0, 0.02F);
  std::vector<TimedSample> rows(kRows);
  for (int i = 0; i < kRows; ++i) {
    const double turn = 2 * std::numbers::pi * 30.0 * i / 200.0;
    rows[static_cast<std::size_t>(i)] = {
        i * 5000,
        {{0.3F * static_cast<float>(std::cos(turn)) + noise(random),
          0.3F * static_cast<float>(std::sin(turn)) + noise(random), 1 + noise(random)}}};
  }
  return rows;
}

Inspection inspect_rows(const std::vector<TimedSample>& rows, std::size_t pieces = 1) {
  const TemporaryFolder folder;
  DataSetUpdate update(folder / "d", 200, 3);
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    RecordingWriter& writer = update.begin("normal", fmt::format("r{}", piece), "s", "");
    const std::size_t length = rows.size() / pieces;
    for (std::size_t i = 0; i < length; ++i) writer.write(rows[piece * length + i]);
    update.end();
  }
  update.commit();
  return inspect(DataSet::open(folder / "d"), 128, false);
}

bool found(const Inspection& inspection, bool matters, std::string_view piece) {
  for (const Finding& finding : inspection.findings) {
    if (finding.matters == matters && finding.text.find(piece) != std::string::npos) return true;
  }
  return false;
}

TEST(Inspect, ACleanRecordingHasNoFindings) {
  const Inspection inspection = inspect_rows(clean());
  EXPECT_TRUE(inspection.findings.empty()) << inspection.findings[0].text;
  const Health& part = inspection.parts.at(0);
  EXPECT_EQ(part.windows, 320U);
  EXPECT_DOUBLE_EQ(part.rate_hz, 200);
  EXPECT_NEAR(part.jitter_us, 0, 0.01);
  EXPECT_NEAR(part.magnitude_g, std::sqrt(1.09), 0.01);
  EXPECT_NEAR(part.level_g.first, 0.302, 0.005);
  EXPECT_NEAR(part.speed_hz.first, 30, 0.05);
  EXPECT_NEAR(part.speed_hz.last, 30, 0.05);
}

TEST(Inspect, ShortFilesOfOneSourceAreOnePart) {
  const Inspection inspection = inspect_rows(clean(), 200);
  ASSERT_EQ(inspection.parts.size(), 1U);
  EXPECT_EQ(inspection.parts[0].recordings, 200U);
  EXPECT_EQ(inspection.parts[0].gaps, 0U) << "between files there is no gap";
  EXPECT_NEAR(inspection.parts[0].speed_hz.first, 30, 0.5);
  EXPECT_TRUE(inspection.findings.empty());
}

TEST(Inspect, GapsAndTimeBackwards) {
  auto rows = clean();
  for (std::size_t i = 1; i < rows.size(); ++i) rows[i].t_us += 46'000'000;
  for (std::size_t i = 20'000; i < rows.size(); ++i) rows[i].t_us += 10'000;
  for (std::size_t i = 30'000; i < rows.size(); ++i) rows[i].t_us -= 100'000'000;
  const Inspection inspection = inspect_rows(rows);
  const Health& part = inspection.parts[0];
  EXPECT_EQ(part.gaps, 2U);
  EXPECT_EQ(part.first_gap_row, 1);
  EXPECT_NEAR(part.missing_s, 46.01, 0.001);
  EXPECT_NEAR(part.longest_gap_s, 46.005, 0.001);
  EXPECT_EQ(part.backwards, 1U);
  EXPECT_EQ(part.windows, 19'999U / 128 + 10'000U / 128 + 10'960U / 128);
  EXPECT_EQ(part.windows_lost, 320U - part.windows);
  EXPECT_TRUE(found(inspection, false, "46 s"));
  EXPECT_TRUE(found(inspection, true, "backwards 1 times"));
}

TEST(Inspect, RateAndJitter) {
  auto rows = clean();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].t_us = static_cast<std::int64_t>(i) * 4800 + (i % 2 == 0 ? 900 : -900);
  }
  const Inspection inspection = inspect_rows(rows);
  EXPECT_NEAR(inspection.parts[0].rate_hz, 1e6 / 4800, 0.1);
  EXPECT_NEAR(inspection.parts[0].jitter_us, 1800, 1);
  EXPECT_NEAR(inspection.parts[0].longest_step_us, 6600, 1);
  EXPECT_TRUE(found(inspection, true, "208.3"));
  EXPECT_TRUE(found(inspection, true, "varies by 1.8 ms"));
}

TEST(Inspect, RepeatedRowsAndStillAxes) {
  auto rows = clean();
  for (std::size_t i = 1; i < rows.size(); i += 20) rows[i].sample = rows[i - 1].sample;
  for (std::size_t i = 5000; i < 5500; ++i) rows[i].sample.axis[1] = 0.125F;
  const Inspection inspection = inspect_rows(rows);
  EXPECT_EQ(inspection.parts[0].repeated_rows, 2048U);
  EXPECT_EQ(inspection.parts[0].still[1], 500U);
  EXPECT_TRUE(found(inspection, true, "2048 rows (5 %) repeat"));
  EXPECT_TRUE(found(inspection, true, "ay did not change for 500 rows"));
}

TEST(Inspect, ClippingAtTheRail) {
  auto rows = clean();
  for (std::size_t i = 0; i < 100; ++i) {
    rows[i * 400].sample.axis[0] = i % 2 == 0 ? -2.0F : 32767.0F / 16384.0F;
  }
  const Inspection inspection = inspect_rows(rows);
  EXPECT_EQ(inspection.parts[0].rail[0], 2);
  EXPECT_EQ(inspection.parts[0].clipped[0], 100U);
  EXPECT_TRUE(found(inspection, true, "+-2 g (ax)"));
  // One value beyond: 2 g was no rail.
  rows[7].sample.axis[2] = 2.5F;
  EXPECT_EQ(inspect_rows(rows).parts[0].clipped[0], 0U);
}

TEST(Inspect, SingleSampleSpikesButNotShocks) {
  auto rows = clean();
  for (std::size_t i = 0; i < 30; ++i) rows[500 + i * 1000].sample.axis[2] += 1.0F;
  Inspection inspection = inspect_rows(rows);
  EXPECT_EQ(inspection.parts[0].spikes[2], 30U);
  EXPECT_EQ(inspection.parts[0].spikes[0], 0U);
  EXPECT_TRUE(found(inspection, true, "torn reads"));
  // A shock rings over several samples.
  rows = clean();
  for (std::size_t i = 0; i < 30; ++i) {
    for (std::size_t k = 0; k < 5; ++k) {
      rows[500 + i * 1000 + k].sample.axis[2] += (k % 2 == 0 ? 1.0F : -0.8F);
    }
  }
  EXPECT_EQ(inspect_rows(rows).parts[0].spikes[2], 0U);
}

TEST(Inspect, ChangeOfSpeedAndLevel) {
  std::mt19937 random(5);
  std::normal_distribution<float> noise(0, 0.02F);
  auto rows = clean();
  double turn = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double along = static_cast<double>(i) / kRows;
    turn += 2 * std::numbers::pi * (39 - 10 * along) / 200.0;
    const auto size = static_cast<float>(0.3 + 0.3 * along);
    rows[i].sample.axis[0] = size * static_cast<float>(std::cos(turn)) + noise(random);
    rows[i].sample.axis[1] = size * static_cast<float>(std::sin(turn)) + noise(random);
  }
  const Inspection inspection = inspect_rows(rows);
  EXPECT_NEAR(inspection.parts[0].speed_hz.first, 38.5, 0.3);
  EXPECT_NEAR(inspection.parts[0].speed_hz.last, 29.5, 0.3);
  EXPECT_NEAR(inspection.parts[0].level_g.last / inspection.parts[0].level_g.first, 1.86, 0.05);
  EXPECT_TRUE(found(inspection, true, "main frequency goes from 38."));
  EXPECT_TRUE(found(inspection, true, "level goes from"));
}

TEST(Inspect, MetresPerSecondTakenForG) {
  auto rows = clean();
  for (TimedSample& row : rows) {
    for (float& value : row.sample.axis) value *= 9.80665F;
  }
  EXPECT_TRUE(found(inspect_rows(rows), true, "m/s2 taken for g"));
}

TEST(Inspect, AnEditedFileIsNoticed) {
  const TemporaryFolder folder;
  DataSetUpdate update(folder / "d", 200, 3);
  RecordingWriter& writer = update.begin("normal", "r", "s", "");
  for (int i = 0; i < 200; ++i)
    writer.write({i * 5000, {{0, 0.01F * static_cast<float>(i % 9), 1}}});
  update.end();
  update.commit();
  std::string text = test::read_text(folder / "d/normal/r.csv");
  text.replace(text.find("0.03"), 4, "0.31");
  test::write_text(folder / "d/normal/r.csv", text);
  EXPECT_TRUE(
      found(inspect(DataSet::open(folder / "d"), 128, false), true, "not what dataset.json"));
}

}  // namespace
}  // namespace fettle::host
