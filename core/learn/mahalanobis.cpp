// SPDX-License-Identifier: Apache-2.0
#include "core/learn/mahalanobis.hpp"

#include <algorithm>

#include "core/math.hpp"

namespace fettle {
namespace {

/// Newton's square root in float64, x > 0: the same bits everywhere, as core/math.hpp has it for floats.
double root_of(double x) {
  double root = static_cast<double>(square_root(static_cast<float>(x)));
  for (int i = 0; i < 2; ++i) root = 0.5 * (root + x / root);
  return root;
}

constexpr double kShrinkage = 0.1;

class Matrix {
 public:
  Matrix(std::span<double> memory, std::size_t size) : values_(memory), size_(size) {}
  double& operator()(std::size_t row, std::size_t column) { return values_[row * size_ + column]; }

 private:
  std::span<double> values_;
  std::size_t size_;
};

}  // namespace

double mean_product(std::span<const float> rows, std::size_t d, std::size_t i, std::size_t j) {
  double sum = 0.0;
  for (std::size_t at = 0; at < rows.size(); at += d) {
    sum += static_cast<double>(rows[at + i]) * static_cast<double>(rows[at + j]);
  }
  return rows.empty() ? 0.0 : sum / static_cast<double>(rows.size() / d);
}

Status fit_mahalanobis(const FeatureSpec& spec, std::span<const float> rows,
                       std::span<const float> moves, double weight,
                       const HealthyVariation& variation, std::span<double> memory,
                       std::span<float> scale, FloatNetwork& layer) {
  const std::size_t d = spec.dimensions();
  if (rows.empty()) return Status::too_few_windows;
  if (layer.shape().layers != 1 || layer.shape().inputs() != d || layer.shape().outputs() != d ||
      scale.size() != d) {
    return Status::bad_configuration;
  }
  if (memory.size() < mahalanobis_doubles(d)) return Status::workspace_too_small;
  Matrix c(memory.first(d * d), d);
  Matrix inverse(memory.subspan(d * d), d);

  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      const double seen = mean_product(rows, d, i, j);
      if (!is_finite(static_cast<float>(seen))) return Status::not_finite;
      c(i, j) = (i == j ? 1.0 : 1.0 - kShrinkage) * seen +
                static_cast<double>(covariance(variation, spec, i, j));
    }
    const auto least = static_cast<double>(feature_resolution(spec, i));
    c(i, i) = std::max(c(i, i), least * least);
  }

  for (std::size_t i = 0; i < d; ++i) scale[i] = static_cast<float>(root_of(c(i, i)));
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      const double nearby = mean_product(moves, d, i, j);
      if (!is_finite(static_cast<float>(nearby))) return Status::not_finite;
      c(i, j) += weight * nearby;
      c(i, j) /= static_cast<double>(scale[i]) * static_cast<double>(scale[j]);
    }
  }
  // Cholesky: c becomes L, its lower half (Golub and Van Loan, Matrix Computations, 4.2.5).
  for (std::size_t j = 0; j < d; ++j) {
    double diagonal = c(j, j);
    for (std::size_t k = 0; k < j; ++k) diagonal -= c(j, k) * c(j, k);
    // Shrinkage keeps it above 0; rounding must not decide.
    c(j, j) = root_of(std::max(diagonal, 1e-6));
    for (std::size_t i = j + 1; i < d; ++i) {
      double sum = c(i, j);
      for (std::size_t k = 0; k < j; ++k) sum -= c(i, k) * c(j, k);
      c(i, j) = sum / c(j, j);
    }
  }
  // The inverse of L by forward substitution, column after column.
  for (std::size_t j = 0; j < d; ++j) {
    for (std::size_t i = 0; i < d; ++i) {
      if (i < j) {
        inverse(i, j) = 0.0;
        continue;
      }
      double sum = i == j ? 1.0 : 0.0;
      for (std::size_t k = j; k < i; ++k) sum -= c(i, k) * inverse(k, j);
      inverse(i, j) = sum / c(i, i);
    }
  }
  std::ranges::fill(layer.parameters(), 0.0F);
  for (std::size_t input = 0; input < d; ++input) {
    for (std::size_t output = 0; output < d; ++output) {
      layer.weights(0)[input * padded(d) + output] = static_cast<float>(inverse(output, input));
    }
  }
  return Status::ok;
}

}  // namespace fettle
