// SPDX-License-Identifier: Apache-2.0
#include "simulator/virtual_board/medium.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace fettle::simulator {
namespace {

class Memory final : public Medium {
 public:
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] bool read(std::uint64_t offset, std::span<std::uint8_t> bytes) const override {
    if (offset > bytes_.size() || bytes.size() > bytes_.size() - offset) return false;
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), bytes.size(), bytes.begin());
    return true;
  }
  bool write(std::uint64_t offset, std::span<const std::uint8_t> bytes) override {
    if (bytes_.size() < offset + bytes.size()) bytes_.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
    return true;
  }
  bool replace(std::span<const std::uint8_t> bytes) override {
    bytes_.assign(bytes.begin(), bytes.end());
    return true;
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

class File final : public Medium {
 public:
  explicit File(std::filesystem::path path) : path_(std::move(path)) {
    file_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file_ < 0) throw std::system_error(errno, std::generic_category(), path_.string());
  }
  ~File() override { close(file_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] std::uint64_t size() const override {
    struct stat about {};
    return fstat(file_, &about) == 0 ? static_cast<std::uint64_t>(about.st_size) : 0;
  }
  [[nodiscard]] bool read(std::uint64_t offset, std::span<std::uint8_t> bytes) const override {
    while (!bytes.empty()) {
      const ssize_t got = pread(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (got <= 0) return false;
      offset += static_cast<std::uint64_t>(got);
      bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
    return true;
  }
  bool write(std::uint64_t offset, std::span<const std::uint8_t> bytes) override {
    while (!bytes.empty()) {
      const ssize_t put = pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (put <= 0) return false;
      offset += static_cast<std::uint64_t>(put);
      bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
    return true;
  }
  bool replace(std::span<const std::uint8_t> bytes) override {
    // Small: a settings record. A new file in its place, so that a kill leaves the old or the new.
    std::filesystem::path fresh = path_;
    fresh += ".new";
    const int file = open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) return false;
    const bool written =
        ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
    std::error_code error;
    if (written) std::filesystem::rename(fresh, path_, error);
    if (!written || error) {
      close(file);
      return false;
    }
    close(file_);
    file_ = file;
    return true;
  }

 private:
  std::filesystem::path path_;
  int file_ = -1;
};

}  // namespace

std::unique_ptr<Medium> in_memory() { return std::make_unique<Memory>(); }
std::unique_ptr<Medium> in_file(const std::filesystem::path& path) {
  return std::make_unique<File>(path);
}

}  // namespace fettle::simulator
