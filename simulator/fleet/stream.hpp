// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/sensor/sample.hpp"
#include "simulator/fleet/fleet.hpp"
#include "simulator/fleet/velocity_meter.hpp"
#include "simulator/machine/motion.hpp"
#include "simulator/machine/ramp.hpp"
#include "simulator/machine/sensor.hpp"

namespace fettle::simulator {

/// What a machine of the fleet is about. `changing`: from one set point to another.
enum class RunState : std::uint8_t { off, starting, running, changing, stopping };

/// What is true of a block of samples; what changes slowly is as at its beginning.
struct FleetTruth {
  double time_s = 0;  ///< true, of the block's beginning since the life's
  RunState state = RunState::off;
  int set_point = 0;    ///< where it runs or goes; at rest or stopping, where it was
  double shaft_hz = 0;  ///< true; at rest 0
  double load = 1;
  double trend = 1;     ///< of the vibration, beside 1 at age 0
  double severity = 0;  ///< of the life's fault
  double celsius = 25;
  bool knock = false;      ///< one happens within the block
  bool neighbour = false;  ///< it runs within the block
  int remounts = 0;        ///< so far; one within a block counts from its beginning
  Rotation mounting{};     ///< sensor = mounting * machine
  double velocity_ms_mm2_s2 =
      0;  ///< mean square of the machine's own velocity, 10 to 90 Hz, without
          ///< knocks and neighbour; 0 if it is not measured
};

struct FleetOptions {
  double rate_hz = 200;           ///< nominal, 1000 divided by a whole number: 40 to 1000
  bool measure_velocity = false;  ///< costs a third more time
};

struct FleetBlock {
  std::span<const TimedSample> samples;  ///< until the next call
  FleetTruth truth;
};

/// The samples of a life with the truth about them, block for block of 40 ms of the sensor's time.
/// Time stamps begin at 0 and keep the nominal grid, as those of Machine: the sensor's clock is fast
/// by parameters.clock_error, the schedule and truth are in true time.
///
/// The same machine, life and rate give the same bits on every processor.
class FleetStream {
 public:
  FleetStream(const FleetMachine& machine, const FleetLife& life, const FleetOptions& options = {});

  /// The next block; false when the life is over.
  [[nodiscard]] bool next(FleetBlock& block);

 private:
  static constexpr std::size_t kBlockSteps = 40;  // of 1 ms by the sensor's clock

  /// Where it goes from `ramp.at_s` on.
  struct Leg {
    Ramp ramp;
    int set_point = 0;
  };

  void take_up_schedule();
  void look_around();
  void move_block(bool moves, bool outside);
  [[nodiscard]] std::array<double, 3> from_outside(double t_s);
  [[nodiscard]] RunState state() const;
  [[nodiscard]] double celsius() const;

  FleetMachine machine_;
  FleetLife life_;
  FleetOptions options_;
  std::size_t steps_ = 1;  // for each sample
  double step_s_ = 0;      // true
  MachineMotion motion_;
  SensorModel sensor_;
  VelocityMeter meter_;
  Random slow_;

  std::vector<Leg> legs_;
  std::vector<Ramp> loads_;
  std::size_t leg_ = 0, load_ = 0, temperature_ = 0, neighbour_ = 0, knock_ = 0, remount_ = 0;

  std::int64_t block_ = 0, index_ = 0;  // blocks and samples so far
  double time_s_ = 0;                   // true, of the block
  double block_s_ = 0;
  double wander_ = 0, wander_keep_ = 0, wander_kick_ = 0;
  double neighbour_turns_ = 0;
  SineCosine angle_{}, advance_{};  // of the neighbour, in a block
  bool lingers_ = true;             // in the low-pass
  FleetTruth truth_;
  std::array<TimedSample, kBlockSteps> samples_{};
};

}  // namespace fettle::simulator
