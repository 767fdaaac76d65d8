// SPDX-License-Identifier: Apache-2.0
#include "board/board.hpp"

#include <algorithm>

namespace fettle::board {

static_assert(static_cast<int>(protocol::BoardVerdict::sensor_moved) == kVerdicts - 1);
static_assert(static_cast<int>(protocol::BoardReason::weak) == kReasons - 1);

using protocol::EventKind;
using protocol::ModelState;

namespace {

constexpr std::int64_t kSensorSilent_us = 1'000'000;
constexpr std::int64_t kLossesEvery_us = 60'000'000;
constexpr std::int64_t kUseless_us = 60'000'000;
constexpr std::int64_t kUnjudged_us = 3'600'000'000;
// Of a window that is judged, beside one that is not: where one in ten is, it is no news.
constexpr std::int64_t kJudgedWeighs = 9;
constexpr std::int64_t kRound_us = 20'000;  // the line is looked at so often, at least
constexpr std::int64_t kBusy_us = 1000;     // ... while requests are waiting
constexpr std::int64_t kCauseEvery_us = 10'000'000;

mpu6050::Config driver_config(const Settings& settings) {
  mpu6050::Config config;
  config.rate_hz = settings.rate_hz;
  config.ranges = settings.ranges;
  return config;
}

const char* name_of_event(EventKind kind) {
  switch (kind) {
    case EventKind::boot: return "boot";
    case EventKind::alarm_began: return "alarm";
    case EventKind::alarm_ended: return "alarm over";
    case EventKind::acknowledged: return "acknowledged";
    case EventKind::muted: return "muted";
    case EventKind::unmuted: return "no longer muted";
    case EventKind::maintenance_began: return "maintenance";
    case EventKind::maintenance_ended: return "maintenance over";
    case EventKind::sensor_lost: return "sensor lost";
    case EventKind::sensor_back: return "sensor back";
    case EventKind::samples_lost: return "samples lost";
    case EventKind::card_failed: return "card failed";
    case EventKind::model_changed: return "model changed";
    case EventKind::clock_set: return "clock set";
    case EventKind::self_test: return "self-test";
    case EventKind::feedback: return "feedback";
    case EventKind::condition: return "condition";
  }
  return "unknown";
}

/// In the list of the newest events it takes the place of its last: computers that come and go, or a loose
/// wire, would otherwise drive out the alarm that somebody looks for.
bool replaces_itself(EventKind kind) {
  switch (kind) {
    case EventKind::clock_set:
    case EventKind::sensor_lost:
    case EventKind::sensor_back:
    case EventKind::samples_lost:
    case EventKind::card_failed:
    case EventKind::condition: return true;
    default: return false;
  }
}

LogLevel level_of(EventKind kind) {
  switch (kind) {
    case EventKind::alarm_began:
    case EventKind::sensor_lost:
    case EventKind::samples_lost:
    case EventKind::condition: return LogLevel::warning;
    case EventKind::card_failed: return LogLevel::error;
    default: return LogLevel::info;
  }
}

/// What is kept with the start, and what a person is told.
struct RestartTexts {
  const char* kept;
  const char* told;
};
RestartTexts texts_of(Restart restart) {
  switch (restart) {
    case Restart::usual: break;
    case Restart::brown_out:
      return {", the supply broke in",
              "restarted because the supply broke in: check the power supply and its cable"};
    case Restart::watchdog:
      return {", by the watchdog", "restarted by the watchdog: something hung; please report it"};
    case Restart::defect:
      return {", after a defect", "restarted after a defect of the program; please report it"};
  }
  return {"", nullptr};
}

}  // namespace

Board::Board(const Ports& ports, const Identity& identity)
    : ports_(ports),
      identity_(identity),
      own_(ports.bus, ports.data_ready, driver_config({})),
      sensor_(ports.samples != nullptr ? *ports.samples : own_),
      store_(ports.models),
      learning_(ports.learned, ports.calibration),
      own_log_(ports.card),
      recorder_(ports.records != nullptr ? *ports.records : own_log_),
      event_log_(ports.events),
      outbox_(ports.line) {}

void Board::begin(std::int64_t now_us) {
  now_us_ = now_us;
  last_block_us_ = now_us;
  ports_.alert.set(false);
  if (identity_.defaults != nullptr) settings_ = *identity_.defaults;
  const RestartTexts restart = texts_of(identity_.restart);
  if (restart.told != nullptr) log(LogLevel::error, "start", restart.told);
  const LoadResult loaded = load_settings(ports_.settings, settings_);
  if (loaded == LoadResult::damaged) {
    log(LogLevel::error, "settings", "they are damaged: the defaults are used from now on");
  }
  if (loaded == LoadResult::impossible) {
    log(LogLevel::error, "settings", "one has a value that it cannot have: its default is used");
  }
  ++settings_.boots;
  if (loaded == LoadResult::unreadable) {
    // Perhaps they are whole: nothing is written over them until somebody sets something.
    log(LogLevel::error, "settings",
        "they cannot be read: the defaults are used until the next start");
  } else {
    static_cast<void>(keep_settings());
    deaf_until_us_ = 0;
  }
  sensor_.reconfigure(driver_config(settings_));
  alarm_.set_latch(settings_.latch);
  detector_.set_rate(static_cast<float>(settings_.rate_hz));
  recorder_.open(now_us, {.boot = settings_.boots, .id = identity_.id});
  list_kept_events();
  tell_given_up();
  choose_model(true);
  if (unacknowledged()) {
    if (settings_.latch) {
      alarm_.restore();
      set_pin();
      log(LogLevel::warning, "ANOMALY", "the alarm of before the restart stands until 'ack'");
    } else {
      event(EventKind::alarm_ended, "with the restart: what lasts alarms again");
    }
  }
  Text<protocol::kMostEventText> text;
  text << "started for the " << settings_.boots << ". time, Fettle " << identity_.firmware
       << restart.kept;
  event(EventKind::boot, text.view());
  follow_record_wish();
  first_self_test_due_ = identity_.tests_itself && loaded == LoadResult::none;
  if (first_self_test_due_) begin_self_test();
}

void Board::step(std::int64_t now_us) {
  now_us_ = now_us;
  sensor_.step(now_us);
  if (const SampleBlock* block = sensor_.take()) on_block(*block);
  watch_sensor();
  learn();
  watch_card();
  follow_record_wish();
  if (alarm_.muted_until_us() != 0 && !alarm_.muted(now_us)) {
    alarm_.mute_until(0);
    event(EventKind::unmuted, "the time is over");
  }
  if (alarm_.maintenance_until_us() != 0 && !alarm_.maintenance(now_us)) {
    end_maintenance("the time is over");
  }
  set_pin();
  keep_owed_alarm();
  if (self_test_due_ && sensor_.view().self_test.status != mpu6050::SelfTestStatus::running &&
      sensor_.state() != mpu6050::State::self_test) {
    finish_self_test();
  }
  if (first_self_test_due_ && !self_test_due_ && !recorder_.card().busy) tell_first_self_test();
  outbox_.pump();
  read_line();
  outbox_.pump();
}

std::int64_t Board::next_wake_us() const {
  const std::int64_t driver_us = sensor_.next_wake_us();
  const std::int64_t round_us = now_us_ + (inbox_at_ < inbox_size_ ? kBusy_us : kRound_us);
  return driver_us < round_us ? driver_us : round_us;
}

/// The journey of a block: window, features, model, score, decision, alert; and to whoever listens.
void Board::on_block(const SampleBlock& block) {
  last_block_us_ = now_us_;
  if (sensor_lost_) {
    sensor_lost_ = false;
    event(EventKind::sensor_back, "samples flow again");
  }
  note_losses(block);

  protocol::SamplesMessage message{block, 0};
  for (std::size_t i = 0; i < block.count; ++i) {
    std::uint32_t before = ports_.cycles != nullptr ? ports_.cycles->cycles() : 0;
    const auto lap = [&](std::uint32_t& longest) {
      if (ports_.cycles == nullptr) return;
      const std::uint32_t now = ports_.cycles->cycles();
      longest = std::max(longest, now - before);
      before = now;
    };
    const auto result =
        detector_.push(block.time_us(i), block.samples[i], block.ranges,
                       [&](Stage ended) { lap(stage_cycles_[static_cast<std::size_t>(ended)]); });
    if (!result) lap(sample_cycles_);
    if (i == 0) {
      // Where this sample stands is known only now: a gap before it began a new window.
      const std::uint32_t after = detector_.phase();
      const std::uint32_t hop = detector_.window().hop_samples();
      message.phase = static_cast<std::uint16_t>((after == 0 ? hop : after) - 1);
    }
    if (result) on_result(*result, block.index + i + 1 - detector_.window().samples);
  }

  recorder_.add(message, now_us_);
  if (framed_ && (streams_ & protocol::kStreamSamples) != 0) {
    outbox_.send(protocol::MessageType::samples, message);
  }
  if (!framed_ && stream_ == Stream::csv) print_csv(block);
}

void Board::on_result(const WindowResult& result, std::uint64_t index) {
  last_ = result;
  judged_ = true;
  ++windows_;
  anomalies_ += raises(result.verdict) && result.reason == Reason::none ? 1U : 0U;
  watch_readings(result.reason);
  watch_machine(result.reason);
  const AlarmChange change = alarm_.update(result.verdict, now_us_);
  // A machine that is being worked on teaches nothing.
  if (alarm_.maintenance(now_us_)) {
    learning_.interrupt();
  } else {
    learning_.push(result);
  }
  set_pin();

  protocol::ScoreMessage score;
  score.index = index;
  score.t_us = result.start_us;
  score.score = result.score;
  score.threshold = result.threshold;
  score.verdict = static_cast<protocol::BoardVerdict>(result.verdict);
  score.reason = static_cast<protocol::BoardReason>(result.reason);
  score.flags = static_cast<std::uint8_t>(
      flags() | (change == AlarmChange::began ? protocol::kScoreAlarm : 0));
  if (framed_ && (streams_ & protocol::kStreamScores) != 0) {
    outbox_.send(protocol::MessageType::score, score);
  }
  if (!framed_ && stream_ == Stream::scores) {
    Text<96> line;
    line << result.start_us << ",";
    line.number(static_cast<double>(result.score), 6) << ",";
    line.number(static_cast<double>(result.threshold), 6) << "," << name_of(result.verdict);
    outbox_.print(line.view());
  }

  if (change == AlarmChange::began) {
    alarm_id_ = events_ + 1;
    // Score and threshold are in the event beside its text.
    event(EventKind::alarm_began, detector_.phrase().view());
  } else if (change == AlarmChange::ended) {
    event(EventKind::alarm_ended, alarm_id_ != 0 && alarm_id_ == false_id_ ? "it was called false"
                                  : result.verdict == Verdict::warning
                                      ? "evidence has fallen, it is not yet as learned"
                                      : "the machine is as learned again");
  }
  if (model_state_ == ModelState::trial) prove_model();
}

/// Says when samples flow and are of no use, because nothing else does: the pin stays low, and whoever looks
/// at it takes a broken sensor for a healthy machine.
void Board::watch_readings(Reason reason) {
  const bool useless = reason == Reason::stuck || reason == Reason::clipped ||
                       reason == Reason::wrong_rate || reason == Reason::not_a_number;
  if (!useless) {
    // A machine that is off tells nothing of its sensor.
    if (readings_useless_ && reason == Reason::none) {
      readings_useless_ = false;
      event(EventKind::sensor_back, "its readings can be judged again");
    }
    useless_since_us_ = 0;
    return;
  }
  if (useless_since_us_ == 0) useless_since_us_ = now_us_;
  if (readings_useless_ || now_us_ - useless_since_us_ < kUseless_us) return;
  readings_useless_ = true;
  Text<protocol::kMostEventText> text;
  text << "for a minute its readings are of no use: " << describe(reason);
  event(EventKind::sensor_lost, text.view());
}

/// Likewise for a machine that runs and is not judged, for hours: at a speed that nobody taught, or so much
/// weaker. And that the sensor sits otherwise, which no pin tells.
void Board::watch_machine(Reason reason) {
  const bool moved = detector_.moved() && !alarm_.maintenance(now_us_);
  if (moved && !said_moved_) {
    event(EventKind::condition,
          "the sensor was moved: look at machine and mount, then 'fettle rebase' fits the model");
  }
  said_moved_ = detector_.moved() && (said_moved_ || moved);

  const WindowShape& window = detector_.window();
  const auto window_us =
      static_cast<std::int64_t>(1e6F * static_cast<float>(window.hop_samples()) / window.rate_hz);
  switch (reason) {
    case Reason::speed:
    case Reason::unclear:
    case Reason::weak:
    case Reason::losing_samples: unjudged_us_ += window_us; break;
    case Reason::none:
      unjudged_us_ = std::max(unjudged_us_ - kJudgedWeighs * window_us, std::int64_t{0});
      break;
    default: return;  // off is no news, and of a broken sensor watch_readings() speaks
  }
  if (unjudged_us_ == 0 && said_unjudged_) {
    said_unjudged_ = false;
    event(EventKind::condition, "it can be judged again");
  }
  unjudged_us_ = std::min(unjudged_us_, kUnjudged_us);
  if (unjudged_us_ < kUnjudged_us || said_unjudged_) return;
  said_unjudged_ = true;
  Text<protocol::kMostEventText> text;
  text << "for an hour it could not be judged: " << describe(reason);
  event(EventKind::condition, text.view());
}

void Board::set_pin() {
  const bool pin = alarm_.pin(now_us_);
  if (pin == pin_) return;
  pin_ = pin;
  ports_.alert.set(pin);
}

/// Says when samples stop coming and why; and again, though not often, when the cause has become
/// another one.
void Board::watch_sensor() {
  if (now_us_ - last_block_us_ < kSensorSilent_us || sensor_.state() == mpu6050::State::self_test) {
    return;
  }
  const bool another =
      sensor_.cause() != said_cause_ && sensor_.cause() != mpu6050::Cause::starting;
  if (sensor_lost_ && (!another || now_us_ - said_cause_us_ < kCauseEvery_us)) return;
  sensor_lost_ = true;
  said_cause_ = sensor_.cause();
  said_cause_us_ = now_us_;
  event(EventKind::sensor_lost, sensor_.cause() == mpu6050::Cause::none
                                    ? "no samples for a second"
                                    : mpu6050::describe(sensor_.cause()));
}

/// Losses are told once a minute, not once a gap: a bad wire must not fill the card.
void Board::note_losses(const SampleBlock& block) {
  if (gap_expected_ && (block.lost_before > 0 || !self_test_due_)) {
    gap_expected_ = false;
  } else {
    losses_ += block.lost_before;
  }
  if (losses_ == 0 || (any_loss_ && now_us_ - losses_us_ < kLossesEvery_us)) return;
  any_loss_ = true;
  losses_us_ = now_us_;
  Text<protocol::kMostEventText> text;
  text << losses_ << " samples are missing; 'status' counts the causes";
  event(EventKind::samples_lost, text.view());
  losses_ = 0;
}

/// @return whether they are saved
bool Board::keep_settings() {
  deaf_until_us_ = now_us_ + kSaveEvery_us;
  if (save_settings(ports_.settings, settings_) == StoreStatus::ok) return true;
  log(LogLevel::error, "settings", "they cannot be saved: they hold until the next restart");
  return false;
}

/// After a setting has changed. @return whether it is saved
bool Board::apply_settings() {
  alarm_.set_latch(settings_.latch);
  const mpu6050::Config config = driver_config(settings_);
  const mpu6050::Config before = sensor_.view().config;
  const bool other_sensor = config.rate_hz != before.rate_hz || config.ranges != before.ranges;
  if (other_sensor) {
    sensor_.reconfigure(config);
    gap_expected_ = true;
    if (config.rate_hz != before.rate_hz) {
      detector_.set_rate(static_cast<float>(settings_.rate_hz));
      choose_model(false);
    }
    renew_recording();
    stop_stream_that_does_not_fit();
  }
  if (detector_.loaded()) detector_.set_threshold(settings_.threshold);
  return keep_settings();
}

StoreStatus Board::start_recording(std::string_view label) {
  protocol::CardSession session;
  session.label = label;
  session.name = settings_.name.view();
  session.firmware = identity_.firmware;
  session.rate_hz = static_cast<float>(settings_.rate_hz);
  session.ranges = settings_.ranges;
  session.who_am_i = sensor_.view().who_am_i;
  session.model_crc32 = model_crc32_;
  session.window_samples = static_cast<std::uint16_t>(detector_.window().samples);
  session.hop = static_cast<std::uint16_t>(detector_.window().hop_samples());
  session.uptime_us = now_us_;
  session.utc_us = utc_us();
  return recorder_.start(session, now_us_);
}

/// Rate, ranges, windows or model are others now: what follows is another recording.
void Board::renew_recording() {
  if (!recorder_.recording()) return;
  // What fails is told by the next step.
  static_cast<void>(start_recording(settings_.record.view()));
}

void Board::watch_card() {
  const Recorder::News news = recorder_.step(now_us_);
  if (news.failed) card_failed(news.why, news.stopped);
  if (!news.began) return;
  if (resumed_) log(LogLevel::info, "card", "recording goes on");
  resumed_ = false;
}

void Board::card_failed(StoreStatus status, bool stopped) {
  Text<80> text;
  if (stopped) text << "recording has stopped, ";
  text << "detection goes on: the card is " << name_of(status);
  static_cast<void>(tell(EventKind::card_failed, text.view()));
  log(LogLevel::warning, "card", what_to_do_about_card(status));
}

const char* Board::what_to_do_about_card(StoreStatus status) const {
  switch (status) {
    case StoreStatus::absent: return "put it in, and it is used again by itself";
    case StoreStatus::full:
      return "take its log in on a PC ('fettle collect --sd FILE -o data'), then delete it from "
             "the card";
    case StoreStatus::failed:
      if (recorder_.card().foreign) {
        return "the log's file is not Fettle's and is left alone: move it away to record";
      }
      return "save its log on a PC ('fettle collect --sd FILE -o data'), then format it as FAT32";
    case StoreStatus::ok:
    case StoreStatus::busy: break;
  }
  return "";
}

/// Until `stop` is said, what a restart or another card cut off goes on as a new recording; and what could
/// not be ended, because the card was busy, ends.
void Board::follow_record_wish() {
  const bool wanted = settings_.record.size() != 0;
  if (wanted == recorder_.recording()) return;
  if (!wanted) {
    static_cast<void>(recorder_.stop(protocol::CardEndReason::stopped, now_us_, utc_us()));
  } else if (recorder_.card().status == StoreStatus::ok &&
             start_recording(settings_.record.view()) == StoreStatus::ok) {
    resumed_ = true;
  }
}

std::uint8_t Board::flags() const {
  unsigned flags = 0;
  if (pin_) flags |= protocol::kScorePin;
  if (alarm_.muted(now_us_)) flags |= protocol::kScoreMuted;
  if (alarm_.maintenance(now_us_)) flags |= protocol::kScoreMaintenance;
  return static_cast<std::uint8_t>(flags);
}

protocol::StatusMessage Board::status() const {
  const SensorView sensor = sensor_.view();
  const mpu6050::Counters& counters = sensor.counters;
  protocol::StatusMessage status;
  status.uptime_us = now_us_;
  status.utc_us = utc_us();
  status.boot = settings_.boots;
  status.sensor = static_cast<protocol::SensorState>(sensor.state);
  status.who_am_i = sensor.who_am_i;
  status.rate_hz = sensor.rate.rate_hz;
  status.rate_error = sensor.rate.error;
  status.celsius = sensor.celsius;
  status.samples = counters.delivered;
  status.lost = counters.lost;
  status.gaps = counters.gaps;
  status.restarts = counters.restarts;
  status.nacks = counters.nacks;
  status.timeouts = counters.timeouts;
  status.stuck = counters.stuck;
  status.overflows = counters.overflows;
  status.misaligned = counters.misaligned;
  status.configuration_lost = counters.configuration_lost;
  status.missed_interrupts = counters.missed_interrupts;
  status.clipped = counters.clipped;
  status.windows = windows_;
  status.anomalies = anomalies_;
  status.alarms = alarm_.alarms();
  status.score = judged_ ? last_.score : 0.0F;
  status.threshold = detector_.threshold();
  if (judged_) {
    status.verdict = static_cast<protocol::BoardVerdict>(last_.verdict);
    status.reason = static_cast<protocol::BoardReason>(last_.reason);
  }
  status.flags = flags();
  if (alarm_.active()) status.flags |= protocol::kStatusAlarm;
  if (alarm_.acknowledged()) status.flags |= protocol::kStatusAcknowledged;
  status.model = model_state_;
  status.card = recorder_.state();
  status.card_records = recorder_.card().records;
  status.frames_dropped = outbox_.dropped();
  status.frames_bad = static_cast<std::uint32_t>(reader_.damaged());
  status.share = judged_ ? last_.share : 0.0F;
  status.alarm_id = alarm_id_;
  status.burn_in = burn_in_state();
  if (detector_.moved()) status.flags |= protocol::kStatusMoved;
  if (status.burn_in != protocol::BurnInState::none) {
    const Refinement& refinement = *learning_.refinement();
    const Support progress = refinement.progress();
    status.normal_hours = static_cast<float>(progress.normal_hours);
    status.asked_per_hour = static_cast<float>(refinement.asked_per_hour());
    status.stated_per_hour = static_cast<float>(refinement.stated_per_hour());
    status.minutes_missing = static_cast<float>(progress.minutes_missing);
    status.raise = refinement.raise();
  }
  return status;
}

void Board::event(EventKind kind, std::string_view text) {
  const protocol::EventMessage message = tell(kind, text);
  recorder_.event(message, now_us_);
}

/// Under the newest number.
protocol::EventMessage Board::message_of(EventKind kind, std::string_view text) const {
  protocol::EventMessage message;
  message.id = events_;
  message.kind = kind;
  message.boot = settings_.boots;
  message.uptime_us = now_us_;
  message.utc_us = utc_us();
  message.text = text;
  return message;
}

protocol::EventMessage Board::tell(EventKind kind, std::string_view text) {
  ++events_;
  protocol::EventMessage message = message_of(kind, text);
  const bool scored = kind == EventKind::alarm_began || kind == EventKind::alarm_ended;
  message.score = scored ? last_.score : 0.0F;
  message.threshold = scored ? last_.threshold : 0.0F;
  list({kind, false, message.boot, events_, message.score, now_us_});
  keep_event(message);
  if (framed_ && (streams_ & protocol::kStreamEvents) != 0) {
    outbox_.send(protocol::MessageType::event, message);
  }
  if (kind == EventKind::alarm_began) {
    Text<protocol::kMostEventText + 48> line;
    line << "score ";
    line.number(static_cast<double>(message.score), 4) << ", threshold ";
    line.number(static_cast<double>(message.threshold), 4) << ": " << text;
    log(LogLevel::warning, "ANOMALY", line.view());
  } else {
    log(level_of(kind), name_of_event(kind), text);
  }
  return message;
}

void Board::log(LogLevel level, std::string_view tag, std::string_view text) {
  ports_.log.write(level, tag, text);
  if (framed_) {
    if ((streams_ & protocol::kStreamLog) == 0) return;
    outbox_.send(protocol::MessageType::log,
                 protocol::LogMessage{static_cast<std::uint8_t>(level), now_us_, tag, text});
  } else if (stream_ == Stream::none) {  // a stream of numbers is for programs
    Text<160> line;
    line << (level == LogLevel::error ? "E " : level == LogLevel::warning ? "W " : "I ");
    line.number(static_cast<double>(now_us_) * 1e-6, 3) << " " << tag << ": " << text;
    outbox_.print(line.view());
  }
}

/// For `events`.
void Board::list(const PastEvent& past) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < past_count_; ++i) {
    const bool again = past.kind == past_[i].kind && replaces_itself(past.kind);
    if (!again) past_[count++] = past_[i];
  }
  if (count == past_.size()) {
    for (std::size_t i = 1; i < count; ++i) past_[i - 1] = past_[i];
    --count;
  }
  past_[count] = past;
  past_count_ = count + 1;
}

