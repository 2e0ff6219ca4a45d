// Checks what Probity exports with the Go team's own packages for signed notes and transparent logs, which share no code
// with it. Arguments: the log's vkey, a folder with "old" and "new" (checkpoint notes), "entry", "record.proof" and
// "tree.proof" (one base64 hash a line) and "index". Prints "ok", or what did not hold on stderr.
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func read(name string) string {
	data, err := os.ReadFile(filepath.Join(os.Args[2], name))
	must(err, name)
	return string(data)
}

func hashes(name string) (path []tlog.Hash) {
	for _, line := range strings.Fields(read(name)) {
		raw, err := base64.StdEncoding.DecodeString(line)
		must(err, name)
		var hash tlog.Hash
		copy(hash[:], raw)
		path = append(path, hash)
	}
	return path
}

// A C2SP checkpoint is the Go tree text with the origin in the place of its first line.
func checkpoint(name string, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open([]byte(read(name)), note.VerifierList(verifier))
	must(err, name)
	origin, rest, _ := strings.Cut(opened.Text, "\n")
	if origin != verifier.Name() {
		must(fmt.Errorf("origin %q", origin), name)
	}
	tree, err := tlog.ParseTree([]byte("go.sum database tree\n" + rest))
	must(err, name)
	return tree
}

func main() {
	verifier, err := note.NewVerifier(os.Args[1])
	must(err, "vkey")
	old, new := checkpoint("old", verifier), checkpoint("new", verifier)
	index, err := strconv.ParseInt(read("index"), 10, 64)
	must(err, "index")
	leaf := tlog.RecordHash([]byte(read("entry")))
	must(tlog.CheckRecord(tlog.RecordProof(hashes("record.proof")), new.N, new.Hash, index, leaf), "record proof")
	must(tlog.CheckTree(tlog.TreeProof(hashes("tree.proof")), new.N, new.Hash, old.N, old.Hash), "tree proof")
	fmt.Println("ok")
}
