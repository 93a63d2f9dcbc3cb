// Texts of FFmpeg's error codes, and its log messages sorted by reader.

#include "video/ffmpeg.h"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstring>
#include <map>
#include <mutex>
#include <string_view>

#include "kitsink/video.h"

namespace kitsink {
namespace {

// FFmpeg has one log callback per process, and decoder threads call it too: hence a lock and a map of listeners.
struct Heard {
  std::string first_error;
  std::string damage;
  std::string cut;
};

struct Listeners {
  std::mutex mutex;
  std::map<const void*, Heard> heard;
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

// A decoder's line that means damage. Lines are needed where FFmpeg says it in no other way: its HEVC decoder returns
// success and sets no flag. Decoders that conceal set a flag on the picture, but a picture shown earlier may refer to
// it.
bool MeansDamage(AVCodecID codec, std::string_view message) {
  const auto says = [message](std::string_view words) { return message.find(words) != std::string_view::npos; };
  if (says("concealing")) return true;
  // Supplemental information and display hints do not touch the pictures.
  if (codec == AV_CODEC_ID_HEVC) return !says("SEI") && !says("VUI");
  if (codec == AV_CODEC_ID_MJPEG) return says("bad vlc") || says("error dc") || says("error count") || says("overread");
  return says("CRC mismatch");
}

bool MeansCut(std::string_view message) {
  return message.find("ended prematurely") != std::string_view::npos ||
         message.find("partial file") != std::string_view::npos;
}

void Remember(const void* object, const std::string& message, Heard& heard) {
  const AVClass* type = *static_cast<const AVClass* const*>(object);
  const bool decoder = std::string_view(type->class_name) == "AVCodecContext";
  if (decoder && heard.damage.empty() && MeansDamage(static_cast<const AVCodecContext*>(object)->codec_id, message)) {
    heard.damage = message;
  }
  if (!decoder && heard.cut.empty() && MeansCut(message)) heard.cut = message;
  if (heard.first_error.empty()) heard.first_error = message;
}

void OnMessage(void* object, int level, const char* format, va_list arguments) {
  // FFmpeg does not take a concealed picture for an error.
  if (level > AV_LOG_ERROR && std::strncmp(format, "concealing", 10) != 0) return;
  const void* opaque = OpaqueOf(object);
  if (opaque == nullptr) return;
  std::array<char, 512> text{};
  vsnprintf(text.data(), text.size(), format, arguments);
  std::string message = text.data();
  while (!message.empty() && (message.back() == '\n' || message.back() == '.')) message.pop_back();
  Listeners& listeners = AllListeners();
  const std::lock_guard lock(listeners.mutex);
  const auto listener = listeners.heard.find(opaque);
  if (listener != listeners.heard.end()) Remember(object, message, listener->second);
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
  listeners.heard[this] = {};
}

FfmpegLog::~FfmpegLog() {
  Listeners& listeners = AllListeners();
  const std::lock_guard lock(listeners.mutex);
  listeners.heard.erase(this);
}

std::string FfmpegLog::first_error() const {
  Listeners& listeners = AllListeners();
  const std::lock_guard lock(listeners.mutex);
  return listeners.heard.at(this).first_error;
}

std::string FfmpegLog::damage() const {
  Listeners& listeners = AllListeners();
  const std::lock_guard lock(listeners.mutex);
  return listeners.heard.at(this).damage;
}

void FfmpegLog::ForgetDamage() {
  Listeners& listeners = AllListeners();
  const std::lock_guard lock(listeners.mutex);
  listeners.heard.at(this).damage.clear();
}

std::string FfmpegLog::cut() const {
  Listeners& listeners = AllListeners();
  const std::lock_guard lock(listeners.mutex);
  return listeners.heard.at(this).cut;
}

std::string DecoderVersion() {
  const unsigned version = avcodec_version();
  return "FFmpeg libavcodec " + std::to_string(AV_VERSION_MAJOR(version)) + "." +
         std::to_string(AV_VERSION_MINOR(version)) + "." + std::to_string(AV_VERSION_MICRO(version));
}

}  // namespace kitsink
