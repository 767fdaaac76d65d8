// SPDX-License-Identifier: Apache-2.0
// What a recording called normal is learned from, and the set points that it shows.
#include "core/learn/normal_running.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/learn/random.hpp"
#include "host/learning.hpp"

namespace fettle {
namespace {

constexpr float kRunning_g = 0.2F;
constexpr float kOff_g = 0.004F;

WindowSummary window(float rms_g = kRunning_g, float hz = 25.0F, float confidence = 0.9F) {
  WindowSummary summary;
  summary.accelerometer_rms_g = rms_g;
  summary.speed = {hz, confidence};
  summary.gravity_g = {0.0F, 0.0F, 1.0F};
  summary.gravity_size_g = 1.0F;
  return summary;
}

using Windows = std::vector<WindowSummary>;

void append(Windows& windows, std::size_t count, const WindowSummary& summary) {
  windows.insert(windows.end(), count, summary);
}

/// Memory of the size asked for and not a float more.
class Memory {
 public:
  explicit Memory(std::size_t n) : floats_(n + 1, kSentinel) {}
  ~Memory() { EXPECT_EQ(floats_.back(), kSentinel) << "written behind the end"; }
  std::span<float> view() { return std::span(floats_).first(floats_.size() - 1); }

 private:
  static constexpr float kSentinel = 12345.0F;
  std::vector<float> floats_;
};

/// One letter a window: what is left out and why.
std::string left_out(const Windows& windows) {
  std::vector<LeftOut> why(windows.size(), LeftOut::broken);
  Memory memory(windows.size());
  find_left_out(windows, why, memory.view());
  std::string text;
  for (const LeftOut reason : why) text += ".ockb"[static_cast<std::size_t>(reason)];
  return text;
}

std::string letters(std::size_t count, char letter) { return std::string(count, letter); }

TEST(LeftOut, SteadyRunningIsLearnedFrom) {
  Windows windows;
  append(windows, 50, window());
  EXPECT_EQ(left_out(windows), letters(50, '.'));
}

// A machine of 0.8 mm/s shakes with 0.02 g; a knock or two must not make all the rest of ten minutes "off".
TEST(LeftOut, KnocksOnAQuietMachineDoNotMakeItOff) {
  Windows windows;
  append(windows, 100, window(0.02F));
  windows[40] = window(0.3F);
  windows[70] = windows[71] = window(0.08F);
  EXPECT_EQ(left_out(windows), letters(40, '.') + "k" + letters(29, '.') + "kk" + letters(28, '.'));
}

TEST(LeftOut, OffAndTwoWindowsToEitherSideOfIt) {
  ASSERT_EQ(kSettlingWindows, 2U);
  Windows windows;
  append(windows, 30, window());
  append(windows, 20, window(kOff_g));
  append(windows, 30, window());
  append(windows, 10, window(kOff_g));
  EXPECT_EQ(left_out(windows), letters(28, '.') + "cc" + letters(20, 'o') + "cc" +
                                   letters(26, '.') + "cc" + letters(10, 'o'));
}

// Windows of a machine that takes a minute to stand still fill the gap between running and off.
TEST(LeftOut, OffIsFoundThoughTheMachineRunsDownSlowly) {
  Windows windows;
  append(windows, 400, window());
  for (int i = 1; i < 40; ++i) {
    windows.push_back(
        window(kRunning_g * std::pow(kOff_g / kRunning_g, static_cast<float>(i) / 40.0F)));
  }
  append(windows, 400, window(kOff_g, 25.0F, 0.2F));
  append(windows, 400, window());
  const std::string text = left_out(windows);
  EXPECT_EQ(text.substr(0, 400), letters(400, '.'));
  EXPECT_EQ(text.substr(439, 400), letters(400, 'o'));
  EXPECT_EQ(text.substr(839), "cc" + letters(398, '.'));
  // A window of a sensor that was stuck says nothing of the machine.
  windows[5].stuck_axes = 7;
  windows[5].accelerometer_rms_g = 0.0F;
  EXPECT_EQ(std::ranges::count(left_out(windows), 'o'), std::ranges::count(text, 'o'));
  // The same with a line is a slow set point.
  for (WindowSummary& quiet : windows) quiet.speed.confidence = 0.9F;
  EXPECT_EQ(std::ranges::count(left_out(windows), 'o'), 0);
  // As much between as there is off: an even spread of levels, not two groups.
  Windows spread;
  for (int i = 0; i < 400; ++i) {
    spread.push_back(
        window(kRunning_g * std::pow(kOff_g / kRunning_g, static_cast<float>(i) / 400.0F)));
  }
  EXPECT_EQ(std::ranges::count(left_out(spread), 'o'), 0);
}

TEST(LeftOut, ANeighbourThatShakesAMachineThatIsOffIsNotRunning) {
  Windows windows;
  append(windows, 20, window(0.003F));
  append(windows, 20, window(0.01F));  // the neighbour runs
  append(windows, 40, window(0.3F));
  EXPECT_EQ(left_out(windows), letters(40, 'o') + "cc" + letters(38, '.'));
}

TEST(LeftOut, KnocksBesideAQuietMachineDoNotMakeItOff) {
  Windows windows;
  for (int knock = 0; knock < 3; ++knock) {
    append(windows, 30, window(0.01F));
    append(windows, 2, window(0.05F));
  }
  append(windows, 30, window(0.01F));
  const std::string text = left_out(windows);
  EXPECT_EQ(std::ranges::count(text, 'o'), 0) << text;
  EXPECT_EQ(std::ranges::count(text, 'k'), 6) << text;
}

TEST(LeftOut, AQuieterWayToRunIsNotOff) {
  for (const auto& [quiet, loud] : {std::pair{0.05F, 0.2F},      // not as quiet as a sensor at rest
                                    std::pair{0.02F, 0.035F},    // less than a factor of 2
                                    std::pair{0.004F, 0.004F}})  // one group: a quiet machine
  {
    Windows windows;
    append(windows, 40, window(quiet));
    append(windows, 40, window(loud));
    EXPECT_EQ(left_out(windows), letters(80, '.')) << quiet << " and " << loud;
  }
}

TEST(LeftOut, OneOrTwoLoudWindowsAreAKnockAndThreeAreNot) {
  for (const std::size_t at : {0U, 1U, 20U, 37U}) {
    for (const std::size_t loud : {1U, 2U, 3U}) {
      Windows windows;
      append(windows, 40, window());
      for (std::size_t i = 0; i < loud; ++i) windows[at + i] = window(2.0F * kRunning_g);
      std::string expected = letters(40, '.');
      for (std::size_t i = 0; loud <= 2 && i < loud; ++i) expected[at + i] = 'k';
      EXPECT_EQ(left_out(windows), expected) << loud << " at " << at;
    }
  }
  // At the very end as well.
  Windows windows;
  append(windows, 40, window());
  windows.back() = window(2.0F * kRunning_g);
  EXPECT_EQ(left_out(windows), letters(39, '.') + "k");
}

TEST(LeftOut, AKnockStandsOutFromWhatIsAroundIt) {
  for (const bool knock : {false, true}) {
    Windows windows;
    append(windows, 40, window());
    windows[20] = window((knock ? 1.02F : 0.98F) * kKnock * kRunning_g);
    EXPECT_EQ(left_out(windows)[20], knock ? 'k' : '.');
  }
  // As loud as the machine is at its other set point.
  Windows windows;
  append(windows, 40, window());
  append(windows, 40, window(2.5F * kRunning_g));
  EXPECT_EQ(left_out(windows), letters(80, '.'));
}

TEST(LeftOut, ABrokenWindowIsBrokenWhereverItIs) {
  WindowSummary nan;
  nan.finite = false;  // and nothing else is known of it
  WindowSummary stuck = window();
  stuck.stuck_axes = 1;
  WindowSummary clipped = window(3.0F * kRunning_g);
  clipped.clipped = 1;
  WindowSummary stuck_and_off = window(kOff_g);
  stuck_and_off.stuck_axes = 7;
  Windows windows;
  append(windows, 40, window());
  windows[3] = nan;
  windows[10] = stuck;
  windows[30] = clipped;
  std::string expected = letters(40, '.');
  for (const std::size_t at : {3U, 10U, 30U}) expected[at] = 'b';
  EXPECT_EQ(left_out(windows), expected);
  append(windows, 10, window(kOff_g));
  windows[39] = stuck;  // settling
  windows[45] = stuck_and_off;
  expected = expected.substr(0, 38) + "cb" + "oooooboooo";
  EXPECT_EQ(left_out(windows), expected);
}

TEST(LeftOut, TakesRecordingsOfAnyLength) {
  find_left_out({}, {}, {});
  for (std::size_t n = 1; n <= 20; ++n) {
    Windows windows;
    append(windows, n, window());
    EXPECT_EQ(left_out(windows), letters(n, '.'));
    append(windows, n, window(kOff_g));
    EXPECT_EQ(left_out(windows).substr(n), letters(n, 'o'));
  }
}

// ---- set points ----------------------------------------------------------------------------------

struct Found {
  SpeedsFound speeds;
  std::vector<std::uint8_t> point_of;
};

Found found_in(const Windows& windows, const std::vector<LeftOut>& left_out) {
  Found found;
  found.point_of.assign(windows.size(), 77);
  Memory memory(windows.size());
  found.speeds = find_speeds(windows, left_out, found.point_of, memory.view());
  for (std::size_t p = 0; p < found.speeds.points; ++p) {
    EXPECT_EQ(std::ranges::count(found.point_of, p), found.speeds.point[p].windows) << p;
  }
  return found;
}
Found found_in(const Windows& windows) {
  return found_in(windows, std::vector<LeftOut>(windows.size(), LeftOut::no));
}

/// Windows at a speed, each off by up to `jitter` of it.
void append_at(Windows& windows, std::size_t count, float hz, float jitter = 0.005F) {
  Random random(windows.size() + 1);
  for (std::size_t i = 0; i < count; ++i) {
    windows.push_back(window(kRunning_g, hz * (1.0F + jitter * (2.0F * random.uniform() - 1.0F))));
  }
}

TEST(SetPoints, OneSpeedIsOnePointWithAMargin) {
  Windows windows;
  append_at(windows, 200, 25.0F);
  const Found found = found_in(windows);
  ASSERT_EQ(found.speeds.points, 1);
  const SetPointFound& point = found.speeds.point[0];
  EXPECT_EQ(point.windows, 200U);
  EXPECT_NEAR(point.centre_hz, 25.0F, 0.05F);
  EXPECT_NEAR(point.range.low_hz, 25.0F * std::exp(-kSpeedMargin - 0.005F), 0.05F);
  EXPECT_NEAR(point.range.high_hz, 25.0F * std::exp(kSpeedMargin + 0.005F), 0.05F);
}

TEST(SetPoints, ThreeSpeedsAreThreePointsInOrder) {
  Windows windows;
  append_at(windows, 60, 40.0F);
  append_at(windows, 70, 20.0F);
  append_at(windows, 80, 25.0F);
  const Found found = found_in(windows);
  ASSERT_EQ(found.speeds.points, 3);
  EXPECT_NEAR(found.speeds.point[0].centre_hz, 20.0F, 0.05F);
  EXPECT_NEAR(found.speeds.point[1].centre_hz, 25.0F, 0.05F);
  EXPECT_NEAR(found.speeds.point[2].centre_hz, 40.0F, 0.1F);
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const std::uint8_t expected = i < 60 ? 2 : i < 130 ? 0 : 1;
    // Two windows to either side of a change are not steady.
    const bool near_change = (i >= 58 && i < 62) || (i >= 128 && i < 132);
    EXPECT_EQ(found.point_of[i], near_change ? kNoPoint : expected) << i;
  }
}

TEST(SetPoints, ASpeedThatWandersByFourPercentIsOnePoint) {
  Windows windows;
  for (std::size_t i = 0; i < 600; ++i) {
    windows.push_back(
        window(kRunning_g, 30.0F * (1.0F + 0.04F * std::sin(0.01F * static_cast<float>(i)))));
  }
  const Found found = found_in(windows);
  ASSERT_EQ(found.speeds.points, 1);
  EXPECT_EQ(found.speeds.point[0].windows, 600U);
  EXPECT_LT(found.speeds.point[0].range.low_hz, 30.0F * 0.96F);
  EXPECT_GT(found.speeds.point[0].range.high_hz, 30.0F * 1.04F);
}

TEST(SetPoints, ASpeedThatIsSeldomIsNone) {
  const auto points_with = [](std::size_t usual, std::size_t other) {
    Windows windows;
    append_at(windows, usual, 25.0F);
    append_at(windows, other, 40.0F);
    const Found found = found_in(windows);
    EXPECT_NEAR(found.speeds.point[0].centre_hz, 25.0F, 0.05F);
    if (found.speeds.points == 1) {
      EXPECT_EQ(std::ranges::count(found.point_of, kNoPoint), static_cast<long>(other) + 2);
    }
    return found.speeds.points;
  };
  // The first two windows at another speed are not steady.
  EXPECT_EQ(points_with(100, kSmallestGroup + 1), 1);
  EXPECT_EQ(points_with(100, kSmallestGroup + 2), 2);
  EXPECT_EQ(points_with(960, 38), 1);  // 36 steady ones of 998 are less than one in 25
  EXPECT_EQ(points_with(960, 43), 2);
}

TEST(SetPoints, SpeedsThatAreNoiseTellNothing) {
  Random random(5);
  Windows scattered;
  Windows unsure;
  Windows none;
  for (std::size_t i = 0; i < 500; ++i) {
    scattered.push_back(window(kRunning_g, 10.0F * std::exp(2.2F * random.uniform())));
    unsure.push_back(window(kRunning_g, 25.0F, 0.99F * kConfidentSpeed));
    none.push_back(window(kRunning_g, 0.0F, 1.0F));
  }
  for (const Windows& windows : {scattered, unsure, none}) {
    const Found found = found_in(windows);
    EXPECT_EQ(found.speeds.points, 0);
    EXPECT_EQ(std::ranges::count(found.point_of, kNoPoint), 500);
  }
}

TEST(SetPoints, WhereMostWindowsHaveNoClearSpeedItIsNotUsed) {
  for (const std::size_t clear : {90U, 110U}) {
    Windows windows;
    append_at(windows, clear, 25.0F);
    append(windows, 200 - clear, window(kRunning_g, 25.0F, 0.1F));
    const Found found = found_in(windows);
    EXPECT_EQ(found.speeds.points, clear > 102 ? 1 : 0);
    EXPECT_EQ(std::ranges::count(found.point_of, kNoPoint), clear > 102 ? 92 : 200);
  }
}

TEST(SetPoints, WhatIsLeftOutDoesNotCount) {
  Windows windows;
  append_at(windows, 100, 25.0F);
  append_at(windows, 100, 40.0F);
  std::vector<LeftOut> why(200, LeftOut::no);
  std::fill(why.begin() + 100, why.end(), LeftOut::off);
  const Found found = found_in(windows, why);
  ASSERT_EQ(found.speeds.points, 1);
  EXPECT_NEAR(found.speeds.point[0].centre_hz, 25.0F, 0.05F);
  EXPECT_EQ(std::count(found.point_of.begin() + 100, found.point_of.end(), kNoPoint), 100);
}

TEST(SetPoints, NoMoreThanAModelHolds) {
  Windows windows;
  for (int p = 0; p < 10; ++p)
    append_at(windows, 30, 15.0F * std::pow(1.15F, static_cast<float>(p)));
  EXPECT_EQ(found_in(windows).speeds.points, kMostOperatingPoints);
}

// ---- where to look again ---------------------------------------------------------------------------

std::vector<SpeedRange> suggested(const Windows& windows) {
  std::array<SpeedRange, kMostOperatingPoints> ranges;
  Memory memory(windows.size());
  const std::size_t n = suggest_speeds(windows, ranges, memory.view());
  return {ranges.begin(), ranges.begin() + static_cast<std::ptrdiff_t>(n)};
}

/// In `share` of the windows the line, otherwise what rocks at 12 Hz, 12 % up or down.
void append_hidden(Windows& windows, std::size_t count, float hz, float share) {
  Random random(windows.size() + 7);
  for (std::size_t i = 0; i < count; ++i) {
    const bool line = random.uniform() < share;
    const float scatter = 2.0F * random.uniform() - 1.0F;
    windows.push_back(window(
        kRunning_g, line ? hz * (1.0F + 0.005F * scatter) : 12.0F * (1.0F + 0.12F * scatter)));
  }
}

TEST(SuggestedSpeeds, ALineThatComesBackAmongWhatRocks) {
  Windows windows;
  append_hidden(windows, 300, 28.5F, 0.25F);
  append_hidden(windows, 300, 20.0F, 0.3F);
  EXPECT_EQ(found_in(windows).speeds.points, 0);
  const std::vector<SpeedRange> ranges = suggested(windows);
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_NEAR(ranges[0].low_hz, 20.0F * std::exp(-kSpeedMargin), 0.2F);
  EXPECT_NEAR(ranges[0].high_hz, 20.0F * std::exp(kSpeedMargin), 0.2F);
  EXPECT_NEAR(ranges[1].low_hz, 28.5F * std::exp(-kSpeedMargin), 0.3F);
  EXPECT_NEAR(ranges[1].high_hz, 28.5F * std::exp(kSpeedMargin), 0.3F);
}

TEST(SuggestedSpeeds, NoneOfNoiseAndNoneOfWhatRocks) {
  Random random(5);
  Windows scattered;
  for (std::size_t i = 0; i < 2000; ++i) {
    scattered.push_back(window(kRunning_g, 10.0F * std::exp(2.2F * random.uniform())));
  }
  EXPECT_TRUE(suggested(scattered).empty());
  Windows rocking;
  append_hidden(rocking, 2000, 28.0F, 0.0F);
  EXPECT_TRUE(suggested(rocking).empty());
  EXPECT_TRUE(suggested({}).empty());
}

TEST(SuggestedSpeeds, HarmonicsOfASlowerOneAreNone) {
  Windows windows;
  append_hidden(windows, 200, 20.0F, 0.4F);
  append_hidden(windows, 200, 40.2F, 0.4F);
  append_hidden(windows, 200, 59.5F, 0.4F);
  append_hidden(windows, 200, 33.0F, 0.4F);
  const std::vector<SpeedRange> ranges = suggested(windows);
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_LT(ranges[0].low_hz, 20.0F);
  EXPECT_GT(ranges[0].high_hz, 20.0F);
  EXPECT_LT(ranges[1].low_hz, 33.0F);
  EXPECT_GT(ranges[1].high_hz, 33.0F);
}

TEST(SuggestedSpeeds, NoMoreThanAModelHolds) {
  Windows windows;
  for (int p = 0; p < 10; ++p) {
    append_hidden(windows, 60, 15.0F * std::pow(1.07F, static_cast<float>(p)), 0.6F);
  }
  const std::vector<SpeedRange> ranges = suggested(windows);
  EXPECT_EQ(ranges.size(), kMostOperatingPoints);
}

TEST(SetPoints, TakesNothingAndLittle) {
  EXPECT_EQ(find_speeds({}, {}, {}, {}).points, 0);
  for (std::size_t n = 1; n < kSmallestGroup; ++n) {
    Windows windows;
    append_at(windows, n, 25.0F);
    EXPECT_EQ(found_in(windows).speeds.points, 0) << n;
  }
}

// ---- recordings together -------------------------------------------------------------------------

host::WindowTable table_of(const std::vector<Windows>& recordings) {
  host::WindowTable table;
  table.spec = {FeatureSet::vibration, 6, false};
  table.window = {128, 200.0F};
  for (const Windows& windows : recordings) {
    const auto index = static_cast<std::uint32_t>(table.recordings.size());
    const std::string name = std::to_string(index);
    table.recordings.push_back({"normal", name, name, "", 0, 0});
    // A board's time stamps begin when it started, not when it was recorded.
    const std::int64_t began_us = (index + 1) * 259'200'000'000;
    table.began_us.push_back(began_us);
    for (std::uint32_t i = 0; i < windows.size(); ++i) {
      table.summaries.push_back(windows[i]);
      table.origins.push_back(
          {index, (i + 1) * 128, began_us + std::int64_t{i} * 640'000, 0, false, 1.0F});
      // Features that tell which window this was.
      table.features.insert(table.features.end(), table.spec.dimensions(),
                            static_cast<float>(1000 * index + i));
    }
  }
  return table;
}

TEST(Clean, RecordingsOfOneSpeedEachArePooled) {
  Windows slow, middle, fast;
  append_at(slow, 50, 20.0F);
  append_at(middle, 60, 30.0F);
  append_at(fast, 70, 45.0F);
  host::WindowTable table = table_of({slow, middle, fast});
  (void)host::clean(table);
  ASSERT_EQ(table.speeds.points, 3);
  ASSERT_GT(table.size(), 160U);
  for (std::size_t i = 0; i < table.size(); ++i) {
    EXPECT_EQ(table.points[i], table.origins[i].recording) << i;
  }
}

TEST(Clean, TakesOutWhatIsLeftOutAndSaysWhereItWas) {
  Windows first, second;
  append_at(first, 40, 25.0F);
  append(first, 10, window(kOff_g, 0.0F, 0.0F));
  append_at(first, 40, 25.0F);
  append_at(second, 60, 25.0F);
  second[30] = window(3.0F * kRunning_g);
  host::WindowTable table = table_of({first, second});
  const host::Hygiene hygiene = host::clean(table);
  const auto count = [&](LeftOut why) { return hygiene.windows[static_cast<std::size_t>(why)]; };
  EXPECT_EQ(count(LeftOut::off), 10U);
  EXPECT_EQ(count(LeftOut::knock), 1U);
  EXPECT_EQ(count(LeftOut::broken), 0U);
  EXPECT_EQ(count(LeftOut::no), table.size());
  EXPECT_EQ(hygiene.total() + table.size(), 150U);
  const auto off = std::ranges::find(hygiene.stretches, LeftOut::off, &host::Hygiene::Stretch::why);
  ASSERT_NE(off, hygiene.stretches.end());
  EXPECT_EQ(off->windows, 10U);
  EXPECT_NEAR(off->from_s, 40 * 0.64, 1e-3);
  EXPECT_NEAR(off->to_s, 50 * 0.64, 1e-3);
  // Features, summaries and origins still belong together.
  ASSERT_EQ(table.features.size(), table.size() * table.spec.dimensions());
  ASSERT_EQ(table.summaries.size(), table.size());
  ASSERT_EQ(table.points.size(), table.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    const host::WindowOrigin& origin = table.origins[i];
    EXPECT_EQ(table.row(i)[0],
              static_cast<float>(1000 * origin.recording + origin.end_row / 128 - 1));
    EXPECT_EQ(table.summaries[i].accelerometer_rms_g, kRunning_g);
  }
}

// What a second look finds where it was told to look.
TEST(LearnWindows, ASuggestionIsKeptIfTheSecondLookConfirmsIt) {
  Windows hidden;
  append_hidden(hidden, 400, 28.5F, 0.25F);
  Windows clear;
  append_at(clear, 400, 28.5F);
  for (const bool confirms : {true, false}) {
    std::vector<std::size_t> expected_ranges;
    host::Hygiene hygiene;
    const host::WindowTable table = host::learn_windows(
        [&](std::span<const SpeedRange> expected) {
          expected_ranges.push_back(expected.size());
          return table_of({confirms && !expected.empty() ? clear : hidden});
        },
        hygiene);
    EXPECT_EQ(table.speeds.points, confirms ? 1 : 0);
    // Whoever judges expects no speed where none was found; so neither may what was learned.
    const std::vector<std::size_t> wanted =
        confirms ? std::vector<std::size_t>{0, 1} : std::vector<std::size_t>{0, 1, 0};
    EXPECT_EQ(expected_ranges, wanted);
  }
}

TEST(Clean, KeepsAllWhenAskedAndTutorialFeaturesAnyway) {
  Windows windows;
  append_at(windows, 60, 25.0F);
  windows[30] = window(3.0F * kRunning_g);
  host::WindowTable table = table_of({windows});
  EXPECT_EQ(host::clean(table, true).total(), 0U);
  EXPECT_EQ(table.size(), 60U);
  EXPECT_EQ(table.speeds.points, 1);
  EXPECT_EQ(std::ranges::count(table.points, 0), 60);  // each has a point
  table = table_of({windows});
  table.spec = {FeatureSet::tutorial, 6, false};
  EXPECT_EQ(host::clean(table).total(), 0U);
  EXPECT_EQ(table.size(), 60U);
}

// A motor at 3000 a minute: twice its speed is in the spectrum in some windows and beyond it in others.
TEST(LearnBaseline, ALineThatComesAndGoesHasTheMeanOfWhereItIs) {
  for (const float centre_hz : {46.9F, 48.1F}) {
    Windows windows;
    for (int i = 0; i < 200; ++i) {
      const float off = static_cast<float>(std::abs(i % 40 - 20)) / 10.0F - 1.0F;  // -1 to 1
      windows.push_back(window(kRunning_g, centre_hz + off));
    }
    host::WindowTable table = table_of({windows});
    for (float& value : table.features) value = -6.0F;
    ASSERT_EQ(host::clean(table).total(), 0U);
    ASSERT_EQ(table.speeds.points, 1);
    std::vector<std::uint32_t> rows(table.size());
    for (std::uint32_t i = 0; i < rows.size(); ++i) rows[i] = i;
    const host::LearnedBaseline learned = host::learn_baseline(table, rows);
    const host::WindowTable around = host::centred(table, learned.baseline);
    for (std::size_t i = 0; i < around.size(); ++i) {
      for (std::size_t f = 0; f < table.spec.dimensions(); ++f) {
        // 0.1 is what two speeds so near make of a level.
        ASSERT_LT(std::abs(around.row(i)[f]), 0.1F)
            << feature_source(table.spec, f) << "_" << feature_kind(table.spec, f) << " at "
            << table.summaries[i].speed.hz << " Hz";
      }
    }
  }
}

// ---- set points that are a neighbour's ------------------------------------------------------------

constexpr WindowShape kShape{128, 200.0F};

/// Windows whose line shakes with `shaking_g` and turns with `turning_dps`, along one axis each.
void append_line(Windows& windows, std::size_t count, float hz, float shaking_g,
                 float turning_dps) {
  const std::size_t from = windows.size();
  append_at(windows, count, hz);
  for (std::size_t i = from; i < windows.size(); ++i) {
    windows[i].gyroscope_rms_dps = turning_dps;
    windows[i].axis_level.fill(-20.0F);  // nothing beside it
    windows[i].axis_level[axis_level_index(1, AxisMeasure::first)] = std::log(shaking_g);
    windows[i].axis_level[axis_level_index(5, AxisMeasure::first)] = std::log(turning_dps);
  }
}

/// Windows of each of two set points that are left out as a neighbour's.
std::pair<std::size_t, std::size_t> neighbours_among(const Windows& windows, std::size_t first) {
  std::vector<LeftOut> left_out(windows.size(), LeftOut::no);
  Found found = found_in(windows, left_out);
  EXPECT_EQ(found.speeds.points, 2);
  const SpeedsFound before = found.speeds;
  const std::size_t count =
      leave_out_neighbours(windows, kShape, found.speeds, found.point_of, left_out);
  // What stays has the same windows under its new number.
  EXPECT_EQ(found.speeds.points, count > 0 ? 1 : 2);
  for (std::uint8_t p = 0; p < found.speeds.points; ++p) {
    EXPECT_EQ(std::ranges::count(found.point_of, p), found.speeds.point[p].windows);
  }
  if (count > 0) {
    const SetPointFound& stays = before.point[before.point[0].windows == count ? 1 : 0];
    EXPECT_EQ(found.speeds.point[0].centre_hz, stays.centre_hz);
  }
  const auto in = [&](std::size_t from, std::size_t to) {
    return static_cast<std::size_t>(std::count(left_out.begin() + static_cast<std::ptrdiff_t>(from),
                                               left_out.begin() + static_cast<std::ptrdiff_t>(to),
                                               LeftOut::neighbour));
  };
  const std::pair result{in(0, first), in(first, windows.size())};
  EXPECT_EQ(count, result.first + result.second);
  return result;
}

// A gyroscope's line of 0.034 dps is noise: of 5 bins of 1.56 Hz on three axes, twice.
TEST(Neighbours, AreWhatShakesAndDoesNotTurnThoughItIsTheMoreUsual) {
  Windows windows;
  append_line(windows, 300, 38.8F, 0.0167F, 0.032F);  // machine 44 of fleet 2029, at rest
  append_line(windows, 100, 46.3F, 0.0544F, 0.734F);
  EXPECT_EQ(neighbours_among(windows, 300), (std::pair<std::size_t, std::size_t>{298, 0}));
  // Its double, for which it is taken by who expects the machine there.
  Windows doubled;
  append_line(doubled, 300, 77.5F, 0.0062F, 0.033F);
  append_line(doubled, 100, 46.3F, 0.0544F, 0.734F);
  EXPECT_EQ(neighbours_among(doubled, 300), (std::pair<std::size_t, std::size_t>{298, 0}));
  // A clone has twice the noise.
  Windows clone;
  append_line(clone, 100, 44.3F, 0.0243F, 0.062F);
  append_line(clone, 200, 55.7F, 0.0484F, 0.608F);
  EXPECT_EQ(neighbours_among(clone, 100), (std::pair<std::size_t, std::size_t>{98, 0}));
}

TEST(Neighbours, ASlowOrAFaintSetPointIsNone) {
  Windows slow;  // turning falls with frequency
  append_line(slow, 100, 20.0F, 0.01F, 0.5F);
  append_line(slow, 100, 80.0F, 0.01F, 0.085F);
  EXPECT_EQ(neighbours_among(slow, 100), (std::pair<std::size_t, std::size_t>{0, 0}));
  Windows faint;  // of what is so faint the gyroscope would feel nothing, whoever it is
  append_line(faint, 100, 20.0F, 0.0005F, 0.032F);
  append_line(faint, 100, 80.0F, 0.05F, 0.5F);
  EXPECT_EQ(neighbours_among(faint, 100), (std::pair<std::size_t, std::size_t>{0, 0}));
}

TEST(Neighbours, DoNotShakeMoreThanTheMachine) {
  Windows resonance;  // of the mount, at the slow set point: it shakes more and turns no more
  append_line(resonance, 100, 25.0F, 0.077F, 0.083F);
  append_line(resonance, 100, 45.0F, 0.05F, 0.15F);
  EXPECT_EQ(neighbours_among(resonance, 100), (std::pair<std::size_t, std::size_t>{0, 0}));
  Windows bench;  // on which a neighbour rocks a machine that does not
  append_line(bench, 300, 25.0F, 0.01F, 0.15F);
  append_line(bench, 200, 50.0F, 0.05F, 0.08F);
  EXPECT_EQ(neighbours_among(bench, 300), (std::pair<std::size_t, std::size_t>{0, 0}));
}

TEST(Neighbours, ATwiceTooFastReadingOfTheMachineIsNone) {
  for (const float times : {2.0F, 3.0F}) {
    Windows windows;
    append_line(windows, 300, 24.0F, 0.05F, 0.3F);
    append_line(windows, 100, times * 24.0F, 0.03F, 0.04F);
    EXPECT_EQ(neighbours_among(windows, 300), (std::pair<std::size_t, std::size_t>{0, 0}));
  }
}

// host::clean(): what is left stays a set point, and what hides behind it stays out.
TEST(Neighbours, LeftOutTheyTakeNoOtherWindowsAlong) {
  host::WindowTable table;
  table.spec = {FeatureSet::vibration, 6, false};
  table.window = kShape;
  table.recordings.resize(1);
  table.began_us = {0};
  append_line(table.summaries, 360, 38.8F, 0.0167F, 0.032F);
  append_line(table.summaries, 100, 46.3F, 0.0544F, 0.734F);
  const std::size_t steady = table.summaries.size();
  append_line(table.summaries, 140, 46.3F, 0.0167F, 0.032F);
  for (std::size_t i = steady; i < table.summaries.size(); ++i) {
    table.summaries[i].speed.confidence = 0.1F;
  }
  const std::size_t n = table.summaries.size();
  table.features.resize(n * table.spec.dimensions());
  table.origins.assign(n, {0, 0, 0, 0, false, 1.0F});
  host::WindowTable all = table;
  const host::Hygiene hygiene = host::clean(table);
  EXPECT_EQ(table.speeds.points, 1);
  EXPECT_EQ(hygiene.windows[static_cast<std::size_t>(LeftOut::neighbour)], 358U);
  EXPECT_EQ(hygiene.windows[static_cast<std::size_t>(LeftOut::changing)], 146U);
  EXPECT_EQ(table.size(), 96U);
  // Who wants to learn everything does.
  host::clean(all, true);
  EXPECT_EQ(all.speeds.points, 2);
  EXPECT_EQ(all.size(), n);
}

TEST(Neighbours, AreNotToldApartWhereTheGyroscopeFeelsNoLine) {
  for (const float turning_dps : {0.032F, 0.0F}) {  // or there is none
    Windows windows;
    append_line(windows, 100, 20.0F, 0.001F, turning_dps);
    append_line(windows, 100, 40.0F, 0.05F, turning_dps);
    EXPECT_EQ(neighbours_among(windows, 100), (std::pair<std::size_t, std::size_t>{0, 0}));
  }
}

}  // namespace
}  // namespace fettle
