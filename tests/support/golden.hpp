// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace fettle::test {

/// Reads a file of tests/golden/ (the format: tests/golden/README.md). Throws std::runtime_error
/// with the file's name on anything unexpected: a golden that cannot be read must not pass as "no
/// cases".
class Golden {
 public:
  struct Block {
    std::string type;  ///< u8, i8, i32, f32 or f64
    std::size_t rows = 0;
    std::size_t columns = 0;
    std::string digits;  ///< hex, most significant digit first, rows one after another
  };

  explicit Golden(const std::filesystem::path& path) : path_(path) {
    std::ifstream in(path);
    if (!in) fail("cannot be opened");
    std::string word;
    while (in >> word) {
      if (word[0] == '#') {
        std::getline(in, word);
        continue;
      }
      Block block;
      if (!(in >> block.type >> block.rows >> block.columns)) fail("bad head of block " + word);
      const std::size_t wanted = block.rows * block.columns * width(block.type) * 2;
      std::string part;
      while (block.digits.size() < wanted && in >> part) block.digits += part;
      if (block.digits.size() != wanted) fail("block " + word + " has the wrong length");
      blocks_[word] = std::move(block);
    }
    if (blocks_.empty()) fail("holds no block");
  }

  [[nodiscard]] bool has(const std::string& name) const { return blocks_.contains(name); }

  [[nodiscard]] const Block& block(const std::string& name) const {
    const auto found = blocks_.find(name);
    if (found == blocks_.end()) fail("has no block " + name);
    return found->second;
  }

  /// All values of a block, row after row. T is std::uint8_t, std::int8_t, std::int32_t, float or
  /// double.
  template <typename T>
  [[nodiscard]] std::vector<T> values(const std::string& name) const {
    const Block& from = block(name);
    if (from.type != type_name<T>()) fail("block " + name + " is of type " + from.type);
    constexpr std::size_t digits = sizeof(T) * 2;
    std::vector<T> out;
    out.reserve(from.rows * from.columns);
    for (std::size_t at = 0; at < from.digits.size(); at += digits) {
      const auto bits = std::strtoull(from.digits.substr(at, digits).c_str(), nullptr, 16);
      using Bits =
          std::conditional_t<sizeof(T) == 1, std::uint8_t,
                             std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;
      out.push_back(std::bit_cast<T>(static_cast<Bits>(bits)));
    }
    return out;
  }

 private:
  template <typename T>
  static constexpr const char* type_name() {
    if constexpr (std::is_same_v<T, std::uint8_t>) return "u8";
    if constexpr (std::is_same_v<T, std::int8_t>) return "i8";
    if constexpr (std::is_same_v<T, std::int32_t>) return "i32";
    if constexpr (std::is_same_v<T, float>) return "f32";
    if constexpr (std::is_same_v<T, double>) return "f64";
  }

  [[nodiscard]] std::size_t width(const std::string& type) const {
    if (type == "u8" || type == "i8") return 1;
    if (type == "i32" || type == "f32") return 4;
    if (type == "f64") return 8;
    fail("unknown type " + type);
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error(path_.string() + ": " + what);
  }

  std::filesystem::path path_;
  std::map<std::string, Block> blocks_;
};

}  // namespace fettle::test
