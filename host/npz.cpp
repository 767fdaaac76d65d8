// SPDX-License-Identifier: Apache-2.0
#include "host/npz.hpp"

#include <fmt/format.h>
#include <minizip/zip.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "core/window/window_cutter.hpp"
#include "host/csv.hpp"
#include "host/error.hpp"
#include "host/platform/files.hpp"
#include "host/platform/interrupt.hpp"
#include "host/progress.hpp"

namespace fettle::host {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kLongestHeader = 65536;
/// Larger arrays than this are not what `fettle infer` is for, and a hostile shape must not ask for
/// all memory.
constexpr std::uint64_t kLargestArray = std::uint64_t{4} << 30U;

/// Bytes of one element; 0 if the type is not one that is read here.
std::uint64_t element_bytes(std::string_view type) {
  if (type.size() < 3 || (type[0] != '|' && type[0] != '<')) return 0;
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(type.data() + 2, type.data() + type.size(), count);
  if (error != std::errc() || end != type.data() + type.size()) return 0;
  if (type[1] == 'U') return count < 65536 ? 4 * count : 0;
  const bool number = std::string_view("biuf").find(type[1]) != std::string_view::npos;
  const bool size = count == 1 || count == 2 || count == 4 || count == 8;
  return number && size ? count : 0;
}

/// The value behind 'key': in the header's dictionary, as text.
std::string_view header_value(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(fmt::format("'{}':", key));
  if (at == std::string_view::npos) return {};
  header.remove_prefix(at + key.size() + 3);
  while (header.starts_with(' ')) header.remove_prefix(1);
  const char last = header.starts_with('(') ? ')' : header.starts_with('\'') ? '\'' : ',';
  const std::size_t end = header.find(last, 1);
  return end == std::string_view::npos ? std::string_view() : header.substr(0, end);
}

/// A zip archive being written; entries are stored, not compressed, and carry no time.
class Archive {
 public:
  explicit Archive(const fs::path& file)
      : file_(file),
        temporary_(platform::temporary_beside(file)),
        zip_(zipOpen64(temporary_.c_str(), APPEND_STATUS_CREATE)) {
    if (zip_ == nullptr) {
      throw Error(ExitCode::io, fmt::format("{}: cannot create it", temporary_.string()));
    }
  }
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;
  ~Archive() {
    if (zip_ != nullptr) zipClose(zip_, nullptr);
    std::error_code ignored;
    fs::remove(temporary_, ignored);
  }

  void begin(const char* name, std::string_view type, std::vector<std::uint64_t> shape) {
    // The same data give the same bytes: every entry is from the first day that zip knows.
    zip_fileinfo info = {};
    info.tmz_date.tm_mday = 1;
    info.tmz_date.tm_year = 1980;
    check(zipOpenNewFileInZip64(zip_, fmt::format("{}.npy", name).c_str(), &info, nullptr, 0,
                                nullptr, 0, nullptr, 0, 0, 1));
    write(npy_header(type, shape));
  }
  void write(std::string_view bytes) {
    platform::throw_if_interrupted();
    check(zipWriteInFileInZip(zip_, bytes.data(), static_cast<unsigned>(bytes.size())));
  }
  template <typename Value>
  void write_values(std::span<const Value> values) {
    std::string_view bytes(reinterpret_cast<const char*>(values.data()), values.size_bytes());
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kPiece))) {
      write(bytes.substr(0, kPiece));
    }
  }
  void end() { check(zipCloseFileInZip(zip_)); }
  void commit() {
    const int result = zipClose(zip_, nullptr);
    zip_ = nullptr;
    check(result);
    platform::replace_file(temporary_, file_);
  }

 private:
  static constexpr std::size_t kPiece = 1U << 20U;  // zip's lengths are 32 bits a call

  void check(int result) const {
    if (result != ZIP_OK) {
      throw Error(ExitCode::io,
                  fmt::format("{}: cannot write to it; is the disk full?", file_.string()));
    }
  }

  fs::path file_;
  fs::path temporary_;
  zipFile zip_;
};

/// Text as NumPy stores it: one 32-bit code for each character, zeros behind. Labels and names are
/// ASCII (DataSet checks).
void append_text(std::string& bytes, const std::string& text, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) {
    bytes += i < text.size() ? text[i] : '\0';
    bytes.append(3, '\0');
  }
}

