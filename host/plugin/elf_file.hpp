// ELF file: bounds-checked reading of a shared object that nobody has vouched for.
//
// Reads what the dynamic linker will read (program headers and what they lead to), not the section
// headers, which a file may lack or lie in. Every offset is checked against the file and every address
// against the loaded segments before it is followed; pread rather than mmap, so that a file that
// shrinks meanwhile is an error and not a SIGBUS.
#pragma once

#include <elf.h>
#include <link.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tau::host {

/// One symbol of the dynamic symbol table. The name points into the ElfFile's string table.
struct ElfSymbol {
  std::string_view name;
  unsigned binding = 0;  // STB_*
  bool defined = false;
};

/// A checked view of an open file; the descriptor stays the caller's and is not kept.
class ElfFile {
 public:
  ElfFile() = default;
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  /// Reads `fd`. Returns what is wrong with the file, in words that follow "it"; empty when it is a
  /// whole shared object for this machine.
  std::string read(int fd);

  const std::vector<ElfW(Phdr)>& segments() const { return segments_; }
  const std::vector<ElfW(Dyn)>& dynamic() const { return dynamic_; }
  const std::vector<ElfSymbol>& symbols() const { return symbols_; }
  /// Texts of the notes whose owner is `tau` and whose type is `type`, trailing zeros removed.
  std::vector<std::string> notes(std::uint32_t type) const;

  /// Value of the first dynamic entry `tag`; false when there is none.
  bool find(ElfW(Sxword) tag, std::uint64_t* value) const;
  /// A text of the dynamic string table; null data when `offset` lies outside.
  std::string_view text(std::uint64_t offset) const;

 private:
  bool read_at(std::uint64_t offset, std::uint64_t size, void* out) const;
  /// Reads from the address that the loaded module would have, relative to its base.
  bool read_address(std::uint64_t address, std::uint64_t size, void* out) const;

  std::string read_header();
  std::string read_segments();
  std::string read_dynamic();
  std::string read_symbols();
  std::string read_notes();
  bool count_symbols(std::uint64_t* count) const;

  int fd_ = -1;
  std::uint64_t size_ = 0;
  ElfW(Ehdr) header_{};
  std::vector<ElfW(Phdr)> segments_;
  std::vector<ElfW(Dyn)> dynamic_;
  std::vector<char> strings_;
  std::vector<ElfSymbol> symbols_;
  struct Note {
    std::uint32_t type;
    std::string text;
  };
  std::vector<Note> notes_;
};

}  // namespace tau::host