void Board::show_events(Reply& reply) const {
  for (std::size_t i = 0; i < past_count_; ++i) {
    const PastEvent& past = past_[i];
    if (i != 0) reply << "\n";
    if (past.before) reply << "start " << past.boot << ", ";
    reply << past.id << "  ";
    reply.number(static_cast<double>(past.uptime_us) * 1e-6, 1)
        << " s  " << name_of_event(past.kind);
    if (past.kind == EventKind::alarm_began) {
      reply << ", score ";
      reply.number(static_cast<double>(past.score), 4);
    }
  }
}

/// In flash, whatever becomes of the card.
void Board::keep_event(const protocol::EventMessage& message) {
  const StoreStatus status = event_log_.add(message);
  if (message.kind == EventKind::alarm_began || message.kind == EventKind::alarm_ended) {
    const bool began = message.kind == EventKind::alarm_began;
    if (status == StoreStatus::ok) kept_alarm_ = began;
    owes_alarm_ = status == StoreStatus::busy;
  }
  if (status != StoreStatus::failed || event_log_failed_) return;
  event_log_failed_ = true;
  log(LogLevel::error, "events", "they cannot be kept in flash: after a restart they are gone");
}

/// An alarm that came and went too often to be kept each time: how things stand is kept all the same, later.
void Board::keep_owed_alarm() {
  if (!owes_alarm_) return;
  if (alarm_.active() == kept_alarm_) {
    owes_alarm_ = false;
    return;
  }
  protocol::EventMessage message =
      message_of(alarm_.active() ? EventKind::alarm_began : EventKind::alarm_ended,
                 "it came and went too often to be kept each time");
  if (alarm_.active() && alarm_id_ != 0) message.id = alarm_id_;
  message.score = last_.score;
  message.threshold = last_.threshold;
  keep_event(message);
}

