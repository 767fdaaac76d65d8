// SPDX-License-Identifier: Apache-2.0
// Every call that changes the disk fails once, and once the program dies in front of it: the data
// set is then what it was before or, behind the commit point, what it should become; never between.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <map>

#include "host/dataset.hpp"
#include "host/platform/interrupt.hpp"
#include "tests/support/files.hpp"

namespace {

enum class Fault { none, full_disk, death };
Fault fault = Fault::none;
int calls = 0;
int fatal_call = 0;

/// @return whether this call shall fail.
bool strikes() {
  if (fault == Fault::none || ++calls != fatal_call) return false;
  if (fault == Fault::death) _exit(99);
  errno = ENOSPC;
  return true;
}

}  // namespace

extern "C" {
int __real_rename(const char*, const char*);
int __real_renameat2(int, const char*, int, const char*, unsigned);
ssize_t __real_write(int, const void*, size_t);
int __real_fsync(int);

int __wrap_rename(const char* from, const char* to) {
  return strikes() ? -1 : __real_rename(from, to);
}
int __wrap_renameat2(int from_folder, const char* from, int to_folder, const char* to,
                     unsigned flags) {
  return strikes() ? -1 : __real_renameat2(from_folder, from, to_folder, to, flags);
}
ssize_t __wrap_write(int file, const void* bytes, size_t count) {
  return strikes() ? -1 : __real_write(file, bytes, count);
}
int __wrap_fsync(int file) { return strikes() ? -1 : __real_fsync(file); }
}

