package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"

	"resoagent/internal/disk"
)

// The layout of a bbolt file, as its file format (version 2) has it. Numbers
// are in the machine's own byte order.
const (
	pageHeader   = 16 // id, flags, count, overflow
	elementSize  = 16
	metaSize     = 64
	metaMagic    = 0xED0CDAED
	metaVersion  = 2
	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	noFreelist   = ^uint64(0)
	largestPage  = 1 << 24
)

// pages checks the structure of a bbolt file by reading it, never by mapping
// it. bbolt itself trusts its pages: one that was changed can send it outside
// the file or round in circles, in a goroutine of its own where no recover
// reaches, and an element count that shrank would hide values without a word.
// A file that passes can be opened.
type pages struct {
	file io.ReaderAt
	size uint64 // of a page
	high uint64 // the first page that is not in use
	seen map[uint64]bool
	root bool // the page in hand is the root bucket's, which holds buckets alone
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...)
}

// checkFile checks the file at path. The caller holds its lock.
func checkFile(path string) error {
	f, err := disk.OpenOwn(path, os.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("check pages: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("check pages: %w", err)
	}
	return checkPages(f, info.Size())
}

// meta is what a meta page says.
type meta struct{ pageSize, root, freelist, high, txid uint64 }

// readMeta reads the meta page at an offset. A bbolt file begins with zeros,
// so one that begins otherwise is no damaged file, but something else.
func readMeta(file io.ReaderAt, at int64) (meta, error) {
	b := make([]byte, pageHeader+metaSize)
	n, err := file.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return meta{}, fmt.Errorf("check pages: %w", err)
	}
	if at == 0 && n > 0 && !bytes.Equal(b[:min(n, 8)], make([]byte, min(n, 8))) {
		return meta{}, ErrNotOurs
	}
	if n < len(b) {
		return meta{}, damaged("the file ends in its head, at byte %d", at+int64(n))
	}
	b = b[pageHeader:]
	sum := fnv.New64a()
	_, _ = sum.Write(b[:metaSize-8])
	switch {
	case u32(b) != metaMagic, u64(b[56:]) != sum.Sum64():
		return meta{}, damaged("the meta page at byte %d", at)
	case u32(b[4:]) != metaVersion:
		return meta{}, ErrNotOurs
	}
	return meta{uint64(u32(b[8:])), u64(b[16:]), u64(b[32:]), u64(b[40:]), u64(b[48:])}, nil
}

func checkPages(file io.ReaderAt, size int64) error {
	if size == 0 {
		return damaged("the file is empty")
	}
	first, err := readMeta(file, 0)
	if err != nil {
		return err
	}
	if first.pageSize < 512 || first.pageSize > largestPage {
		return damaged("pages of %d bytes", first.pageSize)
	}
	// Both must be good, although bbolt goes on with one: the other would be the
	// state before the last commit, and nobody would know.
	m, err := readMeta(file, int64(first.pageSize))
	if err != nil {
		return err
	}
	if first.txid > m.txid {
		m = first
	}
	if m.high > uint64(size)/m.pageSize { //nolint:gosec // a file's size is not negative
		return damaged("the file ends at byte %d, and %d pages are in use", size, m.high)
	}
	p := &pages{file: file, size: m.pageSize, high: m.high, seen: map[uint64]bool{0: true, 1: true}, root: true}
	if err := p.tree(m.root, nil, nil); err != nil {
		return err
	}
	if m.freelist == noFreelist {
		return nil
	}
	return p.free(m.freelist)
}

// page reads a page with what overflows it, and takes note of both.
func (p *pages) page(id uint64) ([]byte, error) {
	header := make([]byte, pageHeader)
	if id < 2 || id >= p.high {
		return nil, damaged("page %d is out of bounds", id)
	}
	if _, err := p.file.ReadAt(header, int64(id*p.size)); err != nil { //nolint:gosec // inside the file
		return nil, damaged("page %d: %w", id, err)
	}
	n := uint64(u32(header[12:])) + 1
	if u64(header) != id || n > p.high-id {
		return nil, damaged("the head of page %d", id)
	}
	for i := range n {
		if p.seen[id+i] {
			return nil, damaged("page %d is in use twice", id+i)
		}
		p.seen[id+i] = true
	}
	b := make([]byte, n*p.size)
	if _, err := p.file.ReadAt(b, int64(id*p.size)); err != nil { //nolint:gosec // inside the file
		return nil, damaged("page %d: %w", id, err)
	}
	return b, nil
}

