// Walks a log that Probity exported with the Go team's own packages, which share no code with it: the checkpoint and each
// older one, every tile, every entry. Arguments: the log's vkey and the folder. Prints "ok", the number of entries and of
// older checkpoints, or what did not hold on stderr.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height, width = 8, 256

func must(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

// The Go checksum database has the height in its paths, C2SP tlog-tiles has not.
func read(tile tlog.Tile, kind string) []byte {
	path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/%d/", height, tile.L), "tile/"+kind+"/", 1)
	data, err := os.ReadFile(filepath.Join(os.Args[2], path))
	must(err, path)
	return data
}

type folder struct{}

func (folder) Height() int                         { return height }
func (folder) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (folder) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		data = append(data, read(tile, fmt.Sprint(tile.L)))
	}
	return data, nil
}

// A C2SP checkpoint is the Go tree text with the origin in the place of its first line.
func checkpoint(path string, verifier note.Verifier) tlog.Tree {
	data, err := os.ReadFile(path)
	must(err, path)
	opened, err := note.Open(data, note.VerifierList(verifier))
	must(err, path)
	_, rest, _ := strings.Cut(opened.Text, "\n")
	tree, err := tlog.ParseTree([]byte("go.sum database tree\n" + rest))
	must(err, path)
	return tree
}

func main() {
	verifier, err := note.NewVerifier(os.Args[1])
	must(err, "vkey")
	tree := checkpoint(filepath.Join(os.Args[2], "checkpoint"), verifier)
	hashes := tlog.TileHashReader(tree, folder{})

	older, err := filepath.Glob(filepath.Join(os.Args[2], "checkpoints", "*"))
	must(err, "checkpoints")
	for _, path := range older {
		if old := checkpoint(path, verifier); old.N > 0 {
			proof, err := tlog.ProveTree(tree.N, old.N, hashes)
			must(err, path)
			must(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash), path)
		}
	}

	for first := int64(0); first < tree.N; first += width {
		count := min(width, tree.N-first)
		bundle := read(tlog.Tile{H: height, L: 0, N: first / width, W: int(count)}, "entries")
		for index := first; index < first+count; index++ {
			length := int(binary.BigEndian.Uint16(bundle))
			entry := bundle[2 : 2+length]
			bundle = bundle[2+length:]
			leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			must(err, fmt.Sprint("entry ", index))
			if leaf[0] != tlog.RecordHash(entry) {
				must(fmt.Errorf("not the one that was signed"), fmt.Sprint("entry ", index))
			}
		}
		if len(bundle) > 0 {
			must(fmt.Errorf("%d bytes too many", len(bundle)), fmt.Sprint("bundle of entry ", first))
		}
	}
	fmt.Println("ok", tree.N, len(older))
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}
