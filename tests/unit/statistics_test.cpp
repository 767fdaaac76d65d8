// SPDX-License-Identifier: Apache-2.0
// Statistics of training, threshold and evaluation, against NumPy, tables and brute force.
#include "host/statistics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "core/learn/random.hpp"
#include "core/learn/statistics.hpp"
#include "host/error.hpp"
#include "host/learning.hpp"
#include "tests/support/evidence_streams.hpp"

namespace fettle::host {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// ---- percentiles ---------------------------------------------------------------------------------

// import numpy as np  # 2.4.6
// x = np.float32([0.11, 0.12, 0.35, 0.35, 0.9, 1.7, 2.25, 3.5, 8.0, 21.5]).astype(np.float64)
// for p in [0, 1, 25, 50, 66.6, 90, 95, 99, 99.9, 100]: print(p, np.float32(np.percentile(x, p)))
TEST(Percentile, IsNumPys) {
  const float x[] = {0.11F, 0.12F, 0.35F, 0.35F, 0.9F, 1.7F, 2.25F, 3.5F, 8.0F, 21.5F};
  constexpr double kExpected[][2] = {
      {0, 0.10999999940395355},   {1, 0.11089999973773956},
      {25, 0.3499999940395355},   {50, 1.2999999523162842},
      {66.6, 2.2467000484466553}, {90, 9.350000381469727},
      {95, 15.425000190734863},   {99, 20.28499984741211},
      {99.9, 21.37849998474121},  {100, 21.5},
  };
  for (const auto& [percentile, value] : kExpected) {
    EXPECT_FLOAT_EQ(percentile_of_sorted(x, percentile), static_cast<float>(value)) << percentile;
  }
  const float one[] = {4.25F};
  for (const double p : {0.0, 50.0, 99.0, 100.0}) EXPECT_EQ(percentile_of_sorted(one, p), 4.25F);
}

TEST(Percentile, ThatNValuesSupportNeedsNoMoreThanN) {
  for (std::size_t n = 2; n < 20000; n += n < 2000 ? 1 : 997) {
    EXPECT_EQ(windows_for_percentile(highest_percentile(n)), n);
    // One value at least lies above it.
    std::vector<float> values(n);
    std::iota(values.begin(), values.end(), 0.0F);
    const float threshold = percentile_of_sorted(values, highest_percentile(n));
    ASSERT_LT(threshold, values.back()) << n;
    ASSERT_GE(threshold, values[n - 2]) << n;
  }
  EXPECT_EQ(windows_for_percentile(99.0), 100U);
  EXPECT_EQ(windows_for_percentile(95.0), 20U);
  EXPECT_EQ(windows_for_percentile(99.5), 200U);
  EXPECT_EQ(windows_for_percentile(99.9), 1000U);
  EXPECT_EQ(windows_for_percentile(99.99), 10000U);
  EXPECT_EQ(windows_for_percentile(98.9), 91U);
  EXPECT_EQ(windows_for_percentile(0.0), 1U);
}

// ---- normalisation -------------------------------------------------------------------------------

TEST(Normaliser, IsTheTwoPassMeanAndDeviation) {
  const FeatureSpec spec{FeatureSet::tutorial, 3, true};
  Random random(1);
  std::vector<float> rows(50 * 9);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    // Column 0: gravity with a hair of noise, what float32 sums lose.
    rows[i] =
        i % 9 == 0 ? 1.0F + 1e-4F * random.uniform() : random.uniform() * static_cast<float>(i % 9);
  }
  Normaliser normaliser;
  ASSERT_EQ(fit_normaliser(spec, rows, normaliser), Status::ok);
  for (std::size_t i = 0; i < 9; ++i) {
    long double mean = 0;
    long double squares = 0;
    for (std::size_t row = 0; row < 50; ++row)
      mean += static_cast<long double>(rows[row * 9 + i]) / 50;
    for (std::size_t row = 0; row < 50; ++row) {
      const long double distance = static_cast<long double>(rows[row * 9 + i]) - mean;
      squares += distance * distance / 50;
    }
    EXPECT_FLOAT_EQ(normaliser.mean[i], static_cast<float>(mean));
    EXPECT_FLOAT_EQ(normaliser.scale[i], static_cast<float>(std::sqrt(squares)));
  }
  std::vector<float> z(9);
  normaliser.apply(std::span(rows).first(9), z);
  for (std::size_t i = 0; i < 9; ++i) {
    EXPECT_EQ(z[i], (rows[i] - normaliser.mean[i]) / normaliser.scale[i]);
  }
}

