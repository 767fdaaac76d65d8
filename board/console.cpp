// SPDX-License-Identifier: Apache-2.0
// What people can ask for: lines of text, typed into any terminal or sent by a program in a frame.
#include "board/board.hpp"

namespace fettle::board {

using protocol::EventKind;
using protocol::ReplyStatus;

namespace {

constexpr std::string_view kHelp =
    "status           sensor, model, card\n"
    "stream csv|scores\n"
    "record LABEL     to the card\n"
    "stop             streams and recording\n"
    "threshold [X|model]\n"
    "ack              I have seen the alarm\n"
    "ack true|false   ... it was right, or not\n"
    "mute 10min|off   keeps the pin low\n"
    "maintenance 30min|off\n"
    "alert test       the pin for 1 s\n"
    "selftest, selftest result\n"
    "settings, set KEY VALUE\n"
    "name [TEXT]\n"
    "model, events, bench\n"
    "events log [PAGE]\n"
    "time [UTC SECONDS]";
static_assert(kHelp.size() <= 800);

constexpr std::string_view kCommands[] = {"help",  "?",         "status",   "stream", "record",
                                          "stop",  "threshold", "ack",      "mute",   "maintenance",
                                          "alert", "selftest",  "settings", "set",    "name",
                                          "model", "events",    "bench",    "time"};

constexpr std::int64_t kLineSilent_us = 1'000'000;
constexpr std::int64_t kAlertTest_us = 1'000'000;
// What a clock may say: 2017 to 2103. Anything else is none.
constexpr std::int64_t kEarliestUtc_s = 1'500'000'000;
constexpr std::int64_t kLatestUtc_s = 4'200'000'000;

/// "3 d 4 h", "12 min", "40 s".
template <typename Out>
void add_duration(Out& out, std::int64_t us) {
  const std::int64_t seconds = us / 1'000'000;
  if (seconds >= 86'400) {
    out << seconds / 86'400 << " d " << seconds % 86'400 / 3600 << " h";
  } else if (seconds >= 3600) {
    out << seconds / 3600 << " h " << seconds % 3600 / 60 << " min";
  } else if (seconds >= 60) {
    out << seconds / 60 << " min " << seconds % 60 << " s";
  } else {
    out << seconds << " s";
  }
}

const char* name_of(protocol::ModelState state) {
  switch (state) {
    case protocol::ModelState::none: return "none: nothing is judged";
    case protocol::ModelState::built_in: return "built in";
    case protocol::ModelState::trial: return "on trial";
    case protocol::ModelState::proven: return "proven";
  }
  return "unknown";
}

const char* name_of(protocol::CardState state) {
  switch (state) {
    case protocol::CardState::absent: return "absent";
    case protocol::CardState::ready: return "ready";
    case protocol::CardState::recording: return "recording";
    case protocol::CardState::full: return "full";
    case protocol::CardState::failed: return "failed";
  }
  return "unknown";
}

/// Slower than three quarters of what was asked for: edges that rise too slowly stretch the clock.
bool edges_pass(const BusWires& wires) { return wires.measured_hz >= wires.set_hz / 4 * 3; }

bool wires_pass(const mpu6050::SelfTestResult& result, float rate_hz) {
  const BusWires& wires = result.wires;
  return wires.set_hz == 0 || (result.most_rate_hz >= rate_hz && edges_pass(wires) &&
                               wires.sda_pulled_up && wires.scl_pulled_up);
}

}  // namespace

/// Takes what has arrived: one request a step, so that a flood cannot keep the sensor waiting.
void Board::read_line() {
  if (now_us_ < deaf_until_us_) return;
  if (inbox_at_ == inbox_size_) {
    inbox_size_ = ports_.line.read(inbox_);
    inbox_at_ = 0;
    if (inbox_size_ != 0) {
      // No frame pauses so long: what began before was noise, and a person may type again.
      if (now_us_ - heard_us_ > kLineSilent_us) reader_.reset();
      heard_us_ = now_us_;
    }
  }
  while (inbox_at_ < inbox_size_) {
    const protocol::LineEvent arrived = reader_.push(inbox_[inbox_at_++]);
    if (arrived.kind == protocol::LineEvent::Kind::text) return on_text(arrived.text);
    if (arrived.kind == protocol::LineEvent::Kind::frame) return on_frame(arrived);
    if (arrived.damage == protocol::FrameDamage::text_too_long && !framed_) {
      Text<80> text;
      text << "error: a line has at most " << protocol::kMostTextLine << " characters";
      outbox_.print(text.view());
      return;
    }
  }
}

void Board::on_text(std::string_view line) {
  std::string_view rest = line;
  const std::string_view verb = take_word(rest);
  if (verb.empty()) return;
  if (framed_) {
    // Noise between frames may look like text; a command that exists is a person at a terminal.
    bool known = false;
    for (const std::string_view command : kCommands) known = known || verb == command;
    if (!known) return;
    framed_ = false;
    streams_ = 0;
  }
  Reply reply;
  const ReplyStatus status = command(line, reply);
  if (stream_ != Stream::none && status == ReplyStatus::ok) return;  // numbers only
  if (status != ReplyStatus::ok) outbox_.print("error:");
  print_lines(reply.size() == 0 ? std::string_view("ok") : reply.view());
}

void Board::print_lines(std::string_view text) {
  while (!text.empty()) outbox_.print(take_line(text));
}

ReplyStatus Board::command(std::string_view line, Reply& reply) {
  const std::string_view verb = take_word(line);
  while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
  const std::string_view value = line;

  const auto expected = [&](std::string_view what) {
    reply << verb << ": expected " << what << ", found \"" << value << "\"";
    return ReplyStatus::bad_value;
  };
  /// "10min" or "off" for `mute` and `maintenance`.
  const auto until = [&](std::int64_t& t_us) {
    std::int64_t duration_us = 0;
    if (value == "off") {
      t_us = 0;
    } else if (parse_duration(value, duration_us)) {
      t_us = now_us_ + duration_us;
    } else {
      return false;
    }
    return true;
  };
  const auto change = [&](std::string_view key, std::string_view to) {
    std::string_view right;
    const std::uint16_t hop_before = settings_.hop;
    switch (set_setting(settings_, key, to, right)) {
      case SetResult::ok: break;
      case SetResult::unknown_key:
        reply << "there is no setting \"" << key << "\"; 'settings' lists them";
        return ReplyStatus::bad_value;
      case SetResult::bad_value:
        reply << key << ": expected " << right << ", found \"" << to << "\"";
        return ReplyStatus::bad_value;
    }
    const std::optional<WindowShape> windows = detector_.shape(settings_.hop);
    if (key == "hop" && !windows) {
      reply << "hop: " << settings_.hop;
      say_of_hop(reply);
      settings_.hop = hop_before;
      return ReplyStatus::bad_value;
    }
    const bool cut_otherwise =
        windows && windows->hop_samples() != detector_.window().hop_samples();
    const bool saved = apply_settings();
    if (settings_.hop != hop_before && cut_otherwise) {
      forget_verdicts("windows are cut otherwise now");
      static_cast<void>(detector_.start(settings_.hop));
      if (detector_.loaded()) begin_learning();
      renew_recording();
    }
    if (saved) return ReplyStatus::ok;
    reply << key << ": set, but it cannot be saved: it holds until the next restart";
    return ReplyStatus::storage;
  };

  if (verb == "help" || verb == "?") {
    reply << kHelp;
  } else if (verb == "status") {
    show_status(reply);
  } else if (verb == "stream") {
    return stream_text(value, reply);
  } else if (verb == "record") {
    if (!valid_label(value)) {
      return expected("a label of 1 to 32 letters, digits and -_.+, as in 'record normal'");
    }
    const StoreStatus status = start_recording(value);
    if (status != StoreStatus::ok) {
      if (recorder_.card().foreign) {
        reply << "the log's file on the card is not Fettle's and is left alone: move it away";
      } else {
        reply << "the card is " << board::name_of(status);
        if (status != StoreStatus::absent && recorder_.card().busy)
          reply << "; it is looked at again now, try in a second";
      }
      return ReplyStatus::storage;
    }
    settings_.record.clear();
    settings_.record << value;
    resumed_ = false;
    keep_settings();  // so that it goes on after a loss of power
    reply << "recording \"" << value << "\" to the card until 'stop'";
  } else if (verb == "stop") {
    stream_ = Stream::none;
    streams_ = 0;
    const StoreStatus status = recorder_.stop(protocol::CardEndReason::stopped, now_us_, utc_us());
    if (settings_.record.size() != 0) {
      settings_.record.clear();
      keep_settings();
    }
    const std::uint32_t waiting = recorder_.card().waiting;
    if (status == StoreStatus::busy || (status == StoreStatus::ok && waiting > 0)) {
      reply << waiting
            << " records are on their way to the card: leave it in until 'status' says none";
    } else if (status != StoreStatus::ok) {
      reply << "the end of the recording cannot be written: the card is " << board::name_of(status)
            << "; what was recorded before is there";
      return ReplyStatus::storage;
    }
  } else if (verb == "threshold") {
    if (!value.empty()) {
      const ReplyStatus status = change("threshold", value);
      if (status != ReplyStatus::ok) return status;
    }
    reply << "threshold ";
    const bool by_hand = settings_.threshold > 0;
    reply.number(static_cast<double>(by_hand ? settings_.threshold : detector_.threshold()), 6)
        << (by_hand              ? " (set by hand)"
            : detector_.loaded() ? " (of the model)"
                                 : ": there is no model");
  } else if (verb == "ack" && !value.empty()) {
    return judge_alarm(value, reply);
  } else if (verb == "ack") {
    if (!alarm_.acknowledge()) {
      reply << "there is no alarm to acknowledge";
      return ReplyStatus::not_now;
    }
    set_pin();
    event(EventKind::acknowledged, "the pin is low until the next alarm");
  } else if (verb == "mute") {
    std::int64_t t_us = 0;
    if (!until(t_us)) return expected("a time from 1s to 31d, as in 'mute 10min', or off");
    const bool was = alarm_.muted(now_us_);
    alarm_.mute_until(t_us);
    set_pin();
    if (was || t_us != 0) event(t_us == 0 ? EventKind::unmuted : EventKind::muted, value);
  } else if (verb == "maintenance") {
    std::int64_t t_us = 0;
    if (!until(t_us)) return expected("a time from 1s to 31d, as in 'maintenance 30min', or off");
    if (t_us != 0) {
      begin_maintenance(t_us);
      event(EventKind::maintenance_began, value);
    } else if (alarm_.maintenance(now_us_)) {
      end_maintenance(value);
    }
  } else if (verb == "alert") {
    if (value != "test") return expected("test");
    alarm_.test_until(now_us_ + kAlertTest_us);
    set_pin();
    reply << "the alert pin is high for a second";
  } else if (verb == "selftest") {
    if (value == "result") return show_self_test(reply);
    if (!value.empty()) return expected("nothing or result");
    begin_self_test();
    reply << "it takes two seconds without samples; 'selftest result' shows what came out";
  } else if (verb == "settings") {
    Text<kMostSettings> list;
    list_settings(settings_, list);
    reply << list.view();
  } else if (verb == "set") {
    std::string_view rest = value;
    const std::string_view key = take_word(rest);
    return change(key, rest);
  } else if (verb == "name") {
    if (!value.empty()) return change("name", value);
    reply << (settings_.name.size() == 0 ? std::string_view("(no name)") : settings_.name.view());
  } else if (verb == "model") {
    reply << name_of(model_state_);
    if (detector_.loaded()) {
      reply << ", " << detector_.file().size() << " bytes, CRC-32 ";
      reply.hex(model_crc32_, 8) << ", windows of " << detector_.window().samples << " every "
                                 << detector_.window().hop_samples();
    }
  } else if (verb == "bench") {
    return bench(reply);
  } else if (verb == "events") {
    std::string_view rest = value;
    const std::string_view what = take_word(rest);
    if (what == "log") return show_event_log(rest, reply);
    if (!what.empty()) return expected("nothing or log");
    show_events(reply);
  } else if (verb == "time") {
    std::int64_t seconds = 0;
    if (!value.empty()) {
      if (!parse(value, seconds) || seconds < kEarliestUtc_s || seconds > kLatestUtc_s ||
          !set_clock(seconds * 1'000'000)) {
        return expected("seconds since 1970 (UTC)");
      }
    }
    reply << "up for ";
    add_duration(reply, now_us_);
    reply << ", UTC ";
    if (utc_us() == 0) {
      reply << "unknown";
    } else {
      reply << utc_us() / 1'000'000 << " s since 1970";
    }
  } else {
    reply << "there is no command \"" << verb << "\"; 'help' lists them";
    return ReplyStatus::unknown_command;
  }
  return ReplyStatus::ok;
}

/// "true" or "false", and perhaps the alarm's event: what somebody says of the newest alarm.
ReplyStatus Board::judge_alarm(std::string_view value, Reply& reply) {
  std::string_view rest = value;
  const std::string_view answer = take_word(rest);
  std::uint32_t id = alarm_id_;
  if ((answer != "true" && answer != "false") || (!rest.empty() && !parse(rest, id))) {
    reply << "ack: expected nothing, true or false, perhaps with the alarm's ID, as in 'ack false "
             "17'; found \""
          << value << "\"";
    return ReplyStatus::bad_value;
  }
  if (alarm_id_ == 0) {
    reply << "there was no alarm that could be judged since the start, or since model, windows or "
             "burn-in were changed";
    return ReplyStatus::not_now;
  }
  if (const std::string_view why = why_not_learning(); !why.empty()) {
    reply << "nothing can be learned from it: " << why << "; 'ack' acknowledges it";
    return ReplyStatus::not_now;
  }
  const bool fault = answer == "true";
  // A fault that was called false alarms again, so the newest is another by then.
  const bool takes_back = fault && id == false_id_;
  if (id != alarm_id_ && !takes_back) {
    reply << "alarm " << id << " cannot be judged: of the last alarms, ";
    list_alarms(reply);
    reply << ", only the newest can: " << alarm_id_;
    if (false_id_ != 0)
      reply << "; and 'ack true " << false_id_ << "' takes back what was said of it";
    return ReplyStatus::bad_value;
  }
  if (id == (fault ? true_id_ : false_id_)) {
    reply << "alarm " << id << " was judged before: " << answer;
    return ReplyStatus::ok;
  }
  // Whoever answers otherwise than before takes that back.
  static_cast<void>(alarm_.acknowledge());
  if (takes_back) learning_.take_back();
  if (fault) {
    learning_.was_true();
    true_id_ = id;
    if (takes_back) false_id_ = 0;
  } else {
    learning_.was_false();
    false_id_ = id;
    if (true_id_ == id) true_id_ = 0;
  }
  detector_.adopt(learning_.refinement()->settings());
  if (!fault && alarm_.active()) detector_.forget_evidence();
  reply << "alarm " << id << " was " << answer << ": ";
  if (fault) {
    reply
        << "nothing is learned until 'maintenance' is over, or the machine was normal for an hour";
  } else {
    reply << "the limit is now ";
    reply.number(static_cast<double>(learning_.refinement()->raise()), 2)
        << " times the calibrated one";
  }
  set_pin();
  Text<protocol::kMostEventText> text;
  text << "alarm " << id << (fault ? " was true" : " was false");
  event(EventKind::feedback, text.view());
  keep_learned();
  deaf_until_us_ = now_us_ + kSaveEvery_us;
  return ReplyStatus::ok;
}

void Board::list_alarms(Reply& reply) const {
  bool first = true;
  bool newest = false;
  for (std::size_t i = 0; i < past_count_; ++i) {
    if (past_[i].kind != EventKind::alarm_began || past_[i].before) continue;
    reply << (first ? "" : ", ") << past_[i].id;
    first = false;
    newest = newest || past_[i].id == alarm_id_;
  }
  if (!newest) reply << (first ? "" : ", ") << alarm_id_;
}

/// Saved at once: it may well be the supply that is cut next.
void Board::begin_maintenance(std::int64_t until_us) {
  alarm_.maintain_until(until_us);
  learning_.serviced();
  keep_learned();
  if (alarm_.clear()) event(EventKind::alarm_ended, "maintenance");
  set_pin();
}

/// Before and after are not the same machine: what is held of before is not learned, and no evidence
/// of before is left, or a machine that was mended and still stands would alarm again.
void Board::end_maintenance(std::string_view text) {
  alarm_.maintain_until(0);
  learning_.serviced();
  detector_.forget_evidence();
  set_pin();
  event(EventKind::maintenance_ended, text);
}

ReplyStatus Board::stream_text(std::string_view what, Reply& reply) {
  if (framed_) {
    reply
        << "this line carries frames: 'fettle watch' shows scores, 'fettle collect' takes samples; "
           "streams of text are for a terminal program";
    return ReplyStatus::not_now;
  }
  if (what == "scores") {
    if (!detector_.loaded()) {
      reply << "there is no model: nothing is scored until 'fettle deploy'";
      return ReplyStatus::not_now;
    }
    stream_ = Stream::scores;
    outbox_.print("t_us,score,threshold,verdict");
    return ReplyStatus::ok;
  }
  if (what != "csv") {
    reply << "stream: expected csv or scores, found \"" << what << "\"";
    return ReplyStatus::bad_value;
  }
  if (!csv_fits(reply)) return ReplyStatus::does_not_fit;
  stream_ = Stream::csv;
  return ReplyStatus::ok;
}

bool Board::csv_fits(Reply& reply) const {
  // The longest row at these ranges: signs, digits before the point, 4 and 2 behind it, commas.
  const std::uint32_t accel = settings_.ranges.accelerometer == AccelerometerRange::g16 ? 8 : 7;
  const std::uint32_t gyro = settings_.ranges.gyroscope >= GyroscopeRange::dps1000 ? 8 : 7;
  return fits_line(settings_.rate_hz * (3 * (accel + 1) + 3 * (gyro + 1) + 1), reply);
}

/// Rows of numbers alone, as plotters and data forwarders read them.
void Board::print_csv(const SampleBlock& block) {
  for (std::size_t i = 0; i < block.count; ++i) {
    const Sample sample = physical(block.samples[i], block.ranges);
    Text<80> row;
    for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
      if (axis > 0) row << ",";
      row.number(static_cast<double>(sample.axis[axis]), axis < 3 ? 4 : 2);
    }
    outbox_.print(row.view());
  }
}

