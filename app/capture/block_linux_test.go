package capture

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A testFrame is a frame header of a block, as the kernel writes it, or not quite.
type testFrame struct {
	step, snaplen, status uint32
	mac                   uint16
}

// newBlock writes a block of 4,096 bytes with frames at 48, 304, 560 ..., all with this headroom.
func newBlock(count uint32, frames ...testFrame) []byte {
	memory := make([]byte, 4096)
	binary.NativeEndian.PutUint32(memory[12:], count)
	binary.NativeEndian.PutUint32(memory[16:], blockHeader)
	for i, f := range frames {
		h := memory[blockHeader+i*256:]
		binary.NativeEndian.PutUint32(h, f.step)
		binary.NativeEndian.PutUint32(h[12:], f.snaplen)
		binary.NativeEndian.PutUint32(h[16:], f.snaplen) // length on the wire
		binary.NativeEndian.PutUint32(h[20:], f.status)
		binary.NativeEndian.PutUint16(h[24:], f.mac)
		binary.NativeEndian.PutUint16(h[56:], unix.ARPHRD_ETHER)
	}
	return memory
}

func TestBlock_Read(t *testing.T) {
	const user = unix.TP_STATUS_USER
	good := testFrame{256, 100, user, 92}
	last := testFrame{0, 100, user, 92}
	tests := []struct {
		name   string
		memory []byte
		frames int
		broken int
	}{
		{"whole frames", newBlock(3, good, good, last), 3, 0},
		{"a tag that the kernel removed", newBlock(1, testFrame{0, 100, user | unix.TP_STATUS_VLAN_VALID, 92}), 1, 0},
		{"unfinished first", newBlock(2, testFrame{256, 9999, 0, 9999}, last), 1, 0},
		{"unfinished in the middle, with a tag", newBlock(3, good, testFrame{256, 9999, unix.TP_STATUS_VLAN_VALID, 1}, last), 2, 0},
		{"unfinished last", newBlock(2, good, testFrame{0, 9999, 0, 9999}), 1, 0},
		{"data reach into the next frame", newBlock(2, testFrame{256, 165, user, 92}, last), 1, 1},
		{"data end at the next frame", newBlock(2, testFrame{256, 164, user, 92}, last), 2, 0},
		{"data reach behind the block", newBlock(1, testFrame{0, 4096 - 48 - 92 + 1, user, 92}), 0, 1},
		{"data end at the end of the block", newBlock(1, testFrame{0, 4096 - 48 - 92, user, 92}), 1, 0},
		{"data begin in the header", newBlock(1, testFrame{0, 10, user, 57}), 0, 1},
		{"no data, at the end of the block", newBlock(1, testFrame{0, 0, user, 4096 - 48}), 0, 1},
		{"data begin behind the block", newBlock(1, testFrame{0, 0, user, 65535}), 0, 1},
		{"the largest data", newBlock(1, testFrame{0, 0xffffffff, user, 92}), 0, 1},
		{"no way to the next frame", newBlock(3, good, testFrame{0, 100, user, 92}, last), 1, 2},
		{"next frame behind the block", newBlock(2, testFrame{4096, 100, user, 92}), 1, 1},
		{"next frame far behind the block", newBlock(2, testFrame{0xfffffff8, 100, user, 92}), 1, 1},
		{"next frame not aligned", newBlock(2, testFrame{255, 100, user, 92}), 1, 1},
		{"no frames", newBlock(0), 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := openBlock(tt.memory)
			batch := make([]Frame, 8)
			if frames, broken := b.read(batch, vnetHeader, unix.ARPHRD_ETHER, linkEthernet); frames != tt.frames || broken != tt.broken {
				t.Errorf("got %d frames and %d broken ones, want %d and %d", frames, broken, tt.frames, tt.broken)
			}
			if b.left != 0 {
				t.Errorf("%d frames are left", b.left)
			}
		})
	}
}

func TestBlock_ReadTag(t *testing.T) {
	b := openBlock(newBlock(1, testFrame{0, 100, unix.TP_STATUS_USER | unix.TP_STATUS_VLAN_VALID, 92}))
	batch := make([]Frame, 1)
	n, _ := b.read(batch, vnetHeader, unix.ARPHRD_ETHER, linkEthernet)
	if f := batch[0]; n != 1 || f.Wire != 104 || f.Tag != 4 || len(f.Data) != 100 || f.Link != linkEthernet {
		t.Errorf("%d frames, %d bytes, tag of %d, %d stored, link type %d", n, f.Wire, f.Tag, len(f.Data), f.Link)
	}
}

// readAll reads a block to its end and checks that every frame lies in it.
func readAll(t *testing.T, memory []byte, headroom int) {
	t.Helper()
	b := openBlock(memory)
	batch := make([]Frame, 3)
	for b.left > 0 {
		left := b.left
		n, broken := b.read(batch, headroom, unix.ARPHRD_ETHER, linkEthernet)
		for _, f := range batch[:n] {
			at := uintptr(unsafe.Pointer(unsafe.SliceData(f.Data))) - uintptr(unsafe.Pointer(&memory[0]))
			if at < uintptr(blockHeader+frameHeader+headroom) || at > uintptr(len(memory)) || len(f.Data) > len(memory)-int(at) {
				t.Fatalf("a frame of %d bytes at %d of a block of %d", len(f.Data), at, len(memory))
			}
		}
		if b.left >= left || n+broken > left-b.left {
			t.Fatalf("%d frames and %d broken ones; %d are left of %d", n, broken, b.left, left)
		}
	}
}

// Random blocks: mostly small numbers, as these lead from frame to frame.
func TestBlock_ReadRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	memory := make([]byte, 512)
	for range randomBlocks {
		for at := 0; at < len(memory); at += 8 {
			v := random.Uint64()
			if v%4 != 0 {
				v = v>>8%320&^7 | v>>20%300<<32
			}
			binary.NativeEndian.PutUint64(memory[at:], v)
		}
		binary.NativeEndian.PutUint32(memory[12:], random.Uint32N(8))
		binary.NativeEndian.PutUint32(memory[16:], blockHeader+8*random.Uint32N(8))
		readAll(t, memory, vnetHeader*int(random.Uint32N(2)))
	}
}

// randomBlocks takes half a second.
const randomBlocks = 300_000

func BenchmarkBlock_Read(b *testing.B) {
	good := testFrame{256, 96, unix.TP_STATUS_USER, 92}
	memory := newBlock(15, good, good, good, good, good, good, good, good, good, good, good, good, good, good, good)
	b.ReportAllocs()
	batch := make([]Frame, 8)
	for b.Loop() {
		for block := openBlock(memory); block.left > 0; {
			if _, broken := block.read(batch, vnetHeader, unix.ARPHRD_ETHER, linkEthernet); broken > 0 {
				b.Fatal("broken")
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/15, "ns/frame")
}

func FuzzBlock(f *testing.F) {
	f.Add(newBlock(2, testFrame{256, 100, unix.TP_STATUS_USER, 92}, testFrame{0, 100, unix.TP_STATUS_USER, 92}), true)
	f.Add(newBlock(2, testFrame{256, 9999, 0, 9999}, testFrame{0, 100, unix.TP_STATUS_USER, 92}), false)
	f.Fuzz(func(t *testing.T, data []byte, vnet bool) {
		headroom := 0
		if vnet {
			headroom = vnetHeader
		}
		memory := make([]byte, max(len(data), 256))
		copy(memory, data)
		readAll(t, memory, headroom)
	})
}
