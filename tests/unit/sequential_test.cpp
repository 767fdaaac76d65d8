// SPDX-License-Identifier: Apache-2.0
#include "core/decision/sequential.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/learn/random.hpp"

namespace fettle {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

DecisionSettings cusum(float reference, float limit, float cap = 6.0F) {
  DecisionSettings settings;
  settings.reference = reference;
  settings.limit = limit;
  settings.cap = cap;
  return settings;
}

TEST(Evidence, IsTheStandardisedLogScore) {
  DecisionSettings settings;
  settings.location = -1.0F;
  settings.scale = 0.5F;
  EXPECT_FLOAT_EQ(evidence_of(std::exp(-1.0F), settings), 0.0F);
  EXPECT_FLOAT_EQ(evidence_of(1.0F, settings), 2.0F);
  EXPECT_LT(evidence_of(0.0F, settings), -100.0F);
  EXPECT_LT(evidence_of(-1.0F, settings), -100.0F);
  EXPECT_TRUE(std::isnan(evidence_of(kNan, settings)));
  EXPECT_GT(evidence_of(kInfinity, settings), 1e30F);
}

TEST(Sequential, CusumByHand) {
  SequentialDecision decision(cusum(1.0F, 4.0F));
  EXPECT_EQ(decision.push(0.5F), Level::normal);
  EXPECT_EQ(decision.value(), 0.0F);
  EXPECT_EQ(decision.push(3.0F), Level::normal);  // 2, exactly half the limit
  EXPECT_EQ(decision.push(1.5F), Level::warning);
  EXPECT_EQ(decision.value(), 2.5F);
  EXPECT_EQ(decision.push(2.5F), Level::warning);  // 4, exactly the limit
  EXPECT_EQ(decision.push(1.25F), Level::alarm);
  EXPECT_EQ(decision.value(), 4.25F);
  EXPECT_FLOAT_EQ(decision.share(), 4.25F / 4.0F);
}

TEST(Sequential, AnAlarmIsHeldUntilHalfTheLimit) {
  SequentialDecision decision(cusum(1.0F, 4.0F));
  decision.push(6.0F);
  ASSERT_EQ(decision.level(), Level::alarm);
  EXPECT_EQ(decision.push(-1.0F), Level::alarm);   // 3: a warning if it had come from below
  EXPECT_EQ(decision.push(0.5F), Level::alarm);    // 2.5
  EXPECT_EQ(decision.push(0.5F), Level::normal);   // 2
  EXPECT_EQ(decision.push(1.5F), Level::warning);  // not held any more
}

TEST(Sequential, OneKnockDoesNotAlarm) {
  SequentialDecision decision(cusum(1.0F, 7.0F));
  EXPECT_EQ(decision.push(1e30F), Level::warning);
  EXPECT_EQ(decision.value(), 5.0F);
  for (int i = 0; i < 5; ++i) decision.push(0.0F);
  EXPECT_EQ(decision.value(), 0.0F);
}

TEST(Sequential, NotANumberIsEvidence) {
  for (std::uint8_t kind = 0; kind < kDecisionKinds; ++kind) {
    DecisionSettings settings = cusum(1.0F, 4.0F);
    settings.kind = static_cast<DecisionKind>(kind);
    for (const float bad : {kNan, kInfinity}) {
      SequentialDecision decision(settings);
      for (int i = 0; i < 10; ++i) decision.push(bad);
      EXPECT_EQ(decision.level(), Level::alarm) << int{kind};
    }
    SequentialDecision decision(settings);
    decision.push(-kInfinity);
    EXPECT_EQ(decision.level(), Level::normal) << int{kind};
    EXPECT_TRUE(std::isfinite(decision.value()));
  }
}

TEST(Sequential, RecoveryDoesNotDependOnHowLongTheFaultLasted) {
  for (std::uint8_t kind = 0; kind < kDecisionKinds; ++kind) {
    DecisionSettings settings = cusum(1.0F, 5.0F);
    settings.kind = static_cast<DecisionKind>(kind);
    std::vector<int> recoveries;
    for (const int fault : {20, 2000}) {
      SequentialDecision decision(settings);
      for (int i = 0; i < fault; ++i) decision.push(6.0F);
      ASSERT_EQ(decision.level(), Level::alarm);
      int windows = 0;
      while (decision.push(0.0F) == Level::alarm) ASSERT_LT(++windows, 100);
      recoveries.push_back(windows);
    }
    EXPECT_EQ(recoveries[0], recoveries[1]) << int{kind};
    EXPECT_LE(recoveries[0], 7) << int{kind};  // 1.5 limit / reference
  }
}

TEST(Sequential, ThresholdJudgesEachWindow) {
  DecisionSettings settings = cusum(1.0F, 4.0F);
  settings.kind = DecisionKind::threshold;
  SequentialDecision decision(settings);
  EXPECT_EQ(decision.push(2.0F), Level::normal);
  EXPECT_EQ(decision.push(3.0F), Level::warning);
  EXPECT_EQ(decision.push(4.5F), Level::alarm);
  EXPECT_EQ(decision.push(1.0F), Level::normal);
}

TEST(Sequential, EwmaByHand) {
  DecisionSettings settings = cusum(1.0F, 1.0F);
  settings.kind = DecisionKind::ewma;
  settings.lambda = 0.25F;
  Statistic statistic(settings);
  EXPECT_EQ(statistic.push(4.0F), 1.0F);
  EXPECT_EQ(statistic.push(2.0F), 1.25F);
  EXPECT_EQ(statistic.push(-6.0F), 0.0F);  // -0.5625, but never below 0
  EXPECT_EQ(statistic.push(6.0F), 1.5F);
}

TEST(Sequential, KOfNIsTheKthLargest) {
  Random random(7);
  for (std::uint8_t n = 1; n <= kMostWindowsBack; n = static_cast<std::uint8_t>(n + 3)) {
    for (std::uint8_t k = 1; k <= n; k = static_cast<std::uint8_t>(k + 2)) {
      DecisionSettings settings = cusum(1.0F, 100.0F);
      settings.kind = DecisionKind::k_of_n;
      settings.n = n;
      settings.k = k;
      Statistic statistic(settings);
      std::vector<float> last(n, -settings.cap);
      for (int i = 0; i < 100; ++i) {
        const float x = 8.0F * random.uniform() - 4.0F;
        last.erase(last.begin());
        last.push_back(x);
        std::vector<float> sorted = last;
        std::ranges::sort(sorted, std::greater());
        ASSERT_EQ(statistic.push(x), sorted[k - 1U]);
      }
    }
  }
}

TEST(Sequential, GlrIsTheGreatestOverAllStarts) {
  Random random(9);
  DecisionSettings settings = cusum(0.5F, 1000.0F);
  settings.kind = DecisionKind::glr;
  settings.n = 12;
  Statistic statistic(settings);
  std::vector<float> all;
  for (int i = 0; i < 300; ++i) {
    all.push_back(8.0F * random.uniform() - 4.0F);
    double greatest = 0.0;
    double sum = 0.0;
    for (std::size_t w = 1; w <= std::min<std::size_t>(12, all.size()); ++w) {
      sum += static_cast<double>(all[all.size() - w]) - 0.5;
      greatest = std::max(greatest, sum / std::sqrt(static_cast<double>(w)));
    }
    ASSERT_NEAR(statistic.push(all.back()), greatest, 1e-5);
  }
}

TEST(Sequential, BetterSettingsChangeNoLevel) {
  SequentialDecision decision(cusum(1.0F, 8.0F));
  decision.push(6.0F);
  ASSERT_EQ(decision.level(), Level::warning);
  decision.adopt(cusum(1.0F, 4.0F));
  EXPECT_EQ(decision.level(), Level::warning);
  EXPECT_FLOAT_EQ(decision.share(), 5.0F / 8.0F);
  EXPECT_EQ(decision.push(1.0F), Level::warning);
}

TEST(Sequential, RestartForgets) {
  SequentialDecision decision(cusum(1.0F, 4.0F));
  decision.push(6.0F);
  ASSERT_EQ(decision.level(), Level::alarm);
  decision.restart();
  EXPECT_EQ(decision.level(), Level::normal);
  EXPECT_EQ(decision.value(), 0.0F);
}

TEST(Sequential, SettingsOutOfRangeAreRefused) {
  EXPECT_TRUE(is_valid(DecisionSettings{}));
  const auto refused = [](auto change) {
    DecisionSettings settings;
    change(settings);
    EXPECT_FALSE(is_valid(settings));
  };
  refused([](auto& s) { s.kind = static_cast<DecisionKind>(kDecisionKinds); });
  refused([](auto& s) { s.k = 0; });
  refused([](auto& s) { s.k = 6; });
  refused([](auto& s) { s.n = 0; });
  refused([](auto& s) { s.n = kMostWindowsBack + 1; });
  for (const float bad : {kNan, kInfinity}) {
    refused([=](auto& s) { s.location = bad; });
    refused([=](auto& s) { s.scale = bad; });
    refused([=](auto& s) { s.cap = bad; });
    refused([=](auto& s) { s.reference = bad; });
    refused([=](auto& s) { s.limit = bad; });
    refused([=](auto& s) { s.lambda = bad; });
  }
  refused([](auto& s) { s.scale = 0.0F; });
  refused([](auto& s) { s.cap = s.reference; });
  refused([](auto& s) { s.limit = 0.0F; });
  refused([](auto& s) { s.lambda = 0.0F; });
  refused([](auto& s) { s.lambda = 1.1F; });
}

static_assert(
    [] {
      SequentialDecision decision{DecisionSettings{}};
      for (int i = 0; i < 3; ++i) decision.push(6.0F);
      return decision.level() == Level::alarm;
    }(),
    "runs at compile time: no heap, no undefined behaviour");

}  // namespace
}  // namespace fettle
