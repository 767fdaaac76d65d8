// SPDX-License-Identifier: Apache-2.0
#include "core/decision/burn_in.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <utility>

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
  EXPECT_EQ(burn_in.discarded(), 150U + 1U);
  push(burn_in, 1000, 5.0F, Level::alarm);
  EXPECT_EQ(burn_in.accepted().windows, 200U);
  EXPECT_EQ(burn_in.discarded(), 150U + 1001U);
}

std::uint32_t taught(const BurnIn& burn_in, float evidence) {
  return burn_in.accepted().counts[EvidenceSummary::bin_of(evidence)];
}

TEST(BurnIn, NoAlarmTeachesHoweverOftenItComesAndGoes) {
  BurnIn burn_in(kQuarantine);
  for (int i = 0; i < 20; ++i) {
    push(burn_in, 150, 0.0F);
    push(burn_in, 30, 5.0F, Level::alarm);
  }
  EXPECT_EQ(taught(burn_in, 5.0F), 0U);
  EXPECT_EQ(burn_in.accepted().windows, 0U);  // nor does what is around it
}

TEST(BurnIn, AFaultThatGrowsByStepsOfAnySizeIsNotLearnedForLong) {
  for (const float a_stretch : {0.07F, 0.1F, 0.15F, 0.2F, 0.3F, 0.5F}) {
    BurnIn burn_in(kQuarantine);
    float level = 0.0F;
    for (; level < 6.0F; level += a_stretch) push(burn_in, static_cast<int>(kQuarantine), level);
    // Three rises of two bins, and what they take to be seen.
    std::size_t highest = 0;
    for (std::size_t bin = 0; bin < EvidenceSummary::kBins; ++bin) {
      if (burn_in.accepted().counts[bin] > 0) highest = bin;
    }
    EXPECT_LE(highest, EvidenceSummary::bin_of(std::max(0.75F, 3.1F * a_stretch))) << a_stretch;
  }
}

TEST(BurnIn, TheTrendSurvivesAPowerCutAndNonsenseDoesNot) {
  BurnIn burn_in(kQuarantine);
  for (const float level : {0.0F, 0.0F, 0.5F, 1.0F, 1.0F}) {
    push(burn_in, static_cast<int>(kQuarantine), level);
  }
  push(burn_in, 1, 1.0F);
  std::array<std::uint8_t, BurnIn::kBytes> bytes = bytes_of(burn_in);
  EXPECT_GT(bytes[2], 0U);
  EXPECT_EQ(bytes[3], 2U);
  BurnIn after(kQuarantine);
  ASSERT_TRUE(after.read(bytes));
  EXPECT_EQ(bytes_of(after), bytes);
  // Records of before have something where there is nothing now.
  auto old = bytes;
  old[1] = 255;
  BurnIn taken_up(kQuarantine);
  ASSERT_TRUE(taken_up.read(old));
  EXPECT_EQ(bytes_of(taken_up), bytes);
  // The third rise is one for it, too.
  push(after, 201, 1.5F);
  EXPECT_EQ(taught(after, 1.5F), 0U);
  for (const auto& [at, value] : {std::pair{2, 97}, std::pair{2, 0}, std::pair{3, 4},
                                  std::pair{3, 0x42}, std::pair{3, 0x10}}) {
    auto bad = bytes;
    bad[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(value);
    EXPECT_FALSE(after.read(bad)) << at << ' ' << value;
  }
}

TEST(BurnIn, ALevelThatKeepsRisingIsNotLearnedUntilItStays) {
  BurnIn burn_in(kQuarantine);
  const auto hour = [&](float level) { push(burn_in, static_cast<int>(kQuarantine), level); };
  for (const float level : {-1.0F, -1.0F, -0.7F, -0.4F, -0.1F, 0.2F, 0.5F, 0.8F}) hour(level);
  hour(0.8F);
  // The last stretch still waits, and the one before it is looked at with the next window.
  EXPECT_EQ(taught(burn_in, -0.4F), kQuarantine);
  EXPECT_EQ(taught(burn_in, -0.1F), 0U);
  EXPECT_EQ(taught(burn_in, 0.5F), 0U);
  EXPECT_EQ(burn_in.accepted().windows + burn_in.held() + burn_in.discarded(), 900U);
  // Where it stays for so long it is another normal, learned from then on.
  for (std::uint8_t i = 0; i < BurnIn::kFlat; ++i) hour(0.8F);
  hour(0.8F);
  EXPECT_EQ(burn_in.accepted().windows, 400U + kQuarantine);
  // Up and down is no trend, nor are two rises, nor a third long after.
  BurnIn restless(kQuarantine);
  for (const float level : {0.0F, 0.3F, 0.6F, -1.0F, 0.5F, 0.2F, 0.6F, 0.9F, 1.2F, 0.0F}) {
    push(restless, static_cast<int>(kQuarantine), level);
  }
  EXPECT_EQ(restless.discarded(), 0U);
}

TEST(BurnIn, FeedbackOnAnAlarmTeachesWhatLedToItOnceAndNotTheAlarm) {
  BurnIn burn_in(kQuarantine);
  push(burn_in, 50, 0.0F);
  push(burn_in, 30, 5.0F, Level::alarm);
  burn_in.accept_aside();
  burn_in.accept_aside();
  EXPECT_EQ(burn_in.accepted().windows, 50U);
  EXPECT_EQ(taught(burn_in, 5.0F), 0U);
  push(burn_in, 50, 0.0F);
  push(burn_in, 30, 5.0F, Level::alarm);
  burn_in.drop_aside();
  burn_in.accept_aside();
  EXPECT_EQ(burn_in.accepted().windows, 50U);
}

TEST(BurnIn, EachWindowHasTaughtIsHeldOrIsDiscarded) {
  Random random(7);
  for (int life = 0; life < 50; ++life) {
    BurnIn burn_in(16);
    std::uint32_t pushed = 0;
    Level level = Level::normal;
    for (int i = 0; i < 3000; ++i) {
      if (random.uniform() < 0.03F) {
        const float which = random.uniform();
        level = which < 0.6F ? Level::normal : which < 0.7F ? Level::warning : Level::alarm;
      }
      burn_in.push(4.0F * random.uniform(), level);
      ++pushed;
      const float what = random.uniform();
      if (what < 0.002F) burn_in.accept_aside();
      if (what > 0.998F) burn_in.discard();
      if (what > 0.999F) burn_in.drop_aside();
      ASSERT_EQ(burn_in.accepted().windows + burn_in.held() + burn_in.discarded(), pushed) << i;
    }
  }
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