/// What was kept before this start, so that `events` has it.
void Board::list_kept_events() {
  if (event_log_.open() == StoreStatus::failed) {
    log(LogLevel::error, "events", "those kept in flash cannot be read");
  }
  EventLog::Record memory;
  protocol::EventMessage message;
  EventLog::Cursor cursor = event_log_.newest();
  std::size_t at = past_.size();
  while (at > 0 && event_log_.older(cursor, memory, message)) {
    // As events of this start: a computer that sets the clock at each must not drive out an alarm.
    if (message.kind == EventKind::clock_set) continue;
    past_[--at] = {message.kind, true, message.boot, message.id, message.score, message.uptime_us};
  }
  past_count_ = past_.size() - at;
  if (past_count_ == 0 && cursor.damaged > 0) {
    log(LogLevel::warning, "events",
        "none of those kept in flash can be read, they are damaged; new ones are kept again");
  }
  for (std::size_t i = 0; i < past_count_; ++i) past_[i] = past_[at + i];
}

/// By the events in flash the last alarm is not over, and nobody has seen it.
bool Board::unacknowledged() {
  EventLog::Record memory;
  protocol::EventMessage message;
  EventLog::Cursor cursor = event_log_.newest();
  while (event_log_.older(cursor, memory, message)) {
    switch (message.kind) {
      case EventKind::alarm_began: return true;
      case EventKind::alarm_ended:
      case EventKind::acknowledged:
      case EventKind::feedback:
      case EventKind::maintenance_began:
      case EventKind::model_changed: return false;
      default: break;
    }
  }
  return false;
}

