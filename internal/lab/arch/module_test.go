package arch_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/arch"
)

const root = "../../.."

// pages are the documents with paths to check; a missing one is passed over.
func pages() []string {
	GinkgoHelper()
	names := []string{"README.md", "CONTRIBUTING.md"}
	for _, folder := range []string{"docs", "docs/decisions", "deploy", "schemas", "proto"} {
		found, err := filepath.Glob(filepath.Join(root, folder, "*.md"))
		Expect(err).NotTo(HaveOccurred())
		for _, page := range found {
			name, err := filepath.Rel(root, page)
			Expect(err).NotTo(HaveOccurred())
			names = append(names, filepath.ToSlash(name))
		}
	}
	return names
}

var _ = Describe("This module", Ordered, ContinueOnFailure, func() {
	var files []arch.File

	BeforeAll(func() {
		var err error
		files, err = arch.Load(os.DirFS(root))
		Expect(err).NotTo(HaveOccurred())
		Expect(files).To(ContainElement(HaveField("Path", "events/subject.go")), "the module was not found")
	})

	It("keeps the rules of its layout", func() {
		Expect(strings.Join(arch.Check(files), "\n")).To(BeEmpty())
	})

	It("has files, packages and lines that can be read", func() {
		Expect(strings.Join(arch.Size(files), "\n")).To(BeEmpty())
	})

	Describe("in a clone", func() {
		var tree *arch.Tree

		BeforeAll(func(ctx SpecContext) {
			var err error
			tree, err = arch.Tracked(ctx, root)
			if errors.Is(err, arch.ErrNoGit) {
				Skip("this is an unpacked archive, no clone: git does not tell which files are tracked")
			}
			Expect(err).NotTo(HaveOccurred(), "git lists the files to check")
		})

		It("tracks no large file", func() {
			Expect(strings.Join(tree.TooLarge(), "\n")).To(BeEmpty())
		})

		It("names only paths that exist, in pages and in comments", func() {
			missing := tree.MissingFromComments(files)
			for _, page := range pages() {
				text, err := os.ReadFile(filepath.Join(root, page))
				if errors.Is(err, os.ErrNotExist) {
					continue
				}
				Expect(err).NotTo(HaveOccurred())
				missing = append(missing, tree.MissingFromPage(page, string(text))...)
			}
			Expect(strings.Join(missing, "\n")).To(BeEmpty())
		})

		It("has the folders of the README's map, and no others", func() {
			readme, err := os.ReadFile(filepath.Join(root, "README.md"))
			Expect(err).NotTo(HaveOccurred())
			Expect(strings.Join(tree.FolderMap(string(readme)), "\n")).To(BeEmpty())
		})
	})
})
