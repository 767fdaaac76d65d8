// SPDX-License-Identifier: Apache-2.0
#include "simulator/machine/ramp.hpp"

#include "simulator/signal/arithmetic.hpp"

namespace fettle::simulator {
namespace {

double clamped(double x) { return x < 0 ? 0.0 : x > 1 ? 1.0 : x; }

}  // namespace

double Ramp::value(double t_s) const {
  const double part = ramp_s > 0 ? clamped((t_s - at_s) / ramp_s) : 1.0;
  if (!coasts) return from + (to - from) * part;
  // Braked by a constant and by the square of speed, w' = -(c + k w^2): w = sqrt(c / k) tan(b - t
  // sqrt(c k)). At first the flow takes three times what friction does: tan(b) = sqrt(3), b = 1/6
  // turn.
  constexpr double kBeginning_turns = 1.0 / 6.0;
  const SineCosine now = sine_cosine_turns(kBeginning_turns * (1.0 - part));
  const SineCosine first = sine_cosine_turns(kBeginning_turns);
  return from * (now.sine * first.cosine) / (now.cosine * first.sine);
}

}  // namespace fettle::simulator
