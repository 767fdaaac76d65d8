// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace fettle {

/// Four floats that the compiler turns into one instruction where there is one, and into four where
/// there is not. Lanes never mix but in sum(), whose order is fixed: every target gives the same bits.
using Vector4 = float __attribute__((vector_size(16), may_alias));

/// Parameters and activations are padded and 16-byte aligned, so this is an aligned load.
[[nodiscard]] inline Vector4 load(const float* from) {
  return *reinterpret_cast<const Vector4*>(from);
}
inline void store(float* to, Vector4 value) { *reinterpret_cast<Vector4*>(to) = value; }
[[nodiscard]] inline Vector4 broadcast(float x) { return Vector4{x, x, x, x}; }
[[nodiscard]] inline float sum(Vector4 v) { return (v[0] + v[1]) + (v[2] + v[3]); }

}  // namespace fettle