TEST(Normaliser, DividesADeadFeatureByATenthOfASensorStep) {
  const FeatureSpec spec{FeatureSet::tutorial, 6, false};
  std::vector<float> rows(30 * 12, 0.25F);
  Normaliser normaliser;
  ASSERT_EQ(fit_normaliser(spec, rows, normaliser), Status::ok);
  for (std::size_t i = 0; i < 12; ++i) {
    EXPECT_FLOAT_EQ(normaliser.scale[i], i < 6 ? 0.1F / 16384.0F : 0.1F / 131.0F);
    EXPECT_EQ(normaliser.mean[i], 0.25F);
  }
  std::vector<float> z(12);
  normaliser.apply(std::span(rows).first(12), z);
  for (const float value : z) EXPECT_EQ(value, 0.0F);
}

TEST(Normaliser, DividesADeadVibrationFeatureByHalfAPerCent) {
  const FeatureSpec spec{FeatureSet::vibration, 6, false};
  const std::vector<float> rows(30 * 20, -6.2F);
  Normaliser normaliser;
  ASSERT_EQ(fit_normaliser(spec, rows, normaliser), Status::ok);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(normaliser.scale[i], 0.005F);
}

TEST(Normaliser, RefusesNothingAndWhatIsNoNumber) {
  const FeatureSpec spec{FeatureSet::tutorial, 3, true};
  Normaliser normaliser;
  EXPECT_EQ(fit_normaliser(spec, {}, normaliser), Status::too_few_windows);
  std::vector<float> rows(18, 1.0F);
  for (const float bad : {kNan, std::numeric_limits<float>::infinity(), 3e38F}) {
    rows[13] = bad;  // 3e38: its square leaves float32
    EXPECT_EQ(fit_normaliser(spec, rows, normaliser), Status::not_finite) << bad;
  }
}

// ---- ROC -----------------------------------------------------------------------------------------

double brute_force_auc(const std::vector<float>& normal, const std::vector<float>& anomalous) {
  double wins = 0;
  for (const float a : anomalous) {
    for (const float n : normal) wins += a > n ? 1.0 : a == n ? 0.5 : 0.0;
  }
  return wins / static_cast<double>(normal.size() * anomalous.size());
}

TEST(RocAuc, IsTheShareOfPairsInOrder) {
  Random random(2);
  for (int run = 0; run < 200; ++run) {
    std::vector<float> normal(1 + random.below(40));
    std::vector<float> anomalous(1 + random.below(40));
    const std::uint32_t values = 1 + random.below(30);  // few: many ties
    for (float& x : normal) x = static_cast<float>(random.below(values));
    for (float& x : anomalous) x = static_cast<float>(random.below(values) + random.below(3));
    EXPECT_NEAR(roc_auc(normal, anomalous), brute_force_auc(normal, anomalous), 1e-12);
    EXPECT_NEAR(roc_auc(normal, anomalous) + roc_auc(anomalous, normal), 1.0, 1e-12);
  }
}

TEST(RocAuc, AtItsEnds) {
  const std::vector<float> low = {1, 2, 3};
  const std::vector<float> high = {4, 5};
  EXPECT_EQ(roc_auc(low, high), 1.0);
  EXPECT_EQ(roc_auc(high, low), 0.0);
  EXPECT_EQ(roc_auc(low, low), 0.5);
  EXPECT_EQ(roc_auc({}, high), 0.5);
  EXPECT_EQ(roc_auc(low, {}), 0.5);
  // What cannot be computed counts as the highest.
  const std::vector<float> nan = {kNan, 2.5F};
  EXPECT_DOUBLE_EQ(roc_auc(low, nan), (1.0 + 2.0 / 3.0) / 2.0);
  const std::vector<float> infinite = {std::numeric_limits<float>::infinity(), kNan};
  EXPECT_EQ(roc_auc(infinite, infinite), 0.5);
}

TEST(AucInterval, CoversTheTruthAboutAsOftenAsItSays) {
  // Uniform scores on [0, 1] against [shift, 1 + shift]: the area is 1 - (1 - shift)^2 / 2.
  constexpr double kShift = 0.4;
  constexpr double kTruth = 1.0 - 0.5 * (1.0 - kShift) * (1.0 - kShift);
  int covered = 0;
  double width = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Random random(seed);
    std::vector<float> normal(60), anomalous(80);
    for (float& x : normal) x = random.uniform();
    for (float& x : anomalous) x = random.uniform() + static_cast<float>(kShift);
    const Interval interval = auc_interval(normal, anomalous);
    const double auc = roc_auc(normal, anomalous);
    EXPECT_LE(interval.low, auc);
    EXPECT_GE(interval.high, auc);
    covered += interval.low <= kTruth && kTruth <= interval.high ? 1 : 0;
    width += (interval.high - interval.low) / 100;
  }
  EXPECT_GE(covered, 84);
  EXPECT_LT(width, 0.2);
  EXPECT_GT(width, 0.05);
}

