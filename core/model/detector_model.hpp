// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/features/baseline.hpp"
#include "core/features/feature_set.hpp"
#include "core/features/normaliser.hpp"
#include "core/model/decision_settings.hpp"
#include "core/model/int8_network.hpp"
#include "core/window/window_cutter.hpp"

namespace fettle {

namespace metadata {
struct DetectorRecord;
}

/// How a network's output becomes a score. The value is stored in model files.
enum class ScoreKind : std::uint8_t {
  reconstruction_mse = 1,  ///< mean squared difference between z-scores and their reconstruction
  output_mean_square = 2,  ///< mean squared output
};

/// What kind of detector the network is. The value is stored in model files.
enum class DetectorKind : std::uint8_t {
  autoencoder = 1,
  mahalanobis = 2,  ///< one linear layer that makes z-scores independent and of variance 1
};

/// The two marks that a Fettle file carries, so that damage to one does not make it look plain: the
/// name of its metadata buffer and the start of its description.
inline constexpr const char* kMetadataName = "fettle.detector";
inline constexpr const char* kDescription = "Fettle detector, format 1";
/// 2 has a decision or a baseline, without which its scores would be misread; all else is 1.
inline constexpr std::uint16_t kMetadataFormat = 2;

/// Everything between samples and verdict, read from one .tflite file. A view: the file and the
/// workspace must outlive it.
struct DetectorModel {
  DetectorKind detector = DetectorKind::autoencoder;
  FeatureSpec features;
  WindowShape window;
  Normaliser normaliser;
  ScoreKind score = ScoreKind::reconstruction_mse;
  float threshold = 0.0F;
  std::optional<DecisionSettings> decision;  ///< none: each window by itself, by the threshold
  Baseline baseline;                         ///< without points every window is judged
  Int8Network network;
  /// All of the metadata, for those who report on it.
  const metadata::DetectorRecord* record = nullptr;
};

/// Finds Fettle's metadata in a .tflite and verifies marks, checksum and structure. Ok with a null
/// `record` is a plain .tflite; a file that was a Fettle file and is damaged is never taken for one.
[[nodiscard]] Fault find_record(std::span<const std::uint8_t> file,
                                const metadata::DetectorRecord*& record);

/// Loads a detector: find_record(), the network, agreement of both, and the golden vector.
/// @param workspace  at least Int8Network::workspace_bytes(file), 4-byte aligned
[[nodiscard]] Fault load_detector(std::span<const std::uint8_t> file,
                                  std::span<std::byte> workspace, DetectorModel& model);

/// Lets another engine run the network of a detector that load_detector() has loaded from `file`, if it
/// gives the golden output. Otherwise the network runs as before.
[[nodiscard]] EngineResult use_engine(NetworkEngine& engine, std::span<const std::uint8_t> file,
                                      DetectorModel& model);

/// The input that a loaded detector carries for trying engines, [inputs()].
[[nodiscard]] std::span<const std::int8_t> golden_input(const DetectorModel& model);

/// Where the checksum stands in a file that find_record() accepts the marks of, and what it should
/// be. Writers use it to seal a file.
[[nodiscard]] bool locate_checksum(std::span<const std::uint8_t> file, std::size_t& offset,
                                   std::uint32_t& expected);

}  // namespace fettle
