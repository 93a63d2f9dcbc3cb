// Texts of FFmpeg's error codes, and its log messages sorted by reader.

#include "video/ffmpeg.h"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <map>
#include <mutex>
#include <string_view>

#include "kitsink/video.h"

namespace kitsink {
namespace {

// FFmpeg has one log callback per process, and decoder threads call it too: hence a lock and a map of listeners.
struct Listeners {
  std::mutex mutex;
  std::map<const void*, std::string> first_errors;
};

Listeners& AllListeners() {
  static Listeners* const listeners = new Listeners;  // never destroyed: FFmpeg may log at exit
  return *listeners;
}

// FFmpeg's frame threads have contexts of their own. They copy `opaque`, so it identifies the listener; the address of
// the context would not.
const void* OpaqueOf(const void* object) {
  if (object == nullptr) return nullptr;
  const AVClass* type = *static_cast<const AVClass* const*>(object);
  if (type == nullptr || type->class_name == nullptr) return nullptr;
  const std::string_view name = type->class_name;
  if (name == "AVCodecContext") return static_cast<const AVCodecContext*>(object)->opaque;
  if (name == "AVFormatContext") return static_cast<const AVFormatContext*>(object)->opaque;
  return nullptr;
}

void OnMessage(void* object, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_ERROR) return;
  const void* opaque = OpaqueOf(object);
  if (opaque == nullptr) return;
  std::array<char, 512> text{};
  vsnprintf(text.data(), text.size(), format, arguments);
  std::string message = text.data();
  while (!message.empty() && (message.back() == '\n' || message.back() == '.')) message.pop_back();
  Listeners& listeners = AllListeners();
  const std::lock_guard lock(listeners.mutex);
  const auto listener = listeners.first_errors.find(opaque);
  if (listener != listeners.first_errors.end() && listener->second.empty()) listener->second = message;
}

}  // namespace

std::string FfmpegErrorText(int error_number) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(error_number, text.data(), text.size());
  return text.data();
}

FfmpegLog::FfmpegLog() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(OnMessage); });
  Listeners& listeners = AllListeners();
  const std::lock_guard lock(listeners.mutex);
  listeners.first_errors[this].clear();
}

FfmpegLog::~FfmpegLog() {
  Listeners& listeners = AllListeners();
  const std::lock_guard lock(listeners.mutex);
  listeners.first_errors.erase(this);
}

std::string FfmpegLog::first_error() const {
  Listeners& listeners = AllListeners();
  const std::lock_guard lock(listeners.mutex);
  return listeners.first_errors.at(this);
}

std::string DecoderVersion() {
  const unsigned version = avcodec_version();
  return "FFmpeg libavcodec " + std::to_string(AV_VERSION_MAJOR(version)) + "." +
         std::to_string(AV_VERSION_MINOR(version)) + "." + std::to_string(AV_VERSION_MICRO(version));
}

}  // namespace kitsink