namespace fettle::host {
namespace {

using test::read_text;
using test::TemporaryFolder;

void write_rows(RecordingWriter& writer, int rows) {
  for (int i = 0; i < rows; ++i) writer.write({i * 5000, {{0.5F, 0, static_cast<float>(rows)}}});
}

void make_first(const std::filesystem::path& folder) {
  DataSetUpdate update(folder, 200, 3);
  write_rows(update.begin("normal", "one", "s", "first"), 5);
  update.end();
  write_rows(update.begin("normal", "two", "s", "first"), 6);
  update.end();
  update.commit();
}

/// Adds to an old label and a new one, removes one recording and replaces another.
void change(const std::filesystem::path& folder) {
  const DataSet data = DataSet::open(folder);
  DataSetUpdate update(folder, 200, 3);
  for (const RecordingEntry& entry : data.recordings()) update.remove(entry);
  write_rows(update.begin("normal", "one", "s", "second"), 2);
  update.end();
  write_rows(update.begin("bad", "one", "s", "second"), 3);
  update.end();
  write_rows(update.begin("normal", "three", "s", "second"), 4);
  update.end();
  update.commit();
}

/// All files of a data set and what is in them.
std::map<std::string, std::string> contents(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    files[entry.path().lexically_relative(folder).string()] =
        entry.is_regular_file() ? read_text(entry.path()) : "";
  }
  return files;
}

struct Reference {
  std::map<std::string, std::string> before, after;
  Reference() {
    const TemporaryFolder folder;
    make_first(folder / "d");
    before = contents(folder / "d");
    change(folder / "d");
    after = contents(folder / "d");
  }
};

TEST(DataSetFault, AFullDiskAtAnyCallLeavesTheDataSetAsItWas) {
  const Reference reference;
  int failures = 0;
  for (fatal_call = 1;; ++fatal_call) {
    SCOPED_TRACE(fatal_call);
    const TemporaryFolder folder;
    make_first(folder / "d");
    calls = 0;
    fault = Fault::full_disk;
    try {
      change(folder / "d");
      fault = Fault::none;
      EXPECT_EQ(contents(folder / "d"), reference.after);
      break;
    } catch (const Error& error) {
      fault = Fault::none;
      ++failures;
      EXPECT_EQ(error.code, ExitCode::io) << error.what();
    }
    EXPECT_EQ(contents(folder / "d"), reference.before);
    EXPECT_EQ(DataSet::open(folder / "d").recordings().size(), 2U);
  }
  EXPECT_GT(failures, 10);
}

TEST(DataSetFault, DeathAtAnyCallIsUndoneByTheNextOneWhoOpensIt) {
  const Reference reference;
  int deaths = 0;
  for (fatal_call = 1;; ++fatal_call) {
    SCOPED_TRACE(fatal_call);
    const TemporaryFolder folder;
    make_first(folder / "d");
    const pid_t child = fork();
    if (child == 0) {
      calls = 0;
      fault = Fault::death;
      change(folder / "d");
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    const DataSet data = DataSet::open(folder / "d");
    if (WEXITSTATUS(status) == 0) {
      EXPECT_EQ(contents(folder / "d"), reference.after);
      break;
    }
    ++deaths;
    EXPECT_EQ(contents(folder / "d"), reference.before);
    EXPECT_EQ(data.recordings().size(), 2U);
    change(folder / "d");  // and the same can be done again
    EXPECT_EQ(contents(folder / "d"), reference.after);
  }
  EXPECT_GT(deaths, 10);
}

TEST(DataSetFault, DeathDuringTheFirstImportLeavesAFolderThatCanBeUsed) {
  for (fatal_call = 1;; ++fatal_call) {
    SCOPED_TRACE(fatal_call);
    const TemporaryFolder folder;
    const pid_t child = fork();
    if (child == 0) {
      calls = 0;
      fault = Fault::death;
      make_first(folder / "d");
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WEXITSTATUS(status) == 0) break;
    EXPECT_FALSE(std::filesystem::exists(folder / "d" / "dataset.json"));
    make_first(folder / "d");
    EXPECT_EQ(DataSet::open(folder / "d").recordings().size(), 2U);
  }
}

/// Does the work in another process, which dies in front of that call. @return whether it came so far
template <typename Work>
bool dies_at(int call, const Work& work) {
  const pid_t child = fork();
  if (child == 0) {
    calls = 0;
    fatal_call = call;
    fault = Fault::death;
    work();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status) == 99;
}

TEST(DataSetFault, DeathDuringTheUndoingIsUndoneToo) {
  const Reference reference;
  int deaths = 0;
  for (int first = 1;; ++first) {
    bool done = false;
    for (int second = 1;; ++second) {
      SCOPED_TRACE(testing::Message() << first << " and " << second);
      const TemporaryFolder folder;
      make_first(folder / "d");
      done = !dies_at(first, [&] { change(folder / "d"); });
      if (done) break;
      const bool died = dies_at(second, [&] { (void)DataSet::open(folder / "d"); });
      EXPECT_EQ(DataSet::open(folder / "d").recordings().size(), 2U);
      EXPECT_EQ(contents(folder / "d"), reference.before);
      if (!died) break;
      ++deaths;
    }
    if (done) break;
  }
  EXPECT_GT(deaths, 3);
}

constexpr int kCollected = 40;
constexpr int kFlushes = 4;

/// Two recordings as a collection makes them.
/// @param safe rows of the second that reached the file
void collect(const std::filesystem::path& folder, int& safe) {
  safe = 0;
  try {
    DataSetUpdate update(folder, 200, 3, DataSetUpdate::Unfinished::kept, 10);
    write_rows(update.begin("normal", "three", "s", "collected"), kCollected);
    update.end();
    RecordingWriter& writer = update.begin("normal", "four", "s", "collected");
    for (int i = 1; i <= kFlushes; ++i) {
      write_rows(writer, kCollected / kFlushes);
      writer.sync();
      safe = i * kCollected / kFlushes;
    }
    update.end();
    update.commit();
  } catch (const Error& error) {
    fault = Fault::none;
    EXPECT_EQ(error.code, ExitCode::io) << error.what();
  }
}

void expect_collected(const std::filesystem::path& folder, int safe) {
  const DataSet data = DataSet::open(folder);
  EXPECT_GE(data.recordings().size(), 2U);
  std::uint64_t three = 0;
  std::uint64_t four = 0;
  for (const RecordingEntry& entry : data.recordings()) {
    const WholeRows whole = whole_rows(data.path_of(entry), 3);
    EXPECT_EQ(whole.rows, entry.rows);
    EXPECT_EQ(whole.hash, entry.hash);
    EXPECT_EQ(whole.bytes, std::filesystem::file_size(data.path_of(entry)));
    if (entry.name == "three") three = entry.rows;
    if (entry.name == "four") four = entry.rows;
  }
  EXPECT_GE(four, static_cast<std::uint64_t>(safe));
  // What was begun later is not there without what was ended before.
  EXPECT_EQ(three, four > 0 ? std::uint64_t{kCollected} : three);
  EXPECT_FALSE(std::filesystem::exists(folder / ".fettle-staging"));
}

TEST(DataSetFault, AFullDiskAtAnyCallOfACollectionLosesNothingThatWasFlushed) {
  int failures = 0;
  for (int call = 1;; ++call) {
    SCOPED_TRACE(call);
    const TemporaryFolder folder;
    make_first(folder / "d");
    calls = 0;
    fatal_call = call;
    fault = Fault::full_disk;
    int safe = 0;
    collect(folder / "d", safe);
    const bool failed = fault == Fault::none;
    fault = Fault::none;
    // Nor does it while the disk is still full when it is taken in, at whichever call.
    for (int again = 1; failed; ++again) {
      calls = 0;
      fatal_call = again;
      fault = Fault::full_disk;
      try {
        (void)DataSet::open(folder / "d");
        break;
      } catch (const Error& error) {
        EXPECT_EQ(error.code, ExitCode::io) << error.what();
      }
    }
    fault = Fault::none;
    expect_collected(folder / "d", safe);
    if (!failed) break;
    ++failures;
  }
  EXPECT_GT(failures, 15);
}

TEST(DataSetFault, DeathAtAnyCallOfACollectionLosesNothingThatWasFlushed) {
  // The one who dies writes it, and the one who looks reads it.
  void* const shared =
      mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  int& safe = *static_cast<int*>(shared);
  int deaths = 0;
  for (int call = 1;; ++call) {
    SCOPED_TRACE(call);
    const TemporaryFolder folder;
    make_first(folder / "d");
    const bool died = dies_at(call, [&] { collect(folder / "d", safe); });
    if (died) ++deaths;
    // And whoever takes it in may be killed as well, at any call.
    for (int again = 1; died; ++again) {
      if (!dies_at(again, [&] { (void)DataSet::open(folder / "d"); })) break;
    }
    expect_collected(folder / "d", safe);
    if (!died) break;
  }
  munmap(shared, sizeof(int));
  EXPECT_GT(deaths, 15);
}

TEST(DataSetFault, CtrlCLeavesTheDataSetAsItWas) {
  const Reference reference;
  const TemporaryFolder folder;
  make_first(folder / "d");
  const pid_t child = fork();
  if (child == 0) {
    platform::catch_interrupts();
    try {
      DataSetUpdate update(folder / "d", 200, 3);
      RecordingWriter& writer = update.begin("normal", "long", "s", "");
      std::raise(SIGINT);
      write_rows(writer, 1'000'000);
      update.end();
      update.commit();
    } catch (const Error& error) {
      _exit(static_cast<int>(error.code));
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 130);
  // The child left by _exit inside the handler, yet behind the destructor of the update.
  EXPECT_EQ(contents(folder / "d"), reference.before);
}

}  // namespace
}  // namespace fettle::host
