// SPDX-License-Identifier: Apache-2.0
#include "core/window/window_cutter.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace fettle {
namespace {

using Cut = WindowCutter::Cut;

TEST(WindowCutter, CutsWindowsThatDoNotOverlap) {
  WindowCutter cutter({4, 200.0F});
  for (int window = 0; window < 3; ++window) {
    for (int i = 0; i < 4; ++i) {
      const std::int64_t t = 1000000 + (window * 4 + i) * 5000;
      EXPECT_EQ(cutter.push(t), i == 3 ? Cut::complete : Cut::collecting);
      EXPECT_EQ(cutter.start_us(), 1000000 + window * 20000);
      EXPECT_EQ(cutter.position(), static_cast<std::uint32_t>((i + 1) % 4));
    }
  }
}

class Rates : public testing::TestWithParam<float> {};

// The limit itself still belongs to the window; the first microsecond beyond does not.
TEST_P(Rates, AllowUpToOneAndAHalfPeriods) {
  const double limit_us = 1.5e6 / static_cast<double>(GetParam());
  const auto longest = static_cast<std::int64_t>(limit_us);
  for (const std::int64_t start : {std::int64_t{0}, std::int64_t{-77}, std::int64_t{1} << 53}) {
    WindowCutter cutter({8, GetParam()});
    EXPECT_EQ(cutter.push(start), Cut::collecting);
    EXPECT_EQ(cutter.push(start + longest), Cut::collecting);
    EXPECT_EQ(cutter.position(), 2U);
    EXPECT_EQ(cutter.push(start + 2 * longest + 1), Cut::gap);
    EXPECT_EQ(cutter.position(), 1U);
    EXPECT_EQ(cutter.start_us(), start + 2 * longest + 1);
  }
  // One lost sample is two periods, whatever the jitter of a tenth.
  const auto lost = static_cast<std::int64_t>(1.9e6 / static_cast<double>(GetParam()));
  WindowCutter cutter({8, GetParam()});
  (void)cutter.push(0);
  EXPECT_EQ(cutter.push(lost), Cut::gap);
}
INSTANTIATE_TEST_SUITE_P(WindowCutter, Rates,
                         testing::Values(1.0F, 50.0F, 62.5F, 100.0F, 104.1667F, 200.0F, 333.3F,
                                         1000.0F));

TEST(WindowCutter, ReportsAGapBetweenTwoWindowsThoughNothingIsLost) {
  WindowCutter cutter({2, 100.0F});
  (void)cutter.push(0);
  EXPECT_EQ(cutter.push(10000), Cut::complete);
  EXPECT_EQ(cutter.push(40000), Cut::gap);
  EXPECT_FALSE(cutter.dropped());
  EXPECT_EQ(cutter.push(50000), Cut::complete);
  EXPECT_EQ(cutter.start_us(), 40000);
  // Within one, the window under way is lost; that holds of this sample alone.
  (void)cutter.push(60000);
  EXPECT_EQ(cutter.push(90000), Cut::gap);
  EXPECT_TRUE(cutter.dropped());
  (void)cutter.push(100000);
  EXPECT_FALSE(cutter.dropped());
}

TEST(WindowCutter, TellsBackwardsFromAGapAndAcceptsEqualTimes) {
  WindowCutter cutter({3, 100.0F});
  (void)cutter.push(10000);
  EXPECT_EQ(cutter.push(10000), Cut::collecting);
  EXPECT_EQ(cutter.push(9999), Cut::backwards);
  EXPECT_EQ(cutter.position(), 1U);
  EXPECT_EQ(cutter.push(20000), Cut::collecting);
  EXPECT_EQ(cutter.push(30000), Cut::complete);
  EXPECT_EQ(cutter.start_us(), 9999);
  EXPECT_EQ(cutter.push(29999), Cut::backwards);
}

TEST(WindowCutter, ForgetsTheTimeBeforeARestart) {
  WindowCutter cutter({2, 100.0F});
  (void)cutter.push(0);
  cutter.restart();
  EXPECT_EQ(cutter.position(), 0U);
  EXPECT_EQ(cutter.push(99999999), Cut::collecting);
  EXPECT_EQ(cutter.push(100009999), Cut::complete);
  cutter.restart();
  EXPECT_EQ(cutter.push(-5), Cut::collecting);
  EXPECT_EQ(cutter.push(5), Cut::complete);
  EXPECT_EQ(cutter.start_us(), -5);
}

// A file may hold any 64-bit number: the difference of two need not fit 64 bits.
TEST(WindowCutter, SurvivesTimesAtTheEndsOfTheirType) {
  constexpr auto kFirst = std::numeric_limits<std::int64_t>::min();
  constexpr auto kLast = std::numeric_limits<std::int64_t>::max();
  WindowCutter cutter({2, 200.0F});
  EXPECT_EQ(cutter.push(kFirst), Cut::collecting);
  EXPECT_EQ(cutter.push(kLast), Cut::gap);
  EXPECT_EQ(cutter.push(kFirst), Cut::backwards);
  EXPECT_EQ(cutter.push(kFirst + 7500), Cut::complete);
  EXPECT_EQ(cutter.push(0), Cut::gap);
  EXPECT_EQ(cutter.push(kFirst), Cut::backwards);
}

}  // namespace
}  // namespace fettle
