// SPDX-License-Identifier: Apache-2.0
#include "simulator/machine/machine.hpp"

namespace fettle::simulator {
namespace {

constexpr double kGravity_m_s2 = 9.80665;
constexpr double kDegreesPerRadian = 180.0 / kPi;
constexpr double kInnerRate_hz = 1000;  // MPU-6000 PS rev 3.4, 6.2: the accelerometer's output rate
constexpr double kLowPass_hz = 94;  // RM-MPU-6000A rev 4.2, register 26, DLPF_CFG=2: 94 Hz, 3.0 ms
constexpr double kButterworth = 0.70710678118654752;
constexpr double kAccelerometerNoise_g = 400e-6;  // per sqrt(Hz): MPU-6000 PS rev 3.4, 6.2
constexpr double kGyroscopeNoise_dps = 0.005;     // per sqrt(Hz): MPU-6000 PS rev 3.4, 6.1
constexpr double kFlow_g = 0.0011;        // force of the flow's noise, per sqrt(Hz), at rated speed
constexpr double kTruncation_g = 0.02;    // upward force that a loose foot still follows
constexpr double kSpeedWander = 0.003;    // standard deviation, part of the speed
constexpr double kSessionSpread = 0.002;  // ... from one session to the next
constexpr double kLooseWander = 0.35;     // ... of how loose it is from moment to moment
constexpr double kLoadWander = 0.06;      // ... of the aerodynamic forces
constexpr double kHeatWander_K = 0.3;
constexpr double kBlock_s = 0.04;  // between updates of what changes slowly
constexpr double kWarmUp_s = 1.5;  // until the filters have forgotten that they began at rest

/// Streams of random numbers. Those of a session are told apart by its number.
enum Stream : std::uint64_t { kDrawn, kFlow, kSensor, kSlow, kBearing, kLoose, kStreams };

Random session_random(std::uint64_t seed, const MachineConfig& config, Stream stream) {
  return Random(seed, kStreams * (config.session + 1) + stream);
}

double square(double x) { return x * x; }

/// An impact: an acceleration in g for one inner step, and the turns of the shaft until the next.
struct Strike {
  double strength;
  double next_turns;
};

/// Rotation by small angles about z, y, x.
std::array<std::array<double, 3>, 3> rotation(double x_turns, double y_turns, double z_turns) {
  const auto [sx, cx] = sine_cosine_turns(x_turns);
  const auto [sy, cy] = sine_cosine_turns(y_turns);
  const auto [sz, cz] = sine_cosine_turns(z_turns);
  return {{{cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx},
           {sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx},
           {-sy, cy * sx, cy * cx}}};
}

/// To the nearest step of the converter, halves away from zero; beyond the range it stays at the
/// rail.
float quantise(double value, float counts_per_unit) {
  double counts = value * static_cast<double>(counts_per_unit);
  if (counts > 32767.0) counts = 32767.0;
  if (counts < -32768.0) counts = -32768.0;
  const auto whole = static_cast<std::int32_t>(counts < 0 ? counts - 0.5 : counts + 0.5);
  return static_cast<float>(whole) / counts_per_unit;
}

}  // namespace

MachineParameters::MachineParameters(std::uint64_t seed) {
  Random random(seed, kDrawn);
  rated_hz = random.uniform(26, 36);
  blades = 3 + 2 * static_cast<int>(random.uniform(0, 3));
  hum_hz = random.uniform() < 0.5 ? 100 : 120;
  residual_mm_s = random.uniform(4.0, 6.3);  // ISO 21940-11:2016, table 1: fans G 6.3, e w in mm/s
  rotor_share = random.uniform(0.2, 0.3);
  residual_turns = random.uniform();
  heavy_spot_turns = residual_turns + random.uniform(-1.0, 1.0) / 6.0;
  mount_hz = random.uniform(7, 10);
  mount_damping = random.uniform(0.10, 0.15);
  for (double& hz : rocking_hz) hz = random.uniform(9, 14);
  rocking_damping = random.uniform(0.10, 0.15);
  lever_per_m = random.uniform(0.025, 0.035) / square(0.06);
  for (double& hz : structure_hz) hz = random.uniform(210, 330);
  structure_damping = random.uniform(0.03, 0.05);
  const double degree = 1.0 / 360.0;
  const double x = random.uniform(-10, 10) * degree;
  const double y = random.uniform(-10, 10) * degree;
  const double z = random.uniform(-10, 10) * degree;
  mounting = rotation(x, y, z);
  // Within the data sheet's initial tolerances (MPU-6000 PS rev 3.4, 6.1 and 6.2: 50 and 80 mg,
  // 20 dps) and its change over temperature (35 to 60 mg over 70 K, 20 dps over 125 K).
  for (std::size_t axis = 0; axis < 6; ++axis) {
    offset[axis] = axis < 3 ? random.uniform(-0.02, 0.02) : random.uniform(-4, 4);
    offset_per_kelvin[axis] =
        axis < 3 ? random.uniform(-0.0006, 0.0006) : random.uniform(-0.08, 0.08);
  }
  clock_error = random.uniform(-0.01, 0.01);
}

Machine::Wander::Wander(double seconds, double rate_hz, Random& random)
    : keep(exponential(-1.0 / (seconds * rate_hz))),
      kick(square_root(1.0 - keep * keep)),
      value(random.gaussian()) {}

void Machine::Forces::add(Line line, double level, const Vector& cosine_part,
                          const Vector& sine_part) {
  for (std::size_t i = 0; i < 3; ++i) {
    cosine[line][i] += level * cosine_part[i];
    sine[line][i] += level * sine_part[i];
  }
}

Machine::Machine(const MachineConfig& config, std::uint64_t seed)
    : config_(config),
      parameters_(seed),
      flow_(session_random(seed, config, kFlow)),
      sensor_(session_random(seed, config, kSensor)),
      slow_(session_random(seed, config, kSlow)),
      bearing_(session_random(seed, config, kBearing)),
      loose_(session_random(seed, config, kLoose)) {
  while (steps_ * config.rate_hz < kInnerRate_hz) ++steps_;
  const double inner_rate_hz = steps_ * config.rate_hz * (1.0 + parameters_.clock_error);
  step_s_ = 1.0 / inner_rate_hz;
  set_filters(inner_rate_hz);
  set_forces();

  block_samples_ = 1 + static_cast<int>(kBlock_s * config.rate_hz);
  const double block_rate_hz = config.rate_hz / block_samples_;
  speed_wander_ = Wander(5, block_rate_hz, slow_);
  load_wander_ = Wander(12, block_rate_hz, slow_);
  heat_wander_ = Wander(40, block_rate_hz, slow_);
  loose_wander_ = Wander(2, block_rate_hz, loose_);
  session_hz_ = parameters_.rated_hz * config.speed * (1.0 + kSessionSpread * slow_.gaussian());
  double_turns_ = slow_.uniform();
  hum_turns_ = slow_.uniform();
  bearing_striker_.turns_left = bearing_.uniform();
  rattle_striker_.turns_left = loose_.uniform();

  const auto warm_up = static_cast<std::int64_t>(kWarmUp_s * config.rate_hz);
  for (std::int64_t i = 0; i < warm_up; ++i) static_cast<void>(next());
  index_ = 0;
}

double Machine::apparent_shaft_hz() const { return session_hz_ / (1.0 + parameters_.clock_error); }

void Machine::set_filters(double inner_rate_hz) {
  const MachineParameters& p = parameters_;
  for (std::size_t i = 0; i < 3; ++i) {
    motion_.set(i, SecondOrder(p.mount_hz, p.mount_damping, inner_rate_hz).high_pass());
    motion_.set(i + 3,
                SecondOrder(p.structure_hz[i], p.structure_damping, inner_rate_hz).band_pass());
    motion_.set(i + 6, SecondOrder(p.rocking_hz[i], p.rocking_damping, inner_rate_hz).band_pass());
  }
  // The sensor's noise is white at the rate of samples, as far as the low-pass lets it: folding
  // back what lies above half the rate makes it white again at 200 Hz and below. White noise of
  // density d per sqrt(Hz) has d sqrt(rate / 2) at each sample, and d sqrt(1.11 corner) behind a
  // Butterworth low-pass of second order.
  const bool shaped = config_.rate_hz > 2.2 * kLowPass_hz;
  const double bandwidth_hz = shaped ? 0.5 * config_.rate_hz : 1.11 * kLowPass_hz;
  for (std::size_t axis = 0; axis < 6; ++axis) {
    low_pass_.set(axis, SecondOrder(kLowPass_hz, kButterworth, inner_rate_hz).low_pass());
    if (shaped) {
      noise_pass_.set(axis, SecondOrder(kLowPass_hz, kButterworth, config_.rate_hz).low_pass());
    }
    noise_sigma_[axis] =
        (axis < 3 ? kAccelerometerNoise_g : kGyroscopeNoise_dps) * square_root(bandwidth_hz);
  }
  rocking_lever_ = p.lever_per_m * kGravity_m_s2 * kDegreesPerRadian *
                   (1.0 + 0.8 * config_.faults.loose) / (2.0 * kPi);
  // Two uniform numbers of 21 bits have a variance of 2^42 / 6.
  flow_scale_ = kFlow_g * square_root(0.5 * inner_rate_hz) * square_root(6.0) * 0x1p-21;
}

/// All forces at rated speed, in units of the machine's weight.
void Machine::set_forces() {
  const MachineParameters& p = parameters_;
  const Faults& faults = config_.faults;
  // Imbalance: F / M = (m / M) e w^2, turning with the shaft; e w in mm/s is the balance quality
  // grade (ISO 21940-11). Vertically the mount gives less. The rotor's two ends are never alike,
  // which shakes the shaft a little along its axis too (couple imbalance).
  const auto turn = [](Forces& forces, double level, double turns, double axial) {
    const auto [sine, cosine] = sine_cosine_turns(turns);
    forces.add(first, level, {axial * cosine, cosine, 0.8 * sine},
               {-axial * sine, -sine, 0.8 * cosine});
  };
  const double g_per_mm_s = 1e-3 * p.rotor_share * 2.0 * kPi * p.rated_hz / kGravity_m_s2;
  const double residual_g = p.residual_mm_s * g_per_mm_s;
  turn(inertial_, residual_g, p.residual_turns, 0.2);
  // To about G 40, two grades of the standard worse, at severity 1.
  turn(inertial_, faults.imbalance * 36.0 * g_per_mm_s, p.heavy_spot_turns, 0.2);

  // Flow: unequal blades pull at 1x, all of them together at the blade-passing frequency.
  turn(aerodynamic_, 0.3 * residual_g, p.residual_turns + 0.3, 0.5);
  aerodynamic_.add(blade_pass, 0.012, {0.6, 1.0, 0.3}, {0.4, 0.2, 0.9});
  // Every real shaft has a little 2x; the motor hums at twice the mains.
  inertial_.add(second, 0.15 * residual_g, {0.2, 1.0, 0.0}, {0.0, 0.0, 1.0});
  steady_.add(hum, 0.006, {0.1, 0.8, 0.4}, {0.0, 0.3, 0.5});

  // Misalignment: 2x across and 1x, 2x along the shaft (Randall 2011, 2.2.2; Xu and Marangoni, J.
  // Sound Vib. 176, 1994, for the 2x of a flexible coupling).
  steady_.add(second, faults.misalignment * 0.05, {0.4, 1.0, 0.5}, {0.5, 0.3, 0.8});
  steady_.add(first, faults.misalignment * 0.04, {1.0, 0.1, 0.0}, {0.3, 0.0, 0.1});

  // A loose mount: the foot lands once in two turns, hence half orders and harmonics (Goldman and
  // Muszynska, J. Eng. Gas Turbines Power 116, 1994; Randall 2011, 2.2.3).
  const double loose_g = faults.loose * 0.030;
  loosened_.add(half, loose_g, {0.2, 0.6, 0.8}, {0.1, 0.5, -0.6});
  loosened_.add(one_and_half, 0.8 * loose_g, {0.1, 0.4, 0.9}, {0.3, 0.6, 0.2});
  loosened_.add(second, 0.6 * loose_g, {0.1, 0.3, 1.0}, {0.2, 0.5, 0.0});
  loosened_.add(third, 0.5 * loose_g, {0.1, 0.2, 0.8}, {0.1, 0.5, 0.3});
}

/// What changes slowly enough to be updated a few times in a turn: speed, load, heat, and with them
/// the force at each line and how far its angle advances in an inner step.
void Machine::begin_block() {
  const MachineParameters& p = parameters_;
  shaft_hz_ = session_hz_ * (1.0 + kSpeedWander * speed_wander_.step(slow_));
  level_ = 1.0 + kLoadWander * load_wander_.step(slow_);
  kelvin_ = kHeatWander_K * heat_wander_.step(slow_);
  const double moment = 1.0 + kLooseWander * loose_wander_.step(loose_);

  // Forces of mass and of flow both grow with the square of speed.
  const double speed2 = square(shaft_hz_ / p.rated_hz);
  truncation_g_ = kTruncation_g * speed2;
  const auto sum = [&](std::array<Vector, kLines> Forces::*part) {
    for (std::size_t line = 0; line < kLines; ++line) {
      for (std::size_t i = 0; i < 3; ++i) {
        (forces_.*part)[line][i] =
            (steady_.*part)[line][i] +
            speed2 * ((inertial_.*part)[line][i] + level_ * (aerodynamic_.*part)[line][i] +
                      moment * (loosened_.*part)[line][i]);
      }
    }
  };
  sum(&Forces::cosine);
  sum(&Forces::sine);

  const double turns = shaft_hz_ * step_s_;
  const auto set_line = [&](Line line, double angle_turns, double advance_turns) {
    const SineCosine angle = sine_cosine_turns(angle_turns);
    const SineCosine advance = sine_cosine_turns(advance_turns);
    cosine_[line] = angle.cosine;
    sine_[line] = angle.sine;
    step_cosine_[line] = advance.cosine;
    step_sine_[line] = advance.sine;
  };
  set_line(half, double_turns_, 0.5 * turns);
  set_line(first, 2.0 * double_turns_, turns);
  set_line(one_and_half, 3.0 * double_turns_, 1.5 * turns);
  set_line(second, 4.0 * double_turns_, 2.0 * turns);
  set_line(third, 6.0 * double_turns_, 3.0 * turns);
  set_line(blade_pass, 2.0 * p.blades * double_turns_, p.blades * turns);
  set_line(hum, hum_turns_, p.hum_hz * step_s_);
}

/// Counts down to the next strike; `strike` gives its strength and the turns until the one after. A
/// strike is shared between the two steps around it by the moment it falls on.
template <typename Strikes>
double Machine::Striker::step(double turns, Strikes strike) {
  double now = rest;
  rest = 0;
  turns_left -= turns;
  if (turns_left < 0) {
    const double late = -turns_left / turns;
    const auto [strength, next_turns] = strike();
    now += strength * late;
    rest = strength * (1.0 - late);
    turns_left += next_turns;
  }
  return now;
}

/// Momentum per mass that a damaged bearing hands over in this inner step, as an acceleration in g.
/// Impacts come at the bearing's order with 1 % of slip, random and adding up (Randall and Antoni,
/// Mech. Syst. Signal Process. 25, 2011), as strong as the load where the damage is: constant on
/// the outer race, strongest once a turn on the inner one, once a turn of the cage for a ball
/// (McFadden and Smith, J. Sound Vib. 96, 1984).
double Machine::impact_of_bearing() {
  return config_.faults.bearing * bearing_striker_.step(shaft_hz_ * step_s_, [this] {
    const Bearing& bearing = parameters_.bearing;
    const BearingDefect defect = config_.faults.defect;
    double load = 1.0;
    if (defect == BearingDefect::inner_race) {
      load = 0.6 + 0.4 * sine_cosine_turns(2.0 * double_turns_).cosine;
    } else if (defect == BearingDefect::ball) {
      load = 0.6 + 0.4 * sine_cosine_turns(cage_turns_).cosine;
      cage_turns_ += bearing.cage_order() / bearing.ball_order();
      if (cage_turns_ >= 1.0) cage_turns_ -= 1.0;
    }
    // The struck part of the frame jumps to 10 mm/s at severity 1 and rated speed.
    const double jump_m_s = 0.010 * (shaft_hz_ / parameters_.rated_hz) * load;
    const double strength =
        jump_m_s * (1.0 + 0.2 * bearing_.gaussian()) / (kGravity_m_s2 * step_s_);
    return Strike{strength, (1.0 + 0.01 * bearing_.gaussian()) / bearing.order(defect)};
  });
}

/// Likewise for a loose foot that strikes its seat about once a turn, never twice alike.
double Machine::impact_of_rattle() {
  return config_.faults.loose * rattle_striker_.step(shaft_hz_ * step_s_, [this] {
    const double jump_m_s = 0.002 * square(shaft_hz_ / parameters_.rated_hz) * loose_.uniform();
    return Strike{jump_m_s / (kGravity_m_s2 * step_s_), loose_.uniform(0.8, 1.2)};
  });
}

/// One inner step: forces, motion of the machine, the sensor's low-pass.
void Machine::step() {
  double_turns_ += 0.5 * shaft_hz_ * step_s_;
  if (double_turns_ >= 1.0) double_turns_ -= 1.0;
  hum_turns_ += parameters_.hum_hz * step_s_;
  if (hum_turns_ >= 1.0) hum_turns_ -= 1.0;

  // Angles advance by complex multiplication; begin_block() sets them anew long before rounding
  // shows.
  Vector cosine_sum{}, sine_sum{};
  for (std::size_t line = 0; line < kLines; ++line) {
    const double cosine = cosine_[line] * step_cosine_[line] - sine_[line] * step_sine_[line];
    const double sine = cosine_[line] * step_sine_[line] + sine_[line] * step_cosine_[line];
    cosine_[line] = cosine;
    sine_[line] = sine;
    for (std::size_t i = 0; i < 3; ++i) {
      cosine_sum[i] += forces_.cosine[line][i] * cosine;
      sine_sum[i] += forces_.sine[line][i] * sine;
    }
  }
  Vector force{};
  for (std::size_t i = 0; i < 3; ++i) force[i] = cosine_sum[i] + sine_sum[i];
  // A loose foot carries no pull: part of the upward force is missing (truncated wave form).
  const double beyond = force[2] > truncation_g_ ? force[2] - truncation_g_ : 0.0;
  force[2] -= (config_.faults.loose < 1 ? config_.faults.loose : 1.0) * beyond;

  const double bearing = impact_of_bearing();
  const double rattle = impact_of_rattle();
  const Vector impact{0.2 * bearing + 0.1 * rattle, 0.5 * bearing + 0.4 * rattle,
                      0.8 * bearing + 0.9 * rattle};

  // Flow noise: white forces. Sums of two uniform numbers are Gaussian enough, as the filters
  // behind mix many of them.
  const std::uint64_t dice = flow_.bits();
  const std::uint64_t more_dice = flow_.bits();
  const double flow_scale = flow_scale_ * level_ * square(config_.speed);
  std::array<double, 9> motion{};
  for (std::size_t i = 0; i < 3; ++i) {
    constexpr std::uint64_t kMask = (1U << 21U) - 1;
    const auto roll =
        static_cast<std::int64_t>(((dice >> (21 * i)) & kMask) + ((more_dice >> (21 * i)) & kMask));
    const double flow = flow_scale * static_cast<double>(roll - static_cast<std::int64_t>(kMask));
    force[i] += flow + 0.2 * impact[i];
    motion[i] = force[i];
    motion[i + 3] = 0.3 * flow + impact[i];
  }
  // Rocking: forces act above the feet. Angular velocity over moment is s / (s^2 + 2 d w s + w^2),
  // and band_pass() has a w too many. Looser feet rock more.
  const Vector& hz = parameters_.rocking_hz;
  motion[6] = -rocking_lever_ / hz[0] * (force[1] + 0.2 * force[2]);
  motion[7] = rocking_lever_ / hz[1] * (force[0] + 0.5 * force[2]);
  motion[8] = rocking_lever_ / hz[2] * (0.4 * force[1] + 0.2 * force[0]);

  // The rigid body on its isolators: acceleration over force is s^2 / (s^2 + 2 d w s + w^2). The
  // feet carry whatever is steady, so that no fault adds to gravity. The frame's ringing comes on
  // top.
  motion_.step(motion);
  for (std::size_t i = 0; i < 3; ++i) {
    vibration_[i] = motion[i] + motion[i + 3];
    vibration_[i + 3] = motion[i + 6];
  }
  low_pass_.step(vibration_);
}

TimedSample Machine::next() {
  if (block_left_ == 0) {
    begin_block();
    block_left_ = block_samples_;
  }
  --block_left_;
  for (int i = 0; i < steps_; ++i) step();

  std::array<double, 6> noise{};
  for (std::size_t axis = 0; axis < 6; ++axis) {
    noise[axis] = noise_sigma_[axis] * sensor_.gaussian();
  }
  noise_pass_.step(noise);

  TimedSample timed;
  timed.t_us =
      static_cast<std::int64_t>(static_cast<double>(index_++) * 1e6 / config_.rate_hz + 0.5);
  for (std::size_t i = 0; i < 3; ++i) {
    const Vector& row = parameters_.mounting[i];
    const auto along = [&row](double x, double y, double z) {
      return row[0] * x + row[1] * y + row[2] * z;
    };
    // Gravity is 1 g upwards at the sensor, wherever it looks.
    const double accel_g = along(vibration_[0], vibration_[1], vibration_[2]) + row[2] + noise[i] +
                           parameters_.offset[i] + kelvin_ * parameters_.offset_per_kelvin[i];
    const double rate_dps = along(vibration_[3], vibration_[4], vibration_[5]) + noise[i + 3] +
                            parameters_.offset[i + 3] +
                            kelvin_ * parameters_.offset_per_kelvin[i + 3];
    timed.sample.axis[i] = quantise(accel_g, 16384.0F);
    timed.sample.axis[i + 3] = quantise(rate_dps, 131.0F);
  }
  return timed;
}

}  // namespace fettle::simulator
