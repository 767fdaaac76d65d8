// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/learn/model_writer.hpp"
#include "core/model/detector_model.hpp"

namespace fettle::metadata {
struct DetectorRecordT;
}

namespace fettle::host {

/// Largest model file that is read: far above any detector, far below what would hurt.
inline constexpr std::size_t kMaxModelBytes = std::size_t{64} << 20;

/// A plain network or a detector, with the bytes and the workspace it runs in. Not copyable, because
/// the network points into it.
class ModelFile {
 public:
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;

  /// Reads any .tflite that Int8Network runs. A Fettle file that is damaged is refused, never taken
  /// for a plain one. Throws Error(io) or Error(bad_input) with file, offset, reason and advice.
  [[nodiscard]] static std::unique_ptr<ModelFile> open_network(const std::filesystem::path& file);
  /// Reads a detector. A plain .tflite is Error(bad_input) that says how to make one of it.
  [[nodiscard]] static std::unique_ptr<ModelFile> open_detector(const std::filesystem::path& file);
  /// The same from bytes made in memory; `name` stands in messages.
  [[nodiscard]] static std::unique_ptr<ModelFile> from_bytes(std::vector<std::uint8_t> bytes,
                                                             const std::string& name,
                                                             bool detector);

  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return bytes_; }
  [[nodiscard]] const Int8Network& network() const { return model_.network; }
  [[nodiscard]] const DetectorModel& detector() const { return model_; }
  [[nodiscard]] const metadata::DetectorRecord& record() const { return *model_.record; }

 private:
  ModelFile() = default;
  std::vector<std::uint8_t> bytes_;
  std::vector<std::byte> workspace_;
  DetectorModel model_;
};

/// A network without metadata. The bytes are what `fettle info` calls the size without metadata.
[[nodiscard]] std::vector<std::uint8_t> plain_file(const QuantisedNetwork& network);

/// A complete detector around our own network.
[[nodiscard]] std::vector<std::uint8_t> detector_file(const QuantisedNetwork& network,
                                                      const DetectorDescription& description);

/// A complete detector around a network that another tool made: its operators and weights as they
/// are, float ends taken off, metadata added. Throws Error(bad_input).
[[nodiscard]] std::vector<std::uint8_t> detector_file(const ModelFile& foreign,
                                                      const DetectorDescription& description);

/// The detector with another record. Nothing of its file moves: the record is put behind it, and one offset
/// leads there, so that without_rebase() can give back every byte.
/// @param record  says in its `rebase` what base_of() says of the model
[[nodiscard]] std::vector<std::uint8_t> with_record(const ModelFile& model,
                                                    const metadata::DetectorRecordT& record);

/// What a record that with_record() is to write must say, so that it can be undone.
struct RecordBase {
  std::uint32_t bytes = 0;   ///< of the file
  std::uint32_t record = 0;  ///< offset from the metadata buffer's field to its bytes
};
[[nodiscard]] RecordBase base_of(const ModelFile& model);

/// The file that a rebased detector was made of, byte for byte. Throws Error(bad_input) if it was not rebased,
/// or what is left does not verify.
[[nodiscard]] std::unique_ptr<ModelFile> without_rebase(const ModelFile& model,
                                                        const std::string& name);

}  // namespace fettle::host
