// SPDX-License-Identifier: Apache-2.0
#include "host/platform/serial_port.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/serial_port.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "host/dataset.hpp"
#include "host/error.hpp"

namespace fettle::host::platform {
namespace {

namespace fs = std::filesystem;
using boost::asio::serial_port;
using boost::asio::serial_port_base;
using std::chrono::milliseconds;

constexpr auto kWriteWait = std::chrono::seconds(2);

/// The first line of a file of sysfs; empty if there is none.
std::string line_of(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

/// What the USB device behind a terminal says about itself. Its folder is one of those above.
std::string usb_text(const fs::path& device) {
  std::error_code error;
  fs::path folder = fs::canonical(device, error);
  for (int up = 0; !error && up < 6 && folder.has_relative_path(); ++up) {
    if (fs::exists(folder / "idVendor", error)) {
      std::string text;
      for (const char* name : {"manufacturer", "product", "serial"}) {
        const std::string part = line_of(folder / name);
        if (!part.empty()) text += (text.empty() ? "" : " ") + part;
      }
      return fmt::format("{}{}(USB {}:{})", text, text.empty() ? "" : " ",
                         line_of(folder / "idVendor"), line_of(folder / "idProduct"));
    }
    folder = folder.parent_path();
  }
  return {};
}

/// The name in /dev/serial/by-id that leads to this device; empty if there is none.
std::string by_id_of(const fs::path& root, const fs::path& device) {
  std::error_code error;
  const fs::path target = fs::canonical(device, error);
  if (error) return {};
  for (fs::directory_iterator at(root / "dev/serial/by-id", error), end; !error && at != end;
       at.increment(error)) {
    std::error_code dangling;
    if (fs::canonical(at->path(), dangling) == target && !dangling) return at->path().string();
  }
  return {};
}

bool is_pseudo_terminal(const std::string& path) { return path.starts_with("/dev/pts/"); }

[[noreturn]] void refuse(const std::string& path, std::uint32_t baud, int error) {
  std::string text;
  switch (error) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      text = fmt::format("{}: there is no such port. {}", path, ports_as_text(list_ports()));
      break;
    case EACCES:
    case EPERM:
      text = fmt::format(
          "{}: you are not allowed to open this port. Serial ports belong to the group dialout: "
          "run "
          "'sudo usermod -aG dialout $USER', then log out and in again",
          path);
      break;
    case EBUSY:
      text = fmt::format(
          "{}: the port is busy, another program has it open: a serial monitor, the IDE's console, "
          "another fettle? 'fuser -v {}' says which. Close it and try again",
          path, path);
      break;
    case ENOTTY:
    case EISDIR:
      text = fmt::format("{}: this is not a serial port. {}", path, ports_as_text(list_ports()));
      break;
    case EINVAL:
      text = fmt::format("{}: this port does not know a speed of {} baud", path, baud);
      break;
    default: text = fmt::format("{}: cannot be opened: {}", path, std::strerror(error));
  }
  throw Error(ExitCode::io, text);
}

/// A descriptor that is closed unless somebody else takes it.
class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }
  void release() { descriptor_ = -1; }

 private:
  int descriptor_;
};

/// How a terminal was set, put back at the end: one that is none of a board's must not stay without
/// echo and line ends.
class KeptSettings {
 public:
  KeptSettings() = default;
  ~KeptSettings() {
    if (descriptor_ >= 0) tcsetattr(descriptor_, TCSANOW, &settings_);
  }
  KeptSettings(const KeptSettings&) = delete;
  KeptSettings& operator=(const KeptSettings&) = delete;
  /// @return false if it is no terminal
  bool keep(int descriptor) {
    if (tcgetattr(descriptor, &settings_) != 0) return false;
    descriptor_ = descriptor;
    return true;
  }
  [[nodiscard]] const termios& settings() const { return settings_; }

 private:
  int descriptor_ = -1;
  termios settings_{};
};

