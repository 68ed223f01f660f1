#include "service/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <mutex>

namespace poolkey::service {
namespace {

namespace pm = prometheus;

/// Seconds: from below one signature to beyond a ceremony.
const pm::Histogram::BucketBoundaries& boundaries() {
  static const auto& all = *new pm::Histogram::BucketBoundaries{
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};
  return all;
}

}  // namespace

struct Metrics::Impl {
  mutable pm::Registry registry;
  pm::Family<pm::Counter>& requests = pm::BuildCounter()
                                          .Name("poolkey_http_requests_total")
                                          .Help("Calls answered, by route and status")
                                          .Register(registry);
  pm::Family<pm::Histogram>& latency = pm::BuildHistogram()
                                           .Name("poolkey_http_request_seconds")
                                           .Help("From a call's arrival to its answer")
                                           .Register(registry);
  pm::Family<pm::Counter>& signatures = pm::BuildCounter()
                                            .Name("poolkey_signatures_total")
                                            .Help("Signatures by keys of the origin's token")
                                            .Register(registry);
  std::mutex mutex;
  std::map<std::string, pm::Family<pm::Gauge>*> gauges{};
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::count_call(std::string_view method, std::string_view route, unsigned status,
                         std::chrono::duration<double> took) {
  const std::string name = std::string(method).append(" ").append(route);
  impl_->requests.Add({{"route", name}, {"status", std::to_string(status)}}).Increment();
  impl_->latency.Add({{"route", name}}, boundaries()).Observe(took.count());
}

void Metrics::count_signatures(std::string_view purpose, std::size_t number) {
  impl_->signatures.Add({{"purpose", std::string(purpose)}}).Increment(static_cast<double>(number));
}

void Metrics::set(const std::string& name, const std::string& help, double value,
                  const std::string& label, const std::string& label_value) {
  const std::scoped_lock lock(impl_->mutex);
  auto& family = impl_->gauges[name];
  if (family == nullptr) family = &pm::BuildGauge().Name(name).Help(help).Register(impl_->registry);
  family->Add(label.empty() ? pm::Labels{} : pm::Labels{{label, label_value}}).Set(value);
}

std::string Metrics::text() const {
  return pm::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace poolkey::service
