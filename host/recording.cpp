// SPDX-License-Identifier: Apache-2.0
#include "host/recording.hpp"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <array>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "host/csv.hpp"
#include "host/error.hpp"
#include "host/platform/files.hpp"

namespace fettle::host {
namespace {

constexpr std::string_view kHeader3 = "t_us,ax_g,ay_g,az_g";
constexpr std::string_view kHeader6 = "t_us,ax_g,ay_g,az_g,gx_dps,gy_dps,gz_dps";

/// Samples handed out at a time: few enough to stay in the processor's cache.
constexpr std::size_t kSamplesPerBlock = 2048;

constexpr std::size_t kWriteBytes = 256 * 1024;
/// int64 20, six floats of at most 15 ("-1.23456789e-38"), separators.
constexpr std::size_t kLongestRow = 128;

/// Reads one row from `text`, which ends in a newline. @return behind the newline, or nullptr.
template <std::size_t axes>
const char* parse_row(const char* text, TimedSample& row) {
  text = parse_int64(text, row.t_us);
  if (text == nullptr || row.t_us > kLargestTime_us || row.t_us < -kLargestTime_us) return nullptr;
  for (std::size_t axis = 0; axis < axes; ++axis) {
    if (*text != ',') return nullptr;
    float& value = row.sample.axis[axis];
    text = parse_float(text + 1, value);
    if (text == nullptr || value > kLargestReading || value < -kLargestReading) return nullptr;
  }
  if (*text == '\r') ++text;
  return *text == '\n' ? text + 1 : nullptr;
}

/// Why `line` is no row.
std::string explain(std::string_view line, std::size_t axes) {
  constexpr std::array<std::string_view, 1 + kMaxAxes> kNames = {
      "t_us (whole microseconds)", "ax_g", "ay_g", "az_g", "gx_dps", "gy_dps", "gz_dps"};
  if (line.find('\0') != std::string_view::npos) {
    return fmt::format("found NUL bytes, {}: was the power lost while the file was written?",
                       in_quotes(line));
  }
  std::vector<std::string_view> fields;
  for (std::string_view rest = line;;) {
    const std::size_t comma = rest.find(',');
    fields.push_back(rest.substr(0, comma));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (fields.size() != 1 + axes) {
    return fmt::format("expected {} values, found {} in {}", 1 + axes, fields.size(),
                       in_quotes(line));
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string field(fields[i]);
    const std::string padded = field + std::string(kNumberPadding, '\0');
    std::int64_t whole = 0;
    float number = 0;
    const char* const end =
        i == 0 ? parse_int64(padded.c_str(), whole) : parse_float(padded.c_str(), number);
    if (i > 0 && end != nullptr && (number > kLargestReading || number < -kLargestReading)) {
      return fmt::format("{} is {}, beyond any sensor; expected g and deg/s", kNames[i], field);
    }
    if (end != padded.c_str() + field.size()) {
      return fmt::format("expected a finite decimal number for {}, found {}", kNames[i],
                         in_quotes(field));
    }
  }
  return fmt::format("expected a time within 285 years of zero, found {}", in_quotes(line));
}

}  // namespace

struct SampleHash::State {
  std::size_t axes;
  bool started = false;
  std::int64_t first_us = 0;
  XXH3_state_t xxh;
};

SampleHash::SampleHash(std::size_t axes) : state_(std::make_unique<State>()) {
  state_->axes = axes;
  XXH3_64bits_reset(&state_->xxh);
}
SampleHash::~SampleHash() = default;
SampleHash::SampleHash(SampleHash&&) noexcept = default;
SampleHash& SampleHash::operator=(SampleHash&&) noexcept = default;

void SampleHash::add(const TimedSample& sample) { add(std::span(&sample, 1)); }

void SampleHash::add(std::span<const TimedSample> samples) {
  static_assert(std::endian::native == std::endian::little, "the hash is over little endian bytes");
  State& state = *state_;
  const std::size_t axes_bytes = state.axes * sizeof(float);
  for (const TimedSample& sample : samples) {
    if (!std::exchange(state.started, true)) state.first_us = sample.t_us;
    std::array<char, sizeof(std::int64_t) + kMaxAxes * sizeof(float)> bytes;
    // Unsigned, because hostile time stamps may lie further apart than an int64 can say.
    const std::uint64_t since_first =
        static_cast<std::uint64_t>(sample.t_us) - static_cast<std::uint64_t>(state.first_us);
    std::memcpy(bytes.data(), &since_first, sizeof since_first);
    std::memcpy(bytes.data() + sizeof since_first, sample.sample.axis.data(), axes_bytes);
    XXH3_64bits_update(&state.xxh, bytes.data(), sizeof since_first + axes_bytes);
  }
}

std::uint64_t SampleHash::value() const { return XXH3_64bits_digest(&state_->xxh); }

struct RecordingReader::Impl {
  std::filesystem::path file;
  LineBlocks blocks;
  std::string_view rest;  ///< of the block under way
  std::uint64_t line = 1;
  std::size_t axes = 0;
  std::vector<TimedSample> samples;

