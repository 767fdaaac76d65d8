// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "board/ports.hpp"
#include "core/learn/refinement.hpp"
#include "protocol/messages.hpp"

namespace fettle::board {

/// Most bytes of what is saved of burn-in.
inline constexpr std::size_t kMostLearned = Refinement::kBytes + 16;

/// What a board learns of its machine after deployment, and where that is kept. core's Refinement does
/// the learning; here is whose it is, and when it is saved: when a quarantine's worth was accepted, when
/// better settings were found, and after feedback.
class Learning {
 public:
  Learning(SettingsStore& store, Refinement::Memory* memory) : store_(store), memory_(memory) {}
  Learning(const Learning&) = delete;
  Learning& operator=(const Learning&) = delete;

  enum class Loaded : std::uint8_t {
    nothing,   ///< none was saved, or the model cannot learn
    taken_up,  ///< what was saved of this model goes on
    foreign,   ///< it is of another model or hop
    damaged,   ///< what is there is no burn-in
    unreadable,  ///< three times; perhaps it is whole: nothing is written over it until the next start
  };
  /// A model runs from here.
  /// @param model   must stay where it is until end()
  /// @param window  with the hop that windows are cut at
  Loaded begin(const DetectorModel& model, const WindowShape& window, std::uint32_t model_crc32);
  void end() { refinement_.reset(); }

  /// None: there is no model with a decision, or no memory was lent.
  [[nodiscard]] const Refinement* refinement() const {
    return refinement_ ? &*refinement_ : nullptr;
  }
  [[nodiscard]] bool room() const { return memory_ != nullptr; }

  void push(const WindowResult& result) {
    if (refinement_) refinement_->push(result);
  }
  /// Windows that do not count, as in maintenance.
  void interrupt() {
    if (refinement_) refinement_->interrupt();
  }
  /// A piece of bounded work, if there is any. @return true if the settings are better ones now
  bool step();
  void was_false();
  void was_true();
  void take_back();
  void serviced();

  /// Saves what has changed, if it is not under way to better settings.
  /// @return ok too if there was nothing to save
  StoreStatus keep();

  /// What a backup carries; no bytes: nothing was learned.
  [[nodiscard]] protocol::Learned record(std::span<std::uint8_t, Refinement::kBytes> bytes) const;
  /// Takes up what a backup carried. @return false, and nothing changed, if it is not of this model
  [[nodiscard]] bool restore(const protocol::Learned& learned);

 private:
  SettingsStore& store_;
  Refinement::Memory* memory_;
  std::optional<Refinement> refinement_;
  std::uint32_t model_crc32_ = 0;
  std::uint16_t hop_ = 0;
  std::uint32_t saved_revision_ = 0;  // of what was learned
  bool changed_ = false;
  bool writable_ = true;
};

}  // namespace fettle::board