TEST(AucInterval, IsWiderWhereNeighboursResembleEachOther) {
  Random random(3);
  std::vector<float> loose(400), drifting(400), anomalous(400);
  float wander = 0;
  for (std::size_t i = 0; i < 400; ++i) {
    loose[i] = random.uniform();
    wander = 0.98F * wander + 0.2F * (random.uniform() - 0.5F);
    drifting[i] = 0.5F + wander;
    anomalous[i] = random.uniform() + 0.2F;
  }
  const Interval narrow = auc_interval(loose, anomalous);
  const Interval wide = auc_interval(drifting, anomalous);
  EXPECT_GT(wide.high - wide.low, 1.5 * (narrow.high - narrow.low));
}

TEST(AucInterval, IsTheSameEachTimeAndSaneAtItsEnds) {
  Random random(4);
  std::vector<float> normal(50), anomalous(50);
  for (float& x : normal) x = random.uniform();
  for (float& x : anomalous) x = random.uniform() + 0.3F;
  const Interval first = auc_interval(normal, anomalous);
  const Interval again = auc_interval(normal, anomalous);
  EXPECT_EQ(first.low, again.low);
  EXPECT_EQ(first.high, again.high);
  const std::vector<float> low = {1, 1, 1}, high = {2, 2};
  EXPECT_EQ(auc_interval(low, high).low, 1.0);
  EXPECT_EQ(auc_interval(low, high).high, 1.0);
  EXPECT_EQ(auc_interval({}, high).low, 0.0);
  EXPECT_EQ(auc_interval(low, {}).high, 1.0);
}

// Half the chi-squared quantiles in every table: Garwood 1936.
TEST(Poisson, UpperEndIsTheTables) {
  EXPECT_NEAR(poisson_upper95(0), 2.9957, 1e-4);
  EXPECT_NEAR(poisson_upper95(1), 4.7439, 1e-4);
  EXPECT_NEAR(poisson_upper95(2), 6.2958, 1e-4);
  EXPECT_NEAR(poisson_upper95(10), 16.962, 1e-3);
  EXPECT_NEAR(poisson_upper95(1000000), 1001645.9, 2.0);
}

// ---- threshold -----------------------------------------------------------------------------------

std::vector<float> scores(std::size_t n) {
  std::vector<float> values(n);
  std::iota(values.begin(), values.end(), 1.0F);
  std::ranges::reverse(values);  // the order they come in does not matter
  return values;
}

constexpr WindowShape kWindow{128, 200.0F};  // 0.64 s

TEST(Threshold, IsRefusedBelowTwentyWindows) {
  for (const std::size_t n : {0U, 1U, 19U}) {
    try {
      (void)choose_threshold(scores(n), 99.0, kWindow, kThresholdShare);
      ADD_FAILURE() << n;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, ExitCode::too_little_data);
      EXPECT_NE(std::string(error.what()).find("minutes"), std::string::npos);
    }
  }
}

struct ThresholdCase {
  std::size_t windows;
  double asked;
  double used;
  double missing_windows;
};

TEST(Threshold, UsesTheHighestPercentileThatTheWindowsSupport) {
  constexpr ThresholdCase kCases[] = {
      {20, 99.0, 95.0, 80}, {50, 99.0, 98.0, 50},  {99, 99.0, 100.0 - 100.0 / 99, 1},
      {100, 99.0, 99.0, 0}, {200, 99.0, 99.0, 0},  {200, 99.9, 99.5, 800},
      {20, 95.0, 95.0, 0},  {20, 50.0, 50.0, 0},   {199, 99.5, 100.0 - 100.0 / 199, 1},
      {200, 99.5, 99.5, 0}, {1000, 99.9, 99.9, 0},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(testing::Message() << c.windows << " windows, percentile " << c.asked);
    const ThresholdRecord record =
        choose_threshold(scores(c.windows), c.asked, kWindow, kThresholdShare);
    EXPECT_EQ(record.kind, ThresholdRecord::Kind::percentile);
    EXPECT_EQ(record.windows, c.windows);
    EXPECT_FLOAT_EQ(record.percentile_asked, static_cast<float>(c.asked));
    EXPECT_FLOAT_EQ(record.percentile_used, static_cast<float>(c.used));
    // A fifth of the recording is for the threshold.
    EXPECT_FLOAT_EQ(record.minutes_missing, static_cast<float>(c.missing_windows * 0.64 * 5 / 60));
    const double position = c.used / 100.0 * static_cast<double>(c.windows - 1);
    EXPECT_NEAR(record.value, 1.0 + position, 1e-3);
    EXPECT_LT(record.value, static_cast<float>(c.windows));  // one at least above
  }
}

