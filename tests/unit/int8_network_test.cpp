// SPDX-License-Identifier: Apache-2.0
// The int8 engine against a naive twin, and at its door. What TensorFlow Lite Micro itself computes:
// tests/golden/int8_*, tested in goldens_test.cpp.
#include "core/model/int8_network.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/hand_made.hpp"

namespace fettle {
namespace {

using test::AlignedBytes;
using test::HandMade;
using test::Loaded;
using tflite::Activation;
using tflite::BuiltinOperator;
using tflite::TensorType;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// ---- a naive twin: gemmlowp's words in 128 bits, weights and biases as the file has them ---------

__extension__ using Wide = __int128;

int twin_requantise(std::int64_t accumulator, double real) {
  int exponent = 0;
  const double fraction = std::frexp(real, &exponent);
  auto fixed = static_cast<std::int64_t>(std::llround(fraction * 2147483648.0));
  if (fixed == std::int64_t{1} << 31) {
    fixed /= 2;
    ++exponent;
  }
  if (exponent < -31) return 0;
  const int left = std::max(exponent, 0);
  const int right = std::max(-exponent, 0);
  const Wide product = static_cast<Wide>(accumulator * (std::int64_t{1} << left)) * fixed;
  // Nearest, halves up; then nearest, halves away from zero.
  Wide high = (product + (std::int64_t{1} << 30)) / (std::int64_t{1} << 31);
  if ((product + (std::int64_t{1} << 30)) % (std::int64_t{1} << 31) < 0) --high;
  const auto value = static_cast<double>(high) / std::pow(2.0, right);
  return static_cast<int>(std::lround(value));
}

std::vector<int> twin_run(HandMade& made, std::vector<int> values) {
  for (auto& op : made.graph().operators) {
    const auto& in = made.tensor(op->inputs[0]);
    const auto& out = made.tensor(op->outputs[0]);
    const double in_scale = static_cast<double>(in.quantization->scale[0]);
    const double out_scale = static_cast<double>(out.quantization->scale[0]);
    const auto in_zero = static_cast<int>(in.quantization->zero_point[0]);
    const auto out_zero = static_cast<int>(out.quantization->zero_point[0]);
    const auto kind = made.model->operator_codes[op->opcode_index]->code;
    int low = -128;
    int high = 127;
    const auto six = static_cast<int>(std::lround(6.0F / out.quantization->scale[0])) + out_zero;
    auto activation = Activation::NONE;
    std::vector<int> next;
    if (kind == BuiltinOperator::FULLY_CONNECTED) {
      activation = op->options.AsFullyConnectedOptions()->fused_activation;
      const auto& weights = made.data_of(op->inputs[1]);
      const auto& scales = made.tensor(op->inputs[1]).quantization->scale;
      for (std::size_t o = 0; o < static_cast<std::size_t>(out.shape[1]); ++o) {
        std::int64_t sum = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
          sum += (values[i] - in_zero) * static_cast<std::int8_t>(weights[o * values.size() + i]);
        }
        if (op->inputs[2] >= 0) {
          const std::uint8_t* b = &made.data_of(op->inputs[2])[4 * o];
          std::uint32_t bias = 0;
          for (std::uint32_t byte = 0; byte < 4; ++byte)
            bias |= std::uint32_t{b[byte]} << (8 * byte);
          sum += static_cast<std::int32_t>(bias);
        }
        const double scale = static_cast<double>(scales[scales.size() == 1 ? 0 : o]);
        next.push_back(out_zero + twin_requantise(sum, in_scale * scale / out_scale));
      }
    } else if (kind == BuiltinOperator::RELU) {
      activation = Activation::RELU;
      for (const int v : values) {
        next.push_back(out_zero + twin_requantise(v - in_zero, in_scale / out_scale));
      }
    } else {
      activation = Activation::RELU6;
      next = values;
    }
    if (activation != Activation::NONE) low = std::max(low, out_zero);
    if (activation == Activation::RELU6) high = std::min(high, six);
    for (int& v : next) v = std::min(std::max(v, low), high);
    values = std::move(next);
  }
  return values;
}

HandMade random_network(Random& random) {
  const auto width = [&] {
    return 1 + static_cast<int>(random.below(random.below(4) == 0 ? 80 : 20));
  };
  const auto zero = [&] {
    const std::uint32_t choice = random.below(4);
    return choice == 0 ? -128 : choice == 1 ? 127 : static_cast<int>(random.below(256)) - 128;
  };
  const auto scale = [&] { return 0.002F + 0.3F * random.uniform() * random.uniform(); };
  HandMade made(width(), scale(), zero());
  const auto depth = 1 + random.below(10);
  for (std::uint32_t k = 0; k < depth; ++k) {
    const std::uint32_t kind = random.below(8);
    if (kind == 0) {
      made.relu(scale(), zero());
    } else if (kind == 1) {
      made.relu6();
    } else {
      constexpr Activation kActivations[] = {Activation::NONE, Activation::RELU, Activation::RELU6};
      made.dense({width(), scale(), zero(), random.below(2) == 0, random.below(4) != 0, scale(),
                  kActivations[random.below(3)]},
                 random);
    }
  }
  return made;
}

TEST(Int8Network, AgreesWithTheTwinOnRandomNetworks) {
  constexpr std::uint64_t kSeed = 20261123;
  for (std::uint64_t run = 0; run < 300; ++run) {
    SCOPED_TRACE(testing::Message() << "seed " << kSeed + run);
    Random random(kSeed + run);
    HandMade made = random_network(random);
    const Loaded loaded(made.file());
    ASSERT_TRUE(loaded.fault.ok()) << describe(loaded.fault.status);
    ASSERT_EQ(loaded.network.layers().size(), made.graph().operators.size());
    std::vector<std::int8_t> input(loaded.network.inputs());
    std::vector<std::int8_t> output(loaded.network.outputs());
    for (int row = 0; row < 40; ++row) {
      std::vector<int> wide;
      for (auto& code : input) {
        const int choice = static_cast<int>(random.below(256)) - 128;
        code = static_cast<std::int8_t>(row == 0 ? -128 : row == 1 ? 127 : choice);
        wide.push_back(code);
      }
      loaded.network.run(input, output);
      const auto expected = twin_run(made, wide);
      ASSERT_EQ(std::vector<int>(output.begin(), output.end()), expected) << "row " << row;
    }
  }
}

// ---- codes ---------------------------------------------------------------------------------------

TEST(TensorScale, SaturatesAndNeverWraps) {
  for (const int zero_point : {-128, -1, 0, 77, 127}) {
    for (const float scale : {1e-30F, 0.004F, 1.0F, 1e30F}) {
      const TensorScale tensor{scale, zero_point};
      int before = -128;
      for (const float real : {-kInfinity, -1e30F, -1e9F, -300.0F, -1.0F, 0.0F, 1.0F, 300.0F, 1e9F,
                               1e30F, kInfinity}) {
        const int code = tensor.code(real);
        EXPECT_GE(code, before) << real << " at scale " << scale;  // order is kept
        before = code;
      }
      EXPECT_EQ(tensor.code(-kInfinity), -128);
      EXPECT_EQ(tensor.code(kInfinity), 127);
      EXPECT_EQ(tensor.code(0.0F), zero_point);
      EXPECT_EQ(tensor.code(kNan), -128);
    }
    const TensorScale fine{0.01F, zero_point};
    EXPECT_EQ(fine.code(1e30F), 127);
    EXPECT_EQ(fine.code(-1e30F), -128);
    EXPECT_EQ(fine.code(4e7F), 127);  // 4e9 steps: beyond int32
    EXPECT_EQ(fine.code(-4e7F), -128);
  }
  const TensorScale half{0.5F, 10};
  EXPECT_EQ(half.code(0.25F), 11);  // halves away from zero
  EXPECT_EQ(half.code(-0.25F), 9);
  EXPECT_EQ(half.real(11), 0.5F);
  EXPECT_EQ(half.real(-128), -69.0F);
}

// ---- memory --------------------------------------------------------------------------------------

std::size_t least_workspace(const AlignedBytes& file) {
  std::size_t size = Int8Network::workspace_bytes(file.view());
  for (; size > 0; --size) {
    std::vector<std::byte> workspace(size - 1);
    Int8Network network;
    const Fault fault = Int8Network::load(file.view(), workspace, network);
    if (fault.ok()) continue;
    EXPECT_EQ(fault.status, Status::workspace_too_small);
    break;
  }
  return size;
}

TEST(Int8Network, RefusesAWorkspaceOneByteTooSmall) {
  Random random(5);
  HandMade made(18);
  made.dense({12, 0.1F, -128, true, true, 0.01F, Activation::RELU}, random)
      .relu(0.07F, -128)
      .dense({18, 0.1F, 4, false}, random);
  const AlignedBytes file = made.file();
  const std::size_t least = least_workspace(file);
  // A bias, a fraction and a shift for each of 12 outputs, and of 18; a separate ReLU; two buffers of 18.
  EXPECT_EQ(least, (12 * 4 + 12 * 4 + 12) + 8 + (18 * 4 + 18 * 4 + 20) + 2 * 20U);
  std::vector<std::byte> workspace(least);
  Int8Network network;
  ASSERT_TRUE(Int8Network::load(file.view(), workspace, network).ok());
  std::vector<std::int8_t> in(18), out(18);
  network.run(in, out);  // AddressSanitizer watches the ends of the workspace
  for (std::size_t size = 0; size < least; ++size) {
    std::vector<std::byte> small(size);
    EXPECT_EQ(Int8Network::load(file.view(), small, network).status, Status::workspace_too_small);
  }
}

TEST(Int8Network, AsksForEnoughWorkspaceWhenOperatorsShareWeights) {
  Random random(6);
  HandMade made(64);
  for (std::size_t k = 0; k < kMaxLayers; ++k) {
    made.dense({64, 0.1F, 0, false, false}, random);
    made.op(k).inputs = {made.op(k).inputs[0], made.op(0).inputs[1], -1};
  }
  const Loaded loaded(made.file());
  EXPECT_TRUE(loaded.fault.ok()) << describe(loaded.fault.status);
  EXPECT_LE(loaded.workspace.size(), kMostWorkspace);
}

TEST(Int8Network, RefusesMisalignedMemory) {
  Random random(7);
  HandMade made(4);
  made.dense({3}, random);
  const AlignedBytes file = made.file();
  std::vector<std::uint8_t> raw(file.view().size() + 32);
  std::vector<std::byte> workspace(kMostWorkspace);
  Int8Network network;
  for (std::size_t offset = 1; offset < 16; ++offset) {
    const auto base = reinterpret_cast<std::uintptr_t>(raw.data());
    std::uint8_t* here = raw.data() + (16 - base % 16) + offset;
    std::ranges::copy(file.view(), here);
    const std::span<const std::uint8_t> moved(here, file.view().size());
    EXPECT_EQ(Int8Network::load(moved, workspace, network).status, Status::misaligned);
    EXPECT_EQ(Int8Network::workspace_bytes(moved), 0U);
  }
  for (std::size_t offset = 1; offset < 4; ++offset) {
    EXPECT_EQ(Int8Network::load(file.view(), std::span(workspace).subspan(offset), network).status,
              Status::misaligned);
  }
}

// As export --c-tables does it.
TEST(Int8Network, RunsAndAssemblesFromItsPreparedLayers) {
  Random random(8);
  HandMade made(18);
  made.dense({12, 0.1F, -128, true, true, 0.01F, Activation::RELU}, random)
      .relu(0.07F, -128)
      .dense({7, 0.1F, 4, false}, random)
      .dense({18, 0.1F, 4}, random);
  const Loaded loaded(made.file());
  ASSERT_TRUE(loaded.fault.ok());
  std::array<std::int8_t, 36> scratch{};
  Int8Network assembled;
  ASSERT_TRUE(Int8Network::assemble(loaded.network.layers(), scratch, assembled));
  EXPECT_EQ(assembled.inputs(), 18U);
  EXPECT_EQ(assembled.outputs(), 18U);
  EXPECT_EQ(assembled.input_scale().scale, loaded.network.input_scale().scale);
  EXPECT_EQ(assembled.output_scale().zero_point, loaded.network.output_scale().zero_point);
  for (int run = 0; run < 100; ++run) {
    std::array<std::int8_t, 18> input{};
    for (std::int8_t& code : input) code = static_cast<std::int8_t>(random.below(256));
    std::array<std::int8_t, 18> expected{};
    std::array<std::int8_t, 18> found{};
    loaded.network.run(input, expected);
    assembled.run(input, found);
    EXPECT_EQ(found, expected);
    Int8Network::run(loaded.network.layers(), scratch, input, found);
    EXPECT_EQ(found, expected);
  }
  const std::vector<Int8Network::Layer> many(kMaxLayers + 1, loaded.network.layers()[0]);
  EXPECT_FALSE(Int8Network::assemble(many, scratch, assembled));
  EXPECT_FALSE(Int8Network::assemble({}, scratch, assembled));
}

// ---- the door ------------------------------------------------------------------------------------

struct Damage {
  const char* name;
  Status expected;
  std::function<void(HandMade&)> apply;
};

/// 6-5-4 with a fused ReLU: tensors 0 input, 1 weights, 2 bias, 3 hidden, 4 weights, 5 bias, 6 output.
HandMade small_network(bool per_channel = true) {
  Random random(8);
  HandMade made(6);
  made.dense({5, 0.1F, -128, per_channel, true, 0.01F, Activation::RELU}, random)
      .dense({4, 0.1F, 4, per_channel}, random);
  return made;
}

void set_type(HandMade& m, int tensor, TensorType type) { m.tensor(tensor).type = type; }

const Damage kDamages[] = {
    {"version_2", Status::unsupported_version, [](HandMade& m) { m.model->version = 2; }},
    {"version_4", Status::unsupported_version, [](HandMade& m) { m.model->version = 4; }},
    {"no_graph", Status::unsupported_graph, [](HandMade& m) { m.model->subgraphs.clear(); }},
    {"two_graphs", Status::unsupported_graph,
     [](HandMade& m) {
       m.model->subgraphs.push_back(std::make_unique<tflite::SubGraphT>(m.graph()));
     }},
    {"no_operators", Status::unsupported_graph,
     [](HandMade& m) {
       m.graph().operators.clear();
       m.graph().outputs = m.graph().inputs;
     }},
    {"no_tensors", Status::unsupported_graph, [](HandMade& m) { m.graph().tensors.clear(); }},
    {"no_operator_codes", Status::unsupported_graph,
     [](HandMade& m) { m.model->operator_codes.clear(); }},
    {"two_inputs", Status::unsupported_graph,
     [](HandMade& m) {
       m.graph().inputs = {0, 0};
     }},
    {"no_input", Status::unsupported_graph, [](HandMade& m) { m.graph().inputs.clear(); }},
    {"no_output", Status::unsupported_graph, [](HandMade& m) { m.graph().outputs.clear(); }},
    {"output_is_hidden", Status::unsupported_graph, [](HandMade& m) { m.graph().outputs = {3}; }},
    {"input_beyond_tensors", Status::unsupported_graph,
     [](HandMade& m) { m.graph().inputs = {99}; }},
    {"input_negative", Status::unsupported_graph, [](HandMade& m) { m.graph().inputs = {-1}; }},
    {"not_a_chain", Status::unsupported_graph, [](HandMade& m) { m.op(1).inputs[0] = 0; }},
    {"operator_without_inputs", Status::unsupported_graph,
     [](HandMade& m) { m.op(1).inputs.clear(); }},
    {"operator_with_two_outputs", Status::unsupported_graph,
     [](HandMade& m) {
       m.op(1).outputs = {6, 6};
     }},
    {"output_beyond_tensors", Status::unsupported_graph,
     [](HandMade& m) { m.op(1).outputs = {1 << 30}; }},
    {"dense_with_one_input", Status::unsupported_graph,
     [](HandMade& m) { m.op(0).inputs.resize(1); }},
    {"dense_with_four_inputs", Status::unsupported_graph,
     [](HandMade& m) { m.op(0).inputs.push_back(2); }},
    {"weights_beyond_tensors", Status::unsupported_graph,
     [](HandMade& m) { m.op(0).inputs[1] = 7; }},
    {"weights_negative", Status::unsupported_graph, [](HandMade& m) { m.op(0).inputs[1] = -1; }},
    {"bias_negative", Status::unsupported_graph, [](HandMade& m) { m.op(0).inputs[2] = -2; }},
    {"unknown_operator", Status::unsupported_operator,
     [](HandMade& m) {
       m.model->operator_codes[1]->code = BuiltinOperator::ADD;
       m.model->operator_codes[1]->deprecated_code = 0;
     }},
    {"operator_of_the_future", Status::unsupported_operator,
     [](HandMade& m) { m.model->operator_codes[1]->code = static_cast<BuiltinOperator>(999); }},
    {"code_beyond_list", Status::unsupported_operator,
     [](HandMade& m) { m.op(1).opcode_index = 2; }},
    {"no_options", Status::unsupported_operator, [](HandMade& m) { m.op(0).options.Reset(); }},
    {"shuffled_weights", Status::unsupported_operator,
     [](HandMade& m) { m.op(0).options.AsFullyConnectedOptions()->weights_format = 1; }},
    {"fused_tanh", Status::unsupported_activation,
     [](HandMade& m) {
       m.op(0).options.AsFullyConnectedOptions()->fused_activation = static_cast<Activation>(4);
     }},
    {"float_input", Status::unsupported_type,
     [](HandMade& m) { set_type(m, 0, TensorType::FLOAT32); }},
    {"float_hidden", Status::unsupported_type,
     [](HandMade& m) { set_type(m, 3, TensorType::FLOAT32); }},
    {"float_output", Status::unsupported_type,
     [](HandMade& m) { set_type(m, 6, TensorType::FLOAT32); }},
    {"uint8_input", Status::unsupported_type,
     [](HandMade& m) { set_type(m, 0, TensorType::UINT8); }},
    {"type_of_the_future", Status::unsupported_type,
     [](HandMade& m) { set_type(m, 3, static_cast<TensorType>(77)); }},
    {"float_weights", Status::unsupported_type,
     [](HandMade& m) { set_type(m, 1, TensorType::FLOAT32); }},
    {"int8_bias", Status::unsupported_type, [](HandMade& m) { set_type(m, 2, TensorType::INT8); }},
    {"no_shape", Status::bad_shape,
     [](HandMade& m) {
       m.tensor(3).shape = {0, 5};
     }},
    {"negative_shape", Status::bad_shape,
     [](HandMade& m) {
       m.tensor(3).shape = {1, -5};
     }},
    {"hidden_wider_than_weights", Status::bad_shape,
     [](HandMade& m) {
       m.tensor(3).shape = {1, 6};
     }},
    {"input_narrower_than_weights", Status::bad_shape,
     [](HandMade& m) {
       m.tensor(0).shape = {1, 5};
     }},
    {"weights_of_three_dimensions", Status::bad_shape,
     [](HandMade& m) {
       m.tensor(1).shape = {5, 6, 1};
     }},
    {"weights_too_short", Status::bad_shape, [](HandMade& m) { m.data_of(1).pop_back(); }},
    {"weights_too_long", Status::bad_shape, [](HandMade& m) { m.data_of(1).push_back(0); }},
    {"weights_without_data", Status::bad_shape, [](HandMade& m) { m.tensor(1).buffer = 0; }},
    {"weights_beyond_buffers", Status::bad_shape, [](HandMade& m) { m.tensor(1).buffer = 1000; }},
    {"bias_too_short", Status::bad_shape, [](HandMade& m) { m.data_of(2).resize(16); }},
    {"wide_input", Status::too_large,
     [](HandMade& m) {
       m.tensor(0).shape = {1, 1025};
     }},
    {"wide_in_two_dimensions", Status::too_large,
     [](HandMade& m) {
       m.tensor(3).shape = {1024, 2};
     }},
    {"product_beyond_32_bits", Status::too_large,
     [](HandMade& m) {
       m.tensor(3).shape = {1024, 1024, 1024, 1024};
     }},
    {"no_scale", Status::bad_quantisation,
     [](HandMade& m) { m.tensor(3).quantization->scale.clear(); }},
    {"no_quantisation", Status::bad_quantisation,
     [](HandMade& m) { m.tensor(3).quantization.reset(); }},
    {"two_scales", Status::bad_quantisation,
     [](HandMade& m) {
       m.tensor(3).quantization->scale = {1.0F, 1.0F};
     }},
    {"zero_scale", Status::bad_quantisation,
     [](HandMade& m) { m.tensor(0).quantization->scale = {0.0F}; }},
    {"negative_scale", Status::bad_quantisation,
     [](HandMade& m) { m.tensor(6).quantization->scale = {-0.1F}; }},
    {"nan_scale", Status::bad_quantisation,
     [](HandMade& m) { m.tensor(3).quantization->scale = {kNan}; }},
    {"infinite_scale", Status::bad_quantisation,
     [](HandMade& m) { m.tensor(3).quantization->scale = {kInfinity}; }},
    {"zero_point_too_low", Status::bad_quantisation,
     [](HandMade& m) { m.tensor(3).quantization->zero_point = {-129}; }},
    {"zero_point_too_high", Status::bad_quantisation,
     [](HandMade& m) { m.tensor(3).quantization->zero_point = {128}; }},
    {"zero_point_beyond_32_bits", Status::bad_quantisation,
     [](HandMade& m) { m.tensor(3).quantization->zero_point = {std::int64_t{1} << 32}; }},
    {"weights_not_symmetric", Status::bad_quantisation,
     [](HandMade& m) {
       m.tensor(1).quantization->zero_point = {0, 0, 0, 1, 0};
     }},
    {"weights_of_wrong_channels", Status::bad_quantisation,
     [](HandMade& m) { m.tensor(1).quantization->scale.pop_back(); }},
    {"weights_scaled_by_input", Status::bad_quantisation,
     [](HandMade& m) { m.tensor(1).quantization->quantized_dimension = 1; }},
    {"nan_weight_scale", Status::bad_quantisation,
     [](HandMade& m) { m.tensor(1).quantization->scale[2] = kNan; }},
    {"zero_weight_scale", Status::bad_quantisation,
     [](HandMade& m) { m.tensor(4).quantization->scale[3] = 0.0F; }},
    {"multiplier_too_large", Status::bad_quantisation,
     [](HandMade& m) { m.tensor(6).quantization->scale = {1e-20F}; }},
};

TEST(Int8Network, RefusesEachDamageForItsOwnReason) {
  {
    const Loaded whole(small_network().file());
    ASSERT_TRUE(whole.fault.ok()) << describe(whole.fault.status);
  }
  for (const Damage& damage : kDamages) {
    SCOPED_TRACE(damage.name);
    HandMade made = small_network();
    damage.apply(made);
    const AlignedBytes file = made.file();
    // Enough workspace, whatever the damaged file asks for.
    std::vector<std::byte> workspace(kMostWorkspace);
    Int8Network network;
    const Fault fault = Int8Network::load(file.view(), workspace, network);
    EXPECT_STREQ(describe(fault.status), describe(damage.expected));
    EXPECT_LT(fault.offset, file.view().size());
    EXPECT_LE(Int8Network::workspace_bytes(file.view()), kMostWorkspace);
  }
}

TEST(Int8Network, RefusesABiasOfAnotherScaleWhereTensorFlowLiteMicroDoes) {
  for (const float scale : {0.1F, kNan}) {
    HandMade made = small_network(false);
    made.tensor(2).quantization->scale = {scale};
    EXPECT_EQ(Loaded(made.file()).fault.status, Status::bad_quantisation) << scale;
  }
  EXPECT_TRUE(Loaded(small_network(false).file()).fault.ok());
}

TEST(Int8Network, TakesQuantizeAndDequantizeAtTheEndsAlone) {
  Random random(9);
  const auto with_ends = [&](bool in_the_middle) {
    HandMade made(4);
    made.graph().inputs = {made.activation(4, 1.0F, 0, TensorType::FLOAT32)};
    made.graph().outputs = made.graph().inputs;
    made.apply(BuiltinOperator::QUANTIZE, {}, made.activation(4, 0.05F, -7));
    made.dense({3, 0.02F, 9}, random);
    made.apply(BuiltinOperator::DEQUANTIZE, {}, made.activation(3, 1.0F, 0, TensorType::FLOAT32));
    if (in_the_middle) {
      made.apply(BuiltinOperator::QUANTIZE, {}, made.activation(3, 0.05F, 1));
      made.dense({3}, random);
    }
    return made;
  };
  const Loaded ends(with_ends(false).file());
  ASSERT_TRUE(ends.fault.ok()) << describe(ends.fault.status);
  EXPECT_TRUE(ends.network.float_input());
  EXPECT_TRUE(ends.network.float_output());
  EXPECT_EQ(ends.network.input_scale().zero_point, -7);
  EXPECT_EQ(ends.network.output_scale().scale, 0.02F);
  EXPECT_EQ(ends.network.output_scale().zero_point, 9);
  EXPECT_EQ(ends.network.multiplications(), 12U);
  EXPECT_EQ(Loaded(with_ends(true).file()).fault.status, Status::unsupported_type);
}

TEST(Int8Network, RefusesMoreLayersThanItHolds) {
  Random random(10);
  HandMade made(4);
  for (std::size_t k = 0; k < kMaxLayers; ++k) made.dense({4}, random);
  EXPECT_TRUE(Loaded(made.file()).fault.ok());
  made.relu6();
  EXPECT_EQ(Loaded(made.file()).fault.status, Status::too_large);
}

TEST(Int8Network, RefusesARelu6ThatChangesTheScale) {
  Random random(11);
  HandMade made(4);
  made.dense({4}, random).relu6();
  made.tensor(made.last()).quantization->scale[0] *= 1.01F;
  EXPECT_EQ(Loaded(made.file()).fault.status, Status::bad_quantisation);
}

TEST(Int8Network, RunsWhereSumsLeaveInt32WithoutUndefinedBehaviour) {
  // UndefinedBehaviorSanitizer watches; what comes out is clamped to int8 whatever it is.
  Random random(12);
  HandMade made(1, 0.9999999F * 16777216.0F, 127);
  made.relu(1.0F, -128);
  const Loaded relu(made.file());
  ASSERT_TRUE(relu.fault.ok());
  HandMade biased(2, 1.0F, -128);
  biased.dense({2, 0.001F, 127, true, true, 1.0F}, random);
  for (auto& byte : biased.data_of(2)) byte = 0x7F;
  const Loaded dense(biased.file());
  ASSERT_TRUE(dense.fault.ok());
  for (int code = -128; code < 128; ++code) {
    const std::int8_t in[2] = {static_cast<std::int8_t>(code), 127};
    std::int8_t out[2] = {};
    relu.network.run(std::span(in).first(1), std::span(out).first(1));
    EXPECT_GE(out[0], -128);
    dense.network.run(in, out);
    EXPECT_LE(out[1], 127);
  }
}

TEST(Int8Network, RefusesEveryCutFile) {
  const AlignedBytes file = small_network().file();
  std::vector<std::byte> workspace(kMostWorkspace);
  for (std::size_t size = 0; size < file.view().size(); ++size) {
    const AlignedBytes cut(file.view().first(size));
    Int8Network network;
    EXPECT_FALSE(Int8Network::load(cut.view(), workspace, network).ok()) << size;
  }
}

}  // namespace
}  // namespace fettle
