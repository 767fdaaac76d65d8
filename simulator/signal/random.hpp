// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "simulator/signal/arithmetic.hpp"

namespace fettle::simulator {

namespace detail {

/// Layers of equal area under exp(-x^2/2): Marsaglia and Tsang, The Ziggurat Method for Generating
/// Random Variables, J. Stat. Software 5(8), 2000; 128 layers and the test on the ratio of edges as
/// in Doornik, An Improved Ziggurat Method to Generate Normal Random Samples, 2005.
struct Ziggurat {
  static constexpr std::size_t kLayers = 128;
  static constexpr double kTail = 3.442619855899;       ///< where the lowest layer's tail begins
  static constexpr double kArea = 9.91256303526217e-3;  ///< of each layer
  std::array<double, kLayers + 1> edge{};
  std::array<double, kLayers> ratio{};

  constexpr Ziggurat() {
    double density = exponential(-0.5 * kTail * kTail);
    edge[0] = kArea / density;
    edge[1] = kTail;
    for (std::size_t i = 2; i < kLayers; ++i) {
      edge[i] = square_root(-2.0 * natural_logarithm(kArea / edge[i - 1] + density));
      density = exponential(-0.5 * edge[i] * edge[i]);
    }
    edge[kLayers] = 0;
    for (std::size_t i = 0; i < kLayers; ++i) ratio[i] = edge[i + 1] / edge[i];
  }
};

inline constexpr Ziggurat kZiggurat{};

}  // namespace detail

/// Random numbers that are the same on every machine: SplitMix64 (Steele, Lea and Flood, Fast
/// Splittable Pseudorandom Number Generators, OOPSLA 2014).
class Random {
 public:
  /// Different (seed, stream) pairs give unrelated sequences.
  constexpr explicit Random(std::uint64_t seed, std::uint64_t stream = 0)
      : state_(mix(mix(seed) + stream * 0xD1B54A32D192ED03ULL)) {}

  /// 64 random bits.
  constexpr std::uint64_t bits() { return mix(state_ += 0x9E3779B97F4A7C15ULL); }

  /// Uniform in [0, 1), a multiple of 2^-53.
  constexpr double uniform() { return static_cast<double>(bits() >> 11U) * 0x1p-53; }

  /// Uniform in [low, high).
  constexpr double uniform(double low, double high) { return low + (high - low) * uniform(); }

  /// Normal with mean 0 and standard deviation 1.
  constexpr double gaussian() {
    const std::uint64_t random = bits();
    const std::size_t layer = random & (detail::Ziggurat::kLayers - 1);
    const double u = static_cast<double>(static_cast<std::int64_t>(random) >> 11U) * 0x1p-52;
    if ((u < 0 ? -u : u) < detail::kZiggurat.ratio[layer]) [[likely]] {
      return u * detail::kZiggurat.edge[layer];
    }
    return gaussian_at_edge(layer, u);
  }

 private:
  static constexpr std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31U);
  }

  /// The one draw in a hundred that falls on a layer's edge or into the tail.
  [[gnu::noinline]] constexpr double gaussian_at_edge(std::size_t layer, double u) {
    const detail::Ziggurat& z = detail::kZiggurat;
    if (layer == 0) return u < 0 ? -tail() : tail();
    const double x = u * z.edge[layer];
    const double outer = exponential(-0.5 * (z.edge[layer] * z.edge[layer] - x * x));
    const double inner = exponential(-0.5 * (z.edge[layer + 1] * z.edge[layer + 1] - x * x));
    return inner + uniform() * (outer - inner) < 1.0 ? x : gaussian();
  }

  /// |x| beyond Ziggurat::kTail: Marsaglia, Generating a Variable from the Tail of the Normal
  /// Distribution, Technometrics 6, 1964.
  constexpr double tail() {
    for (;;) {
      const double x = -natural_logarithm(uniform() + 0x1p-54) / detail::Ziggurat::kTail;
      const double y = -natural_logarithm(uniform() + 0x1p-54);
      if (y + y > x * x) return detail::Ziggurat::kTail + x;
    }
  }

  std::uint64_t state_;
};

}  // namespace fettle::simulator