/// `events log 2`: the sixth newest to the tenth newest of those in flash.
protocol::ReplyStatus Board::show_event_log(std::string_view page, Reply& reply) {
  constexpr std::uint32_t kOnPage = 5;
  constexpr std::uint32_t kMostPages = 10'000;
  std::uint32_t number = 1;
  if (!page.empty() && (!parse(page, number) || number < 1 || number > kMostPages)) {
    reply << "events log: expected a page from 1, the newest, found \"" << page << "\"";
    return protocol::ReplyStatus::bad_value;
  }
  EventLog::Record memory;
  protocol::EventMessage message;
  EventLog::Cursor cursor = event_log_.newest();
  std::uint32_t shown = 0;
  for (std::uint32_t i = 0; i < number * kOnPage; ++i) {
    if (!event_log_.older(cursor, memory, message)) break;
    if (i < (number - 1) * kOnPage) continue;
    reply << (shown++ == 0 ? "start " : "\nstart ") << message.boot << ", " << message.id << "  ";
    reply.number(static_cast<double>(message.uptime_us) * 1e-6, 1) << " s";
    if (message.utc_us != 0) reply << ", UTC " << message.utc_us / 1'000'000 << " s";
    reply << ", " << name_of_event(message.kind);
    if (message.kind == EventKind::alarm_began) {
      reply << ", score ";
      reply.number(static_cast<double>(message.score), 4);
    }
    reply << ": " << message.text;
  }
  if (shown == 0) reply << (number == 1 ? "none is kept in flash" : "there are no more");
  // Known where the end was reached. One may be what a loss of power cut off.
  if (shown < kOnPage && cursor.damaged > 0) {
    reply << "\ndamaged places in flash: " << cursor.damaged;
  }
  return protocol::ReplyStatus::ok;
}

}  // namespace fettle::board