void Board::show_status(Reply& reply) const {
  const SensorView sensor = sensor_.view();
  const mpu6050::Counters& counters = sensor.counters;
  const mpu6050::RateEstimate rate = sensor.rate;
  if (settings_.name.size() != 0) reply << settings_.name.view() << ", ";
  reply << "up for ";
  add_duration(reply, now_us_);
  reply << ", start " << settings_.boots << "\nsensor: ";
  const mpu6050::Cause cause = sensor.cause;
  if (cause != mpu6050::Cause::none) {
    reply << mpu6050::describe(cause);
  } else if (rate.rate_hz > 0) {
    reply.number(static_cast<double>(rate.rate_hz), 2) << " Hz +-";
    reply.number(static_cast<double>(rate.error) * 100, 3) << " %";
  } else {
    reply << "ok, rate not yet known";
  }
  if (sensor.clone) {
    reply << ", a clone (0x";
    reply.hex(sensor.who_am_i, 2) << ")";
  }
  reply << "\n  " << counters.delivered << " samples, " << counters.lost << " lost in "
        << counters.gaps << " gaps; bus: " << counters.nacks << " nack, " << counters.timeouts
        << " timeout, " << counters.stuck << " stuck; " << counters.restarts
        << " restarts\nmodel: " << name_of(model_state_);
  if (model_state_ == protocol::ModelState::none && no_model_.size() != 0) {
    reply << "\n  " << no_model_.view();
  }
  if (detector_.loaded()) {
    reply << ", " << windows_ << " windows, " << anomalies_ << " anomalies, " << alarm_.alarms()
          << " alarms";
    if (alarm_id_ != 0) reply << ", the newest has ID " << alarm_id_;
    if (judged_) {
      reply << "\n  score ";
      reply.number(static_cast<double>(last_.score), 4) << ", threshold ";
      reply.number(static_cast<double>(detector_.threshold()), 4)
          << ": " << fettle::name_of(last_.verdict);
      if (last_.reason != Reason::none) reply << ", " << describe(last_.reason);
    }
    show_burn_in(reply);
  }
  if (alarm_.active()) {
    reply << (alarm_.acknowledged() ? ", alarm " : ", ALARM ");
    if (alarm_id_ != 0) {
      reply << alarm_id_;
    } else {
      reply << "of before";
    }
    if (alarm_.acknowledged()) reply << " (acknowledged)";
  }
  if (pin_) reply << ", pin high";
  if (alarm_.muted(now_us_)) reply << ", muted";
  if (alarm_.maintenance(now_us_)) reply << ", maintenance";
  reply << "\ncard: " << name_of(recorder_.state());
  const CardView card = recorder_.card();
  if (card.records != 0) reply << ", " << card.records << " records";
  if (card.waiting != 0) reply << ", " << card.waiting << " waiting";
  if (card.dropped != 0) reply << ", " << card.dropped << " dropped";
  if (outbox_.dropped() != 0) reply << "\nline: " << outbox_.dropped() << " dropped";
}