class SerialTransport : public Transport {
 public:
  SerialTransport(const std::string& path, std::uint32_t baud) : path_(path), port_(context_) {
    // Opened here and not by Asio, which would change the terminal before anybody has looked at it; and
    // only once, because each opening resets many a board.
    Descriptor opened(::open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (opened.get() < 0) refuse(path, baud, errno);
    if (isatty(opened.get()) != 1) refuse(path, baud, ENOTTY);
    if (tcgetsid(opened.get()) == getsid(0)) {
      throw Error(ExitCode::io,
                  fmt::format("{}: this is the terminal that you are typing in, not a board. {}",
                              path, ports_as_text(list_ports())));
    }
    boost::system::error_code error;
    port_.assign(opened.get(), error);
    if (error) refuse(path, baud, error.value());
    opened.release();
    // Alone: flock keeps out those who ask, as we do; TIOCEXCL everybody but root. A pseudo terminal
    // would stay marked for as long as its other end lives.
    if (flock(port_.native_handle(), LOCK_EX | LOCK_NB) != 0) refuse(path, baud, EBUSY);
    exclusive_ = !is_pseudo_terminal(path);
    if (exclusive_) ioctl(port_.native_handle(), TIOCEXCL);
    if (!before_.keep(port_.native_handle())) refuse(path, baud, errno);
    make_raw(baud);
    set(serial_port_base::baud_rate(baud), baud);
    set(serial_port_base::character_size(8), baud);
    set(serial_port_base::parity(serial_port_base::parity::none), baud);
    set(serial_port_base::stop_bits(serial_port_base::stop_bits::one), baud);
    set(serial_port_base::flow_control(serial_port_base::flow_control::none), baud);
    tcflush(port_.native_handle(), TCIFLUSH);  // what was said before to nobody
  }
  ~SerialTransport() override {
    if (exclusive_) ioctl(port_.native_handle(), TIOCNXCL);
  }

  std::size_t read(std::span<std::uint8_t> bytes, milliseconds wait) override {
    if (!ready(POLLIN, wait)) return 0;
    boost::system::error_code error;
    const std::size_t size =
        port_.read_some(boost::asio::buffer(bytes.data(), bytes.size()), error);
    if (error == boost::asio::error::interrupted || error == boost::asio::error::would_block) {
      return 0;
    }
    // A port that is ready and has nothing has no other end any more.
    if (error || size == 0) throw LineLost(path_ + ": the board is gone");
    return size;
  }

  void write(std::span<const std::uint8_t> bytes) override {
    const auto until = now() + kWriteWait;
    while (!bytes.empty()) {
      if (now() > until) throw LineLost(path_ + ": the board takes no bytes");
      if (!ready(POLLOUT, milliseconds(100))) continue;
      boost::system::error_code error;
      const std::size_t size =
          port_.write_some(boost::asio::buffer(bytes.data(), bytes.size()), error);
      if (error == boost::asio::error::interrupted || error == boost::asio::error::would_block) {
        continue;
      }
      if (error) throw LineLost(path_ + ": the board is gone");
      bytes = bytes.subspan(size);
    }
  }

  std::chrono::microseconds now() override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
  }

 private:
  /// Bytes as they are, both ways.
  void make_raw(std::uint32_t baud) {
    termios raw = before_.settings();
    cfmakeraw(&raw);
    raw.c_iflag |= IGNPAR;
    raw.c_cflag |= CREAD | CLOCAL;
    if (tcsetattr(port_.native_handle(), TCSANOW, &raw) != 0) refuse(path_, baud, errno);
  }
  template <typename Option>
  void set(const Option& option, std::uint32_t baud) {
    boost::system::error_code error;
    port_.set_option(option, error);
    if (error) refuse(path_, baud, error.value());
  }

  /// Throws LineLost when the port has hung up.
  [[nodiscard]] bool ready(short what, milliseconds wait) {
    pollfd request = {port_.native_handle(), what, 0};
    const int ready = ::poll(&request, 1, static_cast<int>(wait.count()));
    if (ready <= 0) return false;
    const auto got = static_cast<unsigned>(request.revents);
    if ((got & static_cast<unsigned>(what)) != 0) return true;
    if ((got & (POLLHUP | POLLERR | POLLNVAL)) != 0) throw LineLost(path_ + ": the board is gone");
    return false;
  }

  std::string path_;
  boost::asio::io_context context_;
  serial_port port_;
  KeptSettings before_;  // put back before the port is closed
  bool exclusive_ = false;
};

}  // namespace

std::vector<PortInfo> list_ports(const fs::path& root) {
  std::vector<PortInfo> ports;
  std::error_code error;
  for (fs::directory_iterator at(root / "sys/class/tty", error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with("ttyUSB") && !name.starts_with("ttyACM")) continue;
    const fs::path device = root / "dev" / name;
    if (!fs::exists(device)) continue;
    ports.push_back({device.string(), by_id_of(root, device), usb_text(at->path() / "device"),
                     access(device.c_str(), R_OK | W_OK) == 0});
  }
  std::ranges::sort(
      ports, [](const PortInfo& a, const PortInfo& b) { return natural_less(a.path, b.path); });
  return ports;
}

std::string ports_as_text(const std::vector<PortInfo>& ports) {
  if (ports.empty()) {
    return "There is no serial port at this computer: is the board plugged in, with a cable that "
           "carries data?";
  }
  std::string text = "There are:";
  for (const PortInfo& port : ports) {
    text += fmt::format("\n  {}{}{}", port.path, port.what.empty() ? "" : "  ", port.what);
  }
  return text;
}

std::unique_ptr<Transport> open_serial_port(const std::string& path, std::uint32_t baud) {
  return std::make_unique<SerialTransport>(path, baud);
}

OpenLine serial_line(const std::string& path, std::uint32_t baud) {
  // Asked now, while the device is there.
  const std::string by_id = by_id_of("/", path);
  return [path, by_id, baud] {
    std::error_code error;
    const bool moved = !by_id.empty() && fs::exists(by_id, error);
    return open_serial_port(moved ? by_id : path, baud);
  };
}

}  // namespace fettle::host::platform
