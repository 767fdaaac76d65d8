// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "core/learn/neighbour.hpp"
#include "core/learn/random.hpp"
#include "host/learning.hpp"

namespace fettle::host {
namespace {

constexpr FeatureSpec kSix{FeatureSet::vibration, 6, false};

/// A centred table of windows that scatter by so much, at two operating points of which the second is strong where
/// neighbours are.
/// @param one_in  so many neighbours is felt at all
WindowTable scattering(float by, float move, std::size_t one_in = 1) {
  Random random(11);
  WindowTable table;
  table.spec = kSix;
  table.centred = true;
  table.recordings.push_back({"normal", "a", "normal/a", "", 0, 0});
  const std::size_t d = kSix.dimensions();
  for (std::uint32_t i = 0; i < 400; ++i) {
    for (std::size_t f = 0; f < d; ++f) {
      float sum = -6.0F;
      for (int k = 0; k < 12; ++k) sum += random.uniform();
      table.features.push_back(by * sum);
    }
    table.origins.push_back({0, 128 * (i + 1), 640'000LL * i, 128 * (i + 1), false, 1.0F});
    table.summaries.emplace_back();
    table.points.push_back(i < 200 ? 0 : 1);
  }
  // Neighbours raise the level and one of the bands.
  for (std::size_t i = 0; i < 2 * kMovesOfPoint; ++i) {
    const float size = i % one_in != 0 ? 0.0F : i < kMovesOfPoint ? move : 0.1F * move;
    for (std::size_t f = 0; f < d; ++f) {
      const bool moved = f == 0 || f == 4 + i % 4;
      table.neighbour_moves.push_back(moved ? size : 0.0F);
    }
  }
  return table;
}

double chosen(const WindowTable& table) {
  std::vector<std::uint32_t> rows(table.size());
  std::iota(rows.begin(), rows.end(), 0U);
  return choose_neighbours(table, rows, {});
}

TEST(ChooseNeighbours, GivesNoneWhereTheyAreFeltLessThanTheMachineVaries) {
  EXPECT_EQ(chosen(scattering(0.5F, 0.3F)), 0.0);
  EXPECT_EQ(chosen(scattering(0.5F, 1.0F)), 0.0);
  // Half a deviation of the usual score is felt; if a whole one were asked for, this would be none yet.
  EXPECT_EQ(chosen(scattering(0.5F, 1.2F)), 0.5);
}

TEST(ChooseNeighbours, GivesAsMuchAsIsNeededAndNoMore) {
  const double common = chosen(scattering(0.05F, 1.5F));
  EXPECT_EQ(common, 0.5) << "the least that there is";
  // What few neighbours do is little of the mean product.
  const double rare = chosen(scattering(0.05F, 1.5F, 31));
  EXPECT_GT(rare, common);
  EXPECT_LE(rare, 8.0);
  // One in 200 may be left.
  EXPECT_EQ(chosen(scattering(0.05F, 1.5F, 200)), 0.0);
  // But not two of the 144 of the first operating point, though they are few among all.
  EXPECT_GT(chosen(scattering(0.05F, 1.5F, 100)), 0.0);
}

TEST(ChooseNeighbours, GivesNoneWhereNothingIsKnownOfThem) {
  WindowTable table = scattering(0.05F, 1.5F);
  table.neighbour_moves.clear();
  EXPECT_EQ(chosen(table), 0.0);
  EXPECT_EQ(choose_neighbours(scattering(0.05F, 1.5F), {}, {}), 0.0);
}

/// Only the last part of a recording may know a set point: what was learned of the nearest one then serves it.
TEST(LearnBaseline, ASetPointWithoutWindowsTakesTheNearestOnesMeans) {
  WindowTable table = scattering(0.05F, 0.0F);
  table.centred = false;
  table.speeds.points = 3;
  for (std::size_t p = 0; p < 3; ++p) {
    const float hz = 20.0F * static_cast<float>(p + 1);
    table.speeds.point[p] = {{hz - 2.0F, hz + 2.0F}, hz, 100};
  }
  std::vector<std::uint32_t> rows;
  for (std::uint32_t i = 0; i < 200; ++i) {
    rows.push_back(i);
    table.points[i] = i < 100 ? 0 : 1;
    for (float& feature :
         std::span(table.features).subspan(i * kSix.dimensions(), kSix.dimensions())) {
      feature -= i < 100 ? 3.0F : 2.0F;
    }
    table.summaries[i].speed = {i < 100 ? 20.0F : 40.0F, 0.9F};
    table.summaries[i].gravity_g = {0.0F, 0.0F, 1.0F};
    table.summaries[i].gravity_size_g = 1.0F;
  }
  const LearnedBaseline learned = learn_baseline(table, rows);
  EXPECT_EQ(learned.windows[2], 0U);
  EXPECT_NEAR(learned.means[0][0], -3.0F, 0.05F);
  EXPECT_NEAR(learned.means[1][0], -2.0F, 0.05F);
  EXPECT_EQ(learned.means[2], learned.means[1]);
  EXPECT_EQ(learned.axis_means[2], learned.axis_means[1]);
}

/// The same rows give the same network, whether the weight is found there or handed over: `evaluate` trains again.
TEST(ChooseNeighbours, IsFoundAgainByWhoTrainsAgain) {
  const WindowTable table = scattering(0.05F, 1.5F);
  std::vector<std::uint32_t> rows(table.size());
  std::iota(rows.begin(), rows.end(), 0U);
  LearningSettings settings;
  settings.detector = DetectorKind::mahalanobis;
  const LearnedNetwork found = learn(table, rows, {}, settings);
  settings.neighbours = choose_neighbours(table, rows, settings);
  const LearnedNetwork given = learn(table, rows, {}, settings);
  EXPECT_EQ(plain_file(found.quantised), plain_file(given.quantised));
  settings.neighbours = 0.0;
  EXPECT_NE(plain_file(found.quantised), plain_file(learn(table, rows, {}, settings).quantised));
}

}  // namespace
}  // namespace fettle::host