/// How far the decision of the model is from what was asked of it.
void Board::show_burn_in(Reply& reply) const {
  if (!detector_.model().decision) return;
  if (judged_) {
    reply << ", ";
    reply.number(static_cast<double>(last_.share) * 100, 0) << " % of the limit";
  }
  if (detector_.moved()) reply << "; the sensor has moved";
  reply << "\nburn-in: ";
  if (const std::string_view why = why_not_learning(); !why.empty()) {
    reply << "none, " << why;
    return;
  }
  const Refinement& refinement = *learning_.refinement();
  const Support progress = refinement.progress();
  reply.number(progress.normal_hours, 1) << " h of normal running\n  false alarms: asked ";
  add_alarm_rate(reply, refinement.asked_per_hour());
  reply << ", to be expected ";
  add_alarm_rate(reply, refinement.stated_per_hour());
  if (progress.minutes_missing > 0) {
    reply << "; ";
    reply.number(progress.minutes_missing, 0) << " min missing";
  }
  if (refinement.raise() > 1.0F) {
    reply << "; limit raised ";
    reply.number(static_cast<double>(refinement.raise()), 2) << " times by false alarms";
  }
  if (refinement.waits()) reply << "; waits, a fault was confirmed: 'maintenance'";
}

/// What the stages of a window cost this processor, in its own cycles.
ReplyStatus Board::bench(Reply& reply) const {
  if (ports_.cycles == nullptr || !detector_.loaded()) {
    reply << (detector_.loaded() ? "this board has no counter of cycles: it takes the chip's own"
                                 : "there is no model whose stages could be measured");
    return ReplyStatus::not_now;
  }
  // The least of some runs: what an interrupt or a cold cache added is not the engine's.
  const auto least = [this](bool own) {
    constexpr int kRuns = 16;
    std::uint32_t fewest = UINT32_MAX;
    for (int i = 0; i < kRuns; ++i) {
      const std::uint32_t before = ports_.cycles->cycles();
      detector_.try_network(own);
      const std::uint32_t taken = ports_.cycles->cycles() - before;
      fewest = taken < fewest ? taken : fewest;
    }
    return fewest;
  };
  const auto of = [this](Stage stage) { return stage_cycles_[static_cast<std::size_t>(stage)]; };
  reply << "cycles, at most\n  a sample, into the window " << sample_cycles_
        << "\n  a window\n    features " << of(Stage::features) << "\n    score "
        << of(Stage::score) << "\n    decision " << of(Stage::decision)
        << "\n  an inference, at least\n    own engine " << least(true);
  if (detector_.delegates()) {
    reply << "\n    " << ports_.engine->name() << " " << least(false) << ", memory "
          << ports_.engine->memory_used() << " of " << ports_.engine->memory() << " bytes";
  }
  return ReplyStatus::ok;
}