/// Calls `take(entry index, start, samples)` for every window of the data set.
template <typename Take>
void for_each_window(const DataSet& data, std::uint32_t window_samples, const std::string& what,
                     Take&& take) {
  std::uint64_t bytes = 0;
  for (const RecordingEntry& entry : data.recordings()) bytes += fs::file_size(data.path_of(entry));
  Progress progress(what, bytes);
  std::uint64_t done = 0;
  std::vector<Sample> window(window_samples);
  for (std::size_t i = 0; i < data.recordings().size(); ++i) {
    RecordingReader reader = data.read(data.recordings()[i]);
    WindowCutter cutter({window_samples, static_cast<float>(data.rate_hz())});
    for (auto block = reader.next_block(); !block.empty(); block = reader.next_block()) {
      for (const TimedSample& sample : block) {
        const bool complete = cutter.push(sample.t_us) == WindowCutter::Cut::complete;
        window[complete ? window_samples - 1 : cutter.position() - 1] = sample.sample;
        if (complete) take(i, cutter.start_us(), std::span<const Sample>(window));
      }
      progress.at(done + reader.bytes_read());
    }
    done += reader.bytes_read();
  }
}

}  // namespace

std::uint64_t NpyArray::elements() const {
  std::uint64_t product = 1;
  for (const std::uint64_t size : shape) product *= size;
  return product;
}

