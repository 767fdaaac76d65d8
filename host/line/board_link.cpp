// SPDX-License-Identifier: Apache-2.0
#include "host/line/board_link.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "core/checksum.hpp"
#include "host/error.hpp"
#include "host/platform/interrupt.hpp"

namespace fettle::host {

using protocol::MessageType;
using protocol::ReplyStatus;
using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kSlice{100};  // between two looks at Ctrl-C
constexpr milliseconds kBetweenTries{500};
constexpr int kModelTries = 3;
constexpr float kLowestRate_hz = 1;  // what an MPU6050 can be set to, and then some
constexpr float kHighestRate_hz = 8000;
constexpr int kMostReconnections = 3;  // during one request

/// Whatever waits here ends at Ctrl-C, also where files wait with theirs.
void stop_if_interrupted() {
  if (platform::interrupted()) throw Error(ExitCode::interrupted, "interrupted");
}

std::uint32_t crc_of(std::span<const std::uint8_t> bytes) {
  Crc32 crc;
  crc.add(bytes);
  return crc.value();
}

constexpr const char* kBaudAdvice =
    "Is it a Fettle board, with power, and --baud as it was set (921600 unless changed)?";

}  // namespace

std::string BoardInfo::id() const {
  std::string text;
  for (const std::uint8_t byte : hello.id) text += fmt::format("{:02x}", byte);
  return text;
}

std::string BoardInfo::called() const { return name.empty() ? "board " + id().substr(10) : name; }

/// What a request waits for.
struct BoardLink::Answer {
  MessageType expected = MessageType::reply;
  std::uint16_t asked = 0;  ///< sequence number of the request
  bool here = false;
  MessageType type = MessageType::reply;
  BoardReply reply;                   ///< if that is what came
  std::vector<std::uint8_t> payload;  ///< otherwise
};

BoardLink::BoardLink(OpenLine open, std::string port, Options options)
    : open_(std::move(open)), port_(std::move(port)), options_(std::move(options)) {
  if (!options_.pause)
    options_.pause = [](milliseconds time) { std::this_thread::sleep_for(time); };
  line_ = open_();
  try {
    hello();
  } catch (const LineLost& lost) {
    throw Error(ExitCode::io, fmt::format("{} (right after it was opened)", lost.what()));
  }
}

BoardLink::~BoardLink() {
  if (line_ == nullptr || !greeted_) return;
  try {
    streams_ = 0;
    const std::uint16_t asked = send(MessageType::bye, {});
    // Until the reply is on its way the line would be closed under the board's hands.
    for (int i = 0; i < 3; ++i) {
      waiting_ = std::make_unique<Answer>();
      waiting_->asked = asked;
      pump(kSlice);
      if (waiting_->here) break;
    }
  } catch (const std::exception&) {  // the board finds out by itself
  }
}

void BoardLink::say(const std::string& text) const {
  if (options_.notice) options_.notice(text);
}

std::uint16_t BoardLink::send(MessageType type, std::span<const std::uint8_t> payload) {
  const std::uint16_t sequence = sequence_++;
  send(type, payload, sequence);
  return sequence;
}

void BoardLink::send(MessageType type, std::span<const std::uint8_t> payload,
                     std::uint16_t sequence) {
  std::array<std::uint8_t, protocol::kMostEncodedFrame> frame;
  const std::size_t size = protocol::encode_frame(type, sequence, payload, frame);
  if (size == 0) {
    throw Error(ExitCode::usage,
                fmt::format("{} bytes are more than one message to a board has", payload.size()));
  }
  line_->write(std::span(frame).first(size));
}

/// Whether what waiting_ waits for comes.
bool BoardLink::answered(milliseconds wait) {
  const auto until = line_->now() + wait;
  while (!waiting_->here && line_->now() < until) {
    stop_if_interrupted();
    pump(kSlice);
  }
  return waiting_->here;
}

