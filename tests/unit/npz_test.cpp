// SPDX-License-Identifier: Apache-2.0
#include "host/npz.hpp"

#include <gtest/gtest.h>
#include <minizip/unzip.h>

#include <cstring>

#include "tests/support/files.hpp"

namespace fettle::host {
namespace {

using test::expect_error;
using test::read_text;
using test::TemporaryFolder;
using test::write_text;

TEST(Npy, TheHeaderIsNumpysOwn) {
  // What numpy 1.26's save() writes for zeros((3, 4), float32), and for zeros(5, int64).
  const std::string two = npy_header("<f4", std::array<std::uint64_t, 2>{3, 4});
  EXPECT_EQ(two.size(), 128U);
  EXPECT_EQ(two.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_EQ(two.substr(10, 60), "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } ");
  EXPECT_EQ(two.back(), '\n');
  const std::string one = npy_header("<i8", std::array<std::uint64_t, 1>{5});
  EXPECT_NE(one.find("'shape': (5,), }"), std::string::npos) << one;
}

TEST(Npy, ReadsBackWhatItWrote) {
  const TemporaryFolder folder;
  NpyArray array{"|i1", {2, 3}, {1, -2, 3, -4, 127, -128}};
  write_npy(folder / "a.npy", array);
  const NpyArray read = read_npy(folder / "a.npy");
  EXPECT_EQ(read.type, "|i1");
  EXPECT_EQ(read.shape, array.shape);
  EXPECT_EQ(read.bytes, array.bytes);
  EXPECT_EQ(read.elements(), 6U);
}

TEST(Npy, BadFilesAreRefused) {
  const TemporaryFolder folder;
  write_npy(folder / "a.npy", {"|i1", {2, 3}, {1, 2, 3, 4, 5, 6}});
  const std::string good = read_text(folder / "a.npy");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  const std::pair<std::string, std::string_view> bad[] = {
      {"", "byte 0"},
      {"PK\x03\x04 and so on", "byte 0"},
      {good.substr(0, 9), "byte 0"},
      {good.substr(0, 60), "ends in its header"},
      {good.substr(0, good.size() - 2), "2 bytes of values short"},
      {good + "x", "behind the array"},
      {with("|i1", "|O8"), "type"},
      {with("|i1", ">i2"), "type"},
      {with("|i1", "<i3"), "type"},
      {with("False", "True,"), "Fortran"},
      {with("(2, 3), ", "(-2, 3),"), "shape"},
      {with("(2, 3), }           ", "(99999999999, 3), } "), "shape"},
      {with("(2, 3), }                        ", "(4294967296, 4294967296, 16), }  "), "shape"},
      {with("(2, 3), ", "(2000,3)"), "short"},
      {with("'shape'", "'shipe'"), "shape"},
      {with("\x01", "\x07"), "version 7"},
  };
  for (const auto& [text, piece] : bad) {
    SCOPED_TRACE(piece);
    write_text(folder / "bad.npy", text);
    expect_error(ExitCode::bad_input, {"bad.npy", piece},
                 [&] { (void)read_npy(folder / "bad.npy"); });
  }
}

std::vector<char> entry_of(const std::filesystem::path& file, const char* name) {
  unzFile zip = unzOpen64(file.c_str());
  EXPECT_NE(zip, nullptr);
  EXPECT_EQ(unzLocateFile(zip, name, 1), UNZ_OK) << name;
  unz_file_info64 info = {};
  unzGetCurrentFileInfo64(zip, &info, nullptr, 0, nullptr, 0, nullptr, 0);
  EXPECT_EQ(info.compression_method, 0U) << "stored, so that numpy can map it";
  EXPECT_EQ(info.dosDate, (1U << 21) + (1U << 16)) << "no clock: 1 January 1980";
  std::vector<char> bytes(info.uncompressed_size);
  unzOpenCurrentFile(zip);
  EXPECT_EQ(unzReadCurrentFile(zip, bytes.data(), static_cast<unsigned>(bytes.size())),
            static_cast<int>(bytes.size()));
  EXPECT_EQ(unzCloseCurrentFile(zip), UNZ_OK) << "checksum";
  unzClose(zip);
  return bytes;
}

TEST(Npz, HoldsEveryWindow) {
  const TemporaryFolder folder;
  DataSetUpdate update(folder / "d", 200, 3);
  for (const char* label : {"bad", "normal"}) {
    RecordingWriter& writer = update.begin(label, label[0] == 'b' ? "x" : "longer", "s", "");
    // Ten rows, then a gap, then nine: windows of four are 2 and 2.
    for (int i = 0; i < 19; ++i) {
      writer.write({(i < 10 ? i : i + 5) * 5000, {{static_cast<float>(i), 0.5F, -1}}});
    }
    update.end();
  }
  update.commit();
  const DataSet data = DataSet::open(folder / "d");
  const FeatureExport first_and_last{2,
                                     [](std::span<const Sample> window, std::span<float> features) {
                                       features[0] = window.front().axis[0];
                                       features[1] = window.back().axis[0];
                                     }};
  EXPECT_EQ(export_npz(data, 4, first_and_last, folder / "w.npz"), 8U);
  const auto array = [&](const char* name) {
    const std::vector<char> bytes = entry_of(folder / "w.npz", name);
    write_text(folder / "one.npy", {bytes.data(), bytes.size()});
    return read_npy(folder / "one.npy");
  };
  const auto floats = [](const NpyArray& from) {
    std::vector<float> values(from.bytes.size() / 4);
    std::memcpy(values.data(), from.bytes.data(), from.bytes.size());
    return values;
  };
  const NpyArray windows = array("windows.npy");
  EXPECT_EQ(windows.type, "<f4");
  EXPECT_EQ(windows.shape, (std::vector<std::uint64_t>{8, 4, 3}));
  const std::vector<float> samples = floats(windows);
  EXPECT_EQ(samples.at(0), 0.0F);
  EXPECT_EQ(samples.at(3), 1.0F);
  EXPECT_EQ(samples.at(24), 10.0F) << "the third window starts behind the gap";
  std::vector<std::int64_t> starts(8);
  const NpyArray times = array("t_us.npy");
  EXPECT_EQ(times.type, "<i8");
  std::memcpy(starts.data(), times.bytes.data(), 64);
  EXPECT_EQ(starts,
            (std::vector<std::int64_t>{0, 20'000, 75'000, 95'000, 0, 20'000, 75'000, 95'000}));
  const NpyArray labels = array("label.npy");
  EXPECT_EQ(labels.type, "<U6");
  EXPECT_EQ(labels.bytes[0], 'b');
  EXPECT_EQ(labels.bytes[12], '\0') << "short ones are filled up";
  EXPECT_EQ(labels.bytes[4 * 24], 'n');
  EXPECT_EQ(array("recording.npy").type, "<U6");
  const NpyArray features = array("features.npy");
  EXPECT_EQ(features.shape, (std::vector<std::uint64_t>{8, 2}));
  EXPECT_EQ(floats(features).at(1), 3.0F);
  EXPECT_EQ(floats(features).at(4), 10.0F);

  export_npz(data, 4, first_and_last, folder / "again.npz");
  EXPECT_EQ(read_text(folder / "again.npz"), read_text(folder / "w.npz"));
  expect_error(ExitCode::too_little_data, {"not one window"},
               [&] { export_npz(data, 128, {}, folder / "none.npz"); });
  EXPECT_FALSE(std::filesystem::exists(folder / "none.npz"));
}

}  // namespace
}  // namespace fettle::host