  explicit Impl(const std::filesystem::path& name)
      : file(name), blocks(name), samples(kSamplesPerBlock) {
    rest = blocks.next();
    if (rest.empty() && blocks.too_long()) throw_too_long(file, 1);
    if (rest.empty()) refuse("the file is empty; expected " + expected_header());
    std::string_view header = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), header.size() + 1));
    if (header.ends_with('\r')) header.remove_suffix(1);
    if (header == kHeader3) axes = 3;
    if (header == kHeader6) axes = 6;
    if (axes == 0) {
      refuse(
          fmt::format("expected {}, found {}. `fettle import` makes a recording from other tables",
                      expected_header(), in_quotes(header)));
    }
  }

  static std::string expected_header() {
    return fmt::format("the header \"{}\" or \"{}\"", kHeader6, kHeader3);
  }

  [[noreturn]] void refuse(std::string_view why) const {
    throw Error(ExitCode::bad_input, fmt::format("{}:{}: {}", file.string(), line, why));
  }

  template <std::size_t count>
  std::span<const TimedSample> next_block() {
    if (rest.empty()) rest = blocks.next();
    if (rest.empty() && blocks.too_long()) throw_too_long(file, line + 1);
    std::size_t filled = 0;
    const char* at = rest.data();
    const char* const end = at + rest.size();
    if (blocks.torn() && !rest.empty()) {
      ++line;
      refuse(
          fmt::format("the last row, {}, has no newline: the file is cut off. Remove that row, or "
                      "import the file again with --skip-bad-rows",
                      in_quotes(rest)));
    }
    for (; filled < samples.size() && at != end; ++filled) {
      const char* const behind = parse_row<count>(at, samples[filled]);
      ++line;
      if (behind == nullptr || behind - at > static_cast<std::ptrdiff_t>(kMaxLineBytes)) {
        explain_row(at, end);
      }
      at = behind;
    }
    rest = {at, static_cast<std::size_t>(end - at)};
    return {samples.data(), filled};
  }

  [[noreturn]] void explain_row(const char* row, const char* end) const {
    std::string_view text(row, static_cast<std::size_t>(end - row));
    text = text.substr(0, text.find('\n'));
    if (text.size() > kMaxLineBytes) throw_too_long(file, line);
    refuse(explain(text, axes) + ". Remove the row, or import the file again with --skip-bad-rows");
  }
};

RecordingReader::RecordingReader(const std::filesystem::path& file)
    : impl_(std::make_unique<Impl>(file)) {}
RecordingReader::~RecordingReader() = default;
RecordingReader::RecordingReader(RecordingReader&&) noexcept = default;

std::size_t RecordingReader::axes() const { return impl_->axes; }

std::span<const TimedSample> RecordingReader::next_block() {
  return impl_->axes == 3 ? impl_->next_block<3>() : impl_->next_block<6>();
}

std::uint64_t RecordingReader::bytes_read() const { return impl_->blocks.bytes_read(); }

