// SPDX-License-Identifier: Apache-2.0
#include "core/learn/trainer.hpp"

#include "core/learn/vector4.hpp"
#include "core/math.hpp"

namespace fettle {
namespace {

static_assert(sizeof(float) == sizeof(std::uint32_t), "the order of rows lies in float memory");

void glorot_uniform(const FloatNetwork& network, Random& random) {
  const NetworkShape& shape = network.shape();
  for (std::size_t k = 0; k < shape.layers; ++k) {
    const std::size_t inputs = shape.units[k];
    const std::size_t outputs = shape.units[k + 1];
    const float limit = square_root(6.0F / static_cast<float>(inputs + outputs));
    float* weights = network.weights(k);
    for (std::size_t i = 0; i < inputs; ++i) {
      for (std::size_t o = 0; o < outputs; ++o) {
        weights[i * padded(outputs) + o] = (2.0F * random.uniform() - 1.0F) * limit;
      }
    }
  }
}

void copy(std::span<const float> from, std::span<float> to) {
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = from[i];
}

void fill(std::span<float> values, float value) {
  for (float& v : values) v = value;
}

/// gradient[i][o] += input[i] * delta[o], and delta into the biases.
void add_gradient(const FloatNetwork& gradient, std::size_t k, const float* input,
                  const float* delta) {
  const std::size_t inputs = gradient.shape().units[k];
  const std::size_t stride = padded(gradient.shape().units[k + 1]);
  float* weights = gradient.weights(k);
  for (std::size_t i = 0; i < inputs; ++i) {
    const Vector4 x = broadcast(input[i]);
    for (std::size_t o = 0; o < stride; o += kLanes) {
      float* here = weights + i * stride + o;
      store(here, load(here) + x * load(delta + o));
    }
  }
  float* biases = gradient.biases(k);
  for (std::size_t o = 0; o < stride; o += kLanes) {
    store(biases + o, load(biases + o) + load(delta + o));
  }
}

/// Gradient at the inputs of layer k: weights * delta, where the ReLU below let something through.
void propagate_back(const FloatNetwork& network, std::size_t k, const float* below,
                    const float* delta, float* result) {
  const std::size_t inputs = network.shape().units[k];
  const std::size_t stride = padded(network.shape().units[k + 1]);
  const float* weights = network.weights(k);
  for (std::size_t i = 0; i < inputs; ++i) {
    Vector4 products{};
    for (std::size_t o = 0; o < stride; o += kLanes) {
      products += load(weights + i * stride + o) * load(delta + o);
    }
    result[i] = below[i] > 0.0F ? sum(products) : 0.0F;
  }
  for (std::size_t i = inputs; i < padded(inputs); ++i) result[i] = 0.0F;
}

}  // namespace

Status Trainer::begin(const NetworkShape& shape, const TrainingSettings& settings,
                      std::span<const float> rows, std::span<const float> validation,
                      std::span<float> memory) {
  if (shape.layers == 0 || settings.epochs == 0 || settings.batch == 0 ||
      shape.inputs() != shape.outputs()) {
    return Status::bad_configuration;
  }
  row_count_ = rows.size() / shape.inputs();
  if (row_count_ == 0) return Status::too_few_windows;
  if (memory.size() < memory_floats(shape, row_count_)) return Status::workspace_too_small;

  const std::size_t count = FloatNetwork::parameter_floats(shape);
  const auto part = [&](std::size_t index) { return memory.subspan(index * count, count); };
  fill(memory.first(5 * count), 0.0F);
  network_ = FloatNetwork(shape, part(0));
  best_ = FloatNetwork(shape, part(1));
  gradient_ = FloatNetwork(shape, part(2));
  first_moment_ = part(3);
  second_moment_ = part(4);
  order_ = reinterpret_cast<std::uint32_t*>(memory.data() + 5 * count);
  for (std::size_t i = 0; i < row_count_; ++i) order_[i] = static_cast<std::uint32_t>(i);

  settings_ = settings;
  rows_ = rows;
  validation_ = validation;
  random_ = Random(settings.seed);
  beta1_power_ = beta2_power_ = 1.0;
  progress_ = {};
  glorot_uniform(network_, random_);
  copy(network_.parameters(), best_.parameters());
  start_epoch();
  return Status::ok;
}

void Trainer::start_epoch() {
  position_ = 0;
  loss_sum_ = 0.0;
  if (!settings_.shuffle) return;
  for (std::size_t i = row_count_ - 1; i > 0; --i) {  // Fisher and Yates
    const std::uint32_t j = random_.below(static_cast<std::uint32_t>(i + 1));
    const std::uint32_t kept = order_[i];
    order_[i] = order_[j];
    order_[j] = kept;
  }
}

const Trainer::Progress& Trainer::step() {
  if (progress_.finished) return progress_;
  const std::size_t dimensions = network_.shape().inputs();
  const std::size_t left = row_count_ - position_;
  const std::size_t size = left < settings_.batch ? left : settings_.batch;
  fill(gradient_.parameters(), 0.0F);
  // d/dy of mean((y - x)^2) over the batch and the D values.
  const float scale = 2.0F / (static_cast<float>(dimensions) * static_cast<float>(size));
  for (std::size_t i = 0; i < size; ++i) {
    loss_sum_ += learn_from(rows_.data() + order_[position_ + i] * dimensions, scale);
  }
  position_ += size;
  adam_step();
  progress_.epoch_complete = position_ == row_count_;
  if (progress_.epoch_complete) end_epoch();
  return progress_;
}

double Trainer::learn_from(const float* row, float scale) {
  const NetworkShape& shape = network_.shape();
  const std::size_t dimensions = shape.inputs();
  alignas(16) std::array<std::array<float, kMaxUnits>, kMaxDenseLayers> outputs;
  alignas(16) std::array<std::array<float, kMaxUnits>, 2> deltas;

  const float* input = row;
  for (std::size_t k = 0; k < shape.layers; ++k) {
    network_.run_layer(k, input, outputs[k].data());
    input = outputs[k].data();
  }
  float* delta = deltas[0].data();
  float loss = 0.0F;
  for (std::size_t i = 0; i < dimensions; ++i) {
    const float difference = input[i] - row[i];
    loss += difference * difference;
    delta[i] = scale * difference;
  }
  for (std::size_t i = dimensions; i < padded(dimensions); ++i) delta[i] = 0.0F;

  for (std::size_t k = shape.layers; k-- > 0;) {
    const float* below = k == 0 ? row : outputs[k - 1].data();
    add_gradient(gradient_, k, below, delta);
    if (k == 0) break;
    float* next = deltas[(shape.layers - k) % 2].data();
    propagate_back(network_, k, below, delta, next);
    delta = next;
  }
  return static_cast<double>(loss);
}

void Trainer::adam_step() {
  beta1_power_ *= static_cast<double>(settings_.beta1);
  beta2_power_ *= static_cast<double>(settings_.beta2);
  const float correction =
      square_root(static_cast<float>(1.0 - beta2_power_)) / static_cast<float>(1.0 - beta1_power_);
  const float rate = settings_.learning_rate * correction;
  const float keep1 = 1.0F - settings_.beta1;
  const float keep2 = 1.0F - settings_.beta2;
  float* parameters = network_.parameters().data();
  float* first = first_moment_.data();
  float* second = second_moment_.data();
  const float* gradient = gradient_.parameters().data();
  const float epsilon = settings_.epsilon;
  const std::size_t count = first_moment_.size();
#pragma GCC ivdep
  for (std::size_t i = 0; i < count; ++i) {
    const float g = gradient[i];
    first[i] += (g - first[i]) * keep1;
    second[i] += (g * g - second[i]) * keep2;
    parameters[i] -= rate * first[i] / (square_root(second[i]) + epsilon);
  }
}

void Trainer::end_epoch() {
  const double values =
      static_cast<double>(row_count_) * static_cast<double>(network_.shape().inputs());
  ++progress_.epoch;
  progress_.train_loss = static_cast<float>(loss_sum_ / values);
  progress_.validation_loss =
      validation_.empty() ? progress_.train_loss : reconstruction_loss(network_, validation_);
  if (progress_.best_epoch == 0 || progress_.validation_loss < progress_.best_validation_loss) {
    progress_.best_epoch = progress_.epoch;
    progress_.best_validation_loss = progress_.validation_loss;
    copy(network_.parameters(), best_.parameters());
  }
  progress_.finished = progress_.epoch == settings_.epochs;
  if (!progress_.finished) start_epoch();
}

float reconstruction_loss(const FloatNetwork& network, std::span<const float> rows) {
  const std::size_t dimensions = network.shape().inputs();
  std::array<float, kMaxFeatures> output;
  double sum = 0.0;
  for (std::size_t at = 0; at < rows.size(); at += dimensions) {
    network.run(rows.subspan(at, dimensions), std::span(output).first(dimensions));
    float error = 0.0F;
    for (std::size_t i = 0; i < dimensions; ++i) {
      const float difference = output[i] - rows[at + i];
      error += difference * difference;
    }
    sum += static_cast<double>(error);
  }
  return rows.empty() ? 0.0F : static_cast<float>(sum / static_cast<double>(rows.size()));
}

}  // namespace fettle
