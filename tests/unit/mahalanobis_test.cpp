// SPDX-License-Identifier: Apache-2.0
// The layer against the definition: z' R^-1 z by Gauss elimination, which the code does not use.
#include "core/learn/mahalanobis.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/learn/random.hpp"

namespace fettle {
namespace {

const FeatureSpec kVibration{FeatureSet::vibration, 3, false};

float gaussian(Random& random) {
  float sum = -6.0F;
  for (int i = 0; i < 12; ++i) sum += random.uniform();
  return sum;
}

/// Rows whose features share a common part.
std::vector<float> some_rows(std::size_t n, std::size_t d, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> rows;
  for (std::size_t i = 0; i < n; ++i) {
    const float common = 0.2F * gaussian(random);
    for (std::size_t f = 0; f < d; ++f) {
      rows.push_back(common + 0.02F * static_cast<float>(f + 1) * gaussian(random));
    }
  }
  return rows;
}

/// x' C^-1 x by elimination with pivots, in float64.
double distance(std::vector<std::vector<double>> c, std::vector<double> x) {
  const std::size_t d = x.size();
  const std::vector<double> right = x;
  for (std::size_t k = 0; k < d; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k; i < d; ++i) {
      if (std::abs(c[i][k]) > std::abs(c[pivot][k])) pivot = i;
    }
    std::swap(c[k], c[pivot]);
    std::swap(x[k], x[pivot]);
    for (std::size_t i = k + 1; i < d; ++i) {
      const double factor = c[i][k] / c[k][k];
      for (std::size_t j = k; j < d; ++j) c[i][j] -= factor * c[k][j];
      x[i] -= factor * x[k];
    }
  }
  std::vector<double> solution(d);
  for (std::size_t k = d; k-- > 0;) {
    double sum = x[k];
    for (std::size_t j = k + 1; j < d; ++j) sum -= c[k][j] * solution[j];
    solution[k] = sum / c[k][k];
  }
  double product = 0.0;
  for (std::size_t i = 0; i < d; ++i) product += right[i] * solution[i];
  return product;
}

struct Fitted {
  std::vector<float> memory, scale;
  FloatNetwork layer;
};

Fitted fit(const FeatureSpec& spec, const std::vector<float>& rows,
           const HealthyVariation& variation, const std::vector<float>& moves = {}) {
  const std::size_t d = spec.dimensions();
  Fitted result;
  const NetworkShape shape = NetworkShape::autoencoder(d, {});
  result.memory.resize(FloatNetwork::parameter_floats(shape));
  result.scale.resize(d);
  result.layer = FloatNetwork(shape, result.memory);
  std::vector<double> memory(mahalanobis_doubles(d));
  EXPECT_EQ(fit_mahalanobis(spec, rows, moves, 2.0, variation, memory, result.scale, result.layer),
            Status::ok);
  return result;
}

double by_layer(const Fitted& fitted, const std::vector<float>& x) {
  std::vector<float> z(x.size());
  alignas(16) std::array<float, kMaxUnits> output{};
  for (std::size_t i = 0; i < x.size(); ++i) z[i] = x[i] / fitted.scale[i];
  fitted.layer.run(z, std::span(output).first(x.size()));
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += static_cast<double>(output[i]) * static_cast<double>(output[i]);
  }
  return sum;
}

TEST(Mahalanobis, IsTheDistanceByTheInverseOfTheCovariance) {
  const std::size_t d = kVibration.dimensions();
  const HealthyVariation variation;
  const auto rows = some_rows(400, d, 5);
  const auto moves = some_rows(50, d, 9);
  const Fitted fitted = fit(kVibration, rows, variation, moves);
  std::vector<std::vector<double>> c(d, std::vector<double>(d));
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = 0; j < d; ++j) {
      for (std::size_t row = 0; row < 400; ++row) {
        c[i][j] += static_cast<double>(rows[row * d + i]) * static_cast<double>(rows[row * d + j]);
      }
      c[i][j] *= (i == j ? 1.0 : 0.9) / 400.0;
      for (std::size_t row = 0; row < 50; ++row) {
        c[i][j] += 2.0 / 50.0 * static_cast<double>(moves[row * d + i]) *
                   static_cast<double>(moves[row * d + j]);
      }
      // Levels but that at once the speed (feature 9) vary together; features 1 to 3 are shares.
      const auto common = [](std::size_t f) { return f == 0 || (f >= 4 && f != 9); };
      if (common(i) && common(j)) c[i][j] += 0.15 * 0.15;
    }
    const double own = static_cast<double>(variation.own[i]);
    c[i][i] += own * own;
  }
  Random random(6);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<float> x;
    for (std::size_t f = 0; f < d; ++f) x.push_back(gaussian(random));
    const double expected = distance(c, {x.begin(), x.end()});
    EXPECT_NEAR(by_layer(fitted, x), expected, 1e-4 * expected);
  }
}

TEST(Mahalanobis, IsNotSingularWhereFeaturesRepeatEachOther) {
  for (const FeatureSpec& spec :
       {kVibration, FeatureSpec{FeatureSet::vibration, 6, false},
        FeatureSpec{FeatureSet::tutorial, 6, true}, FeatureSpec{FeatureSet::tutorial, 3, false}}) {
    const std::size_t d = spec.dimensions();
    for (const float value : {0.0F, 1.0F, 300.0F}) {
      const std::vector<float> rows(30 * d, value);
      const Fitted fitted = fit(spec, rows, {});
      EXPECT_TRUE(std::isfinite(by_layer(fitted, std::vector<float>(d, 1.0F))));
      for (const float scale : fitted.scale) EXPECT_GT(scale, 0.0F);
    }
  }
}

TEST(Mahalanobis, RefusesWhatIsNoData) {
  const std::size_t d = kVibration.dimensions();
  Fitted fitted = fit(kVibration, some_rows(20, d, 1), {});
  std::vector<double> memory(mahalanobis_doubles(d));
  const auto again = [&](std::span<const float> rows, std::span<double> room) {
    return fit_mahalanobis(kVibration, rows, {}, 0.0, {}, room, fitted.scale, fitted.layer);
  };
  EXPECT_EQ(again({}, memory), Status::too_few_windows);
  std::vector<float> rows = some_rows(20, d, 1);
  EXPECT_EQ(again(rows, std::span(memory).first(10)), Status::workspace_too_small);
  rows[3] = std::nanf("");
  EXPECT_EQ(again(rows, memory), Status::not_finite);
}

}  // namespace
}  // namespace fettle