// tree checks a page and what hangs on it. Its keys are from low on and below
// high, where these are set.
func (p *pages) tree(id uint64, low, high []byte) error {
	b, err := p.page(id)
	if err != nil {
		return err
	}
	switch kind := binary.NativeEndian.Uint16(b[8:]); kind {
	case flagLeaf:
		return p.leaf(id, b, low, high)
	case flagBranch:
		return p.branch(id, b, low, high)
	default:
		return damaged("page %d is of no kind: %#x", id, kind)
	}
}

// elements calls fn for each element of a page. The data lie one behind the
// other, in the order of the elements: so a changed count, position or length
// shows.
func elements(id uint64, b, low, high []byte, length func(e []byte) (key, value uint64), fn func(e, key, value []byte) error) error {
	n := uint64(binary.NativeEndian.Uint16(b[10:]))
	next := pageHeader + n*elementSize
	if next > uint64(len(b)) {
		return damaged("page %d holds no %d elements", id, n)
	}
	var before []byte
	for i := range n {
		at := pageHeader + i*elementSize
		e := b[at : at+elementSize]
		key, value := length(e)
		pos := uint64(u32(e[elementPos(b):]))
		if at+pos != next || key == 0 || next+key+value > uint64(len(b)) {
			return damaged("element %d of page %d", i, id)
		}
		k := b[next : next+key]
		if before != nil && bytes.Compare(before, k) >= 0 || low != nil && bytes.Compare(k, low) < 0 ||
			high != nil && bytes.Compare(k, high) >= 0 {
			return damaged("the order of page %d", id)
		}
		if err := fn(e, k, b[next+key:next+key+value]); err != nil {
			return err
		}
		before, next = k, next+key+value
	}
	return nil
}

// elementPos is where an element has its position: behind a leaf's flags.
func elementPos(b []byte) int {
	if binary.NativeEndian.Uint16(b[8:]) == flagLeaf {
		return 4
	}
	return 0
}

func (p *pages) leaf(id uint64, b, low, high []byte) error {
	root := p.root
	p.root = false
	length := func(e []byte) (uint64, uint64) { return uint64(u32(e[8:])), uint64(u32(e[12:])) }
	return elements(id, b, low, high, length, func(e, key, value []byte) error {
		switch flags := u32(e); {
		case flags > 1, root && flags == 0:
			return damaged("the flags of %q on page %d", key, id)
		case flags == 0:
			return nil
		case len(value) < 16:
			return damaged("the bucket %q on page %d", key, id)
		case u64(value) != 0:
			return p.tree(u64(value), nil, nil)
		case len(value) < 16+pageHeader || binary.NativeEndian.Uint16(value[24:]) != flagLeaf:
			return damaged("the bucket %q on page %d", key, id)
		}
		return p.leaf(id, value[16:], nil, nil)
	})
}

func (p *pages) branch(id uint64, b, low, high []byte) error {
	type child struct {
		key  []byte
		page uint64
	}
	var children []child
	length := func(e []byte) (uint64, uint64) { return uint64(u32(e[4:])), 0 }
	err := elements(id, b, low, high, length, func(e, key, _ []byte) error {
		children = append(children, child{key, u64(e[8:])})
		return nil
	})
	if err != nil {
		return err
	}
	if len(children) == 0 {
		return damaged("the branch page %d is empty", id)
	}
	root := p.root
	for i, c := range children {
		end := high
		if i+1 < len(children) {
			end = children[i+1].key
		}
		p.root = root
		if err := p.tree(c.page, c.key, end); err != nil {
			return err
		}
	}
	return nil
}

// free checks the list of free pages: bbolt would write over a page that it
// names wrongly.
func (p *pages) free(id uint64) error {
	b, err := p.page(id)
	if err != nil {
		return err
	}
	n, list := uint64(binary.NativeEndian.Uint16(b[10:])), b[pageHeader:]
	if n == 0xFFFF {
		n, list = u64(list), list[8:]
	}
	if binary.NativeEndian.Uint16(b[8:]) != flagFreelist || n > uint64(len(list)/8) {
		return damaged("the list of free pages on page %d", id)
	}
	for i := range n {
		free := u64(list[i*8:])
		if free >= p.high || p.seen[free] {
			return damaged("page %d is in use and free", free)
		}
		p.seen[free] = true
	}
	return nil
}

func u32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }
func u64(b []byte) uint64 { return binary.NativeEndian.Uint64(b) }
