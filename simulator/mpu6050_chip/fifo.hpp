// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace fettle::simulator {

/// The chip's 1024 bytes (PS 7.17). When it is full the oldest byte makes room for each new one
/// (RM p. 44). 1024 is no multiple of 12 or 14: from then on no packet begins where a reader expects.
class Fifo {
 public:
  static constexpr std::size_t kBytes = 1024;

  /// True if the oldest byte was lost for it.
  bool push(std::uint8_t byte) {
    const bool full = count_ == kBytes;
    if (full) {
      first_ = (first_ + 1) % kBytes;
      ++lost_;
    } else {
      ++count_;
    }
    bytes_[(first_ + count_ - 1) % kBytes] = byte;
    return full;
  }
  /// Empty, it gives the byte that it gave last (RM p. 44).
  std::uint8_t pop() {
    if (count_ > 0) {
      last_ = bytes_[first_];
      first_ = (first_ + 1) % kBytes;
      --count_;
    }
    return last_;
  }
  void clear() { first_ = count_ = 0; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  std::array<std::uint8_t, kBytes> bytes_{};
  std::size_t first_ = 0, count_ = 0;
  std::uint64_t lost_ = 0;
  std::uint8_t last_ = 0;
};

}  // namespace fettle::simulator