void BoardLink::pump(milliseconds wait) {
  std::array<std::uint8_t, 4096> bytes;
  const std::size_t size = line_->read(bytes, wait);
  bytes_seen_ += size;
  for (const std::uint8_t byte : std::span(bytes).first(size)) {
    const protocol::LineEvent event = reader_.push(byte);
    switch (event.kind) {
      case protocol::LineEvent::Kind::none: break;
      case protocol::LineEvent::Kind::frame: on_frame(event); break;
      case protocol::LineEvent::Kind::damaged: break;  // counted by the reader
      case protocol::LineEvent::Kind::text:
        if (!event.text.empty() && text_seen_.size() < 8) text_seen_.emplace_back(event.text);
        break;
    }
  }
}

void BoardLink::lose(std::uint16_t first, std::uint16_t count) {
  lost_frames_ += count;
  if (!queue_.empty()) {
    auto* last = std::get_if<LostFrames>(&queue_.back());
    if (last != nullptr && static_cast<std::uint16_t>(last->first + last->count) == first &&
        last->count <= 0xFFFF - count) {
      last->count = static_cast<std::uint16_t>(last->count + count);
      return;
    }
  }
  queue_.emplace_back(LostFrames{first, count});
}

/// Whether a board that says this has started anew since it was greeted. Without its flash it counts
/// no starts, but its clock goes back.
bool BoardLink::another_start(std::uint32_t boot, std::int64_t uptime_us) const {
  return greeted_ && (boot != board_.hello.boot || uptime_us < uptime_us_);
}

void BoardLink::on_frame(const protocol::LineEvent& frame) {
  heard_ = line_->now();
  // What the line still held of an earlier conversation, or of one before a restart, has other numbers.
  if (frame.type == MessageType::hello_reply) watcher_.restart();
  if (frame.type == MessageType::status_reply) {
    // After a restart the numbers begin anew, which is neither a loss nor a repetition.
    protocol::StatusMessage status;
    if (decode(frame.payload, status) && another_start(status.boot, status.uptime_us)) {
      watcher_.restart();
    }
  }
  const bool counts = watching_ || frame.type == MessageType::hello_reply;
  if (counts) {
    const protocol::SequenceStep step = watcher_.step(frame.sequence);
    if (step.repeated) return;
    if (step.missing > 0) lose(step.first_missing, step.missing);
  }
  const auto keep = [&](LineMessage message) {
    if (queue_.size() < options_.most_waiting) {
      queue_.push_back(std::move(message));
    } else {  // nobody takes what has been waiting: better a gap than all the memory
      lose(frame.sequence, 1);
    }
  };

  switch (frame.type) {
    case MessageType::samples: {
      protocol::SamplesMessage message;
      if (watching_ && decode(frame.payload, message)) keep(message);
      return;
    }
    case MessageType::score: {
      protocol::ScoreMessage message;
      if (watching_ && decode(frame.payload, message)) keep(message);
      return;
    }
    case MessageType::event: {
      BoardEvent event;
      if (!watching_ || !decode(frame.payload, event.message)) return;
      event.text = one_line(std::exchange(event.message.text, {}));
      keep(std::move(event));
      return;
    }
    case MessageType::log: {
      BoardLog log;
      if (!watching_ || !decode(frame.payload, log.message)) return;
      log.tag = one_line(std::exchange(log.message.tag, {}));
      log.text = one_line(std::exchange(log.message.text, {}));
      keep(std::move(log));
      return;
    }
    default: break;
  }
  if (waiting_ == nullptr || waiting_->here) return;
  Answer& answer = *waiting_;
  if (frame.type == MessageType::reply) {
    protocol::Reply reply;
    if (!decode(frame.payload, reply) || reply.to != answer.asked) return;
    answer.reply.status = reply.status;
    answer.reply.text += printable(reply.text);
    answer.type = frame.type;
    answer.here = !reply.more;
  } else if (frame.type == answer.expected) {
    answer.payload.assign(frame.payload.begin(), frame.payload.end());
    answer.type = frame.type;
    answer.here = true;
  }
}

