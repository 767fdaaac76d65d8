// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/decision/burn_in.hpp"
#include "core/learn/calibration.hpp"
#include "core/model/detector_model.hpp"
#include "core/pipeline.hpp"

namespace fettle {

/// Burn-in at work: what a machine says of itself while it runs normally makes the decision of its model
/// better, until the rate of false alarms that was wished for is supported by what was seen. The model's
/// file stays as it is; what was learned is kBytes.
///
/// And feedback: what a person says of the newest alarm. A false one is learned from in two ways. The
/// running that led to it counts as normal; and the limit is raised as far as that alarm would have
/// needed, to kMostRaise times the calibrated one at most. An answer never brings the windows of the alarm itself into
/// the calibration: a wrong answer, or many, cannot hide a fault, because any lasting change above the
/// reference still raises an alarm, and it takes at most kMostRaise times as long.
class Refinement {
 public:
  /// What happens within an hour is one session; of windows shorter than 0.11 s as many as BurnIn can hold, which is less.
  static constexpr double kQuarantine_s = 3600.0;
  /// What finding a limit takes, lent because it is idle most of the time: 8 KB. The same on a board and
  /// on a PC, so that both find the same bits; what its lattice of 50 to 70 cells, where neighbours are correlated, costs
  /// beside the finest is measured in tests/property/run_length_test.cpp.
  struct Memory {
    Calibrator calibrator;
    std::array<float, 1600> lattice;
  };
  static_assert(sizeof(Memory) <= 8192);
  /// How far false alarms may raise the limit. Twice: an alarm then takes twice as long, 10 windows
  /// instead of 5 where the change is great; and more is not known, because a statistic is followed to
  /// twice its limit.
  static constexpr float kMostRaise = 2.0F;
  static constexpr std::size_t kBytes = BurnIn::kBytes + 48;

  /// Only the run length of cusum can be computed in so little memory.
  [[nodiscard]] static bool possible(const DetectorModel& model) {
    return model.decision.has_value() && model.decision->kind == DecisionKind::cusum;
  }

  /// @param model   possible(); must outlive this
  /// @param window  that windows are cut by, with their hop
  Refinement(const DetectorModel& model, const WindowShape& window);
  explicit Refinement(const DetectorModel& model) : Refinement(model, model.window) {}

  /// Takes what was said of a window.
  void push(const WindowResult& result);
  /// Windows are missing here that somebody else may have judged: what comes is nobody's neighbour.
  void interrupt() { burn_in_.restart(); }

  /// So much has come together since the last time that begin() is worth its work.
  [[nodiscard]] bool due() const;
  /// Begins to look for better settings. Where less was seen than the settings now rest on there is
  /// nothing to look for, and working() stays false.
  /// @param memory  in use while working()
  /// @return what Calibrator::begin() returns
  Status begin(Memory& memory);
  [[nodiscard]] bool working() const { return memory_ != nullptr; }
  /// A piece of bounded work, see Calibrator. @return true if settings() are better ones now
  bool step();
  /// All of it, and gives what is found to the pipeline.
  Status refine(Pipeline& pipeline, Memory& memory);

  /// What the decision should work with: calibrated, and raised by false alarms.
  [[nodiscard]] DecisionSettings settings() const;
  /// How much the limit is raised, 1 to kMostRaise.
  [[nodiscard]] float raise() const { return settings().limit / calibrated_.limit; }

  /// The newest alarm was a false one. settings() are others afterwards.
  void was_false();
  /// It was a fault. Nothing is learned until serviced(), or until the machine was normal for a whole
  /// quarantine without an alarm.
  void was_true();
  /// The alarm that was last said to be false was none, as was_true() says of it then: what it raised is taken back,
  /// and settings() are others afterwards. Windows that it counted as normal stay.
  void take_back() { excused_ = excused_before_; }
  /// Somebody works on the machine, or has: what was held back before may be what was wrong with it.
  void serviced();
  /// Waits for that after was_true().
  [[nodiscard]] bool waits() const { return waits_; }

  [[nodiscard]] const BurnIn& burn_in() const { return burn_in_; }
  [[nodiscard]] BurnIn& burn_in() { return burn_in_; }
  /// What the settings rest on: the model's file until more was seen on site.
  [[nodiscard]] const Support& support() const { return support_; }
  /// How far gathering has come, also beyond that.
  [[nodiscard]] Support progress() const;
  [[nodiscard]] double asked_per_hour() const { return wish_.alarms_per_hour; }
  /// False alarms to be expected now.
  [[nodiscard]] double stated_per_hour() const {
    return std::max(wish_.alarms_per_hour, support_.supported_per_hour);
  }

  /// All that was learned (FORMATS.md). Whoever stores it adds the checksum, and whose it is.
  void write(std::span<std::uint8_t, kBytes> bytes) const;
  /// @return false, and nothing changed, for numbers that cannot have come from this model
  [[nodiscard]] bool read(std::span<const std::uint8_t, kBytes> bytes);

 private:
  /// The way of a statistic from rest to its largest value: so many windows, and the sum of their
  /// evidence in units of the model's file. Under other settings the same windows reach
  /// reached_by().
  struct Excursion {
    std::uint32_t windows = 0;
    float sum = 0.0F;
  };
  void follow(const WindowResult& result);
  [[nodiscard]] float reached_by(const Excursion& excursion) const;

  const DetectorModel& model_;
  CalibrationWish wish_;
  BurnIn burn_in_;
  Support support_;
  DecisionSettings calibrated_;
  std::uint32_t refined_at_ = 0;  // accepted windows then
  bool waits_ = false;
  std::uint32_t normal_windows_ = 0;  // without an alarm, while it waits

  // The statistic's way since it was last at rest.
  float share_ = 0.0F;
  std::uint32_t windows_ = 0;
  float largest_ = 0.0F;
  bool alarm_ = false;
  Excursion suspected_;        // of the newest alarm
  Excursion excused_;          // of the false alarm that needs the largest limit
  Excursion excused_before_;   // ... before the last of them
  bool waits_before_ = false;  // when the newest alarm began

  // What is being found.
  Memory* memory_ = nullptr;  // none: nothing
  Support support_then_;
};

}  // namespace fettle
