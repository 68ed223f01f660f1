// The templates that follow from a policy, and the explanation of each attribute.
#include "policy/attributes.h"

#include <set>

#include "sample.h"
#include "tests/support/matchers.h"

namespace poolkey::policy::test {
namespace {

using poolkey::test::ThrowsErrc;
using Mechanisms = std::vector<std::string>;

AttributeValue value_of(const AttributeSet& set, const std::string& name) {
  for (const auto& attribute : set)
    if (attribute.name == name) return attribute.value;
  ADD_FAILURE() << "no " << name;
  return false;
}

TEST(AttributesTest, OriginOfAnExportableKeyIsWrappableUnderTrustedKeysOnly) {
  EXPECT_EQ(
      origin_private(sample()),
      (AttributeSet{{"CKA_PRIVATE", true},
                    {"CKA_SENSITIVE", true},
                    {"CKA_EXTRACTABLE", true},
                    {"CKA_WRAP_WITH_TRUSTED", true},
                    {"CKA_SIGN", true},
                    {"CKA_SIGN_RECOVER", false},
                    {"CKA_DECRYPT", false},
                    {"CKA_UNWRAP", false},
                    {"CKA_DERIVE", false},
                    {"CKA_ALLOWED_MECHANISMS", Mechanisms{"CKM_RSA_PKCS", "CKM_RSA_PKCS_PSS"}},
                    {"CKA_COPYABLE", true},
                    {"CKA_MODIFIABLE", true}}));
  EXPECT_EQ(origin_public(sample()), (AttributeSet{{"CKA_PRIVATE", false},
                                                   {"CKA_VERIFY", true},
                                                   {"CKA_VERIFY_RECOVER", false},
                                                   {"CKA_ENCRYPT", false},
                                                   {"CKA_WRAP", false},
                                                   {"CKA_DERIVE", false},
                                                   {"CKA_COPYABLE", true},
                                                   {"CKA_MODIFIABLE", true}}));
}

TEST(AttributesTest, ReplicaDiffersFromTheOriginInExtractableOnly) {
  AttributeSet expected = origin_private(sample());
  expected.at(2) = {"CKA_EXTRACTABLE", false};
  EXPECT_EQ(replica_private(sample()), expected);
  EXPECT_EQ(replica_public(sample()), origin_public(sample()));
}

TEST(AttributesTest, ReplicaThatMayBeHandedOnStillNeedsATrustedWrappingKey) {
  const AttributeSet set = replica_private(sample_with("re_export = false", "re_export = true"));
  EXPECT_EQ(value_of(set, "CKA_EXTRACTABLE"), AttributeValue(true));
  EXPECT_EQ(value_of(set, "CKA_WRAP_WITH_TRUSTED"), AttributeValue(true));
}

TEST(AttributesTest, TokenObjectOfAnUnexportedKeyIsClosedOnEverySide) {
  const Policy policy = parse_policy(unexported_text(), kFile);
  const AttributeSet set = origin_private(policy);
  EXPECT_EQ(value_of(set, "CKA_EXTRACTABLE"), AttributeValue(false));
  EXPECT_EQ(value_of(set, "CKA_WRAP_WITH_TRUSTED"), AttributeValue(true));
  EXPECT_EQ(value_of(set, "CKA_COPYABLE"), AttributeValue(false));
  EXPECT_EQ(value_of(set, "CKA_MODIFIABLE"), AttributeValue(false));
  EXPECT_EQ(value_of(set, "CKA_ALLOWED_MECHANISMS"), AttributeValue(Mechanisms{"CKM_ECDSA"}));
}

TEST(AttributesTest, UnexportedKeyHasNoReplica) {
  const Policy policy = parse_policy(unexported_text(), kFile);
  EXPECT_THAT([&] { replica_private(policy); }, ThrowsErrc(Errc::kInternal));
  EXPECT_THAT([&] { replica_public(policy); }, ThrowsErrc(Errc::kInternal));
}

TEST(AttributesTest, DecryptionAndDerivationAreGrantedByTheirUsageAlone) {
  const Policy decrypts = sample_with("\"proof\"]", "\"proof\", \"decrypt\"]");
  EXPECT_EQ(value_of(origin_private(decrypts), "CKA_DECRYPT"), AttributeValue(true));
  EXPECT_EQ(value_of(origin_public(decrypts), "CKA_ENCRYPT"), AttributeValue(true));
  EXPECT_EQ(value_of(origin_private(decrypts), "CKA_ALLOWED_MECHANISMS"),
            AttributeValue(Mechanisms{"CKM_RSA_PKCS", "CKM_RSA_PKCS_PSS", "CKM_RSA_PKCS_OAEP"}));

  const Policy derives =
      parse_policy(with(with(unexported_text(), "[\"tls\", \"csr\", \"proof\"]", "[\"derive\"]"),
                        "\"internal\", \"public\"", "\"internal\""),
                   kFile);
  EXPECT_EQ(value_of(origin_private(derives), "CKA_SIGN"), AttributeValue(false));
  EXPECT_EQ(value_of(origin_private(derives), "CKA_DERIVE"), AttributeValue(true));
  EXPECT_EQ(value_of(origin_private(derives), "CKA_ALLOWED_MECHANISMS"),
            AttributeValue(Mechanisms{"CKM_ECDH1_DERIVE"}));
  EXPECT_EQ(value_of(origin_public(derives), "CKA_VERIFY"), AttributeValue(false));
}

// SoftHSMv2 #707: C_UnwrapKey refuses every attribute after CKA_MODIFIABLE=FALSE.
TEST(AttributesTest, ModifiableIsLastOnEverySide) {
  const Policy policy = sample_with("session-copy", "token-object");
  for (const AttributeSet& set : {origin_private(policy), origin_public(policy),
                                  replica_private(policy), replica_public(policy)})
    EXPECT_EQ(set.back(), (NamedAttribute{"CKA_MODIFIABLE", false}));
}

AttributeSet explained(const Policy& policy, Side side) {
  AttributeSet out;
  for (const auto& row : explain(policy))
    if (row.side == side) out.push_back(row.attribute);
  return out;
}

TEST(ExplainTest, CoversEveryAttributeOfEverySide) {
  const Policy policy = sample();
  EXPECT_EQ(explained(policy, Side::kOriginPrivate), origin_private(policy));
  EXPECT_EQ(explained(policy, Side::kOriginPublic), origin_public(policy));
  EXPECT_EQ(explained(policy, Side::kReplicaPrivate), replica_private(policy));
  EXPECT_EQ(explained(policy, Side::kReplicaPublic), replica_public(policy));
}

TEST(ExplainTest, GivesALineAndAReasonOrSaysAlways) {
  for (const auto& row : explain(sample())) {
    SCOPED_TRACE(row.attribute.name);
    EXPECT_FALSE(row.reason.empty());
    EXPECT_EQ(row.key == "always", !row.where.has_value());
    if (row.where) {
      EXPECT_EQ(row.where->file, kFile);
      EXPECT_GT(row.where->line, 0U);
    }
  }
}

TEST(ExplainTest, PointsAtTheLineThatDecides) {
  const auto place = [rows = explain(sample())](Side side, const std::string& name) {
    for (const auto& row : rows)
      if (row.side == side && row.attribute.name == name)
        return row.key + " " + std::to_string(row.where->line) + ":" +
               std::to_string(row.where->column);
    return std::string();
  };
  EXPECT_EQ(place(Side::kOriginPrivate, "CKA_EXTRACTABLE"), "export.mode 12:1");
  EXPECT_EQ(place(Side::kReplicaPrivate, "CKA_EXTRACTABLE"), "export.re_export 16:1");
  EXPECT_EQ(place(Side::kOriginPrivate, "CKA_SIGN"), "key.usages 8:11");    // "tls"
  EXPECT_EQ(place(Side::kOriginPrivate, "CKA_DECRYPT"), "key.usages 8:1");  // not in the list
  EXPECT_EQ(place(Side::kReplicaPublic, "CKA_MODIFIABLE"), "key.signing 9:1");
}

TEST(ExplainTest, LeavesOutReplicasOfAnUnexportedKey) {
  std::set<std::string_view> sides;
  for (const auto& row : explain(parse_policy(unexported_text(), kFile)))
    sides.insert(name(row.side));
  EXPECT_EQ(sides, (std::set<std::string_view>{"origin private", "origin public"}));
}

TEST(ExplainTest, AStandbyHoldsWhatTheOriginHolds) {
  EXPECT_TRUE(explained(sample(), Side::kStandbyPrivate).empty());
  const Policy policy =
      sample_with("re_export = false", "re_export = false\nstandby = [\"spare\"]");
  EXPECT_EQ(explained(policy, Side::kStandbyPrivate), origin_private(policy));
  EXPECT_EQ(standby_private(policy), origin_private(policy));
  EXPECT_EQ(standby_public(policy), explained(policy, Side::kStandbyPublic));
}

}  // namespace
}  // namespace poolkey::policy::test
