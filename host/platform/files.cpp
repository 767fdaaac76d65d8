// SPDX-License-Identifier: Apache-2.0
#include "host/platform/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>

#include "host/error.hpp"
#include "host/platform/interrupt.hpp"

namespace fettle::host::platform {
namespace {

/// By its header: with these columns a data set's recordings begin, and other people's often enough.
bool is_recording(const std::filesystem::path& file) {
  constexpr std::string_view kHeader = "t_us,ax_g,ay_g,az_g";
  std::array<char, kHeader.size()> begin{};
  std::ifstream stream(file, std::ios::binary);
  return stream.read(begin.data(), begin.size()) &&
         std::string_view(begin.data(), begin.size()) == kHeader;
}

[[noreturn]] void fail(const std::filesystem::path& file, std::string_view what) {
  const int cause = errno;
  throw Error(ExitCode::io,
              fmt::format("{}: cannot {}: {}{}", file.string(), what, std::strerror(cause),
                          cause == ENOSPC ? "; make room and run it again" : ""));
}

void close_quietly(int descriptor) {
  if (descriptor > STDERR_FILENO) ::close(descriptor);
}

}  // namespace

InputFile::InputFile(const std::filesystem::path& file) : file_(file), descriptor_(STDIN_FILENO) {
  if (file == "-") return;
  descriptor_ = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail(file, "open it");
  struct stat what = {};
  if (::fstat(descriptor_, &what) == 0 && S_ISDIR(what.st_mode)) {
    close_quietly(descriptor_);
    throw Error(ExitCode::io,
                file.string() +
                    ": expected a file, found a folder. Are the arguments in the right "
                    "order?");
  }
}

InputFile::~InputFile() { close_quietly(descriptor_); }

InputFile::InputFile(InputFile&& other) noexcept
    : file_(std::move(other.file_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

std::size_t InputFile::read(std::span<char> into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const std::size_t count = read_some(into.subspan(filled));
    if (count == 0) break;
    filled += count;
  }
  return filled;
}

std::size_t InputFile::read_some(std::span<char> into) {
  for (;;) {
    throw_if_interrupted();
    const ssize_t count = ::read(descriptor_, into.data(), into.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) fail(file_, "read it");
  }
}

OutputFile::OutputFile(const std::filesystem::path& file)
    : file_(file),
      descriptor_(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) fail(file, "create it");
}

OutputFile::~OutputFile() { close_quietly(descriptor_); }

OutputFile::OutputFile(OutputFile&& other) noexcept
    : file_(std::move(other.file_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

void OutputFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    throw_if_interrupted();
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(file_, "write to it");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void OutputFile::sync() {
  // EINVAL and ENOTSUP: a file system, or a device, that has no notion of syncing.
  if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP) fail(file_, "sync it");
}

void OutputFile::close() {
  if (::close(std::exchange(descriptor_, -1)) != 0) fail(file_, "finish writing it");
}

bool create_folders(const std::filesystem::path& folder) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(folder, error);
  if (error) {
    throw Error(ExitCode::io,
                fmt::format("{}: cannot make this folder: {}", folder.string(), error.message()));
  }
  return made;
}

void replace_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail(to, "put it in place");
}

void move_file(const std::filesystem::path& from, const std::filesystem::path& to) {
#ifdef __linux__
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return;
  const bool unknown = errno == EINVAL || errno == ENOSYS;  // to this file system or kernel
  if (!unknown && errno != EEXIST) fail(to, "put it in place");
  const bool there = !unknown;
#else
  const bool there = false;
#endif
  if (there || std::filesystem::exists(std::filesystem::symlink_status(to))) {
    throw Error(ExitCode::exists,
                to.string() +
                    ": expected nothing there, found a file that has appeared meanwhile; "
                    "none is ever overwritten. Move it away and run this again");
  }
  replace_file(from, to);
}

std::filesystem::path temporary_beside(const std::filesystem::path& file) {
  return file.parent_path() / fmt::format(".{}.{}.tmp", file.filename().string(), ::getpid());
}

void check_output(const std::filesystem::path& file,
                  std::span<const std::filesystem::path> inputs) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  if (file.filename().empty() || !fs::is_directory(folder, error)) {
    throw Error(ExitCode::io, "cannot write '" + file.string() + "': there is no folder '" +
                                  folder.string() + "', or no file name");
  }
  const fs::file_status status = fs::symlink_status(file, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    throw Error(ExitCode::exists, "cannot write '" + file.string() +
                                      "': a folder, link or device stands there. Choose another "
                                      "name, or remove it");
  }
  if (is_recording(file)) {
    throw Error(ExitCode::exists, "cannot write '" + file.string() +
                                      "': a recording stands there, and none is ever overwritten. "
                                      "Choose another name");
  }
  for (const fs::path& input : inputs) {
    if (fs::equivalent(file, input, error)) {
      throw Error(ExitCode::exists,
                  "cannot write '" + file.string() + "': it is what is read. Choose another name");
    }
  }
}

void check_regular_file(const std::filesystem::path& file) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(file, error);
  // What is not there at all is for whoever opens it to say.
  if (!std::filesystem::exists(status) || std::filesystem::is_regular_file(status)) return;
  throw Error(
      ExitCode::io,
      fmt::format("{}: expected a file, found {}. Are the arguments in the right order?",
                  file.string(),
                  std::filesystem::is_directory(status) ? "a folder" : "a pipe or a device"));
}

void write_file_atomically(const std::filesystem::path& file, std::string_view bytes) {
  const std::filesystem::path temporary = temporary_beside(file);
  try {
    OutputFile output(temporary);
    output.write(bytes);
    output.sync();
    output.close();
    replace_file(temporary, file);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw;
  }
}

void sync_filesystem(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail(folder, "open it");
#ifdef __linux__
  const int result = ::syncfs(descriptor);
  const int cause = errno;
  ::close(descriptor);
  errno = cause;
  if (result != 0) fail(folder, "sync it");
#else
  ::close(descriptor);
  ::sync();
#endif
}

bool FolderLock::try_lock(const std::filesystem::path& folder) {
  close_quietly(descriptor_);
  descriptor_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0) fail(folder, "open it");
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) fail(folder, "lock it");
    return false;
  }
  // The one who held it may have removed the folder between our open and our lock.
  struct stat ours = {};
  struct stat named = {};
  return ::fstat(descriptor_, &ours) == 0 && ::stat(folder.c_str(), &named) == 0 &&
         ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

FolderLock::~FolderLock() { close_quietly(descriptor_); }

}  // namespace fettle::host::platform
