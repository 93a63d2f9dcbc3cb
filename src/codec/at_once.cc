#include "codec/at_once.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace kitsink {

SearchThreads ShareThreads(const Device& device, int threads) {
  // More take more memory: 0.1 GB a search with the stand-ins, 0.6 GB with nets of the contest's size.
  constexpr int kMostAtOnce = 4;
  if (device.cuda) return {1, threads};
  const int at_once = std::clamp(threads, 1, kMostAtOnce);
  return {at_once, std::max(threads / at_once, 1)};
}

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
  for (size_t worker = 1; worker < std::min(count, static_cast<size_t>(at_once)); ++worker) {
    others.emplace_back(work, worker);
  }
  work(0);
  others.clear();  // waits
  return first_error;
}

}  // namespace kitsink