std::string BoardLink::what_is_there() const {
  if (bytes_seen_ == 0) {
    return fmt::format("{}: nothing answers there. {}", port_, kBaudAdvice);
  }
  if (!text_seen_.empty()) {
    const auto is_text = [](const std::string& line) {
      return std::ranges::all_of(line, [](char c) {
        return static_cast<unsigned char>(c) >= 0x20 || c == '\t' || c == '\x1B';
      });
    };
    if (std::ranges::all_of(text_seen_, is_text)) {
      return fmt::format(
          "{}: something else than a Fettle board is there: it answers by text, such as \"{}\". "
          "Is it the right port ('fettle ports' lists them), and is Fettle's firmware on the "
          "board?",
          port_, one_line(text_seen_.back().substr(0, 60)));
    }
  }
  return fmt::format(
      "{}: something talks there ({} bytes came), but not as a Fettle board does. {}", port_,
      bytes_seen_, kBaudAdvice);
}

/// @return whether the board has started anew since it was greeted before, which is told then
bool BoardLink::hello() {
  reader_.reset();
  watching_ = false;
  bytes_seen_ = 0;
  text_seen_.clear();
  for (int attempt = 0; attempt < options_.hello_tries; ++attempt) {
    protocol::HelloRequest request;
    request.utc_us = options_.utc_us ? options_.utc_us() : 0;
    std::array<std::uint8_t, 64> payload;
    const std::size_t size = protocol::encode(request, payload);
    waiting_ = std::make_unique<Answer>();
    waiting_->expected = MessageType::hello_reply;
    waiting_->asked = send(MessageType::hello, std::span(payload).first(size));
    if (!answered(options_.answer)) continue;
    if (waiting_->type == MessageType::reply &&
        waiting_->reply.status != ReplyStatus::wrong_version) {
      continue;
    }
    std::uint16_t version = 0;
    const bool known = waiting_->type == MessageType::hello_reply &&
                       protocol::decode_version(waiting_->payload, version);
    if (!known || version != protocol::kVersion) {
      throw Error(
          ExitCode::bad_input,
          fmt::format(
              "{}: the board speaks version {} of the protocol and this program version {}. "
              "Update {}.",
              port_, known ? std::to_string(version) : "another", protocol::kVersion,
              known && version > protocol::kVersion ? "this program"
              : known                               ? "the board's firmware"
                                                    : "the older of the two"));
    }
    BoardInfo info;
    if (!decode(waiting_->payload, info.hello)) continue;
    info.name = one_line(std::exchange(info.hello.name, {}));
    info.firmware = one_line(std::exchange(info.hello.firmware, {}));
    if (!(info.hello.rate_hz >= kLowestRate_hz && info.hello.rate_hz <= kHighestRate_hz)) {
      throw Error(
          ExitCode::bad_input,
          fmt::format("{}: {} says that it samples at {:g} Hz; expected {:g} to {:g} Hz. "
                      "Restart it; if it says so again, its firmware is damaged or not "
                      "Fettle's",
                      port_, info.called(), static_cast<double>(info.hello.rate_hz),
                      static_cast<double>(kLowestRate_hz), static_cast<double>(kHighestRate_hz)));
    }
    if (greeted_ && info.hello.id != board_.hello.id) {
      throw Error(ExitCode::bad_input,
                  fmt::format("{}: another board is there now: {} ({}) instead of {} ({})", port_,
                              info.called(), info.id(), board_.called(), board_.id()));
    }
    const bool restarted = another_start(info.hello.boot, info.hello.uptime_us);
    board_ = std::move(info);
    uptime_us_ = board_.hello.uptime_us;
    greeted_ = true;
    watching_ = true;
    heard_ = line_->now();
    // Here, before anything of the new start is in the queue.
    if (restarted) queue_.emplace_back(Reconnected{true});
    return restarted;
  }
  throw Error(ExitCode::io, what_is_there());
}

void BoardLink::greet() {
  try {
    hello();
    restart_streams();
  } catch (const LineLost& lost) {
    reconnect(lost.what());
  }
}

