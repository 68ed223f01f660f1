// The configuration of SoftHSM for tokens in a home of ours.
// May touch: base. Called by: app.
#pragma once

#include <filesystem>
#include <string>

namespace poolkey::app {

/// A softhsm2.conf for the tokens in HOME/tokens, with a positive list of mechanisms: what is not
/// on it cannot be used for an attack either. Written where it is missing; gives its path.
std::filesystem::path ensure_softhsm_conf(const std::filesystem::path& home);

/// The text of a softhsm2.conf with its tokens in another folder; everything else stays.
std::string with_token_folder(const std::string& softhsm_conf, const std::filesystem::path& tokens);

}  // namespace poolkey::app
