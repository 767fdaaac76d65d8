// SPDX-License-Identifier: Apache-2.0
#include "host/line/card.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <optional>

#include "host/error.hpp"
#include "host/line/board_link.hpp"
#include "host/platform/files.hpp"
#include "host/progress.hpp"
#include "protocol/card_record.hpp"

namespace fettle::host {
namespace {

using protocol::CardDamage;
using protocol::CardRecord;
using protocol::CardRecordType;
using protocol::kCardRecordBytes;

constexpr std::size_t kMostNamedDamage = 20;
constexpr double kRateTolerance = 0.02;
constexpr double kLowestCardRate_hz = 1;
constexpr double kHighestCardRate_hz = 10'000;

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

/// The records of a file, one after another, wherever they begin.
class CardFile {
 public:
  explicit CardFile(const std::filesystem::path& file) : file_(file), bytes_(kBlock) {}

  struct Item {
    std::uint64_t at = 0;
    CardRecord record;
    std::uint64_t size = 0;  ///< bytes passed over, if there is damage
  };
  /// A record or a stretch of damage; nothing at the end.
  std::optional<Item> next() {
    fill();
    if (size_ == 0) return std::nullopt;
    Item item;
    item.at = offset_;
    if (size_ < kCardRecordBytes) {
      item.record.damage = CardDamage::bad_checksum;
      item.size = size_;
      take(size_);
      return item;
    }
    item.record = here();
    if (item.record.damage == CardDamage::none) {
      take(kCardRecordBytes);
      return item;
    }
    // The next one follows at once, or its start was shifted by what a loss of power left.
    item.size = kCardRecordBytes;
    const std::uint8_t* const from = bytes_.data() + begin_;
    const std::size_t most = std::min(size_, kCardRecordBytes);
    for (std::size_t i = 1; i + kCardRecordBytes <= size_ && i < most; ++i) {
      if (std::memcmp(from + i, protocol::kCardMagic.data(), protocol::kCardMagic.size()) != 0)
        continue;
      const protocol::ConstCardBytes shifted(from + i, kCardRecordBytes);
      if (protocol::read_card_record(shifted).damage == CardDamage::none) item.size = i;
      if (item.size == i) break;
    }
    take(static_cast<std::size_t>(item.size));
    return item;
  }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }

 private:
  static constexpr std::size_t kBlock = std::size_t{1} << 18;

  CardRecord here() const {
    return protocol::read_card_record(
        protocol::ConstCardBytes(bytes_.data() + begin_, kCardRecordBytes));
  }
  void take(std::size_t count) {
    begin_ += count;
    size_ -= count;
    offset_ += count;
  }
  void fill() {
    if (size_ >= 2 * kCardRecordBytes || ended_) return;
    std::memmove(bytes_.data(), bytes_.data() + begin_, size_);
    begin_ = 0;
    const std::size_t room = bytes_.size() - size_;
    const std::size_t got = file_.read({reinterpret_cast<char*>(bytes_.data() + size_), room});
    ended_ = got < room;
    size_ += got;
  }

  platform::InputFile file_;
  std::vector<std::uint8_t> bytes_;
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
  std::uint64_t offset_ = 0;
  bool ended_ = false;
};

/// Turns records into recordings.
class Import {
 public:
  explicit Import(const CardOptions& options) : options_(options) {}

  CardReport run() {
    platform::check_regular_file(options_.file);
    check_log();
    if (DataSet::exists(options_.data)) {
      const DataSet data = DataSet::open(options_.data);
      rate_hz_ = data.rate_hz();
      known_ = data.recordings();
      has_data_ = true;
    }
    CardFile file(options_.file);
    Progress progress("Reading the card", std::filesystem::file_size(options_.file));
    std::uint64_t shown = 0;
    while (const auto item = file.next()) {
      if (item->record.damage != CardDamage::none) {
        on_damage(*item);
      } else {
        on_record(*item);
      }
      if (++shown % 1024 == 0) progress.at(file.offset());
    }
    end_recording(false);
    if (report_.recordings.empty()) {
      if (report_.already.empty()) nothing_to_import();
      return std::move(report_);
    }
    update_->commit();
    return std::move(report_);
  }