/// Until the board has said yes. Not by ask(), which greets and reconnects by itself and so comes here.
void BoardLink::restart_streams() {
  if (streams_ == 0) return;
  const std::uint8_t payload[] = {streams_};
  const std::uint16_t sequence = sequence_++;
  for (int attempt = 0; attempt < options_.tries; ++attempt) {
    waiting_ = std::make_unique<Answer>();
    waiting_->asked = sequence;
    send(MessageType::stream, payload, sequence);
    if (!answered(options_.answer)) continue;
    const BoardReply reply = std::exchange(waiting_, nullptr)->reply;
    if (!reply.ok()) {
      throw Error(ExitCode::bad_input, fmt::format("{}: {} refuses to go on with the stream: {}",
                                                   port_, board_.called(), reply.text));
    }
    heard_ = line_->now();
    return;
  }
  waiting_.reset();
  throw Error(ExitCode::io,
              fmt::format("{}: {} does not answer when asked to go on (asked {} times)", port_,
                          board_.called(), options_.tries));
}

/// The board has nothing to say, or does not know any more that it should. Not by a greeting at once:
/// each one sets the board's clock, which is an event.
void BoardLink::after_silence() {
  try {
    const protocol::StatusMessage now = status();
    if (another_start(now.boot, now.uptime_us)) {
      greet();
    } else {
      restart_streams();
    }
  } catch (const Error& error) {
    if (error.code != ExitCode::io) throw;
    reconnect(error.what());
  }
}

void BoardLink::reconnect(const std::string& why) {
  if (!options_.reconnect) throw Error(ExitCode::io, why);
  watching_ = false;
  bool told = false;
  std::chrono::microseconds waited{0};
  for (;;) {
    if (options_.patience.count() > 0 && waited >= options_.patience) {
      throw Error(ExitCode::io,
                  fmt::format("{}: the board was gone for {:.1f} s and has not come back: {}",
                              port_, std::chrono::duration<double>(waited).count(), why));
    }
    const auto tried = std::chrono::steady_clock::now();
    // Closed first: a port that is held open comes back under another number.
    line_.reset();
    stop_if_interrupted();
    if (!std::exchange(told, true)) {
      say(fmt::format("{}: the board is gone; waiting for it. Ctrl-C ends this.", port_));
    }
    options_.pause(kBetweenTries);
    try {
      line_ = open_();
      if (!hello()) queue_.emplace_back(Reconnected{false});
      restart_streams();
      break;
    } catch (const LineLost&) {  // once more
    } catch (const Error& error) {
      // Another board or another version does not become the right one by waiting.
      if (error.code != ExitCode::io) throw;
    }
    waited += std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - tried);
  }
  ++reconnections_;
  say("");
}

BoardLink::Answer BoardLink::ask(MessageType type, std::span<const std::uint8_t> payload,
                                 MessageType expected) {
  int reconnected = 0;
  // The same each time: the board answers a repetition by what it said the first time, and does not do
  // twice what can be done once.
  const std::uint16_t sequence = sequence_++;
  for (int attempt = 0; attempt < options_.tries;) {
    try {
      // A board that has restarted takes frames for noise until it is greeted.
      if (attempt > 0 && attempt == options_.tries / 2) greet();
      waiting_ = std::make_unique<Answer>();
      waiting_->expected = expected;
      waiting_->asked = sequence;
      send(type, payload, sequence);
      if (answered(options_.answer)) return std::move(*std::exchange(waiting_, nullptr));
      ++attempt;
    } catch (const LineLost& lost) {
      if (++reconnected > kMostReconnections) throw Error(ExitCode::io, lost.what());
      reconnect(lost.what());
      attempt = 0;
    }
  }
  waiting_.reset();
  throw Error(ExitCode::io, fmt::format("{}: {} has stopped answering (asked {} times)", port_,
                                        board_.called(), options_.tries));
}

