// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "host/line/transport.hpp"

namespace fettle::host::platform {

/// A serial port that a board may be at.
struct PortInfo {
  std::string path;     ///< "/dev/ttyUSB0"
  std::string by_id;    ///< a name that stays the same wherever it is plugged in; may be empty
  std::string what;     ///< what USB says: maker, product, serial number; may be empty
  bool allowed = true;  ///< whether this user may open it
};

/// Serial ports of USB devices, in natural order of their path.
/// @param root "/"; a folder with dev/ and sys/ in it for tests
[[nodiscard]] std::vector<PortInfo> list_ports(const std::filesystem::path& root = "/");

/// Those ports as lines of text for an error message.
[[nodiscard]] std::string ports_as_text(const std::vector<PortInfo>& ports);

/// Opens a serial port or a pseudo terminal for one program alone: raw, 8N1, no flow control.
/// Throws Error(io) that says what to do: no such port (and which there are), not allowed, busy, not
/// a serial line, a speed that it does not know.
[[nodiscard]] std::unique_ptr<Transport> open_serial_port(const std::string& path,
                                                          std::uint32_t baud);

/// The same port each time, also when it has another number after the cable was pulled: by its name
/// in /dev/serial/by-id, if it has one.
[[nodiscard]] OpenLine serial_line(const std::string& path, std::uint32_t baud);

}  // namespace fettle::host::platform
