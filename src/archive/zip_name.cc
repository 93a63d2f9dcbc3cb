// Checks and cleans the name of an untrusted zip member.

#include "archive/zip_name.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "kitsink/log.h"

namespace kitsink {
namespace {

Error Refuse(const std::string& what) { return Error{Code::kUnsupported, what}; }

// True for a reserved device name of Windows, with or without an extension.
bool IsDevice(std::string_view component) {
  std::string stem(component.substr(0, component.find('.')));
  while (stem.ends_with(' ')) stem.pop_back();
  for (char& c : stem) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  constexpr std::array<std::string_view, 6> kDevices = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"};
  if (std::ranges::find(kDevices, stem) != kDevices.end()) return true;
  return stem.size() == 4 && (stem.starts_with("COM") || stem.starts_with("LPT")) && stem[3] >= '1' && stem[3] <= '9';
}

}  // namespace

Result<std::string> CleanZipName(const std::string& name) {
  const std::string quoted = "member " + Quoted(name);
  if (name.find('\0') != name.npos) return Refuse(quoted + " has a zero byte in its name, where some readers stop");
  if (std::ranges::any_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
    return Refuse(quoted + " has a control character in its name");
  }
  if (name.find('\\') != name.npos) {
    return Refuse(quoted + " has a backslash in its name, which some readers take for a folder's end");
  }
  if (name.starts_with('/')) return Refuse(quoted + " leads out of the folder: an absolute name");
  if (name.size() >= 2 && name[1] == ':') return Refuse(quoted + " leads out of the folder: a drive letter");
  std::string clean;
  for (size_t begin = 0; begin < name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view component = std::string_view(name).substr(begin, end - begin);
    begin = end + 1;
    if (component == "..") return Refuse(quoted + " leads out of the folder: path traversal by \"..\"");
    if (IsDevice(component)) return Refuse(quoted + " is named like a device, " + Quoted(component));
    if (component.empty() || component == ".") continue;
    if (!clean.empty()) clean += '/';
    clean += component;
  }
  if (clean.empty()) return Refuse(quoted + " has an empty name");
  if (name.ends_with('/')) clean += '/';
  return clean;
}

}  // namespace kitsink
