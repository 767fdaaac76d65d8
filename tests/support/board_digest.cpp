// SPDX-License-Identifier: Apache-2.0
// Prints digests of what a whole virtual board sends and stores while it judges a scheduled machine:
// the same text on every processor, from the chip's converter to the bytes on the line.
#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <span>
#include <vector>

#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "simulator/scheduled_source.hpp"
#include "simulator/virtual_board/virtual_board.hpp"
#include "tests/support/hand_made.hpp"
#include "tests/support/quick_model.hpp"

namespace {

using namespace fettle;
using protocol::MessageType;

/// FNV-1a, 64 bits.
struct Digest {
  std::uint64_t value = 0xCBF29CE484222325ULL;
  void add(std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) value = (value ^ byte) * 0x100000001B3ULL;
  }
};

std::uint64_t digest(const simulator::Medium& medium) {
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(medium.size()));
  Digest result;
  if (medium.read(0, bytes)) result.add(bytes);
  return result.value;
}

void put_frame(simulator::VirtualBoard& board, MessageType type,
               std::span<const std::uint8_t> payload) {
  static std::uint16_t sequence = 0;
  std::array<std::uint8_t, protocol::kMostEncodedFrame> frame{};
  const std::size_t size = protocol::encode_frame(type, sequence++, payload, frame);
  board.line().to_board.insert(board.line().to_board.end(), frame.begin(),
                               frame.begin() + static_cast<std::ptrdiff_t>(size));
}

void report(std::uint64_t seed, double lost_answers) {
  simulator::MachineConfig machine;
  machine.session = seed;
  simulator::Schedule schedule;
  schedule.faults = {{.which = simulator::FaultKind::loose, .from_s = 6, .until_s = 9}};
  schedule.knocks = {{.at_s = 4.5}};
  simulator::ScheduledSource source(machine, 1, schedule);
  const test::AlignedBytes model(test::quick_model(1, 20.0F));
  simulator::Storage storage;
  simulator::Operations operations;
  simulator::VirtualBoardConfig config;
  config.chip.seed = seed;
  config.model = model.view();
  config.lost_answers = lost_answers;
  simulator::VirtualBoard board(config, source, storage, operations);

  std::array<std::uint8_t, protocol::kMostPayload> payload{};
  const auto send = [&](MessageType type, const auto& message) {
    put_frame(board, type, std::span(payload).first(protocol::encode(message, payload)));
  };
  send(MessageType::hello, protocol::HelloRequest{protocol::kVersion, 1'800'000'000'000'000});
  send(MessageType::stream, protocol::StreamRequest{0xF});
  board.run_for(12'000'000);
  put_frame(board, MessageType::status, {});
  board.run_for(500'000);

  Digest line;
  line.add(board.line().from_board);
  std::uint64_t scores = 0;
  std::uint64_t anomalies = 0;
  Digest score_bytes;
  protocol::FrameReader reader;
  for (const std::uint8_t byte : board.line().from_board) {
    const protocol::LineEvent event = reader.push(byte);
    protocol::ScoreMessage score;
    if (event.kind != protocol::LineEvent::Kind::frame || event.type != MessageType::score ||
        !protocol::decode(event.payload, score)) {
      continue;
    }
    score_bytes.add(event.payload);
    ++scores;
    anomalies += score.verdict == protocol::BoardVerdict::anomaly ? 1U : 0U;
  }
  std::printf("seed %" PRIu64 " answers lost %g: %" PRIu64 " scores %016" PRIx64 ", %" PRIu64
              " anomalies, line %016" PRIx64 " (%zu bytes), card %016" PRIx64 "\n",
              seed, lost_answers, scores, score_bytes.value, anomalies, line.value,
              board.line().from_board.size(), digest(*storage.card));
}

}  // namespace

int main() {
  report(1, 0);
  report(2, 0.01);
  return 0;
}
