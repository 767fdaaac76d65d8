// SPDX-License-Identifier: Apache-2.0
// Any bytes as what a board finds in its storage when the power comes on: the log on the card, both
// slots of flash, the settings. It starts, samples, and takes a new model, or its flash refuses.
//
// An input: a byte of flags (1 the slots get a valid header, 2 the settings a right checksum, 4 the
// log whole records, 8 only the second slot is written), then 1 byte each for the part of the rest,
// in 255ths, that is settings and that is the log; the remainder is flash.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/checksum.hpp"
#include "protocol/bytes.hpp"
#include "protocol/card_record.hpp"
#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "simulator/virtual_board/virtual_board.hpp"
#include "tests/support/hand_made.hpp"
#include "tests/support/quick_model.hpp"

namespace {

using namespace fettle;
using simulator::VirtualFlash;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "storage_fuzz: %s\n", what);
  std::abort();
}

const std::vector<std::uint8_t>& model() {
  static const std::vector<std::uint8_t> bytes = test::quick_model();
  return bytes;
}

std::uint32_t crc_of(std::span<const std::uint8_t> bytes) {
  Crc32 crc;
  crc.add(bytes);
  return crc.value();
}

/// The header of a model slot around bytes that need not be a model (FORMATS.md, "Model slots").
std::vector<std::uint8_t> slot_of(std::span<const std::uint8_t> file, std::uint32_t sequence,
                                  std::uint32_t marks, bool proven) {
  std::vector<std::uint8_t> slot(64, 0xFF);
  protocol::Writer writer(std::span(slot).first(24));
  writer.number(std::uint32_t{0x534C5446});
  writer.number(std::uint32_t{1});
  writer.number(sequence);
  writer.number(static_cast<std::uint32_t>(file.size()));
  writer.number(crc_of(file));
  writer.number(crc_of(std::span(slot).first(20)));
  protocol::Writer(std::span(slot).subspan(32, 4)).number(marks);
  if (proven) std::fill_n(slot.begin() + 36, 4, std::uint8_t{0});
  slot.insert(slot.end(), file.begin(), file.end());
  return slot;
}

void fill_flash(simulator::Storage& storage, std::span<const std::uint8_t> bytes,
                std::uint8_t flags) {
  std::vector<std::uint8_t> flash(VirtualFlash::kSlots * VirtualFlash::kSlotBytes, 0xFF);
  const auto put = [&flash](std::size_t slot, std::span<const std::uint8_t> content) {
    std::copy_n(content.begin(), std::min(content.size(), VirtualFlash::kSlotBytes),
                flash.begin() + static_cast<std::ptrdiff_t>(slot * VirtualFlash::kSlotBytes));
  };
  if ((flags & 1) != 0 && bytes.size() >= 2) {
    const std::uint8_t how = bytes[0];
    const std::uint8_t marks = bytes[1];
    // A real model, damaged by the rest of the input.
    std::vector<std::uint8_t> file = model();
    for (std::size_t i = 2; i + 2 < bytes.size(); i += 3) {
      const std::size_t at = (std::size_t{bytes[i]} << 8 | bytes[i + 1]) % file.size();
      file[at] ^= bytes[i + 2];
    }
    if ((how & 1) != 0 && !seal(file)) return;
    put(0, slot_of(file, how >> 4, 0xFFFFFFFFU << (marks % 32), (how & 2) != 0));
    if ((how & 4) != 0) put(1, slot_of(bytes.subspan(2), marks, 0xFFFFFFFFU, (how & 8) != 0));
  } else {
    put((flags & 8) != 0 ? 1 : 0, bytes);
  }
  storage.flash->replace(flash);
}

void fill_settings(simulator::Storage& storage, std::span<const std::uint8_t> bytes,
                   std::uint8_t flags) {
  std::vector<std::uint8_t> saved(bytes.begin(), bytes.end());
  if ((flags & 2) != 0) {
    constexpr std::string_view kFormat = "format=1\n";
    saved.insert(saved.begin(), kFormat.begin(), kFormat.end());
    const std::uint32_t crc = crc_of(saved);
    for (int i = 0; i < 4; ++i) saved.push_back(static_cast<std::uint8_t>(crc >> (8 * i)));
  }
  storage.settings->replace(saved);
}

