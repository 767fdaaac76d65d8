// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "board/alarm.hpp"
#include "board/card_log.hpp"
#include "board/detector.hpp"
#include "board/event_log.hpp"
#include "board/learning.hpp"
#include "board/line.hpp"
#include "board/model_store.hpp"
#include "board/ports.hpp"
#include "board/recorder.hpp"
#include "board/sampling.hpp"
#include "board/settings.hpp"
#include "board/text.hpp"
#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "protocol/messages.hpp"

namespace fettle::board {

/// Why the board starts.
enum class Restart : std::uint8_t {
  usual,      ///< power, or the button
  brown_out,  ///< the supply's voltage fell too low
  watchdog,   ///< something hung
  defect,     ///< the program ended itself
};

/// What does not change while a board lives.
struct Identity {
  std::array<std::uint8_t, 8> id{};     ///< of this very board, the same for ever
  std::string_view firmware = "0";      ///< version of Fettle
  std::span<const std::uint8_t> model;  ///< built in, 16-byte aligned; empty: none
  const Settings* defaults = nullptr;   ///< of a board that has none saved; none: of settings.hpp
  bool tests_itself = false;            ///< at its first start, and tells what to check
  Restart restart = Restart::usual;     ///< tells what to do about any other, and keeps it
};

/// What the device does, over ports: samples, judges, raises the alarm, records, talks. The very code
/// of the microcontroller; on a PC the ports are simulated. No heap, no thread, no clock of its own.
///
///     Board board(ports, identity);
///     board.begin(now_us());
///     for (;;) {
///       board.step(now_us());
///       sleep_until(board.next_wake_us());   // or until the interrupt or a byte on the line
///     }
///
/// Reading order: on_block() is the journey of a sample, command() what people can ask for, request()
/// what programs can.
class Board {
 public:
  Board(const Ports& ports, const Identity& identity);
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  /// Reads settings, finds model and card. Once, before the first step.
  /// @param now_us  uptime, microseconds
  void begin(std::int64_t now_us);
  /// One round: at most one step of the driver, one block judged, what the line brought.
  void step(std::int64_t now_us);
  /// When step() next has something to do by itself. A byte on the line is a reason to step too.
  [[nodiscard]] std::int64_t next_wake_us() const;

  [[nodiscard]] const SampleSource& sensor() const { return sensor_; }
  [[nodiscard]] const Detector& detector() const { return detector_; }
  [[nodiscard]] const Recorder& recorder() const { return recorder_; }
  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] const Learning& learning() const { return learning_; }
  [[nodiscard]] protocol::StatusMessage status() const;

 private:
  using Reply = Text<1000>;
  struct PastEvent {
    protocol::EventKind kind = protocol::EventKind::boot;
    bool before = false;  // of an earlier start: `boot` tells which
    std::uint32_t boot = 0;
    std::uint32_t id = 0;
    float score = 0;
    std::int64_t uptime_us = 0;
  };

  // The journey (board.cpp).
  void on_block(const SampleBlock& block);
  void on_result(const WindowResult& result, std::uint64_t index);
  void watch_sensor();
  void watch_readings(Reason reason);
  void watch_machine(Reason reason);
  void note_losses(const SampleBlock& block);
  void set_pin();
  bool apply_settings();
  bool keep_settings();
  void follow_record_wish();
  void renew_recording();
  void watch_card();
  /// Tells that the card takes no more, and what to do.
  void card_failed(StoreStatus status, bool stopped);
  [[nodiscard]] const char* what_to_do_about_card(StoreStatus status) const;
  void stop_stream_that_does_not_fit();
  StoreStatus start_recording(std::string_view label);

  // Models (models.cpp).
  void choose_model(bool starting);
  void tell_given_up();
  void forget_verdicts(std::string_view why);
  bool load(std::span<const std::uint8_t> file, Reply& why);
  void say_of_hop(Reply& reply) const;
  void reload();
  [[nodiscard]] std::size_t slot_for_update();
  protocol::ReplyStatus commit_model(Reply& reply);
  void prove_model();

  // Burn-in (models.cpp).
  void begin_learning();
  void learn();
  void keep_learned();
  [[nodiscard]] std::string_view why_not_learning() const;
  [[nodiscard]] protocol::BurnInState burn_in_state() const;

  // What people can ask for (console.cpp).
  void read_line();
  void on_text(std::string_view line);
  protocol::ReplyStatus command(std::string_view line, Reply& reply);
  protocol::ReplyStatus judge_alarm(std::string_view value, Reply& reply);
  void list_alarms(Reply& reply) const;
  void begin_maintenance(std::int64_t until_us);
  void end_maintenance(std::string_view text);
  protocol::ReplyStatus stream_text(std::string_view what, Reply& reply);
  protocol::ReplyStatus show_self_test(Reply& reply) const;
  void show_card_and_pin(Reply& reply) const;
  void show_interrupt(Reply& reply, const SensorView& sensor) const;
  void show_wires(Reply& reply, const mpu6050::SelfTestResult& result) const;
  void finish_self_test();
  void tell_first_self_test();
  bool set_clock(std::int64_t utc_us);
  protocol::ReplyStatus bench(Reply& reply) const;
  void begin_self_test();
  void show_status(Reply& reply) const;
  void show_burn_in(Reply& reply) const;
  void show_events(Reply& reply) const;
  protocol::ReplyStatus show_event_log(std::string_view page, Reply& reply);
  void print_lines(std::string_view text);
  void print_csv(const SampleBlock& block);

