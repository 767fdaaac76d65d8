// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulator/machine/schedule.hpp"
#include "simulator/mpu6050_chip/motion.hpp"

namespace fettle::simulator {

/// Screws the chip to the machine, neither of which knows the other.
class ScheduledSource final : public MotionSource {
 public:
  ScheduledSource(const MachineConfig& config, std::uint64_t seed, const Schedule& schedule)
      : machine_(config, seed, schedule) {}

  Motion next(double step_s) override {
    const SensorMotion motion = machine_.next(step_s);
    return {.axis = motion.axis, .celsius = motion.celsius};
  }
  [[nodiscard]] const ScheduledMotion& machine() const { return machine_; }

 private:
  ScheduledMotion machine_;
};

}  // namespace fettle::simulator