WholeRows whole_rows(const std::filesystem::path& file, std::size_t axes) {
  WholeRows whole;
  SampleHash hash(axes);
  LineBlocks blocks(file);
  const std::string header = std::string(axes == 3 ? kHeader3 : kHeader6) + '\n';
  std::string_view rest = blocks.next();
  // A torn line would seem to end: behind it stands a newline that is not of the file.
  if (blocks.torn() || !rest.starts_with(header)) return whole;
  rest.remove_prefix(header.size());
  whole.bytes = header.size();
  if (rest.empty()) rest = blocks.next();
  const auto add_rows = [&] {
    const char* at = rest.data();
    const char* const end = at + rest.size();
    while (at != end) {
      TimedSample row;
      const char* const behind = axes == 3 ? parse_row<3>(at, row) : parse_row<6>(at, row);
      if (behind == nullptr) return false;
      hash.add(row);
      ++whole.rows;
      whole.bytes += static_cast<std::uint64_t>(behind - at);
      at = behind;
    }
    return true;
  };
  while (!rest.empty() && !blocks.torn() && add_rows()) rest = blocks.next();
  whole.hash = hash.value();
  return whole;
}

struct RecordingWriter::Impl {
  std::filesystem::path file;
  std::filesystem::path temporary;
  std::size_t axes;
  Durability durability;
  platform::OutputFile output;
  std::string buffer;
  SampleHash hash;
  std::uint64_t rows = 0;
  bool committed = false;

  Impl(const std::filesystem::path& name, std::size_t axis_count, Durability how)
      : file(name),
        temporary(how == Durability::kept ? name : platform::temporary_beside(name)),
        axes(axis_count),
        durability(how),
        output(temporary),
        buffer(axis_count == 3 ? kHeader3 : kHeader6),
        hash(axis_count) {
    buffer += '\n';
    buffer.reserve(kWriteBytes);
  }

  ~Impl() {
    if (committed || durability == Durability::kept) return;
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
  }

  void refuse_existing() const {
    if (std::filesystem::exists(file)) {
      throw Error(ExitCode::exists, file.string() + " exists already and is never overwritten");
    }
  }
};

RecordingWriter::RecordingWriter(const std::filesystem::path& file, std::size_t axes,
                                 Durability durability) {
  if (std::filesystem::exists(file)) {
    throw Error(ExitCode::exists, file.string() + " exists already and is never overwritten");
  }
  impl_ = std::make_unique<Impl>(file, axes, durability);
}
RecordingWriter::~RecordingWriter() = default;
RecordingWriter::RecordingWriter(RecordingWriter&&) noexcept = default;

void RecordingWriter::write(const TimedSample& sample) {
  Impl& impl = *impl_;
  std::array<char, kLongestRow> row;
  char* const end = row.data() + row.size();
  char* at = std::to_chars(row.data(), end, sample.t_us).ptr;
  for (std::size_t axis = 0; axis < impl.axes; ++axis) {
    *at++ = ',';
    at = std::to_chars(at, end, sample.sample.axis[axis]).ptr;
  }
  *at++ = '\n';
  impl.buffer.append(row.data(), at);
  impl.hash.add(sample);
  ++impl.rows;
  if (impl.buffer.size() + kLongestRow > kWriteBytes) flush();
}

void RecordingWriter::flush() {
  impl_->output.write(impl_->buffer);
  impl_->buffer.clear();
}

void RecordingWriter::sync() {
  flush();
  impl_->output.sync();
  std::error_code ignored;
  if (impl_->durability == Durability::kept && !std::filesystem::exists(impl_->file, ignored)) {
    throw Error(ExitCode::io, fmt::format("{}: it is not there any more: somebody has moved or "
                                          "removed it, or its folder",
                                          impl_->file.string()));
  }
}

void RecordingWriter::commit() {
  Impl& impl = *impl_;
  flush();
  if (impl.durability == Durability::synced) impl.output.sync();
  impl.output.close();
  impl.committed = impl.durability == Durability::kept;
  if (impl.committed) return;
  impl.refuse_existing();
  platform::replace_file(impl.temporary, impl.file);
  impl.committed = true;
}

std::uint64_t RecordingWriter::rows() const { return impl_->rows; }
std::uint64_t RecordingWriter::hash() const { return impl_->hash.value(); }

}  // namespace fettle::host
