// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace fettle::simulator {

using Rotation = std::array<std::array<double, 3>, 3>;

/// About x, then y, then z.
[[nodiscard]] Rotation rotation(double x_turns, double y_turns, double z_turns);

/// First `before`, then `after`.
[[nodiscard]] Rotation compose(const Rotation& after, const Rotation& before);

/// Where a bearing is damaged; decides how often a ball meets the damage.
enum class BearingDefect : std::uint8_t { outer_race, inner_race, ball };

/// How bad each fault is: 0 is none, 1 is due for repair today. Above 1 the formulas go on.
struct Faults {
  double imbalance = 0;     ///< mass lost or gathered on the rotor: more force at 1x
  double bearing = 0;       ///< a pit in the bearing: an impact at each passing
  double loose = 0;         ///< a loose mount: half orders, truncation, rattle, rocking
  double misalignment = 0;  ///< shaft and motor not in line: 2x, and axial force
  BearingDefect defect = BearingDefect::outer_race;

  friend bool operator==(const Faults&, const Faults&) = default;
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
  double rated_hz = 0;        ///< shaft speed, drawn from 26 to 36; given, 15 to 90
  int blades = 0;             ///< 3, 5 or 7
  double hum_hz = 0;          ///< twice the mains: 100 or 120
  double residual_mm_s = 0;   ///< residual imbalance e w of the rotor at rated speed (ISO 21940-11)
  double flow = 1;            ///< forces of flow and hum, as a part of the usual fan's
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
  Rotation mounting{};             ///< sensor = mounting * machine; a rotation
  std::array<double, 6> offset{};  ///< of the sensor at its usual temperature, g, dps
  std::array<double, 6> offset_per_kelvin{};
  double clock_error = 0;  ///< the sensor's clock runs fast by this part, within +-0.01

  /// Draws them. The seed 0 is a seed like any other.
  explicit MachineParameters(std::uint64_t seed);
};

}  // namespace fettle::simulator
