// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/features/extractor.hpp"
#include "core/features/vibration.hpp"
#include "core/learn/trainer.hpp"
#include "core/model/int8_network.hpp"
#include "core/model/requantise.hpp"
#include "tests/support/golden.hpp"

namespace fettle {
namespace {

using test::Golden;

std::vector<std::filesystem::path> goldens(const std::string& prefix) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(FETTLE_GOLDEN_FOLDER)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(".txt")) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  EXPECT_FALSE(found.empty()) << prefix;
  return found;
}

std::string name_of(const testing::TestParamInfo<std::filesystem::path>& info) {
  return info.param.stem().string();
}

/// A model's bytes where load() wants them: 16-byte aligned.
class AlignedBytes {
 public:
  explicit AlignedBytes(const std::vector<std::uint8_t>& bytes)
      : words_(bytes.size() / sizeof(Word) + 1), size_(bytes.size()) {
    std::ranges::copy(bytes, data());
  }
  [[nodiscard]] std::span<const std::uint8_t> view() { return {data(), size_}; }

 private:
  struct alignas(16) Word {
    std::uint8_t bytes[16];
  };
  std::uint8_t* data() { return words_.data()->bytes; }
  std::vector<Word> words_;
  std::size_t size_;
};

class Int8Golden : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Int8Golden, OutputsAreTfliteMicros) {
  const Golden golden(GetParam());
  AlignedBytes model(golden.values<std::uint8_t>("model"));
  std::vector<std::byte> workspace(Int8Network::workspace_bytes(model.view()));
  Int8Network network;
  const Fault fault = Int8Network::load(model.view(), workspace, network);
  ASSERT_TRUE(fault.ok()) << static_cast<int>(fault.status) << " at " << fault.offset;

