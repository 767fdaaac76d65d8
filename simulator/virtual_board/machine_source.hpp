// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/machine/schedule.hpp"
#include "simulator/mpu6050_chip/motion.hpp"

namespace fettle::simulator {

/// A machine that lives through a schedule, under the chip.
class MachineSource final : public MotionSource {
 public:
  MachineSource(const MachineConfig& config, std::uint64_t seed, const Schedule& schedule)
      : motion_(config, seed, schedule) {}
  Motion next(double step_s) override {
    const SensorMotion motion = motion_.next(step_s);
    return {motion.axis, motion.celsius};
  }
  [[nodiscard]] const ScheduledMotion& machine() const { return motion_; }

 private:
  ScheduledMotion motion_;
};

}  // namespace fettle::simulator
