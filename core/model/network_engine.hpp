// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace fettle {

/// Another program that runs a detector's network in place of Int8Network: TensorFlow Lite Micro, say,
/// for the sake of a chip's vector instructions. load_detector() has accepted the file before; use_engine()
/// lets an engine run only if it gives the same bits.
class NetworkEngine {
 public:
  [[nodiscard]] virtual const char* name() const = 0;
  /// Prepares to run a file, which stays where it is until the next prepare().
  /// @return false if it cannot: too little memory, an operator that it was built without
  [[nodiscard]] virtual bool prepare(std::span<const std::uint8_t> file) = 0;
  /// int8 in, int8 out, of the sizes of the network prepared.
  virtual void run(std::span<const std::int8_t> input, std::span<std::int8_t> output) = 0;
  /// Working memory, bytes: what it has, and what the network prepared uses of it.
  [[nodiscard]] virtual std::size_t memory() const = 0;
  [[nodiscard]] virtual std::size_t memory_used() const = 0;

 protected:
  ~NetworkEngine() = default;
};

/// How asking another engine to run a detector's network ended.
enum class EngineResult : std::uint8_t {
  runs,
  not_prepared,  ///< it cannot run this file
  other_bits,    ///< its output for the golden input is not the golden output
};

}  // namespace fettle
