// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "simulator/machine/motion.hpp"
#include "simulator/machine/ramp.hpp"

namespace fettle::simulator {

/// A value that stands for never.
inline constexpr double kNever_s = std::numeric_limits<double>::infinity();

enum class FaultKind : std::uint8_t { imbalance, bearing, loose, misalignment };

// Times are seconds of true time since the first step. Of several events at once, or whose ramps
// overlap, the later in time counts, then the later in the list.

/// A new speed is reached evenly after `ramp_s`. Speed 0 is switched off: the shaft coasts to a stop
/// within `ramp_s`, as friction and flow brake it; from 0 it runs up.
struct SpeedEvent {
  double at_s = 0;
  double speed = 1;  ///< part of the rated one, 0 or 0.1 to 2
  double ramp_s = 0;
};

/// The flow's forces become `load` times the usual ones, evenly within `ramp_s`.
struct LoadEvent {
  double at_s = 0;
  double load = 1;
  double ramp_s = 0;
};

/// A fault from `from_s` to before `until_s`, as bad as `initial` at first and growing evenly to
/// `severity` within `ramp_s`. Several of one kind add up, and to those of MachineConfig.
struct FaultEvent {
  FaultKind which = FaultKind::imbalance;
  double severity = 1;
  double from_s = 0;
  double until_s = kNever_s;
  double ramp_s = 0;
  double initial = 0;  ///< counts only with a ramp
  BearingDefect defect = BearingDefect::outer_race;
};

/// Another machine on the same floor: its shaft speed, and 0.4 of it at twice that.
struct NeighbourEvent {
  double from_s = 0;
  double until_s = kNever_s;
  double hz = 24.3;
  double level_g = 0.02;  ///< amplitude at its shaft speed
  std::array<double, 3> direction = {0, 0.6,
                                     0.8};  ///< along the machine's axes; its length is of no
                                            ///< consequence
};

/// Somebody or something bumps into the machine: half a sine of acceleration.
struct KnockEvent {
  double at_s = 0;
  double peak_g = 1;                            ///< usually 0.2 to 2
  double duration_s = 0.05;                     ///< usually 0.02 to 0.2
  std::array<double, 3> direction = {0, 1, 0};  ///< as above
};

/// Ambient temperature; in between along a straight line, before the first and after the last as there.
struct TemperaturePoint {
  double at_s = 0;
  double celsius = 25;
};

/// The sensor is taken off and put on again, turned by these angles about its own axes x, then y, then
/// z.
struct RemountEvent {
  double at_s = 0;
  double x_deg = 0, y_deg = 0, z_deg = 0;
};

/// What happens to a machine, in any order.
struct Schedule {
  std::vector<SpeedEvent> speeds;
  std::vector<LoadEvent> loads;
  std::vector<FaultEvent> faults;
  std::vector<NeighbourEvent> neighbours;
  std::vector<KnockEvent> knocks;
  std::vector<TemperaturePoint> temperatures;
  std::vector<RemountEvent> remounts;
};

/// True motion at the sensor along its axes: ax ay az in g with gravity, gx gy gz in deg/s.
struct SensorMotion {
  std::array<double, 6> axis{};
  double celsius = 25;
};

/// A machine that lives through a schedule: its true motion at the sensor, without anything that the
/// sensor adds. Speed, load and faults are looked up 50 times a second. The same arguments and steps
/// give the same bits on every processor.
class ScheduledMotion {
 public:
  /// @param config  speed (here also 0), session and faults before the first event; rate_hz is not
  ///                looked at
  /// @param seed    the individual machine, as in Machine
  ScheduledMotion(const MachineConfig& config, std::uint64_t seed, const Schedule& schedule);

  /// The motion `step_s` after the one before. Steps may change, which costs a little; they are 1 ms
  /// or less for what is said about the machine to be true.
  SensorMotion next(double step_s);

  [[nodiscard]] double time_s() const { return time_s_; }
  /// True shaft speed now; 0 at rest.
  [[nodiscard]] double shaft_hz() const { return motion_.shaft_hz(); }
  /// What the machine is doing now: the truth for whoever judges a detector.
  [[nodiscard]] const Operation& operation() const { return operation_; }
  [[nodiscard]] const MachineParameters& parameters() const { return motion_.parameters(); }
  /// How the sensor is mounted now: sensor = mounting * machine.
  [[nodiscard]] const Rotation& mounting() const { return mounting_; }

 private:
  struct Neighbour {
    NeighbourEvent is;
    double turns = 0;
  };

  void set_step(double step_s);
  void begin_block();
  void remount(const RemountEvent& event);
  [[nodiscard]] double celsius_at(double t_s) const;

  MachineConfig config_;
  Schedule schedule_;
  MachineMotion motion_;
  std::vector<Ramp> speeds_, loads_;
  std::vector<Neighbour> neighbours_;
  std::size_t speed_ = 0, load_ = 0, remount_ = 0, knock_ = 0;  // the first that is not over yet
  Operation operation_;
  Rotation mounting_;
  double time_s_ = 0, step_s_ = 0;
  double celsius_ = 25;
  // Numbers of neighbours: by beginning, how many have begun, and those that run, in the list's order.
  std::vector<std::size_t> neighbours_begin_;
  std::size_t neighbours_begun_ = 0;
  std::vector<std::size_t> neighbours_now_;
};

}  // namespace fettle::simulator
