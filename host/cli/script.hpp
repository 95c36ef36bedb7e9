// Scripts: a line a command, for tests and for trying things out. This file reads them; to
// carry them out is another's matter.
//
//   # two plugins, one after the other
//   load plugins/example-plugin
//   send example-plugin '{"greeting": "hello"}'
//   sleep 50ms
//   unload example-plugin
//   assert_unmapped example-plugin
//
// Words are parted by blanks. "..." knows \" \\ \n \t, '...' is taken as it stands; # starts a comment where
// a word could start.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace tau::host {

enum class ScriptVerb {
  load,                // PATH: compile if it is a source tree, load, initialise
  unload,              // NAME
  reload,              // NAME
  send,                // NAME [PAYLOAD]: one message; PAYLOAD is JSON, or a text; null if left out
  sleep,               // DURATION: the loop runs on meanwhile
  drive,               // [LIMIT]: runs the loop until no plugin has live work, at most so long
  assert_resource,     // NAME: somebody has put it
  assert_no_resource,  // NAME
  assert_unmapped,     // PATH or NAME: no mapping of such a module is left
  print,               // WORD...
};

struct ScriptCommand {
  ScriptVerb verb;
  std::vector<std::string> arguments;
  int line = 0;  // from 1
  /// Of sleep, and of drive if it was given one; else zero.
  std::chrono::nanoseconds duration{0};
};

struct Script {
  std::vector<ScriptCommand> commands;
  /// "NAME:LINE: what is wrong and what would be right", one for each bad line. Not to be run unless empty.
  std::vector<std::string> errors;
};

/// `name` is the file's, for messages.
Script parse_script(std::string_view text, const std::string& name);

/// As written in scripts: unload, assert_resource ...
std::string_view verb_name(ScriptVerb verb);

}  // namespace tau::host
