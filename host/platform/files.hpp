// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

// The file operations that the C++ library has no word for: unbuffered reading, durability, and
// locks. A port to another operating system replaces the .cpp files of this folder and nothing
// else.
namespace fettle::host::platform {

/// A file read from start to end in large blocks. The path "-" is standard input.
class InputFile {
 public:
  /// Throws Error(io), also for a folder.
  explicit InputFile(const std::filesystem::path& file);
  ~InputFile();
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;

  /// Fills `into` as far as the file goes; less than asked for (also 0) means the end.
  /// Throws Error(io), and Error(interrupted) after Ctrl-C.
  [[nodiscard]] std::size_t read(std::span<char> into);
  /// What is there now, at least one byte; 0 means the end. A pipe that is still being written gives
  /// what has come, so that live data need not fill a block first. Throws as read() does.
  [[nodiscard]] std::size_t read_some(std::span<char> into);

 private:
  std::filesystem::path file_;
  int descriptor_;
};

/// A new file. It is the caller's to remove.
class OutputFile {
 public:
  /// Creates or truncates. Throws Error(io).
  explicit OutputFile(const std::filesystem::path& file);
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;

  /// Throws Error(io), for example on a full disk, and Error(interrupted) after Ctrl-C.
  void write(std::string_view bytes);
  /// Waits until the bytes are on the disk. Throws Error(io).
  void sync();
  /// Throws Error(io): some file systems report a failed write only here.
  void close();

 private:
  std::filesystem::path file_;
  int descriptor_;
};

/// Makes the folder and those above it. @return whether it is new.  Throws Error(io).
bool create_folders(const std::filesystem::path& folder);

/// Gives `from` the name `to`; what had that name before is gone. A crash leaves the one or the
/// other. Throws Error(io).
void replace_file(const std::filesystem::path& from, const std::filesystem::path& to);
/// The same, but never over anything that stands there: Error(exists).
void move_file(const std::filesystem::path& from, const std::filesystem::path& to);

/// Refuses an output that would do harm, before any work is done: its folder must exist, it must be
/// an ordinary file or none yet (a device would be replaced by a file), and no file of `inputs`.
/// Throws Error(io) or Error(exists).
void check_output(const std::filesystem::path& file, std::span<const std::filesystem::path> inputs);
/// Throws Error(io) if that is a folder, a pipe or a device: opening a pipe may wait for ever.
void check_regular_file(const std::filesystem::path& file);

/// Writes a whole file: temporary file beside it, sync, rename. Throws Error(io).
void write_file_atomically(const std::filesystem::path& file, std::string_view bytes);

/// A name in the same folder for what will be renamed to `file` when it is whole.
[[nodiscard]] std::filesystem::path temporary_beside(const std::filesystem::path& file);

/// Waits until everything written to the file system of `folder` is on the disk: one wait for many
/// small files, where a sync for each takes minutes.
void sync_filesystem(const std::filesystem::path& folder);

/// Held by one process at a time, and released by the system when that process dies.
class FolderLock {
 public:
  /// @return whether it was free.  Throws Error(io).
  [[nodiscard]] bool try_lock(const std::filesystem::path& folder);
  FolderLock() = default;
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace fettle::host::platform
