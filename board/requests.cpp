// SPDX-License-Identifier: Apache-2.0
// What programs can ask for: frames from a computer, and the answers.
#include "board/board.hpp"

namespace fettle::board {

using protocol::LineEvent;
using protocol::MessageType;
using protocol::ReplyStatus;

/// Whether a stream fits the line; if not, the reply says which rate would do.
bool Board::fits_line(std::uint32_t bytes_a_second, Reply& reply) const {
  // Ten bits a byte; a tenth is left for answers and events.
  const std::uint64_t needed = std::uint64_t{bytes_a_second} * 100 / 9;
  const std::uint32_t baud = ports_.line.baud();
  if (needed <= baud) return true;
  reply << "it needs a line of " << needed << " baud, and this one has " << baud;
  const std::uint64_t fitting_hz = std::uint64_t{settings_.rate_hz} * baud / needed;
  if (settings_.rate_hz > 200 && fitting_hz >= 200) {
    reply << "; it fits at 200 Hz: 'set rate_hz 200'";
  } else {
    reply << "; at this line's speed it would fit up to " << fitting_hz << " Hz";
  }
  return false;
}

void Board::send_hello() {
  protocol::HelloReply hello;
  hello.name = settings_.name.view();
  hello.firmware = identity_.firmware;
  hello.id = identity_.id;
  hello.boot = settings_.boots;
  hello.uptime_us = now_us_;
  hello.rate_hz = static_cast<float>(settings_.rate_hz);
  hello.ranges = settings_.ranges;
  hello.baud = ports_.line.baud();
  hello.slot_bytes = static_cast<std::uint32_t>(store_.most_bytes());
  hello.model_bytes = static_cast<std::uint32_t>(detector_.file().size());
  hello.model_crc32 = model_crc32_;
  hello.window_samples = static_cast<std::uint16_t>(detector_.window().samples);
  hello.hop = static_cast<std::uint16_t>(detector_.window().hop_samples());
  outbox_.send(MessageType::hello_reply, hello);
}

void Board::on_frame(const LineEvent& frame) {
  // Whoever missed an answer asks again with the same number: what was done is not done again.
  const bool repeated =
      last_request_known_ && frame.sequence == last_request_ && frame.type == MessageType::command;
  if (!repeated) {
    bool answered = false;
    last_reply_.clear();
    last_status_ = request(frame, last_reply_, answered);
    last_request_known_ = frame.type == MessageType::command;
    last_request_ = frame.sequence;
    if (answered) return;
  }
  send_reply(frame.sequence, last_status_, last_reply_.view());
}

/// In as many frames as the text needs, cut at the ends of lines.
void Board::send_reply(std::uint16_t to, ReplyStatus status, std::string_view text) {
  for (;;) {
    std::size_t size = text.size();
    if (size > protocol::kMostReplyText) {
      size = protocol::kMostReplyText;
      while (size > 0 && text[size - 1] != '\n') --size;
      if (size == 0) size = protocol::kMostReplyText;
    }
    const bool more = size < text.size();
    outbox_.send(MessageType::reply, protocol::Reply{to, status, head(text, size), more});
    if (!more) return;
    text = tail(text, size);
  }
}

/// After the rate has changed.
void Board::stop_stream_that_does_not_fit() {
  Reply why;
  if (framed_ && (streams_ & protocol::kStreamSamples) != 0 && !frames_fit(why)) {
    streams_ = static_cast<std::uint8_t>(streams_ & ~unsigned{protocol::kStreamSamples});
  } else if (!framed_ && stream_ == Stream::csv && !csv_fits(why)) {
    stream_ = Stream::none;
  } else {
    return;
  }
  Text<200> text;
  text << "the stream has stopped: " << why.view();
  log(LogLevel::error, "line", text.view());
}

bool Board::frames_fit(Reply& reply) const {
  constexpr std::size_t kFrame = protocol::encoded_frame_bytes(protocol::kMostSamplesBytes);
  constexpr auto kBlock = static_cast<std::uint32_t>(kMaxBlockSamples);
  const std::uint32_t blocks = (settings_.rate_hz + kBlock - 1) / kBlock;
  return fits_line(blocks * static_cast<std::uint32_t>(kFrame), reply);
}

ReplyStatus Board::request(const LineEvent& frame, Reply& reply, bool& answered) {
  const auto bad_frame = [&reply](std::string_view what) {
    reply << "the frame's payload is not " << what;
    return ReplyStatus::bad_frame;
  };
  const auto not_stored = [&reply](StoreResult result) {
    reply << describe(result);
    return result == StoreResult::flash_failed ? ReplyStatus::storage : ReplyStatus::bad_model;
  };

  switch (frame.type) {
    case MessageType::hello: {
      std::uint16_t version = 0;
      if (!protocol::decode_version(frame.payload, version)) return bad_frame("a greeting");
      protocol::HelloRequest hello;
      if (version == protocol::kVersion) {
        if (!protocol::decode(frame.payload, hello)) return bad_frame("a greeting");
        framed_ = true;
        streams_ = 0;
        stream_ = Stream::none;
        last_request_known_ = false;                 // it counts its frames anew
        static_cast<void>(set_clock(hello.utc_us));  // one that cannot be right is none
      }
      send_hello();  // another version too learns ours from it
      answered = true;
      return ReplyStatus::ok;
    }
    case MessageType::command: {
      // A command is text; its answer goes into one frame.
      const std::string_view line(reinterpret_cast<const char*>(frame.payload.data()),
                                  frame.payload.size());
      return command(line, reply);
    }
    case MessageType::stream: {
      protocol::StreamRequest stream;
      if (!protocol::decode(frame.payload, stream)) return bad_frame("a choice of streams");
      if ((stream.what & protocol::kStreamSamples) != 0 && !frames_fit(reply)) {
        return ReplyStatus::does_not_fit;
      }
      framed_ = true;
      streams_ = stream.what;
      return ReplyStatus::ok;
    }
    case MessageType::status:
      outbox_.send(MessageType::status_reply, status());
      answered = true;
      return ReplyStatus::ok;
    case MessageType::model_begin: {
      protocol::ModelBegin begin;
      if (!protocol::decode(frame.payload, begin)) return bad_frame("the start of a model");
      const StoreResult result = store_.begin(slot_for_update(), begin);
      return result == StoreResult::ok ? ReplyStatus::ok : not_stored(result);
    }
    case MessageType::model_data: {
      protocol::ModelBytes bytes;
      if (!protocol::decode(frame.payload, bytes)) return bad_frame("bytes of a model");
      const StoreResult result = store_.data(bytes);
      return result == StoreResult::ok ? ReplyStatus::ok : not_stored(result);
    }
    case MessageType::model_commit: return commit_model(reply);
    case MessageType::model_read: {
      protocol::ModelRead read;
      if (!protocol::decode(frame.payload, read)) return bad_frame("a place in a model");
      const auto file = detector_.file();
      if (file.empty() || read.offset > file.size()) {
        reply << "the model has " << file.size() << " bytes";
        return ReplyStatus::bad_value;
      }
      const std::size_t left = file.size() - read.offset;
      const std::size_t length = read.length < left ? read.length : left;
      outbox_.send(MessageType::model_bytes,
                   protocol::ModelBytes{read.offset, file.subspan(read.offset, length)});
      answered = true;
      return ReplyStatus::ok;
    }
    case MessageType::learned_read: {
      std::array<std::uint8_t, Refinement::kBytes> bytes;
      outbox_.send(MessageType::learned, learning_.record(bytes));
      answered = true;
      return ReplyStatus::ok;
    }
    case MessageType::learned_write: {
      protocol::Learned learned;
      if (!protocol::decode(frame.payload, learned)) return bad_frame("what a board has learned");
      if (!learning_.restore(learned)) {
        reply << "it is not of the model and hop that run here";
        return ReplyStatus::bad_value;
      }
      detector_.adopt(learning_.refinement()->settings());
      alarm_id_ = false_id_ = true_id_ = 0;  // what led to an alarm is of what was learned before
      keep_learned();
      deaf_until_us_ = now_us_ + kSaveEvery_us;
      return ReplyStatus::ok;
    }
    case MessageType::bye:
      outbox_.send(MessageType::reply, protocol::Reply{frame.sequence, ReplyStatus::ok, {}});
      framed_ = false;
      streams_ = 0;
      answered = true;
      return ReplyStatus::ok;
    default: reply << "a frame of unknown type"; return ReplyStatus::unknown_command;
  }
}

}  // namespace fettle::board
