// SPDX-License-Identifier: Apache-2.0
// The default features and decision on recordings of real machines, which lie beside the checkout (they have no licence
// and are no part of it): trained on the first part of normal, judged on what came later. Mahalanobis' distance knows no
// chance; the autoencoder is trained with five seeds.
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/evaluation.hpp"
#include "host/import.hpp"
#include "host/learning.hpp"
#include "host/training.hpp"
#include "tests/support/files.hpp"

namespace fettle::host {
namespace {

struct Way {
  DetectorKind detector = DetectorKind::mahalanobis;
  std::uint64_t seed = 1;
};

class RealMachines : public testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    if (test::real_recordings().empty()) {
      GTEST_SKIP() << "the recordings in ../shared/data are absent";
    }
  }

  static bool by_distance() { return GetParam().detector == DetectorKind::mahalanobis; }

  void import(const std::string& source, const std::string& label) {
    ImportOptions options;
    options.sources = {test::real_recordings() / source};
    options.data = folder_ / "data";
    options.label = label;
    (void)import_recordings(options);
  }

  /// Trains on normal, which keeps its last windows for judging, and judges all that was not learned from.
  /// @param part  of each normal recording's rows; what follows is later normal
  Evaluation run(double part = 1.0) {
    const DataSet all = DataSet::open(folder_ / "data");
    const auto axes = static_cast<std::uint8_t>(all.axes());
    {
      DataSetUpdate update(folder_ / "learned", all.rate_hz(), axes);
      for (const RecordingEntry& entry : all.recordings()) {
        if (entry.label != "normal") continue;
        auto left = static_cast<std::uint64_t>(part * static_cast<double>(entry.rows));
        auto& writer = update.begin("normal", entry.name, entry.source, "test");
        RecordingReader reader = all.read(entry);
        for (auto block = reader.next_block(); !block.empty(); block = reader.next_block()) {
          for (const TimedSample& sample : block) {
            if (left == 0) break;
            writer.write(sample);
            --left;
          }
        }
        update.end();
      }
      update.commit();
    }
    const DataSet learned = DataSet::open(folder_ / "learned");
    const FeatureSpec spec{FeatureSet::vibration, axes, false};
    const WindowShape window{128, static_cast<float>(all.rate_hz())};
    const auto every = [](const std::string& /*label*/) { return true; };
    Hygiene hygiene;
    const WindowTable table = learn_windows(
        [&](std::span<const SpeedRange> speeds) {
          return read_windows(learned, spec, window, every, speeds);
        },
        hygiene);
    LearningSettings settings;
    settings.detector = GetParam().detector;
    settings.training.seed = GetParam().seed;
    settings.alarms_per_hour = 1.0 / 168.0;
    const std::string label = "normal";
    TrainedDetector trained =
        train_detector(table, split_by_time(table), settings, false, label, "test");
    const auto model = ModelFile::from_bytes(std::move(trained.file), "model", true);
    const Evaluation evaluation = evaluate(*model, all);
    const auto& [name, fault] = *evaluation.classes.begin();
    std::printf(
        "  %s seed %d: AUC %.5f; %s raises in %.4f of %d windows, first after %.1f s; later normal "
        "%d windows, alarms %d, cannot judge %.3f\n",
        by_distance() ? "mahalanobis" : "autoencoder", static_cast<int>(GetParam().seed),
        evaluation.auc, name.c_str(), fault.recall, static_cast<int>(fault.windows),
        fault.delays_s.empty() ? -1.0 : fault.delays_s.front(),
        static_cast<int>(evaluation.normal_windows), static_cast<int>(evaluation.alarms),
        evaluation.cannot_judge);
    return evaluation;
  }

  test::TemporaryFolder folder_;
};

/// All windows of a fault but those until the alarm, which it then keeps. @param latest_s  when it has to be there
void expect_found(const ClassResult& fault, double window_s, double latest_s) {
  ASSERT_EQ(fault.onsets, 1U);
  ASSERT_EQ(fault.delays_s.size(), 1U);
  EXPECT_LE(fault.delays_s.front(), latest_s);
  const auto windows = static_cast<double>(fault.windows);
  const double until = fault.delays_s.front() / window_s - 1.0;
  EXPECT_NEAR(fault.recall * windows, windows - until, 1.5);
}

// The coin lowers vibration at this speed. An autoencoder separates every window of it, but scatters so much on normal
// that no evidence gathers within minutes: the distance is the default for a reason.
TEST_P(RealMachines, CeilingFanWithACoinOnABlade) {
  import("ceiling-fan/low-normal", "normal");
  import("ceiling-fan/low-coin", "coin");
  const Evaluation evaluation = run();
  EXPECT_GE(evaluation.auc, 0.999);
  EXPECT_EQ(evaluation.alarms, 0U);
  if (by_distance()) expect_found(evaluation.classes.at("coin"), 0.64, 10.0);
}

TEST_P(RealMachines, SixAxisMotorOutOfBalance) {
  import("motor-6axis/healthy.csv", "normal");
  import("motor-6axis/imbalance.csv", "imbalance");
  const Evaluation evaluation = run();
  EXPECT_GE(evaluation.auc, 0.999);
  EXPECT_EQ(evaluation.alarms, 0U);
  if (by_distance()) expect_found(evaluation.classes.at("imbalance"), 1.28, 15.0);
}

// It slows down all the time. 83 s of normal to learn from, 56 s of a slower one to be quiet about.
TEST_P(RealMachines, MotorThatSlowsDown) {
  import("motor-s3/normal.csv", "normal");
  import("motor-s3/loose.csv", "loose");
  const Evaluation evaluation = run(0.6);
  EXPECT_GE(evaluation.auc, 0.999);
  EXPECT_LE(evaluation.alarms, by_distance() ? 0U : 1U);
  if (by_distance()) expect_found(evaluation.classes.at("loose"), 0.64, 5.0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RealMachines,
                         testing::Values(Way{}, Way{DetectorKind::autoencoder, 1},
                                         Way{DetectorKind::autoencoder, 2},
                                         Way{DetectorKind::autoencoder, 3},
                                         Way{DetectorKind::autoencoder, 4},
                                         Way{DetectorKind::autoencoder, 5}),
                         [](const testing::TestParamInfo<Way>& way) {
                           return way.param.detector == DetectorKind::mahalanobis
                                      ? std::string("Mahalanobis")
                                      : "Autoencoder" + std::to_string(way.param.seed);
                         });

}  // namespace
}  // namespace fettle::host
