// SPDX-License-Identifier: Apache-2.0
// The cutter against a naive twin that keeps every sample and looks at them all again.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "core/learn/random.hpp"
#include "core/window/window_cutter.hpp"

namespace fettle {
namespace {

/// All windows of a stream of one recording, cut after the fact.
class Twin {
 public:
  explicit Twin(const WindowShape& shape) : shape_(shape) {}

  WindowCutter::Cut push(std::int64_t t_us) {
    auto cut = WindowCutter::Cut::collecting;
    if (!stretch_.empty()) {
      const auto step = static_cast<double>(t_us - stretch_.back());
      if (step < 0) {
        cut = WindowCutter::Cut::backwards;
      } else if (step * static_cast<double>(shape_.rate_hz) > 1.5e6) {
        cut = WindowCutter::Cut::gap;
      }
    }
    if (cut != WindowCutter::Cut::collecting) stretch_.clear();
    stretch_.push_back(t_us);
    return complete() ? WindowCutter::Cut::complete : cut;
  }
  void restart() { stretch_.clear(); }

  [[nodiscard]] bool complete() const {
    return stretch_.size() >= shape_.samples &&
           (stretch_.size() - shape_.samples) % shape_.hop_samples() == 0;
  }
  [[nodiscard]] std::int64_t start() const { return stretch_[stretch_.size() - shape_.samples]; }
  /// Samples of the oldest window that is not complete.
  [[nodiscard]] std::size_t position() const {
    if (stretch_.size() < shape_.samples) return stretch_.size();
    return shape_.samples - shape_.hop_samples() +
           (stretch_.size() - shape_.samples) % shape_.hop_samples();
  }
  [[nodiscard]] std::size_t phase() const { return stretch_.size() % shape_.hop_samples(); }

 private:
  WindowShape shape_;
  std::vector<std::int64_t> stretch_;  // without a gap, since the last restart
};

TEST(WindowCutterModel, AgreesWithTheTwinOnRandomStreams) {
  constexpr std::uint64_t kSeed = 20261123;
  for (std::uint64_t run = 0; run < 400; ++run) {
    Random random(kSeed + run);
    SCOPED_TRACE(testing::Message() << "seed " << kSeed + run);
    const auto overlap = 1 + random.below(kMaxOverlap);
    const auto hop = 2 + random.below(run % 4 == 0 ? 200 : 10);
    // Rates whose period is a whole number of microseconds and rates whose is not.
    const float rate_hz = run % 2 == 0 ? 50.0F + static_cast<float>(random.below(951))
                                       : 50.0F + 950.0F * random.uniform();
    const double period_us = 1e6 / static_cast<double>(rate_hz);
    const WindowShape shape{hop * overlap, rate_hz, overlap == 1 ? 0 : hop};
    ASSERT_EQ(shape.overlap(), overlap);
    WindowCutter cutter(shape);
    Twin twin(shape);
    auto time_us = static_cast<double>(random.below(1000000));
    std::uint64_t complete = 0;
    for (int i = 0; i < 3000; ++i) {
      const std::uint32_t event = random.below(1000);
      if (event < 3) {
        cutter.restart();
        twin.restart();
        time_us = static_cast<double>(random.below(1000000));
      } else if (event < 6) {
        time_us -= static_cast<double>(random.below(20000));
      } else if (event < 12) {
        time_us += period_us * (1.4 + 0.2 * static_cast<double>(random.uniform()));  // at the limit
      } else if (event < 15) {
        time_us += period_us * static_cast<double>(random.below(100));
      } else {
        time_us += period_us * (0.8 + 0.4 * static_cast<double>(random.uniform()));
      }
      const auto t_us = static_cast<std::int64_t>(time_us);
      const auto expected = twin.push(t_us);
      ASSERT_EQ(cutter.push(t_us), expected) << "sample " << i;
      if (expected == WindowCutter::Cut::complete) {
        ASSERT_EQ(cutter.start_us(), twin.start()) << "sample " << i;
      }
      ASSERT_EQ(cutter.position(), twin.position()) << "sample " << i;
      ASSERT_EQ(cutter.phase(), twin.phase()) << "sample " << i;
      complete += expected == WindowCutter::Cut::complete ? 1U : 0U;
    }
    if (shape.samples < 20) {
      ASSERT_GT(complete, 50U);
    }
  }
}

}  // namespace
}  // namespace fettle
