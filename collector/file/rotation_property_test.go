package file_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/internal/lab/scale"
)

var _ = Describe("A followed file under any rotations", func() {
	It("has every line once, in order, and no gap", func() {
		rapid.Check(GinkgoT(), func(t *rapid.T) {
			folder, err := os.MkdirTemp("", "rotation")
			Expect(err).NotTo(HaveOccurred())
			defer os.RemoveAll(folder)
			f := &followed{logger: newLogger(filepath.Join(folder, "app.log")), store: newFakeStore()}
			defer func() { _ = f.file.Close() }()
			f.dated = rapid.Bool().Draw(t, "dated")
			copied := rapid.Bool().Draw(t, "copied and cut") // a log is rotated in one way
			var acts []string                                // for a failure
			act := func() {
				acts = append(acts, rapid.SampledFrom([]string{"write", "write", "rotate", "compress"}).Draw(t, "act"))
				switch acts[len(acts)-1] {
				case "write":
					f.write(rapid.IntRange(1, 3).Draw(t, "lines"))
				case "rotate":
					switch {
					case copied:
						f.copytruncate()
					case rapid.Bool().Draw(t, "made by its writer"):
						f.rename()
					default:
						f.create()
					}
				case "compress":
					f.compress()
				}
			}
			collect := func(steps []step) {
				acts = append(acts, "collect")
				for i := range steps {
					if do := steps[i].do; do != nil {
						steps[i].do = func() {
							acts = append(acts, "look")
							do()
						}
					}
				}
				r, left := f.within(scale.Patience, steps)
				if left+r.Gaps+r.Quarantined > 0 {
					t.Fatalf("after %v: %d stored, %d steps, %d gaps, %d quarantined", acts, r.Stored, left, r.Gaps,
						r.Quarantined)
				}
			}
			f.write(1)
			for range rapid.IntRange(1, 4).Draw(t, "runs") {
				var steps []step
				for range rapid.IntRange(0, 4).Draw(t, "looks") {
					steps = append(steps, step{-1, func() {
						for range rapid.IntRange(0, 6).Draw(t, "acts") {
							act()
						}
					}})
				}
				collect(append(steps, step{-1, nil}))
				for range rapid.IntRange(0, 6).Draw(t, "acts while nobody collects") {
					act()
				}
			}
			f.write(1)
			collect([]step{{-1, nil}})
			if found, want := f.facts(), ids(0, f.next); !slices.Equal(found, want) {
				t.Fatalf("%d of %d lines, or in another order: %s", len(found), len(want), fmt.Sprint(found))
			}
		})
	})
})