// ---- split ---------------------------------------------------------------------------------------

/// A table of windows without features: sources with their numbers of windows, recording after
/// recording.
WindowTable table_of(const std::vector<std::pair<std::string, std::size_t>>& recordings) {
  WindowTable table;
  table.window = kWindow;
  for (const auto& [source, windows] : recordings) {
    RecordingEntry entry;
    entry.label = "normal";
    entry.name = std::to_string(table.recordings.size());
    entry.source = source;
    table.recordings.push_back(entry);
    for (std::size_t i = 0; i < windows; ++i) {
      table.origins.push_back({static_cast<std::uint32_t>(table.recordings.size() - 1),
                               static_cast<std::uint32_t>((i + 1) * 128),
                               static_cast<std::int64_t>(i * 640000), table.origins.size() + 1});
    }
  }
  return table;
}

void expect_whole_and_in_order(const WindowTable& table, const Split& split) {
  std::set<std::uint32_t> all;
  for (const auto* part : {&split.train, &split.best_epoch, &split.threshold, &split.evaluation}) {
    EXPECT_TRUE(std::ranges::is_sorted(*part));
    for (const std::uint32_t row : *part) EXPECT_TRUE(all.insert(row).second) << "twice: " << row;
  }
  EXPECT_EQ(all.size(), table.size());
  EXPECT_TRUE(all.empty() || *all.rbegin() + 1 == table.size());
}

TEST(Split, TakesEachSourceByItselfInTime) {
  const WindowTable table =
      table_of({{"fan/low", 200}, {"fan/high", 100}, {"fan/high", 60}, {"pump", 20}});
  const Split split = split_by_time(table);
  expect_whole_and_in_order(table, split);
  struct Parts {
    std::size_t train = 0, best_epoch = 0, threshold = 0, evaluation = 0;
  };
  std::map<std::string, Parts> parts;
  std::map<std::string, std::uint32_t> last;
  const auto count = [&](const std::vector<std::uint32_t>& rows, std::size_t Parts::*member) {
    for (const std::uint32_t row : rows) {
      const std::string& source = table.recording_of(row).source;
      ++(parts[source].*member);
      // Later than everything of this source in the parts before.
      EXPECT_GE(row, last[source]);
    }
    for (const std::uint32_t row : rows) {
      auto& seen = last[table.recording_of(row).source];
      seen = std::max(seen, row);
    }
  };
  count(split.train, &Parts::train);
  count(split.best_epoch, &Parts::best_epoch);
  count(split.threshold, &Parts::threshold);
  count(split.evaluation, &Parts::evaluation);
  EXPECT_EQ(parts["fan/low"].train, 110U);
  EXPECT_EQ(parts["fan/low"].best_epoch, 20U);
  EXPECT_EQ(parts["fan/low"].threshold, 40U);
  EXPECT_EQ(parts["fan/low"].evaluation, 30U);
  EXPECT_EQ(parts["fan/high"].train, 88U);  // both recordings of the source together
  EXPECT_EQ(parts["fan/high"].evaluation, 24U);
  EXPECT_EQ(parts["pump"].train, 11U);
  EXPECT_EQ(parts["pump"].best_epoch, 2U);
  EXPECT_EQ(parts["pump"].threshold, 4U);
  EXPECT_EQ(parts["pump"].evaluation, 3U);
}

TEST(Split, TakesSmallSourcesOfAFolderTogether) {
  std::vector<std::pair<std::string, std::size_t>> files;
  for (int i = 0; i < 100; ++i)
    files.emplace_back(std::string("fan/").append(std::to_string(i)), 1);
  const WindowTable table = table_of(files);
  const Split split = split_by_time(table);
  expect_whole_and_in_order(table, split);
  EXPECT_EQ(split.train.size(), 55U);
  EXPECT_EQ(split.best_epoch.size(), 10U);
  EXPECT_EQ(split.threshold.size(), 20U);
  EXPECT_EQ(split.evaluation.size(), 15U);
  EXPECT_EQ(split.train.back(), 54U);
}

