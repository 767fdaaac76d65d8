// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "host/error.hpp"

namespace fettle::test {

/// A folder of its own for each test, gone afterwards.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "fettle-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] std::filesystem::path operator/(const std::filesystem::path& name) const {
    return path_ / name;
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline void write_text(const std::filesystem::path& file, std::string_view text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream stream(file, std::ios::binary);
  stream << text;
  ASSERT_TRUE(stream.good()) << file;
}

inline std::string read_text(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

/// Expects an Error with this exit code whose message holds every one of these pieces.
template <typename Work>
void expect_error(host::ExitCode code, std::initializer_list<std::string_view> pieces,
                  Work&& work) {
  try {
    work();
    ADD_FAILURE() << "no error";
  } catch (const host::Error& error) {
    EXPECT_EQ(static_cast<int>(error.code), static_cast<int>(code)) << error.what();
    for (const std::string_view piece : pieces) {
      EXPECT_NE(std::string_view(error.what()).find(piece), std::string_view::npos)
          << "missing: " << piece << "\nin: " << error.what();
    }
  }
}

/// Where the recordings of real machines are, beside the checkout; empty if they are not there.
inline std::filesystem::path real_recordings() {
  const std::filesystem::path folder =
      std::filesystem::path(FETTLE_SOURCE_DIR) / ".." / "shared" / "data";
  return std::filesystem::exists(folder) ? folder : std::filesystem::path();
}

}  // namespace fettle::test
