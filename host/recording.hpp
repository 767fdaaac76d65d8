// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "core/sensor/sample.hpp"

namespace fettle::host {

/// Largest distance of a time stamp from zero, 285 years: differences of two never overflow.
inline constexpr std::int64_t kLargestTime_us = 9'000'000'000'000'000;

/// No accelerometer or gyroscope reads more, in any unit; squares of it stay far from overflow.
inline constexpr float kLargestReading = 1e6F;

/// Running hash over samples (time stamps relative to the first, and axes; never file bytes), so
/// that a recording is recognised whatever its name, folder or number format. XXH3, 64 bits.
class SampleHash {
 public:
  explicit SampleHash(std::size_t axes);
  ~SampleHash();
  SampleHash(SampleHash&&) noexcept;
  SampleHash& operator=(SampleHash&&) noexcept;
  void add(const TimedSample& sample);
  void add(std::span<const TimedSample> samples);
  [[nodiscard]] std::uint64_t value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Reads a canonical recording (FORMATS.md) in blocks; memory does not grow with the file.
/// Every row is validated: number of columns, numbers, finite values. A row is torn when the last
/// line has no newline. The path "-" is standard input. Throws Error(bad_input) with file and line,
/// Error(io) when the file cannot be read.
class RecordingReader {
 public:
  explicit RecordingReader(const std::filesystem::path& file);
  ~RecordingReader();
  RecordingReader(RecordingReader&&) noexcept;

  [[nodiscard]] std::size_t axes() const;  ///< 3 or 6
  /// The next samples, empty at the end. Valid until the next call.
  [[nodiscard]] std::span<const TimedSample> next_block();
  [[nodiscard]] std::uint64_t bytes_read() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What can be used of a recording whose writing was cut off: the rows before the first that is not
/// whole. A power failure may leave a torn row, zeros, or both.
struct WholeRows {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  ///< up to the end of the last of them
  std::uint64_t hash = 0;   ///< SampleHash over them
};
/// @param axes 3 or 6; a file with the header of others has no rows.  Throws Error(io).
[[nodiscard]] WholeRows whole_rows(const std::filesystem::path& file, std::size_t axes);

/// When a written file is safe from a power failure.
enum class Durability : std::uint8_t {
  synced,  ///< when commit() returns
  later,   ///< when the caller syncs the file system: a wait for each of many small files takes
           ///< minutes
  kept,    ///< row by row, as flush() and sync() are called: written under its own name from the
           ///< start, and left there without commit()
};

/// Writes a canonical recording: shortest decimals that read back to the same float32. Nothing is
/// visible under the final name until commit(); without commit the temporary file is removed
/// (Durability::kept has neither).
class RecordingWriter {
 public:
  /// @param axes 3 or 6.  Throws Error(io), Error(exists).
  RecordingWriter(const std::filesystem::path& file, std::size_t axes,
                  Durability durability = Durability::synced);
  ~RecordingWriter();
  RecordingWriter(RecordingWriter&&) noexcept;

  void write(const TimedSample& sample);
  /// Gives the system what was written: the death of this program takes nothing of it. Throws
  /// Error(io).
  void flush();
  /// Waits until that is on the disk: then a power failure takes nothing of it. Throws Error(io).
  void sync();
  /// Flushes, syncs and renames. Throws Error(io), for example on a full disk.
  void commit();
  [[nodiscard]] std::uint64_t rows() const;
  [[nodiscard]] std::uint64_t hash() const;  ///< SampleHash over what was written

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fettle::host
