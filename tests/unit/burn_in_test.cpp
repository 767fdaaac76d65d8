// SPDX-License-Identifier: Apache-2.0
#include "core/decision/burn_in.hpp"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <numeric>

#include "core/learn/random.hpp"

namespace fettle {
namespace {

constexpr std::uint32_t kQuarantine = 100;

void push(BurnIn& burn_in, int windows, float evidence, Level level = Level::normal) {
  for (int i = 0; i < windows; ++i) burn_in.push(evidence, level);
}

std::array<std::uint8_t, BurnIn::kBytes> bytes_of(const BurnIn& burn_in) {
  std::array<std::uint8_t, BurnIn::kBytes> bytes{};
  burn_in.write(bytes);
  return bytes;
}

TEST(BurnIn, EvidenceWaitsForOneToTwoQuarantines) {
  BurnIn burn_in(kQuarantine);
  push(burn_in, 200, 0.0F);
  EXPECT_EQ(burn_in.accepted().windows, 0U);
  EXPECT_EQ(burn_in.held(), 200U);
  push(burn_in, 1, 0.0F);
  EXPECT_EQ(burn_in.accepted().windows, 100U);
  EXPECT_EQ(burn_in.accepted().sessions, 1U);
  EXPECT_EQ(burn_in.held(), 101U);
}

TEST(BurnIn, AnAlarmDiscardsWhatWaits) {
  BurnIn burn_in(kQuarantine);
  push(burn_in, 350, 0.0F);
  ASSERT_EQ(burn_in.accepted().windows, 200U);
  push(burn_in, 1, 0.0F, Level::alarm);
  EXPECT_EQ(burn_in.held(), 0U);
  EXPECT_EQ(burn_in.discarded(), 150U);
  push(burn_in, 1000, 5.0F, Level::alarm);
  EXPECT_EQ(burn_in.accepted().windows, 200U);
  EXPECT_EQ(burn_in.discarded(), 150U);
}

TEST(BurnIn, AGrowingFaultTeachesNothingOfItsLastQuarantine) {
  BurnIn burn_in(kQuarantine);
  push(burn_in, 300, 0.0F);
  push(burn_in, 199, 0.9F);  // not yet seen by the decision
  push(burn_in, 1, 0.9F, Level::alarm);
  EXPECT_EQ(burn_in.accepted().counts[EvidenceSummary::bin_of(0.9F)], 0U);
  EXPECT_EQ(burn_in.accepted().windows, 300U);
}

TEST(BurnIn, AFewWarningsAreNormalAndManyAreNot) {
  BurnIn few(kQuarantine);
  push(few, 12, 3.0F, Level::warning);
  push(few, 389, 0.0F);
  EXPECT_EQ(few.discarded(), 0U);
  // What led to the warning is kept: the tail is what the limit needs.
  EXPECT_EQ(few.accepted().counts[EvidenceSummary::bin_of(3.0F)], 12U);
  BurnIn many(kQuarantine);
  push(many, 50, 0.0F);
  push(many, 13, 3.0F, Level::warning);
  EXPECT_EQ(many.discarded(), 63U);
  EXPECT_EQ(many.held(), 0U);
}

TEST(BurnIn, NotANumberIsNoHealth) {
  BurnIn burn_in(kQuarantine);
  push(burn_in, 50, 0.0F);
  burn_in.push(std::numeric_limits<float>::quiet_NaN(), Level::normal);
  EXPECT_EQ(burn_in.discarded(), 50U);
}

TEST(BurnIn, SummaryIsWhatWentIn) {
  BurnIn burn_in(kQuarantine);
  Random random(3);
  EvidenceSummary expected;
  double before = 0.0;
  double sum = 0.0;
  for (std::uint32_t i = 0; i < 3 * kQuarantine; ++i) {
    const float x = 16.0F * random.uniform() - 6.0F;  // below and above the histogram, too
    burn_in.push(x, Level::normal);
    const double held = static_cast<double>(EvidenceSummary::held(x));
    ++expected.counts[EvidenceSummary::bin_of(x)];
    ++expected.windows;
    if (i > 0 && i != 150) {
      ++expected.pairs;
      expected.products += held * before;
    }
    if (i == 149) burn_in.restart();
    before = held;
    sum += held;
    if (i % kQuarantine == kQuarantine - 1) {
      const double mean = sum / kQuarantine;
      ++expected.sessions;
      expected.session_means += mean;
      expected.session_squares += mean * mean;
      sum = 0.0;
    }
  }
  push(burn_in, 101, 0.0F);
  push(burn_in, 1, 0.0F, Level::normal);
  EXPECT_EQ(burn_in.accepted().windows, 2 * kQuarantine + 100);
  const EvidenceSummary& got = burn_in.accepted();
  EXPECT_EQ(got.counts, expected.counts);
  EXPECT_EQ(got.pairs, expected.pairs);
  EXPECT_NEAR(got.products, expected.products, 1e-9);
  EXPECT_EQ(got.sessions, expected.sessions);
  EXPECT_NEAR(got.session_means, expected.session_means, 1e-9);
  EXPECT_NEAR(got.session_squares, expected.session_squares, 1e-9);
}

TEST(BurnIn, GoesOnAfterPowerOff) {
  BurnIn burn_in(kQuarantine);
  Random random(5);
  for (int i = 0; i < 1234; ++i) burn_in.push(4.0F * random.uniform() - 2.0F, Level::normal);
  BurnIn other(kQuarantine);
  ASSERT_TRUE(other.read(bytes_of(burn_in)));
  EXPECT_EQ(other.accepted(), burn_in.accepted());
  EXPECT_EQ(other.held(), 0U);
  EXPECT_EQ(bytes_of(other), bytes_of(burn_in));
}

TEST(BurnIn, BytesHaveAFixedLayout) {
  BurnIn burn_in(kQuarantine);
  push(burn_in, 301, 0.0F);
  const auto bytes = bytes_of(burn_in);
  static_assert(BurnIn::kBytes == 432);
  EXPECT_EQ(bytes[0], BurnIn::kLayout);
  // 200 windows of evidence 0 in bin 32, little endian.
  EXPECT_EQ(bytes[4 + 4 * 32], 200);
  EXPECT_EQ(bytes[4 + 4 * 96], 200);  // windows
  EXPECT_EQ(bytes[4 + 4 * 97], 199);  // pairs
  EXPECT_EQ(bytes[4 + 4 * 98], 2);    // sessions
  EXPECT_EQ(bytes[4 + 4 * 100], kQuarantine);
}

TEST(BurnIn, BytesThatContradictThemselvesAreRefused) {
  BurnIn burn_in(kQuarantine);
  push(burn_in, 500, 0.5F);
  const auto good = bytes_of(burn_in);
  const auto refused = [&](std::size_t at, std::uint8_t value) {
    auto bad = good;
    bad[at] = value;
    BurnIn other(kQuarantine);
    EXPECT_FALSE(other.read(bad)) << at;
    EXPECT_EQ(other.accepted(), EvidenceSummary{});
  };
  refused(0, 9);               // layout
  refused(4, 1);               // a count more than windows
  refused(4 + 4 * 97 + 3, 1);  // more pairs than windows
  refused(4 + 4 * 98 + 3, 1);  // more sessions than windows
  refused(4 + 4 * 100, 99);    // another quarantine
  for (std::size_t number = 0; number < 3; ++number) {
    const std::size_t top = 4 + 4 * 101 + 8 * number + 7;
    refused(top, 0x7f);  // huge, or not a number
  }
  refused(4 + 4 * 101 + 8 * 2 + 7, 0xbf);  // squares below zero
  BurnIn other(kQuarantine);
  EXPECT_TRUE(other.read(good));
}

TEST(EvidenceSummary, EverythingHasABin) {
  EXPECT_EQ(EvidenceSummary::bin_of(-1e30F), 0U);
  EXPECT_EQ(EvidenceSummary::bin_of(-4.0F), 0U);
  EXPECT_EQ(EvidenceSummary::bin_of(-3.876F), 0U);
  EXPECT_EQ(EvidenceSummary::bin_of(-3.875F), 1U);
  EXPECT_EQ(EvidenceSummary::bin_of(0.0F), 32U);
  EXPECT_EQ(EvidenceSummary::bin_of(7.999F), 95U);
  EXPECT_EQ(EvidenceSummary::bin_of(8.0F), 95U);
  EXPECT_EQ(EvidenceSummary::bin_of(std::numeric_limits<float>::infinity()), 95U);
  EXPECT_EQ(EvidenceSummary::bin_of(std::numeric_limits<float>::quiet_NaN()), 95U);
}

TEST(EvidenceSummary, MergingAddsEverything) {
  BurnIn a(16);
  BurnIn b(16);
  push(a, 100, 1.0F);
  push(b, 60, -1.0F);
  EvidenceSummary both = a.accepted();
  merge(both, b.accepted());
  EXPECT_EQ(both.windows, a.accepted().windows + b.accepted().windows);
  EXPECT_EQ(std::accumulate(both.counts.begin(), both.counts.end(), 0U), both.windows);
  EXPECT_EQ(both.pairs, a.accepted().pairs + b.accepted().pairs);
  EXPECT_EQ(both.sessions, a.accepted().sessions + b.accepted().sessions);
  EXPECT_DOUBLE_EQ(both.products, a.accepted().products + b.accepted().products);
  EXPECT_DOUBLE_EQ(both.session_means, a.accepted().session_means + b.accepted().session_means);
  EXPECT_DOUBLE_EQ(both.session_squares,
                   a.accepted().session_squares + b.accepted().session_squares);
}

}  // namespace
}  // namespace fettle
