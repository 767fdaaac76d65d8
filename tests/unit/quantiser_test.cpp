// SPDX-License-Identifier: Apache-2.0
#include "core/learn/quantiser.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "tests/support/hand_made.hpp"
#include "tests/support/trained.hpp"

namespace fettle {
namespace {

using test::AlignedBytes;
using test::AlignedFloats;

constexpr WeightScales kBothKinds[] = {WeightScales::per_channel, WeightScales::per_tensor};

/// A float network with parameters of its own, and what became of it in int8.
struct Case {
  NetworkShape shape;
  AlignedFloats parameters;
  FloatNetwork network;
  std::vector<float> rows;
  std::vector<std::byte> memory;
  QuantisedNetwork quantised;

  Case(std::size_t dimensions, const std::vector<std::uint16_t>& hidden, std::uint64_t seed,
       std::size_t row_count = 100)
      : shape(NetworkShape::autoencoder(dimensions, hidden)),
        parameters(FloatNetwork::parameter_floats(shape)),
        network(shape, parameters.view()),
        rows(row_count * dimensions),
        memory(quantiser_bytes(shape)) {
    Random random(seed);
    for (std::size_t k = 0; k < shape.layers; ++k) {
      const float limit = std::sqrt(6.0F / static_cast<float>(shape.units[k] + shape.units[k + 1]));
      for (std::size_t o = 0; o < shape.units[k + 1]; ++o) {
        // Outputs of different size: this is what scales per channel are for.
        const float size = limit * (0.05F + random.uniform());
        network.biases(k)[o] = 0.4F * (random.uniform() - 0.5F);
        for (std::size_t i = 0; i < shape.units[k]; ++i) {
          set(k, o, i, size * (2.0F * random.uniform() - 1.0F));
        }
      }
    }
    for (float& x : rows)
      x = 3.0F * (random.uniform() + random.uniform() + random.uniform() - 1.5F);
  }
  void set(std::size_t k, std::size_t o, std::size_t i, float value) {
    network.weights(k)[i * padded(shape.units[k + 1]) + o] = value;
  }
  Status quantise(WeightScales kind) {
    return fettle::quantise(network, rows, kind, memory, quantised);
  }
  [[nodiscard]] AlignedBytes file() const {
    struct alignas(16) Block {
      std::uint8_t bytes[16];
    };
    std::vector<Block> room(network_file_bytes(shape) / 16 + 5);
    const auto written = write_network(quantised, {}, {room.data()->bytes, room.size() * 16});
    EXPECT_LE(written.size(), network_file_bytes(shape));
    return AlignedBytes(written);
  }
};

/// Root mean square difference of int8 and float outputs, in steps of the output's scale, and the
/// largest.
struct Apart {
  double rms = 0.0;
  double largest = 0.0;
};
Apart compare(const Case& c, const Int8Network& int8) {
  const std::size_t d = c.shape.inputs();
  std::vector<float> expected(d);
  std::vector<std::int8_t> in(d), out(d);
  Apart apart;
  for (std::size_t at = 0; at < c.rows.size(); at += d) {
    c.network.run(std::span(c.rows).subspan(at, d), expected);
    for (std::size_t i = 0; i < d; ++i) in[i] = int8.input_scale().code(c.rows[at + i]);
    int8.run(in, out);
    for (std::size_t i = 0; i < d; ++i) {
      const auto difference = static_cast<double>((int8.output_scale().real(out[i]) - expected[i]) /
                                                  int8.output_scale().scale);
      apart.rms += difference * difference;
      apart.largest = std::max(apart.largest, std::abs(difference));
    }
  }
  apart.rms = std::sqrt(apart.rms / static_cast<double>(c.rows.size()));
  return apart;
}

TEST(Quantiser, StaysWithinAFewStepsOfTheFloatNetwork) {
  double sum_by_channel = 0.0;
  double sum_by_tensor = 0.0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    std::vector<std::uint16_t> hidden(1 + random.below(4));
    for (auto& units : hidden) units = static_cast<std::uint16_t>(1 + random.below(40));
    for (const WeightScales kind : kBothKinds) {
      Case c(1 + random.below(20), hidden, seed);
      ASSERT_EQ(c.quantise(kind), Status::ok);
      const test::Loaded loaded(c.file());
      ASSERT_TRUE(loaded.fault.ok()) << describe(loaded.fault.status);
      const Apart apart = compare(c, loaded.network);
      EXPECT_LT(apart.rms, 2.5);
      EXPECT_LT(apart.largest, 12.0);
      (kind == WeightScales::per_channel ? sum_by_channel : sum_by_tensor) += apart.rms;
    }
  }
  EXPECT_LT(sum_by_channel, 60 * 1.0);
  EXPECT_LT(sum_by_channel, sum_by_tensor);  // outputs of different size are what it is for
}

TEST(Quantiser, WritesWhatTheFormatSays) {
  for (const WeightScales kind : kBothKinds) {
    Case c(18, {12, 8, 12}, 5);
    ASSERT_EQ(c.quantise(kind), Status::ok);
    TensorScale input = c.quantised.input;
    for (std::size_t k = 0; k < c.shape.layers; ++k) {
      const auto& layer = c.quantised.layers[k];
      const std::size_t outputs = c.shape.units[k + 1];
      ASSERT_EQ(layer.weights.size(), outputs * c.shape.units[k]);
      ASSERT_EQ(layer.biases.size(), outputs);
      ASSERT_EQ(layer.weight_scales.size(), kind == WeightScales::per_channel ? outputs : 1U);
      std::vector<int> largest(layer.weight_scales.size());
      for (std::size_t o = 0; o < outputs; ++o) {
        const std::size_t s = layer.weight_scales.size() == 1 ? 0 : o;
        EXPECT_EQ(layer.bias_scales[s], input.scale * layer.weight_scales[s]);
        for (std::size_t i = 0; i < c.shape.units[k]; ++i) {
          const int code = layer.weights[o * c.shape.units[k] + i];
          EXPECT_GE(code, -127);  // symmetric
          largest[s] = std::max(largest[s], std::abs(code));
          EXPECT_NEAR(static_cast<float>(code) * layer.weight_scales[s], c.network.weight(k, o, i),
                      0.501F * layer.weight_scales[s]);
        }
        EXPECT_NEAR(static_cast<float>(layer.biases[o]) * layer.bias_scales[s],
                    c.network.biases(k)[o], 0.501F * layer.bias_scales[s] + 1e-6F);
      }
      for (const int code : largest) EXPECT_EQ(code, 127);  // the whole range is used
      // Zero has a code of its own, and behind a ReLU it is the lowest.
      EXPECT_EQ(layer.output.real(layer.output.code(0.0F)), 0.0F);
      if (k + 1 < c.shape.layers) {
        EXPECT_EQ(layer.output.zero_point, -128);
      }
      input = layer.output;
    }
    // The range of the inputs is that of the rows: the ends have the end codes.
    const auto [low, high] = std::ranges::minmax(c.rows);
    EXPECT_EQ(c.quantised.input.code(low), -128);
    EXPECT_EQ(c.quantised.input.code(high), 127);
  }
}

void expect_loads(Case& c, double most_apart) {
  for (const WeightScales kind : kBothKinds) {
    ASSERT_EQ(c.quantise(kind), Status::ok);
    const test::Loaded loaded(c.file());
    ASSERT_TRUE(loaded.fault.ok()) << describe(loaded.fault.status);
    EXPECT_LT(compare(c, loaded.network).largest, most_apart);
  }
}

TEST(Quantiser, SurvivesDeadLayers) {
  Case dead(6, {5, 4}, 1);
  for (std::size_t o = 0; o < 5; ++o) dead.network.biases(0)[o] = -1e4F;  // a ReLU never passes
  expect_loads(dead, 4.0);

  Case zero(6, {5, 4}, 2);
  for (float& p : zero.parameters.view()) p = 0.0F;
  expect_loads(zero, 0.01);

  Case zero_rows(6, {5, 4}, 3);
  for (float& x : zero_rows.rows) x = 0.0F;
  expect_loads(zero_rows, 12.0);

  Case one_output(6, {5, 4}, 4);
  for (std::size_t i = 0; i < 4; ++i) one_output.set(2, 3, i, 0.0F);
  one_output.network.biases(2)[3] = 0.0F;
  expect_loads(one_output, 12.0);

  for (const float tiny : {1e-7F, 1e-12F, 1e-30F, 1e-38F, 1e-45F}) {
    SCOPED_TRACE(tiny);
    Case whisper(6, {5, 4}, 5);
    for (std::size_t i = 0; i < 6 * padded(5) + padded(5); ++i)
      whisper.parameters.view()[i] *= tiny;
    expect_loads(whisper, 12.0);
    Case all(6, {5}, 6);
    for (float& p : all.parameters.view()) p *= tiny;
    for (float& x : all.rows) x *= tiny;
    expect_loads(all, 1.0);
  }
}

TEST(Quantiser, SurvivesHugeBiasesAndHugeRows) {
  for (const float huge : {1e2F, 1e4F, 1e6F}) {
    Case biased(6, {5, 4}, 7);
    biased.network.biases(0)[2] = huge;
    biased.network.biases(2)[1] = -huge;
    expect_loads(biased, 6.0);
    Case far(6, {5, 4}, 8);
    far.rows[17] = huge;
    expect_loads(far, 12.0);
  }
  // Weights that are all but zero beside a bias that matters.
  Case constant(6, {5, 4}, 9);
  for (std::size_t i = 0; i < 4; ++i) constant.set(2, 0, i, 1e-20F);
  constant.network.biases(2)[0] = 1.5F;
  expect_loads(constant, 12.0);
}

TEST(Quantiser, SaysWhyNot) {
  Case c(6, {5}, 10);
  c.memory.pop_back();
  EXPECT_EQ(c.quantise(WeightScales::per_channel), Status::workspace_too_small);
  c.memory.resize(c.memory.size() + 1);
  EXPECT_EQ(c.quantise(WeightScales::per_channel), Status::ok);
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    Case rows(6, {5}, 11);
    rows.rows[13] = bad;
    EXPECT_EQ(rows.quantise(WeightScales::per_channel), Status::not_finite);
    Case weights(6, {5}, 12);
    weights.set(1, 2, 3, bad);
    EXPECT_EQ(weights.quantise(WeightScales::per_tensor), Status::not_finite);
    Case bias(6, {5}, 13);
    bias.network.biases(0)[1] = -bad;  // behind a ReLU no output shows it
    EXPECT_EQ(bias.quantise(WeightScales::per_channel), Status::not_finite);
  }
  Case empty(6, {5}, 14, 0);
  EXPECT_EQ(empty.quantise(WeightScales::per_channel), Status::too_few_windows);
}