std::string npy_header(std::string_view type, std::span<const std::uint64_t> shape) {
  std::string sizes;
  for (const std::uint64_t size : shape) sizes += fmt::format("{}, ", size);
  if (shape.size() > 1) sizes.resize(sizes.size() - 2);  // one size keeps its comma: "(3,)"
  if (shape.size() == 1) sizes.pop_back();
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", type, sizes);
  constexpr std::size_t kBefore = 10;  // magic, version, length
  header.append(63 - (kBefore + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += '\x01';
  bytes += '\0';
  bytes += static_cast<char>(header.size() & 0xFFU);
  bytes += static_cast<char>(header.size() >> 8U);
  return bytes + header;
}

NpyArray read_npy(const fs::path& file) {
  platform::InputFile input(file);
  const auto refuse = [&](std::size_t offset, std::string_view why) {
    throw Error(ExitCode::bad_input,
                fmt::format("{}: byte {}: {}; expected a .npy file as numpy.save writes it",
                            file.string(), offset, why));
  };
  std::vector<char> start(12);
  start.resize(input.read(start));
  if (start.size() < 10 || std::memcmp(start.data(), kMagic.data(), kMagic.size()) != 0) {
    refuse(0, fmt::format("found {}",
                          in_quotes({start.data(), std::min<std::size_t>(6, start.size())})));
  }
  const int version = static_cast<unsigned char>(start[6]);
  if (version < 1 || version > 3) refuse(6, fmt::format("version {} is not known", version));
  const std::size_t before = version == 1 ? 10 : 12;
  std::size_t length = 0;
  for (std::size_t i = before; i-- > 8;) {
    length = length << 8U | static_cast<unsigned char>(start.size() > i ? start[i] : 0);
  }
  if (length > kLongestHeader) refuse(8, fmt::format("a header of {} bytes", length));
  std::string header(start.begin() + static_cast<std::ptrdiff_t>(before), start.end());
  if (header.size() > length) refuse(8, "the header is shorter than any that numpy writes");
  const std::size_t have = header.size();
  header.resize(length);
  if (input.read(std::span(header).subspan(have)) != length - have) {
    refuse(before, "the file ends in its header");
  }

  NpyArray array;
  const std::string_view type = header_value(header, "descr");
  if (type.starts_with('\'')) array.type = type.substr(1);
  const std::uint64_t size = element_bytes(array.type);
  if (size == 0) refuse(before, fmt::format("elements of type {} are not read", in_quotes(type)));
  if (header_value(header, "fortran_order") != "False") {
    refuse(before, "the array is in Fortran order; save numpy.ascontiguousarray(x)");
  }
  std::string_view shape = header_value(header, "shape");
  if (!shape.starts_with('(')) refuse(before, "no shape in the header");
  shape.remove_prefix(1);
  std::uint64_t total = size;
  while (!shape.empty()) {
    std::uint64_t extent = 0;
    const auto [end, error] = std::from_chars(shape.data(), shape.data() + shape.size(), extent);
    if (error != std::errc() || array.shape.size() == 32 ||
        (extent > 0 && total > kLargestArray / extent)) {
      refuse(before, fmt::format("cannot take the shape ({})", in_quotes(shape)));
    }
    total *= extent;
    array.shape.push_back(extent);
    shape.remove_prefix(static_cast<std::size_t>(end - shape.data()));
    while (shape.starts_with(',') || shape.starts_with(' ')) shape.remove_prefix(1);
  }
  // In pieces, so that a false shape in a small file does not ask for memory.
  constexpr std::size_t kPiece = 1U << 20U;
  while (array.bytes.size() < total) {
    const std::size_t filled = array.bytes.size();
    const std::size_t want = std::min<std::uint64_t>(kPiece, total - filled);
    array.bytes.resize(filled + want);
    const std::size_t got = input.read(std::span(array.bytes).subspan(filled));
    if (got < want) {
      refuse(before + length + filled + got,
             fmt::format("the file ends here, {} bytes of values short", total - filled - got));
    }
  }
  char behind = 0;
  if (input.read(std::span(&behind, 1)) != 0)
    refuse(before + length + total, "bytes behind the array");
  return array;
}

void write_npy(const fs::path& file, const NpyArray& array) {
  std::string bytes = npy_header(array.type, array.shape);
  bytes.append(array.bytes.begin(), array.bytes.end());
  platform::write_file_atomically(file, bytes);
}

std::uint64_t export_npz(const DataSet& data, std::uint32_t window_samples,
                         const FeatureExport& features, const fs::path& file) {
  std::vector<std::int64_t> starts;
  std::vector<std::uint32_t> owners;  // index of the recording
  for_each_window(data, window_samples, "counting windows",
                  [&](std::size_t recording, std::int64_t start_us, std::span<const Sample>) {
                    starts.push_back(start_us);
                    owners.push_back(static_cast<std::uint32_t>(recording));
                  });
  const std::uint64_t count = starts.size();
  if (count == 0) {
    throw Error(ExitCode::too_little_data,
                fmt::format("{}: not one window of {} rows without a gap; nothing to export",
                            data.folder().string(), window_samples));
  }
  Archive archive(file);
  archive.begin("windows", "<f4", {count, window_samples, data.axes()});
  std::vector<float> values;
  for_each_window(data, window_samples, "writing windows",
                  [&](std::size_t, std::int64_t, std::span<const Sample> window) {
                    values.clear();
                    for (const Sample& sample : window) {
                      values.insert(values.end(), sample.axis.begin(),
                                    sample.axis.begin() + static_cast<std::ptrdiff_t>(data.axes()));
                    }
                    archive.write_values<float>(values);
                  });
  archive.end();
  archive.begin("t_us", "<i8", {count});
  archive.write_values<std::int64_t>(starts);
  archive.end();

  const auto write_texts = [&](const char* name, auto text_of) {
    std::size_t width = 1;
    for (const RecordingEntry& entry : data.recordings()) {
      width = std::max(width, text_of(entry).size());
    }
    archive.begin(name, fmt::format("<U{}", width), {count});
    std::string bytes;
    for (const std::uint32_t owner : owners) {
      bytes.clear();
      append_text(bytes, text_of(data.recordings()[owner]), width);
      archive.write(bytes);
    }
    archive.end();
  };
  write_texts("label", [](const RecordingEntry& entry) { return entry.label; });
  write_texts("recording", [](const RecordingEntry& entry) { return entry.name; });

  if (features.count > 0) {
    archive.begin("features", "<f4", {count, features.count});
    std::vector<float> row(features.count);
    for_each_window(data, window_samples, "writing features",
                    [&](std::size_t, std::int64_t, std::span<const Sample> window) {
                      features.compute(window, row);
                      archive.write_values<float>(row);
                    });
    archive.end();
  }
  archive.commit();
  return count;
}

}  // namespace fettle::host