  const auto& input = golden.block("input");
  const auto& output = golden.block("output");
  ASSERT_EQ(network.inputs(), input.columns);
  ASSERT_EQ(network.outputs(), output.columns);
  EXPECT_EQ(network.float_input(), input.type == "f32");
  EXPECT_EQ(network.float_output(), output.type == "f32");
  std::vector<std::int8_t> codes_in;
  if (network.float_input()) {
    for (const float v : golden.values<float>("input")) {
      codes_in.push_back(network.input_scale().code(v));
    }
  } else {
    codes_in = golden.values<std::int8_t>("input");
  }
  std::vector<std::int8_t> codes(output.columns);
  for (std::size_t row = 0; row < input.rows; ++row) {
    network.run(std::span(codes_in).subspan(row * input.columns, input.columns), codes);
    for (std::size_t i = 0; i < codes.size(); ++i) {
      const std::size_t at = row * codes.size() + i;
      if (network.float_output()) {
        ASSERT_EQ(network.output_scale().real(codes[i]), golden.values<float>("output")[at])
            << "row " << row << ", output " << i;
      } else {
        ASSERT_EQ(codes[i], golden.values<std::int8_t>("output")[at])
            << "row " << row << ", output " << i;
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Models, Int8Golden, testing::ValuesIn(goldens("int8_")), name_of);

class UnsupportedGolden : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(UnsupportedGolden, IsRefusedForItsReason) {
  const Golden golden(GetParam());
  AlignedBytes model(golden.values<std::uint8_t>("model"));
  std::vector<std::byte> workspace(Int8Network::workspace_bytes(model.view()));
  Int8Network network;
  const Fault fault = Int8Network::load(model.view(), workspace, network);
  const bool type_is_wrong = !GetParam().stem().string().ends_with("convolution") &&
                             !GetParam().stem().string().ends_with("tanh");
  EXPECT_EQ(fault.status, type_is_wrong ? Status::unsupported_type : Status::unsupported_operator);
}
INSTANTIATE_TEST_SUITE_P(Models, UnsupportedGolden, testing::ValuesIn(goldens("unsupported_")),
                         name_of);

TEST(RequantisationGolden, MultipliersAreExact) {
  const Golden golden(goldens("quantize_multiplier").at(0));
  const auto real = golden.values<double>("real");
  const auto fraction = golden.values<std::int32_t>("multiplier");
  const auto shift = golden.values<std::int32_t>("shift");
  for (std::size_t i = 0; i < real.size(); ++i) {
    Multiplier found;
    ASSERT_TRUE(to_multiplier(real[i], found)) << real[i];
    EXPECT_EQ(found.fraction, fraction[i]) << real[i];
    EXPECT_EQ(found.shift, shift[i]) << real[i];
  }
}

TEST(RequantisationGolden, RoundsTwice) {
  const Golden golden(goldens("requantise").at(0));
  const auto acc = golden.values<std::int32_t>("accumulator");
  const auto fraction = golden.values<std::int32_t>("multiplier");
  const auto shift = golden.values<std::int32_t>("shift");
  const auto zero = golden.values<std::int32_t>("zero_point");
  const auto result = golden.values<std::int8_t>("result");
  for (std::size_t i = 0; i < acc.size(); ++i) {
    const std::int64_t sum =
        std::int64_t{multiply(acc[i], {fraction[i], static_cast<std::int8_t>(shift[i])})} + zero[i];
    EXPECT_EQ(std::clamp<std::int64_t>(sum, -128, 127), result[i]) << acc[i] << " case " << i;
  }
}

class TrainerGolden : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(TrainerGolden, StepsAreKeras) {
  const Golden golden(GetParam());
  const auto widths = golden.values<std::int32_t>("widths");
  const auto data = golden.values<float>("data");
  std::vector<std::uint16_t> hidden(widths.begin() + 1, widths.end() - 1);
  const auto shape = NetworkShape::autoencoder(static_cast<std::size_t>(widths[0]), hidden);
  const std::size_t rows = golden.block("data").rows;
  TrainingSettings settings;
  settings.batch = static_cast<std::uint32_t>(golden.values<std::int32_t>("batch")[0]);
  settings.shuffle = false;
  settings.epochs = 1000;
  struct alignas(16) Four {
    float v[4];
  };
  std::vector<Four> memory(Trainer::memory_floats(shape, rows) / 4 + 1);
  Trainer trainer;
  ASSERT_EQ(trainer.begin(shape, settings, data, {}, {memory.data()->v, memory.size() * 4}),
            Status::ok);
  const auto each = [&](const std::string& prefix, const auto& action) {
    for (std::size_t k = 0; k < shape.layers; ++k) {
      action(k, prefix + "_w" + std::to_string(k), prefix + "_b" + std::to_string(k));
    }
  };
  each("initial", [&](std::size_t k, const std::string& w, const std::string& b) {
    const auto weights = golden.values<float>(w);
    const auto biases = golden.values<float>(b);
    for (std::size_t o = 0; o < shape.units[k + 1]; ++o) {
      for (std::size_t i = 0; i < shape.units[k]; ++i) {
        trainer.current().weights(k)[i * padded(shape.units[k + 1]) + o] =
            weights[o * shape.units[k] + i];
      }
      trainer.current().biases(k)[o] = biases[o];
    }
  });
  for (int step = 1; step <= 100; ++step) {
    trainer.step();
    if (step != 1 && step != 2 && step != 10 && step != 100) continue;
    double worst = 0;
    each("after_" + std::to_string(step), [&](std::size_t k, const std::string& w,
                                              const std::string& b) {
      const auto weights = golden.values<double>(w);
      const auto biases = golden.values<double>(b);
      for (std::size_t o = 0; o < shape.units[k + 1]; ++o) {
        for (std::size_t i = 0; i < shape.units[k]; ++i) {
          worst = std::max(worst, std::abs(static_cast<double>(trainer.current().weight(k, o, i)) -
                                           weights[o * shape.units[k] + i]));
        }
        worst = std::max(worst,
                         std::abs(static_cast<double>(trainer.current().biases(k)[o]) - biases[o]));
      }
    });
    // Single precision alone costs up to 5e-7 (in the goldens' comments).
    EXPECT_LT(worst, 2e-6) << "after " << step << " steps";
  }
}
INSTANTIATE_TEST_SUITE_P(Cases, TrainerGolden, testing::ValuesIn(goldens("trainer_")), name_of);

class FeaturesGolden : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(FeaturesGolden, WithinTheBound) {
  const Golden golden(GetParam());
  const auto& block = golden.block("window");
  const auto window = golden.values<float>("window");
  const auto expected = golden.values<double>("features");
  const auto bound = golden.values<double>("bound");
  FeatureSpec spec;
  spec.axes = static_cast<decltype(spec.axes)>(block.columns);
  ASSERT_EQ(spec.dimensions(), expected.size());
  FeatureExtractor extractor(spec);
  extractor.restart();
  for (std::size_t row = 0; row < block.rows; ++row) {
    Sample sample;
    for (std::size_t a = 0; a < block.columns; ++a)
      sample.axis[a] = window[row * block.columns + a];
    extractor.add(sample);
  }
  std::vector<float> features(expected.size());
  extractor.finish(features);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_LE(std::abs(static_cast<double>(features[i]) - expected[i]), bound[i])
        << "feature " << i;
  }
}
INSTANTIATE_TEST_SUITE_P(Windows, FeaturesGolden, testing::ValuesIn(goldens("features_")), name_of);

class VibrationGolden : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(VibrationGolden, FeaturesAndSummaryAreClose) {
  const Golden golden(GetParam());
  const auto& block = golden.block("window");
  const auto values = golden.values<float>("window");
  const auto expected = golden.values<double>("features");
  const auto counts = golden.values<std::int32_t>("counts");
  const FeatureSpec spec{FeatureSet::vibration,
                         static_cast<std::uint8_t>(golden.values<std::int32_t>("axes")[0]), false};
  ASSERT_EQ(spec.dimensions(), expected.size());
  WindowShape window;
  window.samples = static_cast<std::uint32_t>(block.rows);
  window.rate_hz = golden.values<float>("rate")[0];
  ASSERT_TRUE(spec.supports_window(window.samples));
  VibrationExtractor extractor(spec, window);
  for (std::size_t row = 0; row < block.rows; ++row) {
    Sample sample;
    for (std::size_t a = 0; a < kMaxAxes; ++a) sample.axis[a] = values[row * kMaxAxes + a];
    extractor.add(sample);
  }
  std::vector<float> features(expected.size());
  WindowSummary summary;
  extractor.finish(features, summary);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(features[i]), expected[i], 1e-4)
        << feature_source(spec, i) << "_" << feature_kind(spec, i);
  }
  const auto& g = summary.gravity_g;
  const std::vector<float> found = {summary.speed.hz,
                                    summary.speed.confidence,
                                    summary.accelerometer_rms_g,
                                    summary.gyroscope_rms_dps,
                                    g[0],
                                    g[1],
                                    g[2],
                                    summary.gravity_size_g};
  const auto numbers = golden.values<double>("summary");
  ASSERT_EQ(numbers.size(), found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(found[i]), numbers[i], 1e-5 * (1 + std::abs(numbers[i])))
        << "number " << i << " of the summary";
  }
  EXPECT_EQ(summary.clipped, static_cast<std::uint32_t>(counts[0]));
  EXPECT_EQ(summary.repaired, static_cast<std::uint32_t>(counts[1]));
  EXPECT_EQ(summary.stuck_axes, static_cast<std::uint32_t>(counts[2]));
  const auto levels = golden.values<double>("axis_levels");
  ASSERT_EQ(levels.size(), spec.axis_levels());
  for (std::size_t i = 0; i < levels.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(summary.axis_level[i]), levels[i], 1e-4)
        << kAxisNames[i / kAxisMeasures] << " measure " << i % kAxisMeasures;
  }
}
INSTANTIATE_TEST_SUITE_P(Windows, VibrationGolden, testing::ValuesIn(goldens("vibration_")),
                         name_of);

}  // namespace
}  // namespace fettle