TEST(ModelWriter, MakesSmallFilesThatReadBack) {
  for (const WeightScales kind : kBothKinds) {
    Case c(18, {12, 8, 12}, 15);
    ASSERT_EQ(c.quantise(kind), Status::ok);
    const test::Loaded loaded(c.file());
    ASSERT_TRUE(loaded.fault.ok());
    EXPECT_LE(loaded.bytes.view().size(), 3072U);
    EXPECT_EQ(loaded.network.input_scale().scale, c.quantised.input.scale);
    EXPECT_EQ(loaded.network.input_scale().zero_point, c.quantised.input.zero_point);
    ASSERT_EQ(loaded.network.layers().size(), 4U);
    for (std::size_t k = 0; k < 4; ++k) {
      const auto& read = loaded.network.layers()[k];
      const auto& written = c.quantised.layers[k];
      EXPECT_EQ(std::memcmp(read.weights, written.weights.data(), written.weights.size()), 0);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(read.weights) % 16, 0U);
      EXPECT_EQ(read.out.scale, written.output.scale);
      EXPECT_EQ(read.out.zero_point, written.output.zero_point);
      EXPECT_EQ(read.lowest, k < 3 ? written.output.zero_point : -128);
    }
    EXPECT_EQ(loaded.network.multiplications(), 18U * 12 + 12 * 8 + 8 * 12 + 12 * 18);
  }
}

TEST(ModelWriter, StaysWithinTheMemoryAskedForAtTheLargestShape) {
  const std::vector<std::uint16_t> widest(kMaxDenseLayers - 1, kMaxUnits);
  for (const auto& hidden : {widest, std::vector<std::uint16_t>{1}, std::vector<std::uint16_t>{},
                             std::vector<std::uint16_t>(kMaxDenseLayers - 1, 1)}) {
    for (const std::size_t dimensions : {std::size_t{1}, std::size_t{3}, kMaxFeatures}) {
      Case c(dimensions, hidden, 16, 5);
      ASSERT_EQ(c.quantise(WeightScales::per_channel), Status::ok);
      EXPECT_TRUE(test::Loaded(c.file()).fault.ok());
    }
  }
}

}  // namespace
}  // namespace fettle
