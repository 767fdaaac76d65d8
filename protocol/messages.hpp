// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/sensor/sample_block.hpp"

namespace fettle::protocol {

/// Version of everything in this folder. A board and a computer of different versions say so and do
/// nothing else.
inline constexpr std::uint16_t kVersion = 1;

/// What a frame is. Below 0x80: from the computer to the board.
enum class MessageType : std::uint8_t {
  hello = 0x01,          ///< HelloRequest; answered by hello_reply; the line is in frames from here
  command = 0x02,        ///< text of one command line, as a person would type it; answered by reply
  stream = 0x03,         ///< StreamRequest: what to send unasked; answered by reply
  status = 0x04,         ///< empty; answered by status_reply
  model_begin = 0x05,    ///< ModelBegin; answered by reply
  model_data = 0x06,     ///< ModelBytes; answered by reply
  model_commit = 0x07,   ///< empty; answered by reply
  model_read = 0x08,     ///< ModelRead: bytes of the model that runs; answered by model_bytes
  bye = 0x09,            ///< empty; answered by reply; streams stop and the line is text again
  learned_read = 0x0B,   ///< empty; answered by learned
  learned_write = 0x0C,  ///< Learned; answered by reply

  hello_reply = 0x81,   ///< HelloReply
  reply = 0x82,         ///< Reply
  samples = 0x83,       ///< SamplesMessage
  score = 0x84,         ///< ScoreMessage
  event = 0x85,         ///< EventMessage
  log = 0x86,           ///< LogMessage
  status_reply = 0x87,  ///< StatusMessage
  model_bytes = 0x88,   ///< ModelBytes
  learned = 0x89,       ///< Learned
};

/// Opens a connection.
struct HelloRequest {
  std::uint16_t version = kVersion;
  std::int64_t utc_us = 0;  ///< the computer's clock, microseconds since 1970; 0: unknown
};

inline constexpr std::size_t kMostName = 32;  ///< bytes of a board's name or of a label

/// Who answers.
struct HelloReply {
  std::uint16_t version = kVersion;
  std::string_view name;             ///< the board's name, up to kMostName bytes of UTF-8
  std::string_view firmware;         ///< version of Fettle on the board
  std::array<std::uint8_t, 8> id{};  ///< of this board, the same for ever
  std::uint32_t boot = 0;            ///< how often the board has started
  std::int64_t uptime_us = 0;
  float rate_hz = 0;  ///< nominal
  Ranges ranges;
  std::uint32_t baud = 0;
  std::uint32_t slot_bytes = 0;      ///< largest model
  std::uint32_t model_bytes = 0;     ///< of the model that runs; 0: none
  std::uint32_t model_crc32 = 0;     ///< over all its bytes
  std::uint16_t window_samples = 0;  ///< of the model that runs, or of the settings
  std::uint16_t hop = 0;
};

/// Bits of StreamRequest::what.
inline constexpr std::uint8_t kStreamSamples = 1;
inline constexpr std::uint8_t kStreamScores = 2;
inline constexpr std::uint8_t kStreamEvents = 4;
inline constexpr std::uint8_t kStreamLog = 8;

struct StreamRequest {
  std::uint8_t what = 0;  ///< kStream... bits; 0 stops
};

enum class ReplyStatus : std::uint8_t {
  ok = 0,
  unknown_command = 1,
  bad_value = 2,     ///< the text says what was expected
  not_now = 3,       ///< right, but not in this state (the text says which)
  does_not_fit = 4,  ///< the stream is more than the line carries
  storage = 5,       ///< card or flash refused
  bad_model = 6,     ///< size, checksum, schema or golden vector
  bad_frame = 7,     ///< a frame of known type with a payload that makes no sense
  wrong_version = 8,
};

inline constexpr std::size_t kMostReplyText = 480;

/// Answers a request: the frame with that sequence number.
struct Reply {
  std::uint16_t to = 0;
  ReplyStatus status = ReplyStatus::ok;
  std::string_view text;  ///< for people; several lines, separated by '\n'; at most kMostReplyText
  bool more = false;      ///< another reply to the same request follows: the text goes on there
};

/// Samples as the board judges them.
struct SamplesMessage {
  SampleBlock block;
  /// Where the block's first sample stands in the board's windows: how many samples after the start
  /// of a window, 0 to hop - 1. A recording that begins at phase 0 has the board's windows.
  std::uint16_t phase = 0;
};

/// As core's Verdict.
enum class BoardVerdict : std::uint8_t {
  normal = 0,
  anomaly = 1,
  warning = 2,
  alarm = 3,
  cannot_judge = 4,
  sensor_moved = 5,
};
/// As core's Reason: why a window cannot be judged.
enum class BoardReason : std::uint8_t {
  none = 0,
  off = 1,
  changing = 2,
  speed = 3,
  stuck = 4,
  clipped = 5,
  losing_samples = 6,
  wrong_rate = 7,
  not_a_number = 8,
  unclear = 9,
  weak = 10,
};

/// Bits of ScoreMessage::flags.
inline constexpr std::uint8_t kScoreAlarm = 1;        ///< this window raised the alarm
inline constexpr std::uint8_t kScorePin = 2;          ///< the alert pin is active
inline constexpr std::uint8_t kScoreMuted = 4;        ///< the pin is held low by `mute`
inline constexpr std::uint8_t kScoreMaintenance = 8;  ///< scored, but not judged
// In a status only, for whoever comes later than the event.
inline constexpr std::uint8_t kStatusAlarm = 16;         ///< an alarm is on
inline constexpr std::uint8_t kStatusAcknowledged = 32;  ///< ... and somebody has seen it
inline constexpr std::uint8_t kStatusMoved = 64;         ///< the sensor counts as moved

struct ScoreMessage {
  std::uint64_t index = 0;  ///< of the window's first sample
  std::int64_t t_us = 0;    ///< ... and its time
  float score = 0;
  float threshold = 0;
  BoardVerdict verdict = BoardVerdict::normal;
  BoardReason reason = BoardReason::none;
  std::uint8_t flags = 0;
};

enum class EventKind : std::uint8_t {
  boot = 1,
  alarm_began = 2,
  alarm_ended = 3,
  acknowledged = 4,
  muted = 5,
  unmuted = 6,
  maintenance_began = 7,
  maintenance_ended = 8,
  sensor_lost = 9,  ///< no samples: what is wrong stands in the text
  sensor_back = 10,
  samples_lost = 11,
  card_failed = 12,  ///< recording has stopped: full, pulled out, broken
  model_changed = 13,
  clock_set = 14,
  self_test = 15,
  feedback = 16,   ///< somebody has said what an alarm was
  condition = 17,  ///< the machine cannot be judged for long, or can again; its sensor was moved
};

inline constexpr std::size_t kMostEventText = 96;

/// Something that a person may want to know later. Goes to the line, the card and the log.
struct EventMessage {
  std::uint32_t id = 0;  ///< counts since boot, from 1
  EventKind kind = EventKind::boot;
  std::uint32_t boot = 0;
  std::int64_t uptime_us = 0;
  std::int64_t utc_us = 0;  ///< 0: the board did not know
  float score = 0;
  float threshold = 0;
  std::string_view text;  ///< up to kMostEventText bytes
};

inline constexpr std::size_t kMostLogTag = 16;
inline constexpr std::size_t kMostLogText = 240;

struct LogMessage {
  std::uint8_t level = 0;  ///< 0 error, 1 warning, 2 info
  std::int64_t uptime_us = 0;
  std::string_view tag;   ///< up to kMostLogTag bytes
  std::string_view text;  ///< up to kMostLogText bytes
};

/// What the sensor's driver is doing.
enum class SensorState : std::uint8_t {
  probing = 0,
  resetting = 1,
  configuring = 2,
  verifying = 3,
  streaming = 4,
  recovering = 5,
  self_test = 6,
};

enum class CardState : std::uint8_t { absent = 0, ready = 1, recording = 2, full = 3, failed = 4 };

enum class ModelState : std::uint8_t {
  none = 0,  ///< samples are recorded but not judged
  built_in = 1,
  trial = 2,  ///< new: it has three starts to judge three windows, or the one before runs again
  proven = 3,
};

/// Whether normal running makes the decision better.
enum class BurnInState : std::uint8_t {
  none = 0,      ///< no decision that could learn, a threshold by hand, or no memory for it
  learning = 1,  ///< what was asked is not yet supported
  waiting =
      2,  ///< after a fault that was confirmed: until maintenance, or an hour of normal running
  supported = 3,  ///< the rate that was asked holds; it goes on learning
};

/// How the board is. Counters run since boot.
struct StatusMessage {
  std::int64_t uptime_us = 0;
  std::int64_t utc_us = 0;  ///< 0: unknown
  std::uint32_t boot = 0;
  SensorState sensor = SensorState::probing;
  std::uint8_t who_am_i = 0;
  float rate_hz = 0;     ///< measured; 0: not known yet
  float rate_error = 1;  ///< how far off that may be, as a part of it
  float celsius = 0;
  std::uint64_t samples = 0;  ///< delivered
  std::uint64_t lost = 0;
  std::uint32_t gaps = 0;
  std::uint32_t restarts = 0;
  std::uint32_t nacks = 0;
  std::uint32_t timeouts = 0;
  std::uint32_t stuck = 0;
  std::uint32_t overflows = 0;
  std::uint32_t misaligned = 0;  ///< FIFO contents that could not be samples
  std::uint32_t configuration_lost = 0;
  std::uint32_t missed_interrupts = 0;
  std::array<std::uint32_t, kMaxAxes> clipped{};
  std::uint64_t windows = 0;  ///< judged
  std::uint64_t anomalies = 0;
  std::uint32_t alarms = 0;
  float score = 0;  ///< of the last window
  float threshold = 0;
  BoardVerdict verdict = BoardVerdict::normal;
  BoardReason reason = BoardReason::none;
  std::uint8_t flags = 0;  ///< kScorePin, kScoreMuted, kScoreMaintenance, kStatus...
  ModelState model = ModelState::none;
  CardState card = CardState::absent;
  std::uint64_t card_records = 0;    ///< written since boot
  std::uint32_t frames_dropped = 0;  ///< the line was too slow
  std::uint32_t frames_bad = 0;      ///< arrived damaged
  float share = 0;  ///< of the limit that the statistic had reached with the last window, 0 to 2
  std::uint32_t alarm_id = 0;  ///< event of the newest alarm, which can be judged; 0: none
  // The rest is 0 where the model has no decision.
  BurnInState burn_in = BurnInState::none;
  float normal_hours = 0;     ///< of normal running that is known
  float asked_per_hour = 0;   ///< false alarms that were wished for
  float stated_per_hour = 0;  ///< ... and that are to be expected now
  float minutes_missing = 0;  ///< of normal running until the wish is supported
  float raise = 0;            ///< of the limit, by false alarms: 1 to 2
};

struct ModelBegin {
  std::uint32_t size = 0;
  std::uint32_t crc32 = 0;  ///< over all bytes
};

inline constexpr std::size_t kMostModelChunk = 256;

struct ModelBytes {
  std::uint32_t offset = 0;
  std::span<const std::uint8_t> bytes;  ///< up to kMostModelChunk
};

inline constexpr std::size_t kMostLearned = 480;

/// What a board has learned after deployment, for a backup. The bytes: FORMATS.md, "Burn-in".
struct Learned {
  std::uint32_t model_crc32 = 0;        ///< of the model that it belongs to
  std::uint16_t hop = 0;                ///< likewise
  std::span<const std::uint8_t> bytes;  ///< up to kMostLearned; none: nothing was learned
};

struct ModelRead {
  std::uint32_t offset = 0;
  std::uint16_t length = 0;  ///< up to kMostModelChunk
};

}  // namespace fettle::protocol
