// Feeds arbitrary bytes to the parser of a ledger: an error that blames the bytes, or records that survive being
// written and read again, and that can be compared and printed.

#include <cstddef>
#include <cstdint>

#include "kitsink/report.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto records = kitsink::ParseLedger(text, "ledger");
  if (!records.ok()) {
    KIT_CHECK(records.error().code != kitsink::Code::kInternal && records.error().code != kitsink::Code::kIo);
    KIT_CHECK(records.error().message.starts_with("ledger:"));
    return 0;
  }
  std::string again;
  for (const kitsink::LedgerRecord& record : records.value()) again += kitsink::FormatLedgerRecord(record) + "\n";
  const auto reread = kitsink::ParseLedger(again, "ledger");
  KIT_CHECK(reread.ok() && reread.value().size() == records.value().size());
  KIT_CHECK(kitsink::FormatLedger(reread.value()) == kitsink::FormatLedger(records.value()));
  KIT_CHECK(!kitsink::FormatLedgerJson(records.value()).empty());
  kitsink::FormatVerdict(records.value());
  return 0;
}
