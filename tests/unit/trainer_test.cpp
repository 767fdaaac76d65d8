// SPDX-License-Identifier: Apache-2.0
// The trainer: gradients, bookkeeping, reproducibility, memory. That its steps are Keras' own:
// tests/golden/trainer_*, tested in goldens_test.cpp.
#include "core/learn/trainer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <new>
#include <vector>

#include "tests/support/hand_made.hpp"
#include "tests/support/trained.hpp"

// ---- every allocation of this program is counted -------------------------------------------------

namespace {
std::size_t allocations = 0;
}

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  ++allocations;
  const auto to = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(to, (size + to - 1) / to * to)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*size*/,
                                       std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}

namespace fettle {
namespace {

using test::AlignedFloats;

std::vector<float> random_rows(std::size_t rows, std::size_t dimensions, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(rows * dimensions);
  for (float& v : values) v = 4.0F * random.uniform() - 2.0F;
  return values;
}

/// A trainer with its data and memory.
struct Bench {
  NetworkShape shape;
  std::vector<float> rows, validation;
  AlignedFloats memory{0};
  Trainer trainer;

  Bench(std::size_t dimensions, std::vector<std::uint16_t> hidden, std::size_t count,
        const TrainingSettings& settings, std::size_t validation_rows = 0)
      : shape(NetworkShape::autoencoder(dimensions, hidden)),
        rows(random_rows(count, dimensions, 1)),
        validation(random_rows(validation_rows, dimensions, 2)),
        memory(Trainer::memory_floats(shape, count)) {
    EXPECT_EQ(trainer.begin(shape, settings, rows, validation, memory.view()), Status::ok);
  }
  std::vector<float> train() {
    while (!trainer.step().finished) {
    }
    return {trainer.best().parameters().begin(), trainer.best().parameters().end()};
  }
};

/// Loss over all rows in float64, from the definition.
double loss_of(const FloatNetwork& network, const std::vector<double>& parameters,
               std::span<const float> rows) {
  const NetworkShape& shape = network.shape();
  double sum = 0.0;
  for (std::size_t at = 0; at < rows.size(); at += shape.inputs()) {
    std::vector<double> values(rows.begin() + static_cast<std::ptrdiff_t>(at),
                               rows.begin() + static_cast<std::ptrdiff_t>(at + shape.inputs()));
    for (std::size_t k = 0; k < shape.layers; ++k) {
      const auto weights =
          static_cast<std::size_t>(network.weights(k) - network.parameters().data());
      const auto biases = static_cast<std::size_t>(network.biases(k) - network.parameters().data());
      const std::size_t stride = padded(shape.units[k + 1]);
      std::vector<double> next(shape.units[k + 1]);
      for (std::size_t o = 0; o < next.size(); ++o) {
        next[o] = parameters[biases + o];
        for (std::size_t i = 0; i < values.size(); ++i) {
          next[o] += parameters[weights + i * stride + o] * values[i];
        }
        if (k + 1 < shape.layers && next[o] < 0.0) next[o] = 0.0;
      }
      values = std::move(next);
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double difference = values[i] - static_cast<double>(rows[at + i]);
      sum += difference * difference;
    }
  }
  return sum / static_cast<double>(rows.size());
}

// With beta1 = beta2 = 0 a step of Adam is rate * g / (|g| + epsilon); with a huge epsilon that is
// rate / epsilon * g: the gradient itself becomes visible.
TEST(Trainer, GradientsAreThoseOfTheLoss) {
  for (const auto& hidden : {std::vector<std::uint16_t>{12, 8, 12}, std::vector<std::uint16_t>{5},
                             std::vector<std::uint16_t>{}, std::vector<std::uint16_t>{21, 33, 3}}) {
    TrainingSettings settings;
    settings.batch = 7;
    settings.epochs = 3;
    settings.beta1 = 0.0F;
    settings.beta2 = 0.0F;
    settings.epsilon = 1e6F;
    settings.learning_rate = 1e6F;
    settings.seed = 5;
    Bench bench(9, hidden, 7, settings);
    const std::size_t count = bench.trainer.current().parameters().size();
    // Biases away from zero, so that they count.
    Random random(3);
    for (std::size_t k = 0; k < bench.shape.layers; ++k) {
      for (std::size_t o = 0; o < bench.shape.units[k + 1]; ++o) {
        bench.trainer.current().biases(k)[o] = 0.2F * (random.uniform() - 0.3F);
      }
    }
    const auto floats = bench.trainer.current().parameters();
    std::vector<double> before(floats.begin(), floats.end());
    bench.trainer.step();
    for (std::size_t i = 0; i < count; ++i) {
      const double found = before[i] - static_cast<double>(floats[i]);
      if (before[i] == 0.0 && floats[i] == 0.0F) continue;  // padding
      constexpr double kStep = 1e-5;
      const double kept = before[i];
      before[i] = kept + kStep;
      const double above = loss_of(bench.trainer.current(), before, bench.rows);
      before[i] = kept - kStep;
      const double below = loss_of(bench.trainer.current(), before, bench.rows);
      before[i] = kept;
      const double gradient = (above - below) / (2 * kStep);
      EXPECT_NEAR(found, gradient, 2e-5 + 1e-4 * std::abs(gradient)) << "parameter " << i;
    }
  }
}

TEST(Trainer, GivesTheSameBitsForTheSameSeedAndOthersForAnother) {
  TrainingSettings settings;
  settings.epochs = 5;
  settings.seed = 11;
  const auto first = Bench(18, {12, 8, 12}, 77, settings, 13).train();
  const auto again = Bench(18, {12, 8, 12}, 77, settings, 13).train();
  EXPECT_EQ(first, again);
  settings.seed = 12;
  EXPECT_NE(first, Bench(18, {12, 8, 12}, 77, settings, 13).train());
  // Memory that is not zero to begin with changes nothing.
  settings.seed = 11;
  Bench dirty(18, {12, 8, 12}, 77, settings, 13);
  for (float& x : dirty.memory.view()) x = std::nanf("");
  ASSERT_EQ(
      dirty.trainer.begin(dirty.shape, settings, dirty.rows, dirty.validation, dirty.memory.view()),
      Status::ok);
  EXPECT_EQ(first, dirty.train());
}

TEST(Trainer, StartsGlorotUniformWithZeroBiases) {
  TrainingSettings settings;
  Bench bench(64, {128, 64}, 3, settings);
  const FloatNetwork& network = bench.trainer.current();
  for (std::size_t k = 0; k < bench.shape.layers; ++k) {
    const double limit = std::sqrt(6.0 / (bench.shape.units[k] + bench.shape.units[k + 1]));
    double sum = 0.0;
    double squares = 0.0;
    double largest = 0.0;
    for (std::size_t o = 0; o < bench.shape.units[k + 1]; ++o) {
      EXPECT_EQ(network.biases(k)[o], 0.0F);
      for (std::size_t i = 0; i < bench.shape.units[k]; ++i) {
        const auto w = static_cast<double>(network.weight(k, o, i));
        sum += w;
        squares += w * w;
        largest = std::max(largest, std::abs(w));
      }
    }
    const double n = bench.shape.units[k] * bench.shape.units[k + 1];
    EXPECT_LE(largest, limit);
    EXPECT_GT(largest, 0.99 * limit);
    EXPECT_NEAR(sum / n, 0.0, 4 * limit / std::sqrt(3.0 * n));
    EXPECT_NEAR(squares / n, limit * limit / 3.0, 0.05 * limit * limit);
  }
}

TEST(Trainer, EveryEpochSeesEveryRowOnceInANewOrder) {
  // Rate 0 keeps the network as it is: the loss of an epoch is then that of all rows once.
  TrainingSettings settings;
  settings.epochs = 4;
  settings.batch = 10;
  settings.learning_rate = 0.0F;
  Bench bench(6, {4}, 33, settings);
  const float whole = reconstruction_loss(bench.trainer.current(), bench.rows);
  for (int epoch = 1; epoch <= 4; ++epoch) {
    for (int batch = 0; batch < 4; ++batch) {
      EXPECT_EQ(bench.trainer.step().epoch_complete, batch == 3);  // 10 + 10 + 10 + 3
    }
    EXPECT_EQ(bench.trainer.progress().epoch, static_cast<std::uint32_t>(epoch));
    EXPECT_NEAR(bench.trainer.progress().train_loss, whole, 1e-6F * whole);
  }
  EXPECT_TRUE(bench.trainer.progress().finished);
  const auto before = bench.train();
  bench.trainer.step();
  EXPECT_EQ(bench.trainer.progress().epoch, 4U);
  EXPECT_EQ(before, bench.train());

  settings.learning_rate = 1e-3F;
  const auto shuffled = Bench(6, {4}, 33, settings).train();
  settings.shuffle = false;
  EXPECT_NE(shuffled, Bench(6, {4}, 33, settings).train());
}

TEST(Trainer, KeepsTheBestEpochByValidation) {
  TrainingSettings settings;
  settings.epochs = 60;
  settings.batch = 4;
  settings.learning_rate = 0.05F;  // so restless that the last epoch is not the best
  Bench bench(6, {5, 2, 5}, 21, settings, 9);
  float best = 0.0F;
  std::uint32_t best_epoch = 0;
  std::vector<float> parameters;
  while (!bench.trainer.progress().finished) {
    if (!bench.trainer.step().epoch_complete) continue;
    const auto& progress = bench.trainer.progress();
    EXPECT_EQ(progress.validation_loss,
              reconstruction_loss(bench.trainer.current(), bench.validation));
    if (best_epoch == 0 || progress.validation_loss < best) {
      best = progress.validation_loss;
      best_epoch = progress.epoch;
      const auto now = bench.trainer.current().parameters();
      parameters.assign(now.begin(), now.end());
    }
    EXPECT_EQ(progress.best_epoch, best_epoch);
    EXPECT_EQ(progress.best_validation_loss, best);
  }
  ASSERT_LT(best_epoch, 60U);
  EXPECT_EQ(parameters, bench.train());
  EXPECT_EQ(reconstruction_loss(bench.trainer.best(), bench.validation), best);
}

TEST(Trainer, UsesTheTrainingLossWithoutValidationRows) {
  TrainingSettings settings;
  settings.epochs = 3;
  Bench bench(6, {4}, 10, settings);
  while (!bench.trainer.step().finished) {
  }
  EXPECT_EQ(bench.trainer.progress().validation_loss, bench.trainer.progress().train_loss);
  EXPECT_EQ(bench.trainer.progress().best_epoch, 3U);
}

TEST(Trainer, LearnsToReproduceWhatFitsThroughItsNeck) {
  // Rows on a plane of two dimensions in a space of nine.
  Random random(4);
  std::vector<float> rows;
  for (int n = 0; n < 200; ++n) {
    const float a = 2.0F * random.uniform() - 1.0F;
    const float b = 2.0F * random.uniform() - 1.0F;
    for (const float along_a : {-1.0F, 0.0F, 1.0F}) {
      for (const float along_b : {-1.0F, 0.0F, 1.0F}) rows.push_back(a * along_a + b * along_b);
    }
  }
  TrainingSettings settings;
  settings.epochs = 300;
  settings.learning_rate = 3e-3F;
  const std::uint16_t hidden[] = {12, 4, 12};
  const auto shape = NetworkShape::autoencoder(9, hidden);
  AlignedFloats memory(Trainer::memory_floats(shape, 200));
  Trainer trainer;
  ASSERT_EQ(trainer.begin(shape, settings, rows, {}, memory.view()), Status::ok);
  const float before = reconstruction_loss(trainer.current(), rows);
  while (!trainer.step().finished) {
  }
  EXPECT_LT(reconstruction_loss(trainer.best(), rows), 0.02F * before);
}

TEST(Trainer, KeepsPaddingZero) {
  TrainingSettings settings;
  settings.epochs = 20;
  settings.batch = 3;
  Bench bench(9, {5, 2, 7}, 20, settings, 4);
  (void)bench.train();
  for (const FloatNetwork* network : {&bench.trainer.current(), &bench.trainer.best()}) {
    for (std::size_t k = 0; k < bench.shape.layers; ++k) {
      const std::size_t outputs = bench.shape.units[k + 1];
      for (std::size_t o = outputs; o < padded(outputs); ++o) {
        EXPECT_EQ(network->biases(k)[o], 0.0F);
        for (std::size_t i = 0; i < bench.shape.units[k]; ++i) {
          EXPECT_EQ(network->weight(k, o, i), 0.0F);
        }
      }
    }
  }
}

TEST(Trainer, TrainsOnOneRowAndOnABatchLargerThanTheData) {
  TrainingSettings settings;
  settings.epochs = 200;
  settings.batch = 1000;
  settings.learning_rate = 0.01F;
  Bench bench(3, {4}, 1, settings);
  const float before = reconstruction_loss(bench.trainer.current(), bench.rows);
  EXPECT_TRUE(bench.trainer.step().epoch_complete);
  (void)bench.train();
  EXPECT_LT(reconstruction_loss(bench.trainer.best(), bench.rows), 0.1F * before);
}

TEST(Trainer, RefusesWhatItCannotDo) {
  TrainingSettings settings;
  const auto rows = random_rows(10, 6, 1);
  const std::uint16_t hidden[] = {4};
  const auto shape = NetworkShape::autoencoder(6, hidden);
  const std::size_t needed = Trainer::memory_floats(shape, 10);
  AlignedFloats memory(needed);
  Trainer trainer;
  EXPECT_EQ(trainer.begin(shape, settings, rows, {}, memory.view()), Status::ok);
  EXPECT_EQ(trainer.begin(shape, settings, rows, {}, memory.view().first(needed - 1)),
            Status::workspace_too_small);
  EXPECT_EQ(trainer.begin(shape, settings, {}, {}, memory.view()), Status::too_few_windows);
  EXPECT_EQ(trainer.begin(shape, settings, std::span(rows).first(5), {}, memory.view()),
            Status::too_few_windows);  // less than a row
  EXPECT_EQ(trainer.begin({}, settings, rows, {}, memory.view()), Status::bad_configuration);
  settings.epochs = 0;
  EXPECT_EQ(trainer.begin(shape, settings, rows, {}, memory.view()), Status::bad_configuration);
  settings.epochs = 1;
  settings.batch = 0;
  EXPECT_EQ(trainer.begin(shape, settings, rows, {}, memory.view()), Status::bad_configuration);
}

// The author's reference splitmix64.c gives these for the seed 1234567.
TEST(Random, IsSplitMix64) {
  Random random(1234567);
  for (const std::uint64_t expected :
       {6457827717110365317U, 3203168211198807973U, 9817491932198370423U, 4593380528125082431U,
        16408922859458223821U}) {
    EXPECT_EQ(random.next(), expected);
  }
}

TEST(Random, IsUniform) {
  Random random(1);
  for (const std::uint32_t bound : {1U, 2U, 7U, 100U}) {
    std::vector<int> seen(bound);
    for (std::uint32_t i = 0; i < 1000 * bound; ++i) {
      const std::uint32_t drawn = random.below(bound);
      ASSERT_LT(drawn, bound);
      ++seen[drawn];
    }
    for (const int count : seen) EXPECT_NEAR(count, 1000, 160);  // five standard deviations
  }
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const float x = random.uniform();
    ASSERT_GE(x, 0.0F);
    ASSERT_LT(x, 1.0F);
    sum += static_cast<double>(x);
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.015);
}

TEST(NetworkShape, HasBounds) {
  const auto layers = [](std::size_t dimensions, std::vector<std::uint16_t> hidden) {
    return NetworkShape::autoencoder(dimensions, hidden).layers;
  };
  EXPECT_EQ(layers(18, {12, 8, 12}), 4U);
  EXPECT_EQ(layers(1, {}), 1U);
  EXPECT_EQ(layers(kMaxFeatures, std::vector<std::uint16_t>(kMaxDenseLayers - 1, kMaxUnits)),
            kMaxDenseLayers);
  EXPECT_EQ(layers(0, {4}), 0U);
  EXPECT_EQ(layers(kMaxFeatures + 1, {4}), 0U);
  EXPECT_EQ(layers(18, std::vector<std::uint16_t>(kMaxDenseLayers, 4)), 0U);
  EXPECT_EQ(layers(18, {12, 0, 12}), 0U);
  EXPECT_EQ(layers(18, {12, kMaxUnits + 1, 12}), 0U);
  static_assert(FloatNetwork::parameter_floats(
                    NetworkShape::autoencoder(18, std::array<std::uint16_t, 3>{12, 8, 12})) ==
                19 * 12 + 13 * 8 + 9 * 12 + 13 * 20);
}

TEST(FloatNetwork, RunsEveryWidthLikeTheDefinition) {
  for (std::uint16_t width = 1; width <= kMaxUnits;
       width = static_cast<std::uint16_t>(width + (width < 40 ? 1 : 11))) {
    const std::uint16_t hidden[] = {width};
    const auto shape = NetworkShape::autoencoder(5, hidden);
    AlignedFloats memory(FloatNetwork::parameter_floats(shape));
    Random random(width);
    const FloatNetwork network(shape, memory.view());
    for (std::size_t k = 0; k < 2; ++k) {
      for (std::size_t o = 0; o < shape.units[k + 1]; ++o) {
        network.biases(k)[o] = random.uniform() - 0.5F;
        for (std::size_t i = 0; i < shape.units[k]; ++i) {
          network.weights(k)[i * padded(shape.units[k + 1]) + o] = random.uniform() - 0.5F;
        }
      }
    }
    const auto rows = random_rows(3, 5, width);
    const auto parameters = memory.view();
    EXPECT_NEAR(reconstruction_loss(network, rows),
                loss_of(network, {parameters.begin(), parameters.end()}, rows), 1e-5)
        << width;
  }
}

// From samples to a complete, sealed detector file that judges a stream: on a device there is no heap.
TEST(Learning, AllocatesNothing) {
  constexpr std::size_t kWindows = 60;
  const FeatureSpec spec{FeatureSet::tutorial, 6, true};
  const WindowShape window{128, 200.0F};
  static float features[kWindows * 18];
  static float more[kWindows * 18];
  const std::uint16_t hidden[] = {12, 8, 12};
  const auto shape = NetworkShape::autoencoder(18, hidden);
  AlignedFloats trainer_memory(Trainer::memory_floats(shape, 48));
  std::vector<std::byte> quantiser_memory(quantiser_bytes(shape));
  AlignedFloats plain_memory(network_file_bytes(shape) / 4 + 16);
  AlignedFloats record_memory(2048);
  AlignedFloats file_memory(4096);
  std::vector<std::byte> workspace(kMostWorkspace);
  const auto bytes = [](AlignedFloats& memory) {
    return std::span(reinterpret_cast<std::uint8_t*>(memory.view().data()),
                     memory.view().size_bytes() / 16 * 16);
  };
  simulator::Machine machine({}, 1);
  static Trainer trainer;
  static Int8Network network;
  static DetectorModel model;
  static QuantisedNetwork quantised;
  DetectorDescription description;
  const UsedRecording used[] = {{1, 2, 3, 4}};

  const std::size_t before = allocations;
  FeaturePipeline front(spec, window);
  for (std::size_t done = 0; done < kWindows;) {
    if (!front.push(machine.next())) continue;
    front.finish(std::span(features).subspan(done++ * 18, 18));
  }
  ASSERT_EQ(fit_normaliser(spec, std::span(features).first(48 * 18), description.normaliser),
            Status::ok);
  for (std::size_t row = 0; row < kWindows; ++row) {
    description.normaliser.apply(std::span(features).subspan(row * 18, 18),
                                 std::span(more).subspan(row * 18, 18));
  }
  TrainingSettings settings;
  settings.epochs = 3;
  ASSERT_EQ(trainer.begin(shape, settings, std::span(more).first(48 * 18),
                          std::span(more).subspan(48 * 18), trainer_memory.view()),
            Status::ok);
  while (!trainer.step().finished) {
  }
  ASSERT_EQ(quantise(trainer.best(), std::span(more).first(48 * 18), WeightScales::per_channel,
                     quantiser_memory, quantised),
            Status::ok);
  auto file = write_network(quantised, {}, bytes(plain_memory));
  ASSERT_GT(file.size(), 0U);
  std::int8_t golden_in[18] = {1, 2, 3};
  std::int8_t golden_out[18];
  // write_network() fills its memory from the back, and its size is a multiple of 16.
  ASSERT_TRUE(Int8Network::load(file, workspace, network).ok());
  network.run(golden_in, golden_out);
  description.features = spec;
  description.window = window;
  description.threshold.value = 1.0F;
  description.training.version = "0";
  description.training.normal_label = "normal";
  description.training.hidden = hidden;
  description.training.epochs = 1;
  description.training.batch = 1;
  description.training.used = used;
  ASSERT_LE(record_bytes(description), record_memory.view().size_bytes());
  const auto record = write_record(description, golden_in, golden_out, bytes(record_memory));
  file = write_network(quantised, record, bytes(file_memory));
  ASSERT_TRUE(seal(file));
  const Fault fault = load_detector(file, workspace, model);
  ASSERT_TRUE(fault.ok()) << describe(fault.status);
  Pipeline pipeline(model);
  std::size_t judged = 0;
  while (judged < 20) judged += pipeline.push(machine.next()).has_value() ? 1U : 0U;
  EXPECT_EQ(allocations, before);
  ::operator delete(::operator new(1));
  EXPECT_EQ(allocations, before + 1);  // the counter counts
}

}  // namespace
}  // namespace fettle
