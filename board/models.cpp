// SPDX-License-Identifier: Apache-2.0
// Which model runs, and how a new one takes over: Board's part of the model store.
#include "board/board.hpp"
#include "board/flash_words.hpp"

namespace fettle::board {

using protocol::ModelState;
using protocol::ReplyStatus;

namespace {

// A new model has run when it has judged this many windows.
constexpr std::uint32_t kProvingWindows = 3;

}  // namespace

/// Loads a model that suits this board.
bool Board::load(std::span<const std::uint8_t> file, Reply& why) {
  learning_.end();
  const Fault fault = detector_.load(file);
  if (!fault.ok()) {
    why << describe(fault.status) << " (at byte " << fault.offset << ")";
    return false;
  }
  const float rate_hz = detector_.model().window.rate_hz;
  const auto nominal_hz = static_cast<float>(settings_.rate_hz);
  if (rate_hz < 0.98F * nominal_hz || rate_hz > 1.02F * nominal_hz) {
    detector_.unload();
    why << "it was trained at ";
    why.number(static_cast<double>(rate_hz), 0)
        << " Hz, and this board samples at " << settings_.rate_hz << " Hz: 'set rate_hz'";
    return false;
  }
  if (!detector_.start(settings_.hop)) {
    why << "the hop of " << settings_.hop;
    say_of_hop(why);
    why << ": 'set hop 0'";
    log(LogLevel::warning, "model", why.view());
    why.clear();
  }
  if (ports_.engine != nullptr) {
    Text<160> text;
    text << ports_.engine->name();
    switch (detector_.use(*ports_.engine)) {
      case EngineResult::runs: text << " runs the model"; break;
      case EngineResult::not_prepared:
        text << " cannot run this model; the board's own engine does";
        break;
      case EngineResult::other_bits:
        text << " is refused: other output than the model's golden vector; the board's own engine "
                "runs";
        break;
    }
    log(detector_.delegates() ? LogLevel::info : LogLevel::error, "engine", text.view());
  }
  detector_.set_threshold(settings_.threshold);
  model_crc32_ = crc_of(file);
  begin_learning();
  return true;
}

/// Why a hop is not one for the model that runs.
void Board::say_of_hop(Reply& reply) const {
  if (detector_.gathers()) {
    reply << " is for models that judge each window by itself; this one gathers evidence over "
             "windows that follow each other";
  } else {
    reply << " is not a half, a third or a quarter of the window of " << detector_.window().samples;
  }
}

/// Takes up what was learned by this model, cut at this hop, or begins anew.
void Board::begin_learning() {
  alarm_id_ = false_id_ = true_id_ = 0;
  const Learning::Loaded loaded =
      learning_.begin(detector_.model(), detector_.window(), model_crc32_);
  const auto say = [this](LogLevel level, std::string_view text) { log(level, "burn-in", text); };
  switch (loaded) {
    case Learning::Loaded::nothing: break;
    case Learning::Loaded::taken_up:
      say(LogLevel::info, "what was learned before is taken up");
      break;
    case Learning::Loaded::foreign:
      say(LogLevel::info, "what is saved is of another model or hop: it begins anew");
      break;
    case Learning::Loaded::damaged:
      say(LogLevel::error, "what is saved is damaged: it begins anew");
      break;
    case Learning::Loaded::unreadable:
      say(LogLevel::error, "what is saved cannot be read: nothing is saved until the next start");
      break;
  }
  if (learning_.refinement() != nullptr) detector_.adopt(learning_.refinement()->settings());
}

/// A piece of what burn-in has to do: at most so much that sampling does not wait.
void Board::learn() {
  if (burn_in_state() == protocol::BurnInState::none) return;
  if (learning_.step()) {
    detector_.adopt(learning_.refinement()->settings());
    Text<96> text;
    text << "the decision is refined: false alarms ";
    add_alarm_rate(text, learning_.refinement()->stated_per_hour());
    log(LogLevel::info, "burn-in", text.view());
  }
  keep_learned();
}

void Board::keep_learned() {
  if (learning_.keep() == StoreStatus::ok) return;
  log(LogLevel::error, "burn-in", "it cannot be saved: it holds until the next restart");
}

/// Empty: it learns.
std::string_view Board::why_not_learning() const {
  if (!detector_.loaded()) return "there is no model";
  if (!detector_.model().decision) {
    return "this model judges each window by its threshold and learns nothing";
  }
  if (detector_.by_hand()) return "the threshold is set by hand: 'threshold model'";
  if (!learning_.room()) return "this board has no memory for it";
  if (learning_.refinement() == nullptr) return "this model's kind of decision cannot be refined";
  return {};
}

protocol::BurnInState Board::burn_in_state() const {
  using protocol::BurnInState;
  if (!why_not_learning().empty()) return BurnInState::none;
  const Refinement& refinement = *learning_.refinement();
  if (refinement.waits()) return BurnInState::waiting;
  return refinement.stated_per_hour() > refinement.asked_per_hour() ? BurnInState::learning
                                                                    : BurnInState::supported;
}

/// At the start, and when the sensor's settings have changed: the newest model that is proven or may
/// be tried, the one before, the one built in, none.
/// @param starting  an attempt to run a model on trial counts
void Board::choose_model(bool starting) {
  forget_verdicts("samples come at another rate now");
  no_model_.clear();
  std::array<ModelStore::Entry, ModelFlash::kSlots> entries;
  const std::size_t count = store_.candidates(entries);
  for (std::size_t i = 0; i < count; ++i) {
    if (starting && !entries[i].proven && store_.mark_trial(entries[i]) != StoreStatus::ok) {
      log(LogLevel::error, "model", "the flash memory cannot be written: a new model is not tried");
      continue;
    }
    Reply why;
    if (load(entries[i].file, why)) {
      entry_ = entries[i];
      model_state_ = entry_.proven ? ModelState::proven : ModelState::trial;
      trial_windows_ = 0;
      return;
    }
    Text<160> text;
    text << "slot " << entries[i].slot << " is not used: " << why.view();
    log(LogLevel::error, "model", text.view());
    if (no_model_.size() == 0) no_model_ << text.view();
  }
  for (std::size_t slot = 0; slot < ModelFlash::kSlots; ++slot) {
    if (!store_.damaged(slot)) continue;
    Text<160> text;
    text << "the model in slot " << slot << " is damaged: deploy it again";
    log(LogLevel::error, "model", text.view());
    if (no_model_.size() == 0) no_model_ << text.view();
  }
  Reply why;
  if (!identity_.model.empty() && load(identity_.model, why)) {
    model_state_ = ModelState::built_in;
    return;
  }
  if (!identity_.model.empty()) log(LogLevel::error, "model", why.view());
  detector_.unload();
  learning_.end();
  static_cast<void>(detector_.start(settings_.hop));
  model_state_ = ModelState::none;
  model_crc32_ = 0;
  log(LogLevel::warning, "model", "there is none: nothing is judged until 'fettle deploy'");
}

/// A model that was tried in vain is not tried at this start any more. Told once, not at every start.
/// @pre no attempt of this start is marked yet
void Board::tell_given_up() {
  ModelStore::Entry entry;
  if (!store_.given_up(entry)) return;
  Text<protocol::kMostEventText> text;
  text << "CRC-32 ";
  text.hex(entry.crc32, 8) << " is given up: " << ModelStore::kMostTrials << " starts, but never "
                           << kProvingWindows << " windows";
  event(protocol::EventKind::model_changed, text.view());
  // If that cannot be written it is told again.
  static_cast<void>(store_.mark_trial(entry));
}

/// What another model has judged says nothing about this one's scores.
void Board::forget_verdicts(std::string_view why) {
  judged_ = false;
  alarm_id_ = false_id_ = true_id_ = 0;
  if (alarm_.clear()) event(protocol::EventKind::alarm_ended, why);
  set_pin();
}

/// Back to the model that ran before an update failed.
void Board::reload() {
  Reply why;
  const bool slot = model_state_ == ModelState::trial || model_state_ == ModelState::proven;
  const bool loaded = slot                                   ? load(entry_.file, why)
                      : model_state_ == ModelState::built_in ? load(identity_.model, why)
                                                             : false;
  if (loaded) return;
  if (model_state_ != ModelState::none) log(LogLevel::error, "model", why.view());
  detector_.unload();
  learning_.end();
  static_cast<void>(detector_.start(settings_.hop));
  model_state_ = ModelState::none;
  model_crc32_ = 0;
}

/// The slot that an update may overwrite: never the last model that has proved itself.
std::size_t Board::slot_for_update() {
  std::array<ModelStore::Entry, ModelFlash::kSlots> entries;
  const std::size_t count = store_.candidates(entries);
  if (model_state_ == ModelState::trial) {
    // The one on trial gives way; until the new one is there, the one before runs.
    for (std::size_t i = 0; i < count; ++i) {
      if (entries[i].slot == entry_.slot || !entries[i].proven) continue;
      const std::size_t slot = entry_.slot;
      entry_ = entries[i];
      model_state_ = ModelState::proven;
      reload();
      return slot;
    }
    return 1 - entry_.slot;
  }
  if (model_state_ == ModelState::proven) return 1 - entry_.slot;
  for (std::size_t i = 0; i < count; ++i) {
    if (entries[i].proven) return 1 - entries[i].slot;
  }
  return count == 0 ? 0 : 1 - entries[0].slot;
}

/// All bytes are there: checks them as they lie in flash, tries them, and only then makes them the
/// model of the next start.
ReplyStatus Board::commit_model(Reply& reply) {
  std::span<const std::uint8_t> file;
  const StoreResult checked = store_.check(file);
  if (checked != StoreResult::ok) {
    reply << describe(checked);
    return ReplyStatus::bad_model;
  }
  if (!load(file, reply)) {
    store_.abandon();
    reload();
    reply << (detector_.loaded() ? "; the model before still runs"
                                 : "; there is no other: nothing is judged");
    return ReplyStatus::bad_model;
  }
  ModelStore::Entry entry;
  const StoreResult committed = store_.commit(entry);
  if (committed != StoreResult::ok) {
    reload();
    reply << describe(committed)
          << (detector_.loaded() ? "; the model before still runs"
                                 : "; there is no other: nothing is judged");
    return ReplyStatus::storage;
  }
  entry_ = entry;
  model_state_ = ModelState::trial;
  trial_windows_ = 0;
  forget_verdicts("another model judges now");
  Text<64> text;
  text << "CRC-32 ";
  text.hex(model_crc32_, 8) << ", " << entry_.file.size() << " bytes, on trial";
  event(protocol::EventKind::model_changed, text.view());
  reply << "the model runs; it is kept once it has judged " << kProvingWindows << " windows";
  if (settings_.threshold > 0) {
    // It belonged to the scores of the model before.
    settings_.threshold = 0;
    detector_.set_threshold(0);
    static_cast<void>(keep_settings());
    reply << "; the threshold is the model's again";
  }
  if (!detector_.shape(settings_.hop)) reply << "; 'hop' has no effect on its windows";
  renew_recording();
  return ReplyStatus::ok;
}

/// A window was judged by a model on trial.
void Board::prove_model() {
  if (++trial_windows_ < kProvingWindows) return;
  if (store_.prove(entry_) != StoreStatus::ok) {
    trial_windows_ = 0;  // tried again with the next windows
    log(LogLevel::error, "model", "the flash memory cannot be written: the model stays on trial");
    return;
  }
  entry_.proven = true;
  model_state_ = ModelState::proven;
  log(LogLevel::info, "model", "the new model has proved itself and is kept");
}

}  // namespace fettle::board
