// SPDX-License-Identifier: Apache-2.0
// The recordings of real machines that lie beside the checkout (they have no licence and are not
// part of it): imported as they are, and inspected for what is known about them.
#include <gtest/gtest.h>

#include "host/import.hpp"
#include "host/inspect.hpp"
#include "tests/support/files.hpp"

namespace fettle::host {
namespace {

class RealRecordings : public testing::Test {
 protected:
  void SetUp() override {
    if (test::real_recordings().empty())
      GTEST_SKIP() << "the recordings in ../shared/data are absent";
  }
  ImportReport run(const std::string& source, const std::string& label) {
    ImportOptions options;
    options.sources = {test::real_recordings() / source};
    options.data = folder_ / "d";
    options.label = label;
    return import_recordings(options);
  }
  [[nodiscard]] Inspection look() const {
    return inspect(DataSet::open(folder_ / "d"), 128, false);
  }
  test::TemporaryFolder folder_;
};

TEST_F(RealRecordings, CeilingFan) {
  EXPECT_EQ(run("ceiling-fan/low-normal", "normal").windows, 585U);
  EXPECT_EQ(run("ceiling-fan/low-coin", "coin").windows, 580U);
  const DataSet data = DataSet::open(folder_ / "d");
  EXPECT_EQ(data.recordings().size(), 1165U);
  EXPECT_EQ(data.recordings().back().id(), "normal/low-normal_0584");
  EXPECT_EQ(data.recordings().back().source, "low-normal");
  const Inspection inspection = look();
  EXPECT_EQ(inspection.parts.size(), 2U);
  EXPECT_NEAR(inspection.parts[1].magnitude_g, 1, 0.1);
}

TEST_F(RealRecordings, MotorS3SlowsDownAndClips) {
  const ImportReport report = run("motor-s3", "");
  EXPECT_EQ(report.rate_hz, 200);
  EXPECT_EQ(report.rows, 27'818U + 33'713U);
  const Inspection inspection = look();
  const Health& loose = inspection.parts.at(0);
  const Health& normal = inspection.parts.at(1);
  EXPECT_NEAR(normal.speed_hz.first, 39, 1);
  EXPECT_NEAR(normal.speed_hz.last, 29, 1);
  EXPECT_EQ(normal.gaps, 1U);
  EXPECT_NEAR(normal.longest_gap_s, 46.005, 0.001);
  EXPECT_EQ(normal.first_gap_row, 1);
  EXPECT_EQ(loose.rail[0], 2);
  EXPECT_NEAR(static_cast<double>(loose.clipped[0] + loose.clipped[1] + loose.clipped[2]) /
                  static_cast<double>(loose.rows),
              0.003, 0.001);
}

TEST_F(RealRecordings, Motor6AxisIsInMetresAndRadians) {
  const ImportReport report = run("motor-6axis/healthy.csv", "normal");
  EXPECT_EQ(report.axes, 6U);
  EXPECT_EQ(report.rate_hz, 100);
  EXPECT_EQ(report.warnings.size(), 1U);
  const Inspection inspection = look();
  EXPECT_NEAR(inspection.parts[0].magnitude_g, 1.13, 0.02);
  EXPECT_NEAR(inspection.parts[0].longest_gap_s, 0.95, 0.001);
}

}  // namespace
}  // namespace fettle::host
