// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "simulator/machine/parameters.hpp"
#include "simulator/signal/filter.hpp"
#include "simulator/signal/random.hpp"

namespace fettle::simulator {

/// What the machine is doing.
struct Operation {
  double speed = 1;     ///< shaft speed as a part of the rated one; 0: at rest
  double load = 1;      ///< of the flow's forces at this speed
  bool powered = true;  ///< the motor hums
  Faults faults;

  friend bool operator==(const Operation&, const Operation&) = default;
};

/// True motion of a small fan on rubber feet, a step at a time.
///
/// The machine moves as a rigid body on its mount, driven by the forces of rotor, flow and motor;
/// its frame rings besides. Forces are computed at each step; what changes slowly (speed, load, heat,
/// how loose it is) a few times in a turn of the shaft, once in a block of steps.
///
/// A value type without heap. The same seed and configuration give the same bits on every processor.
class MachineMotion {
 public:
  /// @param config     speed, session and faults; rate_hz is not looked at
  /// @param step_hz    steps in a true second
  /// @param block_hz   blocks in a second, for whatever wanders
  /// @param block_steps steps in a block, at least 1
  MachineMotion(const MachineConfig& config, std::uint64_t seed, double step_hz, double block_hz,
                int block_steps)
      : MachineMotion(config, seed, MachineParameters(seed), step_hz, block_hz, block_steps) {}
  /// Likewise, of a machine whose parameters are given; the seed decides the rest.
  MachineMotion(const MachineConfig& config, std::uint64_t seed,
                const MachineParameters& parameters, double step_hz, double block_hz,
                int block_steps);

  /// One step: along the machine's axes, acceleration without gravity in g and rate of rotation in
  /// deg/s.
  std::array<double, 6> step() {
    Forced forced = next_forces();
    body_.step(forced);
    return vibration_of(forced);
  }
  /// As many steps as `block` is long: the bits of step() by step, in less time.
  void run(std::span<std::array<double, 6>> block);

  /// True if the next step begins a block, which takes up what operate() and set_step() set.
  [[nodiscard]] bool at_block() const { return block_left_ == 0; }
  void operate(const Operation& operation);
  /// From now on steps are this long, true seconds; a block has so many.
  void set_step(double step_s, int block_steps);

  [[nodiscard]] const MachineParameters& parameters() const { return parameters_; }
  /// Shaft speed now, in true Hz.
  [[nodiscard]] double shaft_hz() const { return shaft_hz_; }
  /// Mean shaft speed of this session, in true Hz.
  [[nodiscard]] double session_hz() const { return session_hz_; }
  /// Off the usual temperature.
  [[nodiscard]] double kelvin() const { return kelvin_; }

 private:
  using Vector = std::array<double, 3>;
  /// What drives the body's filters, and what they make of it: bouncing 0-2, ringing 3-5, rocking 6-8.
  using Forced = std::array<double, 9>;

  /// Frequencies present, by the angle they follow.
  enum Line : std::size_t { half, first, one_and_half, second, third, blade_pass, hum, kLines };
  /// A force at each line along the machine's axes, in units of its weight (g).
  struct Forces {
    std::array<Vector, kLines> cosine{}, sine{};
    void add(Line line, double level, const Vector& cosine_part, const Vector& sine_part);
  };
  /// The force at a line now; a fourth lane, of nothing, fills the registers.
  struct Wave {
    SineCosine angle{}, advance{};  // its advance in an inner step
    std::array<double, 4> cosine_g{}, sine_g{};
  };
  /// A value that wanders about zero with standard deviation 1 and a correlation time: the
  /// Ornstein-Uhlenbeck process, sampled exactly (Gillespie, Phys. Rev. E 54, 1996).
  struct Wander {
    double keep = 0, kick = 0, value = 0;
    Wander() = default;
    Wander(double seconds, double rate_hz, Random& random);
    double step(Random& random) { return value = keep * value + kick * random.gaussian(); }
  };

  /// Impacts that come after so many turns of the shaft.
  struct Striker {
    double turns_left = 0, rest = 0;
    template <typename Strikes>
    double step(double turns, Strikes strike);
  };

  void set_filters(double step_hz);
  void set_forces();
  void begin_block();
  Forced next_forces();
  static std::array<double, 6> vibration_of(const Forced& motion);
  double impact_of_bearing();
  double impact_of_rattle();

  MachineParameters parameters_;
  Operation operation_;
  Random flow_, slow_, bearing_, loose_;

  double step_s_ = 0;  // true seconds
  int block_steps_ = 1;
  int block_left_ = 0;
  double session_factor_ = 1;  // of this session's speed

  // What changes slowly.
  Wander speed_wander_, load_wander_, heat_wander_, loose_wander_;
  double session_hz_ = 0;  // mean shaft speed of this session
  double shaft_hz_ = 0;
  double level_ = 1;   // of the flow's forces
  double kelvin_ = 0;  // off the usual temperature
  // Forces that are always the same, that follow speed squared, and of these what follows the load
  // or the moment's looseness; and their sum now.
  Forces steady_, inertial_, aerodynamic_, loosened_, forces_;

  // What changes at each inner step.
  double double_turns_ = 0;  // shaft angle in units of two turns, 0 to 1: half orders need two
  double hum_turns_ = 0;
  std::array<Wave, kLines> waves_{};
  std::size_t present_ = 0;  // of the waves, those with any force
  double flow_scale_ = 0;    // from the sum of two 21-bit random numbers to force
  Vector rocking_lever_{};   // from force in g to the input of the rocking filters
  double truncation_g_ = 0;  // vertical force beyond which a loose foot lifts
  Striker bearing_striker_, rattle_striker_;
  double cage_turns_ = 0;

  BiquadBank<9> body_;
};

}  // namespace fettle::simulator