template <typename Message>
BoardLink::Answer BoardLink::ask(MessageType type, const Message& message, MessageType expected) {
  std::array<std::uint8_t, protocol::kMostPayload> payload;
  const std::size_t size = protocol::encode(message, payload);
  return ask(type, std::span<const std::uint8_t>(payload).first(size), expected);
}

BoardReply BoardLink::ask_reply(MessageType type, std::span<const std::uint8_t> payload) {
  return ask(type, payload, MessageType::reply).reply;
}

BoardReply BoardLink::command(std::string_view line) {
  return ask_reply(MessageType::command,
                   {reinterpret_cast<const std::uint8_t*>(line.data()), line.size()});
}

protocol::StatusMessage BoardLink::status() {
  protocol::StatusMessage status;
  const Answer answer =
      ask(MessageType::status, std::span<const std::uint8_t>(), MessageType::status_reply);
  if (answer.type != MessageType::status_reply || !decode(answer.payload, status)) {
    throw Error(ExitCode::bad_input,
                fmt::format("{}: the board's status makes no sense{}{}: expected the fields of "
                            "Fettle's protocol {}. Restart the board; if it stays so, its "
                            "firmware and this program do not belong together",
                            port_, answer.reply.text.empty() ? "" : ": ", answer.reply.text,
                            protocol::kVersion));
  }
  if (!another_start(status.boot, status.uptime_us)) uptime_us_ = status.uptime_us;
  return status;
}

void BoardLink::stream(std::uint8_t what) {
  const std::uint8_t payload[] = {what};
  const BoardReply reply = ask_reply(MessageType::stream, payload);
  if (!reply.ok()) {
    throw Error(ExitCode::bad_input, fmt::format("{}: {} refuses the stream: {}", port_,
                                                 board_.called(), one_line(reply.text)));
  }
  streams_ = what;
  heard_ = line_->now();
}

std::optional<LineMessage> BoardLink::next(milliseconds wait) {
  const auto take = [this]() -> std::optional<LineMessage> {
    if (queue_.empty()) return std::nullopt;
    LineMessage message = std::move(queue_.front());
    queue_.pop_front();
    return message;
  };
  if (auto message = take()) return message;
  const auto until = line_->now() + wait;
  do {
    try {
      const auto left = std::chrono::duration_cast<milliseconds>(until - line_->now());
      pump(std::clamp(left, milliseconds(0), kSlice));
      if (queue_.empty() && streams_ != 0 && line_->now() - heard_ > options_.silence) {
        after_silence();
      }
    } catch (const LineLost& lost) {
      reconnect(lost.what());
    }
    if (auto message = take()) return message;
  } while (line_->now() < until && !platform::interrupted());
  return std::nullopt;
}

void BoardLink::send_model(std::span<const std::uint8_t> file,
                           const std::function<void(std::size_t)>& progress) {
  const std::uint32_t crc = crc_of(file);
  const auto refuse = [&](const BoardReply& reply) {
    throw Error(ExitCode::bad_input, fmt::format("{}: {} refuses the model: {}", port_,
                                                 board_.called(), one_line(reply.text)));
  };
  for (int attempt = 0;; ++attempt) {
    const int connection = reconnections_;
    const std::uint32_t boot = board_.hello.boot;
    // After an interruption the board may know nothing of what was sent before.
    const auto cut_off = [&] {
      return attempt + 1 < kModelTries &&
             (reconnections_ != connection || board_.hello.boot != boot);
    };
    std::array<std::uint8_t, protocol::kMostPayload> payload;
    std::size_t size =
        encode(protocol::ModelBegin{static_cast<std::uint32_t>(file.size()), crc}, payload);
    BoardReply reply = ask_reply(MessageType::model_begin, std::span(payload).first(size));
    if (!reply.ok()) {
      if (cut_off()) continue;
      refuse(reply);
    }
    std::size_t sent = 0;
    while (sent < file.size() && reply.ok()) {
      const std::size_t piece = std::min(file.size() - sent, protocol::kMostModelChunk);
      size =
          encode(protocol::ModelBytes{static_cast<std::uint32_t>(sent), file.subspan(sent, piece)},
                 payload);
      reply = ask_reply(MessageType::model_data, std::span(payload).first(size));
      if (!reply.ok()) break;
      sent += piece;
      if (progress) progress(sent);
    }
    if (reply.ok()) reply = ask_reply(MessageType::model_commit, {});
    // A commit whose reply was lost is refused the second time: what the board runs decides.
    greet();
    if (board_.hello.model_crc32 == crc && board_.hello.model_bytes == file.size()) return;
    if (!reply.ok()) {
      if (cut_off()) continue;
      refuse(reply);
    }
    throw Error(ExitCode::bad_input,
                fmt::format("{}: {} took the model and runs another one (CRC-32 {:08x} instead of "
                            "{:08x})",
                            port_, board_.called(), board_.hello.model_crc32, crc));
  }
}

