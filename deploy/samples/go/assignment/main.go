// The bucket of a viewer, of 10,000 (schemas/assignment.py): reads lines of salt, tab, viewer id; prints buckets.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
)

func bucket(salt, viewerID string) uint64 {
	digest := sha256.Sum256([]byte(salt + "\x1f" + viewerID))
	return binary.BigEndian.Uint64(digest[:8]) % 10000
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		salt, viewerID, _ := strings.Cut(lines.Text(), "\t")
		fmt.Println(bucket(salt, viewerID))
	}
}
