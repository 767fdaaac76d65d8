// SPDX-License-Identifier: Apache-2.0
#include "simulator/machine/motion.hpp"

#include <algorithm>

#include "simulator/machine/streams.hpp"

namespace fettle::simulator {
namespace {

constexpr double kGravity_m_s2 = 9.80665;
constexpr double kDegreesPerRadian = 180.0 / kPi;
constexpr double kFlow_g = 0.0011;        // force of the flow's noise, per sqrt(Hz), at rated speed
constexpr double kTruncation_g = 0.02;    // upward force that a loose foot still follows
constexpr double kSpeedWander = 0.003;    // standard deviation, part of the speed
constexpr double kSessionSpread = 0.002;  // ... from one session to the next
constexpr double kLooseWander = 0.35;     // ... of how loose it is from moment to moment
constexpr double kLoadWander = 0.06;      // ... of the aerodynamic forces
constexpr double kHeatWander_K = 0.3;

double square(double x) { return x * x; }

/// An impact: an acceleration in g for one inner step, and the turns of the shaft until the next.
struct Strike {
  double strength;
  double next_turns;
};

}  // namespace

MachineMotion::Wander::Wander(double seconds, double rate_hz, Random& random)
    : keep(exponential(-1.0 / (seconds * rate_hz))),
      kick(square_root(1.0 - keep * keep)),
      value(random.gaussian()) {}

void MachineMotion::Forces::add(Line line, double level, const Vector& cosine_part,
                                const Vector& sine_part) {
  for (std::size_t i = 0; i < 3; ++i) {
    cosine[line][i] += level * cosine_part[i];
    sine[line][i] += level * sine_part[i];
  }
}

MachineMotion::MachineMotion(const MachineConfig& config, std::uint64_t seed,
                             const MachineParameters& parameters, double step_hz, double block_hz,
                             int block_steps)
    : parameters_(parameters),
      operation_{.speed = config.speed, .faults = config.faults},
      flow_(session_random(seed, config, kFlow)),
      slow_(session_random(seed, config, kSlow)),
      bearing_(session_random(seed, config, kBearing)),
      loose_(session_random(seed, config, kLoose)),
      step_s_(1.0 / step_hz),
      block_steps_(block_steps) {
  set_filters(step_hz);
  set_forces();

  speed_wander_ = Wander(5, block_hz, slow_);
  load_wander_ = Wander(12, block_hz, slow_);
  heat_wander_ = Wander(40, block_hz, slow_);
  loose_wander_ = Wander(2, block_hz, loose_);
  session_factor_ = 1.0 + kSessionSpread * slow_.gaussian();
  session_hz_ = parameters_.rated_hz * config.speed * session_factor_;
  double_turns_ = slow_.uniform();
  hum_turns_ = slow_.uniform();
  bearing_striker_.turns_left = bearing_.uniform();
  rattle_striker_.turns_left = loose_.uniform();
}

void MachineMotion::operate(const Operation& operation) {
  operation_ = operation;
  session_hz_ = parameters_.rated_hz * operation.speed * session_factor_;
  set_forces();
}

void MachineMotion::set_step(double step_s, int block_steps) {
  step_s_ = step_s;
  block_steps_ = block_steps;
  block_left_ = 0;
  set_filters(1.0 / step_s);
}

void MachineMotion::set_filters(double step_hz) {
  const MachineParameters& p = parameters_;
  for (std::size_t i = 0; i < 3; ++i) {
    body_.set(i, SecondOrder(p.mount_hz, p.mount_damping, step_hz).high_pass());
    body_.set(i + 3, SecondOrder(p.structure_hz[i], p.structure_damping, step_hz).band_pass());
    body_.set(i + 6, SecondOrder(p.rocking_hz[i], p.rocking_damping, step_hz).band_pass());
  }
  // Two uniform numbers of 21 bits have a variance of 2^42 / 6.
  flow_scale_ = p.flow * kFlow_g * square_root(0.5 * step_hz) * square_root(6.0) * 0x1p-21;
}

/// All forces at rated speed, in units of the machine's weight.
void MachineMotion::set_forces() {
  const MachineParameters& p = parameters_;
  const Faults& faults = operation_.faults;
  steady_ = inertial_ = aerodynamic_ = loosened_ = {};
  const double lever =
      p.lever_per_m * kGravity_m_s2 * kDegreesPerRadian * (1.0 + 0.8 * faults.loose) / (2.0 * kPi);
  for (std::size_t i = 0; i < 3; ++i) rocking_lever_[i] = lever / p.rocking_hz[i];
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
  aerodynamic_.add(blade_pass, p.flow * 0.012, {0.6, 1.0, 0.3}, {0.4, 0.2, 0.9});
  // Every real shaft has a little 2x; the motor hums at twice the mains.
  inertial_.add(second, 0.15 * residual_g, {0.2, 1.0, 0.0}, {0.0, 0.0, 1.0});
  if (operation_.powered) steady_.add(hum, p.flow * 0.006, {0.1, 0.8, 0.4}, {0.0, 0.3, 0.5});

  // Misalignment: 2x across and 1x, 2x along the shaft (Randall 2011, 2.2.2). A flexible coupling
  // forces even multiples of the speed (Xu and Marangoni, J. Sound Vib. 176(5), 1994, p. 663).
  steady_.add(second, faults.misalignment * 0.05, {0.4, 1.0, 0.5}, {0.5, 0.3, 0.8});
  steady_.add(first, faults.misalignment * 0.04, {1.0, 0.1, 0.0}, {0.3, 0.0, 0.1});

  // A loose mount: the foot lands once in two turns, hence half orders and harmonics (Randall 2011,
  // 2.2.3). A foot that lifts is the same one-sided spring as a rotor that touches its stator, for
  // which Goldman and Muszynska (Chaotic Behavior of Rotor/Stator Systems With Rubs, J. Eng. Gas
  // Turbines Power 116, 1994, p. 692) have the mechanics.
  const double loose_g = faults.loose * 0.030;
  loosened_.add(half, loose_g, {0.2, 0.6, 0.8}, {0.1, 0.5, -0.6});
  loosened_.add(one_and_half, 0.8 * loose_g, {0.1, 0.4, 0.9}, {0.3, 0.6, 0.2});
  loosened_.add(second, 0.6 * loose_g, {0.1, 0.3, 1.0}, {0.2, 0.5, 0.0});
  loosened_.add(third, 0.5 * loose_g, {0.1, 0.2, 0.8}, {0.1, 0.5, 0.3});
}

/// What changes slowly enough to be updated a few times in a turn: speed, load, heat, and with them
/// the force at each line and how far its angle advances in an inner step.
void MachineMotion::begin_block() {
  const MachineParameters& p = parameters_;
  shaft_hz_ = session_hz_ * (1.0 + kSpeedWander * speed_wander_.step(slow_));
  level_ = operation_.load * (1.0 + kLoadWander * load_wander_.step(slow_));
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
  // A line without force is left out: adding nothing changes no bit. Half orders are, of a machine
  // that is not loose.
  present_ = 0;
  const auto set_line = [&](Line line, double angle_turns, double advance_turns) {
    constexpr Vector kNone{};
    if (forces_.cosine[line] == kNone && forces_.sine[line] == kNone) return;
    const SineCosine angle = sine_cosine_turns(angle_turns);
    const SineCosine advance = sine_cosine_turns(advance_turns);
    Wave& wave = waves_[present_++];
    wave.angle = angle;
    wave.advance = advance;
    std::copy_n(forces_.cosine[line].begin(), 3, wave.cosine_g.begin());
    std::copy_n(forces_.sine[line].begin(), 3, wave.sine_g.begin());
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
double MachineMotion::Striker::step(double turns, Strikes strike) {
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
/// Mech. Syst. Signal Process. 25(2), 2011, p. 485), as strong as the load where the damage is: constant on
/// the outer race, strongest once a turn on the inner one, once a turn of the cage for a ball
/// (McFadden and Smith, J. Sound Vib. 96(1), 1984, p. 69).
double MachineMotion::impact_of_bearing() {
  return operation_.faults.bearing * bearing_striker_.step(shaft_hz_ * step_s_, [this] {
    const Bearing& bearing = parameters_.bearing;
    const BearingDefect defect = operation_.faults.defect;
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
double MachineMotion::impact_of_rattle() {
  return operation_.faults.loose * rattle_striker_.step(shaft_hz_ * step_s_, [this] {
    const double jump_m_s = 0.002 * square(shaft_hz_ / parameters_.rated_hz) * loose_.uniform();
    return Strike{jump_m_s / (kGravity_m_s2 * step_s_), loose_.uniform(0.8, 1.2)};
  });
}

/// Forces at the next step, as the body's filters take them.
MachineMotion::Forced MachineMotion::next_forces() {
  if (block_left_ == 0) {
    begin_block();
    block_left_ = block_steps_;
  }
  --block_left_;

  double_turns_ += 0.5 * shaft_hz_ * step_s_;
  if (double_turns_ >= 1.0) double_turns_ -= 1.0;
  hum_turns_ += parameters_.hum_hz * step_s_;
  if (hum_turns_ >= 1.0) hum_turns_ -= 1.0;

  // Angles advance by complex multiplication; begin_block() sets them anew long before rounding
  // shows.
  std::array<double, 4> cosine_sum{}, sine_sum{};
  for (std::size_t k = 0; k < present_; ++k) {
    Wave& wave = waves_[k];
    const auto [was_sine, was_cosine] = wave.angle;
    const auto [step_sine, step_cosine] = wave.advance;
    const double cosine = was_cosine * step_cosine - was_sine * step_sine;
    const double sine = was_cosine * step_sine + was_sine * step_cosine;
    wave.angle = {sine, cosine};
    for (std::size_t i = 0; i < 4; ++i) {
      cosine_sum[i] += wave.cosine_g[i] * cosine;
      sine_sum[i] += wave.sine_g[i] * sine;
    }
  }
  Vector force{};
  for (std::size_t i = 0; i < 3; ++i) force[i] = cosine_sum[i] + sine_sum[i];
  // A loose foot carries no pull: part of the upward force is missing (truncated wave form).
  const double beyond = force[2] > truncation_g_ ? force[2] - truncation_g_ : 0.0;
  force[2] -= (operation_.faults.loose < 1 ? operation_.faults.loose : 1.0) * beyond;

  const double bearing = impact_of_bearing();
  const double rattle = impact_of_rattle();
  const Vector impact{0.2 * bearing + 0.1 * rattle, 0.5 * bearing + 0.4 * rattle,
                      0.8 * bearing + 0.9 * rattle};

  // Flow noise: white forces. Sums of two uniform numbers are Gaussian enough, as the filters
  // behind mix many of them.
  const std::uint64_t dice = flow_.bits();
  const std::uint64_t more_dice = flow_.bits();
  const double flow_scale = flow_scale_ * level_ * square(operation_.speed);
  Forced motion{};
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
  motion[6] = -rocking_lever_[0] * (force[1] + 0.2 * force[2]);
  motion[7] = rocking_lever_[1] * (force[0] + 0.5 * force[2]);
  motion[8] = rocking_lever_[2] * (0.4 * force[1] + 0.2 * force[0]);
  return motion;
}

/// The rigid body on its isolators: acceleration over force is s^2 / (s^2 + 2 d w s + w^2). The feet
/// carry whatever is steady, so that no fault adds to gravity. The frame's ringing comes on top.
std::array<double, 6> MachineMotion::vibration_of(const Forced& motion) {
  std::array<double, 6> vibration{};
  for (std::size_t i = 0; i < 3; ++i) {
    vibration[i] = motion[i] + motion[i + 3];
    vibration[i + 3] = motion[i + 6];
  }
  return vibration;
}

void MachineMotion::run(std::span<std::array<double, 6>> block) {
  // A piece at a time goes through forces and then through the filters, which keep their state in
  // registers.
  std::array<Forced, 40> piece{};
  while (!block.empty()) {
    const std::span<Forced> now = std::span(piece).first(std::min(piece.size(), block.size()));
    for (Forced& forced : now) forced = next_forces();
    body_.run(now);
    for (std::size_t i = 0; i < now.size(); ++i) block[i] = vibration_of(now[i]);
    block = block.subspan(now.size());
  }
}

}  // namespace fettle::simulator