BoardLearned BoardLink::read_learned() {
  const Answer answer =
      ask(MessageType::learned_read, std::span<const std::uint8_t>(), MessageType::learned);
  protocol::Learned learned;
  if (answer.type != MessageType::learned || !decode(answer.payload, learned)) {
    throw Error(
        ExitCode::bad_input,
        fmt::format("{}: what the board has learned cannot be read: {}", port_, answer.reply.text));
  }
  return {learned.model_crc32, learned.hop, {learned.bytes.begin(), learned.bytes.end()}};
}

BoardReply BoardLink::write_learned(const BoardLearned& learned) {
  return ask(MessageType::learned_write,
             protocol::Learned{learned.model_crc32, learned.hop, learned.bytes}, MessageType::reply)
      .reply;
}

std::vector<std::uint8_t> BoardLink::read_model(const std::function<void(std::size_t)>& progress) {
  constexpr int kMostWrongAnswers =
      3;  // to one request: what was asked before may be answered late
  greet();
  const std::size_t size = board_.hello.model_bytes;
  const auto refuse = [&](const std::string& why) {
    throw Error(ExitCode::bad_input, fmt::format("{}: the model cannot be read: {}", port_, why));
  };
  if (size > board_.hello.slot_bytes) {
    refuse(fmt::format("{} says it has {} bytes, but there is room for {}", board_.called(), size,
                       board_.hello.slot_bytes));
  }
  std::vector<std::uint8_t> file;
  int wrong = 0;
  while (file.size() < size) {
    protocol::ModelRead read;
    read.offset = static_cast<std::uint32_t>(file.size());
    read.length = static_cast<std::uint16_t>(
        std::min<std::size_t>(protocol::kMostModelChunk, size - file.size()));
    const Answer answer = ask(MessageType::model_read, read, MessageType::model_bytes);
    protocol::ModelBytes bytes;
    if (answer.type != MessageType::model_bytes || !decode(answer.payload, bytes)) {
      refuse(answer.reply.text);
    }
    if (bytes.offset != file.size() || bytes.bytes.empty()) {
      if (++wrong > kMostWrongAnswers) {
        refuse(fmt::format("asked for {} bytes from {}, {} sends {} from {}, again and again",
                           read.length, read.offset, board_.called(), bytes.bytes.size(),
                           bytes.offset));
      }
      continue;
    }
    if (bytes.bytes.size() > read.length) {
      refuse(fmt::format("asked for {} bytes from {}, {} sends {}", read.length, read.offset,
                         board_.called(), bytes.bytes.size()));
    }
    wrong = 0;
    file.insert(file.end(), bytes.bytes.begin(), bytes.bytes.end());
    if (progress) progress(file.size());
  }
  if (crc_of(file) != board_.hello.model_crc32) {
    throw Error(
        ExitCode::bad_input,
        fmt::format("{}: the model's bytes have CRC-32 {:08x}, but the board says {:08x}: did "
                    "its model change meanwhile? Try again",
                    port_, crc_of(file), board_.hello.model_crc32));
  }
  return file;
}

}  // namespace fettle::host