void Board::begin_self_test() {
  sensor_.request_self_test();
  gap_expected_ = true;
  self_test_due_ = true;
  // The card now, because a sensor that is missing must not hide it; with a record of its own to read back.
  recorder_.event(message_of(protocol::EventKind::self_test, "begins"), now_us_);
  recorder_.check();
  alarm_.test_until(now_us_ + kAlertTest_us);
}

/// The driver's part has ended. The event says how, and its own record shows whether the card works.
void Board::finish_self_test() {
  self_test_due_ = false;
  const mpu6050::SelfTestResult result = sensor_.view().self_test;
  const bool passed = result.passed() && result.interrupts && result.pulses.right_rate() &&
                      result.pulses.steady() && wires_pass(result, settings_.rate_hz);
  event(EventKind::self_test, passed ? "sensor passed" : "sensor failed: 'selftest result'");
  recorder_.check();
}

void Board::tell_first_self_test() {
  first_self_test_due_ = false;
  Reply reply;
  static_cast<void>(show_self_test(reply));
  for (std::string_view rest = reply.view(); !rest.empty();) {
    const std::string_view line = take_line(rest);
    log(line.starts_with("FAIL") ? LogLevel::error : LogLevel::info, "selftest", line);
  }
}

/// A clock that somebody brings. Noted when it is the first, or another than before by more than two
/// clocks drift apart in days.
/// @return false if it cannot be right
bool Board::set_clock(std::int64_t utc_us) {
  constexpr std::int64_t kSecond_us = 1'000'000;
  constexpr std::int64_t kDrift_us = 5 * kSecond_us;
  if (utc_us < kEarliestUtc_s * kSecond_us || utc_us > kLatestUtc_s * kSecond_us) return false;
  const std::int64_t moved_us = utc_us - now_us_ - utc_offset_us_;
  const bool news = utc_offset_us_ == 0 || moved_us > kDrift_us || moved_us < -kDrift_us;
  utc_offset_us_ = utc_us - now_us_;
  if (news) event(EventKind::clock_set, "events carry UTC from here");
  return true;
}

