// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/math.hpp"

namespace fettle {

/// How evidence is accumulated. The values are stored in model files.
enum class DecisionKind : std::uint8_t {
  threshold = 0,  ///< the window's evidence by itself
  cusum = 1,      ///< Page, Continuous inspection schemes, Biometrika 41, 1954, p. 100
  ewma = 2,       ///< Roberts, Technometrics 1, 1959, p. 239; never below 0
  glr = 3,        ///< window-limited generalised likelihood ratio of a shift of the mean
                  ///< (Willsky and Jones 1976; Lai, J. R. Statist. Soc. B 57, 1995, p. 613)
  k_of_n = 4,     ///< the k-th largest evidence of the last n windows
};
inline constexpr std::uint8_t kDecisionKinds = 5;

[[nodiscard]] constexpr const char* name_of(DecisionKind kind) {
  switch (kind) {
    case DecisionKind::threshold: return "threshold";
    case DecisionKind::cusum: return "cusum";
    case DecisionKind::ewma: return "ewma";
    case DecisionKind::glr: return "glr";
    case DecisionKind::k_of_n: return "k-of-n";
  }
  return "unknown";
}

/// Most windows that a decision looks back.
inline constexpr std::uint8_t kMostWindowsBack = 32;

/// Everything that a decision needs to know. Evidence and limits are in standard deviations of the
/// normal log score.
struct DecisionSettings {
  DecisionKind kind = DecisionKind::cusum;
  std::uint8_t k = 3;      ///< of k_of_n, 1 to n
  std::uint8_t n = 5;      ///< windows that k_of_n and glr look back, 1 to kMostWindowsBack
  float location = 0.0F;   ///< centre of the natural log of normal scores
  float scale = 1.0F;      ///< their spread, above 0
  float cap = 6.0F;        ///< most evidence that one window can give, above reference
  float reference = 1.0F;  ///< of cusum and glr: evidence up to here speaks for normal; above what
                           ///< healthy sessions differ by
  float limit = 10.0F;     ///< statistic above which there is an alarm, above 0
  float lambda = 0.2F;     ///< of ewma: weight of the newest window, above 0, at most 1
  friend bool operator==(const DecisionSettings&, const DecisionSettings&) = default;
};

[[nodiscard]] constexpr bool is_valid(const DecisionSettings& s) {
  return static_cast<std::uint8_t>(s.kind) < kDecisionKinds && s.n >= 1 &&
         s.n <= kMostWindowsBack && s.k >= 1 && s.k <= s.n && is_finite(s.location) &&
         is_finite(s.scale) && s.scale > 0.0F && is_finite(s.reference) && is_finite(s.cap) &&
         s.cap > s.reference && s.cap > 0.0F && is_finite(s.limit) && s.limit > 0.0F &&
         s.lambda > 0.0F && s.lambda <= 1.0F;
}

}  // namespace fettle
