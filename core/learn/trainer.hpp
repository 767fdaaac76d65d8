// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/learn/float_network.hpp"
#include "core/learn/random.hpp"
#include "core/status.hpp"

namespace fettle {

struct TrainingSettings {
  std::uint32_t epochs = 50;  ///< 1 or more
  std::uint32_t batch = 32;   ///< 1 or more
  std::uint64_t seed = 1;
  bool shuffle = true;  ///< a new order of windows each epoch
  float learning_rate = 1e-3F;
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-7F;
};

/// Trains an autoencoder to reproduce its input: mean squared error, Adam (Kingma and Ba,
/// arXiv:1412.6980, algorithm 1 with the bias corrections folded into the step size as in its section
/// 2, epsilon added to the uncorrected root as Keras does), Glorot uniform start (Glorot and Bengio
/// 2010, equation 16), biases zero, the epoch with the lowest validation loss kept.
///
/// No heap: memory is handed in. No long call: step() does one batch, so a device can learn while it
/// samples. Same data, settings and seed give the same bits on every target: gradients are summed a
/// window at a time in the order drawn, lanes never mix.
class Trainer {
 public:
  struct Progress {
    std::uint32_t epoch = 0;       ///< epochs completed
    std::uint32_t best_epoch = 0;  ///< 1-based; 0 before the first is complete
    float train_loss = 0.0F;       ///< mean over the epoch's batches as they were seen, per value
    float validation_loss = 0.0F;  ///< after the epoch; the training loss when there are no rows
    float best_validation_loss = 0.0F;
    bool epoch_complete = false;  ///< the last step() ended an epoch
    bool finished = false;
  };

  /// Floats of memory that begin() needs for a shape and a number of training rows.
  [[nodiscard]] static constexpr std::size_t memory_floats(const NetworkShape& shape,
                                                           std::size_t rows) {
    return 5 * FloatNetwork::parameter_floats(shape) + padded(rows);
  }

  /// @param rows        training windows [n][D], z-scores, finite
  /// @param validation  windows that choose the best epoch [m][D], may be empty
  /// @param memory      memory_floats(), 16-byte aligned
  /// @return bad_configuration, too_few_windows (no rows), workspace_too_small or ok
  [[nodiscard]] Status begin(const NetworkShape& shape, const TrainingSettings& settings,
                             std::span<const float> rows, std::span<const float> validation,
                             std::span<float> memory);

  /// One batch. Nothing happens once finished.
  const Progress& step();

  [[nodiscard]] const Progress& progress() const { return progress_; }
  /// Parameters as they are now; may be overwritten before the first step.
  [[nodiscard]] const FloatNetwork& current() const { return network_; }
  /// Parameters of the best epoch so far.
  [[nodiscard]] const FloatNetwork& best() const { return best_; }

 private:
  void start_epoch();
  void end_epoch();
  double learn_from(const float* row, float scale);
  void adam_step();

  FloatNetwork network_, best_, gradient_;
  std::span<float> first_moment_, second_moment_;
  std::uint32_t* order_ = nullptr;
  std::span<const float> rows_, validation_;
  std::size_t row_count_ = 0;
  std::size_t position_ = 0;
  double loss_sum_ = 0.0;
  double beta1_power_ = 1.0, beta2_power_ = 1.0;
  TrainingSettings settings_;
  Random random_{0};
  Progress progress_;
};

/// Mean over all values of (input - reconstruction)^2. @param rows [n][D]  @return 0 for no rows
[[nodiscard]] float reconstruction_loss(const FloatNetwork& network, std::span<const float> rows);

}  // namespace fettle
