// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "protocol/messages.hpp"

namespace fettle::protocol {

// The bytes of each message: FORMATS.md, "Serial line".
//
// encode: @return bytes written; 0 if `out` is too small, or if the message is one that decode would
//         refuse. Texts that are too long are cut at the end of a character.
// decode: false unless the payload is exactly one message, whole, with every value in its range.
//         Texts and bytes of the message then point into the payload.

/// The largest time that a message may carry, either side of zero: 285 years.
inline constexpr std::int64_t kMostTime_us = 9'000'000'000'000'000;

/// Bytes of an encoded SamplesMessage.
[[nodiscard]] constexpr std::size_t samples_bytes(std::size_t count) {
  return 28 + 2 * kMaxAxes * count;
}
inline constexpr std::size_t kMostSamplesBytes = samples_bytes(kMaxBlockSamples);

std::size_t encode(const HelloRequest& message, std::span<std::uint8_t> out);
std::size_t encode(const HelloReply& message, std::span<std::uint8_t> out);
std::size_t encode(const StreamRequest& message, std::span<std::uint8_t> out);
std::size_t encode(const Reply& message, std::span<std::uint8_t> out);
std::size_t encode(const SamplesMessage& message, std::span<std::uint8_t> out);
std::size_t encode(const ScoreMessage& message, std::span<std::uint8_t> out);
std::size_t encode(const EventMessage& message, std::span<std::uint8_t> out);
std::size_t encode(const LogMessage& message, std::span<std::uint8_t> out);
std::size_t encode(const StatusMessage& message, std::span<std::uint8_t> out);
std::size_t encode(const ModelBegin& message, std::span<std::uint8_t> out);
std::size_t encode(const ModelBytes& message, std::span<std::uint8_t> out);
std::size_t encode(const Learned& message, std::span<std::uint8_t> out);
std::size_t encode(const ModelRead& message, std::span<std::uint8_t> out);

[[nodiscard]] bool decode(std::span<const std::uint8_t> payload, HelloRequest& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> payload, HelloReply& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> payload, StreamRequest& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> payload, Reply& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> payload, SamplesMessage& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> payload, ScoreMessage& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> payload, EventMessage& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> payload, LogMessage& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> payload, StatusMessage& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> payload, ModelBegin& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> payload, ModelBytes& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> payload, Learned& message);
[[nodiscard]] bool decode(std::span<const std::uint8_t> payload, ModelRead& message);

/// The version of a HelloRequest or HelloReply: its first two bytes, in this and in every later
/// version. Asked before decoding, so that a newer board is recognised by an older program.
/// @return false if the payload is shorter
[[nodiscard]] bool decode_version(std::span<const std::uint8_t> payload, std::uint16_t& version);

}  // namespace fettle::protocol