void fill_card(simulator::Storage& storage, std::span<const std::uint8_t> bytes,
               std::uint8_t flags) {
  std::vector<std::uint8_t> log;
  if ((flags & 4) != 0) {
    // Whole records in front of what was torn.
    for (std::uint32_t i = 0; !bytes.empty() && i < 8; ++i) {
      const auto payload = bytes.first(std::min<std::size_t>(bytes.size() / 2 + 1, 400));
      std::array<std::uint8_t, protocol::kCardRecordBytes> record{};
      const auto type = static_cast<protocol::CardRecordType>(payload.front());
      if (!protocol::write_card_record({type, i * 0x10001U, i, {}}, payload, record)) break;
      log.insert(log.end(), record.begin(), record.end());
      bytes = bytes.subspan(payload.size());
    }
  }
  log.insert(log.end(), bytes.begin(), bytes.end());
  storage.card->replace(log);
}

/// Sends frames; @return whether the last one was answered, and how.
class Computer {
 public:
  explicit Computer(simulator::VirtualBoard& board) : board_(board) {}
  template <typename Message>
  protocol::ReplyStatus ask(protocol::MessageType type, const Message& message) {
    std::array<std::uint8_t, protocol::kMostPayload> payload{};
    return ask_bytes(type, std::span(payload).first(protocol::encode(message, payload)));
  }
  protocol::ReplyStatus ask_bytes(protocol::MessageType type,
                                  std::span<const std::uint8_t> payload) {
    std::array<std::uint8_t, protocol::kMostEncodedFrame> frame{};
    const std::size_t size = protocol::encode_frame(type, ++sequence_, payload, frame);
    board_.line().to_board.insert(board_.line().to_board.end(), frame.begin(),
                                  frame.begin() + static_cast<std::ptrdiff_t>(size));
    for (int round = 0; round < 20; ++round) {
      board_.run_for(25'000);
      for (const std::uint8_t byte : board_.line().from_board) {
        const protocol::LineEvent event = reader_.push(byte);
        protocol::Reply reply;
        if (event.kind == protocol::LineEvent::Kind::frame &&
            event.type == protocol::MessageType::reply && protocol::decode(event.payload, reply) &&
            reply.to == sequence_) {
          board_.line().from_board.clear();
          return reply.status;
        }
      }
      board_.line().from_board.clear();
    }
    require(false, "no answer");
    return protocol::ReplyStatus::bad_frame;
  }

 private:
  simulator::VirtualBoard& board_;
  protocol::FrameReader reader_;
  std::uint16_t sequence_ = 0;
};

bool deploy(simulator::VirtualBoard& board) {
  using protocol::MessageType;
  using protocol::ReplyStatus;
  Computer computer(board);
  const std::span<const std::uint8_t> file(model());
  const protocol::ModelBegin begin{static_cast<std::uint32_t>(file.size()), crc_of(file)};
  if (computer.ask(MessageType::model_begin, begin) != ReplyStatus::ok) return false;
  for (std::size_t at = 0; at < file.size(); at += protocol::kMostModelChunk) {
    const auto chunk = file.subspan(at, std::min(file.size() - at, protocol::kMostModelChunk));
    const protocol::ModelBytes bytes{static_cast<std::uint32_t>(at), chunk};
    if (computer.ask(MessageType::model_data, bytes) != ReplyStatus::ok) return false;
  }
  return computer.ask_bytes(MessageType::model_commit, {}) == ReplyStatus::ok;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::uint8_t flags = data[0];
  std::span<const std::uint8_t> rest(data + 3, size - 3);
  const std::size_t settings = rest.size() * data[1] / 255;
  const std::size_t log = (rest.size() - settings) * data[2] / 255;

  test::Trembling motion;
  simulator::Storage storage;
  simulator::Operations operations;
  fill_settings(storage, rest.first(settings), flags);
  fill_card(storage, rest.subspan(settings, log), flags);
  fill_flash(storage, rest.subspan(settings + log), flags);

  simulator::VirtualBoard board({}, motion, storage, operations);
  board.run_for(2'000'000);
  require(board.board().sensor().cause() == mpu6050::Cause::none, "the sensor does not start");
  require(board.board().status().samples > 100, "no samples");

  // The model is for 200 Hz; settings may say 1000.
  board.type("set rate_hz 200");
  board.type("set hop 0");
  board.run_for(1'000'000);
  require(board.board().settings().rate_hz == 200, "the rate cannot be set");
  require(deploy(board), "a new model was refused");
  board.run_for(4'000'000);
  require(board.board().status().model == protocol::ModelState::proven,
          "the new model did not prove itself");

  // It is there after a restart as well.
  simulator::VirtualBoard again({}, motion, storage, operations);
  require(again.board().status().model == protocol::ModelState::proven, "the new model is gone");
  return 0;
}
