// What a process that died within a create leaves in a token: an object without name and value.
// May touch: base. Called by: app, where the journal says that a step was interrupted.
#pragma once

#include <cstddef>

#include "hsm/token.h"

namespace poolkey::hsm {

/// Destroys the objects that have neither a label nor an id nor anything of a key, a certificate
/// or a value in them, and returns how many there were. Such an object is nobody's: SoftHSM writes
/// an object's file attribute by attribute, the values last, and a process killed in between leaves
/// the rest. Session objects are left alone by calling this before any is made. Takes the writing
/// lock.
std::size_t remove_husks(Token& token);

}  // namespace poolkey::hsm
