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
  Twin(std::uint32_t samples, double rate_hz) : samples_(samples), rate_hz_(rate_hz) {}

  WindowCutter::Cut push(std::int64_t t_us) {
    auto cut = WindowCutter::Cut::collecting;
    if (!all_.empty()) {
      const auto step = static_cast<double>(t_us - all_.back());
      if (step < 0) {
        cut = WindowCutter::Cut::backwards;
      } else if (step * rate_hz_ > 1.5e6) {
        cut = WindowCutter::Cut::gap;
      }
    }
    all_.push_back(t_us);
    if (cut != WindowCutter::Cut::collecting) window_.clear();
    window_.push_back(t_us);
    start_ = window_.front();
    if (window_.size() == samples_) {
      window_.clear();
      return WindowCutter::Cut::complete;
    }
    return cut;
  }
  void restart() {
    window_.clear();
    all_.clear();
  }
  [[nodiscard]] std::int64_t start() const { return start_; }
  [[nodiscard]] std::size_t position() const { return window_.size(); }

 private:
  std::size_t samples_;
  double rate_hz_;
  std::vector<std::int64_t> all_;     // since the last restart
  std::vector<std::int64_t> window_;  // the one under way
  std::int64_t start_ = 0;
};

TEST(WindowCutterModel, AgreesWithTheTwinOnRandomStreams) {
  constexpr std::uint64_t kSeed = 20261123;
  for (std::uint64_t run = 0; run < 400; ++run) {
    Random random(kSeed + run);
    SCOPED_TRACE(testing::Message() << "seed " << kSeed + run);
    const auto samples = 2 + random.below(run % 4 == 0 ? 600 : 20);
    // Rates whose period is a whole number of microseconds and rates whose is not.
    const float rate_hz = run % 2 == 0 ? 50.0F + static_cast<float>(random.below(951))
                                       : 50.0F + 950.0F * random.uniform();
    const double period_us = 1e6 / static_cast<double>(rate_hz);
    WindowCutter cutter({samples, rate_hz});
    Twin twin(samples, static_cast<double>(rate_hz));
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
      ASSERT_EQ(cutter.start_us(), twin.start()) << "sample " << i;
      ASSERT_EQ(cutter.position(), twin.position()) << "sample " << i;
      complete += expected == WindowCutter::Cut::complete ? 1U : 0U;
    }
    if (samples < 20) {
      ASSERT_GT(complete, 50U);
    }
  }
}

}  // namespace
}  // namespace fettle
