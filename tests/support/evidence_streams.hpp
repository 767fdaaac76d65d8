// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/elementary.hpp"
#include "core/learn/random.hpp"

namespace fettle::test {

/// Evidence of a healthy machine whose law is known.
class EvidenceStream {
 public:
  enum class Kind : std::uint8_t {
    correlated,   ///< normal, mean 0, deviation 1, lag-one correlation (AR(1))
    exponential,  ///< independent, exponential less its mean of 1
  };

  EvidenceStream(Kind kind, double correlation, double between_sessions, std::uint64_t seed)
      : kind_(kind),
        correlation_(correlation),
        between_(between_sessions),
        random_(seed * 7919 + 13) {
    begin_session();
  }

  void begin_session() {
    level_ = between_ * normal();
    latent_ = normal();
  }

  float evidence() {
    if (kind_ == Kind::exponential) {
      return static_cast<float>(-natural_log_f64(uniform()) - 1.0 + level_);
    }
    latent_ = correlation_ * latent_ + std::sqrt(1.0 - correlation_ * correlation_) * normal();
    return static_cast<float>(latent_ + level_);
  }

  /// Scores whose logarithm is location + scale * evidence: log-normal where evidence is normal.
  float score(double location, double scale) {
    return static_cast<float>(exponential(location + scale * static_cast<double>(evidence())));
  }
  std::vector<float> scores(std::size_t n, double location = 0.0, double scale = 1.0) {
    std::vector<float> result(n);
    for (float& value : result) value = score(location, scale);
    return result;
  }

 private:
  double uniform() { return (static_cast<double>(random_.next() >> 12) + 0.5) * 0x1p-52; }
  double normal() { return normal_upper_quantile(uniform()); }

  Kind kind_;
  double correlation_;
  double between_;
  Random random_;
  double level_ = 0.0;
  double latent_ = 0.0;
};

}  // namespace fettle::test
