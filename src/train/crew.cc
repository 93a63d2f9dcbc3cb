// Joins the processes of a job through a key-value store that process 0 keeps.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>

#include "kitsink/file.h"
#include "kitsink/train.h"
#include "nets/nets_torch.h"

namespace kitsink {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kConnecting(5);    // of one attempt
constexpr seconds kBetweenLooks(1);  // whether the others are alive
constexpr seconds kUntold(5);        // waiting that nobody is told of

class StoreCrew : public Crew {
 public:
  StoreCrew(const Shard& shard, const CrewPlace& place, Progress& progress)
      : Crew(shard), place_(place), progress_(progress) {}

  Status Meet() {
    told_from_ = Clock::now() + kUntold;
    deadline_ = Clock::now() +
                std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(place_.patience_seconds));
    KIT_TRY(leads() ? Host() : Join());
    return Wait();
  }

  Result<std::vector<Bytes>> Gather(std::span<const uint8_t> own) override {
    const uint64_t round = next_round_++;
    // The byte in front is there because the store holds empty values back for a fifth of a second.
    Bytes given(own.size() + 1);
    std::ranges::copy(own, given.begin() + 1);
    KIT_TRY(Ask([&] { store_->set(KeyOf(round, shard().index), given); }));
    std::vector<Bytes> all(shard().count);
    for (uint64_t i = 0; i < shard().count; ++i) {
      if (i == shard().index) {
        all[i].assign(own.begin(), own.end());
        continue;
      }
      KIT_TRY(WaitFor(KeyOf(round, i), i));
      KIT_TRY(Ask([&] { all[i] = store_->get(KeyOf(round, i)); }));
      if (!all[i].empty()) all[i].erase(all[i].begin());
    }
    met_ = true;
    // Whoever gave in this round has read the one before.
    if (round > 0) KIT_TRY(Ask([&] { store_->deleteKey(KeyOf(round - 1, shard().index)); }));
    return all;
  }

  // Process 0 goes last, because the store goes with it.
  Status Finish() override {
    KIT_TRY(Wait());
    const auto key = [](uint64_t index) { return "finished-" + std::to_string(index); };
    if (!leads()) return Ask([&] { store_->set(key(shard().index), Bytes{0}); });
    for (uint64_t i = 1; i < shard().count; ++i) KIT_TRY(WaitFor(key(i), i));
    return Ok();
  }

 private:
  static std::string KeyOf(uint64_t round, uint64_t index) {
    return std::to_string(round) + "-" + std::to_string(index);
  }

  std::string NameOf(uint64_t index) const {
    return "process " + std::to_string(index) + " of " + std::to_string(shard().count);
  }
  static Error Interrupted() { return Error{Code::kInterrupted, "interrupted; the same command goes on from here"}; }
  Error Ended(uint64_t index) const {
    return Error{Code::kInterrupted, NameOf(index) + " of this job has ended; the same command goes on from here"};
  }

  // Nothing but the end of process 0 makes the store fail.
  template <typename Question>
  Status Ask(const Question& question) const {
    try {
      question();
      return Ok();
    } catch (const std::exception&) {
      return Ended(0);
    }
  }

  // Until the key is there. LibTorch's own wait cannot be interrupted, and ends the connection when its time is up.
  Status WaitFor(const std::string& key, uint64_t index) {
    constexpr int kEager = 200;  // questions without a pause: another process is mostly a little late
    Clock::time_point looked = Clock::now();
    for (int asked = 0;; ++asked) {
      bool there = false;
      KIT_TRY(Ask([&] { there = store_->check({key}); }));
      if (there) return Ok();
      if (progress_.stop_requested()) return Interrupted();
      if (asked < kEager) continue;
      std::this_thread::sleep_for(milliseconds(asked < 2 * kEager ? 1 : 10));
      if (Clock::now() - looked < kBetweenLooks) continue;
      looked = Clock::now();
      if (met_ && !place_.lives(index)) {
        KIT_TRY(Ask([&] { there = store_->check({key}); }));
        return there ? Ok() : Status(Ended(index));
      }
      if (!met_) KIT_TRY(Expect(index));
    }
  }

  // While a process has not come. Tells of the waiting, and ends it.
  Status Expect(uint64_t index) {
    const Clock::time_point now = Clock::now();
    if (now > deadline_) return Error{Code::kIo, NameOf(index) + " has not come, start all of them at the same time"};
    if (now > told_from_) {
      const auto left = std::chrono::ceil<seconds>(deadline_ - now).count();
      const LogLevel level = leads() ? LogLevel::kWarning : LogLevel::kError;  // the other processes show errors alone
      Log(level, "waits for " + NameOf(index) + ", at most " + std::to_string(left) + " s more");
      told_from_ = deadline_;
    }
    return Ok();
  }

  c10d::TCPStoreOptions Options(uint16_t port) const {
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = leads();
    options.waitWorkers = false;
    options.timeout = kConnecting;
    return options;
  }

  Status Host() {
    char own_name[256] = "localhost";
    gethostname(own_name, sizeof(own_name) - 1);
    const char* const given = std::getenv("MASTER_ADDR");  // torchrun's, or the user's
    const std::string host = given != nullptr ? given : own_name;
    constexpr uint16_t kAnyFree = 0;
    KIT_TRY(Guarded("store on " + host, [&]() -> Status {
      store_ = c10::make_intrusive<c10d::TCPStore>(host, Options(kAnyFree));
      return Ok();
    }));
    const std::string text = host + " " + std::to_string(store_->getPort()) + "\n";
    return WriteFile(place_.meeting_point, std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()),
                     Overwrite::kAllow);
  }

  // The meeting point may be one of a process 0 that has ended, until the present one comes.
  Status Join() {
    constexpr uint64_t kMostBytes = 1024;
    for (;; std::this_thread::sleep_for(milliseconds(50))) {
      if (progress_.stop_requested()) return Interrupted();
      KIT_TRY(Expect(0));
      const Result<Bytes> bytes = ReadFile(place_.meeting_point, kMostBytes);
      if (!bytes.ok()) continue;
      std::istringstream text(std::string(bytes.value().begin(), bytes.value().end()));
      std::string host;
      uint16_t port = 0;
      if (!(text >> host >> port)) continue;
      const Status joined = Guarded("store on " + host, [&]() -> Status {
        store_ = c10::make_intrusive<c10d::TCPStore>(host, Options(port));
        return Ok();
      });
      if (joined.ok()) return joined;
    }
  }

  CrewPlace place_;
  Progress& progress_;
  c10::intrusive_ptr<c10d::TCPStore> store_;
  Clock::time_point deadline_, told_from_;
  uint64_t next_round_ = 0;
  bool met_ = false;
};

}  // namespace

Result<std::unique_ptr<Crew>> MeetCrew(const Shard& shard, const CrewPlace& place, Progress& progress) {
  if (shard.count == 1) return std::make_unique<Crew>();
  auto crew = std::make_unique<StoreCrew>(shard, place, progress);
  KIT_TRY(crew->Meet());
  return std::unique_ptr<Crew>(std::move(crew));
}

}  // namespace kitsink
