// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

// How two threads hand values to each other: one writes, one reads, nobody ever waits.

namespace fettle::board {

/// A bounded queue from one thread to one other. `N` is a power of two.
template <typename T, std::size_t N>
class Handover {
  static_assert(N > 0 && (N & (N - 1)) == 0);

 public:
  /// Writer. @return false, and nothing changed, if it is full
  bool push(const T& value) {
    const std::uint32_t at = written_.load(std::memory_order_relaxed);
    if (at - read_.load(std::memory_order_acquire) == N) return false;
    values_[at % N] = value;
    written_.store(at + 1, std::memory_order_release);
    return true;
  }
  /// Either of them: values on their way. For the writer as many at most, for the reader at least.
  [[nodiscard]] std::uint32_t size() const {
    return written_.load(std::memory_order_acquire) - read_.load(std::memory_order_acquire);
  }
  /// Reader. The oldest value, or nullptr; stays valid until pop().
  [[nodiscard]] const T* front() const {
    const std::uint32_t at = read_.load(std::memory_order_relaxed);
    if (written_.load(std::memory_order_acquire) == at) return nullptr;
    return &values_[at % N];
  }
  /// Reader, after front() gave a value.
  void pop() { read_.store(read_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

 private:
  std::array<T, N> values_{};
  std::atomic<std::uint32_t> written_{0};  // both wrap
  std::atomic<std::uint32_t> read_{0};
};

/// The newest value of what one thread writes, for one that reads. Older ones are forgotten.
template <typename T>
class Newest {
 public:
  /// Writer.
  void write(const T& value) {
    values_[mine_] = value;
    mine_ = middle_.exchange(static_cast<std::uint8_t>(mine_ | kFresh), std::memory_order_acq_rel) &
            kIndex;
  }
  /// Reader. Valid until it reads again; before the first write a T as it is made.
  const T& read() {
    if ((middle_.load(std::memory_order_relaxed) & kFresh) != 0) {
      theirs_ = middle_.exchange(theirs_, std::memory_order_acq_rel) & kIndex;
    }
    return values_[theirs_];
  }

 private:
  // Three copies: one being written, one being read, and one between them that either takes at once.
  static constexpr std::uint8_t kIndex = 3;
  static constexpr std::uint8_t kFresh = 4;
  std::array<T, 3> values_{};
  std::uint8_t mine_ = 0;
  std::atomic<std::uint8_t> middle_{1};
  std::uint8_t theirs_ = 2;
};

}  // namespace fettle::board
