// Shares work among threads.

#include "kitsink/at_once.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace kitsink {

Status RunAtOnce(size_t count, int at_once, const std::function<Status(size_t worker, size_t index)>& item) {
  std::mutex mutex;
  size_t next = 0;
  Status first_error = Ok();
  const auto work = [&](size_t worker) {
    for (std::unique_lock lock(mutex); next < count && first_error.ok();) {
      const size_t index = next++;
      lock.unlock();
      Status status = item(worker, index);
      lock.lock();
      if (!status.ok() && first_error.ok()) first_error = std::move(status);
    }
  };
  std::vector<std::jthread> others;
  for (size_t worker = 1; worker < count && worker < static_cast<size_t>(std::max(at_once, 1)); ++worker) {
    others.emplace_back(work, worker);
  }
  work(0);
  others.clear();  // joins the threads
  return first_error;
}

}  // namespace kitsink
