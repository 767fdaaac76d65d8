// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/sensor/sample.hpp"
#include "simulator/signal/filter.hpp"
#include "simulator/signal/random.hpp"

namespace fettle::simulator {

/// Where a bearing is damaged; decides how often a ball meets the damage.
enum class BearingDefect : std::uint8_t { outer_race, inner_race, ball };

/// How bad each fault is: 0 is none, 1 is due for repair today. Above 1 the formulas go on.
struct Faults {
  double imbalance = 0;     ///< mass lost or gathered on the rotor: more force at 1x
  double bearing = 0;       ///< a pit in the bearing: an impact at each passing
  double loose = 0;         ///< a loose mount: half orders, truncation, rattle, rocking
  double misalignment = 0;  ///< shaft and motor not in line: 2x, and axial force
  BearingDefect defect = BearingDefect::outer_race;
};

struct MachineConfig {
  double rate_hz = 200;  ///< nominal rate of samples, 20 to 8000
  double speed = 1;      ///< shaft speed as a part of the rated one, 0.1 to 2
  std::uint64_t session =
      0;  ///< the same machine on another day: other noise, slightly other speed
  Faults faults;
};

/// Geometry of a ball bearing: pitch diameter, ball diameter, balls, contact angle 0.
struct Bearing {
  double pitch_mm = 15.0;
  double ball_mm = 3.969;
  int balls = 7;

  /// Impacts in a turn of the shaft, inner race turning and outer race fixed. Harris, Rolling
  /// Bearing Analysis, 4th ed. 2001, chapter 25; Randall, Vibration-based Condition Monitoring,
  /// 2011, eq. 2.13 to 2.16. A damaged ball meets one race at the ball spin frequency, the other in
  /// between.
  [[nodiscard]] constexpr double outer_order() const { return 0.5 * balls * (1 - ratio()); }
  [[nodiscard]] constexpr double inner_order() const { return 0.5 * balls * (1 + ratio()); }
  [[nodiscard]] constexpr double ball_order() const {
    return 0.5 / ratio() * (1 - ratio() * ratio());
  }
  [[nodiscard]] constexpr double cage_order() const { return 0.5 * (1 - ratio()); }
  [[nodiscard]] constexpr double order(BearingDefect defect) const {
    return defect == BearingDefect::outer_race   ? outer_order()
           : defect == BearingDefect::inner_race ? inner_order()
                                                 : ball_order();
  }

 private:
  [[nodiscard]] constexpr double ratio() const { return ball_mm / pitch_mm; }
};

/// What the seed decides: one individual fan with its sensor, the same in every session. Machine
/// axes are 0 axial, 1 horizontal, 2 vertical (up).
struct MachineParameters {
  double rated_hz = 0;        ///< shaft speed, 26 to 36
  int blades = 0;             ///< 3, 5 or 7
  double hum_hz = 0;          ///< twice the mains: 100 or 120
  double residual_mm_s = 0;   ///< residual imbalance e w of the rotor at rated speed (ISO 21940-11)
  double rotor_share = 0;     ///< rotor mass / mass of the whole, 0.2 to 0.3
  double residual_turns = 0;  ///< where the residual imbalance sits on the rotor
  double heavy_spot_turns = 0;  ///< where the fault's does, within 1/6 turn of it
  double mount_hz = 0;          ///< the machine bouncing on its isolators
  double mount_damping = 0;
  std::array<double, 3> rocking_hz{};  ///< ... and rocking about the three axes
  double rocking_damping = 0;
  double lever_per_m = 0;                ///< height of the forces / (radius of gyration)^2
  std::array<double, 3> structure_hz{};  ///< bending of the frame, excited by impacts and flow
  double structure_damping = 0;
  Bearing bearing;
  std::array<std::array<double, 3>, 3> mounting{};  ///< sensor = mounting * machine; a rotation
  std::array<double, 6> offset{};  ///< of the sensor at its usual temperature, g, dps
  std::array<double, 6> offset_per_kelvin{};
  double clock_error = 0;  ///< the sensor's clock runs fast by this part, within +-0.01

  /// Draws them. The seed 0 is a seed like any other.
  explicit MachineParameters(std::uint64_t seed);
};

/// A small fan on rubber feet with an MPU6050 screwed to it: an endless stream of what the sensor
/// would deliver at +-2 g and +-250 deg/s with its low-pass at 94 Hz, quantised to 16 bits,
/// saturating at the rails, without gaps.
///
/// The machine moves as a rigid body on its mount, driven by the forces of rotor, flow and motor;
/// its frame rings besides. Forces are computed at the first multiple of the rate that is 1000 Hz
/// or more, as the chip itself filters 1000 samples a second; what the low-pass leaves above half
/// the rate folds back, as it does in the chip. The sensor is never remounted: no fault turns
/// gravity.
///
/// A value type without heap. The same seed and configuration give the same bits on every
/// processor.
class Machine {
 public:
  explicit Machine(const MachineConfig& config, std::uint64_t seed);

  /// The next sample. Time stamps begin at 0 and keep the nominal grid, rounded to a microsecond;
  /// the chip's real clock is off by parameters().clock_error, so that every frequency seems lower
  /// by it.
  [[nodiscard]] TimedSample next();

  [[nodiscard]] const MachineParameters& parameters() const { return parameters_; }
  /// Shaft speed now, in true Hz.
  [[nodiscard]] double shaft_hz() const { return shaft_hz_; }
  /// Mean shaft speed of this session as a spectrum of the samples shows it, Hz.
  [[nodiscard]] double apparent_shaft_hz() const;

 private:
  using Vector = std::array<double, 3>;

  /// Frequencies present, by the angle they follow.
  enum Line : std::size_t { half, first, one_and_half, second, third, blade_pass, hum, kLines };
  /// A force at each line along the machine's axes, in units of its weight (g).
  struct Forces {
    std::array<Vector, kLines> cosine{}, sine{};
    void add(Line line, double level, const Vector& cosine_part, const Vector& sine_part);
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

  void set_filters(double inner_rate_hz);
  void set_forces();
  void begin_block();
  void step();
  double impact_of_bearing();
  double impact_of_rattle();

  MachineConfig config_;
  MachineParameters parameters_;
  Random flow_, sensor_, slow_, bearing_, loose_;  // one stream each: a fault disturbs no other

  int steps_ = 1;          // inner steps for each sample
  double step_s_ = 0;      // true seconds of an inner step
  int block_samples_ = 1;  // samples between updates of what changes slowly
  int block_left_ = 0;

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
  std::array<double, kLines> cosine_{}, sine_{};            // of each line's angle
  std::array<double, kLines> step_cosine_{}, step_sine_{};  // of its advance in an inner step
  double flow_scale_ = 0;     // from the sum of two 21-bit random numbers to force
  double rocking_lever_ = 0;  // from force in g to the input of the rocking filters
  double truncation_g_ = 0;   // vertical force beyond which a loose foot lifts
  Striker bearing_striker_, rattle_striker_;
  double cage_turns_ = 0;

  BiquadBank<9> motion_;               // bouncing 0-2, ringing 3-5, rocking 6-8
  BiquadBank<6> low_pass_;             // the chip's, still along the machine's axes
  std::array<double, 6> vibration_{};  // what comes out of it, g and dps
  BiquadBank<6> noise_pass_;
  std::array<double, 6> noise_sigma_{};
  std::int64_t index_ = 0;
};

}  // namespace fettle::simulator