  // What programs can (requests.cpp).
  void on_frame(const protocol::LineEvent& frame);
  protocol::ReplyStatus request(const protocol::LineEvent& frame, Reply& reply, bool& answered);
  void send_hello();
  void send_reply(std::uint16_t to, protocol::ReplyStatus status, std::string_view text);
  [[nodiscard]] bool frames_fit(Reply& reply) const;
  [[nodiscard]] bool csv_fits(Reply& reply) const;
  [[nodiscard]] bool fits_line(std::uint32_t bytes_a_second, Reply& reply) const;

  // What happened, for the line, the card and the log.
  void event(protocol::EventKind kind, std::string_view text);
  /// All but the card: what is about the card itself is not written to it.
  /// @return what was told; its text is a view of `text`
  protocol::EventMessage tell(protocol::EventKind kind, std::string_view text);
  [[nodiscard]] protocol::EventMessage message_of(protocol::EventKind kind,
                                                  std::string_view text) const;
  void list(const PastEvent& past);
  void keep_event(const protocol::EventMessage& message);
  void keep_owed_alarm();
  void list_kept_events();
  [[nodiscard]] bool unacknowledged();
  void log(LogLevel level, std::string_view tag, std::string_view text);
  [[nodiscard]] std::int64_t utc_us() const {
    return utc_offset_us_ == 0 ? 0 : utc_offset_us_ + now_us_;
  }
  [[nodiscard]] std::uint8_t flags() const;

  /// What the line carries unasked.
  enum class Stream : std::uint8_t { none, csv, scores };

  Ports ports_;
  Identity identity_;
  Settings settings_;
  DirectSampling own_;    // unused if there is a source
  SampleSource& sensor_;  // own_ or what was given
  Detector detector_;
  Alarm alarm_;
  ModelStore store_;
  Learning learning_;
  CardLog own_log_;  // unused if there is a thread for it
  Recorder recorder_;
  EventLog event_log_;
  bool event_log_failed_ = false;  // and that has been said
  bool kept_alarm_ = false;        // by the events in flash an alarm is on
  bool owes_alarm_ = false;        // which is not so any more, and was too soon to be kept
  Outbox outbox_;
  protocol::FrameReader reader_;

  std::int64_t now_us_ = 0;
  std::int64_t utc_offset_us_ = 0;  // UTC - uptime; 0: unknown

  // The model that runs.
  protocol::ModelState model_state_ = protocol::ModelState::none;
  ModelStore::Entry entry_;  // valid in trial and proven
  std::uint32_t model_crc32_ = 0;
  std::uint32_t trial_windows_ = 0;
  Text<128> no_model_;  // why the models that are there do not run

  // The machine.
  WindowResult last_;
  bool judged_ = false;
  std::uint64_t windows_ = 0;
  std::uint64_t anomalies_ = 0;
  bool pin_ = false;
  // The newest alarm of the model that runs, by its event; 0: none.
  std::uint32_t alarm_id_ = 0;
  // Those last called false, which can be taken back, and true; 0: none.
  std::uint32_t false_id_ = 0;
  std::uint32_t true_id_ = 0;

  // For `bench`: cycles of the detector, longest since the start.
  std::uint32_t sample_cycles_ = 0;
  std::array<std::uint32_t, kStages> stage_cycles_{};  // of a window, by Stage

  // The sensor.
  std::int64_t last_block_us_ = 0;
  bool sensor_lost_ = false;
  mpu6050::Cause said_cause_ = mpu6050::Cause::none;
  std::int64_t said_cause_us_ = 0;
  std::uint64_t losses_ = 0;           // samples lost since they were last spoken of
  std::int64_t losses_us_ = 0;         // when that was
  std::int64_t useless_since_us_ = 0;  // readings that come and cannot be judged; 0: they can
  bool readings_useless_ = false;      // ... and that has been said
  std::int64_t unjudged_us_ = 0;       // that the machine ran without being judged, by and large
  bool said_unjudged_ = false;         // ... for an hour
  bool said_moved_ = false;
  bool any_loss_ = false;
  bool gap_expected_ = false;  // the self-test or another setting makes one: no loss to tell

  // After something was saved the line waits a moment: a flood of commands must not wear the flash.
  static constexpr std::int64_t kSaveEvery_us = 100'000;
  std::int64_t deaf_until_us_ = 0;

  // The line. What has arrived is taken one request a step.
  std::array<std::uint8_t, 128> inbox_;
  std::size_t inbox_size_ = 0;
  std::size_t inbox_at_ = 0;
  std::int64_t heard_us_ = 0;       // when the line brought something last
  std::uint16_t last_request_ = 0;  // a command that is repeated is answered, not done again
  bool last_request_known_ = false;
  protocol::ReplyStatus last_status_ = protocol::ReplyStatus::ok;
  Reply last_reply_;
  bool framed_ = false;
  std::uint8_t streams_ = 0;  // kStream... bits, in frames
  Stream stream_ = Stream::none;
  bool self_test_due_ = false;        // asked for, not yet told
  bool first_self_test_due_ = false;  // of the first start, not told yet
  bool resumed_ = false;              // the recording goes on by itself, and that has not been said
  std::array<PastEvent, 8> past_{};   // the oldest first
  std::size_t past_count_ = 0;
  std::uint32_t events_ = 0;
};

}  // namespace fettle::board
