// Rules on the subject: which parts it has, in which order, and how they are written.
#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "requests/fqdn.h"
#include "requests/lint/rule.h"
#include "requests/registry.h"

namespace poolkey::requests {
namespace {

using enum Level;
using crypto::NameAttribute;
using crypto::StringKind;

/// The parts that a public certificate may have, in the order of BR 7.1.4.2.
struct Part {
  std::string_view oid;
  std::string_view name;
  bool may_repeat = false;
};
constexpr std::array kParts{Part{"0.9.2342.19200300.100.1.25", "DC", true}, Part{"2.5.4.6", "C"},
                            Part{"2.5.4.8", "ST"}, Part{"2.5.4.7", "L"},
                            Part{"2.5.4.17", "postalCode"}, Part{"2.5.4.9", "street", true},
                            Part{"2.5.4.10", "O"}, Part{"2.5.4.4", "SN"}, Part{"2.5.4.42", "GN"},
                            // These two have rules of their own.
                            Part{"2.5.4.11", "OU", true}, Part{"2.5.4.3", "CN", true}};
constexpr std::string_view kCountryOid = kParts[1].oid, kDomainOid = kParts[0].oid;

const Part* part_of(const NameAttribute& attribute) {
  const auto* found = std::ranges::find(kParts, attribute.oid, &Part::oid);
  return found == kParts.end() ? nullptr : found;
}

std::string named(const NameAttribute& attribute) {
  const Part* part = part_of(attribute);
  return (part != nullptr ? std::string(part->name) : attribute.oid) + "=" + attribute.value;
}

template <class Predicate>
Offences attributes_where(const LintInput& in, Predicate bad) {
  Offences out;
  for (const NameAttribute& a : in.content.attributes)
    if (bad(a)) out.push_back(named(a));
  return out;
}

Offences unit(const LintInput& in) { return in.content.organizational_units; }

Offences country(const LintInput& in) {
  return attributes_where(
      in, [](const NameAttribute& a) { return a.oid == kCountryOid && !is_country(a.value); });
}

/// What stands where nothing is known, or where nobody changed the example.
Offences filler(const LintInput& in) {
  constexpr std::array<std::string_view, 12> kWords{
      "n/a",     "na",           "none",         "null",
      "unknown", "unspecified",  "some-state",   "internet widgits pty ltd",
      "default", "default city", "not provided", "default company ltd"};
  return attributes_where(in, [&](const NameAttribute& a) {
    return a.value.find_first_not_of(" -._*?/") == std::string::npos ||
           std::ranges::find(kWords, lower_case(a.value)) != kWords.end();
  });
}

Offences outer_blanks(const LintInput& in) {
  return attributes_where(in, [](const NameAttribute& a) {
    return a.value.starts_with(' ') || a.value.ends_with(' ');
  });
}

Offences order(const LintInput& in) {
  const Part* highest = kParts.data();
  return attributes_where(in, [&](const NameAttribute& a) {
    const Part* part = part_of(a);
    if (part == nullptr) return false;
    const bool late = part < highest;
    highest = std::max(highest, part);
    return late;
  });
}

Offences twice(const LintInput& in) {
  std::set<std::string_view> seen;
  return attributes_where(in, [&](const NameAttribute& a) {
    const Part* part = part_of(a);
    const bool may_repeat = part != nullptr && part->may_repeat;
    return !may_repeat && !seen.insert(a.oid).second;
  });
}

Offences several_in_one(const LintInput& in) {
  int last = -1;
  return attributes_where(
      in, [&](const NameAttribute& a) { return std::exchange(last, a.rdn) == a.rdn; });
}

Offences encoding(const LintInput& in) {
  return attributes_where(in, [](const NameAttribute& a) {
    if (a.oid == kCountryOid) return a.kind != StringKind::kPrintable;
    if (a.oid == kDomainOid) return a.kind != StringKind::kIa5;
    return part_of(a) != nullptr && a.kind != StringKind::kPrintable && a.kind != StringKind::kUtf8;
  });
}

Offences foreign(const LintInput& in) {
  return attributes_where(in, [](const NameAttribute& a) { return part_of(a) == nullptr; });
}

Offences organization_alone(const LintInput& in) {
  const crypto::DistinguishedName& name = in.content.name;
  const bool is_placed = !name.country.empty() && !(name.state.empty() && name.locality.empty());
  return name.organization.empty() || is_placed ? Offences{} : Offences{name.organization};
}

constexpr std::array kRules{
    Rule{"subject.ou", kError, kOff, kOff, "the subject has an organizational unit",
         "leave OU out for a public CA", "BR 7.1.2.7.4", unit},
    Rule{"subject.country", kError, kWarn, kWarn, "the country is no code of ISO 3166-1",
         "write the two capitals, such as US", "BR 7.1.4.2", country},
    Rule{"subject.filler", kError, kOff, kWarn, "a part of the subject says nothing",
         "leave the part out", "BR 7.1.4.2", filler},
    Rule{"subject.blank", kWarn, kOff, kWarn, "a part of the subject begins or ends with a blank",
         "leave the blank out", "BR 7.1.4.2", outer_blanks},
    Rule{"subject.order", kWarn, kOff, kOff, "a part of the subject stands too late",
         "write DC, C, ST, L, postalCode, street, O, SN, GN, OU, CN, in this order", "BR 7.1.4.2",
         order},
    Rule{"subject.twice", kError, kOff, kWarn, "the subject has a part twice", "leave one",
         "BR 7.1.4.1", twice},
    Rule{"subject.several-in-one", kError, kOff, kWarn,
         "a part of the subject shares an RDN with another", "write each part as an RDN of its own",
         "BR 7.1.4.1", several_in_one},
    Rule{"subject.encoding", kError, kOff, kWarn,
         "a part of the subject is written in another kind of string than it must be",
         "write C as PrintableString, the others as UTF8String", "BR 7.1.4.2", encoding},
    Rule{"subject.foreign", kWarn, kOff, kOff,
         "the subject has a part that public certificates do not have", "leave it out",
         "BR 7.1.2.7.2, 7.1.2.7.4", foreign},
    Rule{"subject.organization-alone", kWarn, kOff, kOff,
         "the subject has an organization, but not its country and its state or locality",
         "add C and ST or L, or leave O out", "BR 7.1.2.7.4", organization_alone},
};

}  // namespace

std::span<const Rule> subject_rules() { return kRules; }

}  // namespace poolkey::requests
