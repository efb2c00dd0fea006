//go:build ignore

// Writes the archives of a release: DIRECTORY/NAME.tar.gz for each directory DIRECTORY/NAME, and
// SHA256SUMS.
//
// The same files give the same bytes on every machine at any time: names are sorted, all times are
// the given date, owners are 0, modes are 755 and 644, and gzip's header has no name and no time.
// tar(1) and gzip(1) differ between machines. The archives have no entries for directories: tar
// then makes only directories that are missing, and leaves the others alone, so that an archive can
// be unpacked in /usr/local.
//
// Run by `make dist`.
package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"slices"
	"time"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: pack DIRECTORY DATE")
	}
	dir := os.Args[1]
	date, err := time.Parse(time.DateOnly, os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		log.Fatal(err)
	}
	var made []string
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if !e.IsDir() {
			made = append(made, e.Name()) // the list of the modules in a binary
			continue
		}
		if err := pack(dir, e.Name(), date); err != nil {
			log.Fatalf("%s: %v", name, err)
		}
		made = append(made, e.Name()+".tar.gz")
		if err := os.RemoveAll(name); err != nil {
			log.Fatal(err)
		}
	}
	slices.Sort(made)
	sums := ""
	for _, name := range made {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			log.Fatal(err)
		}
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256(content), name) // as sha256sum -c reads it
	}
	if err := os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(sums), 0o644); err != nil {
		log.Fatal(err)
	}
}

// pack writes dir/name.tar.gz with the files below dir/name.
func pack(dir, name string, date time.Time) error {
	f, err := os.Create(filepath.Join(dir, name+".tar.gz"))
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	err = filepath.WalkDir(filepath.Join(dir, name), func(path string, e fs.DirEntry, err error) error { // sorted
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is not a regular file", path)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		mode := int64(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		to, err := filepath.Rel(dir, path)
		if err == nil {
			err = t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: to, Size: int64(len(content)), Mode: mode, ModTime: date, Format: tar.FormatUSTAR})
		}
		if err == nil {
			_, err = t.Write(content)
		}
		return err
	})
	for _, end := range []func() error{t.Close, z.Close, f.Close} {
		if e := end(); err == nil {
			err = e
		}
	}
	return err
}
