// Several attributes of one object, read together: each call costs a module a look at the object,
// and SoftHSM reads its file. May touch: base. Called by: provider.
#pragma once

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "hsm/token.h"

namespace poolkey::hsm {

class Attributes {
 public:
  /// One call, however many are asked for; where that is not enough two, the sizes and then the
  /// values. Throws as read_bytes().
  Attributes(Session& session, CK_OBJECT_HANDLE object, std::span<const CK_ATTRIBUTE_TYPE> types);

  /// Null where the object does not have it or will not give it, or where it was not asked for.
  const Bytes* find(CK_ATTRIBUTE_TYPE type) const;
  /// Empty where it was not told.
  Bytes bytes(CK_ATTRIBUTE_TYPE type) const;
  std::optional<CK_ULONG> number(CK_ATTRIBUTE_TYPE type) const;

 private:
  bool read_at_once(Session& session, CK_OBJECT_HANDLE object,
                    std::span<const CK_ATTRIBUTE_TYPE> types);
  void read_by_sizes(Session& session, CK_OBJECT_HANDLE object,
                     std::span<const CK_ATTRIBUTE_TYPE> types);

  std::vector<std::pair<CK_ATTRIBUTE_TYPE, Bytes>> told_;
};

/// One call for the CK_BBOOLs of an object, whose size is known: false where one of them is told to
/// be. Throws as read_bytes().
bool none_is_false(Session& session, CK_OBJECT_HANDLE object,
                   std::span<const CK_ATTRIBUTE_TYPE> types);

}  // namespace poolkey::hsm
