// Checks a log's folder with the Go project's own notes and trees: verify FOLDER VKEY INDEX...
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type folder string

func (f folder) Height() int                        { return height }
func (f folder) SaveTiles(_ []tlog.Tile, _ [][]byte) {}

// ReadTiles reads C2SP tlog-tiles, which leave the height out of the name.
func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		name := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(f), name))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func place(n int64) string {
	text := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		text = fmt.Sprintf("x%03d/%s", n%1000, text)
	}
	return text
}

func (f folder) entry(index, size int64) ([]byte, error) {
	name := "tile/entries/" + place(index/256)
	if width := size - index/256*256; width < 256 {
		name += fmt.Sprintf(".p/%d", width)
	}
	data, err := os.ReadFile(filepath.Join(string(f), name))
	if err != nil {
		return nil, err
	}
	for at := index % 256; ; at-- {
		length := int(binary.BigEndian.Uint16(data))
		if at == 0 {
			return data[2 : 2+length], nil
		}
		data = data[2+length:]
	}
}

func tree(f folder, vkey string) (tlog.Tree, error) {
	data, err := os.ReadFile(filepath.Join(string(f), "checkpoint"))
	if err != nil {
		return tlog.Tree{}, err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	signed, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("no checkpoint of %s: %q", verifier.Name(), signed.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tlog.Tree{}, fmt.Errorf("no root: %q", lines[2])
	}
	return tlog.Tree{N: size, Hash: tlog.Hash(root)}, nil
}

func run(f folder, vkey string, indexes []string) error {
	signed, err := tree(f, vkey)
	if err != nil {
		return err
	}
	hashes := tlog.TileHashReader(signed, f) // checks every tile against the root
	for _, text := range indexes {
		index, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		data, err := f.entry(index, signed.N)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveRecord(signed.N, index, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, signed.N, signed.Hash, index, tlog.RecordHash(data)); err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
	}
	fmt.Println(signed.N)
	return olderOnes(f, signed, hashes)
}

// olderOnes checks that each kept checkpoint is a prefix of the newest, by its number in its file's name.
func olderOnes(f folder, signed tlog.Tree, hashes tlog.HashReader) error {
	kept, _ := filepath.Glob(filepath.Join(string(f), "checkpoints", "*"))
	for _, path := range kept {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		lines := strings.SplitN(string(data), "\n", 4)
		size, err := strconv.ParseInt(lines[1], 10, 64)
		if err != nil {
			return err
		}
		root, err := base64.StdEncoding.DecodeString(lines[2])
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(signed.N, size, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, signed.N, signed.Hash, size, tlog.Hash(root)); err != nil {
			return fmt.Errorf("checkpoint %d: %w", size, err)
		}
	}
	return nil
}

func main() {
	if err := run(folder(os.Args[1]), os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
