package vm

// The kernel inside a bzImage.
//
// Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length. qemu boots the
// uncompressed ELF file through its PVH entry. Then the guest does not have to decompress anything,
// which takes most of a second under TCG.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
)

// decompressors are the programs for the formats in which kernels are packed.
var decompressors = []struct {
	magic   string
	program []string
}{
	{"\x28\xb5\x2f\xfd", []string{"zstd", "-dc"}},
	{"\x02\x21\x4c\x18", []string{"lz4", "-dc"}},
	{"\x1f\x8b", []string{"gzip", "-dc"}},
	{"\xfd7zXZ\x00", []string{"xz", "-dc"}},
}

// bootable returns the file for qemu to boot: the unpacked kernel, which is kept in the file
// unpacked, or the image itself if this machine cannot unpack it.
func bootable(image, unpacked string) (string, error) {
	if _, err := os.Stat(unpacked); err == nil {
		return unpacked, nil
	}
	b, err := os.ReadFile(image)
	if err != nil {
		return "", err
	}
	payload := bzPayload(b)
	for _, d := range decompressors {
		if !bytes.HasPrefix(payload, []byte(d.magic)) {
			continue
		}
		if _, err := exec.LookPath(d.program[0]); err != nil {
			return image, nil
		}
		c := exec.Command(d.program[0], d.program[1:]...)
		c.Stdin = bytes.NewReader(payload)
		// After the payload comes its size, about which the program complains.
		out, err := c.Output()
		if !bytes.HasPrefix(out, []byte("\x7fELF")) {
			return "", fmt.Errorf("%s on the kernel in %s did not write an ELF file: %v", d.program[0], image, err)
		}
		if err := os.WriteFile(unpacked+".part", out, 0o644); err != nil {
			return "", err
		}
		return unpacked, os.Rename(unpacked+".part", unpacked)
	}
	return image, nil // arm64's is not packed
}

// bzPayload returns the packed kernel in a bzImage, or nil for another kind of image.
func bzPayload(b []byte) []byte {
	if len(b) < 0x250 || string(b[0x202:0x206]) != "HdrS" || binary.LittleEndian.Uint16(b[0x206:]) < 0x208 {
		return nil
	}
	start := (uint64(b[0x1f1])+1)*512 + uint64(binary.LittleEndian.Uint32(b[0x248:]))
	end := start + uint64(binary.LittleEndian.Uint32(b[0x24c:]))
	if end > uint64(len(b)) {
		return nil
	}
	return b[start:end]
}