ReplyStatus Board::show_self_test(Reply& reply) const {
  const SensorView sensor = sensor_.view();
  const mpu6050::SelfTestResult& result = sensor.self_test;
  if (self_test_due_ || result.status == mpu6050::SelfTestStatus::running) {
    if (sensor.cause == mpu6050::Cause::none || sensor.cause == mpu6050::Cause::self_test ||
        sensor.cause == mpu6050::Cause::starting) {
      reply << "it is still running";
      return ReplyStatus::not_now;
    }
    reply << "FAIL sensor: " << mpu6050::describe(sensor.cause);
    if (sensor.cause == mpu6050::Cause::other_chip) {
      reply << ": it says 0x";
      reply.hex(sensor.who_am_i, 2) << ", an MPU6050 0x";
      reply.hex(mpu6050::kGenuineId, 2) << ". Try another module";
    } else {
      reply << ". Check 3V3, GND, SDA, SCL and that AD0 is low or high, not open";
    }
    reply << ". It is tested once it answers.";
    show_card_and_pin(reply);
    return ReplyStatus::ok;
  }
  if (result.status == mpu6050::SelfTestStatus::failed) {
    reply << "FAIL it was interrupted: 'selftest' starts another";
    return ReplyStatus::ok;
  }
  if (result.status == mpu6050::SelfTestStatus::never) {
    reply << "none was made: 'selftest' starts one";
    return ReplyStatus::not_now;
  }
  reply << (sensor.clone ? "warn" : "pass") << " chip 0x";
  reply.hex(sensor.who_am_i, 2) << ", " << mpu6050::chip_name(sensor.who_am_i)
                                << (sensor.clone ? ": a clone, specifications may differ" : "");
  for (std::size_t axis = 0; axis < kMaxAxes; ++axis) {
    const mpu6050::SelfTestAxis& a = result.axes[axis];
    reply << "\n"
          << (a.untrimmed() ? "warn "
              : a.passed    ? "pass "
                            : "FAIL ")
          << kAxisNames[axis] << " ";
    if (a.untrimmed()) {
      reply << "has no factory value to compare with";
    } else {
      reply.number(static_cast<double>(a.change) * 100, 1) << " % off trim";
    }
    reply << ", noise ";
    reply.number(static_cast<double>(a.noise) * (axis < 3 ? 1000 : 1), axis < 3 ? 1 : 2)
        << (axis < 3 ? " mg" : " dps");
    if (a.passed || a.untrimmed()) continue;
    reply << (a.noise > 0 ? ": rest the machine, test again"
                          : ": it does not move: another module");
  }
  show_interrupt(reply, sensor);
  show_wires(reply, result);
  const mpu6050::RateEstimate rate = sensor.rate;
  if (rate.rate_hz > 0) {
    reply << "\npass rate ";
    reply.number(static_cast<double>(rate.rate_hz), 2) << " Hz +-";
    reply.number(static_cast<double>(rate.error) * 100, 3) << " %";
  }
  show_card_and_pin(reply);
  return ReplyStatus::ok;
}

