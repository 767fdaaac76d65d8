// SPDX-License-Identifier: Apache-2.0
#include "host/platform/serial_port.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/support/files.hpp"

namespace fettle::host::platform {
namespace {

using namespace std::chrono_literals;
using test::expect_error;

/// The other end of a pseudo terminal.
class Pty {
 public:
  Pty() : master_(posix_openpt(O_RDWR | O_NOCTTY)) {
    if (master_ < 0 || grantpt(master_) != 0 || unlockpt(master_) != 0) std::abort();
    path = ptsname(master_);
  }
  ~Pty() { unplug(); }
  Pty(const Pty&) = delete;
  Pty& operator=(const Pty&) = delete;
  void unplug() {
    if (master_ >= 0) close(master_);
    master_ = -1;
  }
  [[nodiscard]] int master() const { return master_; }
  std::string path;

 private:
  int master_;
};

TEST(SerialPort, CarriesEveryByteBothWays) {
  Pty pty;
  const auto port = open_serial_port(pty.path, 921'600);
  std::vector<std::uint8_t> all(256);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(i);

  port->write(all);
  std::vector<std::uint8_t> got(256);
  std::size_t size = 0;
  while (size < got.size()) {
    const ssize_t n = ::read(pty.master(), got.data() + size, got.size() - size);
    ASSERT_GT(n, 0);
    size += static_cast<std::size_t>(n);
  }
  EXPECT_EQ(got, all);  // no echo, no CR and LF, no control characters

  ASSERT_EQ(::write(pty.master(), all.data(), all.size()), static_cast<ssize_t>(all.size()));
  size = 0;
  got.assign(256, 0);
  while (size < got.size()) {
    size += port->read(std::span(got).subspan(size), 1000ms);
  }
  EXPECT_EQ(got, all);
  EXPECT_EQ(port->read(got, 1ms), 0U);
}

TEST(SerialPort, IsOpenOnce) {
  Pty pty;
  auto port = open_serial_port(pty.path, 115'200);
  expect_error(ExitCode::io, {pty.path, "busy", "fuser"},
               [&] { static_cast<void>(open_serial_port(pty.path, 115'200)); });
  port.reset();
  EXPECT_NO_THROW(static_cast<void>(open_serial_port(pty.path, 115'200)));
}

TEST(SerialPort, LeavesATerminalAsItWas) {
  Pty pty;
  const int slave = open(pty.path.c_str(), O_RDWR | O_NOCTTY);
  ASSERT_GE(slave, 0);
  termios before{};
  ASSERT_EQ(tcgetattr(slave, &before), 0);
  ASSERT_NE(before.c_lflag & ECHO, 0U) << "or there would be nothing to put back";
  {
    const auto port = open_serial_port(pty.path, 115'200);
    termios during{};
    ASSERT_EQ(tcgetattr(slave, &during), 0);
    EXPECT_EQ(during.c_lflag & (ECHO | ICANON | ISIG), 0U);
    EXPECT_EQ(cfgetospeed(&during), static_cast<speed_t>(B115200));
  }
  termios after{};
  ASSERT_EQ(tcgetattr(slave, &after), 0);
  EXPECT_EQ(after.c_lflag, before.c_lflag);
  EXPECT_EQ(after.c_iflag, before.c_iflag);
  EXPECT_EQ(after.c_oflag, before.c_oflag);
  EXPECT_EQ(cfgetospeed(&after), cfgetospeed(&before));
  close(slave);
}

TEST(SerialPort, IsNeverTheTerminalThatThePersonTypesIn) {
  Pty pty;
  const pid_t child = fork();
  if (child == 0) {  // a session of its own, which this terminal controls
    setsid();
    const int terminal = open(pty.path.c_str(), O_RDWR);
    if (terminal < 0 || ioctl(terminal, TIOCSCTTY, 0) != 0) _exit(100);
    for (const std::string& path : {std::string("/dev/tty"), pty.path}) {
      try {
        static_cast<void>(open_serial_port(path, 115'200));
        _exit(101);
      } catch (const Error& error) {
        if (std::string(error.what()).find("the terminal that you are typing in") ==
            std::string::npos)
          _exit(102);
      }
      termios now{};
      if (tcgetattr(terminal, &now) != 0 || (now.c_lflag & ECHO) == 0) _exit(103);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(SerialPort, SaysWhenTheOtherEndIsGone) {
  Pty pty;
  const auto port = open_serial_port(pty.path, 115'200);
  pty.unplug();
  std::vector<std::uint8_t> bytes(10);
  EXPECT_THROW(static_cast<void>(port->read(bytes, 100ms)), LineLost);
  EXPECT_THROW(port->write(bytes), LineLost);
}

TEST(SerialPort, SaysWhatIsWrongWithAPath) {
  expect_error(ExitCode::io, {"/dev/no-such", "no such port"},
               [] { static_cast<void>(open_serial_port("/dev/no-such", 921'600)); });
  expect_error(ExitCode::io, {"/dev/null", "not a serial port"},
               [] { static_cast<void>(open_serial_port("/dev/null", 921'600)); });
  test::TemporaryFolder folder;
  expect_error(ExitCode::io, {"not a serial port"},
               [&] { static_cast<void>(open_serial_port(folder.path(), 921'600)); });
  if (geteuid() != 0) {
    Pty pty;
    chmod(pty.path.c_str(), 0);
    expect_error(ExitCode::io, {"dialout"},
                 [&] { static_cast<void>(open_serial_port(pty.path, 921'600)); });
  }
}

TEST(SerialPort, ListsWhatUsbSays) {
  test::TemporaryFolder root;
  const auto usb = root / "sys/devices/usb1/1-2";
  test::write_text(usb / "idVendor", "10c4\n");
  test::write_text(usb / "idProduct", "ea60\n");
  test::write_text(usb / "manufacturer", "Silicon Labs\n");
  test::write_text(usb / "product", "CP2102N\n");
  for (const char* name : {"ttyUSB10", "ttyUSB2", "ttyACM0", "ttyS0"}) {
    test::write_text(root / "dev" / name, "");
    std::filesystem::create_directories(root / "sys/class/tty" / name);
  }
  std::filesystem::create_directories(root / "sys/class/tty/ttyUSB3");  // already unplugged
  std::filesystem::create_directories(usb / "1-2:1.0/ttyUSB2");
  std::filesystem::create_symlink(usb / "1-2:1.0/ttyUSB2", root / "sys/class/tty/ttyUSB2/device");
  std::filesystem::create_directories(root / "dev/serial/by-id");
  std::filesystem::create_symlink("../../ttyUSB2", root / "dev/serial/by-id/usb-CP2102N");

  const auto ports = list_ports(root.path());
  ASSERT_EQ(ports.size(), 3U);
  EXPECT_TRUE(ports[0].path.ends_with("ttyACM0"));
  EXPECT_TRUE(ports[1].path.ends_with("ttyUSB2"));
  EXPECT_TRUE(ports[2].path.ends_with("ttyUSB10"));
  EXPECT_EQ(ports[1].what, "Silicon Labs CP2102N (USB 10c4:ea60)");
  EXPECT_TRUE(ports[1].by_id.ends_with("by-id/usb-CP2102N"));
  EXPECT_EQ(ports[2].what, "");
  EXPECT_NE(ports_as_text(ports).find("CP2102N"), std::string::npos);
  EXPECT_TRUE(list_ports(root / "nothing").empty());
}

}  // namespace
}  // namespace fettle::host::platform