TEST(Split, OfAnyTableLosesNothing) {
  Random random(5);
  for (int run = 0; run < 200; ++run) {
    std::vector<std::pair<std::string, std::size_t>> recordings;
    const std::uint32_t count = random.below(12);
    for (std::uint32_t i = 0; i < count; ++i) {
      std::string source(1 + random.below(4), 's');
      if (random.below(2) == 0) source.append("/").append(std::to_string(i));
      recordings.emplace_back(source, random.below(60));
    }
    const WindowTable table = table_of(recordings);
    expect_whole_and_in_order(table, split_by_time(table));
  }
}

TEST(Sessions, AreSourcesAndFoldersOfSmallOnes) {
  const WindowTable table =
      table_of({{"a", 40}, {"a", 60}, {"b", 30}, {"c/1", 1}, {"c/2", 1}, {"d/1", 1}});
  std::vector<std::uint32_t> rows(table.size());
  std::iota(rows.begin(), rows.end(), 0U);
  EXPECT_EQ(sessions_of(table, rows), (std::vector<std::uint32_t>{100, 30, 2, 1}));
  EXPECT_TRUE(sessions_of(table, {}).empty());
}

// What weeks may do widens the scores that the limit comes from; what recordings differ by is not in these copies.
TEST(ChooseDecision, LearnsFromRecordingsWhatSessionsDifferBy) {
  const auto decide = [](double between, bool sessions_known) {
    test::EvidenceStream stream(test::EvidenceStream::Kind::correlated, 0.0, between, 11);
    test::EvidenceStream wider(test::EvidenceStream::Kind::correlated, 0.0, 0.0, 12);
    CrossFitted fitted;
    std::vector<std::uint32_t> sessions;
    for (int i = 0; i < 20; ++i) {
      stream.begin_session();
      for (int n = 0; n < 100; ++n) fitted.scores.push_back(stream.score(0.0, 1.0));
      sessions.push_back(100);
    }
    for (std::size_t i = 0; i < fitted.scores.size(); ++i) {
      fitted.varied.push_back(fitted.scores[i] * wider.score(0.0, 1.0));
    }
    if (!sessions_known) sessions = {2000};
    return choose_decision(fitted, sessions, 1.0, {128, 200.0F});
  };
  const DecisionRecord differ = decide(0.8, true);
  // Half of the sessions lie above the middle; in units of the varied scores, whose variance is 1 + 0.64 + 1.
  EXPECT_NEAR(differ.between_sessions, 0.8 * std::sqrt(0.5 / 2.64), 0.08);
  EXPECT_FLOAT_EQ(differ.settings.reference,
                  4.0F * differ.between_sessions * std::sqrt(1.0F + 1.0F / 20.0F));
  // As one recording, and in recordings that are alike: the least that sessions are taken to differ by.
  EXPECT_FLOAT_EQ(decide(0.8, false).between_sessions, 0.25F);
  EXPECT_FLOAT_EQ(decide(0.0, true).between_sessions, 0.25F);
}

TEST(UsedRecordings, SayHowFarEachPartReached) {
  const WindowTable table = table_of({{"a", 40}, {"a", 60}, {"b", 30}, {"c", 0}});
  const Split split = split_by_time(table);
  const auto used = used_recordings(table, split);
  // a: 100 windows together: train to 55, best epoch to 65, threshold to 85.
  ASSERT_EQ(used.size(), 3U);
  EXPECT_EQ(used[0].rows, 40U * 128);
  EXPECT_EQ(used[0].train_rows, 40U * 128);
  EXPECT_EQ(used[0].best_epoch_rows, 40U * 128);
  EXPECT_EQ(used[0].hash, 40U);
  EXPECT_EQ(used[1].train_rows, 15U * 128);
  EXPECT_EQ(used[1].best_epoch_rows, 25U * 128);
  EXPECT_EQ(used[1].rows, 45U * 128);
  EXPECT_EQ(used[1].hash, 85U);
  EXPECT_EQ(used[2].train_rows, 16U * 128);
  EXPECT_EQ(used[2].best_epoch_rows, 19U * 128);
  EXPECT_EQ(used[2].rows, 25U * 128);
  EXPECT_NE(data_hash("normal", used), data_hash("healthy", used));
  EXPECT_NE(data_hash("normal", used), data_hash("normal", std::span(used).first(2)));
}

}  // namespace
}  // namespace fettle::host
