// Reads frames ahead in a thread of its own.

#include "score/prefetch.h"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace kitsink {
namespace {

using Item = Result<std::optional<FramePair>>;

class Reader {
 public:
  Reader(PairStream stream, size_t depth) : stream_(std::move(stream)), depth_(depth), thread_([this] { Run(); }) {}
  ~Reader() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Item Next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !items_.empty(); });
    // The end, or an error, stays in the queue, because it also answers every later call.
    if (IsLast(items_.front())) return items_.front();
    Item item = std::move(items_.front());
    items_.pop_front();
    changed_.notify_all();
    return item;
  }

 private:
  static bool IsLast(const Item& item) { return !item.ok() || !item.value().has_value(); }

  void Run() {
    for (bool more = true; more;) {
      Item item = stream_();
      more = !IsLast(item);
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stop_ || items_.size() < depth_; });
      if (stop_) return;
      items_.push_back(std::move(item));
      changed_.notify_all();
    }
  }

  PairStream stream_;
  const size_t depth_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  bool stop_ = false;
  std::thread thread_;  // last: it uses the members above
};

}  // namespace

PairStream ReadAhead(PairStream stream, size_t depth) {
  KIT_CHECK(depth > 0);
  return [reader = std::make_shared<Reader>(std::move(stream), depth)] { return reader->Next(); };
}

}  // namespace kitsink
