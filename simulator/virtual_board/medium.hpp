// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace fettle::simulator {

/// Bytes that outlive a virtual board: in memory for tests, in a file for people.
class Medium {
 public:
  virtual ~Medium() = default;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// False if the bytes are not all there.
  [[nodiscard]] virtual bool read(std::uint64_t offset, std::span<std::uint8_t> bytes) const = 0;
  /// Writes at an offset up to the end, growing it. False when the file system refuses.
  virtual bool write(std::uint64_t offset, std::span<const std::uint8_t> bytes) = 0;
  /// Replaces everything at once.
  virtual bool replace(std::span<const std::uint8_t> bytes) = 0;
};

[[nodiscard]] std::unique_ptr<Medium> in_memory();
/// The file is made if it is missing. Throws std::system_error if it cannot be opened.
[[nodiscard]] std::unique_ptr<Medium> in_file(const std::filesystem::path& path);

}  // namespace fettle::simulator