void Board::show_card_and_pin(Reply& reply) const {
  const CardView card = recorder_.card();
  reply << "\n";
  if (card.busy) {
    reply << "note card: busy, ask again";
  } else if (card.checked == StoreStatus::ok) {
    reply << "pass card: written and read back";
  } else if (card.checked == StoreStatus::absent) {
    reply << "note card: absent";
  } else {
    reply << "FAIL card: " << board::name_of(card.checked);
  }
  reply << "\nDid the alert pin go high for a second? If not, check its wire.";
}

/// Whether time stamps can rest on the interrupt.
void Board::show_interrupt(Reply& reply, const SensorView& sensor) const {
  const mpu6050::SelfTestResult& result = sensor.self_test;
  const mpu6050::Pulses& pulses = result.pulses;
  if (!result.interrupts || pulses.rate_hz == 0) {
    reply << "\nFAIL interrupt pin: check the wire INT";
    return;
  }
  const bool good = pulses.right_rate() && pulses.steady();
  reply << (good ? "\npass" : "\nFAIL") << " interrupt pin: ";
  reply.number(static_cast<double>(pulses.rate_hz), 2) << " Hz, interval off by ";
  reply.number(static_cast<double>(pulses.jitter_us), 0) << " us RMS, ";
  reply.number(static_cast<double>(pulses.most_jitter_us), 0) << " at most";
  if (!pulses.right_rate()) {
    reply << "; " << sensor.config.rate_hz
          << " Hz +-5.5 % expected: INT short, with GND beside it?";
  } else if (!pulses.steady()) {
    reply << "; 85 RMS expected: is INT loose, or was flash written?";
  }
}

