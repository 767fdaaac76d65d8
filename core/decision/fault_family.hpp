// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/decision/changes.hpp"
#include "core/model/detector_model.hpp"

namespace fettle {

/// What kinds of fault shake a machine alike. The names go into reports.
enum class FaultFamily : std::uint8_t {
  imbalance,
  misalignment,
  looseness,
  bearing,
  other,  ///< none of these patterns, or nothing that a pattern can be told from
};
inline constexpr std::size_t kFaultFamilies = 5;

[[nodiscard]] constexpr const char* name_of(FaultFamily family) {
  switch (family) {
    case FaultFamily::imbalance: return "imbalance";
    case FaultFamily::misalignment: return "misalignment";
    case FaultFamily::looseness: return "looseness";
    case FaultFamily::bearing: return "bearing";
    case FaultFamily::other: return "other";
  }
  return "unknown";
}

struct FamilyScore {
  FaultFamily family = FaultFamily::other;
  /// Cosine of the angle between what has changed and the family's pattern, 0 to 1; of `other`, how much of the
  /// change the nearest pattern leaves over.
  float score = 0.0F;
};
/// The likeliest first.
using Families = std::array<FamilyScore, kFaultFamilies>;

/// Which faults shake a machine like this. A pattern is a direction among eight changes, each in deviations of what
/// healthy machines do (the model's scale): half orders, 1x felt by the accelerometer and by the gyroscope, 2x, 3x,
/// the rest beside all orders, impulsiveness,
/// and how far it shakes along one line.
/// - imbalance: a force at 1x that moves and turns the machine alike, and little else (ISO 13373-3:2015, table A.1;
///   Randall, Vibration-based Condition Monitoring, 2011, 2.2.1);
/// - misalignment: 2x, with some 1x (Randall 2.2.2). Beyond half the sampling rate 2x is taken where it is folded to;
/// - looseness: half orders and harmonics of a foot that lifts (Randall 2.2.3), and rocking: the gyroscope's 1x rises
///   without the accelerometer's;
/// - bearing: energy between the orders, in impulses (Randall 2.2.4; ISO 13373-3:2015, annex D), which push along the
///   line of the load where a rotor's forces turn; the accelerometer feels them, the gyroscope hardly.
/// Tutorial features know no orders: `other` alone.
[[nodiscard]] Families families_of(const DetectorModel& model, const Changes& changes);

/// The same from the eight changes.
struct Signature {
  float half_orders = 0.0F;
  float first_moving = 0.0F;   ///< 1x, accelerometer
  float first_turning = 0.0F;  ///< 1x, gyroscope
  float second = 0.0F;
  float third = 0.0F;
  float rest = 0.0F;
  float impulsiveness = 0.0F;
  float one_line = 0.0F;  ///< how far it shakes along one line
};
[[nodiscard]] Signature signature_of(const DetectorModel& model, const Changes& changes);
/// @param turning  there is a gyroscope
[[nodiscard]] Families families_of(const Signature& signature, bool turning = true);

}  // namespace fettle
