// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "host/line/transport.hpp"
#include "host/text.hpp"
#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "protocol/sequence.hpp"

namespace fettle::host {

/// Who is at the other end: HelloReply with texts of its own, made safe to print.
struct BoardInfo {
  protocol::HelloReply hello;  ///< its texts are empty
  std::string name;            ///< may be empty
  std::string firmware;

  /// 16 hexadecimal digits.
  [[nodiscard]] std::string id() const;
  /// The name, or "board" and the end of the id.
  [[nodiscard]] std::string called() const;
};

struct BoardEvent {
  protocol::EventMessage message;  ///< its text is empty
  std::string text;
};
struct BoardLog {
  protocol::LogMessage message;  ///< its texts are empty
  std::string tag;
  std::string text;
};
/// Frames of the board that did not arrive, or that nobody took, by their sequence numbers.
struct LostFrames {
  std::uint16_t first = 0;
  std::uint16_t count = 0;
};
/// The line was lost and is back, or the board had restarted; streams go on.
struct Reconnected {
  bool restarted = false;  ///< another boot: time stamps and sample numbers begin anew
};
using LineMessage = std::variant<protocol::SamplesMessage, protocol::ScoreMessage, BoardEvent,
                                 BoardLog, LostFrames, Reconnected>;

/// What a board has learned after deployment.
struct BoardLearned {
  std::uint32_t model_crc32 = 0;
  std::uint16_t hop = 0;
  std::vector<std::uint8_t> bytes;  ///< empty: nothing
};

/// Answer to a request.
struct BoardReply {
  protocol::ReplyStatus status = protocol::ReplyStatus::ok;
  std::string text;  ///< safe to print

  [[nodiscard]] bool ok() const { return status == protocol::ReplyStatus::ok; }
};

/// A conversation with a board. Frames that are lost are named; requests are asked again when no
/// answer comes; a pulled cable or a restarted board is waited for. Everything throws
/// Error(io) or Error(bad_input) when there is no hope, and Error(interrupted) after Ctrl-C.
class BoardLink {
 public:
  struct Options {
    std::chrono::milliseconds answer{700};  ///< how long one answer may take
    int tries = 4;                          ///< how often a request is sent
    int hello_tries = 6;                    ///< a board that starts anew takes a few seconds
    /// Without a frame while a stream runs, the board is asked whether it still knows us.
    std::chrono::milliseconds silence{3000};
    bool reconnect = true;
    std::chrono::microseconds patience{
        0};  ///< how long a board that is gone is waited for; 0: for ever
    std::size_t most_waiting = 100'000;  ///< messages that nobody takes; later ones are lost frames
    /// What is told while there is nothing to do but wait; "" when that is over.
    std::function<void(const std::string&)> notice;
    /// Lets time pass between two attempts; default: sleeps.
    std::function<void(std::chrono::milliseconds)> pause;
    /// Microseconds since 1970; 0: unknown.
    std::function<std::int64_t()> utc_us;
  };

  /// Opens the line and greets the board, which takes its clock from this computer. Throws Error that
  /// says what is there instead: nothing, text, noise, a board of another version.
  /// @param port for messages
  BoardLink(OpenLine open, std::string port, Options options);
  /// Says good-bye, so that the line is text again for the next person.
  ~BoardLink();
  BoardLink(const BoardLink&) = delete;
  BoardLink& operator=(const BoardLink&) = delete;

  [[nodiscard]] const BoardInfo& board() const { return board_; }
  /// Asks who it is again, as after its model has changed. Streams are asked for again.
  void greet();
  [[nodiscard]] const std::string& port() const { return port_; }

  [[nodiscard]] BoardReply command(std::string_view line);
  [[nodiscard]] protocol::StatusMessage status();
  /// What to send unasked, bits of protocol::kStream... Asked for again after reconnecting.
  /// Throws Error with the board's reason if it refuses.
  void stream(std::uint8_t what);
  /// The next thing that came unasked, after waiting at most so long.
  [[nodiscard]] std::optional<LineMessage> next(std::chrono::milliseconds wait);

  /// Sends a model and asks the board to run it. Throws Error(bad_input) with the board's reason if it
  /// refuses; then, and whatever else happens, the model before still runs.
  /// @param progress told how many bytes have arrived
  void send_model(std::span<const std::uint8_t> file,
                  const std::function<void(std::size_t)>& progress);
  /// The bytes of the model that runs; empty if there is none. Throws Error(bad_input) if they are not
  /// what the board's checksum says.
  [[nodiscard]] std::vector<std::uint8_t> read_model(
      const std::function<void(std::size_t)>& progress);

  /// What burn-in has learned. Throws Error(bad_input) if the answer makes no sense.
  [[nodiscard]] BoardLearned read_learned();
  /// Hands that back. The board refuses what is not of its model and hop.
  [[nodiscard]] BoardReply write_learned(const BoardLearned& learned);

  [[nodiscard]] std::uint64_t lost_frames() const { return lost_frames_; }
  [[nodiscard]] std::uint64_t damaged() const { return reader_.damaged(); }
  [[nodiscard]] int reconnections() const { return reconnections_; }
  /// The board's clock since its start, as it said last; while a stream is silent it is asked each time
  /// that Options::silence is over.
  [[nodiscard]] std::int64_t uptime_us() const { return uptime_us_; }

 private:
  struct Answer;
  template <typename Message>
  Answer ask(protocol::MessageType type, const Message& message, protocol::MessageType expected);
  Answer ask(protocol::MessageType type, std::span<const std::uint8_t> payload,
             protocol::MessageType expected);
  BoardReply ask_reply(protocol::MessageType type, std::span<const std::uint8_t> payload);
  /// @return its sequence number
  std::uint16_t send(protocol::MessageType type, std::span<const std::uint8_t> payload);
  void send(protocol::MessageType type, std::span<const std::uint8_t> payload,
            std::uint16_t sequence);
  bool answered(std::chrono::milliseconds wait);
  void pump(std::chrono::milliseconds wait);
  void on_frame(const protocol::LineEvent& frame);
  void lose(std::uint16_t first, std::uint16_t count);
  [[nodiscard]] bool another_start(std::uint32_t boot, std::int64_t uptime_us) const;
  bool hello();
  void after_silence();
  [[nodiscard]] std::string what_is_there() const;
  void reconnect(const std::string& why);
  void restart_streams();
  void say(const std::string& text) const;

  OpenLine open_;
  std::string port_;
  Options options_;
  std::unique_ptr<Transport> line_;
  protocol::FrameReader reader_;
  protocol::SequenceWatcher watcher_;
  std::uint16_t sequence_ = 0;
  BoardInfo board_;
  bool greeted_ = false;   ///< ever
  bool watching_ = false;  ///< sequence numbers count: behind a hello_reply
  std::uint8_t streams_ = 0;
  std::int64_t uptime_us_ = 0;          ///< the most that this start of the board has said
  std::chrono::microseconds heard_{0};  ///< the last frame
  std::deque<LineMessage> queue_;
  std::unique_ptr<Answer> waiting_;
  std::uint64_t lost_frames_ = 0;
  int reconnections_ = 0;

  // What was there before an answer, to tell what is at the port.
  std::uint64_t bytes_seen_ = 0;
  std::vector<std::string> text_seen_;
};

}  // namespace fettle::host