/// Whether the bus is as fast as the samples need, and why not.
void Board::show_wires(Reply& reply, const mpu6050::SelfTestResult& result) const {
  const BusWires& wires = result.wires;
  if (wires.set_hz == 0) return;
  if (wires.measured_hz == 0) {
    reply << "\nFAIL I2C at " << wires.set_hz / 1000
          << " kHz: not measured, the sensor did not answer: test again";
    return;
  }
  const bool carries = result.most_rate_hz >= settings_.rate_hz;
  reply << (carries && edges_pass(wires) ? "\npass" : "\nFAIL") << " I2C at " << wires.set_hz / 1000
        << " kHz: measured " << wires.measured_hz / 1000 << " kHz, good for ";
  reply.number(static_cast<double>(result.most_rate_hz), 0) << " Hz";
  if (!edges_pass(wires)) {
    reply << ": shorter wires, pull-ups of 2.2 to 4.7 kOhm";
  } else if (!carries) {
    reply << ": give the bus a faster clock, or 'set rate_hz' to a lower rate";
  }
  if (wires.sda_pulled_up && wires.scl_pulled_up) {
    reply << "\npass pull-ups";
  } else {
    reply << "\nFAIL pull-ups: none on"
          << (wires.sda_pulled_up   ? " SCL"
              : wires.scl_pulled_up ? " SDA"
                                    : " SDA and SCL")
          << ": put 4.7 kOhm from each line to 3V3";
  }
}

}  // namespace fettle::board