 private:
  [[noreturn]] void refuse(std::uint64_t at, const std::string& why) const {
    throw Error(ExitCode::bad_input,
                fmt::format("{}, offset {}: {}", options_.file.string(), at, why));
  }

  [[noreturn]] void nothing_to_import() const {
    std::string why;
    for (const std::string& line : report_.left_out) why += "\n  " + line;
    for (const std::string& line : report_.damage) why += "\n  " + line;
    if (why.empty()) {
      why = ".\n  A board records to its card from 'record normal' to 'stop' ('fettle command')";
    }
    ExitCode code = ExitCode::too_little_data;
    std::string what = fmt::format("with a window of {} samples", options_.window_samples);
    if (!report_.left_out.empty() && left_out_by_header_ == report_.left_out.size()) {
      code = wrong_rate_ ? ExitCode::bad_input : ExitCode::usage;
      what = "that can be imported";
    }
    throw Error(code,
                fmt::format("{}: {} records, {} events, but no recording {}{}",
                            options_.file.string(), report_.records, report_.events, what, why));
  }

  /// Before anything else: whether there is a record at all, so that any file gets a clear answer.
  void check_log() const {
    CardFile file(options_.file);
    std::uint64_t looked = 0;
    std::optional<CardFile::Item> other_version;
    std::optional<CardFile::Item> first;
    while (const auto item = file.next()) {
      if (item->record.damage == CardDamage::none) return;
      if (item->record.damage == CardDamage::other_version && !other_version) other_version = item;
      if (!first) first = item;
      if (++looked == 100'000) break;  // 50 MB of something else
    }
    if (other_version) {
      refuse(
          other_version->at,
          fmt::format("a log of another version of Fettle; this program reads version {}. Update "
                      "the older of the two",
                      protocol::kCardVersion));
    }
    if (!first) refuse(0, "the file is empty");
    refuse(0,
           fmt::format("this is not a card log of Fettle ({}): expected \"FTLC\" at the start of a "
                       "record of 512 bytes. Is it the right file? A table of another device is "
                       "read by 'fettle import'",
                       describe(first->record.damage)));
  }

  void note_damage(const std::string& text) {
    if (report_.damage.size() < kMostNamedDamage) report_.damage.push_back(text);
  }

  void on_damage(const CardFile::Item& item) {
    // Zeros behind a torn record fill it up; they belong to it.
    ++report_.damaged;
    note_damage(
        fmt::format("offset {}, {} bytes: {}", item.at, item.size, describe(item.record.damage)));
    if (writer_ != nullptr) collector_->interrupt();
  }

  void on_record(const CardFile::Item& item) {
    const protocol::CardHeader& header = item.record.header;
    ++report_.records;
    const std::string id = hex(header.id);
    auto& next = next_sequence_[id];
    if (next.known && header.sequence + 1 == next.sequence && header.boot == next.boot &&
        header.type == next.type && std::ranges::equal(item.record.payload, next.payload)) {
      ++report_.repeated;
      return;
    }
    if (next.known && header.sequence != next.sequence) {
      if (header.sequence > next.sequence) {
        const std::uint32_t missing = header.sequence - next.sequence;
        report_.missing += missing;
        note_damage(fmt::format("offset {}: records {} to {} are missing", item.at, next.sequence,
                                header.sequence - 1));
      } else if (header.type == CardRecordType::samples) {
        ++report_.damaged;
        note_damage(fmt::format("offset {}: record {} where {} was expected", item.at,
                                header.sequence, next.sequence));
      }
      if (writer_ != nullptr) collector_->interrupt();
    }
    next = {true,
            header.sequence + 1,
            header.boot,
            header.type,
            {item.record.payload.begin(), item.record.payload.end()}};

    switch (header.type) {
      case CardRecordType::session: begin_recording(item, id); break;
      case CardRecordType::samples: add_samples(item, id); break;
      case CardRecordType::event: ++report_.events; break;
      case CardRecordType::end: {
        protocol::CardEnd end;
        if (!decode(item.record.payload, end)) return bad_payload(item);
        end_recording(true);
        break;
      }
    }
  }

  void bad_payload(const CardFile::Item& item) {
    ++report_.damaged;
    note_damage(fmt::format("offset {}: a whole record whose contents are impossible{}", item.at,
                            item.record.header.type == CardRecordType::session
                                ? ": the recording that it begins has no rate or label"
                                : ""));
  }

  void begin_recording(const CardFile::Item& item, const std::string& id) {
    end_recording(false);
    protocol::CardSession session;
    if (!decode(item.record.payload, session)) return bad_payload(item);
    const std::string name = one_line(session.name);
    const std::string board = name.empty() ? id : fmt::format("{} ({})", name, id);
    if (std::ranges::find(report_.boards, board) == report_.boards.end()) {
      report_.boards.push_back(board);
    }
    id_ = id;
    boot_ = item.record.header.boot;
    const std::string label = options_.label.empty() ? std::string(session.label) : options_.label;
    const auto rate_hz = static_cast<double>(session.rate_hz);
    if (const std::string why = objection(label, rate_hz); !why.empty()) {
      report_.left_out.push_back(
          fmt::format("{}, offset {}: {}", options_.file.string(), item.at, why));
      ++left_out_by_header_;
      passing_over_ = true;
      return;
    }
    if (update_ == nullptr) {
      if (!has_data_) rate_hz_ = rate_hz;
      update_ = std::make_unique<DataSetUpdate>(options_.data, rate_hz_, kMaxAxes);
    }
    const protocol::CardHeader& header = item.record.header;
    const std::string file_name =
        fmt::format("card-{}-boot{}-{}", id.substr(8), header.boot, header.sequence);
    std::string provenance = fmt::format(
        "card of {}, firmware {}, sensor 0x{:02x} at +-{} g and +-{} deg/s, boot {}, {:g} Hz "
        "nominal",
        board, one_line(session.firmware), session.who_am_i,
        2 << static_cast<int>(session.ranges.accelerometer),
        250 << static_cast<int>(session.ranges.gyroscope), header.boot, rate_hz);
    if (session.model_crc32 != 0) {
      provenance += fmt::format(", model {:08x}", session.model_crc32);
    }
    // Its rows say whether it is one that the data set has; until then it needs a free name.
    base_name_ = file_name;
    std::string name_here = file_name;
    for (int i = 2; is_known(label, name_here); ++i) name_here = fmt::format("{}-{}", file_name, i);
    writer_ = &update_->begin(label, name_here, file_name, provenance);
    collector_.emplace(rate_hz, session.hop);
    current_ = {};
    current_.entry.label = label;
    current_.entry.name = name_here;
    current_.entry.source = file_name;
    current_.entry.provenance = provenance;
    current_.board = board;
  }

  /// Why a recording cannot be in this data set; empty if it can. One that the card names wrongly is
  /// no reason to lose the others.
  std::string objection(const std::string& label, double rate_hz) {
    if (label.empty()) return "a recording without a label; say what it shows by --label";
    if (options_.label.empty() && !is_plain_name(label)) {
      return fmt::format(
          "a recording labelled {:?}, which cannot name a folder (letters, digits "
          "and -_.+ only, not starting with a dot); say what it shows by --label",
          label);
    }
    if (!(rate_hz >= kLowestCardRate_hz && rate_hz <= kHighestCardRate_hz)) {
      wrong_rate_ = true;
      return fmt::format("a recording at {:g} Hz, labelled {:?}; expected {:g} to {:g} Hz", rate_hz,
                         label, kLowestCardRate_hz, kHighestCardRate_hz);
    }
    if ((has_data_ || update_ != nullptr) &&
        std::abs(rate_hz - rate_hz_) > kRateTolerance * rate_hz_) {
      wrong_rate_ = true;
      return fmt::format(
          "a recording at {:g} Hz, labelled {:?}, but {} {:g} Hz, and a data set has "
          "one rate. Import it into a data set of its own",
          rate_hz, label, has_data_ ? options_.data.string() + " is at" : "the first one is at",
          rate_hz_);
    }
    return {};
  }

  void add_samples(const CardFile::Item& item, const std::string& id) {
    if (passing_over_ && id == id_ && item.record.header.boot == boot_) return;
    if (writer_ == nullptr || id != id_ || item.record.header.boot != boot_) {
      // Whose they are stood in a record that is damaged.
      ++report_.damaged;
      note_damage(fmt::format("offset {}: samples without the start of their recording", item.at));
      return;
    }
    protocol::CardSamplesReader samples(item.record.payload);
    protocol::SamplesMessage message;
    while (samples.next(message)) {
      static_cast<void>(
          collector_->add(message, [this](const TimedSample& row) { writer_->write(row); }));
    }
    if (!samples.ok()) {
      bad_payload(item);
      collector_->interrupt();
    }
  }

  bool is_known(const std::string& label, const std::string& name) const {
    return std::ranges::any_of(known_, [&](const RecordingEntry& entry) {
      return entry.label == label && entry.name == name;
    });
  }

  /// The same recording in the data set, under whatever label, bit for bit; nullptr if there is none.
  const RecordingEntry* same_as_current() const {
    const auto same = std::ranges::find_if(known_, [&](const RecordingEntry& entry) {
      return entry.rows == current_.entry.rows && entry.hash == current_.entry.hash &&
             (entry.name == base_name_ || entry.name.starts_with(base_name_ + "-"));
    });
    return same == known_.end() ? nullptr : &*same;
  }

  void take_in() {
    if (current_.entry.name != base_name_) {
      const RecordingEntry& entry = current_.entry;
      report_.notes.push_back(
          fmt::format("{}/{} was there already with other rows, as when a card is read while it is "
                      "recording; what is on the card now, {} rows, is {}",
                      entry.label, base_name_, entry.rows, entry.id()));
    }
    update_->end();
    report_.recordings.push_back(current_);
    known_.push_back(current_.entry);
  }

  void end_recording(bool ended) {
    passing_over_ = false;
    if (writer_ == nullptr) return;
    current_.counts = collector_->counts();
    current_.ended = ended;
    current_.entry.rows = writer_->rows();
    current_.entry.hash = writer_->hash();
    const std::string what = current_.entry.id();
    if (const RecordingEntry* const same = same_as_current()) {
      report_.already.push_back(same->id());
      if (same->label != current_.entry.label) {
        report_.notes.push_back(fmt::format("{} is in the data set already, as {}",
                                            current_.entry.label + "/" + base_name_, same->id()));
      }
      update_->discard();
    } else if (writer_->rows() < options_.window_samples) {
      report_.left_out.push_back(fmt::format("{}: {} samples", what, writer_->rows()));
      update_->discard();
    } else {
      const std::string objection =
          current_.entry.label == "normal" && !options_.force ? refusal(what, current_.counts) : "";
      if (objection.empty()) {
        take_in();
      } else {
        report_.left_out.push_back(objection);
        update_->discard();
      }
    }
    writer_ = nullptr;
    // With nothing in it yet, the next recording says at which rate the data set is.
    if (report_.recordings.empty() && !has_data_) update_.reset();
  }

  const CardOptions& options_;
  CardReport report_;
  std::unique_ptr<DataSetUpdate> update_;
  bool has_data_ = false;  ///< there is a data set, whose rate counts
  double rate_hz_ = 0;
  std::size_t left_out_by_header_ = 0;  ///< for label or rate
  bool wrong_rate_ = false;
  /// What follows the last record of a board, and that record.
  struct Next {
    bool known = false;
    std::uint32_t sequence = 0;
    std::uint32_t boot = 0;
    CardRecordType type = CardRecordType::session;
    std::vector<std::uint8_t> payload;
  };
  std::map<std::string, Next> next_sequence_;

  std::vector<RecordingEntry> known_;  ///< what the data set has, or will have

  RecordingWriter* writer_ = nullptr;  ///< of the recording under way
  std::optional<Collector> collector_;
  CardRecording current_;
  std::string base_name_;      ///< of the recording under way, as the card has it
  bool passing_over_ = false;  ///< the recording under way is left out
  std::string id_;
  std::uint32_t boot_ = 0;
};

}  // namespace

CardReport import_card(const CardOptions& options) { return Import(options).run(); }

std::string refusal(const std::string& what, const CollectionCounts& counts) {
  const std::vector<std::string> reasons = objections(counts);
  if (reasons.empty()) return {};
  std::string text = what + " cannot be called normal:";
  for (const std::string& reason : reasons) text += "\n  " + reason;
  return text + "\n  If it is what normal looks like here, say --force.";
}

}  // namespace fettle::host
