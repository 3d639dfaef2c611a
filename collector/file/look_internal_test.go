package file

import (
	"os"
	"path/filepath"
	"testing"
)

// A file renamed between the look at its name and the listing of its folder is older than its
// siblings by then.
func TestRenamedWithinALook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	followed, current, err := openTail(path)
	if err != nil {
		t.Fatal(err)
	}
	defer followed.close()
	followed.follow = true
	rename(path, path+".2")
	write("newer")
	rename(path, path+".1")
	write("newest")
	if p, err := followed.behind(current); p != nil || err != nil {
		t.Fatalf("%v (%v) is read before the older file", p, err)
	}
	if p, err := followed.look(); err != nil || p == nil || len(p.parts) != 2 || p.parts[1].name != path+".1" {
		t.Fatalf("%v (%v): first the renamed file, then the newer one", p, err)
	}
}
