// See elf_file.hpp.
#include "elf_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

// The header of the program that this is linked into: the linker defines it. It says which machine,
// class and byte order a module must have, without a list of machines here.
extern "C" __attribute__((visibility("hidden"))) const ElfW(Ehdr) __ehdr_start;

namespace tau::host {
namespace {

constexpr std::uint64_t most_segments = 1024;
constexpr std::uint64_t most_dynamic = 1 << 16;
constexpr std::uint64_t most_symbols = 1 << 22;
constexpr std::uint64_t most_note_bytes = 1 << 20;

const char* const damaged_symbols = "is damaged: its symbol table points outside of the file";

std::string machine_name(unsigned machine) {
  switch (machine) {
    case EM_X86_64: return "x86-64";
    case EM_386: return "i386";
    case EM_AARCH64: return "aarch64";
    case EM_ARM: return "arm";
    case EM_RISCV: return "riscv";
    case EM_PPC64: return "ppc64";
    case EM_S390: return "s390";
    default: return "machine " + std::to_string(machine);
  }
}

std::string class_name(unsigned char elf_class) {
  return elf_class == ELFCLASS64 ? "64-bit" : elf_class == ELFCLASS32 ? "32-bit" : "of unknown class";
}

}  // namespace

bool ElfFile::read_at(std::uint64_t offset, std::uint64_t size, void* out) const {
  if (offset > size_ || size > size_ - offset) return false;
  char* to = static_cast<char*>(out);
  while (size > 0) {
    const ssize_t n = pread(fd_, to, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    to += n;
    offset += static_cast<std::uint64_t>(n);
    size -= static_cast<std::uint64_t>(n);
  }
  return true;
}

bool ElfFile::read_address(std::uint64_t address, std::uint64_t size, void* out) const {
  for (const auto& s : segments_) {
    if (s.p_type != PT_LOAD || address < s.p_vaddr) continue;
    const std::uint64_t inside = address - s.p_vaddr;
    if (inside <= s.p_filesz && size <= s.p_filesz - inside) return read_at(s.p_offset + inside, size, out);
  }
  return false;
}

std::string ElfFile::read(int fd) {
  fd_ = fd;
  struct stat st;
  if (fstat(fd, &st) != 0) return std::string("cannot be read: ") + std::strerror(errno);
  if (!S_ISREG(st.st_mode)) return "is not a regular file";
  size_ = static_cast<std::uint64_t>(st.st_size);
  std::string wrong = read_header();
  if (wrong.empty()) wrong = read_segments();
  if (wrong.empty()) wrong = read_dynamic();
  if (wrong.empty()) wrong = read_symbols();
  if (wrong.empty()) wrong = read_notes();
  fd_ = -1;
  return wrong;
}

std::string ElfFile::read_header() {
  unsigned char ident[EI_NIDENT] = {};
  if (size_ == 0) return "is empty";
  const auto have = std::min<std::uint64_t>(size_, EI_NIDENT);
  if (!read_at(0, have, ident)) return "cannot be read";
  if (std::memcmp(ident, ELFMAG, std::min<std::uint64_t>(have, SELFMAG)) != 0) return "is not an ELF file";
  if (have < EI_NIDENT) return "is truncated within its header";

  const ElfW(Ehdr)& host = __ehdr_start;
  if (ident[EI_CLASS] != host.e_ident[EI_CLASS]) {
    return "is " + class_name(ident[EI_CLASS]) + ", this host is " + class_name(host.e_ident[EI_CLASS]);
  }
  if (ident[EI_DATA] != host.e_ident[EI_DATA]) return "has another byte order than this host";
  if (!read_at(0, sizeof header_, &header_)) return "is truncated within its header";
  if (header_.e_machine != host.e_machine) {
    return "is for " + machine_name(header_.e_machine) + ", this host runs on " + machine_name(host.e_machine);
  }
  switch (header_.e_type) {
    case ET_DYN: break;
    case ET_REL: return "is an object file, not a shared object";
    case ET_EXEC: return "is a program, not a shared object";
    case ET_CORE: return "is a core dump, not a shared object";
    default: return "is not a shared object";
  }
  if (header_.e_version != EV_CURRENT) return "is of an unknown ELF version";
  return {};
}

std::string ElfFile::read_segments() {
  if (header_.e_phentsize != sizeof(ElfW(Phdr)) || header_.e_phnum == 0 || header_.e_phnum > most_segments) {
    return "is damaged: it has no usable program headers";
  }
  segments_.resize(header_.e_phnum);
  if (!read_at(header_.e_phoff, segments_.size() * sizeof segments_[0], segments_.data())) {
    return "is truncated within its program headers";
  }
  for (const auto& s : segments_) {
    if (s.p_type == PT_NULL) continue;
    if (s.p_offset > size_ || s.p_filesz > size_ - s.p_offset) return "is truncated: a segment lies beyond its end";
    if (s.p_type != PT_LOAD) continue;
    if (s.p_filesz > s.p_memsz || s.p_vaddr + s.p_memsz < s.p_vaddr) return "is damaged: a segment is larger than its memory";
  }
  // Nothing is read from the section headers, but they stand at the file's end: when they are cut off,
  // the file was.
  const std::uint64_t sections = std::uint64_t{header_.e_shnum} * header_.e_shentsize;
  if (header_.e_shoff != 0 && (header_.e_shoff > size_ || sections > size_ - header_.e_shoff)) {
    return "is truncated within its section headers";
  }
  return {};
}

std::string ElfFile::read_dynamic() {
  const auto segment = std::find_if(segments_.begin(), segments_.end(),
                                    [](const auto& s) { return s.p_type == PT_DYNAMIC; });
  if (segment == segments_.end()) return "is not a shared object: it has no dynamic section";
  const std::uint64_t count = segment->p_filesz / sizeof(ElfW(Dyn));
  if (count > most_dynamic) return "is damaged: its dynamic section is too large";
  dynamic_.resize(count);
  // By address, since that is where the dynamic linker reads it.
  if (!read_address(segment->p_vaddr, count * sizeof(ElfW(Dyn)), dynamic_.data())) {
    return "is damaged: its dynamic section lies outside of the loaded segments";
  }
  const auto end = std::find_if(dynamic_.begin(), dynamic_.end(), [](const auto& d) { return d.d_tag == DT_NULL; });
  if (end == dynamic_.end()) return "is damaged: its dynamic section has no end";
  dynamic_.erase(end, dynamic_.end());
  return {};
}

bool ElfFile::find(ElfW(Sxword) tag, std::uint64_t* value) const {
  for (const auto& d : dynamic_) {
    if (d.d_tag != tag) continue;
    *value = d.d_un.d_val;
    return true;
  }
  return false;
}

std::string_view ElfFile::text(std::uint64_t offset) const {
  if (offset >= strings_.size()) return {};
  return strings_.data() + offset;  // the table ends in a zero: read_symbols saw to it
}

// The number of symbols stands nowhere: DT_HASH tells it directly, DT_GNU_HASH by its last chain.
bool ElfFile::count_symbols(std::uint64_t* count) const {
  std::uint64_t at = 0;
  if (find(DT_HASH, &at)) {
    std::uint32_t words[2];
    if (!read_address(at, sizeof words, words)) return false;
    *count = words[1];
    return true;
  }
  if (!find(DT_GNU_HASH, &at)) return false;
  std::uint32_t head[4];  // buckets, first symbol, bloom words, shift
  if (!read_address(at, sizeof head, head)) return false;
  if (head[0] > most_symbols || head[2] > most_symbols) return false;
  std::vector<std::uint32_t> buckets(head[0]);
  at += sizeof head + std::uint64_t{head[2]} * sizeof(ElfW(Addr));
  if (!read_address(at, buckets.size() * 4, buckets.data())) return false;
  std::uint64_t last = 0;
  for (std::uint32_t b : buckets) last = std::max<std::uint64_t>(last, b);
  if (last < head[1]) {
    *count = head[1];
    return true;
  }
  at += buckets.size() * 4;
  for (std::uint32_t link = 0; (link & 1) == 0; ++last) {
    if (last > most_symbols || !read_address(at + (last - head[1]) * 4, 4, &link)) return false;
  }
  *count = last;
  return true;
}

std::string ElfFile::read_symbols() {
  std::uint64_t at = 0, size = 0;
  if (!find(DT_STRTAB, &at) || !find(DT_STRSZ, &size) || size == 0 || size > size_) {
    return "is damaged: it has no dynamic string table";
  }
  strings_.resize(size);
  if (!read_address(at, size, strings_.data())) return "is damaged: its string table points outside of the file";
  if (strings_.back() != 0) return "is damaged: its string table has no end";

  std::uint64_t table = 0, count = 0, entry = 0;
  if (!find(DT_SYMTAB, &table) || !count_symbols(&count) || count > most_symbols) return damaged_symbols;
  if (find(DT_SYMENT, &entry) && entry != sizeof(ElfW(Sym))) return damaged_symbols;
  if (count * sizeof(ElfW(Sym)) > size_) return damaged_symbols;
  std::vector<ElfW(Sym)> raw(count);
  if (!read_address(table, count * sizeof(ElfW(Sym)), raw.data())) return damaged_symbols;
  symbols_.reserve(count);
  for (const auto& s : raw) {
    const unsigned binding = s.st_info >> 4;
    if (s.st_name == 0 || binding == STB_LOCAL) continue;
    if (s.st_name >= strings_.size()) return damaged_symbols;
    symbols_.push_back({text(s.st_name), binding, s.st_shndx != SHN_UNDEF});
  }
  return {};
}

std::string ElfFile::read_notes() {
  for (const auto& s : segments_) {
    if (s.p_type != PT_NOTE) continue;
    if (s.p_filesz > most_note_bytes) return "is damaged: its notes are too large";
    std::vector<char> bytes(s.p_filesz);
    if (!read_at(s.p_offset, bytes.size(), bytes.data())) return "is truncated within its notes";
    const std::uint64_t align = s.p_align == 8 ? 8 : 4;
    std::uint64_t at = 0;
    std::uint32_t head[3];  // size of the name, size of the text, type
    while (at + sizeof head <= bytes.size()) {
      std::memcpy(head, &bytes[at], sizeof head);
      const std::uint64_t name = at + sizeof head;
      const std::uint64_t text = (name + head[0] + align - 1) / align * align;
      const std::uint64_t end = text + head[1];
      if (end > bytes.size()) return "is damaged: a note reaches beyond its segment";
      if (head[0] == 4 && std::memcmp(&bytes[name], "tau", 4) == 0) {
        std::string note(bytes.data() + text, head[1]);
        note.erase(note.find_last_not_of('\0') + 1);
        notes_.push_back({head[2], std::move(note)});
      }
      at = (end + align - 1) / align * align;
    }
  }
  return {};
}

std::vector<std::string> ElfFile::notes(std::uint32_t type) const {
  std::vector<std::string> texts;
  for (const Note& note : notes_) {
    if (note.type == type) texts.push_back(note.text);
  }
  return texts;
}

}  // namespace tau::host
